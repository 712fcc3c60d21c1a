// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way back: from each place to those where its frame had the value from, until there are none.
//!
//! What a frame puts out is looked for in what it had seen before. What an outcome holds is looked for in the frame that
//! gave it, what a frame was given in its caller. Each step leads to an earlier event, so the way ends.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use super::places::{About, Frame, Place, ROOT, Run, Shelf};
use super::seen::{Found, Seen, Work};
use super::texts::{Leaf, Scalar, Wanted, cut};
use super::{How, Lineage, Matched, ORIGINS_MAX, Origin};

/// How many bytes are compared in all.
pub(super) const WORK_MAX: u64 = 1 << 28;
/// How much of a text is shown, in characters.
const EXCERPT_CHARS_MAX: usize = 120;
/// How much of it stands in front of what was found.
const EXCERPT_CHARS_BEFORE: usize = 30;

/// What was found so far.
pub(super) struct Walk<'a> {
    run: &'a Run<'a>,
    shelves: HashMap<Shelf<'a>, Seen>,
    needles: Vec<Needle>,
    numbers: HashMap<(Option<usize>, Scalar), usize>,
    nodes: Vec<Node>,
    known: HashMap<(At, usize), usize>,
    queue: VecDeque<usize>,
    occurrences: Vec<Origin>,
    pub(super) work: Work,
    /// Whether nothing was left out.
    pub(super) is_whole: bool,
}

/// What is looked for: a value that is traced, or a part of it.
#[derive(Clone)]
struct Needle {
    wanted: Wanted,
    chars: usize,
    /// The value that it is a part of, by its number; its own where it is a value.
    value: usize,
}

/// Where something is: at a place, or made by a frame before an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Place(Place),
    Made { frame: usize, before: u64, step: Option<u32> },
}

struct Node {
    at: At,
    needle: usize,
    origin: Origin,
    is_source: bool,
}

// === impl Walk ===

impl<'a> Walk<'a> {
    pub(super) fn new(run: &'a Run<'a>) -> Self {
        Self {
            run,
            shelves: HashMap::new(),
            needles: Vec::new(),
            numbers: HashMap::new(),
            nodes: Vec::new(),
            known: HashMap::new(),
            queue: VecDeque::new(),
            occurrences: Vec::new(),
            work: Work::new(WORK_MAX),
            is_whole: true,
        }
    }

    /// Begins where a value stands.
    pub(super) fn begin(&mut self, place: Place, leaf: &Leaf, wanted: Wanted) {
        let is_equal = wanted.scalar == leaf.scalar;
        let number = self.needle(wanted, None);
        let Some(mut origin) = self.origin(place, leaf, is_equal, number) else { return };
        let (how, before, step) = (origin.how, origin.seq, origin.step);
        (origin.from, origin.more) = match (how, place) {
            (How::Result, _) => self.before(ROOT, before, None, number),
            (_, Place::Ask(frame, _)) => self.before(frame, before, step, number),
            _ => (self.node(At::Place(place), number, |_| Some(origin.clone())).into_iter().collect(), 0),
        };
        self.occurrences.push(origin);
        // Without anything left to compare, everything would seem to be new where it stands.
        while let (Some(node), true) = (self.queue.pop_front(), self.work.left() > 0) {
            self.follow(node);
        }
    }

