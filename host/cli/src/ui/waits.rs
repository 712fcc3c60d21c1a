// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a parked run waits for, with the line to type that lets it go on.

use std::fmt::Write as _;

use owo_colors::OwoColorize;
use priory::core::RunId;
use priory::core::effect::{Ask, Question};
use priory::core::journal::{Awaited, QuestionId, Wait};
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
/// How much is shown of what a question is about, in characters.
const ABOUT_CHARS_MAX: usize = 1_000;
/// How many choices are shown with the line to type.
const CHOICES_SHOWN_MAX: usize = 10;

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
        let count = |is_it: fn(&Awaited) -> bool| self.waits.iter().filter(|wait| is_it(&wait.awaited)).count();
        let of = |count, noun: &str| (count > 0).then(|| counted(count, noun));
        let parts: Vec<_> = [
            of(count(|awaited| matches!(awaited, Awaited::Answer(..))), "answer"),
            of(count(|awaited| matches!(awaited, Awaited::Event(_))), "event"),
            of(count(|awaited| matches!(awaited, Awaited::Timer)), "timer"),
        ]
        .into_iter()
        .flatten()
        .collect();
        match parts.is_empty() {
            true if self.waits.is_empty() => "waits for nothing that is known".to_owned(),
            true => "waits until somebody cancels it".to_owned(),
            false => format!("waits for {}", parts.join(" and ")),
        }
    }

    /// Says what the run waits for, each with the lines to type.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        for wait in self.sorted().into_iter().take(SHOWN_MAX) {
            self.wait(&mut text, wait);
        }
        if self.waits.len() > SHOWN_MAX {
            let _ = writeln!(text, "  … and {} more", self.waits.len() - SHOWN_MAX);
        }
        if self.waits.iter().any(Wait::is_timer) {
            let _ = writeln!(
                text,
                "  when that is due: {}",
                format!("priory runs resume {}{}", self.run, self.folder).cyan()
            );
        }
        text
    }

    fn wait(&self, text: &mut String, wait: &Wait) {
        let due = wait.due_unix_ms.map_or_else(|| "never".to_owned(), |due| self.due(due));
        // Writing to a string does not fail.
        let _ = match &wait.awaited {
            Awaited::Answer(id, question) => {
                self.question(text, *id, question, wait.due_unix_ms);
                Ok(())
            }
            Awaited::Timer => writeln!(text, "  {} of frame {}, due {due}", "timer".bold(), wait.frame),
            Awaited::Event(sought) => {
                let name = printable(&sought.name);
                writeln!(text, "  {} {name} for frame {}, until {due}", "event".bold(), wait.frame)
            }
            Awaited::Cancel => writeln!(
                text,
                "  frame {} clears up behind itself when the run is cancelled: {}",
                wait.frame,
                format!("priory runs cancel {}{}", self.run, self.folder).cyan()
            ),
        };
    }

    fn question(&self, text: &mut String, id: QuestionId, question: &Question, due: Option<u64>) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {}", id.to_string().bold());
        text.push_str(&asked(question));
        if let Some(due) = due {
            let _ = writeln!(text, "    until {}", self.due(due));
        }
        let by = question.who.first().map(|name| format!(" --by {}", shell_word(name))).unwrap_or_default();
        for answer in answers(question) {
            let line = format!("priory answer {} {id} {answer}{by}{}", self.run, self.folder);
            let _ = writeln!(text, "    {}", printable(&line).cyan());
        }
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

/// Shows what is asked: the words, what it is about, who is asked, and what fits.
pub(crate) fn asked(question: &Question) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}", indented(printable(question.text.trim_end()).as_str(), 4));
    if let Some(about) = &question.about {
        let whole = serde_json::to_string_pretty(&about.to_value()).unwrap_or_default();
        let mut shown: String = whole.chars().take(ABOUT_CHARS_MAX).collect();
        if shown.len() < whole.len() {
            shown.push('…');
        }
        let _ = writeln!(text, "    it is about");
        let _ = writeln!(text, "{}", indented(&printable(&shown), 6));
    }
    if !question.who.is_empty() {
        let _ = writeln!(text, "    for {}", printable(&question.who.join(", ")));
    }
    for option in question.kind.options() {
        let _ = writeln!(text, "    - {}", printable(option));
    }
    if let Some(schema) = &question.schema {
        let schema: String = schema.as_str().chars().take(SCHEMA_CHARS_MAX).collect();
        let what = if question.kind == Ask::Edit { "edited value" } else { "answer" };
        let _ = writeln!(text, "    the {what} fits {}", printable(&schema));
    }
    text
}

