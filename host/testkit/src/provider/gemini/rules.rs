// SPDX-License-Identifier: MIT OR Apache-2.0
//! What Gemini refuses of a request, apart from its contents.

use serde_json::Value;

use super::contents;
use crate::provider::refusal::{Refusal, Verdict, demand, list, only, text};
use crate::provider::request::Asked;

/// What Gemini's own schemas may say; anything else is an unknown field.
const SCHEMA_FIELDS: [&str; 23] = [
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "maxItems",
    "minItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "minimum",
    "maximum",
    "ref",
];
/// What a JSON Schema may say here.
const JSON_SCHEMA_FIELDS: [&str; 25] = [
    "$id",
    "$defs",
    "$ref",
    "$anchor",
    "type",
    "format",
    "title",
    "description",
    "enum",
    "const",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
    "nullable",
    "default",
    "$schema",
];
const CONFIG_FIELDS: [&str; 15] = [
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "candidateCount",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "thinkingConfig",
    "responseLogprobs",
    "responseModalities",
];
/// How long the name of a function may be, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// How many stop sequences there may be.
const STOPS_MAX: usize = 5;
/// How many texts are embedded at once.
const TEXTS_MAX: usize = 100;

/// Refuses what Gemini would refuse.
pub(in crate::provider) fn check(key: &str, asked: &Asked) -> Verdict {
    match asked.header("x-goog-api-key") {
        Some(given) if given == key => {}
        Some(_) => return Err(Refusal::new(400, "API key not valid. Please pass a valid API key.")),
        None => return Err(Refusal::new(403, "Method doesn't allow unregistered callers.")),
    }
    demand(!asked.path.contains("key="), || "the key must not stand in a URL".to_owned())?;
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let method = path.rsplit_once(':').map_or("", |(_, method)| method);
    if !path.starts_with("/v1beta/models/") {
        return Err(Refusal::new(404, "Requested entity was not found."));
    }
    match method {
        "generateContent" => {}
        "streamGenerateContent" => {
            demand(query.split('&').any(|pair| pair == "alt=sse"), || "the fake speaks SSE only".to_owned())?;
        }
        "batchEmbedContents" => return check_embedding(asked),
        _ => return Err(Refusal::new(404, format!("method {method} is not found"))),
    }
    let body = &asked.body;
    let fields =
        ["contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent"];
    only(body, &fields, |field| unknown(field, ""))?;
    check_config(asked)?;
    check_tools(body)?;
    check_mixture(asked)?;
    contents::check(asked)
}

/// Says that a field is not known.
pub(super) fn unknown(field: &str, place: &str) -> String {
    format!("Invalid JSON payload received. Unknown name \"{field}\" at '{place}': Cannot find field.")
}

/// Tells whether a model is of the third series or a later one.
pub(super) fn is_new(model: &str) -> bool {
    let number = model.strip_prefix("gemini-").unwrap_or_default();
    number.split(['.', '-']).next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 3)
}

fn check_config(asked: &Asked) -> Verdict {
    let Some(config) = asked.body.get("generationConfig") else { return Ok(()) };
    only(config, &CONFIG_FIELDS, |field| unknown(field, "generation_config"))?;
    let number = |key: &str| config.get(key).map(|value| value.as_f64().unwrap_or(f64::NAN));
    demand(number("temperature").is_none_or(|value| (0.0..=2.0).contains(&value)), || {
        "temperature must be in the range [0.0, 2.0].".to_owned()
    })?;
    demand(number("maxOutputTokens").is_none_or(|value| value >= 1.0), || {
        "max_output_tokens must be positive.".to_owned()
    })?;
    demand(
        config.get("seed").is_none_or(|seed| seed.as_i64().is_some_and(|seed| i32::try_from(seed).is_ok())),
        || "Invalid value at 'generation_config.seed' (TYPE_INT32)".to_owned(),
    )?;
    let stops = list(config, "stopSequences");
    let fits = stops.len() <= STOPS_MAX && stops.iter().all(|stop| stop.as_str().is_some_and(|stop| !stop.is_empty()));
    demand(fits, || "stop_sequences: at most 5, none of them empty".to_owned())?;
    check_thinking(config.get("thinkingConfig").unwrap_or(&Value::Null), asked.model())?;
    let has_schema = config.get("responseSchema").is_some() || config.get("responseJsonSchema").is_some();
    demand(!has_schema || text(config, "responseMimeType") == "application/json", || {
        "response_schema needs the response mime type application/json".to_owned()
    })?;
    demand(config.get("responseSchema").is_none() || config.get("responseJsonSchema").is_none(), || {
        "only one of response_schema and response_json_schema may be set".to_owned()
    })?;
    check_schema(config.get("responseSchema").unwrap_or(&Value::Null), "generation_config.response_schema")?;
    check_json_schema(
        config.get("responseJsonSchema").unwrap_or(&Value::Null),
        "generation_config.response_json_schema",
    )
}

