// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guesses what was meant by a name that nothing has.

/// Names longer than this are not compared: the effort grows with the square, and they are not typing errors.
const NAME_BYTES_MAX: usize = 64;

/// From how many bytes on the beginning of a name is taken for the whole: `time` for `time-ms`.
const BEGINNING_BYTES_MIN: usize = 3;

/// How many names a hint lists.
const LISTED_MAX: usize = 16;

/// What is said where a text may have been meant in the place of an expression.
pub const IN_QUOTES: &str = "every text here is an expression; a text of its own stands in quotes: \"'hello'\"";

/// Returns the known name that is nearest to a wrong one, where one is near.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > NAME_BYTES_MAX {
        return None;
    }
    let far = wrong.chars().count().div_ceil(3);
    known
        .filter(|name| name.len() <= NAME_BYTES_MAX && *name != wrong)
        .map(|name| match wrong.len() >= BEGINNING_BYTES_MIN && name.starts_with(wrong) {
            true => (1, name),
            false => (strsim::damerau_levenshtein(wrong, name), name),
        })
        .filter(|(distance, name)| *distance <= far && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// Returns a hint: the nearest name, or the names that there are. `plural` says what they name.
pub fn hint<'a>(wrong: &str, plural: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = nearest(wrong, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let listed: Vec<_> = known.clone().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    let rest = known.count().saturating_sub(listed.len());
    match (listed.is_empty(), rest) {
        (true, _) => None,
        (false, 0) => Some(format!("the {plural} are {}", listed.join(", "))),
        (false, rest) => Some(format!("the {plural} are {} and {rest} more", listed.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["fuel", "memory-bytes", "time-ms", "a"];
        for (wrong, expected) in [
            ("fuell", Some("fuel")),
            ("feul", Some("fuel")),
            ("memory_bytes", Some("memory-bytes")),
            ("time", Some("time-ms")),
            ("ti", None),
            ("b", None),
            ("quite-different", None),
        ] {
            assert_eq!(nearest(wrong, known.into_iter()), expected, "{wrong}");
        }
        assert_eq!(nearest(&"f".repeat(NAME_BYTES_MAX + 1), known.into_iter()), None);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<_> = (0..LISTED_MAX + 3).map(|n| format!("long-name-{n}")).collect();
        let hint = hint("x", "names", names.iter().map(String::as_str)).unwrap();
        assert!(hint.ends_with("`long-name-15` and 3 more"), "{hint}");
    }
}
