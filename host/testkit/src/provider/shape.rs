// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done to JSON before it is sent, and how a text is cut into pieces.

use serde_json::{Map, Value, json};

use super::answer::UsageForm;

/// Into about how many pieces a text is cut at most.
const PIECES_MAX: usize = 500;
/// Under these keys stands what a model wrote: nothing is put into it.
const ARGUMENTS: [&str; 3] = ["args", "arguments", "input"];

/// Puts fields that nobody knows into every object.
pub(super) fn add_unknown_fields(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(add_unknown_fields),
        Value::Object(fields) => {
            let known = fields.iter_mut().filter(|(key, _)| !ARGUMENTS.contains(&key.as_str()));
            known.for_each(|(_, value)| add_unknown_fields(value));
            fields.insert("x_new".to_owned(), json!({"type": "new", "text": ["?"], "id": 7}));
            fields.insert("x_null".to_owned(), Value::Null);
        }
        _ => {}
    }
}

/// Puts a field into an object.
pub(super) fn put(value: &mut Value, key: &str, field: impl Into<Value>) {
    if let Value::Object(fields) = value {
        fields.insert(key.to_owned(), field.into());
    }
}

/// Puts what a provider says that an answer took into the place where it stands.
pub(super) fn put_usage(body: &mut Map<String, Value>, key: &str, right: Value, form: &UsageForm) {
    let value = match form {
        UsageForm::Right(_) => right,
        UsageForm::Missing => return,
        UsageForm::Each(each) => with_each(right, each),
        UsageForm::Instead(instead) => instead.clone(),
    };
    body.insert(key.to_owned(), value);
}

fn with_each(value: Value, each: &Value) -> Value {
    match value {
        Value::Number(_) => each.clone(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, with_each(value, each))).collect(),
        other => other,
    }
}

/// Cuts a text into pieces of three or four characters, or of more where it is long.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let more = text.len() / PIECES_MAX;
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut left = 3;
    for character in text.chars() {
        piece.push(character);
        left -= 1;
        if left == 0 {
            left = more + 3 + pieces.len() % 2;
            pieces.push(std::mem::take(&mut piece));
        }
    }
    if !piece.is_empty() || pieces.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Reads a text as JSON; one that is none stays a text.
pub(super) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// Returns a value as an object, or an empty one.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
