// SPDX-License-Identifier: MIT OR Apache-2.0
//! The gates of a host: what stands before its tools and agents, shared by all of its runs.
//!
//! A gate is asked once for a call, after the grants and before a frame is opened. What it decides is the outcome of the
//! call like any other; on the way back to where a run was nobody asks it. It holds no task and no timer of its own: who
//! waits for a turn looks for it.
//!
//! A call below a call of the same name in the same run is a part of that one: it takes no second place, and the breaker
//! neither holds it back nor counts it. Else an agent that calls itself would wait for itself.

mod breaker;
mod pace;
mod queue;
mod registry;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::gate::{Fault, GateSpec, Refusal};
use priory_core::ports::Clock;
use serde::Serialize;

pub(crate) use breaker::Verdict;
pub use registry::Gates;

use breaker::{Breaker, Stand, Turned};
use pace::{Lately, Turns};
use queue::{Place, Queue};

use crate::activity::Activity;

/// How many calls may wait at one gate. Each is a frame that waits, so it is what a host holds at most, and more.
pub const WAITING_MAX: usize = 4_096;

/// Over which time calls are counted for show, where nothing of the gate says another.
const PERIOD: Duration = Duration::from_secs(60);

/// What a gate stands before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateKind {
    /// A tool.
    Tool,
    /// An agent.
    Agent,
}

/// Whether a gate lets calls through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateState {
    /// It does.
    Closed,
    /// Its breaker does not.
    Open,
    /// Its breaker lets a few try whether the program works again.
    HalfOpen,
}

/// How a gate stands at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GateInfo {
    /// What it stands before.
    pub kind: GateKind,
    /// The name of that.
    pub name: Arc<str>,
    /// Whether its breaker lets calls through.
    pub state: GateState,
    /// How many failures count at the moment; where it is not closed, how many opened it.
    pub failures: u32,
    /// Until when it is open, in milliseconds since 1970.
    pub until_unix_ms: Option<u64>,
    /// How many calls have passed it and go on.
    pub running: u32,
    /// How many calls wait for their turn.
    pub waiting: usize,
    /// How many calls passed it in the last period, about.
    pub calls: u64,
    /// How long that period is, in milliseconds.
    pub period_ms: u64,
    /// The last failure that counted.
    pub last_failure: Option<Fault>,
}

/// In which way a call comes to a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// As any other.
    New,
    /// From below a call that has passed the same gate in the same run.
    Within,
    /// It passed the gate before its run was taken up again, and goes on.
    Back,
}

/// What stands before one program.
pub(crate) struct Gate {
    kind: GateKind,
    name: Arc<str>,
    clock: Arc<dyn Clock>,
    concurrency: Option<u32>,
    wait_max: Duration,
    period: Duration,
    /// Held for a moment by whoever asks, passes or ends.
    state: Mutex<State>,
}

struct State {
    breaker: Option<Breaker>,
    turns: Option<Turns>,
    running: u32,
    queue: Queue,
    lately: Lately,
}

/// What became of asking for a turn.
enum Asked {
    /// It was taken; the breaker is told of the end with this.
    Taken(Option<u64>),
    Refused(Refusal),
    /// Nobody knows when there is a place: somebody else has to end.
    Full,
    /// There is a turn at this time.
    At(Duration),
}

// === impl Gate ===

impl Gate {
    fn new(kind: GateKind, name: Arc<str>, spec: &GateSpec, clock: Arc<dyn Clock>) -> Self {
        let spec = spec.clone().within_bounds();
        let rate = spec.rate.unwrap_or_default();
        let window_ms = spec.breaker.as_ref().and_then(|breaker| breaker.window_ms);
        let period_ms = rate.pace.map(|pace| pace.per_ms).or(window_ms);
        let period = period_ms.map_or(PERIOD, Duration::from_millis);
        let now = clock.elapsed();
        let state = State {
            breaker: spec.breaker.map(Breaker::new),
            turns: rate.pace.map(|pace| Turns::new(pace, now)),
            running: 0,
            queue: Queue::default(),
            lately: Lately::new(period),
        };
        let (concurrency, wait_max) = (rate.concurrency, Duration::from_millis(rate.wait_ms_max));
        Self { kind, name, clock, concurrency, wait_max, period, state: Mutex::new(state) }
    }