    /// Puts what was found in order.
    pub(super) fn finish(self, value: serde_json::Value) -> Lineage {
        let is_cut = self.shelves.values().any(|seen| seen.is_cut);
        let is_whole = self.is_whole && !is_cut && self.work.left() > 0;
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|number| self.nodes.get(*number).map(|node| (node.origin.seq, node.origin.frame.clone())));
        let mut positions = vec![0; order.len()];
        for (position, number) in order.iter().enumerate() {
            if let Some(of) = positions.get_mut(*number) {
                *of = position;
            }
        }
        let moved = |from: &[usize]| -> Vec<usize> {
            let mut from: Vec<usize> = from.iter().filter_map(|number| positions.get(*number).copied()).collect();
            from.sort_unstable();
            from.dedup();
            from
        };
        let chain = order.iter().filter_map(|number| self.nodes.get(*number)).map(|node| {
            let origin = node.origin.clone();
            Origin { from: moved(&origin.from), ..origin }
        });
        let chain = chain.collect();
        let is_source = |number: &usize| self.nodes.get(*number).is_some_and(|node| node.is_source);
        let sources = order.iter().enumerate().filter(|(_, number)| is_source(number));
        let sources = sources.map(|(position, _)| position).collect();
        let occurrences = self.occurrences.iter().map(|origin| Origin { from: moved(&origin.from), ..origin.clone() });
        Lineage { value, occurrences: occurrences.collect(), chain, sources, is_whole }
    }

    /// Finds where the value at a place came from.
    fn follow(&mut self, number: usize) {
        let Some(node) = self.nodes.get(number) else { return };
        let (at, needle, seq, step) = (node.at, node.needle, node.origin.seq, node.origin.step);
        let (from, more, is_source) = match at {
            At::Made { frame, before, .. } => {
                let (from, is_source) = self.parts(number, frame, before, needle);
                (from, 0, is_source)
            }
            At::Place(Place::Given(frame)) => match self.run.caller(frame) {
                Some((caller, ask)) => {
                    let (before, step) = (ask.seq, ask.step);
                    let (from, more) = self.before(caller, before, Some(step), needle);
                    (from, more, false)
                }
                None => (Vec::new(), 0, true),
            },
            At::Place(Place::Outcome(frame, outcome)) => match self.run.giver(frame, outcome) {
                Some(giver) => {
                    let (from, more) = self.before(giver, seq, None, needle);
                    (from, more, false)
                }
                None => self.outside(frame, outcome, seq, needle),
            },
            At::Place(Place::Ask(frame, _)) => {
                let (from, more) = self.before(frame, seq, step, needle);
                (from, more, false)
            }
            At::Place(Place::Configured(_) | Place::Result) => (Vec::new(), 0, true),
        };
        if let Some(node) = self.nodes.get_mut(number) {
            (node.origin.from, node.origin.more, node.is_source) = (from, more, is_source);
        }
    }

    /// Finds where a frame had something from that it put out at an event; where it had it from nowhere, it made it.
    fn before(&mut self, frame: usize, before: u64, step: Option<u32>, needle: usize) -> (Vec<usize>, usize) {
        let found = self.whole(Shelf::Seen(frame), before, needle);
        if found.hits.is_empty() {
            let at = At::Made { frame, before, step };
            let made = self.node(at, needle, |walk| walk.made(frame, before, step, needle));
            return (made.into_iter().collect(), 0);
        }
        (self.places(&found, needle), found.more)
    }

    /// Finds where an outcome is from that no frame gave: from what the run wrote or published itself, or from outside. It is
    /// not from outside where its frame had it before, or sent it there itself.
    fn outside(&mut self, frame: usize, outcome: usize, seq: u64, needle: usize) -> (Vec<usize>, usize, bool) {
        if let Some(shelf) = self.run.shelf_behind(frame, outcome) {
            let found = self.whole(shelf, seq, needle);
            if !found.hits.is_empty() {
                return (self.places(&found, needle), found.more, false);
            }
        }
        let sent = self.whole(Shelf::Asked(frame), seq, needle);
        if let Some(sent) = sent.hits.first().and_then(|hit| self.run.about(hit.place)) {
            let (from, more) = self.before(frame, sent.seq, sent.step, needle);
            return (from, more, false);
        }
        (Vec::new(), 0, self.whole(Shelf::Seen(frame), seq, needle).hits.is_empty())
    }

    fn whole(&mut self, shelf: Shelf<'a>, before: u64, needle: usize) -> Found {
        let Some(Needle { wanted, .. }) = self.needles.get(needle) else { return Found::default() };
        let run = self.run;
        let seen = self.shelves.entry(shelf).or_insert_with(|| Seen::of(run, shelf));
        seen.whole(wanted, before, &mut self.work)
    }

    /// Finds the parts of what a frame made in what it had seen. What a frame had from files it had as it is.
    fn parts(&mut self, number: usize, frame: usize, before: u64, needle: usize) -> (Vec<usize>, bool) {
        let run = self.run;
        let Some(Needle { wanted, value, .. }) = self.needles.get(needle).cloned() else { return (Vec::new(), true) };
        let Scalar::Text(text) = &wanted.scalar else { return (Vec::new(), true) };
        if run.frame(frame).is_none_or(Frame::sees_files) {
            return (Vec::new(), true);
        }
        let shelf = Shelf::Seen(frame);
        let seen = self.shelves.entry(shelf).or_insert_with(|| Seen::of(run, shelf));
        let parts = seen.parts(text, before, &mut self.work);
        self.is_whole &= !parts.is_cut;
        let mut from = Vec::new();
        for part in &parts.ranges {
            let Some(scalar) = text.get(part.clone()).and_then(Scalar::text) else { continue };
            let part = self.needle(Wanted { scalar, is_typed: false }, Some(value));
            let found = self.whole(shelf, before, part);
            from.extend(self.places(&found, part));
        }
        let rest = share(parts.rest_chars, self.chars_of(value));
        if let (Some(node), false) = (self.nodes.get_mut(number), parts.ranges.is_empty()) {
            node.origin.matched = Matched::Contains { share: rest };
        }
        (from, parts.has_rest)
    }

    fn needle(&mut self, wanted: Wanted, value: Option<usize>) -> usize {
        let number = self.needles.len();
        match self.numbers.entry((value, wanted.scalar.clone())) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                new.insert(number);
                let chars = wanted.scalar.as_str().chars().count();
                self.needles.push(Needle { wanted, chars, value: value.unwrap_or(number) });
                number
            }
        }
    }

    /// Returns the nodes of the places where something was found.
    fn places(&mut self, found: &Found, needle: usize) -> Vec<usize> {
        let hits = found.hits.iter();
        hits.filter_map(|hit| {
            let at = At::Place(hit.place);
            self.node(at, needle, |walk| walk.origin(hit.place, &hit.leaf, hit.is_equal, needle))
        })
        .collect()
    }

    /// Returns the node of something, which is followed later where it is new.
    fn node(&mut self, at: At, needle: usize, make: impl FnOnce(&Self) -> Option<Origin>) -> Option<usize> {
        if let Some(known) = self.known.get(&(at, needle)) {
            return Some(*known);
        }
        if self.nodes.len() >= ORIGINS_MAX {
            self.is_whole = false;
            return None;
        }
        let origin = make(self)?;
        let number = self.nodes.len();
        self.known.insert((at, needle), number);
        self.nodes.push(Node { at, needle, origin, is_source: false });
        self.queue.push_back(number);
        Some(number)
    }

    /// Says that a value stands somewhere.
    fn origin(&self, place: Place, leaf: &Leaf, is_equal: bool, needle: usize) -> Option<Origin> {
        let About { seq, frame, step, asked } = self.run.about(place)?;
        let frame = self.run.frame(frame)?;
        let wanted = &self.needles.get(needle)?.wanted;
        Some(Origin {
            seq,
            frame: frame.path.clone(),
            step,
            program: frame.program.clone(),
            how: self.run.how(place),
            asked,
            at: leaf.at.clone(),
            matched: self.matched(needle, is_equal),
            excerpt: excerpt(leaf.scalar.as_str(), wanted.scalar.as_str()),
            from: Vec::new(),
            more: 0,
            seen: Vec::new(),
            seen_count: 0,
        })
    }

    /// Says that a frame made a value, or read it.
    fn made(&self, number: usize, before: u64, step: Option<u32>, needle: usize) -> Option<Origin> {
        let frame = self.run.frame(number)?;
        let (seen, seen_count) = self.run.seen_until(number, before);
        Some(Origin {
            seq: before,
            frame: frame.path.clone(),
            step,
            program: frame.program.clone(),
            how: if frame.sees_files() || frame.had_artifact(before) { How::Read } else { How::Made },
            asked: self.run.asked_of(number),
            at: String::new(),
            matched: self.matched(needle, true),
            excerpt: cut(self.needles.get(needle)?.wanted.scalar.as_str(), EXCERPT_CHARS_MAX),
            from: Vec::new(),
            more: 0,
            seen,
            seen_count,
        })
    }

    fn matched(&self, needle: usize, is_equal: bool) -> Matched {
        let value = self.needles.get(needle).map_or(needle, |needle| needle.value);
        match is_equal && value == needle {
            true => Matched::Equal,
            false => Matched::Contains { share: share(self.chars_of(needle), self.chars_of(value)) },
        }
    }

    fn chars_of(&self, needle: usize) -> usize {
        self.needles.get(needle).map_or(0, |needle| needle.chars)
    }
}

/// Returns a part as a number from 0 to 1, to three places.
fn share(part: usize, whole: usize) -> f64 {
    let thousandths = part.saturating_mul(1_000) / whole.max(1);
    f64::from(u32::try_from(thousandths).unwrap_or(1_000).min(1_000)) / 1_000.0
}

/// Returns the text around something that stands in it.
fn excerpt(text: &str, wanted: &str) -> String {
    let at = text.find(wanted).unwrap_or_default();
    let (before, after) = text.split_at_checked(at).unwrap_or_default();
    let start = before.char_indices().rev().take(EXCERPT_CHARS_BEFORE).last().map_or(at, |(start, _)| start);
    let (mark, shown) = (if start > 0 { "…" } else { "" }, before.get(start..).unwrap_or_default());
    cut(&format!("{mark}{shown}{}", cut(after, EXCERPT_CHARS_MAX)), EXCERPT_CHARS_MAX)
}
