// SPDX-License-Identifier: MIT OR Apache-2.0
//! OpenAI's Responses, as they are answered.

mod rules;

use serde_json::{Value, json};

use super::answer::{Answer, Event, Say};
use super::shape;

pub(super) use rules::check;

/// Writes a whole answer.
pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    let items: Vec<Value> = answer.says.iter().enumerate().map(|(index, say)| item(say, index)).collect();
    response(answer, model, status(answer), items, true)
}

/// Writes an answer as a stream.
pub(super) fn events(answer: &Answer, model: &str) -> Vec<Event> {
    let begun = response(answer, model, "in_progress", Vec::new(), false);
    let mut said = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.in_progress", "response": begun}),
    ];
    for (index, say) in answer.says.iter().enumerate() {
        let whole = item(say, index);
        let mut opened = whole.clone();
        shape::put(&mut opened, "status", Value::from("in_progress"));
        for key in ["content", "summary"] {
            if opened.get(key).is_some() {
                shape::put(&mut opened, key, json!([]));
            }
        }
        if opened.get("arguments").is_some() {
            shape::put(&mut opened, "arguments", Value::from(""));
        }
        said.push(json!({"type": "response.output_item.added", "output_index": index, "item": opened}));
        said.extend(inner(say, index));
        said.push(json!({"type": "response.output_item.done", "output_index": index, "item": whole}));
    }
    let kind = match status(answer) {
        "incomplete" => "response.incomplete",
        "failed" => "response.failed",
        _ => "response.completed",
    };
    said.push(json!({"type": kind, "response": whole(answer, model)}));
    for (number, event) in said.iter_mut().enumerate() {
        shape::put(event, "sequence_number", Value::from(number));
    }
    said.iter().map(Event::typed).collect()
}

/// Writes the events within one item.
fn inner(say: &Say, index: usize) -> Vec<Value> {
    let place = |kind: &str| json!({"type": kind, "item_id": format!("item_{index}"), "output_index": index});
    let with = |kind: &str, key: &str, value: Value, part: &str| {
        let mut event = place(kind);
        shape::put(&mut event, key, value);
        if !part.is_empty() {
            shape::put(&mut event, part, 0);
        }
        event
    };
    let parted = |stem: &str, part: &str, text: &str, begin: Value, end: Value| {
        let part_kind = if part == "summary_index" { "reasoning_summary_part" } else { "content_part" };
        let mut events = vec![with(&format!("response.{part_kind}.added"), "part", begin, part)];
        let pieces = shape::pieces(text).into_iter();
        events.extend(pieces.map(|piece| with(&format!("response.{stem}.delta"), "delta", Value::from(piece), part)));
        let key = if stem == "refusal" { "refusal" } else { "text" };
        events.push(with(&format!("response.{stem}.done"), key, Value::from(text), part));
        events.push(with(&format!("response.{part_kind}.done"), "part", end, part));
        events
    };
    match say {
        Say::Text(text) => {
            let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
            parted("output_text", "content_index", text, part(""), part(text))
        }
        Say::Refusal(text) => {
            let part = |text: &str| json!({"type": "refusal", "refusal": text});
            parted("refusal", "content_index", text, part(""), part(text))
        }
        Say::Reasoning(text, _) if !text.is_empty() => {
            let part = |text: &str| json!({"type": "summary_text", "text": text});
            parted("reasoning_summary_text", "summary_index", text, part(""), part(text))
        }
        Say::Call(_, _, arguments) => {
            let pieces = shape::pieces(arguments).into_iter();
            let deltas =
                pieces.map(|piece| with("response.function_call_arguments.delta", "delta", Value::from(piece), ""));
            let done = with("response.function_call_arguments.done", "arguments", Value::from(arguments.as_str()), "");
            deltas.chain([done]).collect()
        }
        Say::Unknown => vec![place("response.x_new_call.searching")],
        Say::Reasoning(..) | Say::Hidden(_) => Vec::new(),
    }
}

fn item(say: &Say, index: usize) -> Value {
    let message = |part: Value| json!({"type": "message", "id": format!("msg_{index}"), "status": "completed", "role": "assistant", "content": [part]});
    match say {
        Say::Text(text) => message(json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})),
        Say::Refusal(text) => message(json!({"type": "refusal", "refusal": text})),
        Say::Reasoning(text, seal) => {
            let summary: Vec<Value> =
                if text.is_empty() { Vec::new() } else { vec![json!({"type": "summary_text", "text": text})] };
            json!({"type": "reasoning", "id": format!("rs_{index}"), "summary": summary, "encrypted_content": seal})
        }
        Say::Hidden(seal) => {
            json!({"type": "reasoning", "id": format!("rs_{index}"), "summary": [], "encrypted_content": seal})
        }
        Say::Call(id, name, arguments) => {
            let mut item = json!({
                "type": "function_call", "id": format!("fc_{index}"), "status": "completed",
                "name": name, "arguments": arguments,
            });
            if let Some(id) = id {
                shape::put(&mut item, "call_id", Value::from(id.as_str()));
            }
            item
        }
        Say::Unknown => json!({"type": "x_new_call", "id": format!("xn_{index}"), "status": "completed", "query": "?"}),
    }
}

/// Returns the status of a response; what stands in `stop` is the reason why it is not complete.
fn status(answer: &Answer) -> &'static str {
    match answer.stop.as_deref() {
        None | Some("completed") => "completed",
        Some("failed") => "failed",
        Some(_) => "incomplete",
    }
}

fn response(answer: &Answer, model: &str, status: &str, items: Vec<Value>, is_done: bool) -> Value {
    let details = match (status, &answer.stop) {
        ("incomplete", Some(reason)) => json!({"reason": reason}),
        _ => Value::Null,
    };
    let error = match status {
        "failed" => json!({"code": "server_error", "message": "The model failed to generate a response."}),
        _ => Value::Null,
    };
    let mut body = shape::object(json!({
        "id": "resp_fake", "object": "response", "created_at": 1_763_700_000, "status": status, "error": error,
        "incomplete_details": details, "instructions": null, "model": format!("{model}-2026-01-01"), "output": items,
        "parallel_tool_calls": true, "store": false, "usage": null,
    }));
    if is_done {
        body.remove("usage");
        shape::put_usage(&mut body, "usage", usage(answer), &answer.usage);
    }
    Value::Object(body)
}

fn usage(answer: &Answer) -> Value {
    let tokens = answer.tokens();
    json!({
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input.saturating_add(tokens.output),
    })
}