    /// Passes, or says why not. A call waits for its turn as long as it may, and not beyond `patience`.
    pub(crate) async fn pass(
        self: &Arc<Self>,
        way: Way,
        patience: Option<Duration>,
        activity: &Activity,
    ) -> Result<Pass, Refusal> {
        if way == Way::Back {
            return Ok(self.pass_again());
        }
        let wait = self.wait_max.min(patience.unwrap_or(Duration::MAX));
        let give_up = self.clock.elapsed().saturating_add(wait);
        let place = {
            let now = self.clock.elapsed();
            let mut state = self.state.lock();
            let ahead = state.queue.ahead(way);
            let asked = if ahead == 0 { state.ask(now, way, self.concurrency) } else { Asked::Full };
            match asked {
                Asked::Taken(epoch) => return Ok(self.passed(way, epoch)),
                Asked::Refused(refusal) => return Err(refusal),
                Asked::Full | Asked::At(_) => {}
            }
            if let Some(refusal) = self.cannot_wait(&mut state, now, ahead, wait) {
                return Err(refusal);
            }
            state.queue.join(self, way)
        };
        // It may wait for calls of its own run, and they for what is free of its ledger.
        let _held = self.concurrency.map(|_| activity.hold());
        self.wait(way, &place, give_up, wait).await
    }

    /// Waits at a place for a turn.
    async fn wait(
        self: &Arc<Self>,
        way: Way,
        place: &Place,
        give_up: Duration,
        wait: Duration,
    ) -> Result<Pass, Refusal> {
        loop {
            let now = self.clock.elapsed();
            let until = {
                let mut state = self.state.lock();
                let asked = match state.queue.is_first(place) {
                    true => state.ask(now, way, self.concurrency),
                    false => Asked::Full,
                };
                match asked {
                    Asked::Taken(epoch) => return Ok(self.passed(way, epoch)),
                    Asked::Refused(refusal) => return Err(refusal),
                    Asked::Full | Asked::At(_) if now >= give_up => return Err(self.no_turn(&mut state, now, 0, wait)),
                    Asked::Full => give_up,
                    Asked::At(at) => at.min(give_up),
                }
            };
            place.woken_or(self.clock.sleep_until(until)).await;
        }
    }

    /// Passes once more, whatever holds now: what goes on is not stopped half-way.
    fn pass_again(self: &Arc<Self>) -> Pass {
        let mut state = self.state.lock();
        state.running = state.running.saturating_add(1);
        let epoch = state.breaker.as_ref().and_then(Breaker::let_through_unasked);
        self.passed(Way::Back, epoch)
    }

    fn passed(self: &Arc<Self>, way: Way, epoch: Option<u64>) -> Pass {
        Pass { gate: self.clone(), has_place: way != Way::Within, epoch, is_open: true }
    }

    /// Says why a call need not even wait: there is no room, or its turn would come too late.
    fn cannot_wait(&self, state: &mut State, now: Duration, ahead: usize, wait: Duration) -> Option<Refusal> {
        if wait.is_zero() {
            return Some(self.no_turn(state, now, ahead, wait));
        }
        if state.queue.len() >= WAITING_MAX {
            return Some(Refusal::Queue { most: WAITING_MAX });
        }
        let turn = state.turns.as_mut().and_then(|turns| turns.ready_at(now, ahead));
        turn.filter(|at| *at > now.saturating_add(wait)).map(|_| self.no_turn(state, now, ahead, wait))
    }

    /// Says for want of what there is no turn.
    fn no_turn(&self, state: &mut State, now: Duration, ahead: usize, wait: Duration) -> Refusal {
        let wait_ms = ceil_ms(wait);
        let next = state.turns.as_mut().and_then(|turns| Some((turns.pace, turns.ready_at(now, ahead)?)));
        match (next, self.concurrency) {
            (Some((pace, at)), _) => Refusal::Pace { pace, next_ms: ceil_ms(at.saturating_sub(now)), wait_ms },
            (None, Some(most)) => Refusal::Concurrency { most, wait_ms },
            // Others were before it, and have gone meanwhile.
            (None, None) => Refusal::Queue { most: state.queue.len() },
        }
    }

    /// Tells whether a failure counts against the program.
    pub(crate) fn counts(&self, fault: Fault) -> bool {
        self.state.lock().breaker.as_ref().is_some_and(|breaker| breaker.spec.on.contains(&fault))
    }

    /// Tells of what it stands before, in the words of effects.
    pub(crate) fn subject(&self) -> String {
        match self.kind {
            GateKind::Tool => format!("tool {}", self.name),
            GateKind::Agent => format!("agent {}", self.name),
        }
    }

