// SPDX-License-Identifier: MIT OR Apache-2.0
//! What runs pin is there as long as they are, and runs that have ended go when they are to.

use std::sync::Arc;

use priory_core::artifact::{ArtifactOp, Content, Reference};
use priory_core::journal::{Batch, JournalError, Pruned, Retention, RunHeader, RunQuery, RunState};
use priory_core::{Digest, Effect, Event, Journal, Value};

use super::Make;
use super::sample::{START_UNIX_MS, Script, header, run, sleeps};

/// Later than every clock of a machine that runs this test: the year 2200, in milliseconds since 1970.
const FAR_UNIX_MS: u64 = 7_258_118_400_000;

const HOUR_MS: u64 = 60 * 60 * 1_000;

async fn all(journal: &dyn Journal) -> Vec<u64> {
    let runs = journal.list(RunQuery { most: 100, ..RunQuery::default() }).await.unwrap();
    let number = |id| (0..100).find(|number| run(*number) == id).unwrap();
    runs.into_iter().map(|info| number(info.id)).collect()
}

/// Writes runs that ended one second after the other.
async fn ended(journal: &dyn Journal, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let mut script = Script::new(number);
        journal.append(script.begin(header("writer"))).await.unwrap();
        script.unix_ms = START_UNIX_MS + number * 1_000;
        journal.append(script.end()).await.unwrap();
    }
}

/// Bytes are found by their digest, as long as a run pins them.
pub async fn kept_bytes_stay_while_pinned(make: Make<'_>) {
    let journal = make();
    let missing = Digest::of(b"missing");
    assert_eq!(journal.kept(missing).await, Err(JournalError::NotKept(missing)));
    let (pinned, loose) = (b"component ".repeat(5_000), Vec::new());
    let pinned_digest = journal.keep(pinned.clone()).await.unwrap();
    assert_eq!(pinned_digest, Digest::of(&pinned));
    assert_eq!(journal.keep(pinned.clone()).await.unwrap(), pinned_digest, "twice is once");
    let loose_digest = journal.keep(loose.clone()).await.unwrap();

    let mut script = Script::new(1);
    let pins = vec![pinned_digest, missing];
    journal.append(script.begin(RunHeader { pins: pins.clone(), ..header("writer") })).await.unwrap();
    assert_eq!(journal.pins(script.run).await.unwrap(), pins);
    assert_eq!(journal.pins(run(2)).await, Err(JournalError::NoRun(run(2))));

    let nothing = Retention::default();
    journal.prune(nothing, START_UNIX_MS).await.unwrap();
    assert_eq!(journal.kept(loose_digest).await.unwrap(), loose, "the hour has not passed");
    // The second time is for a journal that can only tell from the first how long nobody has pinned something.
    for time in [FAR_UNIX_MS, FAR_UNIX_MS + HOUR_MS] {
        journal.prune(nothing, time).await.unwrap();
        assert_eq!(journal.kept(pinned_digest).await.unwrap(), pinned);
    }
    assert_eq!(journal.kept(loose_digest).await, Err(JournalError::NotKept(loose_digest)));

    journal.append(script.end()).await.unwrap();
    for time in [FAR_UNIX_MS, FAR_UNIX_MS + HOUR_MS] {
        journal.prune(Retention { count: Some(0), ..nothing }, time).await.unwrap();
    }
    assert_eq!(journal.kept(pinned_digest).await, Err(JournalError::NotKept(pinned_digest)));
}

/// What a run was given and what it made is pinned by the events that say so, as long as the run is there.
pub async fn artifacts_are_pinned_by_events(make: Make<'_>) {
    let journal = make();
    let mut digests = Vec::new();
    for bytes in [b"given".as_slice(), b"made", b"looked at", b"loose"] {
        digests.push(journal.keep(bytes.to_vec()).await.unwrap());
    }
    let [given, made, loose] = [digests[0], digests[1], digests[3]];
    let mut script = Script::new(1);
    let mut begin = script.begin(header("writer"));
    match begin.events.first_mut().map(|first| &mut first.event) {
        Some(Event::RunStarted(started)) => started.input = Reference::to(b"given").to_json(),
        other => panic!("{other:?}"),
    }
    journal.append(begin).await.unwrap();
    let before = header("writer").pins;
    assert_eq!(journal.pins(script.run).await.unwrap(), [before.clone(), vec![given]].concat());
    let content = Content::new(b"made".to_vec());
    let outcome = Arc::new(Ok(Value::Artifact(content.info())));
    let effect = Arc::new(Effect::Artifact(ArtifactOp::Put { content }));
    let put = vec![Event::Intent { step: 0, effect }, Event::Outcome { step: 0, outcome }];
    journal.append(script.batch(put.clone())).await.unwrap();
    // Said twice, it is pinned once.
    let again: Vec<Event> = put.into_iter().skip(1).collect();
    journal.append(script.batch(again)).await.unwrap();
    let mut pins = journal.pins(script.run).await.unwrap();
    pins.drain(..before.len());
    pins.sort();
    let mut expected = vec![given, made];
    expected.sort();
    assert_eq!(pins, expected);

    for time in [FAR_UNIX_MS, FAR_UNIX_MS + HOUR_MS] {
        journal.prune(Retention::default(), time).await.unwrap();
    }
    assert_eq!(journal.kept(made).await.unwrap(), b"made");
    assert_eq!(journal.kept(given).await.unwrap(), b"given");
    assert_eq!(journal.kept(loose).await, Err(JournalError::NotKept(loose)));
    journal.append(script.end()).await.unwrap();
    for time in [FAR_UNIX_MS, FAR_UNIX_MS + HOUR_MS] {
        journal.prune(Retention { count: Some(0), ..Retention::default() }, time).await.unwrap();
    }
    assert_eq!(journal.kept(made).await, Err(JournalError::NotKept(made)));
}

