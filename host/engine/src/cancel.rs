// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cancelling a run that wants to clear up behind itself: its programs that wait for that are told first, and only who
//! asks again ends the run at once.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::effect::Effect;
use priory_core::event::Event;
use priory_core::journal::{Batch, RunState};
use priory_core::ports::Clock;
use priory_core::{Envelope, Failure, FramePath, Journal, Json, Outcome, Report, RunId, Value};
use tokio::sync::oneshot;

use crate::past::Past;
use crate::resume::read_all;
use crate::run::Run;
use crate::tape::Tape;

/// What became of the wish to cancel a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It has ended.
    Ended,
    /// Its programs are told when it is taken up the next time, and clear up then. Who asks again ends it at once.
    Told,
}

/// Who waits in a run for the wish to cancel it.
#[derive(Default)]
pub(crate) struct Cancel {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Who asked, once somebody was told.
    by: Option<String>,
    waiting: Vec<Listening>,
}

/// An effect that waits for the wish to cancel its run.
struct Listening {
    frame: FramePath,
    step: u32,
    sender: oneshot::Sender<String>,
}

/// What became of the wish to cancel a run that is in memory, on its way to be durable. It holds nothing of the run: else
/// that would never be gone.
pub(crate) struct Wish {
    tape: Arc<Tape>,
    /// Tells of each effect that was told when its outcome is recorded; `None` where the run was ended instead.
    told: Option<Vec<oneshot::Receiver<bool>>>,
}

/// What is known of the wish to cancel a run from before.
#[derive(Debug, Clone)]
pub(crate) struct PastCancel {
    pub(crate) by: String,
    /// The effects that waited for it then: those that were not told before the host went away are told now.
    pub(crate) reaches: HashSet<(FramePath, u32)>,
}

impl Cancel {
    /// Begins with what is known from before.
    pub(crate) fn new(past: Option<&PastCancel>) -> Self {
        let by = past.map(|past| past.by.clone());
        Self { state: Mutex::new(State { by, waiting: Vec::new() }) }
    }

    /// Begins to wait. Whoever begins after somebody asked is not told: it is a part of the clearing up.
    pub(crate) fn listen(&self, frame: FramePath, step: u32) -> oneshot::Receiver<String> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        state.waiting.retain(|waiting| !waiting.sender.is_closed());
        if state.by.is_none() {
            state.waiting.push(Listening { frame, step, sender });
        }
        receiver
    }

    /// Tells those who wait, each after it was noted. Returns the notes of those who were told; `None` where there was
    /// nobody, or somebody had asked before.
    pub(crate) fn ask<T>(&self, by: &str, note: impl Fn(FramePath, u32) -> T) -> Option<Vec<T>> {
        let mut state = self.state.lock();
        if state.by.is_some() {
            return None;
        }
        let tell = |Listening { frame, step, sender }| {
            let noted = note(frame, step);
            sender.send(by.to_owned()).ok().map(|()| noted)
        };
        let told: Vec<T> = std::mem::take(&mut state.waiting).into_iter().filter_map(tell).collect();
        state.by = (!told.is_empty()).then(|| by.to_owned());
        (!told.is_empty()).then_some(told)
    }

    /// Turns what a run came to into that it was cancelled, where somebody asked for that and it failed thereupon.
    pub(crate) fn end_of(&self, result: Result<Report, Failure>) -> Result<Report, Failure> {
        match (result, &self.state.lock().by) {
            (Ok(report), _) => Ok(report),
            (Err(failure @ Failure::Cancelled { .. }), _) | (Err(failure), None) => Err(failure),
            (Err(failure), Some(by)) => Err(Failure::Cancelled { by: format!("{by}; thereupon: {failure}") }),
        }
    }
}

impl Wish {
    /// Cancels a run that is in memory.
    pub(crate) fn of(run: &Run, by: &str) -> Self {
        let note = |frame, step| {
            let (told, kept) = oneshot::channel();
            run.tape.tell(frame, step, told);
            kept
        };
        Self { tape: run.tape.clone(), told: run.cancel(by, note) }
    }

    /// Returns where the run is kept.
    pub(crate) fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.tape.journal()
    }

    /// Tells whether programs of the run were told.
    pub(crate) fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// Waits until it is durable that they were, and tells whether they were: one that leaves memory at this moment was not,
    /// nor was one that was withdrawn.
    pub(crate) async fn was_told(&mut self) -> Result<bool, Failure> {
        let mut is_anybody = false;
        for kept in self.told.take().into_iter().flatten() {
            is_anybody |= kept.await == Ok(true);
        }
        if is_anybody {
            self.tape.commit().await?;
        }
        Ok(is_anybody)
    }
}

/// Returns the outcome of waiting for a cancellation.
pub(crate) fn outcome(by: &str) -> Outcome {
    Ok(Value::Json(Json::from(serde_json::json!({ "by": by }))))
}

/// Returns who cancelled, when an effect was waiting for that and an outcome says so.
pub(crate) fn said_by(effect: &Effect, outcome: &Outcome) -> Option<String> {
    let (Effect::AwaitCancel, Ok(Value::Json(said))) = (effect, outcome) else { return None };
    let by = said.to_value().get("by").and_then(|by| by.as_str()).map(str::to_owned);
    Some(by.unwrap_or_else(|| "somebody".to_owned()))
}

/// Cancels a run that nobody executes. One whose programs wait for that is told, once; any other ends.
pub async fn cancel(journal: &Arc<dyn Journal>, clock: &dyn Clock, run: RunId, by: &str) -> Result<Cancelled, Failure> {
    let lease = journal.claim(run).await?;
    if lease.state.has_ended() {
        return Err(Failure::Conflict { reason: format!("run {run} has ended: it is {}", lease.state) });
    }
    // A history that does not make sense is no reason to keep the run for ever.
    let told = match Past::read(read_all(journal, run).await?, false) {
        Ok((past, _)) if past.cancel.is_none() => past.open_cancels(),
        _ => Vec::new(),
    };
    let unix_ms = clock.unix_ms();
    let envelope = |(seq, (frame, event))| Envelope { run, seq, frame, unix_ms, fuel: 0, event };
    let is_over = told.is_empty();
    let (events, state, waits) = if is_over {
        let result = Err(Failure::Cancelled { by: by.to_owned() });
        let ended = Event::RunEnded { result, usage: priory_core::Usage::default() };
        (vec![(FramePath::root(), ended)], RunState::Cancelled, Vec::new())
    } else {
        let mut waits = journal.waits(run).await?;
        waits.retain(|wait| !wait.is_for_cancel());
        let told = told.into_iter();
        let events = told.map(|(path, step)| (path, Event::Outcome { step, outcome: Arc::new(outcome(by)) }));
        (events.collect(), RunState::Open, waits)
    };
    let batch = Batch {
        run,
        epoch: lease.epoch,
        first_seq: lease.next_seq,
        events: (lease.next_seq..).zip(events).map(envelope).collect(),
        header: None,
        state: Some(state),
        waits: Some(waits),
    };
    journal.append(batch).await?;
    Ok(if is_over { Cancelled::Ended } else { Cancelled::Told })
}

#[cfg(test)]
mod tests;
