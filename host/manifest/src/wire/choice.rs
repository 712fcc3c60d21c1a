// SPDX-License-Identifier: MIT OR Apache-2.0
//! One of some words, or a table that says more.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::grants::Entry;

/// A table that stands where words may stand too.
pub(crate) trait Worded {
    /// The words.
    const WORDS: &'static [&'static str];
}

/// One of the words of `T`, or such a table.
#[derive(Debug)]
pub(crate) enum Choice<T> {
    Word(String),
    Table(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Entry::deserialize(deserializer).map(|entry| match entry {
            Entry::Text(word) => Self::Word(word),
            Entry::Table(table) => Self::Table(table),
        })
    }
}

impl<T: JsonSchema + Worded> JsonSchema for Choice<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}Choice", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string", "enum": T::WORDS }, generator.subschema_for::<T>()] })
    }
}
