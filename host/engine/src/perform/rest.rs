// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a timer or a person: the run rests, and may leave memory meanwhile.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use priory_core::effect::{Answer, Question};
use priory_core::failure::Timeout;
use priory_core::journal::{QuestionId, Wait};
use priory_core::{Failure, Outcome, Value};
use priory_schema::Schema;

use crate::frame::Frame;
use crate::run::Run;

/// How long one sleep may be: a year.
const SLEEP_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;
/// How long the words of one question may be, in bytes.
const QUESTION_BYTES_MAX: usize = 16 << 10;
/// How many people may be named who may answer one question.
const WHO_MAX: usize = 64;

/// Sleeps until some time after a sleep was asked for.
pub(super) async fn sleep(frame: &Arc<Frame>, step: u32, ms: u64, asked_unix_ms: u64, may_rest: bool) -> Outcome {
    if ms > SLEEP_MS_MAX {
        let reason = format!("{ms} ms are asked for, and {SLEEP_MS_MAX} are the most");
        return Err(Failure::invalid("sleep", "", reason));
    }
    let due = asked_unix_ms.saturating_add(ms);
    let _resting = may_rest.then(|| {
        let wait = Wait { frame: frame.given.path.clone(), step, due_unix_ms: Some(due), question: None };
        (Entry::new(&frame.run, wait), frame.run.activity.rest())
    });
    until(&frame.run, due).await;
    Ok(Value::Unit)
}

/// Asks a person.
pub(super) async fn ask(frame: &Arc<Frame>, step: u32, question: Question, asked_unix_ms: u64) -> Outcome {
    check(&question)?;
    let path = &frame.given.path;
    let id = QuestionId::of(frame.run.id, path, step, &question);
    let due_unix_ms = question.expires_ms.map(|ms| asked_unix_ms.saturating_add(ms));
    let wait = Wait { frame: path.clone(), step, due_unix_ms, question: Some((id, question)) };
    wait_for_answer(&frame.run, wait).await.map(Value::Answer)
}

/// Waits until a question is over by itself. Answers come while the run is parked, as the outcome of its step.
pub(crate) async fn wait_for_answer(run: &Arc<Run>, wait: Wait) -> Result<Answer, Failure> {
    let (due, frame) = (wait.due_unix_ms, wait.frame.clone());
    let allowed_ms = wait.question.as_ref().and_then(|(_, question)| question.expires_ms).unwrap_or_default();
    let _resting = (Entry::new(run, wait), run.activity.rest());
    match due {
        Some(due) => until(run, due).await,
        None => pending().await,
    }
    Err(Failure::Timeout(Timeout { allowed_ms, frame: format!("{frame}, nobody answered") }))
}

/// Refuses a question that nobody could answer, or that is too long to show.
fn check(question: &Question) -> Result<(), Failure> {
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
    match question.schema.as_ref().map(Schema::alone) {
        Some(Err(reason)) => refuse("/schema", reason),
        _ => Ok(()),
    }
}

/// Waits until the wall clock has reached a time.
async fn until(run: &Run, unix_ms: u64) {
    let clock = &run.ports.clock;
    loop {
        let left = unix_ms.saturating_sub(clock.unix_ms());
        if left == 0 {
            return;
        }
        clock.sleep_until(clock.elapsed().saturating_add(Duration::from_millis(left))).await;
    }
}

/// Something that a run waits for, listed as long as it does.
struct Entry {
    run: Arc<Run>,
    wait: Wait,
}

impl Entry {
    fn new(run: &Arc<Run>, wait: Wait) -> Self {
        run.waits.lock().push(wait.clone());
        Self { run: run.clone(), wait }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let is_this = |wait: &Wait| wait.step == self.wait.step && wait.frame == self.wait.frame;
        self.run.waits.lock().retain(|wait| !is_this(wait));
    }
}
