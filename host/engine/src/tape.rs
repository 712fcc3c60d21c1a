// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sequence of one run: events get their place here, are shown, and are made durable in time.
//!
//! Events gather in memory. [`Tape::commit`] makes all of them durable; it stands before every effect on the outside and
//! before a result is shown. What nobody waits for is written behind when much of it has gathered.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::Shared;
use parking_lot::Mutex;
use priory_core::journal::{Batch, RunHeader, RunState, Wait};
use priory_core::model::Delta;
use priory_core::ports::{BoxFuture, Clock, Compute, Heard, Recorder};
use priory_core::{Envelope, Event, FramePath, Journal, JournalError, RunId};
use tokio::sync::oneshot;

/// How many events gather before they are written behind.
const BEHIND_EVENTS: usize = 256;
/// How many events gather before those who make them have to wait.
const GATHERED_EVENTS_MAX: usize = 16 * BEHIND_EVENTS;

/// Where and when an event took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The position in the run.
    pub(crate) seq: u64,
    /// Wall-clock time, in milliseconds since 1970.
    pub(crate) unix_ms: u64,
}

impl Stamp {
    /// The place of what is not written down: before everything else, and at no time.
    pub(crate) const AT_ONCE: Self = Self { seq: 0, unix_ms: 0 };
}

/// Where a run is kept.
pub(crate) struct Keeping {
    pub(crate) journal: Arc<dyn Journal>,
    /// The epoch of the lease; 0 for a new run.
    pub(crate) epoch: u64,
    /// Whether every effect is made durable at once.
    pub(crate) is_eager: bool,
}

/// A write that is going on.
#[derive(Clone)]
struct Writing {
    number: u64,
    /// The position after its last event.
    upto: u64,
    end: Shared<BoxFuture<'static, Result<(), JournalError>>>,
}

/// The sequence of one run.
pub(crate) struct Tape {
    run: RunId,
    clock: Arc<dyn Clock>,
    recorder: Arc<dyn Recorder>,
    keeping: Option<Keeping>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next_seq: u64,
    /// Events up to here are durable.
    durable: u64,
    gathered: Vec<Envelope>,
    header: Option<RunHeader>,
    /// What the next write says about the run.
    standing: Option<(RunState, Vec<Wait>)>,
    writing: Option<Writing>,
    /// How many writes were begun.
    writes: u64,
    /// Writes behind; dropping it stops that.
    behind: Option<Box<dyn Send + Sync>>,
    failed: Option<JournalError>,
    /// What steps wait for outside: each is there until its outcome is recorded.
    waits: Vec<Wait>,
    /// Who is told when the outcome of a step is recorded.
    told: Vec<(FramePath, u32, oneshot::Sender<bool>)>,
    is_closed: bool,
}

impl Tape {
    /// Makes the tape of a run whose next event has position `next_seq`.
    pub(crate) fn new(
        run: RunId,
        clock: Arc<dyn Clock>,
        recorder: Arc<dyn Recorder>,
        keeping: Option<Keeping>,
        header: Option<RunHeader>,
        next_seq: u64,
    ) -> Self {
        let state = State { next_seq, durable: next_seq, header, ..State::default() };
        Self { run, clock, recorder, keeping, state: Mutex::new(state) }
    }

    /// Tells whether the run is kept anywhere.
    pub(crate) fn is_kept(&self) -> bool {
        self.keeping.is_some()
    }

