// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asks in the terminal what a run asks, so that one can work with it in one window.

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal, Read};

use owo_colors::OwoColorize;
use priory::Open;
use priory::core::Json;
use priory::core::effect::Ask;
use priory::core::journal::QuestionId;
use tokio::sync::mpsc;

use crate::answering;
use crate::ui::error::Result;
use crate::ui::live::Live;
use crate::ui::waits;

/// How long one line may be, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// How many lines are read ahead.
const LINES_MAX: usize = 1;

/// Tells whether a run is answered here: where somebody says so, or sits at a terminal.
pub(crate) fn is_wanted(is_said: bool, json: bool) -> bool {
    is_said || (!json && io::stdin().is_terminal() && io::stderr().is_terminal())
}

/// Asks one question after the other.
pub(crate) struct Prompt {
    /// The question that stands on the terminal.
    asked: Option<Open>,
    /// Those that nobody wants to answer now.
    left: BTreeSet<QuestionId>,
    /// What is typed; read from when the first question is asked.
    lines: Option<mpsc::Receiver<String>>,
    /// Nobody types any more.
    is_over: bool,
}

/// What somebody typed.
pub(crate) enum Typed {
    /// An answer.
    Answer(QuestionId, Json),
    /// What is no answer, and why. The question is asked again.
    Wrong(String),
    /// Nothing: the question is left open.
    Left,
}

impl Prompt {
    pub(crate) fn new() -> Self {
        Self { asked: None, left: BTreeSet::new(), lines: None, is_over: false }
    }

    /// Returns which questions may be asked now; `None` where none may.
    pub(crate) fn fits(&self) -> Option<impl Fn(&Open) -> bool + use<>> {
        let left = self.left.clone();
        (!self.is_over && self.asked.is_none()).then_some(move |open: &Open| !left.contains(&open.id))
    }

    /// Returns the question that stands on the terminal.
    pub(crate) fn asked(&self) -> Option<QuestionId> {
        self.asked.as_ref().map(|open| open.id)
    }

    /// Asks a question.
    pub(crate) fn ask(&mut self, open: Open, live: Option<&Live>) {
        let mut text = format!("{}\n{}", "the run asks".bold(), waits::asked(&open.question).trim_end());
        text.push_str(&format!("\n  {}", hint(&open.question.kind).dimmed()));
        if let Some(live) = live {
            live.pause(true);
            live.say(text);
        }
        self.asked = Some(open);
        self.lines.get_or_insert_with(lines);
    }

    /// Takes the question back: it was answered elsewhere, or it is over.
    pub(crate) fn withdraw(&mut self, live: Option<&Live>) {
        if self.asked.take().is_some()
            && let Some(live) = live
        {
            live.say("that is not asked any more".dimmed().to_string());
            live.pause(false);
        }
    }

    /// Waits for what is typed; for ever where nothing is asked.
    pub(crate) async fn typed(&mut self) -> Typed {
        let (Some(open), Some(lines)) = (&self.asked, &mut self.lines) else { return std::future::pending().await };
        let line = lines.recv().await;
        let id = open.id;
        let typed = match line.as_deref().map(str::trim) {
            Some("") => Typed::Left,
            Some(line) => match answer(line, open) {
                Ok(value) => Typed::Answer(id, value),
                Err(error) => Typed::Wrong(error.render()),
            },
            None => {
                self.is_over = true;
                Typed::Left
            }
        };
        if matches!(typed, Typed::Left) {
            self.left.insert(id);
        }
        self.asked = None;
        typed
    }
}

/// Reads a line as an answer; a choice may be given by its number.
fn answer(line: &str, open: &Open) -> Result<Json> {
    let options = open.question.kind.options();
    let numbered = line.parse::<usize>().ok().and_then(|number| options.get(number.checked_sub(1)?));
    let line = match numbered.filter(|_| !options.iter().any(|option| option == line)) {
        Some(option) => option,
        None => line,
    };
    answering::read(line, &open.question, false)
}

fn hint(kind: &Ask) -> &'static str {
    match kind {
        Ask::Answer => "type the answer; an empty line leaves it open",
        Ask::Approve => "type `approve`, or `reject` and why; an empty line leaves it open",
        Ask::Choose { .. } => "type one of these, or its number; an empty line leaves it open",
        Ask::Edit => "type `approve`, another value as JSON, or `reject` and why; an empty line leaves it open",
    }
}

/// Reads lines on a thread of its own: nobody can be stopped from typing, so the process ends without waiting for it.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINES_MAX);
    let read = move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = String::new();
            match input.by_ref().take(LINE_BYTES_MAX).read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if sender.blocking_send(line).is_err() => return,
                Ok(_) => {}
            }
        }
    };
    // Without a thread the receiver is closed at once, as if nobody typed.
    let _ = std::thread::Builder::new().name("priory-read".into()).spawn(read);
    receiver
}

#[cfg(test)]
mod tests {
    use priory::core::effect::Question;
    use priory::core::{FramePath, RunId};

    use super::*;

    fn open(kind: Ask) -> Open {
        let question = Question { kind, ..Question::new("?") };
        let id = QuestionId::of(RunId::from_parts(0, 0), &FramePath::root(), 0, &question);
        Open { id, question, due_unix_ms: None }
    }

    #[test]
    fn a_choice_may_be_given_by_its_number() {
        let of = |options: &[&str]| open(Ask::Choose { options: options.iter().map(|o| (*o).to_owned()).collect() });
        let read = |line, open: &Open| answer(line, open).unwrap().to_string();
        assert_eq!(read("2", &of(&["tea", "coffee"])), "\"coffee\"");
        assert_eq!(read("tea", &of(&["tea", "coffee"])), "\"tea\"");
        assert_eq!(read("2", &of(&["2", "1"])), "\"2\"", "what is written counts before its place");
        assert_eq!(read("3", &of(&["tea", "coffee"])), "3", "which is refused where it is given");
    }

    #[tokio::test]
    async fn an_empty_line_leaves_a_question_and_the_end_leaves_all() {
        let (sender, receiver) = mpsc::channel(8);
        let mut prompt = Prompt { lines: Some(receiver), ..Prompt::new() };
        let takes = |prompt: &Prompt, open: &Open| prompt.fits().is_some_and(|fits| fits(open));
        let question = open(Ask::Answer);
        assert!(takes(&prompt, &question));
        prompt.ask(question.clone(), None);
        assert_eq!((takes(&prompt, &question), prompt.asked()), (false, Some(question.id)));
        sender.send("\n".to_owned()).await.unwrap();
        assert!(matches!(prompt.typed().await, Typed::Left));
        assert_eq!((takes(&prompt, &question), prompt.asked()), (false, None));
        let other = open(Ask::Approve);
        prompt.ask(other.clone(), None);
        sender.send("perhaps\n".to_owned()).await.unwrap();
        assert!(matches!(prompt.typed().await, Typed::Wrong(_)));
        assert!(takes(&prompt, &other), "what was no answer is asked again");
        prompt.ask(other.clone(), None);
        sender.send(" yes\n".to_owned()).await.unwrap();
        assert!(matches!(prompt.typed().await, Typed::Answer(id, _) if id == other.id));
        prompt.ask(other, None);
        drop(sender);
        assert!(matches!(prompt.typed().await, Typed::Left));
        assert!(prompt.fits().is_none());
    }
}
