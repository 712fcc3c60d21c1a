// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last large batch of each run: the next one is likely to be much like it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::RunId;

/// How many bytes of batches are remembered in all. Beyond, the one that was not used for the longest is forgotten, and
/// the next batch of its run costs some KiB more.
const RECENT_BYTES_MAX: usize = 32 << 20;

/// How large a batch may be to be remembered.
const RECENT_BODY_BYTES_MAX: usize = 4 << 20;

/// The chunks of one batch, in order.
#[derive(Debug)]
pub(super) struct Recent {
    /// The key of the run.
    pub(super) key: i64,
    pub(super) body: Vec<u8>,
    /// The hash, the place in the body and the number of each.
    pub(super) chunks: Vec<([u8; 32], Range<usize>, i64)>,
}

/// The last large batches of all runs.
#[derive(Debug, Default)]
pub(super) struct Recents {
    // Shared by all who append; held for one look-up.
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    of_run: HashMap<RunId, (u64, Arc<Recent>)>,
    by_use: BTreeMap<u64, RunId>,
    uses: u64,
    bytes: usize,
}

impl Recent {
    /// Finds a chunk by its hash, from a place on first: its place and its number.
    pub(super) fn find(&self, digest: &[u8; 32], from: usize) -> Option<(usize, i64)> {
        let is_it = |(place, (known, _, id)): (usize, &([u8; 32], Range<usize>, i64))| {
            (known == digest).then_some((place, *id))
        };
        let all = || self.chunks.iter().enumerate();
        all().skip(from).find_map(is_it).or_else(|| all().take(from).find_map(is_it))
    }

    /// Returns the number and the bytes of the chunk at a place; behind the last that of the last.
    pub(super) fn at(&self, place: usize) -> Option<(i64, &[u8])> {
        let (_, range, id) = self.chunks.get(place).or(self.chunks.last())?;
        Some((*id, self.body.get(range.clone())?))
    }
}

impl Recents {
    /// Returns the last large batch of a run.
    pub(super) fn get(&self, run: RunId) -> Option<Arc<Recent>> {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let (used, recent) = inner.of_run.get_mut(&run)?;
        inner.uses += 1;
        inner.by_use.remove(used);
        inner.by_use.insert(inner.uses, run);
        *used = inner.uses;
        Some(Arc::clone(recent))
    }

    /// Remembers the last large batch of a run.
    pub(super) fn put(&self, run: RunId, recent: Recent) {
        let mut inner = self.inner.lock();
        inner.forget(run);
        if recent.body.len() > RECENT_BODY_BYTES_MAX {
            return;
        }
        inner.uses += 1;
        let uses = inner.uses;
        inner.bytes += recent.body.len();
        inner.by_use.insert(uses, run);
        inner.of_run.insert(run, (uses, Arc::new(recent)));
        while inner.bytes > RECENT_BYTES_MAX {
            let Some((_, oldest)) = inner.by_use.first_key_value() else { break };
            let oldest = *oldest;
            inner.forget(oldest);
        }
    }

    /// Forgets a run.
    pub(super) fn forget(&self, run: RunId) {
        self.inner.lock().forget(run);
    }
}

impl Inner {
    fn forget(&mut self, run: RunId) {
        if let Some((used, recent)) = self.of_run.remove(&run) {
            self.by_use.remove(&used);
            self.bytes = self.bytes.saturating_sub(recent.body.len());
        }
    }
}
