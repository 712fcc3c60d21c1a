// SPDX-License-Identifier: MIT OR Apache-2.0
//! The manager of `supervisor`: has a text summarised, has its topics found, and is done with both.

use serde_json::{Value, json};

use crate::at;

/// Decides by what was done so far who works next.
pub(crate) fn decide(asked: &Value) -> Value {
    let done = |worker: &str| {
        let history = at(asked, "/history").as_array().map(Vec::as_slice).unwrap_or_default();
        history.iter().find(|entry| at(entry, "/worker") == worker).map(|entry| at(entry, "/output").clone())
    };
    let text = at(asked, "/task/text");
    match (done("summarise"), done("topics")) {
        (None, _) => json!({ "next": "summarise", "input": { "text": text, "sentences": 2 } }),
        (_, None) => json!({ "next": "topics", "input": { "text": text, "max": 3 } }),
        (Some(summary), Some(topics)) => json!({ "done": { "summary": summary, "topics": topics } }),
    }
}
