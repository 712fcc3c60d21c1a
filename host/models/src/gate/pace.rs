// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often a provider is asked: turns that come one after the other, a burst of them at once. All in whole numbers.

use std::time::Duration;

use priory_core::gate::Pace;

/// Turns for requests. Times are counted in nanoseconds times the calls of the pace, so that nothing is rounded.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) pace: Pace,
    calls: u128,
    /// The time between two turns.
    each: u128,
    /// By how much a turn may be early.
    early: u128,
    /// When the next turn would be if every one were taken as late as possible.
    next: u128,
}

impl Turns {
    pub(super) fn new(pace: Pace) -> Self {
        let calls = u128::from(pace.calls.max(1));
        let each = Duration::from_millis(pace.per_ms.max(1)).as_nanos();
        let early = each.saturating_mul(u128::from(pace.burst.max(1) - 1));
        Self { pace, calls, each, early, next: 0 }
    }

    /// Returns when the next turn is.
    pub(super) fn ready_at(&self, now: Duration) -> Duration {
        let earliest = self.next.saturating_sub(self.early);
        let ns = u64::try_from(earliest.div_ceil(self.calls)).unwrap_or(u64::MAX);
        now.max(Duration::from_nanos(ns))
    }

    /// Takes the next turn.
    pub(super) fn take(&mut self, now: Duration) {
        let now = now.as_nanos().saturating_mul(self.calls);
        self.next = self.next.max(now).saturating_add(self.each);
    }

    /// Gives back a turn that was taken and is not needed.
    pub(super) fn give_back(&mut self) {
        self.next = self.next.saturating_sub(self.each);
    }
}
