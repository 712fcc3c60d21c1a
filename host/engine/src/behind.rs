// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run notes for good without keeping anybody waiting, until it ends: then its host waits for all of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use priory_core::ports::{BoxFuture, Compute};

use crate::live::Tasks;

/// What is being noted. Dropping it gives up what is not done.
#[derive(Default)]
pub(crate) struct Behind(Mutex<VecDeque<Noting>>);

struct Noting {
    is_done: Arc<AtomicBool>,
    #[expect(dead_code, reason = "the task goes on as long as it is there")]
    task: Box<dyn Send + Sync>,
}

impl Behind {
    /// Begins to note something, as one of the tasks of the run. There are never more at once than requests to models were
    /// on their way.
    pub(crate) fn begin(&self, compute: &Arc<dyn Compute>, tasks: &Tasks, note: BoxFuture<'static, ()>) {
        let is_done = Arc::new(AtomicBool::new(false));
        let (live, done) = (tasks.enter(), is_done.clone());
        let task = compute.spawn(Box::pin(async move {
            note.await;
            done.store(true, Ordering::Release);
            drop(live);
        }));
        let mut noting = self.0.lock();
        while noting.front().is_some_and(|first| first.is_done.load(Ordering::Acquire)) {
            noting.pop_front();
        }
        noting.push_back(Noting { is_done, task });
    }
}
