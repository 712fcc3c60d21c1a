// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds a string or a number among those of one shelf: equal ones by their hash, texts within texts by blocks.
//!
//! Every text is cut into blocks at each eighth byte, so a common part of sixteen characters holds a whole block wherever it
//! stands. The blocks are sorted, and what is looked for is compared only where one of its own is found.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::places::{Place, Run, Shelf};
use super::texts::{Leaf, PART_CHARS_MIN, Scalar, Wanted, is_long};

/// How many places are followed that held the same; later ones are only counted.
pub const PLACES_MAX: usize = 16;

/// Length of a block in bytes. Two of them less one byte are no more than the shortest part that counts.
const BLOCK_BYTES: usize = 8;
/// How many places of one block are looked at. One that stands in more tells nothing; a longer part has others.
const BLOCK_PLACES_MAX: usize = 256;
/// How much of a text is cut into parts, in bytes.
const TEXT_BYTES_MAX: usize = 65_536;
/// Among how many common parts the longest are chosen.
const RUNS_MAX: usize = 4_096;
/// How many parts of a text are followed, the longest.
const PARTS_MAX: usize = 64;
/// How many strings and numbers of one shelf are looked at.
const LEAVES_OF_SHELF_MAX: usize = 1_000_000;

/// The strings and numbers that stand on one shelf, in order.
pub(super) struct Seen {
    leaves: Vec<Entry>,
    equal: HashMap<Scalar, Vec<usize>>,
    /// What the first eight bytes of each block are as a number, with its leaf and its position there; sorted.
    blocks: Option<Vec<(u64, usize, usize)>>,
    /// Where a short text stands that somebody typed, once it was looked for.
    scanned: Option<Vec<usize>>,
    /// Whether something was left out.
    pub(super) is_cut: bool,
}

struct Entry {
    seq: u64,
    place: Place,
    leaf: Leaf,
}

/// The places where something was found, in order, each with its leaf and whether that is all of it.
type Hits = BTreeMap<(u64, Place), (usize, bool)>;

/// Parts of a text by their length, start and end: many texts have the same ones.
type Runs = BTreeSet<(Reverse<usize>, usize, usize)>;

/// Where something was found as a whole: the best leaf of each place.
#[derive(Default)]
pub(super) struct Found {
    pub(super) hits: Vec<Hit>,
    /// How many later places are left out.
    pub(super) more: usize,
}

/// One place where it was found.
pub(super) struct Hit {
    pub(super) place: Place,
    pub(super) leaf: Leaf,
    /// Whether it is all that stands there.
    pub(super) is_equal: bool,
}

/// The parts of a text that were found.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) ranges: Vec<Range<usize>>,
    /// How much of the text is in none of them.
    pub(super) rest_chars: usize,
    /// Whether that says anything: there are letters or digits in it.
    pub(super) has_rest: bool,
    /// Whether some were left out.
    pub(super) is_cut: bool,
}

/// How much may still be compared.
pub(super) struct Work {
    left: u64,
}

// === impl Work ===

impl Work {
    pub(super) fn new(most: u64) -> Self {
        Self { left: most }
    }

    /// Counts something that is compared, and tells whether there was room for it.
    fn spend(&mut self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let is_enough = self.left >= bytes;
        self.left = self.left.saturating_sub(bytes);
        is_enough
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }
}

// === impl Seen ===

impl Seen {
    /// Reads what stands on a shelf.
    pub(super) fn of(run: &Run<'_>, shelf: Shelf<'_>) -> Self {
        let mut seen = Self { leaves: Vec::new(), equal: HashMap::new(), blocks: None, scanned: None, is_cut: false };
        for place in run.places(shelf) {
            let Some(seq) = run.seq(place) else { continue };
            let leaves = run.leaves(place);
            seen.is_cut |= leaves.is_cut;
            for leaf in leaves.found {
                if seen.leaves.len() >= LEAVES_OF_SHELF_MAX {
                    seen.is_cut = true;
                    return seen;
                }
                seen.equal.entry(leaf.scalar.clone()).or_default().push(seen.leaves.len());
                seen.leaves.push(Entry { seq, place, leaf });
            }
        }
        seen
    }

    /// Finds what is wanted as a whole in what stood there before an event: alone or within a longer text.
    pub(super) fn whole(&mut self, wanted: &Wanted, before: u64, work: &mut Work) -> Found {
        let (mut hits, mut more) = self.equal(wanted, before, work);
        if let Scalar::Text(text) = &wanted.scalar {
            let within = if is_long(text) { self.within(text, work) } else { self.scan(wanted, work) };
            for number in within {
                let Some(entry) = self.leaves.get(number).filter(|entry| entry.seq < before) else { continue };
                hits.entry((entry.seq, entry.place)).or_insert((number, false));
            }
        }
        more += hits.len().saturating_sub(PLACES_MAX);
        let hits = hits.into_iter().take(PLACES_MAX).filter_map(|((_, place), (number, is_equal))| {
            Some(Hit { place, leaf: self.leaves.get(number)?.leaf.clone(), is_equal })
        });
        Found { hits: hits.collect(), more }
    }

