// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has begun and not ended, of all runs: bounded by how many there are, and by how much they hold.

use std::collections::{BTreeMap, HashMap};

use priory_core::{FramePath, RunId};

/// How many runs are followed at once; the oldest is given up for one more.
const RUNS_MAX: usize = 10_000;
/// How much of one run may be open at once; what begins beyond that is not told.
const OPEN_MAX: usize = 10_000;
/// How much all that is open may hold, in bytes: with content, a little is a lot, and runs that are parked hold it for long.
pub(crate) const OPEN_BYTES_MAX: usize = 64 << 20;

/// What is open, by its run and its place.
#[derive(Debug)]
pub(crate) struct Following<T> {
    runs: BTreeMap<RunId, HashMap<FramePath, Weighed<T>>>,
    bytes: usize,
}

/// Something with what it holds, in bytes.
#[derive(Debug)]
struct Weighed<T> {
    what: T,
    bytes: usize,
}

impl<T> Default for Following<T> {
    fn default() -> Self {
        Self { runs: BTreeMap::new(), bytes: 0 }
    }
}

impl<T> Following<T> {
    /// Opens something that holds so many bytes, as long as there is room: older runs are given up for it. Returns how many
    /// are never told for that.
    pub(crate) fn open(&mut self, run: RunId, place: FramePath, what: T, bytes: usize) -> u64 {
        let mut lost = 0;
        // Each turn gives up a run, so this ends.
        while !self.has_room(run, bytes) {
            // Ids of runs begin with their time.
            match self.runs.first_key_value() {
                Some((oldest, _)) if *oldest != run => {}
                _ => return lost + 1,
            }
            if let Some((_, places)) = self.runs.pop_first() {
                self.bytes = self.bytes.saturating_sub(places.values().map(|weighed| weighed.bytes).sum());
                lost += places.len() as u64;
            }
        }
        let places = self.runs.entry(run).or_default();
        if places.len() >= OPEN_MAX && !places.contains_key(&place) {
            return lost + 1;
        }
        let before = places.insert(place, Weighed { what, bytes });
        self.bytes = self.bytes.saturating_sub(before.map_or(0, |before| before.bytes)).saturating_add(bytes);
        lost
    }

    fn has_room(&self, run: RunId, bytes: usize) -> bool {
        let has_place = self.runs.len() < RUNS_MAX || self.runs.contains_key(&run);
        has_place && self.bytes.saturating_add(bytes) <= OPEN_BYTES_MAX
    }

    /// Returns what is open at a place.
    pub(crate) fn found(&mut self, run: RunId, place: &FramePath) -> Option<&mut T> {
        self.runs.get_mut(&run)?.get_mut(place).map(|weighed| &mut weighed.what)
    }

    /// Takes what is open at a place.
    pub(crate) fn close(&mut self, run: RunId, place: &FramePath) -> Option<T> {
        let Weighed { what, bytes } = self.runs.get_mut(&run)?.remove(place)?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(what)
    }

    /// Takes what is open of a run.
    pub(crate) fn close_run(&mut self, run: RunId) -> Vec<(FramePath, T)> {
        let left = self.runs.remove(&run).unwrap_or_default();
        self.bytes = self.bytes.saturating_sub(left.values().map(|weighed| weighed.bytes).sum());
        left.into_iter().map(|(place, weighed)| (place, weighed.what)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_bounded_by_its_bytes() {
        let mut following = Following::default();
        let run = |ms| RunId::from_parts(ms, 0);
        let place = |step| FramePath::root().child(step);
        let quarter = OPEN_BYTES_MAX / 4;
        for step in 0..2 {
            assert_eq!(following.open(run(1), place(step), "old", quarter), 0);
            assert_eq!(following.open(run(2), place(step), "new", quarter), 0);
        }
        assert_eq!(following.open(run(2), place(0), "new", quarter), 2, "the older run is given up");
        assert!(following.found(run(1), &place(0)).is_none());
        assert_eq!(following.bytes, 2 * quarter, "what is opened again at its place counts once");
        assert_eq!(following.open(run(2), place(2), "much", 3 * quarter), 1, "a run is not given up for itself");
        assert!(following.found(run(2), &place(2)).is_none());
        assert_eq!(following.close(run(2), &place(1)), Some("new"));
        assert_eq!(following.open(run(2), place(2), "much", 3 * quarter), 0);
        assert_eq!(following.close_run(run(2)).len(), 2);
        assert_eq!(following.bytes, 0);
    }
}
