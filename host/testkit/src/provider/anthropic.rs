// SPDX-License-Identifier: MIT OR Apache-2.0
//! Anthropic's messages, as they are answered.

mod blocks;
mod rules;

use serde_json::{Value, json};

use super::answer::{Answer, Event, Say};
use super::shape;

pub(super) use rules::check;

/// Writes a whole answer.
pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    let content: Vec<Value> = answer.says.iter().map(block).collect();
    let mut body = shape::object(message(model, content));
    let (word, sequence) = stop(answer);
    body.insert("stop_reason".to_owned(), Value::from(word));
    body.insert("stop_sequence".to_owned(), sequence);
    shape::put_usage(&mut body, "usage", usage(answer, answer.tokens().output), &answer.usage);
    Value::Object(body)
}

/// Writes an answer as a stream.
pub(super) fn events(answer: &Answer, model: &str) -> Vec<Event> {
    let mut begun = shape::object(message(model, Vec::new()));
    shape::put_usage(&mut begun, "usage", usage(answer, 1), &answer.usage);
    let mut said = vec![json!({"type": "message_start", "message": begun})];
    for (index, say) in answer.says.iter().enumerate() {
        let mut empty = block(say);
        for key in ["text", "thinking", "signature"] {
            if empty.get(key).is_some() {
                shape::put(&mut empty, key, Value::from(""));
            }
        }
        if matches!(say, Say::Call(..)) {
            shape::put(&mut empty, "input", json!({}));
        }
        said.push(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        if index == 0 {
            said.push(json!({"type": "ping"}));
        }
        let deltas = deltas(say).into_iter();
        said.extend(deltas.map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})));
        said.push(json!({"type": "content_block_stop", "index": index}));
    }
    let (word, sequence) = stop(answer);
    let mut last = shape::object(json!({
        "type": "message_delta", "delta": {"stop_reason": word, "stop_sequence": sequence},
    }));
    let taken = json!({"output_tokens": answer.tokens().output});
    shape::put_usage(&mut last, "usage", taken, &answer.usage);
    said.push(Value::Object(last));
    said.push(json!({"type": "message_stop"}));
    said.iter().map(Event::typed).collect()
}

/// Writes an error.
pub(super) fn error(status: u16, message: &str, code: Option<&str>) -> Value {
    let kind = code.unwrap_or(match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    });
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"})
}

fn message(model: &str, content: Vec<Value>) -> Value {
    json!({
        "id": "msg_fake", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": null, "stop_sequence": null,
    })
}

fn block(say: &Say) -> Value {
    match say {
        Say::Text(text) | Say::Refusal(text) => json!({"type": "text", "text": text}),
        Say::Reasoning(text, seal) => {
            json!({"type": "thinking", "thinking": text, "signature": seal.as_deref().unwrap_or_default()})
        }
        Say::Hidden(seal) => json!({"type": "redacted_thinking", "data": seal}),
        Say::Call(id, name, arguments) => {
            let mut block = json!({"type": "tool_use", "name": name, "input": shape::parsed(arguments)});
            if let Some(id) = id {
                shape::put(&mut block, "id", Value::from(id.as_str()));
            }
            block
        }
        Say::Unknown => json!({"type": "x_new_tool_use", "id": "x_1", "query": "?"}),
    }
}

fn deltas(say: &Say) -> Vec<Value> {
    match say {
        Say::Text(text) | Say::Refusal(text) => {
            shape::pieces(text).iter().map(|piece| json!({"type": "text_delta", "text": piece})).collect()
        }
        Say::Reasoning(text, seal) => {
            let words = shape::pieces(text);
            let words = words.iter().map(|piece| json!({"type": "thinking_delta", "thinking": piece}));
            let seal = seal.iter().map(|seal| json!({"type": "signature_delta", "signature": seal}));
            words.chain(seal).collect()
        }
        Say::Call(_, _, arguments) => {
            let first = std::iter::once(String::new());
            let pieces = first.chain(shape::pieces(arguments));
            pieces.map(|piece| json!({"type": "input_json_delta", "partial_json": piece})).collect()
        }
        Say::Unknown => vec![json!({"type": "x_new_delta", "x": "?"})],
        Say::Hidden(_) => Vec::new(),
    }
}

/// Returns the word for why it stopped, and the stop sequence.
fn stop(answer: &Answer) -> (String, Value) {
    let default = if answer.calls() {
        "tool_use"
    } else if answer.says.iter().any(|say| matches!(say, Say::Refusal(_))) {
        "refusal"
    } else {
        "end_turn"
    };
    let word = answer.stop.clone().unwrap_or_else(|| default.to_owned());
    let sequence = if word == "stop_sequence" { Value::from("END") } else { Value::Null };
    (word, sequence)
}

/// What comes from the cache, or goes to it, is not in `input_tokens` here.
fn usage(answer: &Answer, output: u64) -> Value {
    let tokens = answer.tokens();
    let fresh = tokens.input.saturating_sub(tokens.cached).saturating_sub(tokens.cache_written);
    json!({
        "input_tokens": fresh,
        "cache_creation_input_tokens": tokens.cache_written,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.cache_written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    })
}
