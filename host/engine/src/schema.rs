// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON Schemas that a guest wrote, and values that are held to them.
//!
//! A short schema can be made to take for ever: two references to a schema that holds two references, and so on; or a long
//! chain of them, which takes stack instead of time. The validator knows no bound for either, and runs where nothing
//! interrupts it. So the work is walked through first, step by step, and what would be too much is refused.

use jsonschema::Validator;
use priory_core::{Failure, Json};
use serde_json::Value;

/// How long one schema may be, in bytes.
const SCHEMA_BYTES_MAX: u64 = 256 << 10;
/// How large one compiled regular expression of a schema may be, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// How many parts a schema may have with every reference put in.
const PARTS_MAX: u64 = 100_000;
/// How deep a schema may be nested with every reference put in; the compiler recurses once a level.
const NESTING_MAX: u32 = 160;
/// How many steps the validation of any value may take.
const STEPS_BASE: u64 = 100_000;
/// How many steps more each byte of the value allows: those bytes were paid for.
const STEPS_PER_BYTE: u64 = 8;
/// How deep the validation of a value may be nested; the validator recurses once a level.
const WALK_DEPTH_MAX: u32 = 320;

/// Keywords by which the work cannot be foreseen. Hardly any tool has a use for them.
const REFUSED: [&str; 5] = ["$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$id"];

/// A schema, ready to validate values.
pub(crate) struct Schema {
    root: Value,
    validator: Validator,
}

// === impl Schema ===

impl Schema {
    /// Compiles a schema, or says why not.
    pub(crate) fn compile(schema: &Json) -> Result<Self, String> {
        if schema.byte_len() > SCHEMA_BYTES_MAX {
            return Err(format!("the schema has {} bytes, {SCHEMA_BYTES_MAX} are the most", schema.byte_len()));
        }
        let root = schema.to_value();
        Expansion { root: &root, parts: 0, open: Vec::new() }.visit(&root, 0)?;
        let patterns = jsonschema::PatternOptions::regex().size_limit(PATTERN_BYTES_MAX);
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(patterns)
            .build(&root)
            .map_err(|error| format!("the schema is not valid: {error}"))?;
        Ok(Self { root, validator })
    }

    /// Validates a value; `subject` says whose it is.
    pub(crate) fn validate(&self, json: &Json, subject: impl Fn() -> String) -> Result<(), Failure> {
        let value = json.to_value();
        let left = STEPS_BASE.saturating_add(json.byte_len().saturating_mul(STEPS_PER_BYTE));
        let walked = Walk { root: &self.root, left }.visit(&self.root, &value, 0);
        walked.map_err(|reason| Failure::invalid(subject(), "", reason))?;
        self.validator.validate(&value).map_err(|error| {
            let reason: String = error.to_string().chars().take(500).collect();
            Failure::invalid(subject(), error.instance_path().to_string(), reason)
        })
    }
}

/// Finds what a reference inside a schema leads to. What leads nowhere is left to the compiler, which refuses it.
fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// Counts the parts of a schema as the compiler meets them: a reference counts as what it leads to.
struct Expansion<'a> {
    root: &'a Value,
    parts: u64,
    /// The references on the way here; one that leads back is not followed again.
    open: Vec<&'a str>,
}

impl<'a> Expansion<'a> {
    fn visit(&mut self, part: &'a Value, depth: u32) -> Result<(), String> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(format!("the schema has more than {PARTS_MAX} parts with its references put in"));
        }
        if depth > NESTING_MAX {
            return Err(format!("the schema is nested more than {NESTING_MAX} deep with its references put in"));
        }
        match part {
            Value::Array(items) => items.iter().try_for_each(|item| self.visit(item, depth + 1)),
            Value::Object(fields) => {
                if let Some(name) = REFUSED.iter().find(|name| fields.get(**name).is_some_and(Value::is_string)) {
                    return Err(format!("the schema uses `{name}`, which is not supported"));
                }
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    self.follow(reference, depth)?;
                }
                fields.values().try_for_each(|field| self.visit(field, depth + 1))
            }
            _ => Ok(()),
        }
    }

    fn follow(&mut self, reference: &'a str, depth: u32) -> Result<(), String> {
        if self.open.contains(&reference) {
            return Ok(());
        }
        let Some(target) = target(self.root, reference) else { return Ok(()) };
        self.open.push(reference);
        let visited = self.visit(target, depth + 1);
        self.open.pop();
        visited
    }
}

/// Walks through a schema and a value together, as the validator will, and counts.
struct Walk<'a> {
    root: &'a Value,
    left: u64,
}

