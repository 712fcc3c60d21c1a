// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs whose host goes away, at every moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use priory::core::inbox::{Arrival, Arrived, EventQuery, Inbox};
use priory::core::journal::{
    Batch, JournalError, Lease, Pruned, Retention, RunInfo, RunQuery, RunState, RunWait, Verdict, Wait,
};
use priory::core::ports::BoxFuture;
use priory::core::{Digest, Envelope, EventRecord, Journal, RunId};
use priory::journal::{MemoryJournal, SqliteJournal};
use priory::{Durability, Started};
use serde_json::{Value, json};

use super::scene::{self, Outside};
use crate::stage::{block, build};

/// Returns what a run comes to when nothing happens to it, without the numbers that the outside gave.
fn shape(mut result: Value) -> Value {
    without_numbers(&mut result);
    result
}

fn without_numbers(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("done");
            fields.values_mut().for_each(without_numbers);
        }
        Value::Array(items) => items.iter_mut().for_each(without_numbers),
        _ => {}
    }
}

#[test]
pub fn after_every_event() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let outside = Arc::new(Outside::default());
    let host = scene::host(&journal, &outside, None);
    let mut started = scene::start(&host, scene::root(scene::everything()));
    let run = started.id;
    let end = block(started.wait());
    let whole = scene::is_sound(&journal, &end, run);
    let events = scene::events(&journal, run);
    assert!(events.len() > 80, "there are only {} events", events.len());
    for count in 1..events.len() {
        let copy = scene::cut(&journal, run, &events[..count]);
        let host = scene::host(&copy, &outside, None);
        let end = scene::finish(&copy, &host, run);
        let result = scene::is_sound(&copy, &end, run);
        // The outside gives the same answer to the same key, so even those are the same.
        assert_eq!(result, whole, "after {count} events, which end with {:?}", events[count - 1]);
        let again = scene::events(&copy, run);
        assert_eq!(&again[..count], &events[..count], "what is written stays");
        assert!(again[count + 1..].iter().all(|event| !is_resumed(event)), "one time is enough");
        outside.did_once(6);
    }
    assert!(outside.repetitions() > 6);
}

fn is_resumed(envelope: &Envelope) -> bool {
    matches!(envelope.event, priory::core::Event::RunResumed { .. })
}

/// A journal that stops to write after some events: from then on nothing is acknowledged, as if the power was gone.
struct Failing {
    inner: Arc<dyn Journal>,
    left: AtomicU64,
    /// Whether what it stopped at is written all the same, without a word.
    is_written: bool,
    has_failed: AtomicBool,
}

impl Failing {
    fn new(inner: &Arc<dyn Journal>, events: u64, is_written: bool) -> Arc<Self> {
        let (left, has_failed) = (AtomicU64::new(events), AtomicBool::new(false));
        Arc::new(Self { inner: inner.clone(), left, is_written, has_failed })
    }

    /// Waits until it stopped or the run did.
    async fn stopped(&self, started: &mut Started) {
        let failed = async {
            while !self.has_failed.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            // What goes on outside meanwhile goes on.
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        tokio::select! {
            () = failed => {},
            _ = started.wait() => {},
        }
    }
}

impl Inbox for Failing {
    fn publish(&self, record: EventRecord) -> BoxFuture<'static, Result<Arrival, JournalError>> {
        self.inner.publish(record)
    }

    fn head(&self) -> u64 {
        self.inner.head()
    }

    fn arrival(&self, after: u64) -> BoxFuture<'static, ()> {
        self.inner.arrival(after)
    }

    fn events(&self, query: EventQuery) -> BoxFuture<'static, Result<Vec<Arrived>, JournalError>> {
        self.inner.events(query)
    }

    fn arrived(&self, after: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>> {
        self.inner.arrived(after, most)
    }

    fn note(&self, about: String, word: String) -> BoxFuture<'static, Result<(), JournalError>> {
        self.inner.note(about, word)
    }

    fn notes(&self) -> BoxFuture<'static, Result<BTreeMap<String, String>, JournalError>> {
        self.inner.notes()
    }
}

