// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a step has spent and is not written down yet.
//!
//! That a model answered is written down together with the answer, so that no crash leaves the one without the other.

use parking_lot::Mutex;
use priory_core::model::Spent;

/// What a step has spent and is not written down yet. Whoever writes its outcome down holds it too.
#[derive(Debug, Default)]
pub(crate) struct Bill(Mutex<Vec<Spent>>);

impl Bill {
    /// Adds something.
    pub(crate) fn add(&self, spent: Spent) {
        self.0.lock().push(spent);
    }

    /// Takes what is to be written down.
    pub(crate) fn take(&self) -> Vec<Spent> {
        std::mem::take(&mut self.0.lock())
    }
}