    /// Finds the first places where what is wanted stands alone, and counts the others.
    fn equal(&self, wanted: &Wanted, before: u64, work: &mut Work) -> (Hits, usize) {
        let mut hits = Hits::new();
        let numbers = self.equal.get(&wanted.scalar).map(Vec::as_slice).unwrap_or_default();
        let is_before = |number: &usize| self.leaves.get(*number).is_some_and(|entry| entry.seq < before);
        let numbers = numbers.get(..numbers.partition_point(is_before)).unwrap_or_default();
        for (count, number) in numbers.iter().enumerate() {
            if hits.len() >= PLACES_MAX || !work.spend(1) {
                return (hits, numbers.len() - count);
            }
            if let Some(entry) = self.leaves.get(*number) {
                hits.entry((entry.seq, entry.place)).or_insert((*number, true));
            }
        }
        (hits, 0)
    }

    /// Finds the parts of a text that stood there before an event, the longest first.
    pub(super) fn parts(&mut self, text: &str, before: u64, work: &mut Work) -> Parts {
        let runs = self.runs(text, before, work);
        let mut is_covered = vec![false; text.len()];
        let mut parts = Parts { is_cut: text.len() > TEXT_BYTES_MAX || runs.len() >= RUNS_MAX, ..Parts::default() };
        for (_, start, end) in runs {
            let run = start..end;
            let Some(covered) = is_covered.get_mut(run.clone()) else { continue };
            let part = text.get(run.clone()).unwrap_or_default();
            let fresh = part.char_indices().filter(|(at, _)| covered.get(*at) == Some(&false)).count();
            // What adds little lies across others that were found longer.
            if !work.spend(run.len()) || fresh < PART_CHARS_MIN {
                continue;
            }
            if parts.ranges.len() >= PARTS_MAX {
                parts.is_cut = true;
                break;
            }
            covered.fill(true);
            parts.ranges.push(run);
        }
        let rest = text.char_indices().filter(|(at, _)| is_covered.get(*at) == Some(&false));
        for (_, c) in rest {
            parts.rest_chars += 1;
            parts.has_rest |= c.is_alphanumeric();
        }
        parts.ranges.sort_by_key(|range| range.start);
        parts
    }

