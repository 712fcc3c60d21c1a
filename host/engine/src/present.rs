// SPDX-License-Identifier: MIT OR Apache-2.0
//! The runs that a host has in memory, so that whoever answers or cancels one finds it there.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use priory_core::RunId;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::run::Run;

/// The runs of one engine that are in memory.
#[derive(Default)]
pub(crate) struct Present {
    runs: Mutex<HashMap<RunId, Weak<Run>>>,
    /// Told whenever one is gone.
    gone: Notify,
}

impl Present {
    /// Adds a run. One that was taken up twice is the later one.
    pub(crate) fn enter(&self, run: &Arc<Run>) {
        self.runs.lock().insert(run.id, Arc::downgrade(run));
    }

    /// Returns a run.
    pub(crate) fn get(&self, run: RunId) -> Option<Arc<Run>> {
        self.runs.lock().get(&run)?.upgrade()
    }

    /// Removes a run that is being dropped.
    pub(crate) fn leave(&self, run: &Run) {
        let mut runs = self.runs.lock();
        if runs.get(&run.id).is_some_and(|known| std::ptr::eq(known.as_ptr(), run)) {
            runs.remove(&run.id);
        }
        drop(runs);
        self.gone.notify_waiters();
    }

    /// Waits until a run is not here.
    pub(crate) async fn without(&self, run: RunId) {
        loop {
            let gone = self.gone();
            if self.get(run).is_none() {
                return;
            }
            gone.await;
        }
    }

    /// Waits until a run is gone.
    pub(crate) fn gone(&self) -> Notified<'_> {
        self.gone.notified()
    }
}
