// SPDX-License-Identifier: MIT OR Apache-2.0
//! Models in workflows: what they are asked, and what becomes of what they answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use priory_core::effect::{Answer, Value as Came};
use priory_core::model::{Completion, Effort, Message, ModelRequest, Role, StopReason, TokenUsage};
use priory_core::{Dimension, Effect, Failure, Json, Outcome};
use serde_json::{Value, json};

use super::{came, run, workflow};

fn completion(words: &str, output: Option<Value>, stop: StopReason) -> Option<Outcome> {
    Some(Ok(Came::Completion(Box::new(Completion {
        message: Message::text(Role::Assistant, words),
        stop,
        model: "fast".into(),
        usage: TokenUsage::default(),
        microusd: 0,
        output: output.map(Json::from),
        problem: None,
        is_cached: false,
    }))))
}

/// What a model was asked: who says what, one message a line.
fn said(request: &ModelRequest) -> String {
    let one = |message: &Arc<Message>| format!("{}: {}", message.role.as_str(), message.words());
    request.messages.new_messages().map(one).collect::<Vec<_>>().join("\n")
}

fn request(effect: &Effect) -> Option<&ModelRequest> {
    match effect {
        Effect::ModelCall { request, is_heard: false, .. } => Some(request),
        _ => None,
    }
}

