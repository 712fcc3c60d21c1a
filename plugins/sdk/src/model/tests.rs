// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is asked again, and how messages are written.

use serde_json::json;

use super::*;
use crate::stage::{Stage, answered, fits};

#[test]
fn a_message_comes_back_as_it_went() {
    let call = ToolCall {
        id: "c1".into(),
        name: "files.read".into(),
        arguments: r#"{"path":"a.md"}"#.into(),
        problem: None,
        opaque: Some("sig".into()),
    };
    let media = Media { mime: "image/png".into(), artifact: "blake3:00".into(), name: None };
    let said = Message::assistant("I look.")
        .with(Part::Reasoning(Reasoning { text: "hm".into(), opaque: None }))
        .with(Part::ToolCall(call.clone()))
        .with(Part::Image(media))
        .labelled("recent");
    let text = serde_json::to_string(&said).unwrap();
    assert!(
        text.contains(r#"{"tool-call":{"id":"c1","name":"files.read","arguments":{"path":"a.md"},"opaque":"sig"}}"#)
    );
    assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), said);
    let result = Message::results([call.refused("no")]);
    let text = serde_json::to_string(&result).unwrap();
    assert!(text.contains(r#""is-error":true"#));
    assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), result);
}

#[test]
fn a_completion_is_read_as_the_host_writes_it() {
    let text = r#"{"message":{"role":"assistant","parts":[{"text":"{\"n\":1}"}]},"stop":"tool-calls","model":"fast",
        "usage":{"input":7,"output":3,"cache-written":2},"microusd":12,"output":{"n":1},"is-cached":true,"unknown":0}"#;
    let completion: Completion = serde_json::from_str(text).unwrap();
    assert_eq!((completion.stop, completion.usage.cache_written), (StopReason::ToolCalls, 2));
    assert_eq!((completion.output.as_deref(), completion.is_cached), (Some(r#"{"n":1}"#), true));
}

#[test]
fn what_does_not_fit_goes_back_with_the_reason() {
    let schema = json!({ "type": "object" });
    let stage = Stage::new([answered("no"), fits("{\"n\": 1}")]);
    let (value, _) = complete_json::<serde_json::Value>(&stage, Request::new([Message::user("go")]), &schema).unwrap();
    assert_eq!(value, json!({ "n": 1 }));
    let asked = stage.asked();
    assert_eq!(asked[0].output.as_deref(), Some(r#"{"type":"object"}"#));
    let last = asked[1].messages.last().unwrap();
    assert!(last.words().contains("there is no JSON in it"), "{}", last.words());
    assert_eq!(last.label.as_deref(), Some("feedback"));
    // What fits the schema and not the type goes back too.
    let stage = Stage::new([fits("{}"), fits("3")]);
    assert_eq!(complete_json::<u32>(&stage, Request::new([]), &schema).unwrap().0, 3);
}

#[test]
fn it_is_asked_a_bounded_number_of_times() {
    let stage = Stage::new((0..9).map(|_| answered("no")));
    let failure = complete_json::<u32>(&stage, Request::new([]), &json!({})).unwrap_err();
    assert_eq!(failure.to_string(), "answer of a model is invalid: there is no JSON in it");
    assert_eq!(stage.asked().len(), 3);
}

#[test]
fn a_refusal_is_told_and_not_asked_again() {
    let refusal = Completion { stop: StopReason::Refused, ..answered("I must not.") };
    let stage = Stage::new([refusal]);
    let failure = complete_json::<u32>(&stage, Request::new([]), &json!({})).unwrap_err();
    assert_eq!(failure.to_string(), "the model refuses to answer: I must not.");
    assert_eq!(failure.data::<serde_json::Value>().unwrap()["stop"], "refused");
}
