// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run in memory asks people: an answer reaches the effect that waits for it, and is recorded as its outcome.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use priory_core::effect::{Answer, Ask, Decision, Question};
use priory_core::journal::{QuestionId, Wait};
use priory_core::question::{ABOUT_BYTES_MAX, OPTION_BYTES_MAX, OPTIONS_MAX};
use priory_core::{Failure, Json, RunId};
use priory_schema::Schema;
use tokio::sync::{Notify, oneshot};

use crate::resume::Reply;
use crate::run::Run;

/// How long the words of one question may be, in bytes.
const QUESTION_BYTES_MAX: usize = 16 << 10;
/// How many people may be named who may answer one question.
const WHO_MAX: usize = 64;

/// A question that is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// Its name.
    pub id: QuestionId,
    /// What is asked.
    pub question: Question,
    /// When nobody may answer it any more, in milliseconds since 1970.
    pub due_unix_ms: Option<u64>,
}

/// The questions of a run that are open, with those who wait for the answers.
#[derive(Default)]
pub(crate) struct Asked {
    open: Mutex<HashMap<QuestionId, Waiting>>,
    /// Told when a question is asked, or is over.
    changed: Notify,
}

struct Waiting {
    wait: Wait,
    sender: oneshot::Sender<Answer>,
}

/// A question that is open until this is dropped.
pub(crate) struct Asking {
    asked: Arc<Asked>,
    id: QuestionId,
    answer: oneshot::Receiver<Answer>,
}

impl Asked {
    /// Asks, until the result is dropped.
    pub(crate) fn ask(self: &Arc<Self>, id: QuestionId, wait: Wait) -> Asking {
        let (sender, answer) = oneshot::channel();
        self.open.lock().insert(id, Waiting { wait, sender });
        self.changed.notify_waiters();
        Asking { asked: self.clone(), id, answer }
    }

    /// Returns what is asked, in the order of the program.
    pub(crate) fn open(&self) -> Vec<Open> {
        let open = self.open.lock();
        let mut waits: Vec<&Wait> = open.values().map(|waiting| &waiting.wait).collect();
        waits.sort_by(|a, b| (&a.frame, a.step).cmp(&(&b.frame, b.step)));
        let shown = |wait: &Wait| {
            let (id, question) = wait.question()?;
            Some(Open { id, question: question.clone(), due_unix_ms: wait.due_unix_ms })
        };
        waits.into_iter().filter_map(shown).collect()
    }

    /// Waits until something is asked that fits.
    pub(crate) async fn next(&self, fits: impl Fn(&Open) -> bool) -> Open {
        loop {
            let changed = self.changed.notified();
            if let Some(open) = self.open().into_iter().find(&fits) {
                return open;
            }
            changed.await;
        }
    }

    /// Waits until a question is over.
    pub(crate) async fn over(&self, id: QuestionId) {
        loop {
            let changed = self.changed.notified();
            if !self.open.lock().contains_key(&id) {
                return;
            }
            changed.await;
        }
    }

    fn remove(&self, id: QuestionId) {
        self.open.lock().remove(&id);
        self.changed.notify_waiters();
    }
}

impl Asking {
    /// Waits for the answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        match (&mut self.answer).await {
            Ok(answer) => answer,
            // Its sender is only dropped when it was asked again elsewhere.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.asked.remove(self.id);
    }
}

/// Gives the answer to a question of a run that is in memory. Returns whether it was taken: a run that leaves memory at
/// this moment does not take it, and keeps its question.
pub(crate) async fn answer(run: Weak<Run>, reply: &Reply) -> Result<bool, Failure> {
    // Only the tape is held: the run would never be gone.
    let given = run.upgrade().map(|run| give(&run, reply).map(|kept| (kept, run.tape.clone())));
    let Some((kept, tape)) = given.transpose()? else { return Ok(false) };
    match kept.await {
        Ok(true) => {}
        // It expired at the same moment.
        Ok(false) => return Err(not_asked(reply)),
        Err(_) => return Ok(false),
    }
    tape.commit().await?;
    Ok(true)
}

/// Hands an answer to whoever waits for it. What is returned is told when it is recorded.
fn give(run: &Run, reply: &Reply) -> Result<oneshot::Receiver<bool>, Failure> {
    let mut open = run.asked.open.lock();
    let waiting = open.get(&reply.question).ok_or_else(|| not_asked(reply))?;
    let question = waiting.wait.question().map(|(_, question)| question).ok_or_else(|| not_asked(reply))?;
    check_answer(question, waiting.wait.due_unix_ms, run.ports.clock.unix_ms(), reply)?;
    let Waiting { wait, sender } = open.remove(&reply.question).ok_or_else(|| not_asked(reply))?;
    drop(open);
    let (told, kept) = oneshot::channel();
    run.tape.tell(wait.frame, wait.step, told);
    let answer = Answer { value: reply.value.clone(), by: reply.by.clone() };
    sender.send(answer).map_err(|_| not_asked(reply))?;
    Ok(kept)
}

