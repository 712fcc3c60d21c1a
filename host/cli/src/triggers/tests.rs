// SPDX-License-Identifier: MIT OR Apache-2.0
//! Triggers start each run once, whatever becomes of their host between two steps.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use priory_core::event::{Program, RunStarted};
use priory_core::inbox::{Arrival, Arrived, EventQuery, Inbox};
use priory_core::journal::{Batch, Lease, Pruned, Retention, RunHeader, RunInfo, RunWait, Verdict, Wait};
use priory_core::{Digest, Envelope, Event, EventRecord, FramePath, Report, Usage};
use priory_journal::MemoryJournal;

use super::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// 2026-11-20T12:00:00Z.
const NOON: u64 = 1_795_176_000_000;

const HEAD: &str = "name = 'shop'\n[plugins.p]\npath = 'p'\n[agents.x]\nplugin = 'p'\n[triggers.t]\nstart = 'x'\n";

fn manifest(trigger: &str) -> Manifest {
    Manifest::parse(&format!("{HEAD}{trigger}"), Path::new("/srv/priory.toml")).unwrap()
}

/// A journal of a process that dies at some call: nothing happens afterwards.
struct Mortal {
    inner: MemoryJournal,
    left: AtomicUsize,
    is_dead: AtomicBool,
}

impl Mortal {
    fn at(inner: &MemoryJournal, calls: usize) -> Arc<Self> {
        Arc::new(Self { inner: inner.clone(), left: AtomicUsize::new(calls), is_dead: AtomicBool::new(false) })
    }

    fn is_alive(&self) -> bool {
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            self.is_dead.store(true, Ordering::SeqCst);
        }
        !self.is_dead.load(Ordering::SeqCst)
    }
}

/// Passes a call on while the process lives; what it dies of has not happened.
macro_rules! pass {
    ($($name:ident($($argument:ident: $of:ty),*) -> $to:ty;)*) => {
        $(fn $name(&self, $($argument: $of),*) -> BoxFuture<'static, Result<$to, JournalError>> {
            match self.is_alive() {
                true => self.inner.$name($($argument),*),
                false => Box::pin(async { Err(JournalError::Shut) }),
            }
        })*
    };
}

impl Inbox for Mortal {
    pass! {
        publish(record: EventRecord) -> Arrival;
        events(query: EventQuery) -> Vec<Arrived>;
        arrived(after: u64, most: usize) -> Vec<RunWait>;
        note(about: String, word: String) -> ();
        notes() -> BTreeMap<String, String>;
    }

    fn head(&self) -> u64 {
        self.inner.head()
    }

    fn arrival(&self, after: u64) -> BoxFuture<'static, ()> {
        self.inner.arrival(after)
    }
}

impl Journal for Mortal {
    pass! {
        append(batch: Batch) -> ();
        claim(run: RunId) -> Lease;
        read(run: RunId, from: u64, most: usize) -> Vec<Envelope>;
        info(run: RunId) -> RunInfo;
        list(query: RunQuery) -> Vec<RunInfo>;
        waits(run: RunId) -> Vec<Wait>;
        due(unix_ms: u64, most: usize) -> Vec<RunWait>;
        next_due(after: u64) -> Option<u64>;
        keep(bytes: Vec<u8>) -> Digest;
        kept(digest: Digest) -> Vec<u8>;
        pins(run: RunId) -> Vec<Digest>;
        prune(retention: Retention, unix_ms: u64) -> Pruned;
        verify(run: RunId) -> Verdict;
    }
}

/// Begins runs by their first event, and nothing more.
struct Beginner {
    journal: Arc<dyn Journal>,
    has_room: AtomicBool,
    begun: Mutex<Vec<Due>>,
}

impl Beginner {
    fn of(journal: &Arc<dyn Journal>) -> Arc<Self> {
        Arc::new(Self { journal: journal.clone(), has_room: AtomicBool::new(true), begun: Mutex::default() })
    }
}

impl Starter for Beginner {
    fn has_room(&self) -> bool {
        self.has_room.load(Ordering::SeqCst)
    }

