// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs that publish events and wait for them: each is there once, and taken once.

use std::sync::Arc;
use std::time::Duration;

use priory::core::inbox::EventQuery;
use priory::core::journal::RunState;
use priory::core::{EventRecord, Journal, Json, RunId};
use priory::journal::MemoryJournal;
use priory::{Begun, Host, RunEnd};
use serde_json::{Value, json};

use super::scene::{self, Outside};
use crate::stage::{block, output};

/// After how long a run that only waits leaves memory.
const PARK_AFTER: Option<Duration> = Some(Duration::from_millis(2));

struct Scene {
    journal: Arc<dyn Journal>,
    outside: Arc<Outside>,
    host: Host,
}

fn scene(park_after: Option<Duration>) -> Scene {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let outside = Arc::new(Outside::default());
    let host = scene::host(&journal, &outside, park_after);
    Scene { journal, outside, host }
}

impl Scene {
    fn run(&self, steps: Value) -> (RunId, RunEnd) {
        let mut started = scene::start(&self.host, scene::root(steps));
        (started.id, block(started.wait()))
    }

    fn publish(&self, id: &str, name: &str, data: Value) {
        publish(&self.journal, &record(id, name, data, self.host.clock().unix_ms()));
    }
}

fn record(id: &str, name: &str, data: Value, unix_ms: u64) -> EventRecord {
    EventRecord { id: id.to_owned(), name: name.to_owned(), data: Json::from(data), unix_ms, from: None }
}

fn publish(journal: &Arc<dyn Journal>, record: &EventRecord) {
    block(journal.publish(record.clone())).unwrap();
}

fn published(journal: &Arc<dyn Journal>) -> Vec<EventRecord> {
    let every = EventQuery { most: 1_000, ..EventQuery::default() };
    block(journal.events(every)).unwrap().into_iter().map(|arrived| arrived.record).collect()
}

fn ids(journal: &Arc<dyn Journal>) -> Vec<String> {
    let mut ids: Vec<String> = published(journal).into_iter().map(|record| record.id).collect();
    ids.sort();
    ids
}

fn wait(name: &str) -> Value {
    json!({ "do": "await", "name": name })
}

#[track_caller]
fn is_parked(end: &RunEnd) {
    assert_eq!((end.state, end.waits.len()), (RunState::Parked, 1), "{end:?}");
    assert!(end.waits[0].event().is_some(), "{end:?}");
}

/// Does a little of everything about events.
fn everything() -> Value {
    let in_child = json!([{ "do": "emit", "name": "made.child", "with": 3 }, wait("made.first")]);
    json!([
        { "do": "emit", "name": "made.first", "with": { "n": 1 } },
        { "do": "emit", "name": "made.keyed", "key": "k7", "with": { "n": 2 } },
        { "do": "emit", "name": "made.keyed", "key": "k7", "with": { "n": 2 } },
        scene::post("between"),
        { "do": "agent", "name": "child", "with": { "looks": true, "steps": in_child } },
        { "do": "await", "name": "go", "matching": { "to": "here" } },
        { "do": "all", "steps": [wait("go"), { "do": "tool", "name": "good.add", "with": { "a": 1, "b": 2 } }] },
        { "do": "await", "name": "never", "expires-ms": 5 },
        { "do": "emit", "name": "elsewhere", "with": 1 },
    ])
}

#[test]
pub fn after_every_event_of_a_run() {
    let scene = scene(None);
    let mut started = scene::start(&scene.host, scene::root(everything()));
    let run = started.id;
    scene.publish("outside/1", "go", json!({ "to": "there" }));
    scene.publish("outside/2", "go", json!({ "to": "here" }));
    let end = block(started.wait());
    let whole = scene::is_sound(&scene.journal, &end, run);
    let results = &whole["results"];
    assert_eq!(results[1], results[2], "one key is one event: {results}");
    assert_eq!(results[4]["results"][1]["data"], json!({ "n": 1 }), "a child takes what its run published");
    assert_eq!((&results[5]["id"], &results[6][0]["id"]), (&json!("outside/2"), &json!("outside/1")), "{results}");
    assert!(results[7]["failure"].as_str().unwrap().contains("nobody published never"), "{results}");
    assert!(results[8]["failure"].as_str().unwrap().contains("event elsewhere is denied by"), "{results}");
    let (events, all) = (scene::events(&scene.journal, run), published(&scene.journal));
    assert_eq!(all.len(), 5, "{all:?}");
    for count in 1..events.len() {
        // The host may have gone away after it published something and before it noted that, or before it published.
        for is_published in [true, false] {
            let copy = scene::cut(&scene.journal, run, &events[..count]);
            let there = all
                .iter()
                .filter(|record| is_published || record.from.is_none() || was_noted(record, &events[..count]));
            there.for_each(|record| publish(&copy, record));
            let host = scene::host(&copy, &scene.outside, None);
            let end = scene::finish(&copy, &host, run);
            let result = scene::is_sound(&copy, &end, run);
            let (mut result, mut whole) = (result, whole.clone());
            [&mut result, &mut whole].into_iter().for_each(without_times);
            assert_eq!(result, whole, "after {count} events, which end with {:?}", events[count - 1]);
            assert_eq!(ids(&copy), ids(&scene.journal), "after {count} events, {is_published}");
        }
    }
    scene.outside.did_once(1);
}

