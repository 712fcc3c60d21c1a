// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gemini's `generateContent`, as it is answered, and the vectors that go with it.

mod contents;
mod rules;

use serde_json::{Value, json};

use super::answer::{Answer, Event, Say};
use super::shape;

pub(super) use rules::check;

/// Writes a whole answer.
pub(super) fn whole(answer: &Answer, model: &str) -> Value {
    let parts: Vec<Value> = answer.says.iter().flat_map(|say| parts(say, false)).collect();
    response(answer, model, parts, true)
}

/// Writes an answer as a stream: each event is an answer of its own, with more of it.
pub(super) fn events(answer: &Answer, model: &str) -> Vec<Event> {
    let all: Vec<Value> = answer.says.iter().flat_map(|say| parts(say, true)).collect();
    let more = all.into_iter().map(|part| response(answer, model, vec![part], false));
    let last = response(answer, model, vec![json!({"text": ""})], true);
    more.chain([last]).map(|value| Event::plain(value.to_string())).collect()
}

/// Writes vectors.
pub(super) fn vectors(vectors: &[Vec<f64>]) -> Value {
    let values: Vec<Value> = vectors.iter().map(|vector| json!({"values": vector})).collect();
    json!({"embeddings": values})
}

/// Writes an error.
pub(super) fn error(status: u16, message: &str, code: Option<&str>, details: Option<&Value>) -> Value {
    let word = code.unwrap_or(match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    });
    let mut error = json!({"code": status, "message": message, "status": word});
    if let Some(details) = details {
        shape::put(&mut error, "details", details.clone());
    }
    json!({"error": error})
}

fn parts(say: &Say, in_pieces: bool) -> Vec<Value> {
    let cut = |text: &str| if in_pieces { shape::pieces(text) } else { vec![text.to_owned()] };
    match say {
        Say::Text(text) | Say::Refusal(text) => cut(text).iter().map(|text| json!({"text": text})).collect(),
        Say::Reasoning(text, seal) => {
            let mut parts: Vec<Value> = cut(text).iter().map(|text| json!({"text": text, "thought": true})).collect();
            if let (Some(seal), Some(last)) = (seal, parts.last_mut()) {
                shape::put(last, "thoughtSignature", Value::from(seal.as_str()));
            }
            parts
        }
        // A signature on its own, behind words.
        Say::Hidden(seal) => vec![json!({"text": "", "thoughtSignature": seal})],
        Say::Call(id, name, arguments) => {
            let mut call = json!({"name": name, "args": shape::parsed(arguments)});
            // What begins like this is the signature of the call, and no id.
            match id {
                Some(seal) if seal.starts_with("seal") => {
                    return vec![json!({"functionCall": call, "thoughtSignature": seal})];
                }
                Some(id) => shape::put(&mut call, "id", Value::from(id.as_str())),
                None => {}
            }
            vec![json!({"functionCall": call})]
        }
        Say::Unknown => vec![json!({"xNewPart": {"data": "?"}})],
    }
}

fn response(answer: &Answer, model: &str, parts: Vec<Value>, is_last: bool) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": 0});
    if is_last {
        shape::put(&mut candidate, "finishReason", Value::from(answer.stop.as_deref().unwrap_or("STOP")));
        shape::put(
            &mut candidate,
            "safetyRatings",
            json!([{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}]),
        );
    }
    let mut body = shape::object(json!({"candidates": [candidate], "modelVersion": model, "responseId": "fake"}));
    shape::put_usage(&mut body, "usageMetadata", usage(answer, is_last), &answer.usage);
    Value::Object(body)
}

/// Reasoning is not in `candidatesTokenCount` here.
fn usage(answer: &Answer, is_last: bool) -> Value {
    let tokens = answer.tokens();
    let output = if is_last { tokens.output } else { tokens.output.min(1) };
    let reasoning = tokens.reasoning.min(output);
    let mut usage = json!({
        "promptTokenCount": tokens.input,
        "candidatesTokenCount": output.saturating_sub(reasoning),
        "totalTokenCount": tokens.input.saturating_add(output),
    });
    for (key, count) in [("cachedContentTokenCount", tokens.cached), ("thoughtsTokenCount", reasoning)] {
        if count > 0 {
            shape::put(&mut usage, key, Value::from(count));
        }
    }
    usage
}
