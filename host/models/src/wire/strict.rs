// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which schemas OpenAI holds a model to: those of which nothing is left open.
//!
//! A schema that says more than it takes would be refused with the whole request, so a model is held to a schema only where
//! that works; any other answer is held against its schema by the host alone.

use priory_core::json::{DEPTH_MAX, Json};
use serde_json::{Map, Value};

/// Words of JSON Schema that are not taken.
const REFUSED: [&str; 15] = [
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "prefixItems",
    "contains",
    "minProperties",
    "maxProperties",
    "unevaluatedProperties",
];

/// Tells whether a model can be held to a schema.
pub(crate) fn is_strict(schema: &Json) -> bool {
    let tree = schema.to_value();
    let is_object = tree.get("type").and_then(Value::as_str) == Some("object");
    is_object && holds(&tree, DEPTH_MAX)
}

fn holds(schema: &Value, depth: usize) -> bool {
    let (Some(schema), Some(depth)) = (schema.as_object(), depth.checked_sub(1)) else { return false };
    if REFUSED.iter().any(|word| schema.contains_key(*word)) {
        return false;
    }
    let below = |word: &str| match schema.get(word) {
        Some(Value::Object(named)) => named.values().all(|schema| holds(schema, depth)),
        Some(Value::Array(listed)) => listed.iter().all(|schema| holds(schema, depth)),
        Some(_) => false,
        None => true,
    };
    let items = schema.get("items").is_none_or(|items| holds(items, depth));
    is_closed(schema) && items && ["properties", "$defs", "definitions", "anyOf"].into_iter().all(below)
}

/// Tells whether an object has the properties that are named, and no other.
fn is_closed(schema: &Map<String, Value>) -> bool {
    let types = schema.get("type");
    let is_object = types.is_some_and(|types| match types {
        Value::Array(types) => types.iter().any(|name| name == "object"),
        name => name == "object",
    });
    if !is_object && !schema.contains_key("properties") {
        return true;
    }
    let required: Vec<&str> = match schema.get("required") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let all_required = match schema.get("properties") {
        Some(Value::Object(properties)) => properties.keys().all(|name| required.contains(&name.as_str())),
        _ => true,
    };
    all_required && schema.get("additionalProperties") == Some(&Value::Bool(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, expected: bool) {
        assert_eq!(is_strict(&Json::parse(schema).unwrap()), expected, "{schema}");
    }

    #[test]
    fn only_what_leaves_nothing_open_is_strict() {
        let closed = |properties: &str, required: &str| {
            format!(
                r#"{{"type":"object","properties":{{{properties}}},"required":[{required}],"additionalProperties":false}}"#
            )
        };
        check(&closed("", ""), true);
        check(&closed(r#""a":{"type":"string"}"#, r#""a""#), true);
        let list = r##""a":{"type":["string","null"]},"b":{"type":"array","items":{"$ref":"#"}}"##;
        check(&closed(list, r#""a","b""#), true);
        check(&closed(r#""a":{"type":"string"}"#, ""), false);
        check(&closed(r#""a":{"type":"object"}"#, r#""a""#), false);
        check(&closed(r#""a":{"oneOf":[{"type":"string"}]}"#, r#""a""#), false);
        check(&closed(r#""a":true"#, r#""a""#), false);
        check(r#"{"type":"object","properties":{}}"#, false);
        check(r#"{"type":"array","items":{"type":"string"}}"#, false);
        check("true", false);
    }
}