fn check_thinking(thinking: &Value, model: &str) -> Verdict {
    only(thinking, &["thinkingBudget", "thinkingLevel", "includeThoughts"], |field| unknown(field, "thinking_config"))?;
    let (budget, level) = (thinking.get("thinkingBudget"), thinking.get("thinkingLevel"));
    demand(budget.is_none() || level.is_none(), || {
        "You can only set only one of thinking budget and thinking level.".to_owned()
    })?;
    demand(level.is_none() || is_new(model), || "Thinking level is not supported for this model.".to_owned())?;
    let known = level.is_none_or(|level| {
        let level = level.as_str().unwrap_or_default().to_lowercase();
        let all: &[&str] =
            if model.contains("3-pro") { &["low", "high"] } else { &["minimal", "low", "medium", "high"] };
        all.contains(&level.as_str()) && !(level == "minimal" && model.contains("pro"))
    });
    demand(known, || "Thinking level is not supported for this model.".to_owned())?;
    let is_off = budget.and_then(Value::as_i64) == Some(0);
    demand(!is_off || !model.contains("pro"), || {
        "Budget 0 is invalid. This model only works in thinking mode.".to_owned()
    })
}

fn check_tools(body: &Value) -> Verdict {
    let declarations: Vec<&Value> =
        list(body, "tools").iter().flat_map(|tool| list(tool, "functionDeclarations")).collect();
    for (index, tool) in list(body, "tools").iter().enumerate() {
        only(tool, &["functionDeclarations", "googleSearch", "codeExecution", "urlContext"], |field| {
            unknown(field, &format!("tools[{index}]"))
        })?;
    }
    for (index, function) in declarations.iter().enumerate() {
        let place = format!("tools[0].function_declarations[{index}]");
        let known =
            ["name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"];
        only(function, &known, |field| unknown(field, &place))?;
        demand(is_function_name(text(function, "name")), || {
            format!("Invalid function name at {place}.name. Must start with a letter or an underscore.")
        })?;
        let both = function.get("parameters").is_some() && function.get("parametersJsonSchema").is_some();
        demand(!both, || format!("{place}: only one of parameters and parameters_json_schema may be set"))?;
        let twice = declarations.iter().filter(|other| text(other, "name") == text(function, "name")).count();
        demand(twice == 1, || format!("Duplicate function declaration found: {}", text(function, "name")))?;
        check_schema(function.get("parameters").unwrap_or(&Value::Null), &format!("{place}.parameters"))?;
        let schema = function.get("parametersJsonSchema").unwrap_or(&Value::Null);
        check_json_schema(schema, &format!("{place}.parameters_json_schema"))?;
    }
    let Some(config) = body.pointer("/toolConfig/functionCallingConfig") else { return Ok(()) };
    let mode = text(config, "mode");
    demand(["AUTO", "ANY", "NONE", "VALIDATED"].contains(&mode), || format!("Invalid value at 'mode': {mode}"))?;
    let allowed = list(config, "allowedFunctionNames");
    demand(allowed.is_empty() || ["ANY", "VALIDATED"].contains(&mode), || {
        "allowed_function_names should be set only when the function calling mode is ANY.".to_owned()
    })?;
    let is_declared = |name: &Value| declarations.iter().any(|one| one.get("name") == Some(name));
    demand(allowed.iter().all(is_declared), || "allowed_function_names names a function that is not there".to_owned())
}

