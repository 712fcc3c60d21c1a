// SPDX-License-Identifier: MIT OR Apache-2.0
//! A journal as a process sees it whose disk is slow, fails, and loses what was not acknowledged when the process dies.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use priory_core::inbox::{Arrival, Arrived, EventQuery, EventRecord, Inbox};
use priory_core::journal::{Batch, Lease, Pruned, Retention, RunInfo, RunQuery, RunWait, Verdict, Wait};
use priory_core::ports::BoxFuture;
use priory_core::{Digest, Envelope, Journal, JournalError, RunId};

use super::{SimRng, pause};

/// How often what goes wrong, in a hundred times, and how slow it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Appends that fail, half of them after all was written.
    pub fail_percent: u64,
    /// For how many steps an append lasts, at most.
    pub steps_max: u64,
}

/// A journal that is kept elsewhere, which is always ready. Clones are the same.
#[derive(Clone)]
pub struct FaultyJournal {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Arc<dyn Journal>,
    rng: SimRng,
    faults: Faults,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Nothing happens any more: the process is gone.
    is_cut: bool,
    next: u64,
    /// What was handed over and is not written.
    open: BTreeMap<u64, Batch>,
}

impl FaultyJournal {
    /// Makes the view of one process.
    pub fn new(inner: Arc<dyn Journal>, rng: SimRng, faults: Faults) -> Self {
        Self { shared: Arc::new(Shared { inner, rng, faults, state: Mutex::default() }) }
    }

    /// Ends the process: what was not acknowledged is written as a whole or not at all, and nothing comes afterwards.
    pub fn crash(&self) {
        let open = {
            let mut state = self.shared.state.lock();
            state.is_cut = true;
            std::mem::take(&mut state.open)
        };
        for batch in open.into_values() {
            if self.shared.rng.percent(50) {
                // Whether it fits does not matter: nobody is told.
                let _ = ready(self.shared.inner.append(batch));
            }
        }
    }
}

impl Shared {
    /// Writes what was handed over, unless that has happened or the process is gone.
    fn write(&self, number: u64) -> Result<(), JournalError> {
        match self.state.lock().open.remove(&number) {
            Some(batch) => ready(self.inner.append(batch)),
            None => Ok(()),
        }
    }

    async fn alive(&self) {
        if self.state.lock().is_cut {
            std::future::pending().await
        }
    }

    async fn append(&self, number: u64) -> Result<(), JournalError> {
        pause(self.rng.below(self.faults.steps_max + 1)).await;
        self.alive().await;
        let fails = self.rng.percent(self.faults.fail_percent);
        let failure = JournalError::Io { path: PathBuf::from("simulated"), reason: "the simulated disk failed".into() };
        if fails && self.rng.percent(50) {
            self.state.lock().open.remove(&number);
            return Err(failure);
        }
        let result = self.write(number);
        pause(self.rng.below(self.faults.steps_max + 1)).await;
        self.alive().await;
        if fails { Err(failure) } else { result }
    }
}

/// Polls once what is ready at once.
fn ready<T>(mut future: BoxFuture<'static, Result<T, JournalError>>) -> Result<T, JournalError> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(JournalError::Invalid { what: "the journal behind a faulty one has to be ready".into() }),
    }
}

/// Passes a call on after some steps.
macro_rules! pass {
    ($self:ident, $call:ident ( $($argument:ident),* )) => {{
        let shared = $self.shared.clone();
        Box::pin(async move {
            pause(shared.rng.below(shared.faults.steps_max + 1)).await;
            shared.alive().await;
            shared.inner.$call($($argument),*).await
        })
    }};
}

impl Inbox for FaultyJournal {
    fn publish(&self, record: EventRecord) -> BoxFuture<'static, Result<Arrival, JournalError>> {
        pass!(self, publish(record))
    }

    fn head(&self) -> u64 {
        self.shared.inner.head()
    }

    fn arrival(&self, after: u64) -> BoxFuture<'static, ()> {
        pass!(self, arrival(after))
    }

    fn events(&self, query: EventQuery) -> BoxFuture<'static, Result<Vec<Arrived>, JournalError>> {
        pass!(self, events(query))
    }

    fn arrived(&self, after: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>> {
        pass!(self, arrived(after, most))
    }

    fn note(&self, about: String, word: String) -> BoxFuture<'static, Result<(), JournalError>> {
        pass!(self, note(about, word))
    }

    fn notes(&self) -> BoxFuture<'static, Result<BTreeMap<String, String>, JournalError>> {
        pass!(self, notes())
    }
}

impl Journal for FaultyJournal {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<(), JournalError>> {
        let shared = self.shared.clone();
        let number = {
            let mut state = shared.state.lock();
            let number = state.next;
            state.next += 1;
            if !state.is_cut {
                state.open.insert(number, batch);
            }
            number
        };
        Box::pin(async move { shared.append(number).await })
    }

    fn claim(&self, run: RunId) -> BoxFuture<'static, Result<Lease, JournalError>> {
        pass!(self, claim(run))
    }

    fn read(&self, run: RunId, from: u64, most: usize) -> BoxFuture<'static, Result<Vec<Envelope>, JournalError>> {
        pass!(self, read(run, from, most))
    }

    fn info(&self, run: RunId) -> BoxFuture<'static, Result<RunInfo, JournalError>> {
        pass!(self, info(run))
    }

    fn list(&self, query: RunQuery) -> BoxFuture<'static, Result<Vec<RunInfo>, JournalError>> {
        pass!(self, list(query))
    }

    fn waits(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Wait>, JournalError>> {
        pass!(self, waits(run))
    }

    fn due(&self, unix_ms: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>> {
        pass!(self, due(unix_ms, most))
    }

    fn next_due(&self, after_unix_ms: u64) -> BoxFuture<'static, Result<Option<u64>, JournalError>> {
        pass!(self, next_due(after_unix_ms))
    }

    fn keep(&self, bytes: Vec<u8>) -> BoxFuture<'static, Result<Digest, JournalError>> {
        pass!(self, keep(bytes))
    }

    fn kept(&self, digest: Digest) -> BoxFuture<'static, Result<Vec<u8>, JournalError>> {
        pass!(self, kept(digest))
    }

    fn pins(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Digest>, JournalError>> {
        pass!(self, pins(run))
    }

    fn prune(&self, retention: Retention, unix_ms: u64) -> BoxFuture<'static, Result<Pruned, JournalError>> {
        pass!(self, prune(retention, unix_ms))
    }

    fn verify(&self, run: RunId) -> BoxFuture<'static, Result<Verdict, JournalError>> {
        pass!(self, verify(run))
    }
}
