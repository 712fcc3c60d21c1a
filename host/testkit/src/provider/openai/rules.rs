// SPDX-License-Identifier: MIT OR Apache-2.0
//! What OpenAI refuses of a chat completion.

use serde_json::Value;

use crate::provider::refusal::{Refusal, Verdict, demand, is_name, list, only, text};
use crate::provider::request::Asked;

/// Every field of a request that is known.
const FIELDS: [&str; 30] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "max_completion_tokens",
    "max_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
    "reasoning_effort",
    "n",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "metadata",
    "store",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "verbosity",
    "frequency_penalty",
    "presence_penalty",
    "service_tier",
    "modalities",
    "prediction",
];
/// How long the name of a function may be, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// How many tools there may be.
const TOOLS_MAX: usize = 128;
/// How many stop sequences there may be.
const STOPS_MAX: usize = 4;
/// How many texts are embedded at once.
const TEXTS_MAX: usize = 2_048;

/// Refuses what OpenAI would refuse.
pub(in crate::provider) fn check(key: &str, asked: &Asked) -> Verdict {
    check_key(key, asked)?;
    let body = &asked.body;
    demand(body.is_object(), || "We could not parse the JSON body of your request.".to_owned())?;
    demand(!text(body, "model").is_empty(), || "you must provide a model parameter".to_owned())?;
    match asked.path.as_str() {
        "/v1/embeddings" => return check_embedding(body),
        "/v1/chat/completions" => {}
        path => return Err(Refusal::new(404, format!("Invalid URL (POST {path})"))),
    }
    only(body, &FIELDS, |field| format!("Unrecognized request argument supplied: {field}"))?;
    demand(body.get("stream_options").is_none() || asked.streams(), || {
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.".to_owned()
    })?;
    check_sampling(body)?;
    check_tools(body)?;
    check_format(body)?;
    check_messages(list(body, "messages"))
}

/// Refuses a key that is not the right one.
pub(in crate::provider) fn check_key(key: &str, asked: &Asked) -> Verdict {
    match asked.header("authorization") {
        Some(value) if value.strip_prefix("Bearer ") == Some(key) => Ok(()),
        Some(value) => Err(Refusal::new(401, format!("Incorrect API key provided: {value}."))),
        None => Err(Refusal::new(401, "You didn't provide an API key.")),
    }
}

/// Tells whether a model is one of those that think, and so take fewer parameters.
pub(in crate::provider) fn thinks(model: &str) -> bool {
    let is_series = model.strip_prefix('o').is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit()));
    is_series || (model.starts_with("gpt-5") && !model.contains("chat")) || model.contains("think")
}

/// Tells whether a model is OpenAI's own, which takes no old names.
fn is_original(model: &str) -> bool {
    thinks(model) && !model.contains("think")
}

fn check_sampling(body: &Value) -> Verdict {
    let model = text(body, "model");
    let given = |field: &str| body.get(field).is_some();
    demand(!(given("max_tokens") && (is_original(model) || given("max_completion_tokens"))), || {
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
            .to_owned()
    })?;
    for field in ["max_tokens", "max_completion_tokens"] {
        let fits = body.get(field).is_none_or(|value| value.as_u64().is_some_and(|value| value > 0));
        demand(fits, || format!("Invalid '{field}': integer below minimum value. Expected a value >= 1."))?;
    }
    if let Some(value) = body.get("temperature") {
        let fits = value.as_f64().is_some_and(|value| (0.0..=2.0).contains(&value));
        demand(fits, || "Invalid 'temperature': decimal above maximum value.".to_owned())?;
        let is_default = value.as_f64() == Some(1.0);
        demand(!thinks(model) || is_default, || {
            "Unsupported value: 'temperature' does not support this value with this model. Only the default (1) value is \
             supported."
                .to_owned()
        })?;
    }
    if let Some(stop) = body.get("stop") {
        let fits = stop.is_string() || stop.as_array().is_some_and(|stops| (1..=STOPS_MAX).contains(&stops.len()));
        demand(fits, || "Invalid 'stop': array too long. Expected an array with maximum length 4.".to_owned())?;
        demand(!thinks(model), || "Unsupported parameter: 'stop' is not supported with this model.".to_owned())?;
    }
    if let Some(effort) = body.get("reasoning_effort").and_then(Value::as_str) {
        demand(thinks(model), || "Unrecognized request argument supplied: reasoning_effort".to_owned())?;
        let known = ["none", "minimal", "low", "medium", "high", "xhigh"].contains(&effort);
        demand(known, || format!("Invalid value: '{effort}'. Supported values are: 'low', 'medium', and 'high'."))?;
    }
    demand(body.get("seed").is_none_or(|seed| seed.as_i64().is_some()), || {
        "Invalid type for 'seed': expected an integer.".to_owned()
    })
}

