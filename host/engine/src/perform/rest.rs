// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a timer, a person or a cancellation: the run rests, and may leave memory meanwhile.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use priory_core::effect::{Answer, Question};
use priory_core::event::Event;
use priory_core::failure::Timeout;
use priory_core::journal::{Awaited, QuestionId, Wait};
use priory_core::{Effect, Failure, FramePath, Outcome, Value};

use crate::asked::check_question;
use crate::cancel;
use crate::frame::Frame;
use crate::past::{END_OF_FRAME, PastStep};
use crate::run::{Halt, Run};

/// How long one sleep may be: a year.
const SLEEP_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;

/// Sleeps until some time after a sleep was asked for.
pub(super) async fn sleep(frame: &Arc<Frame>, step: u32, ms: u64, asked_unix_ms: u64, may_rest: bool) -> Outcome {
    if ms > SLEEP_MS_MAX {
        let reason = format!("{ms} ms are asked for, and {SLEEP_MS_MAX} are the most");
        return Err(Failure::invalid("sleep", "", reason));
    }
    let due = asked_unix_ms.saturating_add(ms);
    let run = &frame.run;
    let _resting = may_rest.then(|| {
        let (frame, awaited) = (frame.given.path.clone(), Awaited::Timer);
        run.tape.wait(Wait { frame, step, due_unix_ms: Some(due), awaited });
        run.activity.rest()
    });
    until(run, due).await;
    Ok(Value::Unit)
}

/// Asks a person.
pub(super) async fn ask(frame: &Arc<Frame>, step: u32, question: Question, asked_unix_ms: u64) -> Outcome {
    check_question(&question)?;
    let due_unix_ms = question.expires_ms.map(|ms| asked_unix_ms.saturating_add(ms));
    wait_for_answer(&frame.run, &frame.given.path, step, question, due_unix_ms).await.map(Value::Answer)
}

/// Asks a person on behalf of the host, at a step that no effect of a frame has. `known` is what is known of it.
pub(crate) async fn ask_aside(
    run: &Arc<Run>,
    path: &FramePath,
    step: u32,
    question: Question,
    due_unix_ms: Option<u64>,
    known: Option<&PastStep>,
) -> Result<Answer, Failure> {
    match known.and_then(|known| known.end.as_ref()).map(|end| end.outcome.as_ref()) {
        Some(Ok(Value::Answer(answer))) => return Ok(answer.clone()),
        Some(Err(failure)) => return Err(failure.clone()),
        // What is tried ends where nothing is known.
        _ if run.past.is_trial => return run.halt(Halt::Past { frame: path.clone(), step }).await,
        _ => {}
    }
    if known.is_none() {
        let effect = Arc::new(Effect::AskHuman(question.clone()));
        run.tape.record(path, 0, Event::Intent { step, effect });
    }
    // No effect of a frame stands for it, so nobody else gives it an outcome when the frame is withdrawn.
    let mut aside = Aside { run, path, step, is_open: true };
    if let Err(error) = run.tape.commit().await {
        return run.halt(error.into()).await;
    }
    let answer = wait_for_answer(run, path, step, question, due_unix_ms).await;
    aside.end(answer.clone().map(Value::Answer));
    answer
}

/// Waits until a question is answered or over.
async fn wait_for_answer(
    run: &Arc<Run>,
    path: &FramePath,
    step: u32,
    question: Question,
    due_unix_ms: Option<u64>,
) -> Result<Answer, Failure> {
    let id = QuestionId::of(run.id, path, step, &question);
    let allowed_ms = question.expires_ms.unwrap_or_default();
    let wait = Wait { frame: path.clone(), step, due_unix_ms, awaited: Awaited::Answer(id, Box::new(question)) };
    let mut asking = run.asked.ask(id, wait.clone());
    run.tape.wait(wait);
    let _resting = run.activity.rest();
    let answer = pin!(asking.answer());
    let expired = pin!(async {
        match due_unix_ms {
            Some(due) => until(run, due).await,
            None => pending().await,
        }
    });
    // What was given in time counts, so it is looked at first.
    match select(answer, expired).await {
        Either::Left((answer, _)) => Ok(answer),
        Either::Right(_) => Err(Failure::Timeout(Timeout { allowed_ms, frame: format!("{path}, nobody answered") })),
    }
}

/// Waits until somebody cancels the run.
pub(super) async fn await_cancel(frame: &Arc<Frame>, step: u32) -> Outcome {
    let (run, path) = (&frame.run, &frame.given.path);
    let reached = run.past.cancel.as_ref().filter(|cancel| cancel.reaches.contains(&(path.clone(), step)));
    if let Some(cancel) = reached {
        return cancel::outcome(&cancel.by);
    }
    let told = run.cancel.listen(path.clone(), step);
    let wait = Wait { frame: path.clone(), step, due_unix_ms: None, awaited: Awaited::Cancel };
    run.tape.wait(wait);
    let _waiting = run.activity.stand_by();
    match told.await {
        Ok(by) => cancel::outcome(&by),
        // Somebody cancelled the run before: this is a part of the clearing up.
        Err(_) => pending().await,
    }
}

/// Waits until the wall clock has reached a time.
pub(super) async fn until(run: &Run, unix_ms: u64) {
    let clock = &run.ports.clock;
    loop {
        let left = unix_ms.saturating_sub(clock.unix_ms());
        if left == 0 {
            return;
        }
        clock.sleep_until(clock.elapsed().saturating_add(Duration::from_millis(left))).await;
    }
}

/// What the host itself asks on behalf of a frame. It has an outcome also when the frame is withdrawn: whoever gives an
/// answer at that moment waits for one.
struct Aside<'a> {
    run: &'a Run,
    path: &'a FramePath,
    step: u32,
    is_open: bool,
}

impl Aside<'_> {
    fn end(&mut self, outcome: Outcome) {
        self.is_open = false;
        self.run.tape.record(self.path, 0, Event::Outcome { step: self.step, outcome: Arc::new(outcome) });
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        if self.is_open {
            // Like all that ends with its frame, it is taken back where the host goes away before that is written down.
            self.end(Err(Failure::Cancelled { by: END_OF_FRAME.into() }));
        }
    }
}
