// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts the parts of a schema as the compiler meets them: a reference counts as what it leads to.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Allowance, target};

/// How deep a schema may be nested with every reference put in; the compiler recurses once a level.
const NESTING_MAX: u32 = 160;

/// Keywords by which the work cannot be foreseen, or by which others mean something else. Hardly any tool has a use for
/// them. What is unevaluated is found by evaluating everything beside it once more at each level, so it takes
/// exponential time.
const REFUSED: [&str; 9] = [
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords whose schemas are about the same value as the schema that they stand in.
const IN_PLACE: [&str; 10] =
    ["$ref", "allOf", "anyOf", "dependencies", "dependentSchemas", "else", "if", "not", "oneOf", "then"];

/// The names of the only draft that is read. Another would give other keywords their meaning, such as `id`.
const DRAFTS: [&str; 2] =
    ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft/2020-12/schema"];

/// Walks through a schema as the compiler will.
pub(super) struct Expansion<'a, 'b> {
    root: &'a Value,
    allowance: &'b mut Allowance,
    /// The references on the way here, each with how far inside the value it stands; one that leads back is not followed
    /// again.
    open: Vec<(&'a str, u32)>,
    /// How many parts on the way here are not about the same value as the part above them.
    inside: u32,
    /// The patterns so far; the compiler makes one expression of those that are the same.
    patterns: BTreeSet<&'a str>,
    deepest: u32,
}

// === impl Expansion ===

impl<'a, 'b> Expansion<'a, 'b> {
    pub(super) fn new(root: &'a Value, allowance: &'b mut Allowance) -> Self {
        Self { root, allowance, open: Vec::new(), inside: 0, patterns: BTreeSet::new(), deepest: 0 }
    }

    /// Takes everything off the allowance and returns how deep the schema is nested, or says what is refused.
    pub(super) fn check(mut self) -> Result<u32, String> {
        self.schema(self.root, 0)?;
        Ok(self.deepest)
    }

    /// Visits what stands where a schema may stand.
    fn schema(&mut self, part: &'a Value, depth: u32) -> Result<(), String> {
        self.count(depth)?;
        match part {
            Value::Array(items) => items.iter().try_for_each(|item| self.schema(item, depth + 1)),
            Value::Object(fields) => {
                for (keyword, argument) in fields {
                    let further = u32::from(!IN_PLACE.contains(&keyword.as_str()));
                    self.inside += further;
                    let visited = self.keyword(keyword, argument, depth);
                    self.inside -= further;
                    visited?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn keyword(&mut self, keyword: &'a str, argument: &'a Value, depth: u32) -> Result<(), String> {
        match keyword {
            "$ref" => self.follow(argument, depth),
            "$schema" => match argument.as_str().map(|draft| draft.strip_suffix('#').unwrap_or(draft)) {
                Some(draft) if DRAFTS.contains(&draft) => self.count(depth + 1),
                _ => Err("the schema is not of draft 2020-12, the only one that is read".to_owned()),
            },
            keyword if REFUSED.contains(&keyword) => {
                Err(format!("the schema uses `{keyword}`, which is not supported"))
            }
            "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties" | "properties" => {
                if keyword == "patternProperties" {
                    let patterns = argument.as_object().into_iter().flat_map(serde_json::Map::keys);
                    patterns.into_iter().try_for_each(|pattern| self.pattern(pattern))?;
                }
                self.named(argument, depth + 1)
            }
            "const" | "default" | "enum" | "examples" => self.data(argument, depth + 1),
            "pattern" => {
                argument.as_str().map_or(Ok(()), |pattern| self.pattern(pattern))?;
                self.count(depth + 1)
            }
            _ => self.schema(argument, depth + 1),
        }
    }

    /// Visits schemas by name; the names are no keywords.
    fn named(&mut self, part: &'a Value, depth: u32) -> Result<(), String> {
        let Value::Object(fields) = part else { return self.schema(part, depth) };
        self.count(depth)?;
        fields.values().try_for_each(|field| self.schema(field, depth + 1))
    }

    /// Visits what is no schema.
    fn data(&mut self, part: &'a Value, depth: u32) -> Result<(), String> {
        self.count(depth)?;
        match part {
            Value::Array(items) => items.iter().try_for_each(|item| self.data(item, depth + 1)),
            Value::Object(fields) => fields.values().try_for_each(|field| self.data(field, depth + 1)),
            _ => Ok(()),
        }
    }

    fn follow(&mut self, argument: &'a Value, depth: u32) -> Result<(), String> {
        self.count(depth + 1)?;
        let form = "a reference is `#`, or `#/` and a pointer without escapes to a part of the schema";
        let reference = argument.as_str().ok_or_else(|| format!("the schema has a `$ref` that is no text: {form}"))?;
        let refused = || {
            let shown: String = reference.chars().take(80).collect();
            format!("the schema refers to `{shown}`: {form}")
        };
        let target = target(self.root, reference).ok_or_else(refused)?;
        // What means itself has no end. The compiler looks through such references for what branches have in common,
        // again and again, so it must not be given one.
        if self.open.contains(&(reference, self.inside)) {
            return Err("the schema has a reference that means itself".to_owned());
        }
        if self.open.iter().any(|(open, _)| *open == reference) {
            return Ok(());
        }
        self.open.push((reference, self.inside));
        let visited = self.schema(target, depth + 1);
        self.open.pop();
        visited
    }

    fn pattern(&mut self, pattern: &'a str) -> Result<(), String> {
        if self.patterns.insert(pattern) { self.allowance.take_pattern() } else { Ok(()) }
    }

    fn count(&mut self, depth: u32) -> Result<(), String> {
        if depth > NESTING_MAX {
            return Err(format!("the schema is nested more than {NESTING_MAX} deep with its references put in"));
        }
        self.deepest = self.deepest.max(depth);
        self.allowance.take_part()
    }
}
