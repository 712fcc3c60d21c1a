// SPDX-License-Identifier: MIT OR Apache-2.0
//! Traces a value of a run back to where it came from: from the result through the frames that handed it on, down to what
//! somebody gave, sent or read, or to the program that made it.
//!
//! Nothing records which value a program made of which: it is found by comparison. Strings and numbers are compared as they
//! are, texts also by the parts that they have in common; names of properties, `true`, `false` and `null` say nothing. So
//! what is found was there, and equal values may still have met by chance.

mod places;
mod seen;
#[cfg(test)]
mod tests;
mod texts;
mod told;
mod walk;

use priory_core::event::{Envelope, Program};
use priory_core::{FramePath, Report};
use serde::Serialize;
use serde_json::Value;

use places::{Place, ROOT, Run, Shelf};
use texts::{Leaf, Leaves, Scalar, Wanted};
use walk::Walk;

pub use seen::PLACES_MAX;
pub use texts::PART_CHARS_MIN;

/// How many strings and numbers of the value are traced; those of a larger one stand in its parts.
pub const LEAVES_MAX: usize = 256;
/// How many origins are found.
pub const ORIGINS_MAX: usize = 10_000;
/// How many places in the result are named where a value is not found.
pub const POINTERS_MAX: usize = 20;
/// How many events are named that a program had seen when it made something.
pub const SEEN_MAX: usize = 64;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lineage {
    /// What was traced.
    pub value: Value,
    /// Where it stands: in the result, or else where the run last had it, nearest to its root.
    pub occurrences: Vec<Origin>,
    /// Everything that it went through, in the order of the events.
    pub chain: Vec<Origin>,
    /// The positions in the chain where it came from outside, or was made.
    pub sources: Vec<usize>,
    /// Whether nothing was left out because there was too much of it.
    pub is_whole: bool,
}

/// One place that a value went through.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Origin {
    /// The event.
    pub seq: u64,
    /// The frame that had it there.
    pub frame: FramePath,
    /// The position of the effect in the frame; `None` for what the frame was given, and for what it came to.
    pub step: Option<u32>,
    /// What the frame executes.
    pub program: Program,
    /// How it had it.
    pub how: How,
    /// What was asked for where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// Where in what stands there: a JSON Pointer, or a name such as `summary`; empty for what was made.
    pub at: String,
    /// How much of the value stands there.
    pub matched: Matched,
    /// The text around it.
    pub excerpt: String,
    /// The positions in the chain where the frame had it from.
    pub from: Vec<usize>,
    /// How many more places it may have been from, later ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
    /// The events that the frame had seen when it made it, the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<u64>,
    /// How many events that were.
    #[serde(skip_serializing_if = "is_zero")]
    pub seen_count: usize,
}

/// How a frame had a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The run came to it.
    Result,
    /// It asked for something with it.
    Asked,
    /// Whoever started the run gave it.
    Input,
    /// Its environment or configuration holds it.
    Configured,
    /// Its caller gave it.
    Given,
    /// A tool or an agent gave it back.
    Returned,
    /// It stood in a failure.
    Failed,
    /// It came with an answer over HTTP.
    Received,
    /// A person said it.
    Answered,
    /// A model said it.
    Said,
    /// It was remembered, by this run or by another one.
    Remembered,
    /// The state of the run held it.
    Kept,
    /// It came with an event that was published.
    Published,
    /// It stood in a list of tools, agents or keys.
    Listed,
    /// It is what was left of the budget, or what was used.
    Measured,
    /// It saw files, or read artifacts, of which the events hold nothing, and had it from nowhere else.
    Read,
    /// It had it from nowhere: its program made it.
    Made,
}

/// How much of a value stands somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matched {
    /// What stands there is the value.
    Equal,
    /// What stands there has the value, or a part of it, in it.
    Contains {
        /// How much of the value that is, from 0 to 1.
        share: f64,
    },
}

/// Why a value cannot be traced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineageError {
    /// The events are not a run.
    #[error("the first event is not that the run was started")]
    NoStart,
    /// The value stands nowhere in the run.
    #[error("{value:?} is neither a place in the result nor a value of the run")]
    NotFound {
        /// What was looked for.
        value: String,
        /// Places in the result, the first [`POINTERS_MAX`].
        pointers: Vec<String>,
        /// How many more the result has.
        more: usize,
    },
    /// The value has nothing that can be found again.
    #[error("{pointer:?} holds no string and no number, and nothing else can be traced")]
    Nothing {
        /// Its place in the result.
        pointer: String,
    },
}

