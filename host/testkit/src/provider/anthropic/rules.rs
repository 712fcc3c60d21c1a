// SPDX-License-Identifier: MIT OR Apache-2.0
//! What Anthropic refuses of a request, apart from its messages.

use serde_json::Value;

use super::blocks;
use crate::provider::refusal::{Refusal, Verdict, demand, is_name, list, only, text};
use crate::provider::request::Asked;

/// Every field of a request that is known.
const FIELDS: [&str; 18] = [
    "model",
    "messages",
    "max_tokens",
    "system",
    "stream",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "output_config",
    "service_tier",
    "container",
    "mcp_servers",
    "cache_control",
];
/// How long the name of a tool may be, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// How few tokens may be set aside for thinking.
const THINKING_TOKENS_MIN: u64 = 1_024;
/// How many places of a request may be marked for the cache.
const CACHE_MARKS_MAX: usize = 4;
/// What a schema that answers are held to may not say.
const UNSUPPORTED: [&str; 16] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "not",
    "if",
    "oneOf",
    "prefixItems",
];
/// By which the use of bound thinking blocks is set.
const BINDING_BETA: &str = "thinking-binding-controls-2026-08-01";

/// What a model takes.
pub(super) struct Takes {
    /// Thinking with a number of tokens that is set.
    pub(super) budgets: bool,
    /// Thinking of which it decides itself.
    pub(super) adaptive: bool,
    /// Temperatures.
    pub(super) sampling: bool,
    /// That it is told to call a tool.
    pub(super) forced: bool,
}

/// Refuses what Anthropic would refuse.
pub(in crate::provider) fn check(key: &str, asked: &Asked) -> Verdict {
    match asked.header("x-api-key") {
        Some(given) if given == key => {}
        Some(_) => return Err(Refusal::new(401, "invalid x-api-key")),
        None => return Err(Refusal::new(401, "x-api-key header is required")),
    }
    demand(asked.header("anthropic-version") == Some("2023-06-01"), || {
        "anthropic-version: header is required".to_owned()
    })?;
    if asked.path != "/v1/messages" {
        return Err(Refusal::new(404, "Not Found"));
    }
    let body = &asked.body;
    only(body, &FIELDS, |field| format!("{field}: Extra inputs are not permitted"))?;
    demand(!text(body, "model").is_empty(), || "model: Field required".to_owned())?;
    let most = body.get("max_tokens").and_then(Value::as_u64);
    let Some(most) = most else { return Err(Refusal::new(400, "max_tokens: Field required")) };
    demand(most > 0, || "max_tokens: Input should be greater than or equal to 1".to_owned())?;
    let takes = takes(text(body, "model"));
    check_sampling(body, &takes)?;
    check_thinking(asked, &takes, most)?;
    check_tools(body, &takes)?;
    check_output(body)?;
    check_cache(body)?;
    blocks::check(body, &takes)
}

/// Says what a model takes, by the numbers in its name.
fn takes(model: &str) -> Takes {
    let numbers: Vec<u32> =
        model.split('-').filter(|part| part.len() < 4).filter_map(|part| part.parse().ok()).collect();
    let version = (numbers.first().copied().unwrap_or(0), numbers.get(1).copied().unwrap_or(0));
    Takes {
        budgets: version < (4, 7),
        adaptive: version >= (4, 6),
        sampling: version < (4, 7),
        forced: version < (5, 1),
    }
}

fn check_sampling(body: &Value, takes: &Takes) -> Verdict {
    if let Some(temperature) = body.get("temperature") {
        let fits = temperature.as_f64().is_some_and(|value| (0.0..=1.0).contains(&value));
        demand(fits, || "temperature: Input should be less than or equal to 1".to_owned())?;
        demand(takes.sampling, || "`temperature` is not supported for this model.".to_owned())?;
    }
    let stops = list(body, "stop_sequences");
    demand(stops.iter().all(|stop| stop.as_str().is_some_and(|stop| !stop.trim().is_empty())), || {
        "stop_sequences: each stop sequence must contain non-whitespace".to_owned()
    })
}

