// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workflows over a scripted host: what they ask, in which order, and what they come to.

mod around;
mod laws;
mod models;
mod patterns;
mod people;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use priory_core::event::{Label, Program};
use priory_core::ports::{Entry, Order, Plugin, Returned};
use priory_core::{Effect, Failure, FramePath, Json, Limits, Outcome, Report, Task, effect};
use priory_testkit::ScriptedHost;
use serde_json::{Value, json};

use super::Workflow;

/// Makes a workflow of nodes, given as they are kept.
fn workflow(nodes: Value) -> Value {
    json!({ "name": "w", "context-bytes": 65536, "nodes": nodes })
}

fn order(input: Value, seed: u8) -> Order {
    Order {
        entry: Entry::Agent(Task { name: "w".into(), input: Json::from(input), feedback: None }),
        label: Label { path: FramePath::root(), program: Program::Workflow("w".into()) },
        depth: 0,
        limits: Limits::default(),
        mounts: Vec::new(),
        env: Vec::new(),
        config: Vec::new(),
        seed: [seed; 32],
        unix_ms: 0,
        seen: Arc::default(),
    }
}

/// Runs a workflow over a host to its end.
fn run_on(definition: &Value, input: Value, host: &Arc<ScriptedHost>) -> Result<Value, Failure> {
    let workflow = Workflow::new(definition.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let execution = Arc::new(workflow).execute(order(input, 7), host.clone(), Arc::default());
    match runtime.block_on(execution)? {
        Returned::Report(report) => Ok(report.output.to_value()),
        other => panic!("{other:?}"),
    }
}

/// Runs a workflow whose effects are done by a script.
fn run(
    definition: Value,
    input: Value,
    script: impl Fn(&Effect) -> Option<Outcome> + Send + Sync + 'static,
) -> (Result<Value, Failure>, Arc<ScriptedHost>) {
    let host = Arc::new(ScriptedHost::new(1, script));
    (run_on(&definition, input, &host), host)
}

/// The name of the tool or agent that an effect calls, with what it is given.
fn call(effect: &Effect) -> Option<(&str, Value)> {
    match effect {
        Effect::ToolCall { tool, arguments, .. } => Some((tool, arguments.to_value())),
        Effect::AgentCall { agent, input, .. } => Some((agent, input.to_value())),
        _ => None,
    }
}

/// The outcome of a call that came to a value.
fn came(effect: &Effect, value: Value) -> Option<Outcome> {
    let json = Json::from(value);
    Some(Ok(match effect {
        Effect::AgentCall { .. } => effect::Value::Report(Report { output: json, summary: None }),
        Effect::Sleep { .. } => effect::Value::Unit,
        _ => effect::Value::Json(json),
    }))
}

fn names(host: &ScriptedHost) -> Vec<String> {
    host.asked().iter().filter_map(|effect| Some(call(effect)?.0.to_owned())).collect()
}

fn gone(what: &str) -> Failure {
    Failure::Unavailable(priory_core::failure::Unavailable {
        subject: what.to_owned(),
        reason: "it is gone".to_owned(),
        retriable: true,
    })
}

#[test]
fn a_node_runs_when_what_it_needs_is_there() {
    let definition = workflow(json!({
        "first": { "kind": { "tool": "t.one" }, "with": { "n": "input.n" } },
        "second": { "kind": { "tool": "t.two" }, "with": { "n": "first + 1" } },
        "third": { "kind": { "tool": "t.three" }, "with": { "n": "second * first" } },
    }));
    let (result, host) = run(definition, json!({ "n": 5 }), |effect| {
        let (_, given) = call(effect)?;
        came(effect, given["n"].clone())
    });
    assert_eq!(result, Ok(json!(30)));
    assert_eq!(names(&host), ["t.one", "t.two", "t.three"]);
    assert_eq!(host.most_at_once(), 0, "a chain is performed in place");
}

#[test]
fn a_fast_branch_never_waits_for_a_slow_one() {
    let definition = workflow(json!({
        "slow": { "kind": { "tool": "t.slow" } },
        "fast": { "kind": { "tool": "t.fast" } },
        "after_fast": { "kind": { "tool": "t.after" }, "with": { "n": "fast" } },
        "join": { "kind": { "value": "[slow, after_fast]" } },
    }));
    let is_after_done = std::sync::atomic::AtomicBool::new(false);
    let (result, host) = run(definition, Value::Null, move |effect| match call(effect)?.0 {
        // The slow one ends only when what follows the fast one has ended.
        "t.slow" if !is_after_done.load(Ordering::Relaxed) => None,
        name => {
            is_after_done.fetch_or(name == "t.after", Ordering::Relaxed);
            came(effect, json!(name))
        }
    });
    assert_eq!(result, Ok(json!(["t.slow", "t.after"])));
    assert_eq!(names(&host), ["t.fast", "t.slow", "t.after"]);
}

#[test]
fn what_is_asked_depends_on_nothing_but_the_outcomes() {
    let definition = workflow(json!({
        "all": { "kind": { "map": { "over": "input", "body": "each", "width": 4 } } },
        "each": { "kind": { "tool": "t.f" }, "with": { "n": "item" }, "retry": {
            "on": [], "times": 3, "backoff-ms": 10, "factor": 2.0, "backoff-ms-max": 100, "jitter": 0.5 } },
    }));
    let script = |effect: &Effect| match call(effect) {
        Some((_, given)) if given["n"].as_i64() == Some(3) => Some(Err(gone("three"))),
        Some((_, given)) => came(effect, given["n"].clone()),
        None => came(effect, Value::Null),
    };
    let once = |seed| {
        let host = Arc::new(ScriptedHost::new(seed, script));
        let result = run_on(&definition, json!([1, 2, 3, 4, 5, 6, 7]), &host);
        (result, host.asked())
    };
    assert_eq!(once(5), once(5));
    let orders: BTreeSet<String> = (0..20).map(|seed| format!("{:?}", once(seed).1)).collect();
    assert!(orders.len() > 1, "another order of ends is another order of asking");
}
