// SPDX-License-Identifier: MIT OR Apache-2.0
//! The patterns in a real guest: agents that orchestrate in code, on the futures of the SDK.

use std::sync::Arc;

use priory::core::event::Program;
use priory::core::{Effect, Envelope, Event, Failure, FramePath, Journal};
use priory::journal::MemoryJournal;
use priory::record::Silent;
use priory::{AgentSpec, Builder, Durability, Host, Replayed, RunSpec};
use serde_json::{Value, json};

use crate::durable::scene;
use crate::guests;
use crate::stage::{block, build, builder, good, grant, json, other, output, recorded, text_plugin, trap, wasi_plugin};

fn stage() -> Builder {
    let agent = |name| {
        let spec = AgentSpec::new(name, "orchestrate");
        spec.grant(grant("tool=*")).grant(grant("agent=*")).grant(grant("sleep"))
    };
    let plugin = priory::PluginSpec::new("orchestrate", guests::rust("orchestrate"));
    let plugins = builder().without_pool().plugin(good()).plugin(wasi_plugin()).plugin(text_plugin("traps"));
    plugins.plugin(plugin).agent(agent("root")).agent(agent("child"))
}

fn root(by: &str, calls: &[Value], mut more: Value) -> RunSpec {
    more["by"] = json!(by);
    more["calls"] = json!(calls);
    RunSpec::agent("root", json(more))
}

fn add(a: u32, b: u32) -> Value {
    json!({ "tool": "good.add", "with": { "a": a, "b": b } })
}

fn broken() -> Value {
    json!({ "tool": "traps.unreachable", "with": {} })
}

/// Returns the effects of the root frame, and how many of them were outstanding at most.
fn effects(events: &[Envelope]) -> (Vec<Arc<Effect>>, usize) {
    let (mut effects, mut outstanding, mut most) = (Vec::new(), 0_usize, 0);
    for envelope in events.iter().filter(|envelope| envelope.frame == FramePath::root()) {
        match &envelope.event {
            Event::Intent { effect, .. } => {
                effects.push(effect.clone());
                outstanding += 1;
                most = most.max(outstanding);
            }
            Event::Outcome { .. } => outstanding -= 1,
            _ => {}
        }
    }
    (effects, most)
}

#[test]
pub fn maps_side_by_side() {
    let host = build(stage());
    let calls: Vec<Value> = (0..7).map(|at| add(at, 10)).collect();
    let (end, recorder) = recorded(&host, root("map", &calls, json!({ "width": 3 })));
    assert_eq!(output(&end), json!([10, 11, 12, 13, 14, 15, 16]));
    let (effects, most) = effects(&recorder.events());
    assert_eq!((effects.len(), most), (7, 3));
    // One after the other needs no start: nothing is ever beside it.
    let (end, recorder) = recorded(&host, root("sequence", &calls, json!({})));
    assert_eq!(output(&end), 16);
    assert_eq!(self::effects(&recorder.events()).1, 1);
}

#[test]
fn failures_keep_their_places_or_fail_it_all() {
    let host = build(stage());
    let calls = [add(1, 2), broken(), json!({ "agent": "child", "with": { "by": "sequence", "calls": [add(3, 4)] } })];
    let (end, _) = recorded(&host, root("map", &calls, json!({ "width": 3, "keeps": true })));
    let result = output(&end);
    assert_eq!((&result[0], &result[2]), (&json!(3), &json!(7)));
    assert_eq!(result[1]["failure"]["kind"], "trap");
    let (end, _) = recorded(&host, root("map", &calls, json!({ "width": 3 })));
    // The failure of a worker is the failure of the whole, unchanged.
    assert_eq!(trap(&end).frame, "0.1 tool traps.unreachable");
}

#[test]
fn those_who_lost_are_withdrawn() {
    let host = build(stage());
    let sleeps = json!({ "tool": "wasi.sleep-for-ever", "with": {} });
    let (end, recorder) = recorded(&host, root("compete", &[sleeps.clone(), add(1, 2), sleeps, broken()], json!({})));
    let won = output(&end);
    assert_eq!((&won["winner"], &won["output"]), (&json!("1"), &json!(3)));
    let frames = recorder.frames();
    let cut: Vec<_> =
        frames.iter().filter(|frame| frame.program == Program::Tool("wasi.sleep-for-ever".into())).collect();
    assert_eq!(cut.len(), 2, "{frames:?}");
    assert!(cut.iter().all(|frame| matches!(frame.failure, Some(Failure::Cancelled { .. }))), "{cut:?}");
    let (end, _) = recorded(&host, root("compete", &[broken(), broken()], json!({})));
    let stopped = other(&end);
    assert!(stopped.message.starts_with("none of those who competed has a valid result; "), "{}", stopped.message);
    assert_eq!(stopped.data.as_ref().unwrap().to_value(), json!({ "stop": "no-winner" }));
}

#[test]
fn what_may_pass_is_done_again_after_a_while() {
    let host = build(stage());
    let (end, recorder) = recorded(&host, root("retry", &[broken(), broken(), add(40, 2)], json!({ "on": "trap" })));
    assert_eq!(output(&end), 42);
    let (effects, most) = effects(&recorder.events());
    let sleeps =
        effects.iter().filter_map(|effect| if let Effect::Sleep { ms } = &**effect { Some(*ms) } else { None });
    assert_eq!((sleeps.collect::<Vec<_>>(), effects.len(), most), (vec![4, 8], 5, 1));
    let (end, _) = recorded(&host, root("retry", &[broken(), add(40, 2)], json!({ "on": "timeout" })));
    trap(&end);
}

fn durable(journal: &Arc<dyn Journal>) -> Host {
    build(stage().durable(Durability::new(journal.clone()).park_after(None)))
}

/// The order in which calls ended is recorded, so futures go the same way again.
#[test]
pub fn cut_anywhere_it_comes_to_the_same() {
    let child = |calls: &[Value]| json!({ "agent": "child", "with": { "by": "map", "width": 2, "calls": calls } });
    let retried = json!({ "agent": "child", "with": { "by": "retry", "on": "trap", "calls": [broken(), add(1, 1)] } });
    let race = [json!({ "sleep": 3_600_000 }), add(5, 6)];
    let raced = json!({ "agent": "child", "with": { "by": "compete", "calls": race } });
    let calls = [child(&[add(1, 2), json!({ "sleep": 2 }), add(3, 4)]), retried, raced, add(7, 8)];
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let mut started = scene::start(&durable(&journal), root("map", &calls, json!({ "width": 2 })));
    let (run, end) = (started.id, block(started.wait()));
    let whole = output(&end);
    assert_eq!(whole[0], json!([3, { "slept": 2 }, 7]));
    assert_eq!((&whole[1], &whole[2]["output"], &whole[3]), (&json!(2), &json!(11), &json!(15)));
    let events = scene::events(&journal, run);
    for count in (1..events.len()).step_by(3) {
        let copy = scene::cut(&journal, run, &events[..count]);
        let end = scene::finish(&copy, &durable(&copy), run);
        assert_eq!(output(&end), whole, "after {count} events");
        let again = scene::events(&copy, run);
        assert_eq!(&again[..count], &events[..count]);
        assert_eq!(block(durable(&copy).replay(again, Arc::new(Silent))).unwrap(), Replayed::Same);
    }
}
