// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words of a text.

use crate::{is_stop, stem};

/// How many bytes of one word count; what comes after them is as if it were not there.
pub const WORD_BYTES_MAX: usize = 64;

/// Calls a function with each word of a text, in lower case and in order.
///
/// A word is a run of letters and digits of any script; apostrophes inside it vanish (`don't` is `dont`). Scripts that
/// write no spaces give one word a character.
pub fn for_each_word(text: &str, mut each: impl FnMut(&str)) {
    let mut word = String::with_capacity(WORD_BYTES_MAX + 4);
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        if CLASSES.get(usize::from(first)) == Some(&Class::Between) {
            rest = rest.get(1..).unwrap_or_default();
            continue;
        }
        let mut has_capitals = false;
        let run = rest.bytes().position(|byte| match CLASSES.get(usize::from(byte)) {
            Some(Class::Plain) => false,
            Some(Class::Capital) => {
                has_capitals = true;
                false
            }
            _ => true,
        });
        let run = run.unwrap_or(rest.len());
        let is_plain =
            rest.as_bytes().get(run).is_none_or(|end| CLASSES.get(usize::from(*end)) == Some(&Class::Between));
        if is_plain && let Some((found, after)) = rest.split_at_checked(run) {
            rest = after;
            let found = found.get(..WORD_BYTES_MAX).unwrap_or(found);
            if has_capitals {
                word.clear();
                word.push_str(found);
                word.make_ascii_lowercase();
                each(&word);
            } else {
                each(found);
            }
        } else {
            rest = any_word(rest, &mut word, &mut each);
        }
    }
}

/// What a byte is to a text that is mostly English; the common case is by far the fastest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A small letter or a digit.
    Plain,
    /// A capital letter.
    Capital,
    /// What stands between words.
    Between,
    /// An apostrophe, or a part of a character that is not ASCII.
    Special,
}

/// Of each byte, what it is.
#[allow(clippy::indexing_slicing, reason = "the compiler checks it")]
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Special; 256];
    let mut byte = 0u8;
    while byte < 128 {
        let class = match byte {
            b'a'..=b'z' | b'0'..=b'9' => Class::Plain,
            b'A'..=b'Z' => Class::Capital,
            b'\'' => Class::Special,
            _ => Class::Between,
        };
        classes[byte as usize] = class;
        byte += 1;
    }
    classes
};

/// Reads one word of any script, or what stands between words, and returns the rest.
fn any_word<'a>(text: &'a str, word: &mut String, each: &mut impl FnMut(&str)) -> &'a str {
    word.clear();
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() && !is_spaceless(c) {
            if word.len() < WORD_BYTES_MAX {
                word.extend(c.to_lowercase());
            }
        } else if (c == '\'' || c == '\u{2019}') && !word.is_empty() {
            // An apostrophe belongs to its word.
        } else if word.is_empty() {
            if is_spaceless(c) {
                each(c.encode_utf8(&mut [0; 4]));
            }
            return text.get(at + c.len_utf8()..).unwrap_or_default();
        } else {
            each(word);
            return text.get(at..).unwrap_or_default();
        }
    }
    if !word.is_empty() {
        each(word);
    }
    ""
}

/// Returns the words of a text, in lower case and in order.
pub fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for_each_word(text, |word| found.push(word.to_owned()));
    found
}

/// Returns the stems of the words that carry meaning, in order.
pub fn terms(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for_each_word(text, |word| {
        if !is_stop(word) {
            found.push(stem(word));
        }
    });
    found
}

/// Tells whether a character belongs to a script that puts no spaces between words.
fn is_spaceless(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        assert_eq!(words(text), expect);
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        check("The bees' queen, in 2026!", &["the", "bees", "queen", "in", "2026"]);
        check("Don\u{2019}t re-use ÜBER_größe", &["dont", "re", "use", "über", "größe"]);
        check("蜜蜂 bees", &["蜜", "蜂", "bees"]);
        check(" \n--", &[]);
        check("'quoted' \u{2019}s naïve café", &["quoted", "s", "naïve", "café"]);
        check("ab蜂cd ABCé", &["ab", "蜂", "cd", "abcé"]);
    }

    #[test]
    fn a_word_is_cut_at_its_maximum() {
        assert_eq!(words(&"a".repeat(WORD_BYTES_MAX + 1)), ["a".repeat(WORD_BYTES_MAX)]);
    }

    #[test]
    fn terms_leave_out_what_says_nothing() {
        assert_eq!(terms("How do the bees survive in winters?"), ["bee", "surviv", "winter"]);
    }
}