/// Returns what can be typed behind the question.
fn answers(question: &Question) -> Vec<String> {
    match &question.kind {
        Ask::Answer => vec![ANSWER.to_owned()],
        Ask::Approve => vec!["--approve".to_owned(), "--reject".to_owned()],
        Ask::Choose { options } => {
            options.iter().map(|option| format!("--choose {}", shell_word(option))).take(CHOICES_SHOWN_MAX).collect()
        }
        Ask::Edit => ["--approve", "--edit FILE", "--reject"].map(str::to_owned).to_vec(),
    }
}

fn wait_as_json(wait: &Wait) -> Value {
    let mut value = json!({"frame": wait.frame, "step": wait.step, "due-unix-ms": wait.due_unix_ms});
    let Some(object) = value.as_object_mut() else { return value };
    match &wait.awaited {
        Awaited::Timer => {}
        Awaited::Event(sought) => {
            object.insert("event".into(), json!(sought.name));
        }
        Awaited::Cancel => {
            object.insert("cancel".into(), json!(true));
        }
        Awaited::Answer(id, question) => {
            object.insert("question".into(), json!(id.to_string()));
            object.insert("text".into(), json!(question.text));
            object.insert("kind".into(), json!(question.kind.as_str()));
            object.insert("about".into(), question.about.as_ref().map_or(Value::Null, |about| json!(about)));
            object.insert("options".into(), json!(question.kind.options()));
            object.insert("schema".into(), question.schema.as_ref().map_or(Value::Null, |schema| json!(schema)));
            object.insert("who".into(), json!(question.who));
        }
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
            schema: Some(Json::parse(r#"{"type":"boolean"}"#).unwrap()),
            who: vec!["Ada L".into()],
            expires_ms: Some(60_000),
            ..Question::new("Publish?\nIt is final.")
        };
        let frame = FramePath::root();
        let wait = |step, due_unix_ms, awaited| Wait { frame: frame.clone(), step, due_unix_ms, awaited };
        let id = QuestionId::of(run, &frame, 0, &question);
        let asked = Awaited::Answer(id, Box::new(question));
        let waits = [wait(0, Some(61_000), asked), wait(1, Some(500), Awaited::Timer), wait(2, None, Awaited::Cancel)];
        let shown = Waits { run, waits: &waits, now: 1_000, folder: " --data runs" };
        assert_eq!(shown.headline(), "waits for 1 answer and 1 timer");
        let expected = format!(
            "  {id}\n    Publish?\n    It is final.\n    for Ada L\n    the answer fits {{\"type\":\"boolean\"}}\n    \
             until 1970-01-01 00:01:01 UTC (in 1.0 min)\n    priory answer {run} {id} ANSWER --by 'Ada L' --data runs\n  \
             timer of frame 0, due 1970-01-01 00:00:00 UTC (now)\n  \
             frame 0 clears up behind itself when the run is cancelled: priory runs cancel {run} --data runs\n  \
             when that is due: priory runs resume {run} --data runs\n"
        );
        assert_eq!(anstream::adapter::strip_str(&shown.render()).to_string(), expected);
        assert_eq!(shown.as_json()[0]["question"], id.to_string());
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
    #[test]
    fn each_kind_has_its_lines() {
        let lines = |kind| answers(&Question { kind, ..Question::new("?") });
        assert_eq!(lines(Ask::Approve), ["--approve", "--reject"]);
        assert_eq!(lines(Ask::Edit), ["--approve", "--edit FILE", "--reject"]);
        let options = vec!["tea".to_owned(), "black coffee".to_owned()];
        assert_eq!(lines(Ask::Choose { options }), ["--choose tea", "--choose 'black coffee'"]);
        let about = Some(Json::parse(r#"{"n":1}"#).unwrap());
        let shown = asked(&Question { about, kind: Ask::Approve, ..Question::new("May it?") });
        assert_eq!(shown, "    May it?\n    it is about\n      {\n        \"n\": 1\n      }\n");
    }
}
