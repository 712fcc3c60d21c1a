// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reasoning that a server left in the answer, between `<think>` and `</think>` at its very beginning: some servers of open
//! models do not take it apart.

/// What stands before the reasoning.
const BEGIN: &str = "<think>";
/// What stands behind it.
const END: &str = "</think>";

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Words.
    Text(String),
    /// Reasoning.
    Reasoning(String),
}

/// Takes reasoning out of words that come in pieces.
#[derive(Debug, Default)]
pub(super) enum Think {
    /// Nothing but the beginning of the mark has come, which is kept here.
    #[default]
    Beginning,
    Maybe(String),
    /// Within the reasoning; what may be the beginning of the end mark is kept here.
    Within(String),
    /// All that comes are words.
    Behind,
}

// === impl Think ===

impl Think {
    /// Tells whether what comes next are words as they stand.
    pub(super) fn is_behind(&self) -> bool {
        matches!(self, Self::Behind)
    }

    /// Takes a piece, and returns what is known to be words or reasoning by now.
    pub(super) fn push(&mut self, piece: &str) -> Vec<Piece> {
        match std::mem::take(self) {
            Self::Beginning => self.begin(piece.to_owned()),
            Self::Maybe(kept) => self.begin(kept + piece),
            Self::Within(kept) => self.within(&(kept + piece)),
            Self::Behind => {
                *self = Self::Behind;
                vec![Piece::Text(piece.to_owned())]
            }
        }
    }

    /// Returns what was kept, when no more comes.
    pub(super) fn end(&mut self) -> Option<Piece> {
        match std::mem::replace(self, Self::Behind) {
            Self::Maybe(kept) => Some(Piece::Text(kept)),
            Self::Within(kept) if !kept.is_empty() => Some(Piece::Reasoning(kept)),
            Self::Beginning | Self::Within(_) | Self::Behind => None,
        }
    }

    fn begin(&mut self, text: String) -> Vec<Piece> {
        let trimmed = text.trim_start();
        if let Some(rest) = trimmed.strip_prefix(BEGIN) {
            return self.within(rest);
        }
        if BEGIN.starts_with(trimmed) {
            *self = Self::Maybe(text);
            return Vec::new();
        }
        *self = Self::Behind;
        vec![Piece::Text(text)]
    }

    fn within(&mut self, text: &str) -> Vec<Piece> {
        if let Some((reasoning, words)) = text.split_once(END) {
            *self = Self::Behind;
            let pieces = [Piece::Reasoning(reasoning.to_owned()), Piece::Text(words.trim_start().to_owned())];
            return pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        }
        // The longest end of the text that may be the beginning of the mark.
        let kept = (1..END.len()).rev().find(|n| END.get(..*n).is_some_and(|head| text.ends_with(head))).unwrap_or(0);
        let (told, kept) = text.split_at(text.len() - kept);
        *self = Self::Within(kept.to_owned());
        let told = Piece::Reasoning(told.to_owned());
        if told.is_empty() { Vec::new() } else { vec![told] }
    }
}

// === impl Piece ===

impl Piece {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) | Self::Reasoning(text) => text.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a text in pieces of a length, and returns reasoning and words.
    fn taken(text: &str, size: usize) -> (String, String) {
        let mut think = Think::default();
        let bytes: Vec<char> = text.chars().collect();
        let mut pieces: Vec<Piece> =
            bytes.chunks(size).flat_map(|piece| think.push(&piece.iter().collect::<String>())).collect();
        pieces.extend(think.end());
        let (mut reasoning, mut words) = (String::new(), String::new());
        for piece in pieces {
            match piece {
                Piece::Text(text) => words += &text,
                Piece::Reasoning(text) => reasoning += &text,
            }
        }
        (reasoning, words)
    }

    #[track_caller]
    fn check(text: &str, reasoning: &str, words: &str) {
        for size in 1..12 {
            assert_eq!(taken(text, size), (reasoning.to_owned(), words.to_owned()), "{text} by {size}");
        }
    }

    #[test]
    fn reasoning_is_taken_out_however_it_comes() {
        check("<think>a < b</thin</think>c", "a < b</thin", "c");
        check("\n<think>é</think>é<think>", "é", "é<think>");
        check("<think>never ends", "never ends", "");
        check("<think>cut</thi", "cut</thi", "");
        check("<thin", "", "<thin");
        check("a <think>b</think>", "", "a <think>b</think>");
        check("", "", "");
        check("<think></think>x", "", "x");
    }
}