/// Traces a value: a JSON Pointer into what the run came to, or a string or a number that stands in it, or else anywhere in
/// the run.
pub fn trace(events: &[Envelope], value: &str) -> Result<Lineage, LineageError> {
    let run = Run::of(events)?;
    let mut walk = Walk::new(&run);
    if let Some((pointed, leaves)) = at_pointer(&run, value) {
        if leaves.found.is_empty() {
            return Err(LineageError::Nothing { pointer: value.to_owned() });
        }
        walk.is_whole &= !leaves.is_cut && leaves.found.len() <= LEAVES_MAX;
        for leaf in leaves.found.into_iter().take(LEAVES_MAX) {
            let wanted = Wanted { scalar: leaf.scalar.clone(), is_typed: false };
            walk.begin(Place::Result, &leaf, wanted);
        }
        return Ok(walk.finish(pointed));
    }
    for wanted in literals(value) {
        let leaves = run.leaves(Place::Result);
        let found: Vec<Leaf> = leaves.found.into_iter().filter(|leaf| wanted.is_in(&leaf.scalar).is_some()).collect();
        walk.is_whole &= found.len() <= LEAVES_MAX;
        if !found.is_empty() {
            let traced = wanted.as_json();
            found.iter().take(LEAVES_MAX).for_each(|leaf| walk.begin(Place::Result, leaf, wanted.clone()));
            return Ok(walk.finish(traced));
        }
    }
    for wanted in literals(value) {
        if let Some((place, leaf)) = last(&run, &wanted) {
            let traced = wanted.as_json();
            walk.begin(place, &leaf, wanted);
            return Ok(walk.finish(traced));
        }
    }
    let (pointers, more) = pointers(&run);
    Err(LineageError::NotFound { value: value.to_owned(), pointers, more })
}

/// Returns what a JSON Pointer points to in the result, and its leaves with their own pointers.
fn at_pointer(run: &Run<'_>, pointer: &str) -> Option<(Value, Leaves)> {
    let Some((_, Ok(Report { output, .. }))) = run.result else { return None };
    let pointed = output.to_value().pointer(pointer)?.clone();
    let mut leaves = Leaves::default();
    leaves.value(pointer, &pointed);
    Some((pointed, leaves))
}

/// Returns what somebody may have meant with a text: a JSON string or number, or the text itself.
fn literals(text: &str) -> Vec<Wanted> {
    let json = serde_json::from_str::<Value>(text).ok().as_ref().and_then(Scalar::of);
    let mut found: Vec<Scalar> = json.into_iter().chain(Scalar::text(text)).collect();
    found.dedup();
    found.into_iter().map(|scalar| Wanted { scalar, is_typed: true }).collect()
}

/// Returns where a run last had something, nearest to its root.
fn last(run: &Run<'_>, wanted: &Wanted) -> Option<(Place, Leaf)> {
    let mut numbers: Vec<usize> = (0..run.frames.len()).collect();
    let depth = |number: &usize| run.frame(*number).map(|frame| frame.path.depth());
    numbers.sort_by_key(depth);
    numbers.chunk_by(|a, b| depth(a) == depth(b)).find_map(|level| {
        let places = level
            .iter()
            .flat_map(|number| [run.places(Shelf::Asked(*number)), run.places(Shelf::Seen(*number))].concat());
        // What a frame was given is what another one asked with.
        let places = places.filter(|place| matches!(place, Place::Given(ROOT)) || !matches!(place, Place::Given(_)));
        let found = places.filter_map(|place| {
            let leaves = run.leaves(place).found;
            let leaf = leaves.into_iter().find(|leaf| wanted.is_in(&leaf.scalar).is_some())?;
            Some((run.about(place)?.seq, place, leaf))
        });
        found.max_by_key(|(seq, place, _)| (*seq, *place)).map(|(_, place, leaf)| (place, leaf))
    })
}

/// Returns places in the result, and how many more there are.
fn pointers(run: &Run<'_>) -> (Vec<String>, usize) {
    let (_, leaves) = at_pointer(run, "").unwrap_or_default();
    let more = leaves.found.len().saturating_sub(POINTERS_MAX);
    (leaves.found.into_iter().take(POINTERS_MAX).map(|leaf| leaf.at).collect(), more)
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
