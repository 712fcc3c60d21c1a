// SPDX-License-Identifier: MIT OR Apache-2.0
//! What OpenAI refuses of its Responses.

use serde_json::Value;

use crate::provider::openai;
use crate::provider::refusal::{Refusal, Verdict, demand, is_name, list, only, text};
use crate::provider::request::Asked;

/// Every field of a request that is known.
const FIELDS: [&str; 24] = [
    "model",
    "input",
    "instructions",
    "stream",
    "stream_options",
    "store",
    "include",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "text",
    "max_output_tokens",
    "temperature",
    "top_p",
    "reasoning",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "truncation",
    "service_tier",
    "max_tool_calls",
    "background",
];
/// How few tokens an answer may be limited to.
const OUTPUT_TOKENS_MIN: u64 = 16;
/// How long the name of a function may be, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// How long the id of a call may be, in bytes.
const CALL_ID_BYTES_MAX: usize = 64;

/// Refuses what OpenAI would refuse.
pub(in crate::provider) fn check(key: &str, asked: &Asked) -> Verdict {
    if asked.path == "/v1/embeddings" {
        return openai::check(key, asked);
    }
    openai::check_key(key, asked)?;
    if asked.path != "/v1/responses" {
        return Err(Refusal::new(404, format!("Invalid URL (POST {})", asked.path)));
    }
    let body = &asked.body;
    demand(!text(body, "model").is_empty(), || "Missing required parameter: 'model'.".to_owned())?;
    only(body, &FIELDS, |field| format!("Unknown parameter: '{field}'."))?;
    check_sampling(body)?;
    check_tools(body)?;
    check_format(body)?;
    let input = body.get("input").unwrap_or(&Value::Null);
    demand(input.is_string() || input.as_array().is_some_and(|items| !items.is_empty()), || {
        "Missing required parameter: 'input'.".to_owned()
    })?;
    let is_stored = body.get("store").and_then(Value::as_bool).unwrap_or(true);
    check_items(list(body, "input"), is_stored)
}

fn check_sampling(body: &Value) -> Verdict {
    let model = text(body, "model");
    if let Some(most) = body.get("max_output_tokens") {
        demand(most.as_u64().is_some_and(|most| most >= OUTPUT_TOKENS_MIN), || {
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.".to_owned()
        })?;
    }
    if let Some(temperature) = body.get("temperature") {
        let fits = temperature.as_f64().is_some_and(|value| (0.0..=2.0).contains(&value));
        demand(fits, || "Invalid 'temperature'.".to_owned())?;
        demand(!openai::thinks(model), || {
            "Unsupported parameter: 'temperature' is not supported with this model.".to_owned()
        })?;
    }
    let Some(reasoning) = body.get("reasoning") else { return Ok(()) };
    only(reasoning, &["effort", "summary"], |field| format!("Unknown parameter: 'reasoning.{field}'."))?;
    demand(reasoning.get("effort").is_none() || openai::thinks(model), || {
        "Unsupported parameter: 'reasoning.effort' is not supported with this model.".to_owned()
    })
}

fn check_tools(body: &Value) -> Verdict {
    for (index, tool) in list(body, "tools").iter().enumerate() {
        demand(text(tool, "type") == "function", || format!("Invalid value for tools[{index}].type"))?;
        check_name(text(tool, "name"), &format!("tools[{index}].name"))?;
        let schema = tool.get("parameters").unwrap_or(&Value::Null);
        demand(text(schema, "type") == "object", || format!("Invalid schema for function (tools[{index}])"))?;
        // Where nothing is said about it, functions are strict here.
        if tool.get("strict").and_then(Value::as_bool) != Some(false) {
            openai::check_strict(schema, &format!("Invalid schema for function (tools[{index}])"))?;
        }
    }
    match body.get("tool_choice") {
        None => Ok(()),
        Some(Value::String(choice)) => {
            demand(["auto", "none", "required"].contains(&choice.as_str()), || {
                "Invalid value: tool_choice".to_owned()
            })?;
            let is_idle = choice != "required" || !list(body, "tools").is_empty();
            demand(is_idle, || "Tool choice 'required' must be specified with 'tools' parameter.".to_owned())
        }
        Some(choice) => {
            let name = text(choice, "name");
            let is_offered = list(body, "tools").iter().any(|tool| text(tool, "name") == name);
            demand(is_offered, || format!("Tool choice 'function' not found in 'tools' parameter: {name}"))
        }
    }
}

fn check_name(name: &str, place: &str) -> Verdict {
    demand(is_name(name, "_-", NAME_BYTES_MAX), || {
        format!("Invalid '{place}': string does not match pattern. Expected a string that matches '^[a-zA-Z0-9_-]+$'.")
    })
}

