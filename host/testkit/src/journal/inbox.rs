// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is published is there once, in one order, until no run can need it any more.

use std::task::{Context, Waker};

use priory_core::inbox::{Arrival, EventQuery, NOTE_BYTES_MAX, Origin, Sought};
use priory_core::journal::{Awaited, Batch, JournalError, Retention, RunState, Wait};
use priory_core::{EventRecord, FramePath, Journal, Json};

use super::Make;
use super::sample::{START_UNIX_MS, Script, header, run};

const HOUR_MS: u64 = 60 * 60 * 1_000;

fn record(id: &str, name: &str, data: &str) -> EventRecord {
    let (id, name, data) = (id.to_owned(), name.to_owned(), Json::parse(data).unwrap());
    EventRecord { id, name, data, unix_ms: START_UNIX_MS, from: None }
}

fn any() -> EventQuery {
    EventQuery { most: 100, ..EventQuery::default() }
}

async fn ids(journal: &dyn Journal, query: EventQuery) -> Vec<(u64, String)> {
    let found = journal.events(query).await.unwrap();
    found.into_iter().map(|arrived| (arrived.position, arrived.record.id)).collect()
}

fn waits_for(step: u32, name: &str, matching: Option<&str>, after: u64) -> Wait {
    let matching = matching.map(|text| Json::parse(text).unwrap());
    let awaited = Awaited::Event(Box::new(Sought { name: name.to_owned(), matching, after }));
    Wait { frame: FramePath::root(), step, due_unix_ms: None, awaited }
}

