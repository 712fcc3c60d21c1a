// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values as models are shown them, and as they say them: providers hold models to a schema only where every type is named,
//! so what may be anything is a text that may be JSON.

use serde_json::{Value, json};

/// Shows a value to a model: a text as it is, the texts of an object under their names, everything else as JSON.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.values().all(|value| value.is_string() || value.is_object()) => {
            let part = |(name, value): (&String, &Value)| match value {
                Value::String(text) => format!("## {name}\n\n{text}"),
                value => format!("## {name}\n\n{value}"),
            };
            fields.iter().map(part).collect::<Vec<_>>().join("\n\n")
        }
        value => value.to_string(),
    }
}

/// Reads what a model means by a text: JSON, where it is an object or a list, else the text.
pub fn meant(text: &str) -> Value {
    let trimmed = text.trim();
    let is_json = trimmed.starts_with('{') || trimmed.starts_with('[');
    let read = is_json.then(|| serde_json::from_str(trimmed).ok()).flatten();
    read.unwrap_or_else(|| Value::from(text))
}

/// Returns what is to be done, as others are told it: what stands under one of some names, with the `context` beside it,
/// and why an earlier outcome was refused. Anything else is what is to be done as it stands.
pub fn order(input: Value, names: &[&str], feedback: Option<String>) -> Value {
    let order = match input {
        Value::Object(mut fields) => match names.iter().find_map(|name| fields.remove(*name)) {
            Some(task) => match fields.remove("context").filter(|context| !context.is_null()) {
                Some(context) => json!({ "task": task, "context": context }),
                None => task,
            },
            None => Value::Object(fields),
        },
        order => order,
    };
    match feedback {
        Some(feedback) => json!({ "task": order, "why-the-last-outcome-was-refused": feedback }),
        None => order,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_said_in_many_ways() {
        let of = |input| order(input, &["goal", "task"], None);
        assert_eq!(of(json!("x")), json!("x"));
        assert_eq!(of(json!({ "task": "x", "folder": "docs" })), json!("x"));
        assert_eq!(of(json!({ "goal": "x", "context": null })), json!("x"));
        assert_eq!(of(json!({ "goal": "x", "context": "y" })), json!({ "task": "x", "context": "y" }));
        assert_eq!(of(json!({ "n": 1, "context": 2 })), json!({ "n": 1, "context": 2 }));
        let refused = order(json!("x"), &["task"], Some("no".into()));
        assert_eq!(refused, json!({ "task": "x", "why-the-last-outcome-was-refused": "no" }));
    }

    #[test]
    fn what_is_said_is_meant() {
        assert_eq!(meant(" {\"a\": [1]} "), json!({ "a": [1] }));
        assert_eq!(meant("[1]"), json!([1]));
        for text in ["{a}", "plain", "12", ""] {
            assert_eq!(meant(text), json!(text));
        }
    }

    #[test]
    fn texts_are_shown_without_quotes() {
        assert_eq!(shown(&json!("a \"b\"")), "a \"b\"");
        assert_eq!(shown(&json!({ "x": "one", "y": { "z": 1 } })), "## x\n\none\n\n## y\n\n{\"z\":1}");
        assert_eq!(shown(&json!({ "x": 1 })), "{\"x\":1}");
    }
}
