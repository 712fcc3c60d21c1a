// SPDX-License-Identifier: MIT OR Apache-2.0
//! People and events in workflows: what they are asked, and what becomes of what they say.

use priory_core::effect::{Answer, Ask, Decision, Value as Came};
use priory_core::failure::Timeout;
use priory_core::{Effect, Failure, Json};
use serde_json::{Value, json};

use super::{came, run, workflow};

fn human(kind: Value, decision: &Decision) -> Result<Value, Failure> {
    let definition = workflow(json!({
        "draft": { "kind": { "value": { "text": "'hello'" } } },
        "ask": { "kind": { "human": { "kind": kind, "text": "Send {draft.text}?", "about": "draft" } } },
    }));
    let decision = decision.to_json();
    let (result, _) = run(definition, Value::Null, move |effect| match effect {
        Effect::AskHuman(question) => {
            assert_eq!(question.text, "Send hello?");
            assert_eq!(question.about.as_ref().map(Json::as_str), Some(r#"{"text":"hello"}"#));
            Some(Ok(Came::Answer(Answer { value: decision.clone(), by: "ann".into() })))
        }
        _ => None,
    });
    result
}

#[test]
fn what_is_approved_goes_on_as_it_is() {
    assert_eq!(human(json!("approve"), &Decision::Approve), Ok(json!({ "text": "hello" })));
}

#[test]
fn what_is_edited_goes_on_as_it_was_edited() {
    let edit = Decision::Edit { value: Json::from(json!({ "text": "hi" })) };
    assert_eq!(human(json!("edit"), &edit), Ok(json!({ "text": "hi" })));
}

#[test]
fn what_is_rejected_fails_with_the_reason() {
    let reject = Decision::Reject { reason: Some("too short".into()) };
    let failure = human(json!("approve"), &reject).unwrap_err();
    assert_eq!(failure.to_string().split(": {").next(), Some("ann rejected it: too short"));
}

#[test]
fn choices_are_made_of_what_is_known() {
    let definition = workflow(json!({
        "ask": { "kind": { "human": { "kind": { "choose": ["{input.a}", "none"] }, "text": "Which?" } } },
    }));
    let (result, _) = run(definition, json!({ "a": "this" }), |effect| match effect {
        Effect::AskHuman(question) => {
            assert_eq!(question.kind, Ask::Choose { options: vec!["this".into(), "none".into()] });
            Some(Ok(Came::Answer(Answer { value: Json::from(json!("this")), by: "ann".into() })))
        }
        _ => None,
    });
    assert_eq!(result, Ok(json!("this")));
}

#[test]
fn nobody_answers_in_time() {
    let ask = |on_expiry: Value| {
        let definition = workflow(json!({
            "ask": { "kind": { "human": { "kind": "answer", "text": "?", "expires-ms": 5, "on-expiry": on_expiry } } },
        }));
        let late = Timeout { allowed_ms: 5, frame: "0".into() };
        run(definition, Value::Null, move |_| Some(Err(Failure::Timeout(late.clone())))).0
    };
    assert!(matches!(ask(json!("fail")), Err(Failure::Timeout(_))));
    assert_eq!(ask(json!({ "value": "'never mind'" })), Ok(json!("never mind")));
}

#[test]
fn a_budget_that_is_spent_may_be_raised() {
    let definition = workflow(json!({
        "work": { "kind": { "agent": "a" }, "budget": { "fuel": 10 }, "on-spent": "ask" },
    }));
    let (result, host) = run(definition, Value::Null, |effect| match effect {
        Effect::AgentCall { terms: Some(terms), .. } if terms.budget.fuel == Some(10) => {
            Some(Err(Failure::limit(priory_core::Dimension::Fuel, 10, 10, "0.0 agent a")))
        }
        Effect::AgentCall { terms: Some(terms), .. } => came(effect, json!(terms.budget.fuel)),
        Effect::AskHuman(question) => {
            assert!(question.text.starts_with("Node work has spent its budget of 10 fuel"), "{}", question.text);
            Some(Ok(Came::Answer(Answer { value: Json::from(json!(50)), by: "ann".into() })))
        }
        _ => None,
    });
    assert_eq!(result, Ok(json!(50)));
    assert_eq!(host.asked().len(), 3);
}
