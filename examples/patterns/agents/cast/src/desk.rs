// SPDX-License-Identifier: MIT OR Apache-2.0
//! The desks of `handoff`: reception passes a question on to whom it belongs, with what it has understood.

use serde_json::{Value, json};

use crate::at;

/// Words by which reception knows whose question it is.
const WORDS: [(&str, &str); 6] = [
    ("invoice", "billing"),
    ("refund", "billing"),
    ("charged", "billing"),
    ("error", "support"),
    ("crash", "support"),
    ("login", "support"),
];

/// Passes a question on, or answers it where it belongs to nobody.
pub(crate) fn reception(asked: &Value) -> Value {
    let question = at(asked, "/task/question").as_str().unwrap_or_default().to_lowercase();
    match WORDS.iter().find(|(word, _)| question.contains(word)) {
        Some((word, desk)) => json!({ "handoff": { "to": desk, "knows": { "about": word } } }),
        None => json!({ "desk": "reception", "answer": "Please tell us more about it." }),
    }
}

/// Answers with what it was told, or passes on what belongs to the other desk.
pub(crate) fn expert(desk: &str, asked: &Value) -> Value {
    let about = at(asked, "/knows/about").as_str().unwrap_or("that");
    let answer = match desk {
        "billing" => format!("We have looked at your {about}; it is put right within three days."),
        _ => format!("We know of the {about}; restart once, and it is gone."),
    };
    json!({ "desk": desk, "answer": answer })
}
