// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the programs of a run share: its state and its artifacts.

use std::sync::Arc;

use priory::core::artifact::Reference;
use priory::core::journal::RunState;
use priory::core::{Journal, RunId};
use priory::journal::{MemoryJournal, export, import};
use priory::record::Silent;
use priory::{AgentSpec, Builder, Durability, Host, Replayed, RunSpec};
use serde_json::{Value, json};

use super::scene::{self, Outside, post};
use crate::stage::{block, build, builder, grant, output};

/// Every how many events a run is cut.
const STRIDE: usize = 3;
/// What the large artifact is made of, and how often: more than one part.
const TEXT: &str = "priory ";
const TIMES: usize = 170_000;

fn large() -> Vec<u8> {
    TEXT.repeat(TIMES).into_bytes()
}

fn digest(bytes: &[u8]) -> String {
    Reference::to(bytes).artifact.to_string()
}

/// Begins a host with an agent that may use all of it, and others that may use less.
fn stage(outside: &Arc<Outside>) -> Builder {
    let root = AgentSpec::new("root", "steps")
        .grant(grant("agent=*"))
        .grant(grant("http=http://outside.example/*"))
        .grant(grant("log"))
        .grant(grant("state=*"))
        .grant(grant("artifact"));
    let child = AgentSpec { name: "child".into(), ..root.clone() };
    let reader = AgentSpec::new("reader", "steps").grant(grant("state=open*:read")).grant(grant("artifact=read"));
    let bare = AgentSpec::new("bare", "steps");
    let narrow = AgentSpec::new("narrow", "steps").grant(grant("agent=child")).grant(grant("state=open*"));
    let agents = [root, child, reader, bare, narrow];
    let stage = builder().without_pool().plugin(scene::steps_plugin("steps")).http(outside.clone());
    agents.into_iter().fold(stage, Builder::agent)
}

fn host(journal: &Arc<dyn Journal>, outside: &Arc<Outside>) -> Host {
    build(stage(outside).durable(Durability::new(journal.clone())))
}

fn agent(name: &str, steps: Value) -> RunSpec {
    RunSpec::agent(name, crate::stage::json(json!({ "steps": steps })))
}

fn put(key: &str, merge: &str, value: Value) -> Value {
    json!({ "do": "state-put", "key": key, "merge": merge, "value": value })
}

fn get(key: &str) -> Value {
    json!({ "do": "state-get", "key": key })
}

/// Lets several programs write side by side, and then looks at what came of it.
fn steps() -> Value {
    let child = |tag: &str, number: u32| {
        let steps = json!([
            put("list", "append", json!(tag)),
            put("sum", "sum", json!(number)),
            post(tag),
            put("set", "union", json!([tag, "all"])),
            put("most", "max", json!(number)),
        ]);
        json!({ "do": "agent", "name": "child", "with": { "steps": steps } })
    };
    json!([
        put("sum", "sum", json!(1)),
        { "do": "artifact-put", "text": TEXT, "times": TIMES },
        { "do": "all", "steps": [child("a", 10), child("b", 200), child("c", 3_000)] },
        post("between"),
        { "do": "artifact-read", "artifact": digest(&large()) },
        { "do": "artifact-part", "artifact": digest(&large()), "offset": 7, "length": 6 },
        get("list"),
        get("sum"),
        get("set"),
        get("most"),
        { "do": "state-keys", "prefix": "s" },
        { "do": "state-history", "key": "list" },
    ])
}