/// Says that a run does not ask something.
pub(crate) fn not_asked(reply: &Reply) -> Failure {
    let (run, id): (RunId, QuestionId) = (reply.run, reply.question);
    let reason =
        format!("{run} does not ask it, or it was answered before: `priory runs show {run}` shows what it asks");
    Failure::absent(format!("question {id}"), reason)
}

/// Checks that somebody may give an answer now, and that it is one.
pub(crate) fn check_answer(question: &Question, due: Option<u64>, now: u64, reply: &Reply) -> Result<(), Failure> {
    let (id, by) = (reply.question, &reply.by);
    if due.is_some_and(|due| due <= now) {
        return Err(Failure::Conflict { reason: format!("question {id} has expired: nobody may answer it any more") });
    }
    if !question.who.is_empty() && !question.who.contains(by) {
        let reason = format!("{by} may not answer question {id}: it is for {}", question.who.join(", "));
        return Err(Failure::Conflict { reason });
    }
    check_value(question, &reply.value, &format!("answer to {id}"))
}

/// Checks that a value is an answer to a question.
pub(crate) fn check_value(question: &Question, value: &Json, subject: &str) -> Result<(), Failure> {
    let unfit = |reason: String| Failure::invalid(subject, "", reason);
    let fit = |value: &Json, subject: &str| -> Result<(), Failure> {
        let Some(schema) = &question.schema else { return Ok(()) };
        let schema = Schema::alone(schema).map_err(|reason| Failure::invalid("schema of the question", "", reason))?;
        schema.validate(value, || subject.to_owned())
    };
    match &question.kind {
        Ask::Answer => fit(value, subject),
        Ask::Choose { options } => match value.to_value() {
            serde_json::Value::String(choice) if options.contains(&choice) => Ok(()),
            _ => Err(unfit(format!("it is none of the choices: {}", options.join(", ")))),
        },
        Ask::Approve | Ask::Edit => match Decision::read(value).map_err(unfit)? {
            Decision::Approve | Decision::Reject { .. } => Ok(()),
            Decision::Edit { .. } if question.kind == Ask::Approve => {
                Err(unfit("it can be approved or rejected, not edited".to_owned()))
            }
            Decision::Edit { value } => fit(&value, &format!("value of the {subject}")),
        },
    }
}

/// Refuses a question that nobody could answer, or that is too long to show.
pub(crate) fn check_question(question: &Question) -> Result<(), Failure> {
    let refuse = |pointer: &str, reason: String| Err(Failure::invalid("question", pointer, reason));
    if question.text.trim().is_empty() {
        return refuse("/text", "it is empty".to_owned());
    }
    let words = question.text.len() + question.who.iter().map(String::len).sum::<usize>();
    if words > QUESTION_BYTES_MAX {
        return refuse("/text", format!("it has {words} bytes, and {QUESTION_BYTES_MAX} are the most"));
    }
    if question.who.len() > WHO_MAX {
        return refuse("/who", format!("{} people are named, and {WHO_MAX} are the most", question.who.len()));
    }
    let about = question.about.as_ref().map_or(0, |about| about.byte_len());
    if about > ABOUT_BYTES_MAX {
        return refuse("/about", format!("it has {about} bytes, and {ABOUT_BYTES_MAX} are the most"));
    }
    check_kind(question)?;
    match question.schema.as_ref().map(Schema::alone) {
        Some(Err(reason)) => refuse("/schema", reason),
        _ => Ok(()),
    }
}

/// Refuses a kind of question that has no answer, or more than one form of it.
fn check_kind(question: &Question) -> Result<(), Failure> {
    let refuse = |pointer: &str, reason: String| Err(Failure::invalid("question", pointer, reason));
    match &question.kind {
        Ask::Approve | Ask::Choose { .. } if question.schema.is_some() => {
            let kind = question.kind.as_str();
            return refuse(
                "/schema",
                format!("a question of the kind `{kind}` has its own form of answer: leave it out"),
            );
        }
        Ask::Edit if question.about.is_none() => return refuse("/about", "there is nothing to edit".to_owned()),
        Ask::Answer | Ask::Approve | Ask::Choose { .. } | Ask::Edit => {}
    }
    let Ask::Choose { options } = &question.kind else { return Ok(()) };
    if options.is_empty() || options.len() > OPTIONS_MAX {
        return refuse("/kind", format!("{} choices are offered, and 1 to {OPTIONS_MAX} may be", options.len()));
    }
    for (at, option) in options.iter().enumerate() {
        let is_double = options.iter().take(at).any(|other| other == option);
        if option.trim().is_empty() || option.len() > OPTION_BYTES_MAX || is_double {
            let reason = format!("a choice is empty, longer than {OPTION_BYTES_MAX} bytes, or there before");
            return refuse(&format!("/kind/options/{at}"), reason);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
