// SPDX-License-Identifier: MIT OR Apache-2.0
//! The members of `crew`: an analyst who finds the topics of a text, an author who writes a line about them, and an editor
//! who assigns the tasks and wants the line short.

use priory_sdk::{Failure, tools};
use serde_json::{Value, json};

use crate::at;

/// How long the line of the author may be for the editor, in characters.
const LINE_CHARS_MAX: usize = 40;

/// Finds the topics of the text that the crew was given.
pub(crate) fn analyst(order: &Value) -> Result<Value, Failure> {
    let text = at(order, "/task/given/text");
    let keywords: Vec<Value> = tools::call("text.keywords", &json!({ "text": text, "max": 6 }))?;
    Ok(keywords.iter().map(|keyword| at(keyword, "/phrase").clone()).collect())
}

/// Writes a line about the topics; fewer of them when it was told that the line is too long.
pub(crate) fn author(order: &Value) -> Value {
    let topics = at(order, "/context/topics").as_array().cloned().unwrap_or_default();
    let before = at(order, "/previous").as_str().map_or(0, |line| line.matches(',').count());
    let most = if before > 0 { before } else { topics.len() };
    let topics: Vec<&str> = topics.iter().filter_map(Value::as_str).take(most.max(1)).collect();
    json!(format!("It is about {}.", topics.join(", ")))
}

/// Assigns the tasks, and accepts what is short enough.
pub(crate) fn editor(asked: &Value) -> Value {
    if at(asked, "/phase") == "assign" {
        let role = if at(asked, "/task") == "topics" { "analyst" } else { "author" };
        return json!({ "assign": role });
    }
    match at(asked, "/output").as_str() {
        Some(line) if line.chars().count() > LINE_CHARS_MAX => {
            json!({ "accept": false, "feedback": format!("at most {LINE_CHARS_MAX} characters") })
        }
        _ => json!({ "accept": true }),
    }
}