    /// Finds the texts that have another one in them, by the rarest of its blocks at each distance from a boundary.
    fn within(&mut self, text: &str, work: &mut Work) -> Vec<usize> {
        self.cut_into_blocks();
        let cut = text.as_bytes().get(..text.len().min(TEXT_BYTES_MAX)).unwrap_or_default();
        let mut rarest: [Option<(usize, usize, Range<usize>)>; BLOCK_BYTES] = Default::default();
        for (at, block) in blocks_of(cut).enumerate() {
            let places = self.places_of(block);
            work.spend(1);
            if let Some(best) = rarest.get_mut(at % BLOCK_BYTES)
                && best.as_ref().is_none_or(|(count, _, _)| places.len() < *count)
            {
                *best = Some((places.len(), at, places));
            }
        }
        let mut found = Vec::new();
        for (_, at, places) in rarest.into_iter().flatten() {
            for (_, number, position) in self.blocks_at(places) {
                if !work.spend(BLOCK_BYTES) {
                    return found;
                }
                let candidate = self.leaves.get(*number).map(|entry| entry.leaf.scalar.as_str()).unwrap_or_default();
                let start = position.checked_sub(at);
                let rest = start.and_then(|start| candidate.as_bytes().get(start..));
                if rest.is_some_and(|rest| rest.starts_with(text.as_bytes())) && candidate.len() > text.len() {
                    work.spend(text.len());
                    found.push(*number);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Finds the texts that have a short one in them, one by one: only what somebody typed is looked for in this way, which
    /// is one text.
    fn scan(&mut self, wanted: &Wanted, work: &mut Work) -> Vec<usize> {
        if !wanted.is_typed {
            return Vec::new();
        }
        if let Some(scanned) = &self.scanned {
            return scanned.clone();
        }
        let mut found = Vec::new();
        for (number, entry) in self.leaves.iter().enumerate() {
            if !work.spend(entry.leaf.scalar.as_str().len()) {
                break;
            }
            if wanted.is_in(&entry.leaf.scalar) == Some(false) {
                found.push(number);
            }
        }
        self.scanned = Some(found.clone());
        found
    }

    /// Finds the parts that a text has in common with those that stood there before, the longest first.
    fn runs(&mut self, text: &str, before: u64, work: &mut Work) -> Runs {
        self.cut_into_blocks();
        let cut = text.as_bytes().get(..text.len().min(TEXT_BYTES_MAX)).unwrap_or_default();
        let mut runs = Runs::new();
        // Where the last part ends that lies in the same leaf at the same distance.
        let mut ends: HashMap<(usize, isize), usize> = HashMap::new();
        for (at, block) in blocks_of(cut).enumerate() {
            let places = self.places_of(block);
            for (_, number, position) in self.blocks_at(places) {
                let Some(entry) = self.leaves.get(*number).filter(|entry| entry.seq < before) else { break };
                let key = (*number, position.cast_signed() - at.cast_signed());
                if ends.get(&key).is_some_and(|end| at < *end) {
                    continue;
                }
                let other = entry.leaf.scalar.as_str();
                let run = common(cut, at, other.as_bytes(), *position);
                ends.insert(key, run.end);
                if !work.spend(run.len()) || runs.len() >= RUNS_MAX {
                    return runs;
                }
                let offset = *position + run.start - at;
                let words = whole_words(text, run, other, offset);
                runs.extend(words.map(|run| (Reverse(run.len()), run.start, run.end)));
            }
        }
        runs
    }

    /// Returns where the places of a block stand among the sorted blocks.
    fn places_of(&self, block: u64) -> Range<usize> {
        let blocks = self.blocks.as_deref().unwrap_or_default();
        let start = blocks.partition_point(|(other, _, _)| *other < block);
        let here = blocks.get(start..).unwrap_or_default();
        start..start + here.partition_point(|(other, _, _)| *other == block).min(BLOCK_PLACES_MAX)
    }

    fn blocks_at(&self, places: Range<usize>) -> &[(u64, usize, usize)] {
        self.blocks.as_deref().and_then(|blocks| blocks.get(places)).unwrap_or_default()
    }

    fn cut_into_blocks(&mut self) {
        if self.blocks.is_some() {
            return;
        }
        let mut blocks = Vec::new();
        for (number, entry) in self.leaves.iter().enumerate() {
            let Scalar::Text(text) = &entry.leaf.scalar else { continue };
            for (index, block) in text.as_bytes().as_chunks::<BLOCK_BYTES>().0.iter().enumerate() {
                blocks.push((u64::from_le_bytes(*block), number, index * BLOCK_BYTES));
            }
        }
        blocks.sort_unstable();
        self.blocks = Some(blocks);
    }
}

/// Returns the block at every position of a text.
fn blocks_of(text: &[u8]) -> impl Iterator<Item = u64> {
    text.windows(BLOCK_BYTES).filter_map(|block| Some(u64::from_le_bytes(block.try_into().ok()?)))
}

/// Returns the longest part of `a` that is in `b` as well, with position `at` of the one at position `to` of the other.
fn common(a: &[u8], at: usize, b: &[u8], to: usize) -> Range<usize> {
    let (a_before, a_after) = a.split_at_checked(at).unwrap_or_default();
    let (b_before, b_after) = b.split_at_checked(to).unwrap_or_default();
    let back = a_before.iter().rev().zip(b_before.iter().rev()).take_while(|(a, b)| a == b).count();
    let forth = a_after.iter().zip(b_after).take_while(|(a, b)| a == b).count();
    at - back..at + forth
}

/// Cuts a common part down to whole words of both texts; `None` where too little is left.
fn whole_words(a: &str, run: Range<usize>, b: &str, offset: usize) -> Option<Range<usize>> {
    let Range { mut start, mut end } = run;
    let shift = |at: usize| at - run.start + offset;
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let cuts = |text: &str, at: usize| {
        let bytes = text.as_bytes();
        at > 0 && is_letter(bytes.get(at - 1)) && is_letter(bytes.get(at))
    };
    if cuts(a, start) || cuts(b, shift(start)) {
        while start < end && is_letter(a.as_bytes().get(start)) {
            start += 1;
        }
    }
    if cuts(a, end) || cuts(b, shift(end)) {
        while start < end && is_letter(a.as_bytes().get(end - 1)) {
            end -= 1;
        }
    }
    let is_edge = |at: &usize| a.is_char_boundary(*at);
    let (start, end) = ((start..end).find(is_edge)?, (start..=end).rev().find(is_edge)?);
    let part = a.get(start..end)?;
    let (left, right) = (part.len() - part.trim_start().len(), part.len() - part.trim_end().len());
    let part = part.trim();
    is_long(part).then(|| start + left..end - right)
}
