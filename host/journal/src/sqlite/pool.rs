// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads that do what would block: each has something of its own, such as a connection, and takes jobs from one queue.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use priory_core::journal::JournalError;
use priory_core::ports::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::schema::io_refusal;

/// How many jobs wait for a thread. Beyond, whoever asks waits for room.
const QUEUE_MAX: usize = 256;

type Job<C> = Box<dyn FnOnce(&mut C) + Send>;

/// Some threads and their queue.
#[derive(Debug)]
pub(super) struct Pool<C> {
    jobs: mpsc::Sender<Option<Job<C>>>,
    is_shut: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    dir: PathBuf,
}

impl<C: Send + 'static> Pool<C> {
    /// Starts one thread for each of some contexts.
    pub(super) fn start(dir: &Path, name: &str, contexts: Vec<C>) -> Result<Self, JournalError> {
        let (jobs, queue) = mpsc::channel::<Option<Job<C>>>(QUEUE_MAX);
        // Held by the one thread that waits for the next job.
        let queue = Arc::new(Mutex::new(queue));
        let is_shut = Arc::new(AtomicBool::new(false));
        let mut pool = Self { jobs, is_shut: Arc::clone(&is_shut), threads: Vec::new(), dir: dir.into() };
        for mut context in contexts {
            let (queue, is_shut) = (Arc::clone(&queue), Arc::clone(&is_shut));
            let work = move || {
                while !is_shut.load(Ordering::Acquire) {
                    // The lock is given back before the job is done.
                    let job = queue.lock().blocking_recv();
                    match job {
                        Some(Some(job)) => job(&mut context),
                        Some(None) | None => return,
                    }
                }
            };
            // The thread is joined when the pool is dropped.
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
            pool.threads.push(thread.map_err(|error| io_refusal(dir, &error))?);
        }
        Ok(pool)
    }

    /// Has a thread do something.
    pub(super) fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut C) -> Result<T, JournalError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, JournalError>> {
        let jobs = self.jobs.clone();
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            // Who asked may have gone; then nobody wants the answer.
            let job: Job<C> = Box::new(move |context| drop(answer.send(act(context))));
            jobs.send(Some(job)).await.map_err(|_| JournalError::Shut)?;
            answered.await.unwrap_or(Err(JournalError::Shut))
        })
    }

    /// Returns the folder for which it works.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl<C> Drop for Pool<C> {
    fn drop(&mut self) {
        self.is_shut.store(true, Ordering::Release);
        for _ in &self.threads {
            // A full queue means that no thread waits: each looks at the flag before it would.
            drop(self.jobs.try_send(None));
        }
        for thread in self.threads.drain(..) {
            // A thread that broke has nothing left to shut.
            drop(thread.join());
        }
    }
}