fn is_function_name(name: &str) -> bool {
    let begins = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    let fits = |char: char| char.is_ascii_alphanumeric() || "_.:-".contains(char);
    begins && name.len() <= NAME_BYTES_MAX && name.chars().all(fits)
}

/// Refuses functions beside an answer in JSON, which only newer models can do.
fn check_mixture(asked: &Asked) -> Verdict {
    let mime = asked.body.pointer("/generationConfig/responseMimeType").and_then(Value::as_str).unwrap_or_default();
    let is_mixed = mime == "application/json" && !list(&asked.body, "tools").is_empty();
    demand(!is_mixed || is_new(asked.model()), || {
        "Function calling with a response mime type: 'application/json' is unsupported".to_owned()
    })
}

/// Refuses what is no schema of Gemini's own kind.
fn check_schema(schema: &Value, place: &str) -> Verdict {
    let Value::Object(fields) = schema else { return Ok(()) };
    only(schema, &SCHEMA_FIELDS, |field| unknown(field, place))?;
    demand(schema.get("type").is_none_or(Value::is_string), || {
        format!("Invalid value at '{place}.type': Proto field is not repeating, cannot start list.")
    })?;
    let kind = text(schema, "type").to_uppercase();
    let has_properties = schema.get("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty());
    demand(kind != "OBJECT" || has_properties, || format!("{place}.properties: should be non-empty for OBJECT type"))?;
    demand(kind != "ARRAY" || schema.get("items").is_some(), || format!("{place}.items: missing field."))?;
    demand(schema.get("enum").is_none() || kind == "STRING", || format!("{place}.enum: only allowed for STRING type"))?;
    let format = text(schema, "format");
    demand(kind != "STRING" || ["", "enum", "date-time"].contains(&format), || {
        format!("{place}.format: only 'enum' and 'date-time' are supported for STRING type")
    })?;
    let required = list(schema, "required").iter().filter_map(Value::as_str);
    for name in required {
        let is_defined = schema.get("properties").and_then(|all| all.get(name)).is_some();
        demand(is_defined, || format!("{place}.required[{name}]: property is not defined"))?;
    }
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("properties", Value::Object(all)) => all.values().try_for_each(|one| check_schema(one, place))?,
            ("items", one) => check_schema(one, place)?,
            ("anyOf", Value::Array(all)) => all.iter().try_for_each(|one| check_schema(one, place))?,
            _ => {}
        }
    }
    Ok(())
}

/// Refuses what stands in a JSON Schema and is not known here.
fn check_json_schema(schema: &Value, place: &str) -> Verdict {
    let Value::Object(fields) = schema else { return Ok(()) };
    only(schema, &JSON_SCHEMA_FIELDS, |field| format!("{place}: the keyword '{field}' is not supported"))?;
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("properties" | "$defs", Value::Object(all)) => {
                all.values().try_for_each(|one| check_json_schema(one, place))?;
            }
            ("items" | "additionalProperties", one) => check_json_schema(one, place)?,
            ("anyOf" | "oneOf" | "prefixItems", Value::Array(all)) => {
                all.iter().try_for_each(|one| check_json_schema(one, place))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_embedding(asked: &Asked) -> Verdict {
    let requests = list(&asked.body, "requests");
    demand((1..=TEXTS_MAX).contains(&requests.len()), || {
        "BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch".to_owned()
    })?;
    for request in requests {
        only(request, &["model", "content", "taskType", "title", "outputDimensionality"], |field| {
            unknown(field, "requests")
        })?;
        let model = format!("models/{}", asked.model());
        demand(text(request, "model") == model, || "requests.model: has to be the model of the path".to_owned())?;
        let words = request.pointer("/content/parts/0/text").and_then(Value::as_str).unwrap_or_default();
        demand(!words.is_empty(), || "requests.content: content is empty".to_owned())?;
    }
    Ok(())
}
