// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workflows over real components: their budgets and times, what they may do, how they call each other, and that they go on
//! wherever their host went away.

use std::sync::Arc;

use priory::core::event::Program;
use priory::core::{Dimension, Event, Failure, Journal};
use priory::journal::MemoryJournal;
use priory::{AgentSpec, Builder, Durability, Host, PluginSpec};
use serde_json::{Map, Value, json};

use crate::durable::scene;
use crate::stage::{self, agent, block, build, builder, good, grant, output, recorded, text_plugin};

/// Adds a workflow whose nodes are given as they are kept.
fn with(builder: Builder, name: &str, nodes: Value, grants: &[&str]) -> Builder {
    let definition = json!({ "name": name, "context-bytes": 65536, "nodes": nodes });
    let plugin = PluginSpec::new(name, definition.to_string().into_bytes());
    let agent = grants.iter().fold(AgentSpec::new(name, name), |agent, text| agent.grant(grant(text)));
    builder.plugin(plugin).agent(agent)
}

fn add(a: &str, b: &str) -> Value {
    json!({ "kind": { "tool": "good.add" }, "with": { "a": a, "b": b } })
}

fn host(nodes: Value, grants: &[&str]) -> Host {
    build(with(builder().plugin(good()).plugin(text_plugin("spin")), "flow", nodes, grants))
}

#[test]
pub fn a_workflow_is_a_program() {
    let host = host(json!({ "one": add("input", "1"), "two": add("one", "one") }), &["tool=good.add"]);
    let (end, recorder) = recorded(&host, priory::RunSpec::agent("flow", stage::json(json!(20))));
    assert_eq!(output(&end), 42);
    let programs: Vec<Program> = recorder
        .events()
        .iter()
        .filter_map(|envelope| match &envelope.event {
            Event::FrameStarted(started) => Some(started.program.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(programs[0], Program::Workflow("flow".into()));
    assert_eq!(programs.len(), 3);
    let node = recorder.events().iter().find_map(|envelope| match &envelope.event {
        Event::Intent { effect, .. } => match &**effect {
            priory::core::Effect::ToolCall { terms, .. } => terms.as_ref().and_then(|terms| terms.node.clone()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(node.as_deref(), Some("one"), "each call says for which node it is");
}

#[test]
fn a_workflow_may_do_what_it_was_granted() {
    let host = host(json!({ "one": add("1", "1") }), &[]);
    match agent(&host, "flow", Value::Null).result {
        Err(Failure::Denied(denial)) => {
            assert_eq!((denial.effect.as_str(), denial.by.as_str()), ("tool good.add", "workflow flow"))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn workflows_call_each_other_and_hold_no_more_than_their_callers() {
    let inner = json!({ "sum": add("input.a", "input.b") });
    let outer = json!({ "call": { "kind": { "workflow": "inner" }, "with": { "a": "40", "b": "2" } } });
    let both = |grants: &[&str]| {
        let host = with(builder().plugin(good()), "inner", inner.clone(), &["tool=good.add"]);
        agent(&build(with(host, "outer", outer.clone(), grants)), "outer", Value::Null)
    };
    assert_eq!(output(&both(&["agent=inner", "tool=good.add"])), 42);
    assert!(matches!(both(&["agent=inner"]).result, Err(Failure::Denied(denial)) if denial.by == "workflow outer"));
}

#[test]
fn a_node_that_spins_is_cut_by_its_own_budget_and_another_is_tried() {
    let nodes = json!({
        "spin": { "kind": { "tool": "spin.run" }, "budget": { "fuel": 1_000_000 }, "on-spent": "fallback", "fallback": ["sum"] },
        "sum": add("40", "2"),
    });
    let (end, recorder) = recorded(&host(nodes, &["tool=*"]), priory::RunSpec::agent("flow", stage::json(Value::Null)));
    assert_eq!(output(&end), 42);
    let spent = recorder.events().iter().find_map(|envelope| match &envelope.event {
        Event::FrameEnded { failure: Some(Failure::Limit(hit)), .. } => Some((hit.dimension, hit.allowed)),
        _ => None,
    });
    assert_eq!(spent, Some((Dimension::Fuel, 1_000_000)));
}

#[test]
fn a_node_has_its_own_time() {
    let nodes = json!({
        "spin": { "kind": { "tool": "spin.run" }, "timeout-ms": 20, "on-failure": "keep" },
    });
    // Enough fuel to outlast the time.
    let spin = text_plugin("spin").limit(Dimension::Fuel, u64::MAX);
    let limits = [(Dimension::Fuel, u64::MAX), (Dimension::TimeMs, 60_000)].into_iter().collect();
    let host = build(with(builder().limits(limits).plugin(spin), "flow", nodes, &["tool=*"]));
    assert_eq!(output(&agent(&host, "flow", Value::Null))["failure"]["kind"], "timeout");
}

#[test]
fn ten_thousand_nodes_over_a_component() {
    let node = |at: usize| {
        let before = if at < 100 { "1".to_owned() } else { format!("n{}", at - 100) };
        (format!("n{at}"), add(&before, "1"))
    };
    let nodes: Map<String, Value> = (0..10_000).map(node).collect();
    let definition = json!({ "name": "wide", "context-bytes": 65536, "nodes": nodes, "result": "n9999" });
    let plugin = PluginSpec::new("wide", definition.to_string().into_bytes());
    let limits = [(Dimension::Fuel, stage::FUEL), (Dimension::TimeMs, 600_000), (Dimension::Calls, 20_000)];
    let builder = builder().limits(limits.into_iter().collect()).plugin(good()).plugin(plugin);
    let host = build(builder.agent(AgentSpec::new("wide", "wide").grant(grant("tool=good.add"))));
    assert_eq!(output(&agent(&host, "wide", Value::Null)), 101);
}

#[test]
pub fn cut_anywhere_it_comes_to_the_same() {
    let nodes = json!({
        "sums": { "kind": { "map": { "over": "[1, 2, 3, 4]", "body": "sum", "width": 2 } } },
        "sum": add("item", "index"),
        "more": { "kind": { "loop": { "body": "twice", "until": "output >= 40", "rounds": 9 } }, "with": "sums[0]" },
        "twice": { "kind": { "tool": "good.add" }, "with": { "a": "given + 1", "b": "given" } },
        "end": { "kind": { "value": "[sums, more]" } },
    });
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let on = |journal: &Arc<dyn Journal>| {
        let builder = builder().plugin(good()).durable(Durability::new(journal.clone()));
        build(with(builder, "flow", nodes.clone(), &["tool=good.add", "log"]))
    };
    let first = on(&journal);
    let mut started = first.start(priory::RunSpec::agent("flow", stage::json(Value::Null))).unwrap();
    let run = started.id;
    let whole = output(&block(started.wait()));
    assert_eq!(whole, json!([[1, 3, 5, 7], 63]));
    let events = scene::events(&journal, run);
    for count in (1..events.len()).step_by(3) {
        let copy = scene::cut(&journal, run, &events[..count]);
        let end = scene::finish(&copy, &on(&copy), run);
        assert_eq!(output(&end), whole, "after {count} events");
    }
    let replayed = block(first.replay(events, Arc::new(priory::record::Silent)));
    assert_eq!(replayed.unwrap(), priory::Replayed::Same);
}
