// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts tokens, roughly: what a budget of context is held to. Every model cuts words in its own way, so this errs on the
//! side of more. What is paid is counted by the host, and exactly.

use crate::model::{Message, Part};

/// What a message takes besides its words.
const MESSAGE_TOKENS: u64 = 4;
/// What a call or a result takes besides its words.
const CALL_TOKENS: u64 = 12;
/// What a picture or a file is taken for: nobody knows before it is sent.
const MEDIA_TOKENS: u64 = 1_500;
/// Bytes of one piece of a text: a word that is longer is counted in several.
const PIECE_BYTES_MAX: usize = 64;

/// Estimates how many tokens a text has.
pub fn estimate(text: &str) -> u64 {
    Pieces { text, at: 0 }.fold(0_u64, |sum, (_, tokens)| sum.saturating_add(tokens))
}

/// Estimates how many tokens a message has.
pub fn of_message(message: &Message) -> u64 {
    let parts = message.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(of_part(part)));
    parts.saturating_add(MESSAGE_TOKENS)
}

fn of_part(part: &Part) -> u64 {
    match part {
        Part::Text(text) => estimate(text),
        Part::Image(_) | Part::File(_) => MEDIA_TOKENS,
        Part::Reasoning(reasoning) => {
            estimate(&reasoning.text).saturating_add(reasoning.opaque.as_deref().map_or(0, estimate))
        }
        Part::ToolCall(call) => {
            let opaque = call.opaque.as_deref().map_or(0, estimate);
            estimate(&call.arguments).saturating_add(opaque).saturating_add(CALL_TOKENS)
        }
        Part::ToolResult(result) => estimate(&result.content).saturating_add(CALL_TOKENS),
    }
}

/// Returns as much of the beginning of a text as has at most so many tokens.
pub fn head(text: &str, tokens_max: u64) -> &str {
    let mut left = tokens_max;
    let mut end = 0;
    for (piece_end, tokens) in (Pieces { text, at: 0 }) {
        match left.checked_sub(tokens) {
            Some(rest) => (left, end) = (rest, piece_end),
            None => break,
        }
    }
    text.get(..end).unwrap_or_default()
}

/// What characters of a text belong together, and how many tokens they are taken for.
struct Pieces<'a> {
    text: &'a str,
    at: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Letters of ASCII: four make a token.
    Letters,
    /// Digits: three make a token.
    Digits,
    /// Letters of other alphabets: two make a token.
    OtherLetters,
    /// White space: one blank belongs to its word.
    Space,
    /// Everything else, such as signs and Chinese: each is a token.
    Sign,
    /// Pictures in a text: each is several.
    Picture,
}

fn kind(c: char) -> Kind {
    match c {
        'a'..='z' | 'A'..='Z' => Kind::Letters,
        '0'..='9' => Kind::Digits,
        _ if c.is_whitespace() => Kind::Space,
        _ if u32::from(c) >= 0x1_f000 => Kind::Picture,
        _ if c.is_alphabetic() && u32::from(c) < 0x2e80 => Kind::OtherLetters,
        _ => Kind::Sign,
    }
}

impl Iterator for Pieces<'_> {
    type Item = (usize, u64);

    /// Returns where the next piece ends, and its tokens.
    fn next(&mut self) -> Option<(usize, u64)> {
        let rest = self.text.get(self.at..)?;
        let first = rest.chars().next()?;
        let (mut count, mut length) = (0_u64, 0);
        let same = rest.chars().take_while(|c| kind(*c) == kind(first));
        for c in same {
            if length + c.len_utf8() > PIECE_BYTES_MAX {
                break;
            }
            count += 1;
            length += c.len_utf8();
        }
        self.at += length;
        let tokens = match kind(first) {
            Kind::Letters => count.div_ceil(4),
            Kind::Digits => count.div_ceil(3),
            Kind::OtherLetters => count.div_ceil(2),
            Kind::Space if count == 1 => u64::from(first != ' '),
            Kind::Space => count.div_ceil(8),
            Kind::Sign => count,
            Kind::Picture => count.saturating_mul(3),
        };
        Some((self.at, tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_near_and_rather_too_high() {
        // What a common tokenizer says, beside what is estimated.
        for (text, real) in [
            ("", 0),
            ("Hello, world!", 4),
            ("The quick brown fox jumps over the lazy dog.", 10),
            ("{\"path\":\"notes/tea.md\",\"lines\":120}", 13),
            ("Bienen überleben den Winter als Traube.", 10),
            ("蜜蜂如何过冬", 7),
            ("fn main() { println!(\"{}\", 1 + 1); }", 14),
        ] {
            let estimated = estimate(text);
            assert!(estimated >= real * 3 / 4 && estimated <= real * 2, "{text}: {estimated} for {real}");
        }
    }

    #[test]
    fn a_head_has_at_most_what_it_may_and_ends_between_characters() {
        let text = "one two three überall 蜜蜂 and so on";
        for most in 0..40 {
            let head = head(text, most);
            assert!(text.starts_with(head) && estimate(head) <= most, "{most}: {head}");
        }
        assert_eq!(head(text, 1_000), text);
        assert_eq!(head(&"a".repeat(1_000), 16).len(), 64, "a long word is cut too");
        assert_eq!(estimate(&"a".repeat(1_000)), 250);
    }
}
