// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sentences of a text, each with the lines that it stands on.

use crate::blocks::{BlockKind, blocks};

/// Words that end in a full stop without ending a sentence, without the stop.
const ABBREVIATIONS: [&str; 30] = [
    "al", "approx", "art", "c", "ca", "cf", "ch", "co", "dr", "e.g", "ed", "eq", "esp", "etc", "fig", "i.e", "inc",
    "jr", "ltd", "max", "min", "mr", "mrs", "ms", "no", "p", "pp", "prof", "st", "vs",
];

/// How many characters the label of a link may have; longer ones are ordinary text in brackets.
const LABEL_CHARS_MAX: usize = 500;

/// One sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Its words as they stand there, on one line and without the marks of Markdown.
    pub text: String,
    /// The line on which it begins; the first of a text is 1.
    pub first_line: u32,
    /// The line on which it ends.
    pub last_line: u32,
    /// The position of its paragraph among the blocks of the text.
    pub block: usize,
}

/// Returns the sentences of the prose of a text, in order. Headings, code and tables have none.
pub fn sentences(text: &str) -> Vec<Sentence> {
    let mut found = Vec::new();
    for (position, block) in blocks(text).iter().enumerate() {
        if block.kind == BlockKind::Prose {
            split(&block.lines, block.first_line, position, &mut found);
        }
    }
    found
}

/// Returns a line of Markdown as it reads: without emphasis, code marks, and the targets of links.
pub fn plain(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '*' | '`' => {}
            // An underscore inside a word belongs to it.
            '_' if !(result.ends_with(char::is_alphanumeric) && rest.starts_with(char::is_alphanumeric)) => {}
            '!' if rest.starts_with('[') => {}
            '[' => {
                let Some((label, after)) = link_label(rest) else {
                    result.push(c);
                    continue;
                };
                match after.split_once(')') {
                    Some((target, after)) if !target.contains(char::is_whitespace) => {
                        result.push_str(&label.replace(['*', '`'], ""));
                        rest = after;
                    }
                    _ => result.push(c),
                }
            }
            c => result.push(c),
        }
    }
    result
}

/// Splits `label](rest`, where the label is not longer than a label may be.
fn link_label(text: &str) -> Option<(&str, &str)> {
    let near = text.char_indices().take(LABEL_CHARS_MAX).find(|(_, c)| *c == ']' || *c == '[')?;
    let (label, rest) = text.split_at_checked(near.0)?;
    Some((label, rest.strip_prefix("](")?))
}

/// Splits one paragraph.
fn split(lines: &[&str], first_line: u32, block: usize, found: &mut Vec<Sentence>) {
    let mut joined = String::new();
    // Where in `joined` each line begins.
    let mut starts = Vec::with_capacity(lines.len());
    for line in lines {
        if !joined.is_empty() {
            joined.push(' ');
        }
        starts.push(joined.len());
        joined.push_str(plain(line).trim());
    }
    let line_of = |at: usize| {
        let before = starts.partition_point(|start| *start <= at).max(1) - 1;
        first_line.saturating_add(u32::try_from(before).unwrap_or(u32::MAX))
    };
    let mut begin = 0;
    for end in ends(&joined).chain([joined.len()]) {
        let piece = joined.get(begin..end).unwrap_or_default();
        let text = piece.trim();
        if text.chars().any(char::is_alphanumeric) {
            let at = begin + (piece.len() - piece.trim_start().len());
            let last = at + text.len() - 1;
            found.push(Sentence { text: text.to_owned(), first_line: line_of(at), last_line: line_of(last), block });
        }
        begin = end;
    }
}

/// Returns where sentences end inside a text.
fn ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.char_indices().filter_map(|(at, c)| {
        let after = at + c.len_utf8();
        match c {
            '。' | '！' | '？' => Some(after),
            '.' | '!' | '?' => {
                let rest = text.get(after..).unwrap_or_default();
                let tail = rest.trim_start_matches(['"', '\'', ')', ']', '\u{201d}', '\u{2019}', '\u{bb}']);
                let next = tail.trim_start();
                let breaks = tail.len() != next.len() && next.chars().next().is_some_and(begins);
                let before = text.get(..at).unwrap_or_default();
                (breaks && !(c == '.' && is_abbreviation(before))).then(|| text.len() - tail.len())
            }
            _ => None,
        }
    })
}

/// Tells whether a sentence may begin with a character.
fn begins(c: char) -> bool {
    !c.is_lowercase()
        && (c.is_alphanumeric() || matches!(c, '"' | '\'' | '(' | '[' | '\u{201c}' | '\u{2018}' | '\u{ab}'))
}

/// Tells whether the word in front of a full stop is one that ends with it anyway.
fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    let is_initial = word.chars().count() == 1 && word.chars().all(|c| c.is_uppercase() && c != 'I');
    is_initial || ABBREVIATIONS.binary_search(&word.to_lowercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(&str, u32, u32)]) {
        let found = sentences(text);
        let found: Vec<_> = found.iter().map(|s| (s.text.as_str(), s.first_line, s.last_line)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_sentence_knows_its_lines() {
        check(
            "# Title\n\nBees cluster in\nwinter. They eat\nhoney.\n",
            &[("Bees cluster in winter.", 3, 4), ("They eat honey.", 4, 5)],
        );
    }

    #[test]
    fn a_stop_inside_a_number_or_an_abbreviation_ends_nothing() {
        check("It is 3.5 kg, e.g. Dr. Smith's. Next!", &[("It is 3.5 kg, e.g. Dr. Smith's.", 1, 1), ("Next!", 1, 1)]);
        check("He said \"go.\" Then left", &[("He said \"go.\"", 1, 1), ("Then left", 1, 1)]);
        check("冬。蜂", &[("冬。", 1, 1), ("蜂", 1, 1)]);
    }

    #[test]
    fn list_items_are_paragraphs_of_their_own() {
        check("- One thing\n- Another", &[("One thing", 1, 1), ("Another", 2, 2)]);
    }

    #[test]
    fn abbreviations_are_sorted() {
        assert!(ABBREVIATIONS.is_sorted());
    }

    #[test]
    fn plain_text_has_no_marks() {
        assert_eq!(
            plain("**Bold** and `code`, [a *link*](http://x/y), snake_case _it_"),
            "Bold and code, a link, snake_case it"
        );
        assert_eq!(plain("open [bracket and [1] (one)"), "open [bracket and [1] (one)");
    }
}