fn check_thinking(asked: &Asked, takes: &Takes, most: u64) -> Verdict {
    let body = &asked.body;
    let Some(thinking) = body.get("thinking") else { return Ok(()) };
    let kind = text(thinking, "type");
    let not_supported = || {
        format!(
            "\"thinking.type.{kind}\" is not supported for this model. Use \"thinking.type.adaptive\" and \
             \"output_config.effort\" to control thinking behavior."
        )
    };
    if thinking.get("block_binding").is_some() {
        let betas = asked.header("anthropic-beta").unwrap_or_default();
        demand(betas.contains(BINDING_BETA), || "thinking.block_binding: Extra inputs are not permitted".to_owned())?;
        demand(kind == "adaptive", || "thinking.block_binding: needs `adaptive`".to_owned())?;
    }
    match kind {
        "enabled" => {
            demand(takes.budgets, not_supported)?;
            let budget = thinking.get("budget_tokens").and_then(Value::as_u64).unwrap_or(0);
            demand(budget >= THINKING_TOKENS_MIN, || {
                "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024".to_owned()
            })?;
            demand(budget < most, || "`max_tokens` must be greater than `thinking.budget_tokens`.".to_owned())?;
            demand(body.get("temperature").is_none_or(|value| value.as_f64() == Some(1.0)), || {
                "`temperature` may only be set to 1 when thinking is enabled.".to_owned()
            })?;
            let choice = body.pointer("/tool_choice/type").and_then(Value::as_str).unwrap_or("auto");
            demand(["auto", "none"].contains(&choice), || {
                "Thinking may not be enabled when tool_choice forces tool use.".to_owned()
            })
        }
        "adaptive" => demand(takes.adaptive, || "adaptive thinking is not supported on this model".to_owned()),
        "disabled" => demand(takes.forced, not_supported),
        _ => demand(false, || "thinking.type: Input should be 'adaptive', 'enabled' or 'disabled'".to_owned()),
    }
}

fn check_tools(body: &Value, takes: &Takes) -> Verdict {
    let tools = list(body, "tools");
    for (index, tool) in tools.iter().enumerate() {
        let name = text(tool, "name");
        demand(is_name(name, "_-", NAME_BYTES_MAX), || {
            format!("tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        })?;
        let again = tools.iter().filter(|other| text(other, "name") == name).count();
        demand(again == 1, || "tools: Tool names must be unique.".to_owned())?;
        let schema = tool.get("input_schema").unwrap_or(&Value::Null);
        demand(schema.is_object(), || format!("tools.{index}.custom.input_schema: Field required"))?;
        demand(text(schema, "type") == "object", || format!("tools.{index}.custom.input_schema.type: Field required"))?;
        let choices = ["oneOf", "allOf", "anyOf"].iter().any(|key| schema.get(key).is_some());
        demand(!choices, || {
            format!(
                "tools.{index}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level"
            )
        })?;
        only(tool, &["name", "description", "input_schema", "cache_control", "type", "strict"], |field| {
            format!("tools.{index}.custom.{field}: Extra inputs are not permitted")
        })?;
    }
    let Some(choice) = body.get("tool_choice") else { return Ok(()) };
    demand(!tools.is_empty(), || "tool_choice: tool_choice may only be specified while providing tools".to_owned())?;
    let kind = text(choice, "type");
    demand(["auto", "any", "tool", "none"].contains(&kind), || "tool_choice: Input tag is not expected".to_owned())?;
    demand(takes.forced || ["auto", "none"].contains(&kind), || {
        format!("tool_choice: \"{kind}\" is not supported for this model.")
    })?;
    let is_offered = kind != "tool" || tools.iter().any(|tool| text(tool, "name") == text(choice, "name"));
    demand(is_offered, || format!("Tool '{}' not found in provided tools", text(choice, "name")))
}

fn check_output(body: &Value) -> Verdict {
    let Some(config) = body.get("output_config") else { return Ok(()) };
    only(config, &["format", "effort", "task_budget"], |field| {
        format!("output_config.{field}: Extra inputs are not permitted")
    })?;
    if let Some(effort) = config.get("effort") {
        let known = effort.as_str().is_some_and(|effort| ["low", "medium", "high", "xhigh", "max"].contains(&effort));
        demand(known, || "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'".to_owned())?;
    }
    let Some(format) = config.get("format") else { return Ok(()) };
    demand(text(format, "type") == "json_schema", || "output_config.format.type: is not expected".to_owned())?;
    check_schema(format.get("schema").unwrap_or(&Value::Null))
}

/// Refuses a schema that answers cannot be held to.
fn check_schema(schema: &Value) -> Verdict {
    let Value::Object(fields) = schema else { return Ok(()) };
    for key in UNSUPPORTED {
        demand(schema.get(key).is_none(), || {
            format!("output_config.format.schema: property '{key}' is not supported")
        })?;
    }
    if text(schema, "type") == "object" {
        demand(schema.get("additionalProperties") == Some(&Value::Bool(false)), || {
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
                .to_owned()
        })?;
    }
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                named.values().try_for_each(check_schema)?;
            }
            ("items", value) => check_schema(value)?,
            ("anyOf" | "allOf", Value::Array(items)) => items.iter().try_for_each(check_schema)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_cache(body: &Value) -> Verdict {
    let marks = marks(body);
    demand(marks <= CACHE_MARKS_MAX, || {
        format!("A maximum of 4 blocks with cache_control may be provided. Found {marks}.")
    })
}

fn marks(value: &Value) -> usize {
    match value {
        Value::Object(fields) => {
            let own = usize::from(fields.contains_key("cache_control"));
            fields.iter().filter(|(key, _)| *key != "input").map(|(_, value)| marks(value)).sum::<usize>() + own
        }
        Value::Array(items) => items.iter().map(marks).sum(),
        _ => 0,
    }
}
