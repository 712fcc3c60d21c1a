// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a node is given: one expression, or a table of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value as Json;

use super::check::Problem;
use super::error::ExpressionError;
use super::scope::Scope;
use super::scope::Types;
use super::types::Type;
use super::value::Value;
use super::{Expression, described};

/// How many parts a mapping may have; a larger one belongs into the input, or into an artifact.
const PARTS_MAX: usize = 4096;

/// How deep a mapping may be nested.
const MAPPING_DEPTH_MAX: usize = 32;

/// Values, and where they come from. Texts are expressions; what stands there as a text is quoted twice: `"'Rome'"`.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapping {
    /// An expression.
    Expression(Expression),
    /// A map with these entries.
    Table(BTreeMap<Arc<str>, Mapping>),
    /// A list of these items.
    List(Vec<Mapping>),
    /// A number, a bool, or null, as it stands there.
    Literal(Value),
}

/// Why a part of a mapping has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}`{}`: {error}", place(.key), .source_text)]
pub struct MappingError {
    /// The keys that lead to the part, with points between them; empty if it is the whole.
    pub key: String,
    /// The expression.
    pub source_text: String,
    /// Why it has no value; its place is one of the expression.
    pub error: Box<ExpressionError>,
}

fn place(key: &str) -> String {
    if key.is_empty() { "in ".to_owned() } else { format!("in `{key}`, ") }
}

// === impl Mapping ===

impl Mapping {
    /// Finds what it comes to.
    ///
    /// # Errors
    ///
    /// Fails if one of its expressions does, and says which.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, MappingError> {
        self.value(scope).map_err(|mut found| {
            found.key = found.key.trim_end_matches('.').to_owned();
            found
        })
    }

    fn value(&self, scope: &Scope) -> Result<Value, MappingError> {
        let below = |mut error: MappingError, key: &dyn fmt::Display| {
            error.key = format!("{key}.{}", error.key);
            error
        };
        match self {
            Self::Expression(expression) => expression.evaluate(scope).map_err(|error| MappingError {
                key: String::new(),
                source_text: expression.source().to_owned(),
                error: Box::new(error),
            }),
            Self::Table(entries) => {
                let mut map = BTreeMap::new();
                for (key, part) in entries {
                    let value = part.value(scope).map_err(|error| below(error, key))?;
                    map.insert(Arc::clone(key), value);
                }
                Ok(Value::Map(Arc::new(map)))
            }
            Self::List(items) => {
                let values = items.iter().enumerate();
                let values = values.map(|(index, part)| part.value(scope).map_err(|error| below(error, &index)));
                values.collect::<Result<Vec<_>, _>>().map(Value::list)
            }
            Self::Literal(value) => Ok(value.clone()),
        }
    }

    /// Finds what it comes to, as JSON.
    ///
    /// # Errors
    ///
    /// Fails as [`Mapping::evaluate`] does, and if the whole is too large.
    pub fn to_json(&self, scope: &Scope) -> Result<Json, MappingError> {
        self.evaluate(scope)?.to_json().map_err(|error| MappingError {
            key: String::new(),
            source_text: "…".to_owned(),
            error: Box::new(ExpressionError::Limit { at: 0..0, message: format!("makes too much: {error}") }),
        })
    }

    /// Returns its expressions, each with the keys that lead to it and points between them.
    #[must_use]
    pub fn expressions(&self) -> Vec<(String, &Expression)> {
        let mut found = Vec::new();
        self.visit("", &mut |key, expression| found.push((key.to_owned(), expression)));
        found
    }

    fn visit<'a>(&'a self, key: &str, see: &mut impl FnMut(&str, &'a Expression)) {
        let below = |part: &dyn fmt::Display| if key.is_empty() { part.to_string() } else { format!("{key}.{part}") };
        match self {
            Self::Expression(expression) => see(key, expression),
            Self::Table(entries) => entries.iter().for_each(|(name, part)| part.visit(&below(name), see)),
            Self::List(items) => items.iter().enumerate().for_each(|(index, part)| part.visit(&below(&index), see)),
            Self::Literal(_) => {}
        }
    }

    /// Finds what it comes to, as far as that is certain, and what is certainly wrong with which of its expressions.
    #[must_use]
    pub fn infer(&self, types: &Types) -> (Type, Vec<(String, Problem)>) {
        let mut problems = Vec::new();
        let found = self.infer_part(types, "", &mut problems);
        (found, problems)
    }

    fn infer_part(&self, types: &Types, key: &str, problems: &mut Vec<(String, Problem)>) -> Type {
        let below = |part: &dyn fmt::Display| if key.is_empty() { part.to_string() } else { format!("{key}.{part}") };
        match self {
            Self::Expression(expression) => {
                let (found, here) = expression.infer(types);
                problems.extend(here.into_iter().map(|problem| (key.to_owned(), problem)));
                found
            }
            Self::Table(entries) => {
                let field = |(name, part): (&Arc<str>, &Self)| {
                    (Arc::clone(name), part.infer_part(types, &below(name), problems))
                };
                Type::map(entries.iter().map(field).collect::<Vec<_>>())
            }
            Self::List(items) => {
                let items = items.iter().enumerate();
                Type::list(Type::common(items.map(|(index, part)| part.infer_part(types, &below(&index), problems))))
            }
            Self::Literal(value) => Type::of_value(value),
        }
    }

    /// Counts its parts, and how deep they are nested.
    fn measure(&self, depth: usize) -> (usize, usize) {
        let sum = |parts: &mut dyn Iterator<Item = &Self>| {
            parts
                .map(|part| part.measure(depth.saturating_add(1)))
                .fold((1usize, depth), |all, part| (all.0.saturating_add(part.0), all.1.max(part.1)))
        };
        match self {
            Self::Expression(_) | Self::Literal(_) => (1, depth),
            Self::Table(entries) => sum(&mut entries.values()),
            Self::List(items) => sum(&mut items.iter()),
        }
    }
}