impl Journal for Failing {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<(), JournalError>> {
        let count = batch.events.len() as u64;
        let enough = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(count));
        let failed = enough.is_err() | self.has_failed.load(Ordering::SeqCst);
        if !failed {
            return self.inner.append(batch);
        }
        let is_first = !self.has_failed.swap(true, Ordering::SeqCst);
        let written = (is_first && self.is_written).then(|| self.inner.append(batch));
        Box::pin(async move {
            if let Some(written) = written {
                let _ = written.await;
            }
            std::future::pending().await
        })
    }

    fn claim(&self, run: RunId) -> BoxFuture<'static, Result<Lease, JournalError>> {
        self.inner.claim(run)
    }

    fn read(&self, run: RunId, from: u64, most: usize) -> BoxFuture<'static, Result<Vec<Envelope>, JournalError>> {
        self.inner.read(run, from, most)
    }

    fn info(&self, run: RunId) -> BoxFuture<'static, Result<RunInfo, JournalError>> {
        self.inner.info(run)
    }

    fn list(&self, query: RunQuery) -> BoxFuture<'static, Result<Vec<RunInfo>, JournalError>> {
        self.inner.list(query)
    }

    fn waits(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Wait>, JournalError>> {
        self.inner.waits(run)
    }

    fn due(&self, unix_ms: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>> {
        self.inner.due(unix_ms, most)
    }

    fn next_due(&self, after_unix_ms: u64) -> BoxFuture<'static, Result<Option<u64>, JournalError>> {
        self.inner.next_due(after_unix_ms)
    }

    fn keep(&self, bytes: Vec<u8>) -> BoxFuture<'static, Result<Digest, JournalError>> {
        self.inner.keep(bytes)
    }

    fn kept(&self, digest: Digest) -> BoxFuture<'static, Result<Vec<u8>, JournalError>> {
        self.inner.kept(digest)
    }

    fn pins(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Digest>, JournalError>> {
        self.inner.pins(run)
    }

    fn prune(&self, retention: Retention, unix_ms: u64) -> BoxFuture<'static, Result<Pruned, JournalError>> {
        self.inner.prune(retention, unix_ms)
    }

    fn verify(&self, run: RunId) -> BoxFuture<'static, Result<Verdict, JournalError>> {
        self.inner.verify(run)
    }
}

/// Begins a run on a host whose journal stops after some events. Returns the run, unless nothing of it is durable.
fn begin(
    journal: &Arc<dyn Journal>,
    outside: &Arc<Outside>,
    events: u64,
    is_written: bool,
    is_eager: bool,
) -> Option<RunId> {
    let failing = Failing::new(journal, events, is_written);
    let durability = Durability::new(failing.clone()).park_after(None);
    let durability = if is_eager { durability.eager() } else { durability };
    let host = build(scene::stage(outside).durable(durability));
    let mut started = scene::start(&host, scene::root(scene::everything()));
    block(failing.stopped(&mut started));
    let run = started.id;
    drop((started, host));
    block(journal.info(run)).is_ok().then_some(run)
}

/// Cuts a run on its way, takes it up on another journal that stops a little later, and at last lets it end.
fn cut_twice(journal: &Arc<dyn Journal>, events: u64, is_written: bool, is_eager: bool) -> Option<Value> {
    let outside = Arc::new(Outside::slow(Duration::from_millis(1)));
    let Some(run) = begin(journal, &outside, events, is_written, is_eager) else {
        assert!(outside.keys().is_empty(), "nothing is done before it is known that it is to be done");
        return None;
    };
    if scene::state(journal, run) == RunState::Open {
        let failing = Failing::new(journal, 12, !is_written);
        let host = build(scene::stage(&outside).durable(Durability::new(failing.clone()).park_after(None)));
        block(async {
            let mut resumed = host.resume(run, Arc::new(priory::record::Silent)).await.unwrap();
            failing.stopped(&mut resumed).await;
        });
    }
    let host = scene::host(journal, &outside, None);
    let end = scene::finish(journal, &host, run);
    let result = scene::is_sound(journal, &end, run);
    outside.did_once(6);
    Some(shape(result))
}

#[test]
fn while_it_is_at_work() {
    let mut shapes = Vec::new();
    for events in (0..90).step_by(4) {
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
        let result = cut_twice(&journal, events, events % 8 == 0, events % 3 == 0);
        shapes.extend(result);
    }
    assert!(shapes.len() > 15, "{}", shapes.len());
    assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]), "{:#}", json!(shapes));
}

/// How often a folder is tried that the host before has not let go of.
const OPENS_MAX: usize = 2_000;

/// Opens a folder again that was open a moment ago.
fn open(folder: &std::path::Path) -> Arc<dyn Journal> {
    for _ in 0..OPENS_MAX {
        match SqliteJournal::open(folder) {
            Ok(journal) => return Arc::new(journal),
            Err(JournalError::Busy { .. }) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the host does not let go of its folder");
}

#[test]
fn on_a_disk() {
    for events in (0..90).step_by(15) {
        let folder = tempfile::tempdir().unwrap();
        let outside = Arc::new(Outside::slow(Duration::from_millis(1)));
        let Some(run) = begin(&open(folder.path()), &outside, events, false, events == 30) else { continue };
        let journal = open(folder.path());
        let host = scene::host(&journal, &outside, None);
        let end = scene::finish(&journal, &host, run);
        scene::is_sound(&journal, &end, run);
        outside.did_once(6);
    }
}
