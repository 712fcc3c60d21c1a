// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each pattern once, as a node.

use serde_json::{Value, json};

use priory_core::Failure;

use super::{call, came, names, run, workflow};

#[test]
fn sequence_passes_on() {
    let definition = workflow(json!({
        "all": { "kind": { "sequence": ["a", "b"] } },
        "a": { "kind": { "value": "given + 1" } },
        "b": { "kind": { "value": "given * 10 + a" } },
    }));
    assert_eq!(run(definition, json!(1), |_| None).0, Ok(json!(22)));
}

#[test]
fn parallel_keeps_the_place_of_a_failure() {
    let definition = workflow(json!({
        "all": { "kind": { "parallel": { "branches": ["a", "b"], "settle": "keep" } } },
        "a": { "kind": { "tool": "t.a" } },
        "b": { "kind": { "tool": "t.b" } },
    }));
    let (result, _) = run(definition, Value::Null, |effect| match call(effect)?.0 {
        "t.a" => Some(Err(Failure::other("no"))),
        _ => came(effect, json!(2)),
    });
    assert_eq!(result, Ok(json!({ "a": { "failure": { "kind": "other", "message": "no" } }, "b": 2 })));
}

#[test]
fn map_keeps_the_order_of_its_items() {
    let definition = workflow(json!({
        "all": { "kind": { "map": { "over": "input", "body": "each", "width": 3 } } },
        "each": { "kind": { "tool": "t.f" }, "with": { "n": "item * 2", "i": "index" } },
    }));
    let (result, host) = run(definition, json!([5, 6, 7, 8]), |effect| came(effect, call(effect)?.1));
    assert_eq!(result.unwrap()[3], json!({ "n": 16, "i": 3 }));
    assert_eq!(host.most_at_once(), 3);
}

#[test]
fn route_takes_the_first_case_that_holds() {
    let definition = workflow(json!({
        "way": { "kind": { "route": { "cases": [
            { "when": "input.n > 10", "node": "big" }, { "when": "input.n > 5", "node": "middle" }], "default": "small" } } },
        "big": { "kind": { "value": "'big'" } },
        "middle": { "kind": { "value": "'middle'" } },
        "small": { "kind": { "value": "'small'" } },
    }));
    for (n, expected) in [(11, "big"), (7, "middle"), (1, "small")] {
        assert_eq!(run(definition.clone(), json!({ "n": n }), |_| None).0, Ok(json!(expected)));
    }
}

#[test]
fn loop_goes_round_until_it_is_enough() {
    let definition = workflow(json!({
        "count": { "kind": { "loop": { "body": "add", "until": "output.n >= 4", "rounds": 9, "carry": "{'n': output.n}" } } },
        "add": { "kind": { "value": { "n": "given.n + 1", "round": "round", "last": "last == null" } } },
    }));
    assert_eq!(run(definition, json!({ "n": 1 }), |_| None).0, Ok(json!({ "n": 4, "round": 2, "last": false })));
}

#[test]
fn supervisor_picks_who_works() {
    let definition = workflow(json!({
        "team": { "kind": { "supervisor": { "manager": "boss", "workers": ["ann", "bob"], "turns": 5 } } },
        "boss": { "kind": { "agent": "boss" } },
        "ann": { "kind": { "agent": "ann" }, "description": "writes" },
        "bob": { "kind": { "agent": "bob" } },
    }));
    let (result, host) = run(definition, json!("task"), |effect| {
        let (name, given) = call(effect)?;
        match (name, given["history"].as_array().map(Vec::len)) {
            ("boss", Some(0)) => came(effect, json!({ "next": "bob", "input": 1 })),
            ("boss", Some(1)) => came(effect, json!({ "next": "ann", "input": 2 })),
            ("boss", _) => came(effect, json!({ "done": given["history"][1]["output"] })),
            (_, _) => came(effect, json!(name)),
        }
    });
    assert_eq!(result, Ok(json!("ann")));
    assert_eq!(names(&host), ["boss", "bob", "boss", "ann", "boss"]);
}

#[test]
fn handoff_passes_the_task_on() {
    let definition = workflow(json!({
        "desk": { "kind": { "handoff": { "peers": ["front", "expert"], "handoffs": 5 } } },
        "front": { "kind": { "agent": "front" } },
        "expert": { "kind": { "agent": "expert" } },
    }));
    let (result, _) = run(definition, json!("task"), |effect| match call(effect)? {
        ("front", _) => came(effect, json!({ "handoff": { "to": "expert", "knows": { "seen": true } } })),
        (_, given) => came(effect, json!({ "because": given["knows"] })),
    });
    let expected =
        json!({ "output": { "because": { "seen": true } }, "path": ["front", "expert"], "knows": { "seen": true } });
    assert_eq!(result, Ok(expected));
}

