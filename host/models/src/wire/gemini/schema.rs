// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schemas as Gemini takes them: a part of JSON Schema, without references.
//!
//! What it does not know is said in words, at the place where it holds. References are replaced by what they lead to; one that
//! leads back to itself leaves open what is below.

use priory_core::json::{DEPTH_MAX, Json};
use serde_json::{Map, Value};

/// What a schema may say.
const KNOWN: [&str; 18] = [
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maximum",
    "minItems",
    "minimum",
    "nullable",
    "oneOf",
    "prefixItems",
    "properties",
    "propertyOrdering",
    "required",
    "title",
    "type",
];
/// What says nothing about a value.
const SILENT: [&str; 9] =
    ["$anchor", "$comment", "$defs", "$id", "$schema", "default", "definitions", "examples", "deprecated"];
/// How many places a schema may have once its references are replaced: each can stand for a schema of its own.
const PLACES_MAX: usize = 2_000;
/// How often one place refers to another before it is given up.
const REFERENCES_MAX: usize = 16;

/// Returns a schema as it is taken; `None` where it would say nothing.
pub(super) fn subset(schema: &Json) -> Option<Json> {
    let root = schema.to_value();
    let mut subset = Subset { root: &root, places: 0 };
    let written = subset.of(&root, DEPTH_MAX / 2, REFERENCES_MAX);
    let says = written.as_object().is_some_and(|fields| !fields.is_empty());
    says.then(|| Json::from(written))
}

/// Tells whether a schema names properties: one of an object without any is refused, and left out.
pub(super) fn has_properties(schema: &Json) -> bool {
    let tree = schema.to_value();
    tree.get("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty())
}

struct Subset<'a> {
    root: &'a Value,
    places: usize,
}

// === impl Subset ===

impl Subset<'_> {
    fn of(&mut self, schema: &Value, depth: usize, references: usize) -> Value {
        self.places += 1;
        let (Some(fields), Some(depth)) = (schema.as_object(), depth.checked_sub(1)) else { return open() };
        if self.places > PLACES_MAX {
            return open();
        }
        let mut fields = fields.clone();
        if let Some(to) = fields.remove("$ref") {
            let (Some(found), Some(references)) = (self.find(&to), references.checked_sub(1)) else { return open() };
            let mut referred = self.of(&found, depth, references);
            // What stands beside a reference is said of this place.
            if let (Some(referred), Some(description)) = (referred.as_object_mut(), fields.remove("description")) {
                referred.insert("description".to_owned(), description);
            }
            return referred;
        }
        for part in fields.remove("allOf").as_ref().and_then(Value::as_array).into_iter().flatten() {
            let part = self.of(part, depth, references);
            merge(&mut fields, part);
        }
        self.field(fields, depth, references)
    }

    fn field(&mut self, fields: Map<String, Value>, depth: usize, references: usize) -> Value {
        let mut known = Map::new();
        let mut unknown = Map::new();
        for (key, value) in fields {
            match key.as_str() {
                "properties" => {
                    let named = value.as_object().cloned().unwrap_or_default().into_iter();
                    let named: Map<_, _> = named.map(|(name, one)| (name, self.of(&one, depth, references))).collect();
                    known.insert(key, Value::Object(named));
                }
                "anyOf" | "oneOf" | "prefixItems" => {
                    let listed = value.as_array().into_iter().flatten();
                    let listed = listed.map(|one| self.of(one, depth, references)).collect();
                    known.insert(key, Value::Array(listed));
                }
                "items" | "additionalProperties" if value.is_object() => {
                    let one = self.of(&value, depth, references);
                    known.insert(key, one);
                }
                "const" => {
                    known.insert("enum".to_owned(), Value::Array(vec![value]));
                }
                name if KNOWN.contains(&name) => {
                    known.insert(key, value);
                }
                name if SILENT.contains(&name) => {}
                _ => {
                    unknown.insert(key, value);
                }
            }
        }
        if !unknown.is_empty() {
            let before = known.get("description").and_then(Value::as_str).map(|text| format!("{text} "));
            let words = format!("{}It has to fit {}.", before.unwrap_or_default(), Value::Object(unknown));
            known.insert("description".to_owned(), Value::from(words));
        }
        Value::Object(known)
    }

    fn find(&self, to: &Value) -> Option<Value> {
        let place = to.as_str()?.strip_prefix('#')?;
        self.root.pointer(place).cloned()
    }
}

/// A schema that says nothing.
fn open() -> Value {
    Value::Object(Map::new())
}

/// Puts what a part says into the whole of which it is one.
fn merge(fields: &mut Map<String, Value>, part: Value) {
    let Value::Object(part) = part else { return };
    for (key, value) in part {
        match (fields.get_mut(&key), value) {
            (Some(Value::Object(all)), Value::Object(more)) if key == "properties" => all.extend(more),
            (Some(Value::Array(all)), Value::Array(more)) if key == "required" => all.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                fields.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, expected: Option<&str>) {
        let subset = subset(&Json::parse(schema).unwrap());
        assert_eq!(subset.as_ref().map(Json::as_str), expected, "{schema}");
    }

    #[test]
    fn what_is_known_stays() {
        let plain = r#"{"properties":{"a":{"minimum":1,"type":"integer"}},"required":["a"],"type":"object"}"#;
        check(plain, Some(plain));
        check("true", None);
        check(r#"{"$schema":"x"}"#, None);
    }

    #[test]
    fn what_is_not_known_is_said_in_words() {
        check(
            r#"{"type":"string","description":"A name.","pattern":"^a","minLength":2}"#,
            Some(r#"{"description":"A name. It has to fit {\"minLength\":2,\"pattern\":\"^a\"}.","type":"string"}"#),
        );
        check(r#"{"const":"x"}"#, Some(r#"{"enum":["x"]}"#));
    }

    #[test]
    fn references_are_replaced() {
        check(
            r##"{"$defs":{"d":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/d","description":"x"}}}"##,
            Some(r#"{"properties":{"a":{"description":"x","type":"string"}}}"#),
        );
        check(r#"{"properties":{"a":{"$ref":"http://x/y"}}}"#, Some(r#"{"properties":{"a":{}}}"#));
        let cyclic = r##"{"type":"object","properties":{"a":{"$ref":"#"}}}"##;
        let written = subset(&Json::parse(cyclic).unwrap()).unwrap();
        assert!(!written.as_str().contains("$ref"));
        assert_eq!(written.as_str().matches("\"a\"").count(), REFERENCES_MAX + 1);
        let wide = r##"{"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"},"c":{"$ref":"#"}}}"##;
        assert!(subset(&Json::parse(wide).unwrap()).unwrap().as_str().len() < 100 * PLACES_MAX);
    }

    #[test]
    fn parts_become_a_whole() {
        check(
            r#"{"allOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}],"type":"object"}"#,
            Some(r#"{"properties":{"a":{},"b":{}},"required":["a","b"],"type":"object"}"#),
        );
    }
}
