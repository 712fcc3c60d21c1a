// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compares two runs step by step: frames are paired by their paths, effects by their steps.
//!
//! Ids, times and what was spent of time and memory are left out, since they differ between any two runs; so is the fuel of
//! a frame that saw files, which is not by what is recorded alone.

mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use priory_core::FramePath;
use priory_core::event::{Envelope, Program};
use serde::Serialize;

use steps::{Place, Steps};

/// How many differences are kept; more are only counted.
pub const DIFFERENCES_MAX: usize = 1_024;

/// What differs where both runs asked the same and it came to something else.
const OTHER_OUTCOME: &str = "another outcome";

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// What the runs were started with.
    Start,
    /// A frame: what it was given, how it ended, the fuel that it burnt.
    Frame,
    /// An effect: what was asked, and what it came to.
    Effect,
    /// A line of log.
    Log,
    /// What the runs came to.
    Result,
}

/// How much is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Counts {
    /// The same in both.
    pub same: u64,
    /// There in both, and not the same.
    pub changed: u64,
    /// Only in the first.
    pub only_a: u64,
    /// Only in the second.
    pub only_b: u64,
}

/// One side of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Side {
    /// The event where it shows.
    pub seq: u64,
    /// What there is.
    pub text: String,
}

/// Something that is not the same in both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// What it is.
    pub part: Part,
    /// The frame.
    pub frame: FramePath,
    /// What the frame executes.
    pub program: Option<Program>,
    /// The step of the frame, or the number of the line.
    pub step: Option<u64>,
    /// What differs, in a word or two.
    pub what: &'static str,
    /// The first run.
    pub a: Option<Side>,
    /// The second run.
    pub b: Option<Side>,
}

/// What comparing two runs showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Diff {
    /// How much is the same.
    pub counts: BTreeMap<Part, Counts>,
    /// What is not, in the order in which it shows; at most [`DIFFERENCES_MAX`]. What is below a call or a frame that only
    /// one run has is only counted.
    pub differences: Vec<Difference>,
    /// Whether the runs have the same seed; else their random numbers differ.
    pub same_seed: bool,
}

impl Diff {
    /// Tells whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares two runs.
pub fn diff(a: &[Envelope], b: &[Envelope]) -> Diff {
    let (a, b) = (Steps::of(a), Steps::of(b));
    let mut counts: BTreeMap<Part, Counts> = BTreeMap::new();
    let mut found: Vec<(&Place, Difference)> = Vec::new();
    for (place, item) in &a.items {
        let counted = counts.entry(place.part()).or_default();
        match b.items.get(place) {
            None => {
                counted.only_a += 1;
                found.push((place, a.difference(place, "only in A", Some(item.side()), None)));
            }
            Some(other) => match item.compare(other) {
                None => counted.same += 1,
                Some((what, left, right)) => {
                    counted.changed += 1;
                    found.push((place, a.difference(place, what, Some(left), Some(right))));
                }
            },
        }
    }
    for (place, item) in b.items.iter().filter(|(place, _)| !a.items.contains_key(*place)) {
        counts.entry(place.part()).or_default().only_b += 1;
        found.push((place, b.difference(place, "only in B", None, Some(item.side()))));
    }
    let known: BTreeMap<&Place, bool> = found.iter().map(|(place, one)| (*place, one.is_about_one_thing())).collect();
    let told = found.iter().filter(|(place, _)| !place.follows(&known));
    let mut differences: Vec<Difference> = told.map(|(_, difference)| difference.clone()).collect();
    // What lies deeper comes first where two show at the same event: it is the cause.
    differences.sort_by_key(|difference| (difference.seq(), std::cmp::Reverse(difference.frame.depth())));
    differences.truncate(DIFFERENCES_MAX);
    Diff { counts, differences, same_seed: a.seed == b.seed }
}

impl Difference {
    /// Tells whether both runs have what it is about: another effect at the same step is another thing.
    fn is_about_one_thing(&self) -> bool {
        self.a.is_some() && self.b.is_some() && (self.part != Part::Effect || self.what == OTHER_OUTCOME)
    }

    /// Returns the first event where it shows, in either run.
    fn seq(&self) -> u64 {
        self.a.iter().chain(&self.b).map(|side| side.seq).min().unwrap_or_default()
    }
}
