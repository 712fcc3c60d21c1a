// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts tasks that are there, so that somebody can wait until nothing of them can happen any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The tasks of a run, or of a frame. A task that was withdrawn is gone a little later.
#[derive(Default)]
pub(crate) struct Tasks(Arc<Count>);

#[derive(Default)]
struct Count {
    live: AtomicUsize,
    /// Told when the last of them is gone.
    idle: Notify,
}

/// Says that a task is there, until it is dropped.
pub(crate) struct Live(Arc<Count>);

impl Tasks {
    /// Counts a task.
    pub(crate) fn enter(&self) -> Live {
        self.0.live.fetch_add(1, Ordering::AcqRel);
        Live(self.0.clone())
    }

    /// Waits until none is left, so that nothing of them can happen after what follows.
    pub(crate) async fn idle(&self) {
        if self.0.live.load(Ordering::Acquire) == 0 {
            return;
        }
        loop {
            let idle = self.0.idle.notified();
            if self.0.live.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.0.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
