// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs that go on where something else is configured, or under another engine.

use std::sync::Arc;

use priory::core::{Event, Journal, RunId};
use priory::journal::MemoryJournal;
use priory::{Durability, PluginSpec};
use serde_json::{Value, json};

use super::scene::{self, Outside};
use crate::stage::{block, build, output};

/// A tool that adds, and one that says that it does.
fn adds() -> Vec<u8> {
    crate::guests::wat("good")
}

fn multiplies() -> Vec<u8> {
    let text = r#"(component
        (core module $m
            (func (export "add") (param i32 i32) (result i32) (i32.mul (local.get 0) (local.get 1))))
        (core instance $i (instantiate $m))
        (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add"))))"#;
    wat::parse_str(text).unwrap()
}

fn host(journal: &Arc<dyn Journal>, outside: &Arc<Outside>, bytes: Vec<u8>) -> priory::Host {
    let agent = priory::AgentSpec::new("root", "steps")
        .grant(crate::stage::grant("tool=*"))
        .grant(crate::stage::grant("http=http://outside.example/*"))
        .grant(crate::stage::grant("log"));
    let builder = crate::stage::builder().without_pool().http(outside.clone()).agent(agent);
    let builder = builder.plugin(PluginSpec::new("good", bytes)).plugin(scene::steps_plugin("steps"));
    build(builder.durable(Durability::new(journal.clone()).park_after(None)))
}

fn steps() -> Value {
    let tool = json!({ "do": "tool", "name": "good.add", "with": { "a": 3, "b": 4 } });
    json!([tool, scene::post("a"), tool, scene::post("b"), tool])
}

/// Lets a run end and returns it with all of its events.
fn run(journal: &Arc<dyn Journal>, outside: &Arc<Outside>) -> (RunId, Vec<priory::core::Envelope>) {
    let mut started = scene::start(&host(journal, outside, adds()), scene::root(steps()));
    let end = block(started.wait());
    assert_eq!(output(&end)["results"][0], 7, "{end:?}");
    (started.id, scene::events(journal, started.id))
}

#[test]
fn a_run_stays_on_the_plugins_that_it_began_with() {
    let (journal, outside): (Arc<dyn Journal>, _) = (Arc::new(MemoryJournal::new()), Arc::default());
    let (run, events) = run(&journal, &outside);
    for count in (1..events.len()).step_by(5) {
        let copy = scene::cut(&journal, run, &events[..count]);
        let newer = host(&copy, &outside, multiplies());
        let end = scene::finish(&copy, &newer, run);
        let results = output(&end)["results"].clone();
        assert_eq!((&results[0], &results[2], &results[4]), (&json!(7), &json!(7), &json!(7)), "{end:?}");
        let digest = |bytes: Vec<u8>| priory::core::Digest::of(&bytes);
        let used = scene::events(&copy, run).into_iter().filter_map(|envelope| match envelope.event {
            Event::FrameStarted(started) => started.plugin,
            _ => None,
        });
        let used: Vec<_> = used.collect();
        assert!(used.contains(&digest(adds())) && !used.contains(&digest(multiplies())));
        // What begins now is of now.
        let mut now = scene::start(&newer, scene::root(steps()));
        assert_eq!(output(&block(now.wait()))["results"][0], 12);
    }
}

#[test]
fn another_engine_strands_no_run() {
    let (journal, outside): (Arc<dyn Journal>, _) = (Arc::new(MemoryJournal::new()), Arc::default());
    let (run, events) = run(&journal, &outside);
    for count in (1..events.len()).step_by(3) {
        let mut before = events[..count].to_vec();
        for envelope in &mut before {
            // An engine that counted otherwise.
            envelope.fuel = envelope.fuel * 3 / 2;
            if let Event::RunStarted(started) = &mut envelope.event {
                started.engine = Arc::from("another engine 1");
            }
        }
        let copy = scene::cut(&journal, run, &before);
        let end = scene::finish(&copy, &host(&copy, &outside, adds()), run);
        let results = output(&end)["results"].clone();
        assert_eq!((&results[0], &results[2], &results[4]), (&json!(7), &json!(7), &json!(7)), "{end:?}");
        assert_eq!(end.state, priory::core::journal::RunState::Done);
    }
    outside.did_once(2);
}
