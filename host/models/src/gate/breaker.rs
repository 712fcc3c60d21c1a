// SPDX-License-Identifier: MIT OR Apache-2.0
//! The breaker of one provider: closed, open, or half open. It has no timer: it is asked what holds at a time.

use std::collections::VecDeque;
use std::time::Duration;

use priory_core::gate::{BreakerSpec, Fault, Refusal};

/// How a request came out, as far as it says something about the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The provider works.
    Answered,
    /// The provider failed.
    Failed(Fault),
    /// It says nothing: it was withdrawn, or failed for another reason than the provider.
    Nothing,
}

/// Opens after failures, and closes when its provider works again.
#[derive(Debug)]
pub(super) struct Breaker {
    spec: BreakerSpec,
    state: State,
    /// Counts the changes of state: a request that ends after one belongs to what was before, and says nothing any more.
    epoch: u64,
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
        Self { spec, state: State::Closed(VecDeque::new()), epoch: 0 }
    }

    /// Tells whether a request may go through, without letting it.
    pub(super) fn check(&self, now: Duration) -> Result<(), Refusal> {
        match self.state {
            State::Open { until, last } if now < until => {
                let left_ms = u64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX);
                Err(Refusal::Open { left_ms, failures: self.spec.failures, last })
            }
            State::HalfOpen { let_through, last, .. } if let_through >= self.spec.probes => {
                Err(Refusal::Tried { probes: self.spec.probes, last })
            }
            State::Closed(_) | State::Open { .. } | State::HalfOpen { .. } => Ok(()),
        }
    }

    /// Lets a request through for which [`Breaker::check`] holds, and returns what its end is told with.
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

    /// Counts how a request came out. Returns whether it opened or closed by that; `None` where it stays as it was.
    pub(super) fn end(&mut self, now: Duration, epoch: u64, verdict: Verdict) -> Option<bool> {
        if epoch != self.epoch {
            return None;
        }
        let verdict = match verdict {
            Verdict::Failed(fault) if !self.spec.on.contains(&fault) => Verdict::Nothing,
            verdict => verdict,
        };
        self.forget_old(now);
        let until = now.saturating_add(Duration::from_millis(self.spec.open_ms));
        match (&mut self.state, verdict) {
            (State::Closed(failures), Verdict::Failed(last)) => {
                failures.push_back(now);
                let is_many = u32::try_from(failures.len()).unwrap_or(u32::MAX) >= self.spec.failures;
                is_many.then(|| self.turn(State::Open { until, last }))?;
                Some(true)
            }
            (State::Closed(failures), Verdict::Answered) => {
                if self.spec.window_ms.is_none() {
                    failures.clear();
                }
                None
            }
            (State::HalfOpen { .. }, Verdict::Failed(last)) => {
                self.turn(State::Open { until, last });
                Some(true)
            }
            (State::HalfOpen { answered, .. }, Verdict::Answered) => {
                *answered = answered.saturating_add(1);
                let is_enough = *answered >= self.spec.probes;
                is_enough.then(|| self.turn(State::Closed(VecDeque::new())))?;
                Some(false)
            }
            (State::HalfOpen { let_through, .. }, Verdict::Nothing) => {
                *let_through = let_through.saturating_sub(1);
                None
            }
            (State::Closed(_), Verdict::Nothing) | (State::Open { .. }, _) => None,
        }
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
