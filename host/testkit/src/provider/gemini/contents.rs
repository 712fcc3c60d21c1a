// SPDX-License-Identifier: MIT OR Apache-2.0
//! What Gemini refuses of the contents of a request.

use serde_json::Value;

use super::rules::{is_new, unknown};
use crate::provider::refusal::{Verdict, demand, list, only, text};
use crate::provider::request::Asked;

/// What a part holds one of.
const DATA: [&str; 7] =
    ["text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"];
/// What stands beside it.
const BESIDE: [&str; 4] = ["thought", "thoughtSignature", "videoMetadata", "partMetadata"];
/// What is sent in the place of a signature that nobody has.
const NO_SIGNATURE: [&str; 2] = ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];

/// Refuses contents, and what the model is told before them.
pub(super) fn check(asked: &Asked) -> Verdict {
    let body = &asked.body;
    if let Some(system) = body.get("systemInstruction") {
        check_parts(list(system, "parts"), "system_instruction")?;
    }
    let contents = list(body, "contents");
    demand(!contents.is_empty(), || "GenerateContentRequest.contents: contents is not specified".to_owned())?;
    for (index, content) in contents.iter().enumerate() {
        let place = format!("contents[{index}]");
        only(content, &["role", "parts"], |field| unknown(field, &place))?;
        demand(["user", "model"].contains(&text(content, "role")), || {
            "Please use a valid role: user, model.".to_owned()
        })?;
        check_parts(list(content, "parts"), &place)?;
        let before = index.checked_sub(1).and_then(|before| contents.get(before));
        check_turn(content, before, contents.get(index.saturating_add(1)))?;
    }
    demand(contents.last().is_some_and(|last| text(last, "role") == "user"), || {
        "Please ensure that single turn requests end with a user role or the role is empty.".to_owned()
    })?;
    if is_new(asked.model()) { check_signatures(contents) } else { Ok(()) }
}

fn check_parts(parts: &[Value], place: &str) -> Verdict {
    demand(!parts.is_empty(), || format!("{place}.parts must not be empty."))?;
    for (index, part) in parts.iter().enumerate() {
        let place = format!("{place}.parts[{index}]");
        let known: Vec<&str> = DATA.iter().chain(&BESIDE).copied().collect();
        only(part, &known, |field| unknown(field, &place))?;
        let data = DATA.iter().filter(|key| part.get(**key).is_some()).count();
        demand(data == 1, || format!("{place}.data: required oneof field 'data' must have one initialized field"))?;
        let is_empty = part.get("text").and_then(Value::as_str) == Some("") && part.get("thoughtSignature").is_none();
        demand(!is_empty, || format!("{place}: Unable to submit request because it has an empty text parameter."))?;
        if let Some(data) = part.get("inlineData") {
            let is_whole = !text(data, "mimeType").is_empty() && !text(data, "data").is_empty();
            demand(is_whole, || format!("{place}.inline_data: mime type and data are required"))?;
        }
        for key in ["functionCall", "functionResponse"] {
            let Some(call) = part.get(key) else { continue };
            let field = if key == "functionCall" { "args" } else { "response" };
            only(call, &["id", "name", field], |field| unknown(field, &place))?;
            demand(!text(call, "name").is_empty(), || format!("{place}.{key}.name: Name cannot be empty."))?;
            let value = call.get(field).unwrap_or(&Value::Null);
            demand(value.is_object() || (field == "args" && value.is_null()), || {
                format!("Invalid value at '{place}.{key}.{field}' (type.googleapis.com/google.protobuf.Struct)")
            })?;
        }
        let seal = text(part, "thoughtSignature");
        demand(seal.is_empty() || seal.starts_with("seal") || NO_SIGNATURE.contains(&seal), || {
            format!("{place}: Thought signature is not valid")
        })?;
    }
    Ok(())
}

fn named<'a>(content: &'a Value, key: &str) -> Vec<&'a str> {
    list(content, "parts").iter().filter_map(|part| part.get(key)).map(|call| text(call, "name")).collect()
}

fn check_turn(content: &Value, before: Option<&Value>, next: Option<&Value>) -> Verdict {
    let calls = named(content, "functionCall");
    let results = named(content, "functionResponse");
    if !calls.is_empty() {
        let follows = before.is_some_and(|before| text(before, "role") == "user") && text(content, "role") == "model";
        demand(follows, || {
            "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
                .to_owned()
        })?;
        let answered = next.map(|next| named(next, "functionResponse")).unwrap_or_default();
        demand(answered.len() == calls.len(), || {
            "Please ensure that the number of function response parts is equal to the number of function call parts of \
             the function call turn."
                .to_owned()
        })?;
    }
    if !results.is_empty() {
        let asked = before.map(|before| named(before, "functionCall")).unwrap_or_default();
        demand(!asked.is_empty() && text(content, "role") == "user", || {
            "Please ensure that function response turn comes immediately after a function call turn.".to_owned()
        })?;
        let is_known = results.iter().all(|name| asked.contains(name));
        demand(is_known, || "the name of a function response is not that of a function call".to_owned())?;
    }
    Ok(())
}

/// Refuses calls of the current turn without a signature: the first call of each step has to have one.
fn check_signatures(contents: &[Value]) -> Verdict {
    let is_said = |content: &Value| text(content, "role") == "user" && named(content, "functionResponse").is_empty();
    let begin = contents.iter().rposition(is_said).unwrap_or(0);
    for content in contents.iter().skip(begin) {
        let first = list(content, "parts").iter().find(|part| part.get("functionCall").is_some());
        demand(first.is_none_or(|part| !text(part, "thoughtSignature").is_empty()), || {
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work \
             correctly."
                .to_owned()
        })?;
    }
    Ok(())
}