/// Checks what came of [`steps`], in whatever order the children were at work.
#[track_caller]
fn is_whole(result: &Value) {
    let hash = large().iter().fold(17, |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(u32::from(*byte)));
    assert_eq!(result[1]["artifact"], json!(digest(&large())));
    assert_eq!(result[1]["head"].as_str().unwrap().len(), 256);
    assert_eq!(result[4], json!([large().len(), hash]));
    assert_eq!(result[5], json!("priory"));
    let sorted = |value: &Value| {
        let mut texts: Vec<_> = value.as_array().unwrap().iter().map(Value::to_string).collect();
        texts.sort();
        texts
    };
    assert_eq!((sorted(&result[6][0]), &result[6][1]), (sorted(&json!(["a", "b", "c"])), &json!(3)));
    assert_eq!(result[7], json!([3_211, 4]));
    assert_eq!((sorted(&result[8][0]), &result[8][1]), (sorted(&json!(["a", "all", "b", "c"])), &json!(3)));
    assert_eq!(result[9], json!([3_000, 3]));
    assert_eq!(result[10], json!([["set", 3], ["sum", 4]]));
    let history = result[11].as_array().unwrap();
    assert_eq!(history.iter().map(|change| change[0].clone()).collect::<Vec<_>>(), [json!(1), json!(2), json!(3)]);
    let told: Vec<&Value> = history.iter().map(|change| &change[1]).collect();
    let listed = result[6][0].as_array().unwrap().iter().map(|tag| json!(tag.to_string())).collect::<Vec<_>>();
    assert_eq!(told, listed.iter().collect::<Vec<_>>(), "the history is in the order of the writes");
    assert!(history.iter().all(|change| change[2].as_str().unwrap().starts_with("0.")));
}

/// Executes a run again: with the artifacts, and with those alone that it makes itself.
#[track_caller]
fn replays(journal: &Arc<dyn Journal>, run: RunId) {
    let offline = build(stage(&Arc::default()).http(Arc::new(priory_testkit::ScriptedHttp::new())));
    let events = || scene::events(journal, run);
    let kept = offline.replay_kept(events(), journal.clone(), Arc::new(Silent));
    assert_eq!(block(kept).unwrap(), Replayed::Same);
    assert_eq!(block(offline.replay(events(), Arc::new(Silent))).unwrap(), Replayed::Same);
}

#[test]
pub fn nothing_is_lost_wherever_the_host_goes_away() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let outside = Arc::new(Outside::default());
    let host_of = |journal: &Arc<dyn Journal>| host(journal, &outside);
    let first = host_of(&journal);
    let mut started = scene::start(&first, agent("root", steps()));
    let run = started.id;
    let end = block(started.wait());
    assert_eq!(end.state, RunState::Done, "{end:?}");
    is_whole(&output(&end));
    replays(&journal, run);
    let events = scene::events(&journal, run);
    for count in (1..events.len()).step_by(STRIDE) {
        let copy = scene::cut(&journal, run, &events[..count]);
        let end = scene::finish(&copy, &host_of(&copy), run);
        assert_eq!(end.state, RunState::Done, "after {count} events: {end:?}");
        is_whole(&output(&end));
        replays(&copy, run);
        outside.did_once(4);
    }
    let total: usize = events.iter().map(|event| serde_json::to_string(event).unwrap().len()).sum();
    assert!(total < large().len() / 10, "the events of {total} bytes do not hold the artifact");
}

/// Runs steps to their end, and returns what each came to.
fn results(host: &Host, name: &str, steps: Value) -> Vec<Value> {
    let end = block(scene::start(host, agent(name, steps)).wait());
    output(&end).as_array().unwrap().clone()
}

#[track_caller]
fn fails(value: &Value, with: &str) {
    let failure = value["failure"].as_str().unwrap_or_else(|| panic!("a failure is expected, not {value}"));
    assert!(failure.contains(with), "{failure}");
}

