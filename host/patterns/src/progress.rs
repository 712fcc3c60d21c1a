// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether anything moves: the same again and again, or one and the other by turns, is not progress.

/// What stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stall {
    /// The same came so many times in a row.
    Repeated {
        /// How often.
        times: usize,
    },
    /// Two came by turns: one went back to the other so many times in a row.
    Bounced {
        /// How often.
        times: usize,
    },
}

/// Watches what comes. What counts as the same is up to the key: an effect with its outcome, or the name of an agent.
#[derive(Debug, Clone)]
pub struct Progress<K> {
    repeats_max: usize,
    bounces_max: usize,
    last: Option<K>,
    /// The one before `last` that was another.
    before: Option<K>,
    repeats: usize,
    bounces: usize,
}

impl<K: Eq> Progress<K> {
    /// Begins to watch. It stalls when the same came `repeats_max` times in a row, or when one went back to the other
    /// `bounces_max` times in a row; `usize::MAX` is never.
    pub fn new(repeats_max: usize, bounces_max: usize) -> Self {
        Self { repeats_max, bounces_max, last: None, before: None, repeats: 0, bounces: 0 }
    }

    /// Notes what came, and tells when it stands still by now.
    pub fn saw(&mut self, key: K) -> Option<Stall> {
        if self.last.as_ref() == Some(&key) {
            self.repeats = self.repeats.saturating_add(1);
            // A, A, B, B is no exchange.
            self.bounces = 0;
            self.before = None;
            return (self.repeats >= self.repeats_max).then_some(Stall::Repeated { times: self.repeats });
        }
        self.repeats = 1;
        self.bounces = if self.before.as_ref() == Some(&key) { self.bounces.saturating_add(1) } else { 0 };
        self.before = self.last.replace(key);
        if self.bounces > 0 && self.bounces >= self.bounces_max {
            return Some(Stall::Bounced { times: self.bounces });
        }
        (self.repeats >= self.repeats_max).then_some(Stall::Repeated { times: self.repeats })
    }

    /// Returns what came last, and what came before it.
    pub fn last(&self) -> (Option<&K>, Option<&K>) {
        (self.last.as_ref(), self.before.as_ref())
    }
}
