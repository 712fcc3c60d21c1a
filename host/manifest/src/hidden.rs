// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must not be shown of a text: keys that somebody wrote into it.

use std::ops::Range;

/// What stands in place of a character that is not shown.
const MASK: char = '•';

/// What keys of well-known services begin with.
const BEGINNINGS: [&str; 14] = [
    "sk-",
    "sk_",
    "rk_",
    "pk_",
    "AIza",
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "gsk_",
    "hf_",
    "xai-",
    "pplx-",
    "xox",
];
/// How long a text of letters and digits without spaces is that is most likely a key, whatever it begins with.
const LONG: usize = 40;
/// How long one is that begins like a key.
const SHORT: usize = 16;

/// Tells whether a text looks like a key, or has one in it.
pub(crate) fn is_like_a_key(text: &str) -> bool {
    text.split([' ', ',', ';', '=', ':', '"', '\'']).any(|word| {
        let has = |of: fn(&u8) -> bool| word.as_bytes().iter().any(of);
        let is_random = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~+/".contains(&byte));
        let begins = BEGINNINGS.iter().any(|beginning| word.starts_with(beginning));
        is_word && ((begins && word.len() >= SHORT) || (is_random && word.len() >= LONG))
    })
}

/// Returns where keys stand in the text of a manifest, as far as that can be seen without reading it: the strings behind
/// `key =`. It is for texts that cannot be read, of which a part is shown all the same.
pub(crate) fn keys_in(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    // Each round goes on behind the word that it found.
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("key")).map(|at| at + from) {
        from = at + "key".len();
        let Some(rest) = text.get(from..) else { break };
        let value = rest
            .trim_start_matches(['"', '\'', ' ', '\t'])
            .strip_prefix('=')
            .map(|rest| rest.trim_start_matches([' ', '\t']));
        let Some(value) = value else { continue };
        let start = text.len() - value.len();
        let quotes = ["\"\"\"", "'''", "\"", "'"];
        let Some(quote) = quotes.into_iter().find(|quote| value.starts_with(quote)) else { continue };
        let inner = value.get(quote.len()..).unwrap_or_default();
        let line_end = inner.find(['\n', '\r']).filter(|_| quote.len() == 1).unwrap_or(inner.len());
        let end = inner.find(quote).unwrap_or(line_end).min(line_end);
        found.push(start + quote.len()..start + quote.len() + end);
        from = start + quote.len() + end;
    }
    found
}

/// Returns a text with some parts of it hidden; every other character stays in its line and column.
pub(crate) fn without(text: &str, hidden: &[Range<usize>]) -> String {
    let is_hidden = |at: usize| hidden.iter().any(|range| range.contains(&at));
    let shown = |(at, c): (usize, char)| if c != '\n' && c != '\r' && is_hidden(at) { MASK } else { c };
    text.char_indices().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_looks() {
        for (text, expected) in [
            ("sk-proj-abcdefghijklmnop", true),
            ("Bearer sk-abcdefghijklmnop", true),
            ("AIzaSyA1234567890abcdef", true),
            ("0123456789abcdef0123456789abcdef01234567", true),
            ("a-team", false),
            ("sk-", false),
            ("6f1c1c1e-7b7a-4a59-9d3b-0b1f4b0c9d2e", false),
            ("a long text that says something with 40 words and more of them", false),
            ("OPENAI_API_KEY", false),
            ("application/vnd.something.rather-long.and-without-any-digit+json", false),
        ] {
            assert_eq!(is_like_a_key(text), expected, "{text}");
        }
    }

    #[test]
    fn keys_are_hidden_in_their_places() {
        let hide = |text: &str| without(text, &keys_in(text));
        assert_eq!(hide("key = 'abc'\nx = 1"), "key = '•••'\nx = 1");
        assert_eq!(hide("{ key=\"äbc\", b = 'c' }"), "{ key=\"•••\", b = 'c' }");
        assert_eq!(hide("\"key\" = \"abc"), "\"key\" = \"•••");
        assert_eq!(hide("key = \"abc\nd"), "key = \"•••\nd");
        assert_eq!(hide("key = \"\"\"\nabc\n\"\"\"\nd"), "key = \"\"\"\n•••\n\"\"\"\nd");
        assert_eq!(hide("key = { env = 'A' }\nmonkey"), "key = { env = 'A' }\nmonkey");
        assert_eq!(hide("api-key = 'abc'"), "api-key = '•••'");
    }
}