/// Of the runs that have ended, the newest stay: by age, by count and by bytes.
pub async fn prune_keeps_the_newest(make: Make<'_>) {
    let journal = make();
    ended(&*journal, 0..10).await;
    let now = START_UNIX_MS + 10_000;
    let nothing = Retention::default();
    assert_eq!(journal.prune(nothing, now).await.unwrap(), Pruned::default());

    let bytes = journal.info(run(0)).await.unwrap().bytes + journal.info(run(1)).await.unwrap().bytes;
    let pruned = journal.prune(Retention { age_ms: Some(8_500), ..nothing }, now).await.unwrap();
    assert_eq!(pruned, Pruned { runs: 2, bytes });
    assert_eq!(all(&*journal).await, [9, 8, 7, 6, 5, 4, 3, 2]);

    let pruned = journal.prune(Retention { count: Some(5), ..nothing }, now).await.unwrap();
    assert_eq!((pruned.runs, all(&*journal).await), (3, vec![9, 8, 7, 6, 5]));

    let mut most = 0;
    for number in [9, 8, 7] {
        most += journal.info(run(number)).await.unwrap().bytes;
    }
    journal.prune(Retention { bytes: Some(most), ..nothing }, now).await.unwrap();
    assert_eq!(all(&*journal).await, [9, 8, 7]);

    let gone = run(0);
    assert_eq!(journal.info(gone).await, Err(JournalError::NoRun(gone)));
    assert_eq!(journal.read(gone, 0, 1).await, Err(JournalError::NoRun(gone)));
    assert_eq!(journal.claim(gone).await, Err(JournalError::NoRun(gone)));
    // Its id is free, as for a run that comes back from another machine.
    ended(&*journal, 0..1).await;
    assert_eq!(all(&*journal).await, [9, 8, 7, 0]);
}

/// What goes on is never removed, nor what it shares with runs that are.
pub async fn prune_leaves_what_goes_on(make: Make<'_>) {
    let journal = make();
    let state = |steps: u32| {
        let text: String = (0..steps).map(|step| blake3::hash(&step.to_le_bytes()).to_hex().to_string()).collect();
        priory_core::Json::of(&text).unwrap()
    };
    let mut expected = Vec::new();
    for number in 0..4u64 {
        let mut script = Script::new(number);
        journal.append(script.begin(header("writer"))).await.unwrap();
        for step in 0..30 {
            journal.append(script.step(step, priory_core::Json::null(), state(200 + step * 3))).await.unwrap();
        }
        let last = match number {
            0 => script.end(),
            1 => script.park(vec![sleeps(1, START_UNIX_MS)]),
            2 => Batch { state: Some(RunState::Failed), ..script.end() },
            _ => script.says("on it goes"),
        };
        journal.append(last).await.unwrap();
        if number % 2 == 1 {
            expected.push((script, journal.read(run(number), 0, 1_000).await.unwrap()));
        }
    }
    let everything = Retention { age_ms: Some(0), count: Some(0), bytes: Some(0) };
    assert_eq!(journal.prune(everything, FAR_UNIX_MS).await.unwrap().runs, 2);
    assert_eq!(all(&*journal).await, [3, 1]);
    for (mut script, events) in expected {
        assert_eq!(journal.read(script.run, 0, 1_000).await.unwrap(), events);
        journal.append(script.step(30, state(300), state(300))).await.unwrap();
        let all = journal.read(script.run, 0, 1_000).await.unwrap();
        assert_eq!(all.len(), events.len() + 2);
    }
    assert_eq!(journal.due(FAR_UNIX_MS, 10).await.unwrap().len(), 1);
}
