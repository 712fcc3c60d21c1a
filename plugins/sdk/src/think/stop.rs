// SPDX-License-Identifier: MIT OR Apache-2.0
//! When thinking has to come to an end.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Ending;
use crate::budget::Remaining;
use crate::model::Completion;

/// How much of what the last turn took must be left for two more of them, in tenths: the window grows meanwhile.
const TWO_TURNS: u64 = 25;
/// Tokens that an answer may need at least.
const ANSWER_TOKENS: u64 = 256;
/// Effects that are kept for the end.
const CALLS_LEAST: u64 = 8;
/// The part of the fuel that is kept for the end.
const FUEL_PART: u64 = 16;
/// Calls whose outcomes are kept; who makes more different ones goes on, and is not in a circle.
const CALLS_KEPT_MAX: usize = 1_000;

/// What the last turn took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    input: u64,
    output: u64,
    microusd: u64,
    /// Fuel that there was in the beginning.
    fuel: u64,
}

impl Taken {
    pub(super) fn note(&mut self, completion: &Completion) {
        self.input = completion.usage.input;
        self.output = self.output.max(completion.usage.output);
        self.microusd = self.microusd.max(completion.microusd);
    }

    /// Tells whether there is too little left for another turn and an answer after it.
    pub(super) fn is_nearly_all(&mut self, left: &Remaining) -> bool {
        self.fuel = self.fuel.max(left.fuel_own);
        let needs = |taken: u64| taken.saturating_mul(TWO_TURNS) / 10;
        left.tokens_in < needs(self.input)
            || left.tokens_out < needs(self.output.max(ANSWER_TOKENS))
            || left.money_microusd < needs(self.microusd)
            || left.calls < CALLS_LEAST
            || left.fuel_own < self.fuel / FUEL_PART
    }
}

/// What each call came to the last time, and how often in a row; and what failed.
#[derive(Debug, Default)]
pub(super) struct Tally {
    came: BTreeMap<(String, String), (u64, u32)>,
    failures: BTreeMap<String, u32>,
    failures_all: u32,
    refused_repeats: u32,
}

impl Tally {
    /// Returns how often in a row a call came to the same.
    pub(super) fn times(&self, name: &str, arguments: &str) -> u32 {
        self.came.get(&(name.to_owned(), arguments.to_owned())).map_or(0, |(_, times)| *times)
    }

    /// Notes what a call came to.
    pub(super) fn note(&mut self, name: &str, arguments: &str, content: &str) {
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let now = hasher.finish();
        if self.came.len() >= CALLS_KEPT_MAX {
            self.came.clear();
        }
        let (last, times) = self.came.entry((name.to_owned(), arguments.to_owned())).or_insert((now, 0));
        *times = if *last == now { times.saturating_add(1) } else { 1 };
        *last = now;
    }

    /// Notes a call that was refused because it came to the same again and again.
    pub(super) fn repeated(&mut self) {
        self.refused_repeats = self.refused_repeats.saturating_add(1);
    }

    /// Notes whether a call of a tool gave a result.
    pub(super) fn ended(&mut self, name: &str, is_failure: bool) {
        let in_a_row = self.failures.entry(name.to_owned()).or_default();
        if is_failure {
            *in_a_row = in_a_row.saturating_add(1);
            self.failures_all = self.failures_all.saturating_add(1);
        } else {
            *in_a_row = 0;
        }
    }

    /// Returns how often in a row calls of a tool failed.
    pub(super) fn failures(&self, name: &str) -> u32 {
        self.failures.get(name).copied().unwrap_or_default()
    }

    /// Tells whether to go on makes no sense any more. The first repetition is only told to the model.
    pub(super) fn ending(&self, failures_max: u32) -> Option<Ending> {
        if self.refused_repeats > 1 {
            Some(Ending::Repeats)
        } else if self.failures_all >= failures_max.max(1) {
            Some(Ending::Failures)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{PLENTY, answered};

    #[test]
    fn it_is_nearly_all_when_two_more_turns_do_not_fit() {
        let mut taken = Taken::default();
        assert!(!taken.is_nearly_all(&PLENTY));
        taken.note(&Completion { microusd: 1_000, ..answered("x") });
        // The answer took 100 tokens to read and 10 to write; 256 are kept for one.
        assert!(!taken.is_nearly_all(&PLENTY));
        assert!(!taken.is_nearly_all(&Remaining { tokens_in: 250, ..PLENTY }));
        assert!(taken.is_nearly_all(&Remaining { tokens_in: 249, ..PLENTY }));
        assert!(taken.is_nearly_all(&Remaining { tokens_out: 639, ..PLENTY }));
        assert!(!taken.is_nearly_all(&Remaining { tokens_out: 640, ..PLENTY }));
        assert!(taken.is_nearly_all(&Remaining { money_microusd: 2_499, ..PLENTY }));
        assert!(taken.is_nearly_all(&Remaining { calls: 7, ..PLENTY }));
        assert!(taken.is_nearly_all(&Remaining { fuel_own: u64::MAX / 17, ..PLENTY }));
    }

    #[test]
    fn only_what_comes_to_the_same_is_a_repetition() {
        let mut tally = Tally::default();
        for content in ["a", "a", "b", "b", "b"] {
            tally.note("files.read", "{}", content);
        }
        assert_eq!((tally.times("files.read", "{}"), tally.times("files.read", "{\"x\":1}")), (3, 0));
        tally.repeated();
        assert_eq!(tally.ending(9), None);
        tally.repeated();
        assert_eq!(tally.ending(9), Some(Ending::Repeats));
    }

    #[test]
    fn failures_count_in_a_row_for_a_tool_and_altogether() {
        let mut tally = Tally::default();
        for (name, is_failure) in [("a", true), ("a", true), ("b", true), ("a", false), ("a", true)] {
            tally.ended(name, is_failure);
        }
        assert_eq!((tally.failures("a"), tally.failures("b"), tally.failures("c")), (1, 1, 0));
        assert_eq!((tally.ending(5), tally.ending(4)), (None, Some(Ending::Failures)));
    }
}