    fn start(&self, due: Due) -> BoxFuture<'_, Result<(), Failure>> {
        let batch = begins(due.run, &due.program, &due.labels, &due.input);
        Box::pin(async move {
            self.journal.append(batch).await?;
            self.begun.lock().push(due);
            Ok(())
        })
    }
}

fn begins(run: RunId, program: &str, labels: &BTreeMap<String, String>, input: &Json) -> Batch {
    let program = Program::Agent(program.into());
    let started = RunStarted {
        program: program.clone(),
        input: input.clone(),
        seed: String::new(),
        inputs: BTreeMap::new(),
        grants: None,
        limits: priory_core::LimitSpec::default(),
        budget: priory_core::amounts::BudgetSpec::default(),
        engine: "test".into(),
        catalog: None,
        forked_from: None,
        model: None,
        events_after: None,
    };
    let header = RunHeader { started_unix_ms: NOON, program, labels: labels.clone(), pins: Vec::new() };
    let event = Event::RunStarted(Box::new(started));
    let first = Envelope { run, seq: 0, frame: FramePath::root(), unix_ms: NOON, fuel: 0, event };
    Batch { run, epoch: 0, first_seq: 0, events: vec![first], header: Some(header), state: None, waits: None }
}

async fn end(journal: &dyn Journal, run: RunId, unix_ms: u64, output: &str) {
    let report = Report { output: Json::parse(output).unwrap(), summary: None };
    let event = Event::RunEnded { result: Ok(report), usage: Usage::default() };
    let last = Envelope { run, seq: 1, frame: FramePath::root(), unix_ms, fuel: 0, event };
    let state = Some(RunState::Done);
    let batch = Batch { run, epoch: 0, first_seq: 1, events: vec![last], header: None, state, waits: None };
    journal.append(batch).await.unwrap();
}

fn event(id: &str, data: &str, unix_ms: u64) -> EventRecord {
    let (id, name, data) = (id.to_owned(), "order.placed".to_owned(), Json::parse(data).unwrap());
    EventRecord { id, name, data, unix_ms, from: None }
}

/// Fires once, in a host that begins at a time, and returns what was told.
async fn fire(journal: &Arc<dyn Journal>, manifest: &Manifest, began: u64, now: u64) -> Result<Vec<Fired>, Error> {
    let starter = Beginner::of(journal);
    let triggers = Triggers::new(journal, starter, manifest, began).await?;
    let mut told = Vec::new();
    triggers.fire(now, &mut |fired| told.push(fired)).await?;
    Ok(told)
}

/// Returns the inputs of all runs that a trigger started, in the order of what started them.
async fn inputs(journal: &MemoryJournal) -> Vec<String> {
    let labels = [(TRIGGER_LABEL.to_owned(), "t".to_owned())].into();
    let runs = journal.list(RunQuery { labels, most: 5_000, ..RunQuery::default() }).await.unwrap();
    let mut inputs = Vec::new();
    for run in runs.into_iter().rev() {
        let Event::RunStarted(started) = journal.read(run.id, 0, 1).await.unwrap().remove(0).event else { panic!() };
        inputs.push(started.input.to_string());
    }
    inputs
}

fn count(told: &[Fired]) -> usize {
    told.iter().filter(|fired| matches!(fired, Fired::Started { .. })).count()
}

