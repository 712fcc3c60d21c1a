// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an execution may do between two effects: so many nodes, so many of them at once, so many bytes of values. Effects are
//! bounded by the ledger; what a workflow does without any is bounded here, and gives the thread back again and again.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use priory_core::event::Label;
use priory_core::{Dimension, Failure};

/// How many nodes one execution may execute.
const NODES_MAX: u64 = 1_000_000;
/// How many nodes may be executed at once, those that wait for others included.
const LIVE_MAX: u64 = 32_768;
/// How many bytes of values nodes may make that call nothing, all taken together.
const MADE_BYTES_MAX: u64 = 256 << 20;
/// After how many nodes without an effect the thread is given back. One may take as long as an expression may.
const BREATH: u64 = 4;

/// Counts what an execution does between two effects.
#[derive(Default)]
pub(crate) struct Pace {
    nodes: AtomicU64,
    live: AtomicU64,
    made_bytes: AtomicU64,
    /// Nodes since the last effect.
    since: AtomicU64,
    /// Who waits until the thread was given back.
    waiting: Mutex<Vec<Waker>>,
}

/// A node that is being executed, until it is dropped.
pub(crate) struct Live<'a>(&'a Pace);

impl Drop for Live<'_> {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pace {
    /// Counts a node, and gives the thread back where it is time.
    pub(crate) async fn enter(&self, label: &Label) -> Result<Live<'_>, Failure> {
        let live = Live(self);
        let count = self.live.fetch_add(1, Ordering::Relaxed) + 1;
        if count > LIVE_MAX {
            return Err(Failure::limit(Dimension::Pending, count, LIVE_MAX, label));
        }
        let nodes = self.nodes.fetch_add(1, Ordering::Relaxed) + 1;
        if nodes > NODES_MAX {
            return Err(Failure::limit(Dimension::Calls, nodes, NODES_MAX, label));
        }
        if self.since.fetch_add(1, Ordering::Relaxed) + 1 >= BREATH {
            self.since.store(0, Ordering::Relaxed);
            self.breathe().await;
        }
        Ok(live)
    }

    /// Counts bytes that a node made without calling anything.
    pub(crate) fn make(&self, bytes: u64, label: &Label) -> Result<(), Failure> {
        let made = self.made_bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if made > MADE_BYTES_MAX {
            return Err(Failure::limit(Dimension::TotalBytes, made, MADE_BYTES_MAX, label));
        }
        Ok(())
    }

    /// Notes that an effect was asked for.
    pub(crate) fn asked(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// Takes those who wait until the thread was given back, in the order in which they came.
    pub(crate) fn take_waiting(&self) -> Vec<Waker> {
        std::mem::take(&mut *self.waiting.lock())
    }

    async fn breathe(&self) {
        let mut has_waited = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            self.waiting.lock().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Gives the thread back once.
pub(crate) async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