#[test]
fn without_a_grant_there_is_nothing() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let host = host(&journal, &Arc::default());
    let artifact = digest(b"x");
    let steps = json!([
        put("open", "last", json!(1)),
        get("open"),
        get("shut"),
        { "do": "state-keys", "prefix": "" },
        { "do": "state-history", "key": "open" },
        { "do": "artifact-put", "text": "x" },
        { "do": "artifact-read", "artifact": artifact },
    ]);
    let seen = results(&host, "bare", steps.clone());
    fails(&seen[0], "state open for write is denied by agent bare");
    fails(&seen[1], "state open for read is denied by agent bare");
    assert_eq!(seen[3], json!([]));
    fails(&seen[4], "state open for read is denied");
    fails(&seen[5], "artifacts for write is denied by agent bare");
    fails(&seen[6], "artifacts for read is denied by agent bare");

    let seen = results(&host, "reader", steps);
    fails(&seen[0], "state open for write is denied by agent reader");
    assert_eq!(seen[1], Value::Null);
    fails(&seen[2], "state shut for read is denied by agent reader");
    fails(&seen[5], "artifacts for write is denied by agent reader");
    fails(&seen[6], "this run was not given it, and did not make it");

    // A child never has more than its parent.
    let child = json!([put("open", "last", json!(1)), put("shut", "last", json!(1))]);
    let seen = results(&host, "narrow", json!([{ "do": "agent", "name": "child", "with": { "steps": child } }]));
    assert_eq!(seen[0][0], json!([1, 1]));
    fails(&seen[0][1], "state shut for write is denied by agent narrow");
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let host = host(&journal, &Arc::default());
    let swap = |expected: u64| json!({ "do": "state-put", "key": "k", "value": 1, "expected": expected });
    let digest = digest(b"hello");
    let part = |offset: u64, length: u64| json!({ "do": "artifact-part", "artifact": digest, "offset": offset, "length": length });
    let seen = results(
        &host,
        "root",
        json!([
            swap(1),
            swap(0),
            put("k", "sum", json!(1)),
            put("n", "sum", json!("1")),
            put("k", "last", json!("x".repeat(1 << 20))),
            put("k".repeat(257).as_str(), "last", json!(1)),
            put("two words", "last", json!(1)),
            get("k"),
            get("n"),
            { "do": "artifact-put", "text": "hello" },
            part(0, 9),
            part(5, 9),
            part(6, 1),
            part(0, (1 << 20) + 1),
            { "do": "artifact-read", "artifact": "blake3:no" },
        ]),
    );
    fails(&seen[0], "is at revision 0, and revision 1 was expected");
    assert_eq!(seen[1], json!([1, 1]));
    fails(&seen[2], "merges by `last`, as its first write said, and this write says `sum`");
    fails(&seen[3], "a number is expected, and this is a string");
    fails(&seen[4], "it would have 1048578 bytes, and 1048576 are the most");
    fails(&seen[5], "it has 257 bytes, and 1 to 256 are allowed");
    fails(&seen[6], "printable characters without spaces are allowed");
    assert_eq!((&seen[7], &seen[8]), (&json!([1, 1]), &Value::Null));
    assert_eq!(seen[9], json!({ "artifact": digest, "bytes": 5, "head": "hello" }));
    assert_eq!((&seen[10], &seen[11]), (&json!("hello"), &json!("")));
    fails(&seen[12], "it begins at 6, and there are 5 bytes");
    fails(&seen[13], "1048577 bytes are asked for, and 1048576 are the most at once");
    fails(&seen[14], "is not a digest");
}

#[test]
fn an_artifact_goes_from_run_to_run_by_its_reference_alone() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let outside = Arc::default();
    let host = host(&journal, &outside);
    let made = &results(&host, "root", json!([{ "do": "artifact-put", "text": "hello" }]))[0];
    let read = json!([{ "do": "artifact-part", "artifact": made["artifact"], "offset": 0, "length": 9 }]);
    fails(&results(&host, "reader", read.clone())[0], "this run was not given it, and did not make it");

    let input = json!({ "steps": read, "about": { "deep": [made] } });
    let mut started = scene::start(&host, RunSpec::agent("reader", crate::stage::json(input)));
    let (run, end) = (started.id, block(started.wait()));
    assert_eq!(output(&end), json!(["hello"]));

    // It goes with its run to another machine.
    let bundle = block(export(&*journal, run)).unwrap();
    let other: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    block(import(&*other, bundle)).unwrap();
    let digest = made["artifact"].as_str().unwrap().parse().unwrap();
    assert_eq!(block(other.kept(digest)).unwrap(), b"hello");
    let offline = build(stage(&outside));
    let events = scene::events(&other, run);
    let replayed = block(offline.replay_kept(events, other, Arc::new(Silent))).unwrap();
    assert_eq!(replayed, Replayed::Same);
}

#[test]
fn a_run_that_is_kept_nowhere_has_both_as_well() {
    let host = build(stage(&Arc::default()));
    let seen = results(
        &host,
        "root",
        json!([
            put("sum", "sum", json!(2)),
            put("sum", "sum", json!(3)),
            { "do": "artifact-put", "text": "hello" },
            { "do": "artifact-part", "artifact": digest(b"hello"), "offset": 1, "length": 3 },
        ]),
    );
    assert_eq!((&seen[1], &seen[3]), (&json!([5, 2]), &json!("ell")));
}