    /// Returns where the run is kept.
    pub(crate) fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.keeping.as_ref().map(|keeping| keeping.journal.clone())
    }

    /// Tells whether every effect is made durable at once.
    pub(crate) fn is_eager(&self) -> bool {
        self.keeping.as_ref().is_some_and(|keeping| keeping.is_eager)
    }

    /// Gives an event its place. After [`Tape::close`] nothing happens any more.
    pub(crate) fn record(&self, frame: &FramePath, fuel: u64, event: Event) -> Stamp {
        self.write_down(&mut self.state.lock(), frame, fuel, event)
    }

    /// Gives events their places, right behind each other: they are durable together or not at all. Returns the last place.
    pub(crate) fn record_all(&self, frame: &FramePath, fuel: u64, before: Vec<Event>, last: Event) -> Stamp {
        let mut state = self.state.lock();
        for event in before {
            self.write_down(&mut state, frame, fuel, event);
        }
        self.write_down(&mut state, frame, fuel, last)
    }

    /// Tells a piece of an answer that is being written, which is no event.
    pub(crate) fn hear(&self, frame: &FramePath, step: u32, delta: &Delta) {
        if !self.is_closed() {
            self.recorder.hear(&Heard { run: self.run, frame: frame.clone(), step, delta: delta.clone() });
        }
    }

    /// Tells whether nothing happens any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    fn write_down(&self, state: &mut State, frame: &FramePath, fuel: u64, event: Event) -> Stamp {
        let unix_ms = self.clock.unix_ms();
        let stamp = Stamp { seq: state.next_seq, unix_ms };
        if state.is_closed {
            return stamp;
        }
        state.next_seq += 1;
        state.take_off(frame, &event);
        let envelope = Envelope { run: self.run, seq: stamp.seq, frame: frame.clone(), unix_ms, fuel, event };
        // The lock is held while an event is shown, so that the order holds.
        self.recorder.record(&envelope);
        if self.keeping.is_some() {
            state.gathered.push(envelope);
        }
        stamp
    }

    /// Lists what a step waits for, until its outcome is recorded. What it waited for before is forgotten.
    pub(crate) fn wait(&self, wait: Wait) {
        let mut state = self.state.lock();
        state.forget_wait(&wait.frame, wait.step);
        state.waits.push(wait);
    }

    /// Lets nothing happen any more, if the run is quiet, and returns what it waits for. Whoever ends a wait is at work before
    /// its outcome is recorded, so nothing is recorded of what is returned.
    pub(crate) fn rest(&self, is_quiet: impl FnOnce() -> bool) -> Option<Vec<Wait>> {
        let mut state = self.state.lock();
        if !is_quiet() {
            return None;
        }
        state.close();
        Some(std::mem::take(&mut state.waits))
    }

    /// Tells, once the outcome of a step is recorded, whether the step came to something; nothing, where it never will be.
    pub(crate) fn tell(&self, frame: FramePath, step: u32, told: oneshot::Sender<bool>) {
        let mut state = self.state.lock();
        if !state.is_closed {
            state.told.push((frame, step, told));
        }
    }

    /// Makes everything durable that was recorded so far.
    pub(crate) async fn commit(&self) -> Result<(), JournalError> {
        let Some(keeping) = &self.keeping else { return Ok(()) };
        let target = self.state.lock().next_seq;
        loop {
            let writing = {
                let mut state = self.state.lock();
                if let Some(error) = &state.failed {
                    return Err(error.clone());
                }
                let is_told = !state.is_closed || (state.standing.is_none() && state.writing.is_none());
                if state.durable >= target && is_told {
                    return Ok(());
                }
                if state.writing.is_none() {
                    state.writing = Some(self.write(keeping, &mut state));
                }
                match &state.writing {
                    Some(writing) => writing.clone(),
                    None => return Ok(()),
                }
            };
            let result = writing.end.clone().await;
            self.written(&writing, result);
        }
    }

    /// Makes everything durable before something is done outside. Where the run is left meanwhile, this never returns: what
    /// was recorded since is nowhere, so nothing may be done.
    pub(crate) async fn commit_before_effect(&self) -> Result<(), JournalError> {
        self.commit().await?;
        if self.keeping.is_some() && self.state.lock().is_closed {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    /// Writes behind when much has gathered, and waits when it is too much.
    pub(crate) async fn keep_up(self: &Arc<Self>, compute: &Arc<dyn Compute>) -> Result<(), JournalError> {
        if self.keeping.is_none() {
            return Ok(());
        }
        let gathered = {
            let mut state = self.state.lock();
            let gathered = state.gathered.len();
            if gathered >= BEHIND_EVENTS && state.writing.is_none() && state.failed.is_none() {
                state.behind = Some(self.behind(compute));
            }
            gathered
        };
        if gathered >= GATHERED_EVENTS_MAX { self.commit().await } else { Ok(()) }
    }

    /// Starts to make durable what was recorded so far, without waiting for it.
    pub(crate) fn commit_behind(self: &Arc<Self>, compute: &Arc<dyn Compute>) {
        if self.keeping.is_some() {
            self.state.lock().behind = Some(self.behind(compute));
        }
    }

    /// Says with the next write what the run stands at.
    pub(crate) fn stand(&self, standing: RunState) {
        self.state.lock().standing = self.keeping.is_some().then(|| (standing, Vec::new()));
    }

    /// Says what the run stands at from now on, makes that durable, and lets nothing happen afterwards.
    pub(crate) async fn close(&self, standing: RunState, waits: Vec<Wait>) -> Result<(), JournalError> {
        {
            let mut state = self.state.lock();
            state.close();
            state.standing = self.keeping.is_some().then_some((standing, waits));
        }
        self.commit().await
    }

    /// Lets nothing happen any more, without a word about the run.
    pub(crate) fn abandon(&self) {
        self.state.lock().close();
    }

    fn behind(self: &Arc<Self>, compute: &Arc<dyn Compute>) -> Box<dyn Send + Sync> {
        let tape = self.clone();
        compute.spawn(Box::pin(async move {
            // Whoever commits next is told of a failure.
            let _ = tape.commit().await;
        }))
    }

    /// Begins to write what has gathered.
    fn write(&self, keeping: &Keeping, state: &mut State) -> Writing {
        let (standing, waits) = state.standing.take().unzip();
        let batch = Batch {
            run: self.run,
            epoch: keeping.epoch,
            first_seq: state.durable,
            events: std::mem::take(&mut state.gathered),
            header: state.header.take(),
            state: standing,
            waits,
        };
        state.writes += 1;
        Writing { number: state.writes, upto: state.next_seq, end: keeping.journal.append(batch).shared() }
    }

    /// Notes the end of a write; the first of those who waited for it does.
    fn written(&self, writing: &Writing, result: Result<(), JournalError>) {
        let mut state = self.state.lock();
        if state.writing.as_ref().is_some_and(|current| current.number == writing.number) {
            state.writing = None;
            match result {
                Ok(()) => state.durable = writing.upto,
                Err(error) => state.failed = Some(error),
            }
        }
    }
}

impl State {
    /// Takes a step off that has its outcome, and tells whoever wants to know of it.
    fn take_off(&mut self, frame: &FramePath, event: &Event) {
        let Event::Outcome { step, outcome } = event else { return };
        self.forget_wait(frame, *step);
        let is_this = |one: &mut (FramePath, u32, _)| one.1 == *step && one.0 == *frame;
        for (_, _, told) in self.told.extract_if(.., is_this) {
            // Whoever wanted to know may be gone.
            let _ = told.send(outcome.is_ok());
        }
    }

    fn forget_wait(&mut self, frame: &FramePath, step: u32) {
        self.waits.retain(|wait| wait.step != step || wait.frame != *frame);
    }

    fn close(&mut self) {
        self.is_closed = true;
        self.told.clear();
    }
}