/// Lets something happen to a host that dies at its first call to the journal, at its second, and so on, and lets another
/// one go on; the same runs are there in the end.
async fn check_at_every_call(manifest: &Manifest, happens: impl AsyncFn(&MemoryJournal), now: u64, expected: &[&str]) {
    for calls in 0..200 {
        let store = MemoryJournal::new();
        let whole: Arc<dyn Journal> = Arc::new(store.clone());
        fire(&whole, manifest, NOON, NOON).await.unwrap();
        happens(&store).await;
        let mortal = Mortal::at(&store, calls);
        let dies: Arc<dyn Journal> = mortal.clone();
        let died = fire(&dies, manifest, NOON, now).await.is_err();
        assert_eq!(died, mortal.is_dead.load(Ordering::SeqCst));
        for _ in 0..2 {
            fire(&whole, manifest, NOON, now).await.unwrap();
        }
        assert_eq!(inputs(&store).await, expected, "it died at call {calls}");
        if !died {
            assert!(calls > 3, "it dies at several places");
            return;
        }
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn an_event_starts_one_run_whenever_its_host_dies() {
    let manifest = manifest("event = 'order.placed'\nmatching = { shop = 1 }\ninput = { n = '{event.data.n}' }");
    let happens = async |store: &MemoryJournal| {
        for (id, data) in [("a", r#"{"shop":1,"n":1}"#), ("b", r#"{"shop":2,"n":2}"#), ("c", r#"{"shop":1,"n":3}"#)] {
            let unix_ms = NOON + data.len() as u64 + u64::from(id == "c");
            store.publish(event(id, data, unix_ms)).await.unwrap();
        }
    };
    check_at_every_call(&manifest, happens, NOON + 99, &[r#"{"n":1}"#, r#"{"n":3}"#]).await;
}

#[tokio::test]
async fn a_time_starts_one_run_whenever_its_host_dies() {
    let manifest = manifest("schedule = '0 7 * * *'\nmissed = 'all'\ninput = { at = '{schedule.time}' }");
    let expected = ["{\"at\":\"2026-11-21 07:00:00 UTC\"}", "{\"at\":\"2026-11-22 07:00:00 UTC\"}"];
    check_at_every_call(&manifest, async |_: &MemoryJournal| {}, NOON + 2 * DAY_MS, &expected).await;
}

#[tokio::test]
async fn an_end_starts_one_run_whenever_its_host_dies() {
    let text = "name = 'shop'\n[plugins.p]\npath = 'p'\n[agents.x]\nplugin = 'p'\n[agents.y]\nplugin = 'p'\n[triggers.t]\nafter = 'y'\nstart = 'x'";
    let manifest = Manifest::parse(&format!("entry = 'x'\n{text}"), Path::new("/srv/priory.toml")).unwrap();
    let happens = async |store: &MemoryJournal| {
        for (number, program) in [(1, "y"), (2, "x"), (3, "y")] {
            let run = RunId::from_parts(NOON + number, u128::from(number));
            store.append(begins(run, program, &BTreeMap::new(), &Json::null())).await.unwrap();
            end(store, run, NOON + 10 + number, &number.to_string()).await;
        }
    };
    check_at_every_call(&manifest, happens, NOON + 20_000, &["1", "3"]).await;
}

#[tokio::test]
async fn what_came_before_the_trigger_starts_nothing() {
    let store = MemoryJournal::new();
    let journal: Arc<dyn Journal> = Arc::new(store.clone());
    store.publish(event("a", "1", NOON)).await.unwrap();
    let published = manifest("event = 'order.placed'");
    assert_eq!(fire(&journal, &published, NOON, NOON + DAY_MS).await.unwrap(), []);
    store.publish(event("b", "2", NOON)).await.unwrap();
    assert_eq!(count(&fire(&journal, &published, NOON, NOON + DAY_MS).await.unwrap()), 1);
    assert_eq!(inputs(&store).await, ["2"], "without an input it is given what the event says");
    // The same name stands for times now, and begins anew.
    let scheduled = manifest("schedule = '0 7 * * *'");
    assert_eq!(fire(&journal, &scheduled, NOON + 9 * DAY_MS, NOON + 9 * DAY_MS).await.unwrap(), []);
}

#[tokio::test]
async fn missed_times_are_skipped_joined_or_made_up_for() {
    let check = async |missed: &str, starts: usize, left: Option<u64>| {
        let store = MemoryJournal::new();
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let manifest = manifest(&format!("schedule = '0 7 * * *'\n{missed}"));
        fire(&journal, &manifest, NOON, NOON).await.unwrap();
        // Three mornings passed without a host, and one comes while the next one is there.
        let (began, now) = (NOON + 3 * DAY_MS, NOON + 4 * DAY_MS);
        let told = fire(&journal, &manifest, began, now).await.unwrap();
        let told_left = told.iter().find_map(|fired| match fired {
            Fired::Missed { count, .. } => Some(*count),
            _ => None,
        });
        assert_eq!((count(&told), told_left), (starts, left), "{missed}");
        assert_eq!(fire(&journal, &manifest, now, now).await.unwrap(), [], "{missed}: once is enough");
    };
    check("missed = 'skip'", 1, Some(3)).await;
    check("missed = 'once'", 2, Some(2)).await;
    check("", 2, Some(2)).await;
    check("missed = 'all'", 4, None).await;
}

#[tokio::test]
async fn too_many_missed_times_are_bounded() {
    let store = MemoryJournal::new();
    let journal: Arc<dyn Journal> = Arc::new(store.clone());
    let manifest = manifest("schedule = '* * * * *'\nmissed = 'all'");
    fire(&journal, &manifest, NOON, NOON).await.unwrap();
    let now = NOON + 2 * DAY_MS;
    let told = fire(&journal, &manifest, now, now).await.unwrap();
    assert_eq!((count(&told), &told[0]), (1_000, &Fired::Missed { trigger: "t".into(), count: 1_880 }));
}

#[tokio::test]
async fn runs_of_one_trigger_overlap_wait_or_are_left_out() {
    let publish = async |store: &MemoryJournal| {
        for number in 1..=2u64 {
            store.publish(event(&number.to_string(), &number.to_string(), NOON + number)).await.unwrap();
        }
    };
    let begin = async |overlap: &str| {
        let store = MemoryJournal::new();
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let manifest = manifest(&format!("event = 'order.placed'\n{overlap}"));
        fire(&journal, &manifest, NOON, NOON).await.unwrap();
        publish(&store).await;
        let told = fire(&journal, &manifest, NOON, NOON).await.unwrap();
        (store, journal, manifest, told)
    };
    let (store, .., told) = begin("").await;
    assert_eq!((count(&told), inputs(&store).await.len()), (2, 2));
    let (store, journal, manifest, told) = begin("overlap = 'skip'").await;
    let skipped = Fired::Skipped { trigger: "t".into(), about: "event 2".into() };
    assert_eq!((count(&told), told.last()), (1, Some(&skipped)));
    assert_eq!(fire(&journal, &manifest, NOON, NOON).await.unwrap(), [], "it is not started later");
    assert_eq!(inputs(&store).await, ["1"]);

    let (store, journal, manifest, told) = begin("overlap = 'queue'").await;
    assert_eq!((count(&told), inputs(&store).await), (1, vec!["1".to_owned()]));
    assert_eq!(fire(&journal, &manifest, NOON, NOON).await.unwrap(), []);
    let Some(Fired::Started { run, .. }) = told.first() else { panic!("{told:?}") };
    end(&store, *run, NOON + 5, "null").await;
    assert_eq!(count(&fire(&journal, &manifest, NOON, NOON).await.unwrap()), 1);
    assert_eq!(inputs(&store).await, ["1", "2"]);
}

#[tokio::test]
async fn without_room_nothing_is_lost() {
    let store = MemoryJournal::new();
    let journal: Arc<dyn Journal> = Arc::new(store.clone());
    let manifest = manifest("event = 'order.placed'\ninput = { where = 'here', who = '{event.data}' }");
    let starter = Beginner::of(&journal);
    let triggers = Triggers::new(&journal, starter.clone(), &manifest, NOON).await.unwrap();
    store.publish(event("a", "\"ada\"", NOON)).await.unwrap();
    starter.has_room.store(false, Ordering::SeqCst);
    let mut told = Vec::new();
    triggers.fire(NOON, &mut |fired| told.push(fired)).await.unwrap();
    assert_eq!(told, []);
    starter.has_room.store(true, Ordering::SeqCst);
    triggers.fire(NOON, &mut |fired| told.push(fired)).await.unwrap();
    let begun = starter.begun.lock();
    assert_eq!((told.len(), begun[0].events_after), (1, Some(1)));
    assert_eq!(begun[0].texts, [("where".to_owned(), "here".to_owned())].into(), "what an event says is no text");
}

#[test]
fn progress_reads_back() {
    for progress in [Progress::Event(7), Progress::Time(NOON), Progress::End { upto: 9, since: 3 }] {
        assert_eq!(Progress::read(&progress.write()), Some(progress));
    }
    for wrong in ["", "event", "event x", "time 1 2", "end 1", "other 1"] {
        assert_eq!(Progress::read(wrong), None, "{wrong}");
    }
}
