// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a text, and where.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::workflow::Source;

/// How many problems of one text are kept; those found later are dropped.
pub const PROBLEMS_MAX: usize = 256;

/// How long a message or a hint may be, in characters.
const MESSAGE_CHARS_MAX: usize = 600;

/// How much of a line of the text is shown, in characters.
const SHOWN_CHARS_MAX: usize = 120;

/// One thing that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file that it is about, where that is not the manifest itself.
    pub file: Option<Arc<Source>>,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The problems that were found in one text so far.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    text: &'a str,
    found: Vec<Problem>,
    /// The bytes at which they stand.
    starts: Vec<usize>,
    /// What of the text is shown to nobody.
    hidden: Vec<Range<usize>>,
}

// === impl Problem ===

impl Problem {
    /// Shows it with the line of the text that it is about; ends in a newline.
    pub fn render(&self, path: &Path, text: &str, color: bool) -> String {
        let paint = |code: &str, text: &str| match color {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        };
        let (path, text) = self.file.as_ref().map_or((path, text), |file| (file.path.as_path(), &*file.text));
        let (line, caret) = self.shown(text);
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let place = format!("{}:{}:{}:", printable(&path.display().to_string()), self.line, self.column);
        let mut shown = format!("{} {}\n", paint("1", &place), self.message);
        let bar = paint("34", "|");
        // Writing to a string does not fail.
        let _ = writeln!(shown, " {} {bar} {line}", paint("34", &number));
        let _ = writeln!(shown, " {margin} {bar} {}{}", " ".repeat(caret), paint("1;31", "^"));
        if let Some(hint) = &self.hint {
            let _ = writeln!(shown, " {margin} {} {hint}", paint("36", "hint:"));
        }
        shown
    }

    /// Returns the part of the line that is shown, and the position of the caret in it.
    fn shown(&self, text: &str) -> (String, usize) {
        let line = text.split('\n').nth(self.line.saturating_sub(1)).unwrap_or_default().trim_end_matches('\r');
        let column = self.column.saturating_sub(1);
        // A line that is too long is shown from a little before the problem.
        let skipped = if column < SHOWN_CHARS_MAX - 20 { 0 } else { column.saturating_sub(40) };
        let mut shown: String = line.chars().skip(skipped).take(SHOWN_CHARS_MAX).collect();
        if line.chars().nth(skipped + SHOWN_CHARS_MAX).is_some() {
            shown.push('…');
        }
        let mark = if skipped > 0 { "…" } else { "" };
        let caret = column - skipped + mark.chars().count();
        (format!("{mark}{}", printable(&shown)), caret)
    }
}

// === impl Problems ===

impl<'a> Problems<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, found: Vec::new(), starts: Vec::new(), hidden: Vec::new() }
    }

    /// Tells whether there is a problem with a part of the text already.
    pub(crate) fn has_within(&self, span: &Range<usize>) -> bool {
        self.starts.iter().any(|start| span.contains(start))
    }

    /// Takes note that a part of the text is shown to nobody.
    pub(crate) fn hide(&mut self, span: Range<usize>) {
        self.hidden.push(span);
    }

    /// Returns what of the text is shown to nobody.
    pub(crate) fn hidden(&mut self) -> Vec<Range<usize>> {
        std::mem::take(&mut self.hidden)
    }

    /// Returns the text.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Adds a problem at some bytes of the text, as long as there is room.
    pub(crate) fn push(&mut self, span: Range<usize>, message: impl AsRef<str>, hint: Option<String>) {
        if self.is_full() {
            return;
        }
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let cut = |text: &str| printable(text).chars().take(MESSAGE_CHARS_MAX).collect::<String>();
        self.starts.push(span.start);
        let (message, hint) = (cut(message.as_ref()), hint.as_deref().map(cut));
        self.found.push(Problem { file: None, line, column, message, hint });
    }

    /// Tells whether there is no room for more; what only makes problems can stop then.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= PROBLEMS_MAX
    }

    /// Returns what was found, in the order of the text, each once.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.found.sort();
        self.found.dedup();
        self.found
    }
}

/// Says of problems that they are about a file.
pub(crate) fn of_file(problems: Vec<Problem>, file: &Arc<Source>) -> impl Iterator<Item = Problem> {
    problems.into_iter().map(|problem| Problem { file: Some(file.clone()), ..problem })
}

/// Replaces what a terminal would act on.
fn printable(text: &str) -> String {
    let is_odd = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if is_odd(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
