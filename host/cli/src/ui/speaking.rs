// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers that models are still writing: the last words of each, as they come.

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use priory::core::FramePath;
use priory::core::event::{Envelope, Event};
use priory::core::model::Delta;
use priory::core::ports::Heard;

use super::text::printable;
use super::tree::Tree;

/// How many answers are shown at once.
const SHOWN_MAX: usize = 4;
/// How many answers are followed at once; those that begin while so many go on are not shown.
const FOLLOWED_MAX: usize = 64;
/// How much of the end of an answer is kept, in bytes: more than is ever shown.
const KEPT_BYTES: usize = 1_024;
/// How much of the end of an answer is shown, in characters.
const SHOWN_CHARS: usize = 160;

/// Answers that are being written, each by the frame and the step that asked.
#[derive(Debug, Default)]
pub(crate) struct Speaking(BTreeMap<(FramePath, u32), Answer>);

#[derive(Debug, Default)]
struct Answer {
    end: String,
    /// Whether the model is thinking, and not saying anything yet.
    is_thinking: bool,
}

impl Speaking {
    /// Takes a piece of an answer.
    pub(crate) fn hear(&mut self, heard: Heard) {
        let place = (heard.frame, heard.step);
        if self.0.len() >= FOLLOWED_MAX && !self.0.contains_key(&place) {
            return;
        }
        let answer = self.0.entry(place).or_default();
        match heard.delta {
            Delta::Text(text) => answer.add(&text, false),
            Delta::Reasoning(text) => answer.add(&text, true),
            Delta::ToolCall(call) => answer.add(&format!(" → {}", call.name), false),
        }
    }

    /// Forgets an answer that is whole, and those of a frame that has ended.
    pub(crate) fn apply(&mut self, envelope: &Envelope) {
        match &envelope.event {
            Event::Outcome { step, .. } => drop(self.0.remove(&(envelope.frame.clone(), *step))),
            Event::FrameEnded { .. } => self.0.retain(|(frame, _), _| *frame != envelope.frame),
            _ => {}
        }
    }

    /// Writes one line for each answer.
    pub(crate) fn render(&self, tree: &Tree, color: bool) -> Vec<String> {
        let shown = self.0.iter().take(SHOWN_MAX);
        shown
            .map(|((frame, _), answer)| {
                let mark = if answer.is_thinking { "thinks: " } else { "" };
                let line = format!("  {}: {mark}{}", tree.program(frame), answer.shown());
                if color { line.dimmed().to_string() } else { line }
            })
            .collect()
    }
}

impl Answer {
    fn add(&mut self, text: &str, is_thinking: bool) {
        if self.is_thinking && !is_thinking {
            // What it thought is no part of what it says.
            self.end.clear();
        }
        self.is_thinking = is_thinking;
        self.end.push_str(text);
        if self.end.len() > KEPT_BYTES {
            let from = self.end.ceil_char_boundary(self.end.len() - KEPT_BYTES);
            self.end.drain(..from);
        }
    }

    /// Returns the end of it on one line.
    fn shown(&self) -> String {
        let line = printable(&self.end.replace(['\n', '\t', '\r'], " "));
        let count = line.chars().count();
        match count > SHOWN_CHARS {
            true => std::iter::once('…').chain(line.chars().skip(count - SHOWN_CHARS + 1)).collect(),
            false => line,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use priory::core::RunId;

    use super::*;

    fn heard(step: u32, delta: Delta) -> Heard {
        Heard { run: RunId::from_parts(0, 0), frame: FramePath::root(), step, delta }
    }

    #[test]
    fn the_last_words_are_shown_until_the_answer_is_whole() {
        let mut speaking = Speaking::default();
        let lines = |speaking: &Speaking| speaking.render(&Tree::default(), false);
        speaking.hear(heard(0, Delta::Reasoning("hm, ".into())));
        assert_eq!(lines(&speaking), ["  run: thinks: hm, "]);
        speaking.hear(heard(0, Delta::Text("a\n\u{1b}[2J".into())));
        assert_eq!(lines(&speaking), ["  run: a \u{fffd}[2J"]);
        speaking.hear(heard(0, Delta::Text("ä".repeat(5_000))));
        let [line] = lines(&speaking).try_into().unwrap();
        let line: String = line;
        assert_eq!(line.chars().count(), "  run: ".len() + SHOWN_CHARS);
        let outcome = Event::Outcome { step: 0, outcome: Arc::new(Ok(priory::core::Value::Unit)) };
        let (run, frame) = (RunId::from_parts(0, 0), FramePath::root());
        speaking.apply(&Envelope { run, seq: 0, frame, unix_ms: 0, fuel: 0, event: outcome });
        assert!(lines(&speaking).is_empty());
    }

    #[test]
    fn no_more_are_followed_than_there_is_room_for() {
        let mut speaking = Speaking::default();
        (0..1_000).for_each(|step| speaking.hear(heard(step, Delta::Text("x".into()))));
        assert_eq!(speaking.0.len(), FOLLOWED_MAX);
        assert_eq!(speaking.render(&Tree::default(), false).len(), SHOWN_MAX);
    }
}
