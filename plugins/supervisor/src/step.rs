// SPDX-License-Identifier: MIT OR Apache-2.0
//! Decides once: a model is told the task and all that was done, and says who works next.

use priory_sdk::Failure;
use priory_sdk::context::{Budgets, Window};
use priory_sdk::outside::Outside;
use priory_sdk::think::material::{meant, shown};
use priory_sdk::think::{Rules, think};
use serde::Deserialize;
use serde_json::{Value, json};

const SYSTEM: &str = include_str!("../prompts/system.md");
/// The part of what may be pinned that inputs and outputs of workers share.
const HISTORY_PART: u64 = 2;
/// Tokens of an output that are shown at least.
const OUTPUT_TOKENS_LEAST: u64 = 200;
/// The part of its share that an input has beside its output.
const INPUT_PART: u64 = 4;

/// What a model says.
#[derive(Deserialize)]
struct Said {
    status: Status,
    #[serde(default)]
    next: Vec<Assigned>,
    #[serde(default)]
    output: String,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Next,
    Done,
}

#[derive(Deserialize)]
struct Assigned {
    worker: String,
    input: String,
}

/// Tells whether an input is what the pattern `supervisor` asks its manager.
pub(crate) fn is_asked(input: &Value) -> bool {
    let is_list = |field: &str| input.get(field).is_some_and(Value::is_array);
    input.get("task").is_some() && is_list("roster") && is_list("history") && input.get("turn").is_some()
}

/// Decides who works next.
pub(crate) fn decide(
    outside: &dyn Outside,
    get: &dyn Fn(&str) -> Result<Option<String>, Failure>,
    asked: &Value,
) -> Result<Value, Failure> {
    let rules = Rules { output: Some(schema()), purpose: Some("decision".to_owned()), ..Rules::read(get)? };
    let mut window = Window::new(Budgets::read(get)?.within(outside.room()));
    window.system(get("prompt.system")?.unwrap_or_else(|| SYSTEM.to_owned()))?;
    let words = told_to(outside, &mut window, asked);
    window.pin_long(outside, &words)?;
    let thought = think(outside, &rules, &mut window)?;
    let said: Said = serde_json::from_str(&thought.output.unwrap_or_default())?;
    if said.status == Status::Done {
        return Ok(json!({ "done": meant(&said.output) }));
    }
    let assignment = |Assigned { worker, input }: Assigned| json!({ "worker": worker, "input": meant(&input) });
    Ok(json!({ "next": said.next.into_iter().map(assignment).collect::<Vec<_>>() }))
}

/// Says in a sentence what was decided.
pub(crate) fn told(reply: &Value) -> String {
    match reply.get("next").and_then(Value::as_array) {
        Some(next) => {
            let names: Vec<&str> = next.iter().filter_map(|one| one.get("worker")?.as_str()).take(8).collect();
            format!("Next: {}.", names.join(", "))
        }
        None => "The task is done.".to_owned(),
    }
}

/// Writes what the manager is told: first what it is about, then what was done, which is long.
fn told_to(outside: &dyn Outside, window: &mut Window, asked: &Value) -> String {
    let text = |value: &Value, field: &str| value.get(field).map(shown).unwrap_or_default();
    let list = |field: &str| asked.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut words = format!("# The task\n\n{}\n\n# The team\n", text(asked, "task"));
    for worker in list("roster") {
        words.push_str(&format!("\n- `{}`: {}", text(worker, "name"), text(worker, "description")));
    }
    let (turn, most) = (text(asked, "turn"), text(asked, "turns-max"));
    words.push_str(&format!("\n\nThis is turn {turn} of {most}.\n"));
    if turn == most {
        words.push_str("It is your last turn: you can only be done.\n");
    }
    if let Some(feedback) = asked.get("feedback") {
        words.push_str(&format!("\nYour last answer cannot be used: {}\n", shown(feedback)));
    }
    let history = list("history");
    if history.is_empty() {
        words.push_str("\nNobody has worked yet.\n");
        return words;
    }
    let share = window.budgets().pinned / HISTORY_PART / history.len() as u64;
    words.push_str("\n# What was done, in order\n");
    for entry in history {
        let mut cut = |text: &str, tokens: u64| window.shortened(outside, text, tokens.max(OUTPUT_TOKENS_LEAST));
        let input = cut(&text(entry, "input"), share / INPUT_PART);
        let came = match entry.get("failure") {
            Some(failure) => format!("It failed: {}", text(failure, "message")),
            None => format!("It gave back:\n\n{}", cut(&text(entry, "output"), share - share / INPUT_PART)),
        };
        words.push_str(&format!("\n## `{}`\n\nIt was given:\n\n{input}\n\n{came}\n", text(entry, "worker")));
    }
    words
}

/// Every type is named and every field required, as providers want it.
fn schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "properties": {
            "status": { "type": "string", "enum": ["next", "done"] },
            "next": {
                "type": "array",
                "description": "Who works next, side by side; empty where the status is done",
                "items": {
                    "type": "object",
                    "properties": {
                        "worker": text("Who works"),
                        "input": text("What the worker is told: words, or JSON in a text"),
                    },
                    "required": ["worker", "input"],
                    "additionalProperties": false,
                },
            },
            "output": text("The whole result where the status is done, in words or as JSON in a text; else empty"),
        },
        "required": ["status", "next", "output"],
        "additionalProperties": false,
    })
}
