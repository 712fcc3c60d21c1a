// SPDX-License-Identifier: MIT OR Apache-2.0
//! What Anthropic refuses of the messages of a request.

use serde_json::Value;

use super::rules::Takes;
use crate::provider::refusal::{Verdict, demand, is_name, list, text};

/// How long the id of a call may be, in bytes.
const CALL_ID_BYTES_MAX: usize = 256;

/// Refuses messages, and what the model is told before them.
pub(super) fn check(body: &Value, takes: &Takes) -> Verdict {
    for (index, block) in list(body, "system").iter().enumerate() {
        demand(text(block, "type") == "text", || format!("system.{index}.type: Input should be 'text'"))?;
        check_text(block, &format!("system.{index}"))?;
    }
    demand(body.get("system").is_none_or(|system| system.is_array() || system.is_string()), || {
        "system: Input should be a valid list".to_owned()
    })?;
    let messages = list(body, "messages");
    demand(!messages.is_empty(), || "messages: at least one message is required".to_owned())?;
    let first = messages.first().map(|message| text(message, "role"));
    demand(first == Some("user"), || "messages: first message must use the \"user\" role".to_owned())?;
    for (index, message) in messages.iter().enumerate() {
        check_message(message, index)?;
        let next = messages.get(index.saturating_add(1));
        demand(next.is_none_or(|next| text(next, "role") != text(message, "role")), || {
            "messages: roles must alternate between \"user\" and \"assistant\", but found multiple of the same in a row"
                .to_owned()
        })?;
        check_calls(message, next, index)?;
        let before = index.checked_sub(1).and_then(|before| messages.get(before));
        check_results(message, before, index)?;
    }
    let last = messages.last().map(|message| text(message, "role"));
    demand(last == Some("user") || takes.sampling, || {
        "This model does not support assistant message prefill. The conversation must end with a user message."
            .to_owned()
    })?;
    let uses_tools = messages.iter().flat_map(|message| list(message, "content")).any(is_about_tools);
    demand(!uses_tools || body.get("tools").is_some(), || {
        "Requests which include `tool_use` or `tool_result` blocks must define tools".to_owned()
    })?;
    check_thought(body, messages)
}

fn is_about_tools(block: &Value) -> bool {
    ["tool_use", "tool_result"].contains(&text(block, "type"))
}

fn check_text(block: &Value, place: &str) -> Verdict {
    let words = text(block, "text");
    demand(!words.is_empty(), || format!("{place}: text content blocks must be non-empty"))?;
    demand(!words.trim().is_empty(), || format!("{place}: text content blocks must contain non-whitespace text"))
}

fn check_message(message: &Value, index: usize) -> Verdict {
    let role = text(message, "role");
    demand(["user", "assistant"].contains(&role), || {
        format!("messages.{index}.role: Input should be 'user' or 'assistant'")
    })?;
    if message.get("content").is_some_and(Value::is_string) {
        return demand(!text(message, "content").trim().is_empty(), || {
            format!("messages.{index}: all messages must have non-empty content")
        });
    }
    let blocks = list(message, "content");
    demand(!blocks.is_empty(), || format!("messages.{index}: all messages must have non-empty content"))?;
    for (at, block) in blocks.iter().enumerate() {
        check_block(block, role, &format!("messages.{index}.content.{at}"))?;
    }
    Ok(())
}

