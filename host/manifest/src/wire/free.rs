// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values of any form, with where each part stands: what a node is given, and schemas.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::At;

/// A value of any form.
#[derive(Debug, Clone)]
pub(crate) enum Free {
    /// A text.
    Text(String),
    /// Any other value that has no parts.
    Plain(Value),
    /// A list.
    List(Vec<At<Free>>),
    /// A table.
    Table(BTreeMap<At<String>, At<Free>>),
}

/// A table of any form.
#[derive(Debug, Clone)]
pub(crate) struct FreeTable(pub(crate) Free);

// === impl Free ===

impl Free {
    /// Returns the value as JSON; a number that JSON does not have is null.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Plain(value) => value.clone(),
            Self::List(items) => items.iter().map(|item| item.to_json()).collect(),
            Self::Table(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.to_string(), value.to_json()));
                Value::Object(entries.collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Free {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FreeVisitor)
    }
}

struct FreeVisitor;

impl<'de> Visitor<'de> for FreeVisitor {
    type Value = Free;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Free, E> {
        Ok(Free::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Free, E> {
        Ok(Free::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Free, E> {
        Ok(Free::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Free, E> {
        Ok(Free::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Free, E> {
        Ok(Free::Plain(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Free, A::Error> {
        // The parser bounds the depth, and the text the length.
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Free::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Free, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry()? {
            table.insert(key, value);
        }
        Ok(Free::Table(table))
    }
}

impl JsonSchema for Free {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Free".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}

impl<'de> Deserialize<'de> for FreeTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Free::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for FreeTable {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FreeTable".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": {} })
    }
}
