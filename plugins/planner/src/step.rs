// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes one plan: a model is told the goal and all that was done, and says what is to be done next.

use priory_sdk::Failure;
use priory_sdk::context::{Budgets, Window};
use priory_sdk::outside::Outside;
use priory_sdk::think::material::{meant, shown};
use priory_sdk::think::{Rules, think};
use serde::Deserialize;
use serde_json::{Value, json};

const SYSTEM: &str = include_str!("../prompts/system.md");
/// The part of what may be pinned that the outputs of tasks share.
const OUTPUTS_PART: u64 = 2;
/// Tokens of an output that are shown at least.
const OUTPUT_TOKENS_LEAST: u64 = 200;

/// What a model says.
#[derive(Deserialize)]
struct Said {
    status: Status,
    #[serde(default)]
    tasks: Vec<Planned>,
    #[serde(default)]
    output: String,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Plan,
    Done,
}

#[derive(Deserialize)]
struct Planned {
    id: String,
    worker: String,
    input: String,
    #[serde(default)]
    needs: Vec<String>,
}

/// Tells whether an input is what the pattern `plan` asks its planner.
pub(crate) fn is_asked(input: &Value) -> bool {
    let has = |field: &str| input.get(field).is_some();
    has("goal") && input.get("workers").is_some_and(Value::is_array) && has("round") && has("done")
}

/// Makes the next plan.
pub(crate) fn plan(
    outside: &dyn Outside,
    get: &dyn Fn(&str) -> Result<Option<String>, Failure>,
    asked: &Value,
) -> Result<Value, Failure> {
    let rules = Rules { output: Some(schema()), purpose: Some("plan".to_owned()), ..Rules::read(get)? };
    let mut window = Window::new(Budgets::read(get)?.within(outside.room()));
    window.system(get("prompt.system")?.unwrap_or_else(|| SYSTEM.to_owned()))?;
    let words = told_to(outside, &mut window, asked);
    window.pin_long(outside, &words)?;
    let thought = think(outside, &rules, &mut window)?;
    let said: Said = serde_json::from_str(&thought.output.unwrap_or_default())?;
    if said.status == Status::Done {
        return Ok(json!({ "done": meant(&said.output) }));
    }
    let task = |Planned { id, worker, input, needs }: Planned| json!({ "id": id, "worker": worker, "input": meant(&input), "needs": needs });
    Ok(json!({ "tasks": said.tasks.into_iter().map(task).collect::<Vec<_>>() }))
}

/// Says in a sentence what was planned.
pub(crate) fn told(reply: &Value) -> String {
    match reply.get("tasks").and_then(Value::as_array) {
        Some(tasks) => {
            let ids: Vec<&str> = tasks.iter().filter_map(|task| task.get("id")?.as_str()).take(8).collect();
            format!("Planned {} tasks: {}.", tasks.len(), ids.join(", "))
        }
        None => "The goal is achieved.".to_owned(),
    }
}

/// Writes what the planner is told: first what it is about, then what was done, the outputs last, since they are long.
fn told_to(outside: &dyn Outside, window: &mut Window, asked: &Value) -> String {
    let text = |value: &Value, field: &str| value.get(field).map(shown).unwrap_or_default();
    let list = |field: &str| asked.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut words = format!("# The goal\n\n{}\n\n# Who can be given tasks\n", text(asked, "goal"));
    for worker in list("workers") {
        words.push_str(&format!("\n- `{}`: {}", text(worker, "name"), text(worker, "description")));
    }
    words.push_str(&format!("\n\nThis is plan number {}.\n", text(asked, "round")));
    if let Some(feedback) = asked.get("feedback") {
        words.push_str(&format!("\nYour last answer cannot be used: {}\n", shown(feedback)));
    }
    if let Some(facts) = asked.get("facts").filter(|facts| !facts.is_null()) {
        words.push_str(&format!("\n# Facts that hold now\n\n{}\n", shown(facts)));
    }
    if !list("changed").is_empty() {
        let changed: Vec<String> = list("changed").iter().map(shown).collect();
        words.push_str(&format!("\nOf them changed since the last plan: {}\n", changed.join(", ")));
    }
    if !list("failed").is_empty() {
        words.push_str("\n# Failed\n");
        for task in list("failed") {
            let (id, worker) = (text(task, "id"), text(task, "worker"));
            words.push_str(&format!("\n- `{id}` by `{worker}`: {}", text(task, "message")));
        }
        words.push('\n');
    }
    if !list("running").is_empty() {
        let running: Vec<String> = list("running").iter().map(|task| format!("`{}`", text(task, "id"))).collect();
        words.push_str(&format!("\n# Running\n\n{}\n", running.join(", ")));
    }
    let done = list("done");
    if !done.is_empty() {
        let share = window.budgets().pinned / OUTPUTS_PART / done.len().max(1) as u64;
        words.push_str("\n# Done\n");
        for task in done {
            let output = window.shortened(outside, &text(task, "output"), share.max(OUTPUT_TOKENS_LEAST));
            words.push_str(&format!("\n## `{}` by `{}`\n\n{output}\n", text(task, "id"), text(task, "worker")));
        }
    }
    words
}

/// Every type is named and every field required, as providers want it.
fn schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "properties": {
            "status": { "type": "string", "enum": ["plan", "done"] },
            "tasks": {
                "type": "array",
                "description": "What is to be done; empty where the status is done",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": text("A short name, unique in the plan"),
                        "worker": text("Who does it"),
                        "input": text("What the worker is told: words, or JSON in a text"),
                        "needs": { "type": "array", "items": { "type": "string" }, "description": "Ids of tasks" },
                    },
                    "required": ["id", "worker", "input", "needs"],
                    "additionalProperties": false,
                },
            },
            "output": text("The whole result where the status is done, in words or as JSON in a text; else empty"),
        },
        "required": ["status", "tasks", "output"],
        "additionalProperties": false,
    })
}