fn check_block(block: &Value, role: &str, place: &str) -> Verdict {
    let kind = text(block, "type");
    let known: &[&str] = match role {
        "assistant" => &["text", "tool_use", "thinking", "redacted_thinking"],
        _ => &["text", "image", "document", "tool_result"],
    };
    demand(known.contains(&kind), || format!("{place}: Input tag '{kind}' is not expected for the role {role}"))?;
    match kind {
        "text" => check_text(block, place),
        "thinking" => {
            demand(block.get("cache_control").is_none(), || format!("{place}: cache_control cannot be set here"))?;
            demand(block.get("thinking").is_some_and(Value::is_string), || {
                format!("{place}.thinking: Field required")
            })?;
            let is_sealed = text(block, "signature").starts_with("seal");
            demand(is_sealed, || format!("{place}: Invalid `signature` in `thinking` block"))
        }
        "redacted_thinking" => demand(text(block, "data").starts_with("seal"), || {
            format!("{place}: Invalid `data` in `redacted_thinking` block")
        }),
        "tool_use" => {
            let is_id = is_name(text(block, "id"), "_-", CALL_ID_BYTES_MAX);
            demand(is_id, || format!("{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"))?;
            demand(is_name(text(block, "name"), "_-", 200), || format!("{place}.tool_use.name: should match pattern"))?;
            let is_object = block.get("input").is_some_and(Value::is_object);
            demand(is_object, || format!("{place}.tool_use.input: Input should be a valid dictionary"))
        }
        "image" | "document" => {
            let source = block.get("source").unwrap_or(&Value::Null);
            let mime = text(source, "media_type");
            let fits = match (kind, text(source, "type")) {
                ("image", "base64") => ["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&mime),
                ("document", "base64") => mime == "application/pdf",
                ("document", "text") => mime == "text/plain",
                _ => false,
            };
            demand(fits, || format!("{place}.{kind}.source: Input should be of a type that is supported, not {mime}"))
        }
        _ => Ok(()),
    }
}

fn check_calls(message: &Value, next: Option<&Value>, index: usize) -> Verdict {
    let ids = ids(message, "tool_use", "id");
    let answered = next.map(|next| self::ids(next, "tool_result", "tool_use_id")).unwrap_or_default();
    let open: Vec<&str> = ids.iter().filter(|id| !answered.contains(id)).copied().collect();
    demand(open.is_empty(), || {
        format!(
            "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each \
             `tool_use` block must have a corresponding `tool_result` block in the next message.",
            open.join(", ")
        )
    })?;
    let is_unique = ids.iter().all(|id| ids.iter().filter(|other| *other == id).count() == 1);
    demand(is_unique, || format!("messages.{index}: `tool_use` ids must be unique"))
}

fn check_results(message: &Value, before: Option<&Value>, index: usize) -> Verdict {
    let asked = before.map(|before| ids(before, "tool_use", "id")).unwrap_or_default();
    let answered = ids(message, "tool_result", "tool_use_id");
    for id in &answered {
        demand(asked.contains(id), || {
            format!(
                "messages.{index}.content: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                 `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        })?;
        let once = answered.iter().filter(|other| *other == id).count() == 1;
        demand(once, || format!("messages.{index}: each tool_use must have a single result. Found multiple: {id}"))?;
    }
    let is_result = |block: &&Value| text(block, "type") == "tool_result";
    let first = list(message, "content").iter().take_while(is_result).count();
    demand(first == answered.len(), || {
        format!("messages.{index}: `tool_result` blocks must come first in the content of a message")
    })
}

fn ids<'a>(message: &'a Value, kind: &str, key: &str) -> Vec<&'a str> {
    let blocks = list(message, "content").iter();
    blocks.filter(|block| text(block, "type") == kind).map(|block| text(block, key)).collect()
}

/// Refuses a turn that calls tools and was not thought about, where thinking is on.
fn check_thought(body: &Value, messages: &[Value]) -> Verdict {
    if body.pointer("/thinking/type").and_then(Value::as_str) != Some("enabled") {
        return Ok(());
    }
    let is_answered = messages.last().is_some_and(|last| !ids(last, "tool_result", "tool_use_id").is_empty());
    let turn = messages.iter().rev().find(|message| text(message, "role") == "assistant");
    let first = turn.and_then(|turn| list(turn, "content").first()).map_or("", |block| text(block, "type"));
    demand(!is_answered || ["thinking", "redacted_thinking"].contains(&first), || {
        format!(
            "Expected `thinking` or `redacted_thinking`, but found `{first}`. When `thinking` is enabled, a final \
             `assistant` message must start with a thinking block."
        )
    })
}
