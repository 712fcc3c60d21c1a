// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the input of the agent says that it is to do.

use priory_sdk::think::material::shown;
use priory_sdk::tokens;
use serde_json::Value;

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Brief {
    /// In words, or as JSON.
    pub(crate) task: String,
    /// What belongs to it.
    pub(crate) context: Option<String>,
    /// What the answer has to fit.
    pub(crate) schema: Option<Value>,
}

impl Brief {
    /// Reads an input of any form.
    pub(crate) fn read(input: Value) -> Self {
        let Value::Object(mut fields) = input else { return Self::whole(&input) };
        let mut take = |names: [&str; 2]| names.into_iter().find_map(|name| fields.remove(name));
        let Some(task) = take(["task", "input"]) else { return Self::whole(&Value::Object(fields)) };
        let is_said =
            |value: &Value| !matches!(value, Value::Null) && value.as_object().is_none_or(|of| !of.is_empty());
        let context = take(["context", "needs"]).filter(is_said);
        let schema = take(["output-schema", "output_schema"]).filter(|schema| schema.is_object());
        // The input of a worker may itself say all of this.
        let inner = match task {
            Value::Object(_) => Self::read(task),
            task => Self::whole(&task),
        };
        let context = context.as_ref().map(shown);
        let context = match (context, inner.context) {
            (Some(outer), Some(inner)) => Some(format!("{inner}\n\n{outer}")),
            (outer, inner) => outer.or(inner),
        };
        Self { task: inner.task, context, schema: schema.or(inner.schema) }
    }

    /// Writes it as a model is told it: what belongs to the task first, since it may be long, then the task, and in the end
    /// why an earlier answer was refused. Of what belongs to it, `cut` decides what is shown.
    pub(crate) fn told(&self, feedback: Option<&str>, cut: impl FnOnce(&str, u64) -> String) -> String {
        let feedback =
            feedback.map(|feedback| format!("\n\n# An earlier answer was refused\n\n{feedback}\n\nDo it better."));
        let feedback = feedback.unwrap_or_default();
        let task = format!("{}{feedback}", self.task);
        match &self.context {
            Some(context) => {
                let context = cut(context, tokens::estimate(&task));
                format!("# What belongs to the task\n\n{context}\n\n# The task\n\n{task}")
            }
            None => task,
        }
    }

    fn whole(task: &Value) -> Self {
        Self { task: shown(task), context: None, schema: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(input: Value, task: &str, context: Option<&str>) {
        let brief = Brief::read(input);
        assert_eq!((brief.task.as_str(), brief.context.as_deref()), (task, context));
    }

    #[test]
    fn a_task_is_said_in_many_ways() {
        check(json!("count the bees"), "count the bees", None);
        check(json!({ "task": "count", "folder": "docs" }), "count", None);
        check(json!({ "task": "count", "context": "in June" }), "count", Some("in June"));
        check(json!({ "input": "sum", "needs": {} }), "sum", None);
        let needs = json!({ "input": "sum", "needs": { "a": "1", "b": "2" } });
        check(needs, "sum", Some("## a\n\n1\n\n## b\n\n2"));
        check(json!([1, 2]), "[1,2]", None);
        check(json!({ "n": 1 }), "{\"n\":1}", None);
        check(json!(null), "null", None);
        let nested = json!({ "input": { "task": "sum", "context": "x" }, "needs": { "a": "1" } });
        check(nested, "sum", Some("x\n\n## a\n\n1"));
    }

    #[test]
    fn a_schema_is_an_object() {
        let schema = |value: Value| Brief::read(json!({ "task": "x", "output-schema": value })).schema;
        assert_eq!(schema(json!({ "type": "object" })), Some(json!({ "type": "object" })));
        assert_eq!(schema(json!("x")), None);
    }
}
