// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is written in the format of Responses, and what is read from it.

use priory_core::model::{Choice, Delta, ProviderKind, StopReason};
use serde_json::{Value, json};

use super::super::FaultKind;
use super::*;
use crate::sse::Events;
use crate::testing::{body, call, json as raw, model, offering, prompt, provider, result, says};

fn wire() -> Responses {
    Responses::new(&provider(ProviderKind::OpenaiResponses, Some("https://api.openai.com/v1/".parse().unwrap())))
}

fn read(answer: &Value) -> Result<Said, WireError> {
    let prompt = offering(&["files.read"]);
    wire().whole(answer.to_string().as_bytes(), &Names::of(&prompt))
}

fn stream(chunks: &[Value]) -> (Result<Said, WireError>, Vec<Delta>) {
    let prompt = offering(&["files.read"]);
    let names = Names::of(&prompt);
    let mut events = Events::default();
    for chunk in chunks {
        events.push(format!("event: {}\ndata: {chunk}\n\n", chunk["type"].as_str().unwrap()).as_bytes());
    }
    let mut heard = Vec::new();
    let mut hear = |delta| heard.push(delta);
    let mut ear = Ear::new(&mut hear);
    let mut reader = wire().reader();
    let mut read = Ok(());
    while let (Ok(()), Some(event)) = (&read, events.next().unwrap()) {
        read = reader.event(&event, &names, &mut ear).map(|_| ());
    }
    let said = read.and_then(|()| reader.finish(&names, &mut ear));
    (said, heard)
}

fn output() -> Value {
    json!([
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "s3"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "files__read", "arguments": "{\"a\":1}",
            "status": "completed"},
    ])
}

