// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of values before there are any: types, from JSON Schemas.
//!
//! A type says what is certain. What a schema leaves open, or says in a way that is not looked into, is `Any`, and nothing is
//! ever said against that.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use super::value::Value;

/// How deep a schema is looked into.
const SCHEMA_DEPTH_MAX: usize = 32;

/// How many schemas are looked at for one type: a reference may lead to two others, and so on.
const SCHEMA_PARTS_MAX: usize = 10_000;

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Type {
    /// Nothing is known.
    #[default]
    Any,
    /// It is null.
    Null,
    /// It is true or false.
    Bool,
    /// It is a number without a fraction.
    Int,
    /// It is a number.
    Number,
    /// It is a text.
    Text,
    /// It is a list of these.
    List(Arc<Type>),
    /// It is a map with these fields.
    Map(Arc<Fields>),
}

/// What is known of the fields of a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// Those that are known.
    pub known: BTreeMap<Arc<str>, Field>,
    /// What all others are; there are none if it is `None`.
    pub others: Option<Type>,
}

/// What is known of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// What it is, if it is there.
    pub holds: Type,
    /// Whether it is always there.
    pub is_required: bool,
}

/// Which kinds of values something may be; a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Kinds(u8);

// === impl Kinds ===

impl Kinds {
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOL: Self = Self(2);
    pub(super) const NUMBER: Self = Self(4);
    pub(super) const TEXT: Self = Self(8);
    pub(super) const LIST: Self = Self(16);
    pub(super) const MAP: Self = Self(32);
    pub(super) const ANY: Self = Self(63);

    const NAMES: [(Self, &'static str); 6] = [
        (Self::BOOL, "a bool"),
        (Self::NUMBER, "a number"),
        (Self::TEXT, "a text"),
        (Self::LIST, "a list"),
        (Self::MAP, "a map"),
        (Self::NULL, "null"),
    ];

    /// Returns what is in either.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether something is in both.
    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOL,
            Value::Int(_) | Value::Uint(_) | Value::Double(_) => Self::NUMBER,
            Value::Text(_) => Self::TEXT,
            Value::List(_) => Self::LIST,
            Value::Map(_) => Self::MAP,
        }
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Self::NAMES.iter().filter(|(kind, _)| self.meets(*kind)).map(|(_, name)| *name).collect();
        match names.split_last() {
            Some((last, [])) => f.write_str(last),
            Some((last, rest)) => write!(f, "{} or {last}", rest.join(", ")),
            None => f.write_str("nothing"),
        }
    }
}

// === impl Type ===

impl Type {
    /// Makes the type of a list.
    #[must_use]
    pub fn list(of: Self) -> Self {
        Self::List(Arc::new(of))
    }

    /// Makes the type of a map that has exactly these fields.
    #[must_use]
    pub fn map(fields: impl IntoIterator<Item = (Arc<str>, Self)>) -> Self {
        let field = |(name, holds)| (name, Field { holds, is_required: true });
        Self::Map(Arc::new(Fields { known: fields.into_iter().map(field).collect(), others: None }))
    }

    /// Makes the type of a map of which nothing else is known.
    #[must_use]
    pub fn any_map() -> Self {
        Self::Map(Arc::new(Fields { known: BTreeMap::new(), others: Some(Self::Any) }))
    }

    /// Returns what a schema says of the values that it holds for.
    #[must_use]
    pub fn of_schema(schema: &Json) -> Self {
        Reader { root: schema, parts: 0 }.read(schema, 0)
    }

    /// Returns the type of a value; the items of a list are looked at only to see whether all are alike.
    #[must_use]
    pub(super) fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) | Value::Uint(_) => Self::Int,
            Value::Double(_) => Self::Number,
            Value::Text(_) => Self::Text,
            Value::List(items) => Self::list(Self::common(items.iter().map(Self::of_value))),
            Value::Map(entries) => Self::map(entries.iter().map(|(key, item)| (Arc::clone(key), Self::of_value(item)))),
        }
    }

    /// Returns what holds for all of these types.
    pub(super) fn common(types: impl Iterator<Item = Self>) -> Self {
        types.reduce(|left, right| left.either(&right)).unwrap_or_default()
    }

    /// Returns what holds for both.
    pub(super) fn either(self, other: &Self) -> Self {
        match (&self, other) {
            (left, right) if left == right => self,
            (Self::Int | Self::Number, Self::Int | Self::Number) => Self::Number,
            _ => Self::Any,
        }
    }

    pub(super) fn kinds(&self) -> Kinds {
        match self {
            Self::Any => Kinds::ANY,
            Self::Null => Kinds::NULL,
            Self::Bool => Kinds::BOOL,
            Self::Int | Self::Number => Kinds::NUMBER,
            Self::Text => Kinds::TEXT,
            Self::List(_) => Kinds::LIST,
            Self::Map(_) => Kinds::MAP,
        }
    }

    /// Returns what the items of a list are.
    pub(super) fn item(&self) -> Self {
        match self {
            Self::List(item) => (**item).clone(),
            _ => Self::Any,
        }
    }

    /// Says whether a value of this type can be one of the type that is wanted.
    ///
    /// # Errors
    ///
    /// Says what can never fit. A list that would only fit if it were empty counts as one that does not.
    pub fn may_fit(&self, wanted: &Self) -> Result<(), String> {
        self.fit(wanted, "it")
    }

    fn fit(&self, wanted: &Self, what: &str) -> Result<(), String> {
        match (self, wanted) {
            (Self::List(item), Self::List(other)) => item.fit(other, &format!("an item of {what}")),
            (Self::Map(fields), Self::Map(other)) => fields.fit(other, what),
            (here, wanted) if here.kinds().meets(wanted.kinds()) => Ok(()),
            (here, wanted) => Err(format!("{what} is {here}, and {wanted} is wanted")),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any value",
            Self::Null => "null",
            Self::Bool => "a bool",
            Self::Int => "an integer",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        })
    }
}

