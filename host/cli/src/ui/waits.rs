// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a parked run waits for, with the line to type that lets it go on.

use std::fmt::Write as _;

use owo_colors::OwoColorize;
use priory::core::RunId;
use priory::core::effect::Question;
use priory::core::journal::{QuestionId, Wait};
use serde_json::{Value, json};

use super::text::{counted, indented, printable};
use crate::when::{show_due, show_time};

/// What stands in the place of the answer in the line to type. It is never taken for one: whoever pastes the line without
/// reading it has approved nothing.
pub(crate) const ANSWER: &str = "ANSWER";
/// How many things that a run waits for are shown.
const SHOWN_MAX: usize = 20;
/// How much of a schema is shown, in characters.
const SCHEMA_CHARS_MAX: usize = 400;

/// What is needed to show what a run waits for.
#[derive(Debug)]
pub(crate) struct Waits<'a> {
    pub(crate) run: RunId,
    pub(crate) waits: &'a [Wait],
    /// The time, in milliseconds since 1970.
    pub(crate) now: u64,
    /// What has to be typed so that the same folder is used, such as ` --data runs`.
    pub(crate) folder: &'a str,
}

impl Waits<'_> {
    /// Says on one line what the run waits for.
    pub(crate) fn headline(&self) -> String {
        let questions = self.waits.iter().filter(|wait| wait.question.is_some()).count();
        let timers = self.waits.len() - questions;
        let of = |count, noun: &str| (count > 0).then(|| counted(count, noun));
        let parts: Vec<_> = [of(questions, "answer"), of(timers, "timer")].into_iter().flatten().collect();
        match parts.is_empty() {
            true => "waits for nothing that is known".to_owned(),
            false => format!("waits for {}", parts.join(" and ")),
        }
    }

    /// Says what the run waits for, each with the line to type.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for wait in self.sorted().into_iter().take(SHOWN_MAX) {
            match &wait.question {
                Some((id, question)) => self.question(&mut text, *id, question, wait.due_unix_ms),
                None => {
                    let due = wait.due_unix_ms.map_or_else(|| "never".to_owned(), |due| self.due(due));
                    let _ = writeln!(text, "  {} of frame {}, due {due}", "timer".bold(), wait.frame);
                }
            }
        }
        if self.waits.len() > SHOWN_MAX {
            let _ = writeln!(text, "  … and {} more", self.waits.len() - SHOWN_MAX);
        }
        if self.waits.iter().any(|wait| wait.question.is_none()) {
            let _ = writeln!(
                text,
                "  when that is due: {}",
                format!("priory runs resume {}{}", self.run, self.folder).cyan()
            );
        }
        text
    }

    fn question(&self, text: &mut String, id: QuestionId, question: &Question, due: Option<u64>) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {}", id.to_string().bold());
        let _ = writeln!(text, "{}", indented(printable(question.text.trim_end()).as_str(), 4));
        if !question.who.is_empty() {
            let _ = writeln!(text, "    for {}", printable(&question.who.join(", ")));
        }
        if let Some(due) = due {
            let _ = writeln!(text, "    until {}", self.due(due));
        }
        if let Some(schema) = &question.schema {
            let schema: String = schema.as_str().chars().take(SCHEMA_CHARS_MAX).collect();
            let _ = writeln!(text, "    the answer fits {}", printable(&schema));
        }
        let by = question.who.first().map(|name| format!(" --by {}", shell_word(name))).unwrap_or_default();
        let line = format!("priory answer {} {id} {ANSWER}{by}{}", self.run, self.folder);
        let _ = writeln!(text, "    {}", printable(&line).cyan());
    }

    /// Returns the waits in the order of the program: in which they began is up to chance.
    fn sorted(&self) -> Vec<&Wait> {
        let mut waits: Vec<&Wait> = self.waits.iter().collect();
        waits.sort_by(|a, b| (&a.frame, a.step).cmp(&(&b.frame, b.step)));
        waits
    }

    fn due(&self, due: u64) -> String {
        format!("{} UTC ({})", show_time(due), show_due(due, self.now))
    }

    /// Writes it for programs.
    pub(crate) fn as_json(&self) -> Value {
        self.sorted().into_iter().map(wait_as_json).collect()
    }
}

fn wait_as_json(wait: &Wait) -> Value {
    let mut value = json!({"frame": wait.frame, "step": wait.step, "due-unix-ms": wait.due_unix_ms});
    if let (Some((id, question)), Some(object)) = (&wait.question, value.as_object_mut()) {
        object.insert("question".into(), json!(id.to_string()));
        object.insert("text".into(), json!(question.text));
        object.insert("schema".into(), question.schema.as_ref().map_or(Value::Null, |schema| json!(schema)));
        object.insert("who".into(), json!(question.who));
    }
    value
}

/// Writes a word so that a shell takes it as one.
pub(crate) fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use priory::core::{FramePath, Json};

    use super::*;

    #[test]
    fn the_line_to_type_is_told() {
        let run = RunId::from_parts(1, 1);
        let question = Question {
            text: "Publish?\nIt is final.".into(),
            schema: Some(Json::parse(r#"{"type":"boolean"}"#).unwrap()),
            who: vec!["Ada L".into()],
            expires_ms: Some(60_000),
        };
        let frame = FramePath::root();
        let id = QuestionId::of(run, &frame, 0, &question);
        let waits = [
            Wait { frame: frame.clone(), step: 0, due_unix_ms: Some(61_000), question: Some((id, question)) },
            Wait { frame, step: 1, due_unix_ms: Some(500), question: None },
        ];
        let shown = Waits { run, waits: &waits, now: 1_000, folder: " --data runs" };
        assert_eq!(shown.headline(), "waits for 1 answer and 1 timer");
        let expected = format!(
            "  {id}\n    Publish?\n    It is final.\n    for Ada L\n    until 1970-01-01 00:01:01 UTC (in 1.0 min)\n    \
             the answer fits {{\"type\":\"boolean\"}}\n    priory answer {run} {id} ANSWER --by 'Ada L' --data runs\n  \
             timer of frame 0, due 1970-01-01 00:00:00 UTC (now)\n  \
             when that is due: priory runs resume {run} --data runs\n"
        );
        assert_eq!(anstream::adapter::strip_str(&shown.render()).to_string(), expected);
        assert_eq!(shown.as_json()[0]["question"], id.to_string());
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
