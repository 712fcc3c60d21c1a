// SPDX-License-Identifier: MIT OR Apache-2.0
//! A fake clock: its time only moves when a test moves it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::ports::{BoxFuture, Clock};

/// A fake clock. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct SimClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    start_unix_ms: u64,
    elapsed: Duration,
    /// Who sleeps until when.
    sleepers: Vec<(Duration, Waker)>,
}

impl SimClock {
    /// Makes a clock that stands at a time, in milliseconds since 1970.
    pub fn at(unix_ms: u64) -> Self {
        let state = State { start_unix_ms: unix_ms, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Returns for how long the next sleeper still sleeps, one that has been given up included.
    pub fn next_wake(&self) -> Option<Duration> {
        let state = self.state.lock();
        state.sleepers.iter().map(|(until, _)| until.saturating_sub(state.elapsed)).min()
    }

    /// Puts the clock forward and wakes those whose time has come.
    pub fn advance(&self, by: Duration) {
        let due: Vec<Waker> = {
            let mut state = self.state.lock();
            state.elapsed = state.elapsed.saturating_add(by);
            let now = state.elapsed;
            let (due, later) = std::mem::take(&mut state.sleepers).into_iter().partition(|(until, _)| *until <= now);
            state.sleepers = later;
            let due: Vec<(Duration, Waker)> = due;
            due.into_iter().map(|(_, waker)| waker).collect()
        };
        due.into_iter().for_each(Waker::wake);
    }
}

impl Clock for SimClock {
    fn unix_ms(&self) -> u64 {
        let state = self.state.lock();
        state.start_unix_ms.saturating_add(u64::try_from(state.elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.state.lock().elapsed
    }

    fn sleep_until(&self, until: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        Box::pin(poll_fn(move |cx| {
            let mut state = clock.state.lock();
            if state.elapsed >= until {
                return Poll::Ready(());
            }
            state.sleepers.push((until, cx.waker().clone()));
            Poll::Pending
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Context;

    #[test]
    fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = SimClock::at(1_000);
        let mut sleep = clock.sleep_until(Duration::from_millis(5));
        let mut poll = || sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(!poll());
        clock.advance(Duration::from_millis(4));
        assert!(!poll());
        clock.advance(Duration::from_millis(1));
        assert!(poll());
        assert_eq!(clock.unix_ms(), 1_005);
    }
}
