// SPDX-License-Identifier: MIT OR Apache-2.0
//! The breaker of one program: closed, open, or half open. It has no timer: it is asked what holds at a time.

use std::collections::VecDeque;
use std::time::Duration;

use priory_core::gate::{BreakerSpec, Fault, Refusal};

use super::ceil_ms;

/// How a call came out, as far as it says something about the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The program did what it is for.
    Answered,
    /// The program failed.
    Failed(Fault),
    /// It says nothing: it was withdrawn, or failed for another reason than the program.
    Nothing,
}

/// A change that an operator wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    Opened(Fault),
    Closed,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Closed { failures: u32 },
    Open { until: Duration, failures: u32 },
    HalfOpen { failures: u32 },
}

/// Opens after failures, and closes when its program works again.
#[derive(Debug)]
pub(super) struct Breaker {
    pub(super) spec: BreakerSpec,
    state: State,
    /// Counts the changes of state: a call that ends after one belongs to what was before, and says nothing any more.
    epoch: u64,
    last: Option<Fault>,
}

#[derive(Debug)]
enum State {
    /// With when each failure was that still counts; never more than open it.
    Closed(VecDeque<Duration>),
    Open {
        until: Duration,
        last: Fault,
    },
    HalfOpen {
        let_through: u32,
        answered: u32,
        last: Fault,
    },
}

impl Breaker {
    pub(super) fn new(spec: BreakerSpec) -> Self {
        Self { spec, state: State::Closed(VecDeque::new()), epoch: 0, last: None }
    }

    /// Tells whether a call may go through, without letting it.
    pub(super) fn check(&self, now: Duration) -> Result<(), Refusal> {
        match self.state {
            State::Open { until, last } if now < until => {
                Err(Refusal::Open { left_ms: ceil_ms(until.saturating_sub(now)), failures: self.spec.failures, last })
            }
            State::HalfOpen { let_through, last, .. } if let_through >= self.spec.probes => {
                Err(Refusal::Tried { probes: self.spec.probes, last })
            }
            State::Closed(_) | State::Open { .. } | State::HalfOpen { .. } => Ok(()),
        }
    }

    /// Lets a call through for which [`Breaker::check`] holds, and returns what its end is told with.
    pub(super) fn let_through(&mut self) -> u64 {
        match &mut self.state {
            State::Closed(_) => {}
            State::Open { last, .. } => {
                let last = *last;
                self.turn(State::HalfOpen { let_through: 1, answered: 0, last });
            }
            State::HalfOpen { let_through, .. } => *let_through = let_through.saturating_add(1),
        }
        self.epoch
    }

    /// Returns what the end of a call is told with that is let through without being asked about: only while it is closed
    /// does it say something.
    pub(super) fn let_through_unasked(&self) -> Option<u64> {
        matches!(self.state, State::Closed(_)).then_some(self.epoch)
    }

    /// Counts how a call came out.
    pub(super) fn end(&mut self, now: Duration, epoch: u64, verdict: Verdict) -> Option<Turned> {
        if epoch != self.epoch {
            return None;
        }
        if let Verdict::Failed(fault) = verdict {
            self.last = Some(fault);
        }
        self.forget_old(now);
        let until = now.saturating_add(Duration::from_millis(self.spec.open_ms));
        match (&mut self.state, verdict) {
            (State::Closed(failures), Verdict::Failed(last)) => {
                failures.push_back(now);
                if u32::try_from(failures.len()).unwrap_or(u32::MAX) < self.spec.failures {
                    return None;
                }
                self.turn(State::Open { until, last });
                Some(Turned::Opened(last))
            }
            (State::Closed(failures), Verdict::Answered) => {
                if self.spec.window_ms.is_none() {
                    failures.clear();
                }
                None
            }
            (State::HalfOpen { .. }, Verdict::Failed(last)) => {
                self.turn(State::Open { until, last });
                Some(Turned::Opened(last))
            }
            (State::HalfOpen { answered, .. }, Verdict::Answered) => {
                *answered = answered.saturating_add(1);
                if *answered < self.spec.probes {
                    return None;
                }
                self.turn(State::Closed(VecDeque::new()));
                Some(Turned::Closed)
            }
            (State::HalfOpen { let_through, .. }, Verdict::Nothing) => {
                *let_through = let_through.saturating_sub(1);
                None
            }
            (State::Closed(_), Verdict::Nothing) | (State::Open { .. }, _) => None,
        }
    }

    /// Tells where it stands at a time.
    pub(super) fn stand(&mut self, now: Duration) -> Stand {
        self.forget_old(now);
        let failures = self.spec.failures;
        match &self.state {
            State::Closed(failures) => Stand::Closed { failures: u32::try_from(failures.len()).unwrap_or(u32::MAX) },
            State::Open { until, .. } if now < *until => Stand::Open { until: *until, failures },
            State::Open { .. } | State::HalfOpen { .. } => Stand::HalfOpen { failures },
        }
    }

    /// Returns the last failure that counted.
    pub(super) fn last(&self) -> Option<Fault> {
        self.last
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.saturating_add(1);
    }

    /// Forgets the failures that lie further back than the window.
    fn forget_old(&mut self, now: Duration) {
        let (State::Closed(failures), Some(window_ms)) = (&mut self.state, self.spec.window_ms) else { return };
        let window = Duration::from_millis(window_ms);
        while failures.front().is_some_and(|then| now.saturating_sub(*then) >= window) {
            failures.pop_front();
        }
    }
}