#[test]
fn crew_does_its_tasks() {
    let definition = workflow(json!({
        "crew": { "kind": { "crew": { "goal": "a paper", "revisions": 2, "roles": [
            { "name": "reader", "goal": "facts", "node": "reading" }, { "name": "writer", "goal": "words", "node": "writing" }],
            "tasks": [{ "name": "read", "what": "read it", "role": "reader" },
                      { "name": "write", "what": "write it", "role": "writer", "needs": ["read"] }] } } },
        "reading": { "kind": { "agent": "reader" } },
        "writing": { "kind": { "agent": "writer" } },
    }));
    let (result, _) = run(definition, Value::Null, |effect| match call(effect)? {
        ("reader", _) => came(effect, json!("facts")),
        (_, given) => came(effect, given["context"].clone()),
    });
    assert_eq!(result.unwrap()["output"], json!({ "read": "facts" }));
}

#[test]
fn conversation_goes_round_until_it_is_over() {
    let definition = workflow(json!({
        "talk": { "kind": { "conversation": { "speakers": [
            { "name": "a", "node": "one" }, { "name": "b", "node": "two" }], "until": "turn == 3", "turns-max": 10,
            "window": 8 } } },
        "one": { "kind": { "value": "'one'" } },
        "two": { "kind": { "value": "'two'" } },
    }));
    let result = run(definition, Value::Null, |_| None).0.unwrap();
    let said: Vec<&str> = result["transcript"].as_array().unwrap().iter().filter_map(|s| s["says"].as_str()).collect();
    assert_eq!((said, &result["ended"]), (vec!["one", "two", "one"], &json!("rule")));
}

#[test]
fn compete_withdraws_the_others() {
    let definition = workflow(json!({
        "race": { "kind": { "compete": { "contenders": ["slow", "quick"] } } },
        "slow": { "kind": { "agent": "slow" } },
        "quick": { "kind": { "agent": "quick" } },
    }));
    let (result, host) = run(definition, Value::Null, |effect| match call(effect)?.0 {
        "slow" => None,
        _ => came(effect, json!("won")),
    });
    assert_eq!(result, Ok(json!({ "winner": "quick", "output": "won" })));
    assert_eq!(host.withdrawn().len(), 1);
}

#[test]
fn compete_takes_the_highest_score() {
    let definition = workflow(json!({
        "race": { "kind": { "compete": { "contenders": ["a", "b"], "pick": { "score": "size(output)" } } } },
        "a": { "kind": { "value": "'long one'" } },
        "b": { "kind": { "value": "'short'" } },
    }));
    assert_eq!(run(definition, Value::Null, |_| None).0.unwrap()["winner"], json!("a"));
}

#[test]
fn vote_counts_weights() {
    let definition = workflow(json!({
        "jury": { "kind": { "vote": { "voters": ["a", "b", "c"], "choice": "output.say", "weights": { "c": 3 } } } },
        "a": { "kind": { "value": { "say": "'yes'" } } },
        "b": { "kind": { "value": { "say": "'yes'" } } },
        "c": { "kind": { "value": { "say": "'no'" } } },
    }));
    assert_eq!(run(definition, Value::Null, |_| None).0.unwrap()["choice"], json!("no"));
}

#[test]
fn plan_does_what_is_planned_and_plans_again() {
    let definition = workflow(json!({
        "trip": { "kind": { "plan": { "planner": "planner", "workers": ["worker"], "width": 4, "rounds": 4, "tasks": 9 } } },
        "planner": { "kind": { "agent": "planner" } },
        "worker": { "kind": { "agent": "worker" } },
    }));
    let (result, host) = run(definition, json!("goal"), |effect| match call(effect)? {
        ("planner", given) if given["failed"].as_array().is_some_and(|failed| !failed.is_empty()) => {
            came(effect, json!({ "done": given["done"][0]["output"] }))
        }
        ("planner", _) => came(
            effect,
            json!({ "tasks": [
            { "id": "one", "worker": "worker", "input": 1 },
            { "id": "two", "worker": "worker", "input": "fail", "needs": ["one"] }] }),
        ),
        (_, given) if given["input"] == "fail" => Some(Err(Failure::other("no"))),
        (_, given) => came(effect, given["input"].clone()),
    });
    assert_eq!(result.unwrap()["output"], json!(1));
    assert_eq!(names(&host), ["planner", "worker", "worker", "planner"]);
}