/// An event is there once, as it came first; another one under its id is refused.
pub async fn events_are_published_once(make: Make<'_>) {
    let journal = make();
    assert_eq!((journal.head(), ids(&*journal, any()).await), (0, Vec::new()));
    let origin = Origin { run: run(3), frame: FramePath::root().child(2), step: 7 };
    let text = r#"{"b": 1.50, "a": "é"}"#;
    let first = EventRecord { from: Some(origin), ..record("a/1", "a", text) };
    assert_eq!(journal.publish(first.clone()).await.unwrap(), Arrival { position: 1, is_new: true });
    let later = EventRecord { unix_ms: START_UNIX_MS + 5, from: None, ..first.clone() };
    assert_eq!(journal.publish(later).await.unwrap(), Arrival { position: 1, is_new: false });
    let found = journal.events(any()).await.unwrap();
    assert_eq!((found.len(), &found[0].record, found[0].position), (1, &first, 1));
    let other = Err(JournalError::OtherEvent { id: "a/1".into() });
    assert_eq!(journal.publish(record("a/1", "a", r#"{"b": 2}"#)).await, other);
    assert_eq!(journal.publish(record("a/1", "b", text)).await, other);
    assert_eq!(journal.publish(record("a/2", "a", text)).await.unwrap(), Arrival { position: 2, is_new: true });
    assert_eq!(journal.head(), 2);
    for wrong in [record("", "a", "1"), record("a", "A", "1")] {
        assert!(matches!(journal.publish(wrong).await, Err(JournalError::Invalid { .. })));
    }
}

/// Events are read by name and from a position on, from either end.
pub async fn events_are_read_in_order(make: Make<'_>) {
    let journal = make();
    for number in 1..=5 {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        journal.publish(record(&number.to_string(), name, "null")).await.unwrap();
    }
    let expect = |numbers: &[u64]| numbers.iter().map(|n| (*n, n.to_string())).collect::<Vec<_>>();
    let named = |name: &str| EventQuery { name: Some(name.into()), ..any() };
    let newest = EventQuery { is_newest_first: true, most: 2, ..any() };
    assert_eq!(ids(&*journal, any()).await, expect(&[1, 2, 3, 4, 5]));
    assert_eq!(ids(&*journal, EventQuery { after: 3, ..any() }).await, expect(&[4, 5]));
    assert_eq!(ids(&*journal, EventQuery { after: 1, most: 2, ..any() }).await, expect(&[2, 3]));
    assert_eq!(ids(&*journal, named("even")).await, expect(&[2, 4]));
    assert_eq!(ids(&*journal, EventQuery { after: 1, ..named("odd") }).await, expect(&[3, 5]));
    assert_eq!(ids(&*journal, named("eve")).await, expect(&[]));
    assert_eq!(ids(&*journal, newest.clone()).await, expect(&[5, 4]));
    let odd = EventQuery { name: Some("odd".into()), ..newest };
    assert_eq!(ids(&*journal, odd).await, expect(&[5, 3]));
}

/// Whoever waits is told when an event comes, and at once where one is there.
pub async fn arrivals_are_told(make: Make<'_>) {
    let journal = make();
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = journal.arrival(0);
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    journal.publish(record("1", "a", "1")).await.unwrap();
    waiting.await;
    journal.arrival(0).await;
    let mut next = journal.arrival(1);
    assert!(next.as_mut().poll(&mut context).is_pending());
    journal.publish(record("1", "a", "1")).await.unwrap();
    assert!(next.as_mut().poll(&mut context).is_pending(), "it was there before");
    journal.publish(record("2", "a", "1")).await.unwrap();
    next.await;
}

/// Parked runs are found whose event has come: one that they have not looked at, with the fields that they want.
pub async fn awaited_events_are_found(make: Make<'_>) {
    let journal = make();
    let wants = r#"{"shop": "north"}"#;
    let mut scripts: Vec<Script> = (0..3).map(Script::new).collect();
    for script in &mut scripts {
        journal.append(script.begin(header("writer"))).await.unwrap();
    }
    journal.publish(record("1", "paid", r#"{"shop": "north"}"#)).await.unwrap();
    journal
        .append(scripts[0].park(vec![waits_for(4, "paid", Some(wants), 1), waits_for(5, "sent", None, 1)]))
        .await
        .unwrap();
    journal.append(scripts[1].park(vec![waits_for(6, "paid", None, 1)])).await.unwrap();
    journal.append(scripts[2].says("it is open")).await.unwrap();
    let found = async |after| {
        let found = journal.arrived(after, 10).await.unwrap();
        found.into_iter().map(|found| (found.run, found.wait.step)).collect::<Vec<_>>()
    };
    assert_eq!(found(0).await, []);
    assert_eq!(journal.waits(run(0)).await.unwrap()[0], waits_for(4, "paid", Some(wants), 1));
    assert_eq!(journal.info(run(0)).await.unwrap().questions, 0);

    journal.publish(record("2", "paid", r#"{"shop": "south"}"#)).await.unwrap();
    assert_eq!(found(0).await, [(run(1), 6)]);
    journal.publish(record("3", "paid", r#"{"shop": "north", "sum": 3}"#)).await.unwrap();
    assert_eq!(found(0).await, [(run(1), 6), (run(0), 4)]);
    assert_eq!(found(2).await, [(run(0), 4), (run(1), 6)], "both are behind the second");
    assert_eq!(found(3).await, []);
    assert_eq!(journal.arrived(0, 1).await.unwrap().len(), 1);
    journal.publish(record("4", "sent", "null")).await.unwrap();
    assert_eq!(found(3).await, [(run(0), 5)]);

    let woken = Batch { state: Some(RunState::Open), waits: Some(Vec::new()), ..scripts[0].says("awake") };
    journal.append(woken).await.unwrap();
    assert_eq!(found(0).await, [(run(1), 6)]);
}

/// The last word stays, and what is too long is refused.
pub async fn notes_are_kept(make: Make<'_>) {
    let journal = make();
    assert!(journal.notes().await.unwrap().is_empty());
    for (about, word) in [("trigger daily", "5"), ("trigger hourly", "6"), ("trigger daily", "7")] {
        journal.note(about.to_owned(), word.to_owned()).await.unwrap();
    }
    let expected = [("trigger daily", "7"), ("trigger hourly", "6")];
    assert_eq!(journal.notes().await.unwrap(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    let long = "x".repeat(NOTE_BYTES_MAX + 1);
    for (about, word) in [("a", &*long), (&*long, "a")] {
        let refused = journal.note(about.to_owned(), word.to_owned()).await;
        assert!(matches!(refused, Err(JournalError::TooLarge { .. })));
    }
    assert_eq!(journal.notes().await.unwrap().len(), 2);
}

/// An event stays as long as a run that was there before it, and positions are never given twice.
pub async fn events_stay_while_runs_do(make: Make<'_>) {
    let journal = make();
    let at = |number: u64, unix_ms: u64| EventRecord { unix_ms, ..record(&number.to_string(), "a", "1") };
    let mut script = Script::new(1);
    journal.append(script.begin(header("writer"))).await.unwrap();
    let times = [START_UNIX_MS - 2 * HOUR_MS, START_UNIX_MS - 1, START_UNIX_MS + HOUR_MS];
    for (number, time) in (1..).zip(times) {
        journal.publish(at(number, time)).await.unwrap();
    }
    let later = START_UNIX_MS + 100 * HOUR_MS;
    let positions = async || ids(&*journal, any()).await.into_iter().map(|(position, _)| position).collect::<Vec<_>>();
    journal.prune(Retention::default(), later).await.unwrap();
    assert_eq!(positions().await, [2, 3], "an hour before the run is kept too");
    journal.append(script.end()).await.unwrap();
    journal.prune(Retention { count: Some(0), ..Retention::default() }, START_UNIX_MS + HOUR_MS).await.unwrap();
    assert_eq!(positions().await, [3], "no run is left, and the last hour stays");
    journal.prune(Retention::default(), later).await.unwrap();
    assert_eq!((positions().await, journal.head()), (Vec::new(), 3));
    assert_eq!(journal.publish(at(1, later)).await.unwrap(), Arrival { position: 4, is_new: true });
}

/// Runs are found by when they ended.
pub async fn runs_are_found_by_their_end(make: Make<'_>) {
    use priory_core::journal::RunQuery;
    let journal = make();
    for number in 0..3 {
        let mut script = Script::new(number);
        journal.append(script.begin(header("writer"))).await.unwrap();
        script.unix_ms = START_UNIX_MS + number * 1_000;
        if number > 0 {
            journal.append(script.end()).await.unwrap();
        }
    }
    let found = async |since| {
        let query = RunQuery { ended_since_unix_ms: Some(since), most: 10, ..RunQuery::default() };
        journal.list(query).await.unwrap().into_iter().map(|info| info.id).collect::<Vec<_>>()
    };
    assert_eq!(found(0).await, [run(2), run(1)]);
    assert_eq!(found(START_UNIX_MS + 1_500).await, [run(2)]);
    assert_eq!(found(START_UNIX_MS + 9_000).await, []);
}
