// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text from elsewhere, made fit for a terminal.

/// Replaces what a terminal would act on; line breaks and tabs stay.
pub(crate) fn printable(text: &str) -> String {
    let is_odd = |c: char| {
        (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

/// Puts spaces in front of every line.
pub(crate) fn indented(text: &str, by: usize) -> String {
    let margin = " ".repeat(by);
    text.lines().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

/// Returns a name in the plural unless there is one.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Guesses what was meant by a name that nothing has.
pub(crate) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = wrong.chars().count().div_ceil(3);
    known
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= far && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        assert_eq!(printable("a\u{1b}[31mb\n\u{202e}c"), "a\u{fffd}[31mb\n\u{fffd}c");
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        assert_eq!(nearest("summarize", ["summarise", "keywords"].into_iter()), Some("summarise"));
        assert_eq!(nearest("x", ["summarise", "keywords"].into_iter()), None);
    }
}
