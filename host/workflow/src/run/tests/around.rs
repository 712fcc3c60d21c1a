// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done around nodes: contracts, tries, fallbacks, decisions, undoing, stops.

use std::sync::atomic::{AtomicU32, Ordering};

use priory_core::artifact::{ArtifactOp, Reference};
use priory_core::effect::{Answer, Value as Came};
use priory_core::state::{StateEntry, StateOp};
use priory_core::{Dimension, Effect, Failure, Json};
use serde_json::{Value, json};

use super::{call, came, gone, names, run, workflow};

fn answered(value: Value) -> Option<priory_core::Outcome> {
    Some(Ok(Came::Answer(Answer { value: Json::from(value), by: "ann".into() })))
}

#[test]
fn a_node_that_is_left_out_is_null() {
    let definition = workflow(json!({
        "extra": { "kind": { "tool": "t.extra" }, "when": "input.extra" },
        "end": { "kind": { "value": "extra == null ? 'without' : 'with'" } },
    }));
    let (result, host) = run(definition, json!({ "extra": false }), |effect| came(effect, json!(1)));
    assert_eq!(result, Ok(json!("without")));
    assert!(host.asked().is_empty());
    assert_eq!(host.log(), ["node extra is left out: input.extra does not hold"]);
}

#[test]
fn what_breaks_a_contract_goes_back_with_words_and_never_on() {
    let definition = workflow(json!({
        "draft": { "kind": { "agent": "writer" },
                   "contract": { "output": { "type": "object", "required": ["text"] }, "attempts": 3 } },
        "print": { "kind": { "tool": "t.print" }, "with": { "text": "draft.text" } },
    }));
    let tries = AtomicU32::new(0);
    let (result, host) = run(definition, Value::Null, move |effect| match call(effect)?.0 {
        "writer" if tries.fetch_add(1, Ordering::Relaxed) < 2 => came(effect, json!({ "txt": 1 })),
        "writer" => came(effect, json!({ "text": "ok" })),
        _ => came(effect, json!("printed")),
    });
    assert_eq!(result, Ok(json!("printed")));
    assert_eq!(names(&host), ["writer", "writer", "writer", "t.print"]);
    let told = |at: usize| match &host.asked()[at] {
        Effect::AgentCall { feedback, .. } => feedback.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(0), None);
    assert_eq!(told(1).unwrap(), "the output is not valid: \"text\" is a required property");
}

#[test]
fn a_contract_that_stays_broken_is_the_end() {
    let definition = workflow(json!({
        "draft": { "kind": { "agent": "writer" }, "contract": { "output": { "type": "string" }, "attempts": 2 } },
        "print": { "kind": { "tool": "t.print" }, "with": { "text": "draft" } },
    }));
    let (result, host) = run(definition, Value::Null, |effect| came(effect, json!(5)));
    assert!(matches!(result, Err(Failure::Invalid(invalid)) if invalid.subject == "output of node draft"));
    assert_eq!(names(&host), ["writer", "writer"]);
}

#[test]
fn what_does_not_fit_is_never_given() {
    let definition = workflow(json!({
        "tool": { "kind": { "tool": "t.f" }, "with": { "n": "input" },
                  "contract": { "input": { "properties": { "n": { "type": "integer" } } }, "attempts": 2 } },
    }));
    let (result, host) = run(definition, json!("text"), |effect| came(effect, json!(1)));
    assert!(matches!(result, Err(Failure::Invalid(invalid)) if invalid.pointer == "/n"));
    assert!(host.asked().is_empty());
}

#[test]
fn what_may_pass_is_tried_again_after_a_while() {
    let definition = workflow(json!({
        "tool": { "kind": { "tool": "t.f" }, "retry": {
            "times": 3, "backoff-ms": 100, "factor": 2.0, "backoff-ms-max": 1000, "jitter": 0.0 } },
    }));
    let tries = AtomicU32::new(0);
    let (result, host) = run(definition, Value::Null, move |effect| match effect {
        Effect::Sleep { .. } => came(effect, Value::Null),
        _ if tries.fetch_add(1, Ordering::Relaxed) < 2 => Some(Err(gone("t.f"))),
        _ => came(effect, json!("at last")),
    });
    assert_eq!(result, Ok(json!("at last")));
    let slept: Vec<u64> = host
        .asked()
        .iter()
        .filter_map(|effect| match effect {
            Effect::Sleep { ms } => Some(*ms),
            _ => None,
        })
        .collect();
    assert_eq!(slept, [100, 200]);
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    let definition = workflow(json!({
        "tool": { "kind": { "tool": "t.f" }, "retry": {
            "times": 3, "backoff-ms": 100, "factor": 2.0, "backoff-ms-max": 1000, "jitter": 0.0 } },
    }));
    let (result, host) = run(definition, Value::Null, |_| Some(Err(Failure::absent("t.f", "never was"))));
    assert!(result.is_err());
    assert_eq!(host.asked().len(), 1);
}

