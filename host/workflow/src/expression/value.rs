// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values of expressions: JSON, shared instead of copied.
//!
//! A value is converted from JSON once, when a node ends; from then on every expression that refers to it, or to a part of
//! it, holds the same memory. Integers stay integers: JSON's `3` is an integer and its `3.0` is not.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Number, Value as Json};

/// How deep values may be nested; what reads JSON from text allows as much.
pub const VALUE_DEPTH_MAX: usize = 128;

/// How many bytes a value may have as JSON: what passes between nodes is held in memory several times.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// The value of an expression, cheap to clone.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above those of 64 bits with a sign, or one that was written with `u`.
    Uint(u64),
    /// Any other number.
    Double(f64),
    /// A text.
    Text(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// What JSON calls an object; its keys are in order.
    Map(Arc<BTreeMap<Arc<str>, Value>>),
}

/// Why a value is none that may be handed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// It is too large.
    #[error("the value has more than {VALUE_BYTES_MAX} bytes as JSON; hand on less of it")]
    Bytes,
    /// It is nested too deeply.
    #[error("the value is nested more than {VALUE_DEPTH_MAX} deep; flatten it")]
    Depth,
}

// === impl Value ===

impl Value {
    /// Makes a text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// Makes a list.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(items.into())
    }

    /// Makes a map.
    #[must_use]
    pub fn map(entries: impl IntoIterator<Item = (Arc<str>, Self)>) -> Self {
        Self::Map(Arc::new(entries.into_iter().collect()))
    }

    /// Makes a number that is no integer, or the integer that JSON would take it for.
    pub(super) fn number(number: &Number) -> Self {
        if let Some(value) = number.as_i64() {
            Self::Int(value)
        } else if let Some(value) = number.as_u64() {
            Self::Uint(value)
        } else {
            Self::Double(number.as_f64().unwrap_or(f64::NAN))
        }
    }

    /// Returns the value as JSON.
    ///
    /// # Errors
    ///
    /// Fails if it is too large or too deep for JSON that passes between nodes.
    pub fn to_json(&self) -> Result<Json, SizeError> {
        self.measure()?;
        Ok(self.convert())
    }

    /// Returns how many bytes the value has as JSON, about.
    ///
    /// # Errors
    ///
    /// Fails if it is too large or too deep. Parts that are shared count as often as they are there, so it stops there.
    pub fn measure(&self) -> Result<usize, SizeError> {
        let mut bytes = 0;
        self.add_size(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn add_size(&self, bytes: &mut usize, depth: usize) -> Result<(), SizeError> {
        if depth > VALUE_DEPTH_MAX {
            return Err(SizeError::Depth);
        }
        *bytes = bytes.saturating_add(match self {
            Self::Text(text) => text.len().saturating_add(2),
            Self::List(_) | Self::Map(_) => 2,
            Self::Null | Self::Bool(_) => 4,
            Self::Int(_) | Self::Uint(_) | Self::Double(_) => 8,
        });
        if *bytes > VALUE_BYTES_MAX {
            return Err(SizeError::Bytes);
        }
        match self {
            Self::List(items) => items.iter().try_for_each(|item| {
                *bytes = bytes.saturating_add(1);
                item.add_size(bytes, depth.saturating_add(1))
            }),
            Self::Map(entries) => entries.iter().try_for_each(|(key, item)| {
                *bytes = bytes.saturating_add(key.len().saturating_add(4));
                item.add_size(bytes, depth.saturating_add(1))
            }),
            _ => Ok(()),
        }
    }

    /// Converts a value that was measured.
    fn convert(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::from(*value),
            Self::Uint(value) => Json::from(*value),
            // What is not finite has no JSON; evaluation lets none out (see `evaluate.rs`).
            Self::Double(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
            Self::Text(text) => Json::String(text.to_string()),
            Self::List(items) => Json::Array(items.iter().map(Self::convert).collect()),
            Self::Map(entries) => {
                Json::Object(entries.iter().map(|(key, item)| (key.to_string(), item.convert())).collect::<Map<_, _>>())
            }
        }
    }

    /// Returns whether a number that is not finite is in it.
    pub(super) fn is_finite(&self) -> bool {
        match self {
            Self::Double(value) => value.is_finite(),
            Self::List(items) => items.iter().all(Self::is_finite),
            Self::Map(entries) => entries.values().all(Self::is_finite),
            _ => true,
        }
    }

    /// Names what kind of value it is, with its article, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::Uint(_) => "an unsigned integer",
            Self::Double(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }

    /// Returns the text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the bool, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the items, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the entries, if it is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&BTreeMap<Arc<str>, Self>> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the entry of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// Returns the value as a number without a fraction, if it has none and is not below zero.
    pub(super) fn as_index(&self) -> Option<usize> {
        match self {
            Self::Int(value) => usize::try_from(*value).ok(),
            Self::Uint(value) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Compares two numbers by what they are worth, whatever kinds they are; `None` if one is no number, or no finite one.
    pub(super) fn compare_numbers(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Uint(a), Self::Uint(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Self::Uint(a), Self::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Double(b)) => compare_exactly(i128::from(*a), *b),
            (Self::Uint(a), Self::Double(b)) => compare_exactly(i128::from(*a), *b),
            (Self::Double(a), Self::Int(b)) => compare_exactly(i128::from(*b), *a).map(Ordering::reverse),
            (Self::Double(a), Self::Uint(b)) => compare_exactly(i128::from(*b), *a).map(Ordering::reverse),
            _ => None,
        }
    }

    /// Returns whether it is a number of any kind.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Uint(_) | Self::Double(_))
    }
}

/// Compares an integer with a double without rounding the integer.
fn compare_exactly(integer: i128, double: f64) -> Option<Ordering> {
    // Beyond 2^65 no integer of ours is.
    const BEYOND: f64 = 36_893_488_147_419_103_232.0;
    if double.is_nan() {
        return None;
    }
    if double >= BEYOND {
        return Some(Ordering::Less);
    }
    if double <= -BEYOND {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    // It is within 2^65, so it is a number of 128 bits.
    Some(integer.cmp(&(whole as i128)).then_with(|| whole.partial_cmp(&double).unwrap_or(Ordering::Equal)))
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (a, b) => a.compare_numbers(b) == Some(Ordering::Equal),
        }
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::number(number),
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Json::Object(entries) => {
                Self::map(entries.iter().map(|(key, item)| (key.as_str().into(), Self::from(item))))
            }
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Self::from(&json)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Uint(value) => serializer.serialize_u64(*value),
            Self::Double(value) if value.is_finite() => serializer.serialize_f64(*value),
            Self::Double(value) => Err(S::Error::custom(format!("{value} is no number of JSON"))),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, item) in entries.iter() {
                    map.serialize_entry(&**key, item)?;
                }
                map.end()
            }
        }
    }
}
