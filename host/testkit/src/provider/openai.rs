// SPDX-License-Identifier: MIT OR Apache-2.0
//! OpenAI's chat completions, as they are answered, and the vectors that go with them.

mod rules;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Event, Say};
use super::shape;

pub(super) use rules::{check, check_key, check_strict, thinks};

/// Writes a whole answer.
pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    let mut message = json!({"role": "assistant", "content": null, "refusal": null, "annotations": []});
    let texts: Vec<&str> = answer.says.iter().filter_map(words).collect();
    if !texts.is_empty() {
        shape::put(&mut message, "content", Value::from(texts.concat()));
    }
    let mut calls = Vec::new();
    for say in &answer.says {
        match say {
            Say::Reasoning(text, _) => shape::put(&mut message, "reasoning_content", Value::from(text.as_str())),
            Say::Refusal(text) => shape::put(&mut message, "refusal", Value::from(text.as_str())),
            Say::Unknown => shape::put(&mut message, "x_part", json!({"type": "x_part", "data": "?"})),
            Say::Call(id, name, arguments) => {
                let mut call = json!({"type": "function", "function": {"name": name, "arguments": arguments}});
                if let Some(id) = id {
                    shape::put(&mut call, "id", Value::from(id.as_str()));
                }
                calls.push(call);
            }
            Say::Text(_) | Say::Hidden(_) => {}
        }
    }
    if !calls.is_empty() {
        shape::put(&mut message, "tool_calls", Value::Array(calls));
    }
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": stop(answer)});
    let mut body = head("chat.completion", model);
    body.insert("choices".to_owned(), json!([choice]));
    shape::put_usage(&mut body, "usage", usage(answer), &answer.usage);
    Value::Object(body)
}

/// Writes an answer as a stream.
pub(super) fn events(answer: &Answer, request: &Value) -> Vec<Event> {
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
    let chunk = |delta: Value, finish: Value| {
        let mut body = head("chat.completion.chunk", model);
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        body.insert("choices".to_owned(), json!([choice]));
        Event::plain(Value::Object(body).to_string())
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null)];
    let mut index = 0_u32;
    for say in &answer.says {
        let deltas: Vec<Value> = match say {
            Say::Text(text) => shape::pieces(text).iter().map(|piece| json!({"content": piece})).collect(),
            Say::Reasoning(text, _) => {
                shape::pieces(text).iter().map(|piece| json!({"reasoning_content": piece})).collect()
            }
            Say::Refusal(text) => shape::pieces(text).iter().map(|piece| json!({"refusal": piece})).collect(),
            Say::Unknown => vec![json!({"x_part": {"type": "x_part", "data": "?"}})],
            Say::Hidden(_) => Vec::new(),
            Say::Call(id, name, arguments) => {
                let mut first =
                    json!({"index": index, "type": "function", "function": {"name": name, "arguments": ""}});
                if let Some(id) = id {
                    shape::put(&mut first, "id", Value::from(id.as_str()));
                }
                let more = shape::pieces(arguments).into_iter();
                let more = more.map(|piece| json!({"index": index, "function": {"arguments": piece}}));
                let calls = std::iter::once(first).chain(more).map(|call| json!({"tool_calls": [call]})).collect();
                index = index.saturating_add(1);
                calls
            }
        };
        events.extend(deltas.into_iter().map(|delta| chunk(delta, Value::Null)));
    }
    events.push(chunk(json!({}), Value::from(stop(answer))));
    if request.pointer("/stream_options/include_usage").and_then(Value::as_bool) == Some(true) {
        let mut last = head("chat.completion.chunk", model);
        last.insert("choices".to_owned(), json!([]));
        shape::put_usage(&mut last, "usage", usage(answer), &answer.usage);
        events.push(Event::plain(Value::Object(last).to_string()));
    }
    events.push(Event::plain("[DONE]"));
    events
}

/// Writes vectors.
pub(super) fn vectors(vectors: &[Vec<f64>], model: &str) -> Value {
    let data: Vec<Value> = vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector}))
        .collect();
    json!({"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": 5, "total_tokens": 5}})
}

/// Writes an error.
pub(super) fn error(status: u16, message: &str, code: Option<&str>) -> Value {
    let (kind, default) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    let kind = code.filter(|code| ["insufficient_quota", "server_error"].contains(code)).unwrap_or(kind);
    json!({"error": {"message": message, "type": kind, "param": null, "code": code.or(default)}})
}

fn words(say: &Say) -> Option<&str> {
    match say {
        Say::Text(text) => Some(text),
        _ => None,
    }
}

fn head(object: &str, model: &str) -> Map<String, Value> {
    shape::object(json!({
        "id": "chatcmpl-fake", "object": object, "created": 1_763_700_000, "model": format!("{model}-2026-01-01"),
        "service_tier": "default", "system_fingerprint": null,
    }))
}

fn stop(answer: &Answer) -> String {
    answer.stop.clone().unwrap_or_else(|| if answer.calls() { "tool_calls" } else { "stop" }.to_owned())
}

fn usage(answer: &Answer) -> Value {
    let tokens = answer.tokens();
    json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input.saturating_add(tokens.output),
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}