// === impl Fields ===

impl Fields {
    fn fit(&self, wanted: &Self, what: &str) -> Result<(), String> {
        for (name, field) in &wanted.known {
            match self.known.get(name) {
                Some(here) => here.holds.fit(&field.holds, &format!("`{name}` of {what}"))?,
                None if field.is_required && self.others.is_none() => {
                    return Err(format!("{what} has no `{name}`, which is wanted"));
                }
                None => {}
            }
        }
        for (name, field) in self.known.iter().filter(|(name, _)| !wanted.known.contains_key(*name)) {
            match &wanted.others {
                Some(other) => field.holds.fit(other, &format!("`{name}` of {what}"))?,
                None if field.is_required => return Err(format!("{what} has `{name}`, which is not wanted")),
                None => {}
            }
        }
        Ok(())
    }
}

/// Reads a schema.
struct Reader<'a> {
    root: &'a Json,
    parts: usize,
}

// === impl Reader ===

impl Reader<'_> {
    fn read(&mut self, schema: &Json, depth: usize) -> Type {
        self.parts = self.parts.saturating_add(1);
        let Some(schema) = schema.as_object() else { return Type::Any };
        if depth > SCHEMA_DEPTH_MAX || self.parts > SCHEMA_PARTS_MAX {
            return Type::Any;
        }
        let depth = depth.saturating_add(1);
        if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Type::Any, |target| self.read(target, depth));
        }
        let stated = match schema.get("type") {
            Some(Json::String(name)) => Some(name.as_str()),
            Some(Json::Array(names)) => match names.as_slice() {
                [Json::String(name)] => Some(name.as_str()),
                _ => return Type::Any,
            },
            _ => None,
        };
        match stated {
            Some("null") => Type::Null,
            Some("boolean") => Type::Bool,
            Some("integer") => Type::Int,
            Some("number") => Type::Number,
            Some("string") => Type::Text,
            Some("array") => Type::list(schema.get("items").map_or(Type::Any, |items| match items.is_array() {
                true => Type::Any,
                false => self.read(items, depth),
            })),
            Some("object") => self.fields(schema, depth),
            Some(_) => Type::Any,
            None => self.examples(schema),
        }
    }

    fn fields(&mut self, schema: &serde_json::Map<String, Json>, depth: usize) -> Type {
        let required = schema.get("required").and_then(Json::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        let mut known = BTreeMap::new();
        for (name, field) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let field = Field { holds: self.read(field, depth), is_required: is_required(name) };
            known.insert(name.as_str().into(), field);
        }
        // What is required and not described is there all the same.
        for name in required.into_iter().flatten().filter_map(Json::as_str) {
            known.entry(name.into()).or_insert(Field { holds: Type::Any, is_required: true });
        }
        // Names by pattern are any names.
        let others = match schema.get("additionalProperties") {
            Some(Json::Bool(false)) if !schema.contains_key("patternProperties") => None,
            Some(other @ Json::Object(_)) if !schema.contains_key("patternProperties") => Some(self.read(other, depth)),
            _ => Some(Type::Any),
        };
        Type::Map(Arc::new(Fields { known, others }))
    }

    /// Reads a schema that says which values there are instead of their type.
    fn examples(&self, schema: &serde_json::Map<String, Json>) -> Type {
        let values = match (schema.get("const"), schema.get("enum").and_then(Json::as_array)) {
            (Some(value), _) => std::slice::from_ref(value),
            (None, Some(values)) => values.as_slice(),
            (None, None) => return Type::Any,
        };
        let scalar = |value: &Json| match value {
            Json::Array(_) | Json::Object(_) => Type::Any,
            value => Type::of_value(&Value::from(value)),
        };
        Type::common(values.iter().map(scalar))
    }
}