impl Walk<'_> {
    fn step(&mut self, steps: u64) -> Result<(), String> {
        let left = self.left.checked_sub(steps);
        self.left = left.ok_or("its validation takes too many steps: the schema goes over the same part too often")?;
        Ok(())
    }

    fn visit(&mut self, schema: &Value, value: &Value, depth: u32) -> Result<(), String> {
        self.step(1)?;
        if depth > WALK_DEPTH_MAX {
            return Err(format!("its validation is nested more than {WALK_DEPTH_MAX} deep"));
        }
        let Value::Object(keywords) = schema else { return Ok(()) };
        for (keyword, argument) in keywords {
            self.step(1)?;
            match (keyword.as_str(), argument) {
                ("$ref", Value::String(reference)) => {
                    if let Some(target) = target(self.root, reference) {
                        self.visit(target, value, depth + 1)?;
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    schemas.iter().try_for_each(|schema| self.visit(schema, value, depth + 1))?;
                }
                ("not" | "if" | "then" | "else", schema) => self.visit(schema, value, depth + 1)?,
                ("dependentSchemas", Value::Object(schemas)) => {
                    schemas.values().try_for_each(|schema| self.visit(schema, value, depth + 1))?;
                }
                ("enum", Value::Array(values)) => self.step(values.len() as u64)?,
                (keyword, argument) => self.visit_children(keyword, argument, value, depth)?,
            }
        }
        Ok(())
    }

    /// Walks the keywords that look at what is inside the value.
    fn visit_children(&mut self, keyword: &str, argument: &Value, value: &Value, depth: u32) -> Result<(), String> {
        match (keyword, argument, value) {
            ("properties", Value::Object(schemas), Value::Object(fields)) => {
                for (name, schema) in schemas {
                    self.step(1)?;
                    if let Some(field) = fields.get(name) {
                        self.visit(schema, field, depth + 1)?;
                    }
                }
            }
            // Whether a pattern matches is not asked here: all are counted as if they did.
            ("patternProperties", Value::Object(schemas), Value::Object(fields)) => {
                for (schema, field) in schemas.values().flat_map(|s| fields.values().map(move |field| (s, field))) {
                    self.visit(schema, field, depth + 1)?;
                }
            }
            ("additionalProperties" | "unevaluatedProperties", schema, Value::Object(fields)) => {
                fields.values().try_for_each(|field| self.visit(schema, field, depth + 1))?;
            }
            ("propertyNames", schema, Value::Object(fields)) => {
                fields.keys().try_for_each(|_| self.visit(schema, &Value::Null, depth + 1))?;
            }
            ("prefixItems", Value::Array(schemas), Value::Array(items)) => {
                schemas.iter().zip(items).try_for_each(|(schema, item)| self.visit(schema, item, depth + 1))?;
            }
            ("items" | "contains" | "unevaluatedItems", schema, Value::Array(items)) => {
                items.iter().try_for_each(|item| self.visit(schema, item, depth + 1))?;
            }
            ("uniqueItems" | "const", _, Value::Array(items)) => self.step(items.len() as u64)?,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<Schema, String> {
        Schema::compile(&Json::parse(text).unwrap())
    }

    fn validate(schema: &str, value: &str) -> Result<(), Failure> {
        compile(schema).unwrap().validate(&Json::parse(value).unwrap(), || "value".to_owned())
    }

    /// Levels of which each says something twice about the next.
    fn doubling(levels: usize, keyword: &str) -> String {
        let level = |n: usize| {
            let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n + 1);
            format!(r#""d{n}":{{"{keyword}":[{next},{next}]}}"#)
        };
        let defs: Vec<String> = (0..levels).map(level).chain([format!(r#""d{levels}":{{}}"#)]).collect();
        format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{}}}}}"##, defs.join(","))
    }

    #[test]
    fn an_ordinary_schema_validates() {
        let schema =
            r##"{"properties":{"a":{"$ref":"#/$defs/n"},"b":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer"}}}"##;
        assert!(validate(schema, r#"{"a":1,"b":2}"#).is_ok());
        match validate(schema, r#"{"a":1,"b":"x"}"#) {
            Err(Failure::Invalid(invalid)) => assert_eq!(invalid.pointer, "/b"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn references_that_double_at_each_level_are_refused() {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            assert!(compile(&doubling(5, keyword)).is_ok());
            let error = compile(&doubling(40, keyword)).err().unwrap();
            assert!(error.contains("parts"), "{error}");
        }
    }

    #[test]
    fn a_long_chain_of_references_is_refused() {
        let defs: Vec<String> = (0..5_000).map(|n| format!(r##""d{n}":{{"$ref":"#/$defs/d{}"}}"##, n + 1)).collect();
        let error = compile(&format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d5000":{{}}}}}}"##, defs.join(","))).err();
        assert!(error.is_some_and(|error| error.contains("nested")));
    }

    #[test]
    fn recursion_that_doubles_with_the_value_is_refused() {
        let schema = r##"{"properties":{"n":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}"##;
        let nested = |depth: usize| format!("{}1{}", r#"{"n":"#.repeat(depth), "}".repeat(depth));
        assert!(validate(schema, &nested(5)).is_ok());
        let failure = validate(schema, &nested(60));
        assert!(matches!(&failure, Err(Failure::Invalid(i)) if i.reason.contains("steps")), "{failure:?}");
    }

    #[test]
    fn a_schema_that_means_itself_is_refused_when_it_is_used() {
        let Ok(schema) = compile(r##"{"$ref":"#"}"##) else { return };
        assert!(schema.validate(&Json::null(), || "value".to_owned()).is_err());
    }

    #[test]
    fn recursion_that_goes_on_with_the_value_is_allowed() {
        let schema = r##"{"properties":{"n":{"$ref":"#"}},"additionalProperties":false}"##;
        let nested = |depth: usize| format!("{}{{}}{}", r#"{"n":"#.repeat(depth), "}".repeat(depth));
        assert!(validate(schema, &nested(100)).is_ok());
    }
}
