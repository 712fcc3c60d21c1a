// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schemas as Anthropic takes them, for answers and for arguments of tools.

use std::borrow::Cow;

use priory_core::json::{DEPTH_MAX, Json};
use serde_json::{Map, Value};

/// What a schema may say that a model is held to.
const HELD: [&str; 14] = [
    "$defs",
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "default",
    "definitions",
    "description",
    "enum",
    "items",
    "properties",
    "required",
    "type",
];
/// What is left out of it: the host holds the answer to it.
const LEFT_OUT: [&str; 22] = [
    "$comment",
    "$id",
    "$schema",
    "deprecated",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "readOnly",
    "title",
    "uniqueItems",
    "writeOnly",
];
/// What the schema of arguments may not say at its top.
const NOT_AT_TOP: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Returns the schema to which a model can be held, which may say less than the one that was asked for; `None` where there is
/// none, because it would have to leave something open.
pub(super) fn held(schema: &Json) -> Option<Json> {
    let mut tree = schema.to_value();
    // A schema that refers to itself is refused, and so is one that refers elsewhere.
    let is_plain = !schema.as_str().contains("\"$ref\"") || refers_down(&tree, &tree, DEPTH_MAX);
    (is_plain && tree.is_object() && hold(&mut tree, DEPTH_MAX)).then(|| Json::from(tree))
}

/// Returns the schema of arguments as it is taken, and what it leaves out in words for the model.
pub(super) fn arguments(schema: &Json) -> (Cow<'_, Json>, Option<String>) {
    let Value::Object(mut fields) = schema.to_value() else {
        return (Cow::Owned(Json::from_encoder(r#"{"type":"object"}"#.to_owned())), None);
    };
    let is_object = fields.get("type").and_then(Value::as_str) == Some("object");
    if is_object && NOT_AT_TOP.iter().all(|key| !fields.contains_key(*key)) {
        return (Cow::Borrowed(schema), None);
    }
    fields.insert("type".to_owned(), Value::from("object"));
    let taken: Map<String, Value> =
        NOT_AT_TOP.iter().filter_map(|key| Some(((*key).to_owned(), fields.remove(*key)?))).collect();
    let words = (!taken.is_empty())
        .then(|| format!("\n\nThe arguments also have to fit this JSON Schema: {}", Value::Object(taken)));
    (Cow::Owned(Json::from(Value::Object(fields))), words)
}

fn hold(schema: &mut Value, depth: usize) -> bool {
    let (Some(fields), Some(depth)) = (schema.as_object_mut(), depth.checked_sub(1)) else { return false };
    fields.retain(|key, _| !LEFT_OUT.contains(&key.as_str()));
    if fields.keys().any(|key| !HELD.contains(&key.as_str())) {
        return false;
    }
    let is_object = fields.get("type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == "object"),
        kind => kind == "object",
    });
    if is_object || fields.contains_key("properties") {
        // An object of which nobody says which keys it has cannot be closed.
        let has_properties = fields.get("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty());
        let is_open = fields.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false));
        if !has_properties || is_open {
            return false;
        }
        fields.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    fields.iter_mut().all(|(key, value)| match (key.as_str(), value) {
        ("properties" | "$defs" | "definitions", Value::Object(named)) => {
            named.values_mut().all(|one| hold(one, depth))
        }
        ("anyOf" | "allOf", Value::Array(listed)) => listed.iter_mut().all(|one| hold(one, depth)),
        ("items", one) => hold(one, depth),
        _ => true,
    })
}

/// Tells whether every reference leads to a place in the schema, and from none of them back to itself.
fn refers_down(schema: &Value, root: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    match schema {
        Value::Object(fields) => fields.iter().all(|(key, value)| match (key.as_str(), value) {
            ("$ref", Value::String(to)) => {
                let found = to.strip_prefix('#').filter(|place| !place.is_empty()).and_then(|at| root.pointer(at));
                found.is_some_and(|found| refers_down(found, root, depth))
            }
            // What is only defined is looked at where it is referred to.
            ("$defs" | "definitions", _) => true,
            (_, value) => refers_down(value, root, depth),
        }),
        Value::Array(items) => items.iter().all(|item| refers_down(item, root, depth)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, expected: Option<&str>) {
        let held = held(&Json::parse(schema).unwrap());
        assert_eq!(held.as_ref().map(Json::as_str), expected, "{schema}");
    }

    #[test]
    fn a_model_is_held_to_what_its_provider_can_hold_it_to() {
        check(
            r#"{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"required":["a"]}"#,
            Some(
                r#"{"additionalProperties":false,"properties":{"a":{"type":"integer"}},"required":["a"],"type":"object"}"#,
            ),
        );
        check(r#"{"type":"object"}"#, None);
        check(r#"{"type":"object","properties":{"a":{}},"additionalProperties":{"type":"string"}}"#, None);
        check(r#"{"type":"object","properties":{"a":{"not":{"type":"string"}}}}"#, None);
        check(r##"{"type":"object","properties":{"a":{"$ref":"#"}}}"##, None);
        check(r#"{"type":"object","properties":{"a":{"$ref":"http://x/y"}}}"#, None);
        check("true", None);
        let referring =
            r##"{"$defs":{"d":{"type":"string"}},"type":"object","properties":{"a":{"$ref":"#/$defs/d"}}}"##;
        assert!(held(&Json::parse(referring).unwrap()).is_some());
        let cycle = r##"{"$defs":{"d":{"items":{"$ref":"#/$defs/d"}}},"properties":{"a":{"$ref":"#/$defs/d"}}}"##;
        check(cycle, None);
    }

    #[test]
    fn arguments_are_an_object_of_one_form() {
        let plain = Json::parse(r#"{"type": "object", "properties": {}}"#).unwrap();
        assert_eq!(arguments(&plain), (Cow::Borrowed(&plain), None));
        let choice = Json::parse(r#"{"anyOf":[{"required":["a"]}],"properties":{"a":{}}}"#).unwrap();
        let (schema, words) = arguments(&choice);
        assert_eq!(schema.as_str(), r#"{"properties":{"a":{}},"type":"object"}"#);
        assert!(words.unwrap().ends_with(r#"{"anyOf":[{"required":["a"]}]}"#));
        assert_eq!(arguments(&Json::parse("true").unwrap()).0.as_str(), r#"{"type":"object"}"#);
    }
}