fn completed(output: &Value) -> Value {
    json!({"id": "resp_1", "object": "response", "status": "completed", "error": null, "incomplete_details": null,
        "output": output, "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 2},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 14}})
}

#[track_caller]
fn check(said: &Said) {
    let [Part::Reasoning(thought), Part::Text(text), Part::ToolCall(call)] = said.parts.as_slice() else {
        panic!("{said:?}")
    };
    assert_eq!((thought.text.as_str(), text.as_str()), ("hm", "Hi"));
    assert_eq!(thought.opaque.as_deref(), Some(r#"responses:{"id":"rs_1","encrypted_content":"s3"}"#));
    assert_eq!((call.id.as_str(), call.name.as_str(), call.arguments.as_str()), ("c1", "files.read", "{\"a\":1}"));
    assert_eq!(said.stop, StopReason::ToolCalls);
    assert_eq!((said.usage.input, said.usage.output), (Some(9), Some(5)));
    assert_eq!((said.usage.cached, said.usage.reasoning), (Some(2), Some(3)));
}

#[test]
fn a_conversation_is_written() {
    let sealed = r#"responses:{"id":"rs_1","encrypted_content":"s3"}"#;
    let thought = |opaque: &str| Part::Reasoning(Reasoning { text: "hm".to_owned(), opaque: Some(opaque.to_owned()) });
    let mut prompt = prompt(vec![
        Message::text(Role::System, "be brief"),
        Message::text(Role::User, "read a"),
        says(
            Role::Assistant,
            vec![thought(sealed), thought("anthropic:x"), Part::Text("ok".to_owned()), call("c1", "files.read", "{}")],
        ),
        says(Role::Tool, vec![result("c1", "files.read", "A")]),
    ]);
    prompt.tools = offering(&["files.read"]).tools;
    prompt.sampling.choice = Choice::Any;
    prompt.sampling.effort = Some(Effort::Low);
    prompt.sampling.output = Some(raw(r#"{"type":"object"}"#));
    let spec = model("gpt-5", &[Ability::Reasoning, Ability::Schema]);
    let expected = json!({
        "model": "gpt-5",
        "input": [
            {"role": "system", "content": [{"type": "input_text", "text": "be brief"}]},
            {"role": "user", "content": [{"type": "input_text", "text": "read a"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "s3"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
            {"type": "function_call", "call_id": "c1", "name": "files__read", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "A"},
        ],
        "tools": [{"type": "function", "name": "files__read", "description": "does it",
            "parameters": {"type": "object"}, "strict": false}],
        "tool_choice": "required",
        "text": {"format": {"type": "json_schema", "name": "answer", "strict": false, "schema": {"type": "object"}}},
        "max_output_tokens": 100,
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": false,
    });
    assert_eq!(body(&wire(), &spec, &prompt), expected);
}

#[test]
fn a_model_that_does_not_think_is_sent_no_thoughts() {
    let sealed = r#"responses:{"id":"rs_1","encrypted_content":"s3"}"#;
    let thought = Part::Reasoning(Reasoning { text: String::new(), opaque: Some(sealed.to_owned()) });
    let prompt = prompt(vec![Message::text(Role::User, "a"), says(Role::Assistant, vec![thought])]);
    let written = body(&wire(), &model("gpt-4o", &[]), &prompt);
    assert_eq!(written["input"].as_array().unwrap().len(), 1);
    assert!(written.get("include").is_none() && written.get("reasoning").is_none());
}

#[test]
fn a_whole_answer_is_read() {
    check(&read(&completed(&output())).unwrap());
}

#[test]
fn a_stream_is_heard_and_read() {
    let item = |kind: &str, index: u64, item: Value| json!({"type": kind, "output_index": index, "item": item});
    let delta = |kind: &str, index: u64, delta: &str| json!({"type": kind, "output_index": index, "delta": delta});
    let items = output();
    let chunks = [
        json!({"type": "response.created", "response": {"status": "in_progress"}}),
        item("response.output_item.added", 0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
        delta("response.reasoning_summary_text.delta", 0, "h"),
        delta("response.reasoning_summary_text.delta", 0, "m"),
        item("response.output_item.done", 0, items[0].clone()),
        item("response.output_item.added", 1, json!({"type": "message", "content": []})),
        delta("response.output_text.delta", 1, "H"),
        delta("response.output_text.delta", 1, "i"),
        json!({"type": "response.output_text.done", "output_index": 1, "text": "Hi"}),
        item("response.output_item.done", 1, items[1].clone()),
        item(
            "response.output_item.added",
            2,
            json!({"type": "function_call", "call_id": "c1", "name": "files__read", "arguments": ""}),
        ),
        delta("response.function_call_arguments.delta", 2, "{\"a\""),
        delta("response.function_call_arguments.delta", 2, ":1}"),
        item("response.output_item.done", 2, items[2].clone()),
        json!({"type": "response.completed", "response": completed(&items)}),
    ];
    let (said, heard) = stream(&chunks);
    check(&said.unwrap());
    assert_eq!(heard.len(), 5);
    assert!(matches!(&heard[4], Delta::ToolCall(call) if call.name == "files.read"));
    assert_eq!(stream(&chunks[..14]).0, Err(WireError::Cut));
    // Some servers tell no pieces of items, or no items at all.
    let sparse = [chunks[4].clone(), chunks[9].clone(), chunks[13].clone(), chunks[14].clone()];
    check(&stream(&sparse).0.unwrap());
    check(&stream(&chunks[14..]).0.unwrap());
}

#[test]
fn how_it_ended_is_read() {
    let text = json!([{"type": "message", "content": [{"type": "output_text", "text": "a"}]}]);
    let ended = |status: &str, reason: Value| {
        read(&json!({"status": status, "output": text, "incomplete_details": reason})).map(|said| said.stop)
    };
    assert_eq!(ended("completed", Value::Null), Ok(StopReason::End));
    assert_eq!(ended("incomplete", json!({"reason": "max_output_tokens"})), Ok(StopReason::Length));
    assert_eq!(ended("incomplete", json!({"reason": "content_filter"})), Ok(StopReason::Refused));
    assert!(matches!(ended("queued", Value::Null), Err(WireError::Malformed(_))));
    let refusal = json!([{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]);
    let said = read(&completed(&refusal)).unwrap();
    assert_eq!((said.stop, said.parts), (StopReason::Refused, vec![Part::Text("no".to_owned())]));
    let bare = read(&json!({"output": text})).unwrap();
    assert_eq!((bare.stop, bare.usage.input), (StopReason::End, None));
}

#[test]
fn what_failed_is_told() {
    let failed = json!({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}, "output": []});
    assert!(matches!(read(&failed), Err(WireError::Provider(fault)) if fault.kind == FaultKind::Busy));
    let event = json!({"type": "response.failed", "response": failed});
    assert!(matches!(stream(&[event]).0, Err(WireError::Provider(fault)) if fault.kind == FaultKind::Busy));
    let error = json!({"type": "error", "code": "server_error", "message": "oh"});
    assert!(matches!(stream(&[error]).0, Err(WireError::Provider(fault)) if fault.message == "oh"));
    assert!(matches!(read(&json!({})), Err(WireError::Malformed(_))));
}
