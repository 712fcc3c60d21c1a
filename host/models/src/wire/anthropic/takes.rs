// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a model of Anthropic takes, told by the numbers in its id: newer ones refuse what older ones need.

/// What a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Takes {
    /// That it decides itself how long it thinks, and is told how hard it is to try.
    pub(super) adaptive: bool,
    /// That it shows its reasoning only where that is asked for.
    pub(super) display: bool,
    /// Temperatures.
    pub(super) sampling: bool,
    /// That it is told to call a tool.
    pub(super) forced: bool,
    /// Whether it thinks where nothing is said about it.
    pub(super) always_thinks: bool,
    /// Whether its reasoning belongs to the conversation before it, word for word.
    pub(super) binds: bool,
}

// === impl Takes ===

impl Takes {
    /// Tells it by the id. One without numbers takes what the oldest did, as servers that imitate the format do.
    pub(super) fn of(id: &str) -> Self {
        let version = version(id);
        Self {
            adaptive: version >= (4, 6),
            display: version >= (4, 7),
            sampling: version < (4, 7),
            forced: version < (5, 1),
            always_thinks: version >= (5, 0),
            binds: version >= (5, 1),
        }
    }
}

/// Returns the numbers in an id: in `claude-opus-4-7` and in `claude-3-7-sonnet-20250219`; a date is none of them.
fn version(id: &str) -> (u32, u32) {
    let Some((_, id)) = id.rsplit_once("claude") else { return (0, 0) };
    let mut numbers = id
        .split(['-', '.', '@', '_', ':'])
        .skip_while(|part| !is_number(part))
        .map_while(|part| is_number(part).then(|| part.parse().ok()).flatten());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn is_number(part: &str) -> bool {
    (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_wherever_it_stands() {
        for (id, expected) in [
            ("claude-opus-4-7", (4, 7)),
            ("claude-sonnet-4-5-20250929", (4, 5)),
            ("claude-sonnet-4-20250514", (4, 0)),
            ("claude-3-7-sonnet-20250219", (3, 7)),
            ("claude-opus-5", (5, 0)),
            ("claude-fable-5-1", (5, 1)),
            ("anthropic.claude-opus-4-6-v1:0", (4, 6)),
            ("anthropic/claude-opus-5.5", (5, 5)),
            ("claude-opus-4-5@20251101", (4, 5)),
            ("kimi-k2-5", (0, 0)),
            ("claude", (0, 0)),
        ] {
            assert_eq!(version(id), expected, "{id}");
        }
    }
}
