// SPDX-License-Identifier: MIT OR Apache-2.0
//! The planner and the reader of `plan`: every document is read, and then all of them are compared; what cannot be read is
//! left out of the next plan.

use priory_sdk::{Failure, tools};
use serde_json::{Value, json};

use crate::at;

/// Plans by what was done and what failed.
pub(crate) fn plan(asked: &Value) -> Value {
    let list = |key: &str| at(asked, key).as_array().cloned().unwrap_or_default();
    let (done, failed) = (list("/done"), list("/failed"));
    let is_in = |tasks: &[Value], id: &str| tasks.iter().any(|task| at(task, "/id") == id);
    if let Some(report) = done.iter().find(|task| at(task, "/id") == "compare") {
        return json!({ "done": at(report, "/output") });
    }
    let documents: Vec<&str> =
        at(asked, "/goal/documents").as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let readable: Vec<&&str> = documents.iter().filter(|path| !is_in(&failed, path)).collect();
    let mut tasks: Vec<Value> = readable
        .iter()
        .filter(|path| !is_in(&done, path))
        .map(|path| json!({ "id": path, "worker": "read", "input": path, "needs": [] }))
        .collect();
    tasks.push(json!({ "id": "compare", "worker": "compare", "input": null, "needs": readable }));
    json!({ "tasks": tasks })
}

/// Reads a document and tells its topics.
pub(crate) fn read(order: &Value) -> Result<Value, Failure> {
    let path = at(order, "/input");
    let part: Value = tools::call("files.read", &json!({ "path": path, "first-line": null, "line-count": null }))?;
    let keywords: Vec<Value> = tools::call("text.keywords", &json!({ "text": at(&part, "/text"), "max": 3 }))?;
    Ok(keywords.iter().map(|keyword| at(keyword, "/phrase").clone()).collect())
}
