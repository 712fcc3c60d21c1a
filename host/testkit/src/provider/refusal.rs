// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the provider refuses a request, and what it looks at to find out.

use serde_json::Value;

/// Why a request is refused: what a real provider would say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
}

pub(super) type Verdict = Result<(), Refusal>;

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

/// Refuses unless something holds.
pub(super) fn demand(holds: bool, message: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Refusal::new(400, message())) }
}

/// Refuses fields of an object that are not known.
pub(super) fn only(value: &Value, known: &[&str], message: impl Fn(&str) -> String) -> Verdict {
    let Some(fields) = value.as_object() else { return Ok(()) };
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(Refusal::new(400, message(unknown))),
        None => Ok(()),
    }
}

/// Returns a field as a text, or an empty one.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Returns a field as a list, or an empty one.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Tells whether a text has only letters, digits and some other characters, and a length that is allowed.
pub(super) fn is_name(name: &str, others: &str, len_max: usize) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || others.contains(character);
    (1..=len_max).contains(&name.len()) && name.chars().all(fits)
}