    /// Tells how it stands.
    fn info(&self) -> GateInfo {
        let now = self.clock.elapsed();
        let mut state = self.state.lock();
        let stand = state.breaker.as_mut().map_or(Stand::Closed { failures: 0 }, |breaker| breaker.stand(now));
        let (state_now, failures, until) = match stand {
            Stand::Closed { failures } => (GateState::Closed, failures, None),
            Stand::Open { until, failures } => (GateState::Open, failures, Some(until)),
            Stand::HalfOpen { failures } => (GateState::HalfOpen, failures, None),
        };
        let left_ms = until.map(|until| ceil_ms(until.saturating_sub(now)));
        GateInfo {
            kind: self.kind,
            name: self.name.clone(),
            state: state_now,
            failures,
            until_unix_ms: left_ms.map(|left_ms| self.clock.unix_ms().saturating_add(left_ms)),
            running: state.running,
            waiting: state.queue.len(),
            calls: state.lately.about(now),
            period_ms: ceil_ms(self.period),
            last_failure: state.breaker.as_ref().and_then(Breaker::last),
        }
    }

    /// Tells whether a new gate would be just as this one.
    fn is_idle(&self) -> bool {
        let now = self.clock.elapsed();
        let mut state = self.state.lock();
        let is_quiet = state.running == 0 && state.queue.len() == 0;
        let is_closed = state.breaker.as_mut().is_none_or(|b| b.stand(now) == Stand::Closed { failures: 0 });
        is_quiet && is_closed && state.turns.as_mut().is_none_or(|turns| turns.is_full(now))
    }

    fn end(&self, has_place: bool, epoch: Option<u64>, verdict: Verdict) {
        let now = self.clock.elapsed();
        let turned = {
            let mut state = self.state.lock();
            if has_place {
                state.running = state.running.saturating_sub(1);
            }
            let turned = epoch.and_then(|epoch| state.breaker.as_mut()?.end(now, epoch, verdict));
            state.queue.wake_first();
            turned
        };
        match turned {
            Some(Turned::Opened(last)) => tracing::warn!(gate = self.subject(), %last, "a breaker opens"),
            Some(Turned::Closed) => tracing::info!(gate = self.subject(), "a breaker closes"),
            None => {}
        }
    }
}

// === impl State ===

impl State {
    /// Takes a turn where there is one. Whoever asks is the first of those who wait.
    fn ask(&mut self, now: Duration, way: Way, concurrency: Option<u32>) -> Asked {
        if way == Way::New {
            if let Some(Err(refusal)) = self.breaker.as_ref().map(|breaker| breaker.check(now)) {
                return Asked::Refused(refusal);
            }
            if concurrency.is_some_and(|most| self.running >= most) {
                return Asked::Full;
            }
        }
        if let Some(turns) = &mut self.turns {
            if let Some(at) = turns.ready_at(now, 0) {
                return Asked::At(at);
            }
            turns.take();
        }
        self.lately.count(now);
        if way == Way::Within {
            return Asked::Taken(None);
        }
        self.running = self.running.saturating_add(1);
        Asked::Taken(self.breaker.as_mut().map(Breaker::let_through))
    }
}

/// That a call has passed a gate, until it is dropped. Dropped without a word, it was withdrawn.
pub(crate) struct Pass {
    gate: Arc<Gate>,
    has_place: bool,
    epoch: Option<u64>,
    is_open: bool,
}

impl Pass {
    /// Says how the call came out.
    pub(crate) fn end(mut self, verdict: Verdict) {
        self.is_open = false;
        self.gate.end(self.has_place, self.epoch, verdict);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_open {
            self.gate.end(self.has_place, self.epoch, Verdict::Nothing);
        }
    }
}

/// The gates that a frame and those above it have passed, from the last to the first.
pub(crate) struct Passed {
    gate: Arc<Gate>,
    above: Option<Arc<Passed>>,
}

impl Passed {
    /// Adds the gate that a frame has passed, if it has, to those above it.
    pub(crate) fn below(above: Option<Arc<Self>>, gate: Option<Arc<Gate>>) -> Option<Arc<Self>> {
        match gate {
            Some(gate) => Some(Arc::new(Self { gate, above })),
            None => above,
        }
    }

    /// Tells whether a gate is among them.
    pub(crate) fn has(mut passed: Option<&Arc<Self>>, gate: &Arc<Gate>) -> bool {
        // As long as frames are deep, so this ends.
        while let Some(this) = passed {
            if Arc::ptr_eq(&this.gate, gate) {
                return true;
            }
            passed = this.above.as_ref();
        }
        false
    }
}

/// Returns the milliseconds of a time, begun ones included.
fn ceil_ms(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