#[test]
fn fallbacks_are_tried_in_order_with_the_same_input() {
    let definition = workflow(json!({
        "main": { "kind": { "agent": "a" }, "with": { "n": "input" }, "fallback": ["second", "third"] },
        "second": { "kind": { "agent": "b" } },
        "third": { "kind": { "tool": "t.c" } },
    }));
    let (result, host) = run(definition, json!(4), |effect| match call(effect)? {
        ("t.c", given) => came(effect, given),
        _ => Some(Err(Failure::other("no"))),
    });
    assert_eq!(result, Ok(json!({ "n": 4 })));
    assert_eq!(names(&host), ["a", "b", "t.c"]);
}

#[test]
fn a_node_decides_then_a_person() {
    let definition = workflow(json!({
        "work": { "kind": { "agent": "a" }, "escalate": { "to": "chief", "human": true } },
        "chief": { "kind": { "agent": "chief" } },
    }));
    let (result, host) = run(definition, Value::Null, |effect| match effect {
        Effect::AskHuman(question) => {
            assert!(question.text.contains("Node work failed for good: no"), "{}", question.text);
            let about = question.about.as_ref().unwrap().to_value();
            assert_eq!(about["attempts"][0]["failure"]["message"], "no");
            answered(json!({ "use": [1, 2] }))
        }
        _ if call(effect)?.0 == "chief" => came(effect, json!("I do not know")),
        _ => Some(Err(Failure::other("no"))),
    });
    assert_eq!(result, Ok(json!([1, 2])));
    assert_eq!(names(&host), ["a", "chief"]);
}

#[test]
fn a_hint_goes_to_the_node_that_is_done_again() {
    let definition = workflow(json!({
        "work": { "kind": { "agent": "a" }, "escalate": { "to": "chief" } },
        "chief": { "kind": { "agent": "chief" } },
    }));
    let (result, _) = run(definition, Value::Null, |effect| match effect {
        Effect::AgentCall { agent, .. } if agent == "chief" => came(effect, json!({ "again": "look left" })),
        Effect::AgentCall { feedback: Some(feedback), .. } => came(effect, json!(feedback)),
        _ => Some(Err(Failure::other("no"))),
    });
    assert_eq!(result, Ok(json!("look left")));
}

#[test]
fn what_was_done_is_undone_in_reverse_when_the_whole_fails() {
    let definition = workflow(json!({
        "flight": { "kind": { "tool": "t.book" }, "with": { "what": "'flight'" }, "undo": { "node": "no_flight",
                    "with": { "booking": "output", "why": "'undo'" } } },
        "no_flight": { "kind": { "tool": "t.cancel" } },
        "hotel": { "kind": { "tool": "t.book" }, "with": { "what": "'hotel'" }, "after": ["flight"],
                   "undo": { "node": "no_hotel" } },
        "no_hotel": { "kind": { "tool": "t.cancel" } },
        "pay": { "kind": { "tool": "t.pay" }, "after": ["hotel"] },
    }));
    let (result, host) = run(definition, Value::Null, |effect| match effect {
        Effect::AwaitCancel => None,
        _ => match call(effect)? {
            ("t.pay", _) => Some(Err(Failure::other("no money"))),
            ("t.book", given) => came(effect, json!({ "booked": given["what"] })),
            _ => came(effect, Value::Null),
        },
    });
    assert_eq!(result, Err(Failure::other("no money")));
    let cancelled: Vec<Value> = host
        .asked()
        .iter()
        .filter_map(|effect| call(effect).filter(|(name, _)| *name == "t.cancel").map(|(_, given)| given))
        .collect();
    let hotel = json!({ "given": { "what": "hotel" }, "output": { "booked": "hotel" } });
    assert_eq!(cancelled, [hotel, json!({ "booking": { "booked": "flight" }, "why": "undo" })]);
}

#[test]
fn what_was_done_is_undone_when_the_run_is_cancelled() {
    let definition = workflow(json!({
        "book": { "kind": { "tool": "t.book" }, "undo": { "node": "unbook" } },
        "unbook": { "kind": { "tool": "t.cancel" } },
        "wait": { "kind": { "human": { "kind": "approve", "text": "sure?" } }, "after": ["book"] },
    }));
    let (result, host) = run(definition, Value::Null, |effect| match effect {
        Effect::AskHuman(_) => None,
        Effect::AwaitCancel => Some(Ok(Came::Json(Json::from(json!({ "by": "bob" }))))),
        _ => came(effect, json!("done")),
    });
    // Whether the cancellation comes before or after the booking is drawn; what was booked is unbooked.
    assert_eq!(result, Err(Failure::Cancelled { by: "bob".into() }));
    let booked = names(&host).iter().filter(|name| *name == "t.book").count();
    let undone = names(&host).iter().filter(|name| *name == "t.cancel").count();
    let withdrawn = host.withdrawn().iter().filter(|effect| call(effect).is_some()).count();
    assert_eq!(undone, booked - withdrawn);
}

