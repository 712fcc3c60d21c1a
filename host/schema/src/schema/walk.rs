// SPDX-License-Identifier: MIT OR Apache-2.0
//! Walks through a schema and a value together, as the validator will, and counts.

use serde_json::{Map, Value};

use super::target;

/// How many steps the validation of any value may take.
const STEPS_BASE: u64 = 100_000;
/// How many steps more each byte of the value allows: those bytes were paid for.
const STEPS_PER_BYTE: u64 = 8;
/// How many steps a pattern takes for each byte that it looks at: it does more there than a keyword does.
const PATTERN_STEPS_PER_BYTE: u64 = 4;
/// How deep the validation of a value may be nested; the validator recurses once a level.
pub(super) const WALK_DEPTH_MAX: u32 = 320;

/// Says why a value cannot be held to a schema, or in what it breaks it.
#[derive(Debug)]
pub(super) enum Broken {
    /// The validation would be nested deeper than it may be.
    TooDeep,
    /// Something else.
    At {
        /// Where in the value.
        pointer: String,
        /// For people.
        reason: String,
    },
}

/// A walk through a schema and a value.
pub(super) struct Walk<'a> {
    root: &'a Value,
    left: u64,
    /// How many of the steps could leave an error behind; those of patterns, byte for byte, do not.
    visits: u64,
    depth_max: u32,
}

// === impl Walk ===

impl Walk<'_> {
    /// Returns how many schemas and keywords the validation of a value of some bytes visits, or says that it takes too many
    /// steps or is too deep.
    pub(super) fn count(root: &Value, value: &Value, byte_len: u64, depth_max: u32) -> Result<u64, Broken> {
        let allowed = STEPS_BASE.saturating_add(byte_len.saturating_mul(STEPS_PER_BYTE));
        let mut walk = Walk { root, left: allowed, visits: 0, depth_max };
        walk.visit(root, value, 0)?;
        Ok(walk.visits)
    }

    fn step(&mut self, steps: u64) -> Result<(), Broken> {
        self.visits = self.visits.saturating_add(steps);
        self.take(steps)
    }

    fn take(&mut self, steps: u64) -> Result<(), Broken> {
        let reason = "its validation takes too many steps: the schema goes over the same part too often";
        let refused = || Broken::At { pointer: String::new(), reason: reason.to_owned() };
        self.left = self.left.checked_sub(steps).ok_or_else(refused)?;
        Ok(())
    }

    /// Counts a pattern that looks at a text.
    fn step_pattern(&mut self, text: &str) -> Result<(), Broken> {
        self.take((text.len() as u64).saturating_mul(PATTERN_STEPS_PER_BYTE))
    }

    fn visit(&mut self, schema: &Value, value: &Value, depth: u32) -> Result<(), Broken> {
        self.step(1)?;
        if depth > self.depth_max {
            return Err(Broken::TooDeep);
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
                ("dependencies" | "dependentSchemas", Value::Object(schemas)) => {
                    schemas.values().try_for_each(|schema| self.visit(schema, value, depth + 1))?;
                }
                ("enum", Value::Array(values)) => self.step(values.len() as u64)?,
                (keyword, argument) => self.visit_children(keyword, argument, value, depth)?,
            }
        }
        Ok(())
    }

    /// Walks the keywords that look at what is inside the value.
    fn visit_children(&mut self, keyword: &str, argument: &Value, value: &Value, depth: u32) -> Result<(), Broken> {
        match (keyword, argument, value) {
            ("properties", Value::Object(schemas), Value::Object(fields)) => {
                for (name, schema) in schemas {
                    self.step(1)?;
                    if let Some(field) = fields.get(name) {
                        self.visit(schema, field, depth + 1)?;
                    }
                }
            }
            ("patternProperties", Value::Object(schemas), Value::Object(fields)) => {
                self.visit_matching(schemas, fields, depth)?;
            }
            ("additionalProperties", schema, Value::Object(fields)) => {
                fields.values().try_for_each(|field| self.visit(schema, field, depth + 1))?;
            }
            ("propertyNames", schema, Value::Object(fields)) => {
                let mut names = fields.keys().map(|name| Value::String(name.clone()));
                names.try_for_each(|name| self.visit(schema, &name, depth + 1))?;
            }
            ("prefixItems", Value::Array(schemas), Value::Array(items)) => {
                schemas.iter().zip(items).try_for_each(|(schema, item)| self.visit(schema, item, depth + 1))?;
            }
            ("items" | "contains", schema, Value::Array(items)) => {
                items.iter().try_for_each(|item| self.visit(schema, item, depth + 1))?;
            }
            ("pattern", Value::String(_), Value::String(text)) => self.step_pattern(text)?,
            ("uniqueItems" | "const", _, Value::Array(items)) => self.step(items.len() as u64)?,
            _ => {}
        }
        Ok(())
    }

    /// Walks properties by patterns. Whether one matches is not asked here: all are counted as if they did.
    fn visit_matching(
        &mut self,
        schemas: &Map<String, Value>,
        fields: &Map<String, Value>,
        depth: u32,
    ) -> Result<(), Broken> {
        for (name, field) in fields {
            for schema in schemas.values() {
                self.step_pattern(name)?;
                self.visit(schema, field, depth + 1)?;
            }
        }
        Ok(())
    }
}
