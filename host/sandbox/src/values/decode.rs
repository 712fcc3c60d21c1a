// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads values from JSON, led by their type, in one pass over the text.

mod cursor;
mod visitor;

use priory_core::failure::Failure;
use priory_core::limits::Dimension;
use serde::de::DeserializeSeed;
use wasmtime::component::Val;

use crate::values::plan::{Codec, Plan, ResultPlan};
use cursor::Cursor;
use visitor::{Arguments, Node};

/// How much memory the values of one text may take, unless the caller says otherwise.
///
/// Values are far larger than their text: each byte of a `list<u8>` is a whole [`Val`], and `{}` can be a record of a
/// thousand options. It is what wasmtime allows in the other direction.
pub const DECODED_BYTES_MAX: usize = 128 << 20;

/// Why a text was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The text is not a value of the type.
    #[error("at `{pointer}`: {reason}")]
    Wrong {
        /// Where, as a JSON Pointer; empty for the whole.
        pointer: String,
        /// What is wrong there, and what would be right.
        reason: String,
    },
    /// The values would take too much memory.
    #[error("the values need {used} bytes of memory or more, and {allowed} are allowed; pass less at once")]
    TooLarge {
        /// How much was reached when reading stopped.
        used: u64,
        /// The maximum.
        allowed: u64,
    },
}

// === impl DecodeError ===

impl DecodeError {
    /// Returns the failure for whoever wrote the text: `subject` is what was read, `frame` who reached the limit.
    pub fn into_failure(self, subject: impl Into<String>, frame: impl Into<String>) -> Failure {
        match self {
            Self::Wrong { pointer, reason } => Failure::invalid(subject, pointer, reason),
            Self::TooLarge { used, allowed } => Failure::limit(Dimension::CallBytes, used, allowed, frame),
        }
    }
}

// === impl Codec ===

impl Codec {
    /// Reads arguments from an object with one property a parameter.
    ///
    /// `memory_max` bounds what the values take, see [`DECODED_BYTES_MAX`].
    pub fn decode_arguments(&self, text: &str, memory_max: usize) -> Result<Vec<Val>, DecodeError> {
        let cursor = Cursor::new(memory_max);
        read(text, &cursor, Arguments { fields: &self.params, cursor: &cursor })
    }

    /// Reads what the function returns when it succeeds; of a `result<T, E>` the T. Nothing is read from `null`.
    pub fn decode_ok(&self, text: &str, memory_max: usize) -> Result<Option<Val>, DecodeError> {
        match &self.result {
            ResultPlan::Nothing => payload(None, text, memory_max),
            ResultPlan::Plain(plan) => payload(Some(plan), text, memory_max),
            ResultPlan::Split { ok, .. } => {
                payload(ok.as_ref(), text, memory_max).map(|value| Some(Val::Result(Ok(value.map(Box::new)))))
            }
        }
    }

    /// Reads the E of a function that returns `result<T, E>`; any other function has none.
    pub fn decode_err(&self, text: &str, memory_max: usize) -> Result<Option<Val>, DecodeError> {
        let ResultPlan::Split { err, .. } = &self.result else { return Ok(None) };
        payload(err.as_ref(), text, memory_max).map(|value| Some(Val::Result(Err(value.map(Box::new)))))
    }
}

/// Reads one value, or `null` where there is no type.
fn payload(plan: Option<&Plan>, text: &str, memory_max: usize) -> Result<Option<Val>, DecodeError> {
    let Some(plan) = plan else {
        return match text.trim_ascii() {
            "null" => Ok(None),
            _ => Err(DecodeError::Wrong {
                pointer: String::new(),
                reason: "the function returns nothing here, so null is wanted".to_owned(),
            }),
        };
    };
    let cursor = Cursor::new(memory_max);
    read(text, &cursor, Node { plan, cursor: &cursor }).map(Some)
}

/// Reads the whole text.
fn read<'a, S: DeserializeSeed<'a>>(text: &'a str, cursor: &Cursor, seed: S) -> Result<S::Value, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer).map_err(|error| cursor.explain(&error))?;
    deserializer.end().map_err(|error| cursor.explain(&error))?;
    Ok(value)
}
