// SPDX-License-Identifier: MIT OR Apache-2.0
//! Side by side: branches that are there, or the same work for each item of a list.
//!
//! There are no rounds: as soon as one has ended, the next takes its slot. Results are in the order of the branches,
//! whichever ended first.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;

use crate::fault::{Fault, kept};
use crate::stop::{Stop, at_most, keep};

/// Items of a list that is worked on.
pub const ITEMS_MAX: usize = 100_000;
/// What goes on side by side in one pattern.
pub const WIDTH_MAX: usize = 1_024;

/// What becomes of those that fail, and when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// All must succeed: the first that fails, in the order of ending, is the failure of the whole.
    All,
    /// Those that fail are left out.
    Drop,
    /// Those that fail keep their place, as failures.
    Keep,
    /// So many must succeed. As soon as they have, the others are withdrawn; as soon as they cannot any more, it fails.
    Quorum(usize),
}

/// What one branch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled<F> {
    /// Which branch, counted from 0.
    pub place: usize,
    /// Its result; a failure only with [`Settle::Keep`].
    pub result: Result<Value, F>,
}

/// Returns the results alone, with failures as the values that stand for them.
pub fn values<F: Fault>(settled: Vec<Settled<F>>) -> Vec<Value> {
    settled.into_iter().map(|one| one.result.unwrap_or_else(|fault| kept(&fault))).collect()
}

/// Waits for futures that go on side by side, at most [`WIDTH_MAX`] of them.
pub async fn branches<F, Fut>(futures: Vec<Fut>, settle: Settle) -> Result<Vec<Settled<F>>, F>
where
    F: Fault,
    Fut: Future<Output = Result<Value, F>>,
{
    let count = futures.len();
    at_most("branches", count, WIDTH_MAX).map_err(F::stopped)?;
    settled(futures.into_iter(), count, count, settle).await
}

/// Does the same work for each item, at most `width` of them (and [`WIDTH_MAX`]) side by side.
///
/// `work` gets the place of the item, from 0, and the item; it is called when there is a slot, and not before.
pub async fn map<F, Work, Fut>(
    items: Vec<Value>,
    width: usize,
    work: Work,
    settle: Settle,
) -> Result<Vec<Settled<F>>, F>
where
    F: Fault,
    Work: Fn(usize, Value) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    let count = items.len();
    at_most("items", count, ITEMS_MAX).map_err(F::stopped)?;
    let futures = items.into_iter().enumerate().map(|(place, item)| work(place, item));
    settled(futures, count, width.clamp(1, WIDTH_MAX), settle).await
}

/// Remembers which branch a future was.
pub(crate) async fn placed<P, T>(place: P, future: impl Future<Output = T>) -> (P, T) {
    (place, future.await)
}

/// What has ended so far.
struct Tally<F> {
    settle: Settle,
    /// Branches that have not ended.
    left: usize,
    succeeded: usize,
    ended: BTreeMap<usize, Result<Value, F>>,
    failures: Vec<String>,
}

async fn settled<F, Fut>(
    mut waiting: impl Iterator<Item = Fut>,
    count: usize,
    width: usize,
    settle: Settle,
) -> Result<Vec<Settled<F>>, F>
where
    F: Fault,
    Fut: Future<Output = Result<Value, F>>,
{
    let mut tally = Tally { settle, left: count, succeeded: 0, ended: BTreeMap::new(), failures: Vec::new() };
    let mut running = FuturesUnordered::new();
    let mut next = 0;
    while !tally.is_over()? {
        while running.len() < width
            && let Some(future) = waiting.next()
        {
            running.push(placed(next, future));
            next += 1;
        }
        let Some((place, result)) = running.next().await else { break };
        tally.note(place, result)?;
    }
    // Those that go on are dropped here, and so withdrawn.
    drop(running);
    Ok(tally.ended.into_iter().map(|(place, result)| Settled { place, result }).collect())
}

// === impl Tally ===

impl<F: Fault> Tally<F> {
    /// Tells whether nothing more is waited for; a quorum that cannot be reached any more is a failure.
    fn is_over(&mut self) -> Result<bool, F> {
        let Settle::Quorum(needed) = self.settle else { return Ok(self.left == 0) };
        if self.succeeded.saturating_add(self.left) < needed {
            let failures = std::mem::take(&mut self.failures);
            return Err(F::stopped(Stop::NoQuorum { needed, got: self.succeeded, failures }));
        }
        Ok(self.succeeded >= needed)
    }

    fn note(&mut self, place: usize, result: Result<Value, F>) -> Result<(), F> {
        self.left = self.left.saturating_sub(1);
        match (result, self.settle) {
            (Ok(value), _) => {
                self.succeeded += 1;
                self.ended.insert(place, Ok(value));
            }
            (Err(fault), Settle::All) => return Err(fault),
            (Err(fault), Settle::Keep) => {
                self.ended.insert(place, Err(fault));
            }
            (Err(_), Settle::Drop) => {}
            (Err(fault), Settle::Quorum(_)) => keep(&mut self.failures, &place.to_string(), &fault.message()),
        }
        Ok(())
    }
}