fn check_tools(body: &Value) -> Verdict {
    let tools = list(body, "tools");
    let is_offered = body.get("tools").is_some();
    demand(!is_offered || !tools.is_empty(), || {
        "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead."
            .to_owned()
    })?;
    for field in ["tool_choice", "parallel_tool_calls"] {
        demand(is_offered || body.get(field).is_none(), || {
            format!("Invalid value for '{field}': '{field}' is only allowed when 'tools' are specified.")
        })?;
    }
    demand(tools.len() <= TOOLS_MAX, || "Invalid 'tools': array too long.".to_owned())?;
    for (index, tool) in tools.iter().enumerate() {
        let function = tool.get("function").unwrap_or(&Value::Null);
        demand(text(tool, "type") == "function", || format!("Invalid value: tools[{index}].type"))?;
        check_name(text(function, "name"), &format!("tools[{index}].function.name"))?;
        check_parameters(function, index)?;
    }
    let choice = body.get("tool_choice").unwrap_or(&Value::Null);
    match choice {
        Value::Null => Ok(()),
        Value::String(choice) => {
            demand(["auto", "none", "required"].contains(&choice.as_str()), || "Invalid value: tool_choice".to_owned())
        }
        choice => {
            let name = choice.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
            let is_offered =
                tools.iter().any(|tool| tool.pointer("/function/name").and_then(Value::as_str) == Some(name));
            demand(is_offered, || "Invalid value: 'tool_choice' names a function that is not in 'tools'.".to_owned())
        }
    }
}

fn check_name(name: &str, place: &str) -> Verdict {
    demand(is_name(name, "_-", NAME_BYTES_MAX), || {
        format!("Invalid '{place}': string does not match pattern. Expected a string that matches '^[a-zA-Z0-9_-]+$'.")
    })
}

fn check_parameters(function: &Value, index: usize) -> Verdict {
    let Some(schema) = function.get("parameters") else { return Ok(()) };
    demand(text(schema, "type") == "object", || {
        format!("Invalid schema for function: schema must be a JSON Schema of 'type: \"object\"' (tools[{index}])")
    })?;
    if function.get("strict").and_then(Value::as_bool) == Some(true) {
        return check_strict(schema, &format!("Invalid schema for function (tools[{index}])"));
    }
    Ok(())
}

/// Refuses a schema that a strict model cannot be held to: every property is required, and there are no others.
pub(in crate::provider) fn check_strict(schema: &Value, place: &str) -> Verdict {
    match schema {
        Value::Object(fields) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            if text(schema, "type") == "object" || properties.is_some() {
                demand(schema.get("additionalProperties") == Some(&Value::Bool(false)), || {
                    format!("{place}: 'additionalProperties' is required to be supplied and to be false.")
                })?;
                let required: Vec<&str> = list(schema, "required").iter().filter_map(Value::as_str).collect();
                let all = properties.is_none_or(|all| all.keys().all(|name| required.contains(&name.as_str())));
                demand(all, || format!("{place}: 'required' has to include every key in properties."))?;
            }
            fields.values().try_for_each(|value| check_strict(value, place))
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_strict(item, place)),
        _ => Ok(()),
    }
}