impl From<Expression> for Mapping {
    fn from(expression: Expression) -> Self {
        Self::Expression(expression)
    }
}

impl Serialize for Mapping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Expression(expression) => expression.serialize(serializer),
            Self::Table(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, part) in entries {
                    map.serialize_entry(&**key, part)?;
                }
                map.end()
            }
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for part in items {
                    list.serialize_element(part)?;
                }
                list.end()
            }
            Self::Literal(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What nests is read by readers of text that bound how deep it does.
        let Part(mapping) = Part::deserialize(deserializer)?;
        let (parts, depth) = mapping.measure(0);
        if parts > PARTS_MAX || depth > MAPPING_DEPTH_MAX {
            let message =
                format!("more than {PARTS_MAX} parts, or nested more than {MAPPING_DEPTH_MAX} deep; use the input");
            return Err(D::Error::custom(message));
        }
        Ok(mapping)
    }
}

/// A part of a mapping, before the whole is measured.
struct Part(Mapping);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Mapping;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an expression, a table or a list of them, a number, or a bool")
    }

    fn visit_str<E: serde::de::Error>(self, source: &str) -> Result<Mapping, E> {
        let compiled = Expression::compile(source).map_err(|error| E::custom(described(source, &error)));
        compiled.map(Mapping::Expression)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Mapping, E> {
        Ok(Mapping::Literal(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Mapping, E> {
        Ok(Mapping::Literal(Value::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Mapping, E> {
        Ok(Mapping::Literal(i64::try_from(value).map_or(Value::Uint(value), Value::Int)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Mapping, E> {
        match value.is_finite() {
            true => Ok(Mapping::Literal(Value::Double(value))),
            false => Err(E::custom("the number is not finite, and JSON has no such number")),
        }
    }

    fn visit_unit<E>(self) -> Result<Mapping, E> {
        Ok(Mapping::Literal(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Mapping, A::Error> {
        let mut items = Vec::new();
        while let Some(Part(part)) = list.next_element()? {
            if items.len() >= PARTS_MAX {
                return Err(A::Error::custom(format!("more than {PARTS_MAX} parts; use the input")));
            }
            items.push(part);
        }
        Ok(Mapping::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Mapping, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((key, Part(part))) = table.next_entry::<String, Part>()? {
            if entries.len() >= PARTS_MAX {
                return Err(A::Error::custom(format!("more than {PARTS_MAX} parts; use the input")));
            }
            if entries.insert(Arc::from(key.as_str()), part).is_some() {
                return Err(A::Error::custom(format!("`{key}` stands there twice")));
            }
        }
        Ok(Mapping::Table(entries))
    }
}
