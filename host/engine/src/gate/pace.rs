// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often a program is called: turns that come back with time, and what was counted lately. All in whole numbers.

use std::time::Duration;

use priory_core::gate::Pace;

/// Turns for calls. A turn that is taken comes back with time; there are never more than the burst.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) pace: Pace,
    /// How much of a turn comes back in a nanosecond; a whole turn is `whole`.
    each_ns: u128,
    whole: u128,
    most: u128,
    level: u128,
    /// Up to when they came back.
    filled: Duration,
}

impl Turns {
    pub(super) fn new(pace: Pace, now: Duration) -> Self {
        let whole = Duration::from_millis(pace.per_ms).as_nanos().max(1);
        let most = whole.saturating_mul(u128::from(pace.burst.max(1)));
        Self { pace, each_ns: u128::from(pace.calls.max(1)), whole, most, level: most, filled: now }
    }

    /// Returns when there would be a turn for one before whom others get theirs; `None` when that is now.
    pub(super) fn ready_at(&mut self, now: Duration, ahead: usize) -> Option<Duration> {
        self.fill(now);
        let wanted = self.whole.saturating_mul(u128::try_from(ahead).unwrap_or(u128::MAX).saturating_add(1));
        let missing = wanted.saturating_sub(self.level);
        if missing == 0 {
            return None;
        }
        let wait_ns = u64::try_from(missing.div_ceil(self.each_ns)).unwrap_or(u64::MAX);
        Some(now.saturating_add(Duration::from_nanos(wait_ns)))
    }

    /// Takes a turn, where [`Turns::ready_at`] says that there is one.
    pub(super) fn take(&mut self) {
        self.level = self.level.saturating_sub(self.whole);
    }

    /// Tells whether all turns are back.
    pub(super) fn is_full(&mut self, now: Duration) -> bool {
        self.fill(now);
        self.level == self.most
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled).as_nanos();
        self.filled = self.filled.max(now);
        self.level = self.level.saturating_add(passed.saturating_mul(self.each_ns)).min(self.most);
    }
}

/// How many calls there were in the last period, about: those of the period before count by the part of it that is not
/// over yet.
#[derive(Debug)]
pub(super) struct Lately {
    period_ns: u128,
    index: u128,
    before: u64,
    now: u64,
}

impl Lately {
    pub(super) fn new(period: Duration) -> Self {
        Self { period_ns: period.as_nanos().max(1), index: 0, before: 0, now: 0 }
    }

    pub(super) fn count(&mut self, now: Duration) {
        self.move_on(now);
        self.now = self.now.saturating_add(1);
    }

    pub(super) fn about(&mut self, now: Duration) -> u64 {
        self.move_on(now);
        let left = self.period_ns.saturating_sub(now.as_nanos() % self.period_ns);
        let before = u128::from(self.before).saturating_mul(left) / self.period_ns;
        self.now.saturating_add(u64::try_from(before).unwrap_or(u64::MAX))
    }

    fn move_on(&mut self, now: Duration) {
        let index = now.as_nanos() / self.period_ns;
        match index.saturating_sub(self.index) {
            0 => return,
            1 => (self.before, self.now) = (self.now, 0),
            _ => (self.before, self.now) = (0, 0),
        }
        self.index = index;
    }
}
