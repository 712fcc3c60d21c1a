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
    waiting: Vec<oneshot::Sender<String>>,
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
    pub(crate) fn listen(&self) -> oneshot::Receiver<String> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        state.waiting.retain(|waiting| !waiting.is_closed());
        if state.by.is_none() {
            state.waiting.push(sender);
        }
        receiver
    }

    /// Tells those who wait. Returns whether there was anybody, and nobody had asked before.
    pub(crate) fn ask(&self, by: &str) -> bool {
        let mut state = self.state.lock();
        if state.by.is_some() {
            return false;
        }
        let told = std::mem::take(&mut state.waiting).into_iter().filter_map(|one| one.send(by.to_owned()).ok());
        let is_anybody = told.count() > 0;
        state.by = is_anybody.then(|| by.to_owned());
        is_anybody
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