fn check_format(body: &Value) -> Verdict {
    let Some(format) = body.get("response_format") else { return Ok(()) };
    let schema = format.get("json_schema").unwrap_or(&Value::Null);
    match text(format, "type") {
        "text" | "json_object" => Ok(()),
        "json_schema" => {
            check_name(text(schema, "name"), "response_format.json_schema.name")?;
            let is_strict = schema.get("strict").and_then(Value::as_bool) == Some(true);
            let schema = schema.get("schema").unwrap_or(&Value::Null);
            demand(schema.is_object(), || "Missing required parameter: response_format.json_schema.schema".to_owned())?;
            if is_strict { check_strict(schema, "Invalid schema for response_format") } else { Ok(()) }
        }
        kind => demand(false, || format!("Invalid value: '{kind}' for response_format.type")),
    }
}

fn check_messages(messages: &[Value]) -> Verdict {
    demand(!messages.is_empty(), || "Invalid 'messages': empty array.".to_owned())?;
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        if role == "tool" {
            let id = text(message, "tool_call_id");
            let Some(at) = open.iter().position(|open| *open == id) else {
                let what = format!(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
                     'tool_calls'. (messages[{index}])"
                );
                return Err(Refusal::new(400, what));
            };
            open.remove(at);
        } else {
            check_answered(&open)?;
            open = list(message, "tool_calls").iter().map(|call| text(call, "id")).collect();
        }
        check_message(message, role, index)?;
    }
    check_answered(&open)
}

fn check_answered(open: &[&str]) -> Verdict {
    demand(open.is_empty(), || {
        format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. \
             The following tool_call_ids did not have response messages: {}",
            open.join(", ")
        )
    })
}

fn check_message(message: &Value, role: &str, index: usize) -> Verdict {
    let content = message.get("content").unwrap_or(&Value::Null);
    let calls = list(message, "tool_calls");
    demand(["system", "developer", "user", "assistant", "tool"].contains(&role), || {
        format!(
            "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'tool', and 'developer'."
        )
    })?;
    demand(calls.is_empty() || role == "assistant", || format!("Unexpected 'tool_calls' in messages[{index}]"))?;
    let may_be_null = role == "assistant" && (!calls.is_empty() || message.get("refusal").is_some());
    demand(!content.is_null() || may_be_null, || {
        format!("Invalid value for 'content': expected a string, got null. (messages[{index}])")
    })?;
    for call in calls {
        let function = call.get("function").unwrap_or(&Value::Null);
        demand(!text(call, "id").is_empty(), || {
            format!("Missing required parameter: messages[{index}].tool_calls.id")
        })?;
        demand(text(call, "type") == "function", || format!("Invalid value: messages[{index}].tool_calls.type"))?;
        check_name(text(function, "name"), &format!("messages[{index}].tool_calls.function.name"))?;
        demand(function.get("arguments").is_some_and(Value::is_string), || {
            format!("Invalid type for messages[{index}].tool_calls.function.arguments: expected a string")
        })?;
    }
    for part in content.as_array().into_iter().flatten() {
        let kind = text(part, "type");
        let known: &[&str] = match role {
            "user" => &["text", "image_url", "file", "input_audio"],
            "assistant" => &["text", "refusal"],
            _ => &["text"],
        };
        demand(known.contains(&kind), || format!("Invalid value: '{kind}'. (messages[{index}].content)"))?;
        let is_image = part.pointer("/image_url/url").and_then(Value::as_str).is_some_and(|url| url.contains(':'));
        demand(kind != "image_url" || is_image, || format!("Invalid image URL in messages[{index}]"))?;
    }
    Ok(())
}

fn check_embedding(body: &Value) -> Verdict {
    only(body, &["model", "input", "encoding_format", "dimensions", "user"], |field| {
        format!("Unrecognized request argument supplied: {field}")
    })?;
    let texts = list(body, "input");
    demand((1..=TEXTS_MAX).contains(&texts.len()), || "'$.input' is invalid.".to_owned())?;
    demand(texts.iter().all(|text| text.as_str().is_some_and(|text| !text.is_empty())), || {
        "'$.input' is invalid: an input cannot be an empty string.".to_owned()
    })
}