#[test]
fn a_failure_may_be_kept_or_be_a_value() {
    let definition = workflow(json!({
        "kept": { "kind": { "tool": "t.f" }, "on-failure": "keep" },
        "other": { "kind": { "tool": "t.f" }, "on-failure": { "value": { "why": "failure.message" } } },
        "end": { "kind": { "value": "[kept.failure.kind, other.why]" } },
    }));
    let (result, _) = run(definition, Value::Null, |_| Some(Err(Failure::other("no"))));
    assert_eq!(result, Ok(json!(["other", "no"])));
}

#[test]
fn the_whole_stops_after_so_many_steps() {
    let definition = json!({ "name": "w", "context-bytes": 1024, "stop": { "steps": 3 }, "nodes": {
        "all": { "kind": { "map": { "over": "[1, 2, 3, 4, 5]", "body": "each", "width": 1 } } },
        "each": { "kind": { "tool": "t.f" } },
    } });
    let (result, host) = run(definition, Value::Null, |effect| came(effect, json!(1)));
    assert!(matches!(result, Err(Failure::Limit(hit)) if hit.dimension == Dimension::Calls && hit.allowed == 3));
    assert_eq!(host.asked().len(), 3);
}

#[test]
fn the_whole_stops_when_nothing_moves() {
    let definition = json!({ "name": "w", "context-bytes": 1024, "stop": { "repeats": 4 }, "nodes": {
        "again": { "kind": { "loop": { "body": "each", "until": "output == 2", "rounds": 100 } } },
        "each": { "kind": { "tool": "t.f" }, "with": {} },
    } });
    let (result, host) = run(definition, Value::Null, |effect| came(effect, json!(1)));
    assert!(matches!(result, Err(Failure::Limit(hit)) if hit.dimension == Dimension::Repeats && hit.allowed == 4));
    assert_eq!(host.asked().len(), 5);
}

#[test]
fn a_tool_merges_what_others_write_meanwhile() {
    let definition = json!({ "name": "w", "context-bytes": 1024, "state": { "best": { "tool": "t.better" } }, "nodes": {
        "find": { "kind": { "tool": "t.find" }, "write": { "best": "output" } },
        "end": { "kind": { "value": "state.best" }, "after": ["find"] },
    } });
    let state = parking_lot::Mutex::new((json!(3), 1_u64));
    let (result, host) = run(definition, Value::Null, move |effect| match effect {
        Effect::State(StateOp::Read { .. }) => {
            let (value, revision) = state.lock().clone();
            Some(Ok(Came::State(Some(StateEntry { value: Json::from(value), revision }))))
        }
        Effect::State(StateOp::Write { value, expected, .. }) => {
            let mut held = state.lock();
            if *expected != Some(held.1) {
                return Some(Err(Failure::Conflict { reason: "written".into() }));
            }
            *held = (value.to_value(), held.1 + 1);
            Some(Ok(Came::State(Some(StateEntry { value: value.clone(), revision: held.1 }))))
        }
        _ => match call(effect)? {
            ("t.better", given) => {
                let mut held = state.lock();
                if held.1 == 1 {
                    // Somebody else writes while the tool is at work.
                    *held = (json!(9), 2);
                }
                came(effect, json!(given["current"].as_i64().max(given["update"].as_i64())))
            }
            _ => came(effect, json!(7)),
        },
    });
    assert_eq!(result, Ok(json!(9)));
    assert_eq!(names(&host), ["t.find", "t.better", "t.better"]);
}

#[test]
fn what_is_too_large_for_an_agent_becomes_an_artifact() {
    let definition = json!({ "name": "w", "context-bytes": 100, "nodes": {
        "read": { "kind": { "agent": "a" }, "with": { "short": "'x'", "long": "input" } },
    } });
    let long = "word ".repeat(100);
    let (result, host) = run(definition, json!(long), |effect| match effect {
        Effect::Artifact(ArtifactOp::Put { content }) => Some(Ok(Came::Artifact(content.info()))),
        _ => came(effect, call(effect)?.1),
    });
    let reference = Reference::to(long.as_bytes()).to_json().to_value();
    assert_eq!(result, Ok(json!({ "short": "x", "long": reference })));
    assert_eq!(host.asked().len(), 2);
}