fn check_format(body: &Value) -> Verdict {
    let Some(format) = body.pointer("/text/format") else { return Ok(()) };
    if text(format, "type") != "json_schema" {
        return Ok(());
    }
    check_name(text(format, "name"), "text.format.name")?;
    let schema = format.get("schema").unwrap_or(&Value::Null);
    demand(schema.is_object(), || "Missing required parameter: 'text.format.schema'.".to_owned())?;
    match format.get("strict").and_then(Value::as_bool) {
        Some(true) => openai::check_strict(schema, "Invalid schema for response_format"),
        _ => Ok(()),
    }
}

fn check_items(items: &[Value], is_stored: bool) -> Verdict {
    for (index, item) in items.iter().enumerate() {
        match text(item, "type") {
            "" | "message" => check_message(item, index)?,
            "function_call" => {
                check_name(text(item, "name"), &format!("input[{index}].name"))?;
                let id = text(item, "call_id");
                demand((1..=CALL_ID_BYTES_MAX).contains(&id.len()), || format!("Invalid 'input[{index}].call_id'"))?;
                demand(item.get("arguments").is_some_and(Value::is_string), || {
                    format!("Invalid type for 'input[{index}].arguments': expected a string")
                })?;
                let own = item.get("id").and_then(Value::as_str);
                demand(own.is_none_or(|own| own.starts_with("fc")), || {
                    format!("Invalid 'input[{index}].id'. Expected an ID that begins with 'fc'.")
                })?;
                let is_answered = items.iter().any(|other| answers(other, id));
                demand(is_answered, || format!("No tool output found for function call {id}."))?;
            }
            "function_call_output" => {
                let id = text(item, "call_id");
                let before = items.get(..index).unwrap_or_default();
                let is_asked =
                    before.iter().any(|other| text(other, "type") == "function_call" && text(other, "call_id") == id);
                demand(is_asked, || format!("No tool call found for function call output with call_id {id}."))?;
                demand(item.get("output").is_some_and(|output| output.is_string() || output.is_array()), || {
                    format!("Missing required parameter: 'input[{index}].output'.")
                })?;
            }
            "reasoning" => check_reasoning(items, item, index, is_stored)?,
            kind => demand(false, || format!("Invalid value: '{kind}'. (input[{index}].type)"))?,
        }
    }
    Ok(())
}

fn answers(item: &Value, id: &str) -> bool {
    text(item, "type") == "function_call_output" && text(item, "call_id") == id
}

fn check_reasoning(items: &[Value], item: &Value, index: usize, is_stored: bool) -> Verdict {
    let id = text(item, "id");
    demand(id.is_empty() || id.starts_with("rs"), || {
        format!("Invalid 'input[{index}].id': '{id}'. Expected an ID that begins with 'rs'.")
    })?;
    demand(item.get("summary").is_some_and(Value::is_array), || {
        format!("Missing required parameter: 'input[{index}].summary'.")
    })?;
    let is_sealed = item.get("encrypted_content").is_some_and(Value::is_string);
    demand(is_stored || is_sealed, || {
        format!("Item with id '{id}' not found. Items are not persisted when `store` is set to false.")
    })?;
    let is_known = item.get("encrypted_content").and_then(Value::as_str).is_none_or(|seal| seal.starts_with("seal"));
    demand(is_known, || format!("The encrypted content for item {id} could not be verified."))?;
    let next = items.get(index.saturating_add(1)).unwrap_or(&Value::Null);
    let follows = match text(next, "type") {
        "reasoning" | "function_call" => true,
        "message" | "" => text(next, "role") == "assistant",
        _ => false,
    };
    demand(follows, || format!("Item '{id}' of type 'reasoning' was provided without its required following item."))
}

fn check_message(item: &Value, index: usize) -> Verdict {
    let role = text(item, "role");
    demand(["system", "developer", "user", "assistant"].contains(&role), || {
        format!("Invalid value: '{role}'. (input[{index}].role)")
    })?;
    let content = item.get("content").unwrap_or(&Value::Null);
    demand(content.is_string() || content.is_array(), || {
        format!("Missing required parameter: 'input[{index}].content'.")
    })?;
    let known: &[&str] =
        if role == "assistant" { &["output_text", "refusal"] } else { &["input_text", "input_image", "input_file"] };
    for part in content.as_array().into_iter().flatten() {
        let kind = text(part, "type");
        demand(known.contains(&kind), || {
            format!("Invalid value: '{kind}'. Supported values are: {known:?}. (input[{index}].content)")
        })?;
        let is_image = part.get("image_url").and_then(Value::as_str).is_some_and(|url| url.contains(':'));
        demand(kind != "input_image" || is_image, || format!("Invalid 'input[{index}].content.image_url'"))?;
    }
    Ok(())
}