/// Tells whether the outcome of the effect that published an event is among some events.
fn was_noted(record: &EventRecord, events: &[priory::core::Envelope]) -> bool {
    let Some(from) = &record.from else { return true };
    events.iter().any(|envelope| {
        let is_end = matches!(&envelope.event, priory::core::Event::Outcome { step, .. } if *step == from.step);
        is_end && envelope.frame == from.frame
    })
}

/// Takes out when events were published: what is published again bears the time at which it was asked for, which is the
/// same, but what is taken first may be another one of the same.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("unix-ms");
            fields.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}

#[test]
pub fn a_parked_run_goes_on_when_its_event_is_there() {
    let mut scene = scene(PARK_AFTER);
    let (run, end) =
        scene.run(json!([{ "do": "await", "name": "go", "matching": { "to": "here" } }, scene::post("after")]));
    is_parked(&end);
    assert!(end.result.as_ref().unwrap_err().to_string().contains("waits for an event"), "{end:?}");
    let ready = |scene: &Scene| {
        let runs = block(priory::durable::may_go_on(&scene.journal, scene.host.clock().unix_ms())).unwrap();
        runs.contains(&run)
    };
    scene.publish("1", "go", json!({ "to": "there" }));
    scene.publish("2", "gone", json!({ "to": "here" }));
    assert!(!ready(&scene), "neither is the one");
    scene.host = scene::host(&scene.journal, &scene.outside, PARK_AFTER);
    is_parked(&scene::turn(&scene.host, run));
    scene.publish("3", "go", json!({ "to": "here", "more": [1] }));
    assert!(ready(&scene));
    scene.host = scene::host(&scene.journal, &scene.outside, PARK_AFTER);
    let end = scene::turn(&scene.host, run);
    let result = scene::is_sound(&scene.journal, &end, run);
    assert_eq!(result["results"][0]["data"], json!({ "to": "here", "more": [1] }));
    scene.outside.did_once(1);
}

#[test]
pub fn a_run_in_memory_is_told_at_once() {
    let scene = scene(None);
    let mut started = scene::start(&scene.host, scene::root(json!([wait("go")])));
    scene.publish("1", "go", json!(7));
    let end = block(started.wait());
    assert_eq!(scene::is_sound(&scene.journal, &end, started.id)["results"][0]["data"], 7);
}

#[test]
pub fn each_run_takes_each_event_once() {
    let scene = scene(PARK_AFTER);
    scene.publish("before", "go", json!(0));
    let both = json!([{ "do": "all", "steps": [wait("go"), wait("go")] }]);
    let (one, _) = scene.run(both.clone());
    let (other, _) = scene.run(both);
    scene.publish("1", "go", json!(1));
    scene.publish("2", "go", json!(2));
    for run in [one, other] {
        let end = scene::turn(&scene.host, run);
        let result = scene::is_sound(&scene.journal, &end, run);
        let mut data: Vec<_> =
            result["results"][0].as_array().unwrap().iter().map(|one| one["data"].as_u64()).collect();
        data.sort_unstable();
        assert_eq!(data, [Some(1), Some(2)], "what came before the run began is none of its business");
    }
}

#[test]
pub fn what_begins_a_run_begins_it_once() {
    let scene = scene(PARK_AFTER);
    scene.publish("1", "go", json!(1));
    scene.publish("2", "go", json!(2));
    let id = RunId::from_parts(7, 7);
    let spec = || scene::root(json!([wait("go")])).begun_by(Begun { id, events_after: Some(1) });
    let mut started = scene::start(&scene.host, spec());
    block(started.kept()).unwrap();
    let end = block(started.wait());
    assert_eq!((started.id, output(&end)["results"][0]["data"].as_u64()), (id, Some(2)), "the first began it");
    let again = scene::start(&scene.host, spec());
    assert!(block(again.kept()).is_err(), "there is such a run");
}

#[test]
pub fn what_cannot_be_said_is_refused() {
    let scene = scene(PARK_AFTER);
    scene.publish("made.x/k", "made.x", json!(1));
    let (run, end) = scene.run(json!([
        { "do": "emit", "name": "made.x", "key": "k", "with": 2 },
        { "do": "emit", "name": "made.x", "key": "a key", "with": 2 },
        { "do": "emit", "name": "made.X", "with": 2 },
        { "do": "await", "name": "go", "matching": [1] },
        { "do": "emit", "name": "made.long", "with": "x".repeat(1 << 20) },
    ]));
    let result = scene::is_sound(&scene.journal, &end, run);
    let said: Vec<&str> =
        result["results"].as_array().unwrap().iter().map(|one| one["failure"].as_str().unwrap()).collect();
    for (said, expected) in
        said.iter().zip(["conflict", "key of an event", "name of an event", "an object", "are the most"])
    {
        assert!(said.contains(expected), "{said} does not say {expected}");
    }
    assert_eq!(ids(&scene.journal), ["made.x/k"]);
}