#[test]
fn a_model_is_asked_without_an_agent() {
    let definition = workflow(json!({
        "sum": { "kind": { "model": { "name": "fast", "system": "Be brief, {input.who}.", "prompt": "Sum up: {given.text}",
            "temperature-milli": 200, "output-tokens-max": 50, "effort": "low" } }, "with": { "text": "input.text" },
            "budget": { "fuel": null, "memory-bytes": null, "calls": null, "bytes": null, "tokens-in": 100 } },
        "use": { "kind": { "tool": "t.f" }, "with": { "text": "sum" } },
    }));
    let (result, host) = run(definition, json!({ "who": "Ann", "text": "long" }), |effect| match request(effect) {
        Some(_) => completion("short", None, StopReason::End),
        None => came(effect, json!(effect.summary())),
    });
    assert_eq!(result, Ok(json!("tool t.f")));
    let asked = host.asked();
    let Some(Effect::ModelCall { request, terms: Some(terms), .. }) = asked.first() else { panic!("{asked:?}") };
    assert_eq!(
        said(request),
        "system: Be brief, Ann.\nuser: Sum up: {\"text\":\"long\"}".replace("{\"text\":\"long\"}", "long")
    );
    assert_eq!((request.model.as_deref(), request.sampling.temperature_milli), (Some("fast"), Some(200)));
    assert_eq!((request.sampling.output_tokens_max, request.sampling.effort), (Some(50), Some(Effort::Low)));
    assert_eq!((terms.node.as_deref(), terms.budget.tokens_in), (Some("sum"), Some(100)));
    let Some(Effect::ToolCall { arguments, .. }) = asked.get(1) else { panic!("{asked:?}") };
    assert_eq!(arguments.as_str(), r#"{"text":"short"}"#);
}

#[test]
fn without_a_prompt_it_is_asked_what_the_node_is_given() {
    for (input, expected) in [(json!("why?"), "user: why?"), (json!({ "a": 1 }), "user: {\"a\":1}")] {
        let definition = workflow(json!({ "ask": { "kind": { "model": {} } } }));
        let (result, host) = run(definition, input, |_| completion("so", None, StopReason::End));
        assert_eq!(result, Ok(json!("so")));
        let request = host.asked().first().and_then(request).cloned().unwrap();
        assert_eq!((said(&request).as_str(), request.model), (expected, None));
    }
}

#[test]
fn what_does_not_fit_goes_back_to_the_model() {
    let schema = json!({ "type": "object", "required": ["n"] });
    let definition = workflow(json!({
        "ask": { "kind": { "model": { "prompt": "A number?" } }, "contract": { "output": schema, "attempts": 3 } },
    }));
    let times = AtomicUsize::new(0);
    let (result, host) = run(definition, Value::Null, move |_| match times.fetch_add(1, Ordering::Relaxed) {
        0 => completion("seven", None, StopReason::End),
        1 => completion("{}", Some(json!({})), StopReason::End),
        _ => completion("", Some(json!({ "n": 7 })), StopReason::End),
    });
    assert_eq!(result, Ok(json!({ "n": 7 })));
    let asked: Vec<String> = host.asked().iter().filter_map(request).map(said).collect();
    assert_eq!(asked.first().map(String::as_str), Some("user: A number?"));
    let told = |index: usize| asked.get(index).unwrap().split_once("\n\nThe answer before was refused: ").unwrap().1;
    assert!(told(1).contains("\"seven\" is not of type \"object\""), "{}", told(1));
    assert!(told(2).contains("\"n\" is a required property"), "{}", told(2));
    assert!(host.asked().iter().filter_map(request).all(|request| request.sampling.output.is_some()));
}

#[test]
fn what_refuses_is_a_failure_and_what_is_cut_is_said() {
    let definition = || workflow(json!({ "ask": { "kind": { "model": { "prompt": "?" } } } }));
    let (result, _) = run(definition(), Value::Null, |_| completion("No.", None, StopReason::Refused));
    assert_eq!(result.unwrap_err().to_string(), "model fast refuses to answer: No.");
    let (result, host) = run(definition(), Value::Null, |_| completion("so m", None, StopReason::Length));
    assert_eq!(result, Ok(json!("so m")));
    assert_eq!(host.log(), ["node ask: the answer of model fast was cut at its length"]);
}

#[test]
fn a_call_of_a_model_is_a_step_of_the_whole() {
    let mut definition = workflow(json!({
        "loop": { "kind": { "loop": { "body": "ask", "rounds": 5 } } },
        "ask": { "kind": { "model": { "prompt": "{round}" } } },
    }));
    definition["stop"] = json!({ "steps": 2 });
    let (result, _) = run(definition, Value::Null, |_| completion("so", None, StopReason::End));
    assert!(matches!(result, Err(Failure::Limit(hit)) if hit.dimension == Dimension::Calls));
}

#[test]
fn money_that_is_spent_may_be_raised_in_dollars() {
    let ask = |answer: Value| {
        let definition = workflow(json!({
            "work": { "kind": { "model": { "prompt": "?" } }, "on-spent": "ask",
                "budget": { "fuel": null, "memory-bytes": null, "calls": null, "bytes": null, "money-microusd": 10_000 } },
        }));
        let (result, _) = run(definition, Value::Null, move |effect| match effect {
            Effect::ModelCall { terms: Some(terms), .. } if terms.budget.money_microusd == Some(10_000) => {
                Some(Err(Failure::limit(Dimension::MoneyMicrousd, 12_000, 10_000, "0 workflow w")))
            }
            Effect::ModelCall { terms: Some(terms), .. } => {
                completion(&format!("{:?}", terms.budget.money_microusd), None, StopReason::End)
            }
            Effect::AskHuman(question) => {
                assert!(
                    question.text.starts_with("Node work has spent its budget of 0.01 dollars"),
                    "{}",
                    question.text
                );
                Some(Ok(Came::Answer(Answer { value: Json::from(answer.clone()), by: "ann".into() })))
            }
            _ => None,
        });
        result.map_err(|failure| failure.kind().to_owned())
    };
    assert_eq!(ask(json!(0.05)), Ok(json!("Some(50000)")));
    assert_eq!(ask(json!("1.5")), Ok(json!("Some(1500000)")));
    assert_eq!(ask(json!(0)), Err("limit".to_owned()));
    assert_eq!(ask(json!(0.005)), Err("limit".to_owned()), "less than there was is no more");
}
