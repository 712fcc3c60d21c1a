// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which words a text has, as they stand in the index: each under the number of its scope.
//!
//! Since the scope is a part of every word, an index of all scopes is one of each: what is looked for in one scope is never
//! found in another, and how often a word is there is counted in that scope alone. Only how many facts there are, and how
//! long they are on average, is counted over all scopes.

use std::collections::BTreeSet;

/// How many different words of a question are looked for. Those of a question of a person are fewer; a long text has its
/// subject in its first words.
const ASKED_MAX: usize = 64;

/// How many characters of a word count.
const WORD_CHARS_MAX: usize = 64;

/// Returns the words of a text as they are indexed, with spaces between them.
pub(crate) fn indexed(scope: i64, text: &str) -> String {
    let mut words = String::new();
    each(text, Form::Indexed, &mut |word| {
        if !words.is_empty() {
            words.push(' ');
        }
        write(&mut words, scope, word);
        true
    });
    words
}

/// Returns what is asked of the index; `None` where a text has no words.
///
/// Every word stands in quotes and consists of letters and digits, so nothing in it means anything to the index.
pub(crate) fn asked(scope: i64, text: &str) -> Option<String> {
    let (mut seen, mut asked) = (BTreeSet::new(), String::new());
    each(text, Form::Asked, &mut |word| {
        let mut written = String::new();
        write(&mut written, scope, word);
        if seen.insert(written.clone()) {
            if !asked.is_empty() {
                asked.push_str(" OR ");
            }
            asked.push('"');
            asked.push_str(&written);
            asked.push('"');
        }
        seen.len() < ASKED_MAX
    });
    (!asked.is_empty()).then_some(asked)
}

/// What words are made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Indexed,
    Asked,
}

/// Tells the words of a text in their order, until it is enough.
fn each(text: &str, form: Form, tell: &mut dyn FnMut(&[char]) -> bool) {
    let mut word: Vec<char> = Vec::new();
    for c in text.chars().chain([' ']) {
        let is_of_word = c.is_alphanumeric() || is_accent(c);
        let goes_on = is_of_word && word.last().is_none_or(|last| is_unspaced(*last) == is_unspaced(c));
        if !goes_on {
            if !parts(&word, form, tell) {
                return;
            }
            word.clear();
        }
        if is_of_word {
            word.push(c);
        }
    }
}

/// Tells a word, or the pairs of characters of one that has no spaces around it.
fn parts(word: &[char], form: Form, tell: &mut dyn FnMut(&[char]) -> bool) -> bool {
    match word {
        [] => true,
        [first, ..] if !is_unspaced(*first) => tell(word.get(..WORD_CHARS_MAX).unwrap_or(word)),
        [_] => tell(word),
        _ => {
            // Single characters are indexed too, for questions of one.
            let singles = || word.iter().map(std::slice::from_ref);
            (form == Form::Asked || singles().all(&mut *tell)) && word.windows(2).all(tell)
        }
    }
}

/// Writes a word as it stands in the index. Letters that the index can lead back to others, without case and accent, stay
/// as they are; all others are written as numbers, since it does not know all of them as letters.
fn write(to: &mut String, scope: i64, word: &[char]) {
    to.push_str(&format!("s{scope}x"));
    for c in word.iter().flat_map(|c| c.to_lowercase()) {
        match c {
            '0'..='9' | 'a'..='z' | '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{52f}' | '\u{1e00}'..='\u{1fff}' => {
                to.push(c)
            }
            _ if is_accent(c) => to.push(c),
            _ => to.push_str(&format!("u{:x}z", u32::from(c))),
        }
    }
}

/// Tells whether a character is an accent on the letter before it.
fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Tells whether a character is of a script that has no spaces between words, or whose words are many in one.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Burmese
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9f}' // Kana
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' // Han
        | '\u{ac00}'..='\u{d7af}' // Hangul
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(indexed(1, text).replace("s1x", ""), expected);
    }

    #[test]
    fn words_are_what_stands_between_spaces_and_signs() {
        check("Ann's tea, 2 cups!", "ann s tea 2 cups");
        check("  -- \"\0\u{1f600} ", "");
        check("naïve CAFÉ cafe\u{301}", "naïve café cafe\u{301}");
        check("ÄÖ ΑΒγ Жук", "äö αβγ жук");
        check(&"a".repeat(99), &"a".repeat(64));
        check("שלום", "u5e9zu5dczu5d5zu5ddz");
    }

    #[test]
    fn scripts_without_spaces_are_cut_in_pairs() {
        check("猫", "u732bz");
        check("黒猫", "u9ed2z u732bz u9ed2zu732bz");
        check("ab黒猫2", "ab u9ed2z u732bz u9ed2zu732bz 2");
        assert_eq!(asked(7, "黒猫座").as_deref(), Some("\"s7xu9ed2zu732bz\" OR \"s7xu732bzu5ea7z\""));
        assert_eq!(asked(7, "猫").as_deref(), Some("\"s7xu732bz\""));
    }

    #[test]
    fn nothing_that_is_asked_means_anything_to_the_index() {
        assert_eq!(
            asked(1, "a AND \"b\" NEAR(c*) -d ^e {f}: g OR NOT a").as_deref(),
            Some(
                "\"s1xa\" OR \"s1xand\" OR \"s1xb\" OR \"s1xnear\" OR \"s1xc\" OR \"s1xd\" OR \"s1xe\" OR \"s1xf\" OR \"s1xg\" OR \
             \"s1xor\" OR \"s1xnot\""
            )
        );
        assert_eq!(asked(1, "\"'*()\0"), None);
        let many: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        assert_eq!(asked(1, &many.join(" ")).unwrap().matches(" OR ").count(), ASKED_MAX - 1);
        assert_eq!(asked(1, &"a ".repeat(9_000)).as_deref(), Some("\"s1xa\""));
    }
}
