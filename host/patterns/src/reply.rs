// SPDX-License-Identifier: MIT OR Apache-2.0
//! What agents reply where a pattern needs a certain form: read within bounds, and told back in words when it is wrong.

use serde_json::{Map, Value};

use crate::fault::Fault;
use crate::stop::{Stop, clip};

/// Bytes of a reply that is JSON in a text: what chooses or plans is small.
pub const REPLY_BYTES_MAX: usize = 1 << 20;
/// How often a reply that cannot be used goes back with the reason. Who does not get it right by then hardly ever does.
pub const FEEDBACK_MAX: usize = 2;

/// A reply with fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    who: String,
    fields: Map<String, Value>,
}

// === impl Reply ===

impl Reply {
    /// Reads a reply: an object, or a text that is one, with or without the fence that models like to put around it.
    pub fn read(who: &str, value: Value) -> Result<Self, Stop> {
        let found = kind(&value);
        match opened(value) {
            Value::Object(fields) => Ok(Self { who: clip(who), fields }),
            _ => Err(unreadable(who, format!("an object is expected, not {found}"))),
        }
    }

    /// Tells whether there is a field.
    pub fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// Takes a field out.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.fields.remove(field)
    }

    /// Takes a field out that is a text.
    pub fn text(&mut self, field: &str) -> Result<String, Stop> {
        match self.take(field) {
            Some(Value::String(text)) => Ok(text),
            other => Err(self.wrong(field, "a text", other.as_ref())),
        }
    }

    /// Takes a field out that is true or false; where it is missing it is false.
    pub fn flag(&mut self, field: &str) -> Result<bool, Stop> {
        match self.take(field) {
            Some(Value::Bool(flag)) => Ok(flag),
            None | Some(Value::Null) => Ok(false),
            other => Err(self.wrong(field, "true or false", other.as_ref())),
        }
    }

    /// Takes a field out that is a list of at most so many; where it is missing it is empty.
    pub fn list(&mut self, field: &str, what: &'static str, most: usize) -> Result<Vec<Value>, Stop> {
        match self.take(field) {
            Some(Value::Array(list)) if list.len() > most => Err(Stop::TooMany { what, found: list.len(), most }),
            Some(Value::Array(list)) => Ok(list),
            None | Some(Value::Null) => Ok(Vec::new()),
            other => Err(self.wrong(field, "a list", other.as_ref())),
        }
    }

    /// Makes the stop of a reply that is wrong for another reason.
    pub fn refused(&self, reason: impl Into<String>) -> Stop {
        unreadable(&self.who, reason.into())
    }

    fn wrong(&self, field: &str, expected: &str, found: Option<&Value>) -> Stop {
        let found = found.map_or("nothing", kind);
        self.refused(format!("`{field}` must be {expected}, not {found}"))
    }
}

/// Asks an agent until its reply can be used: at most [`FEEDBACK_MAX`] times it gets the same question again, with
/// `feedback` that says what was wrong.
pub(crate) async fn consult<T, F, Ask, Fut>(
    ask: &Ask,
    mut question: Map<String, Value>,
    read: impl Fn(Value) -> Result<T, Stop>,
) -> Result<T, F>
where
    F: Fault,
    Ask: Fn(Value) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    let mut left = FEEDBACK_MAX;
    loop {
        match read(ask(Value::Object(question.clone())).await?) {
            Ok(reply) => return Ok(reply),
            Err(stop) if left == 0 => return Err(F::stopped(stop)),
            Err(stop) => question.insert("feedback".to_owned(), Value::from(stop.to_string())),
        };
        left -= 1;
    }
}

/// Makes a question of what `json!` gives for an object.
pub(crate) fn question(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => Map::from_iter([("task".to_owned(), other)]),
    }
}

/// Opens a text that is an object; everything else stays what it is.
pub(crate) fn opened(value: Value) -> Value {
    match &value {
        Value::String(text) if text.len() <= REPLY_BYTES_MAX => {
            let bare = bare(text);
            let object = bare.starts_with('{').then(|| serde_json::from_str(bare).ok()).flatten();
            object.filter(Value::is_object).unwrap_or(value)
        }
        _ => value,
    }
}

/// Takes the fence away that a model put around its JSON.
fn bare(text: &str) -> &str {
    let text = text.trim();
    match text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) {
        Some(inside) => inside.strip_prefix("json").unwrap_or(inside).trim(),
        None => text,
    }
}

pub(crate) fn unreadable(who: &str, reason: impl Into<String>) -> Stop {
    Stop::Unreadable { who: clip(who), reason: clip(&reason.into()) }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
