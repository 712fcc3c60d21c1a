// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent that reasons, calls tools and sees what they give back, until it has an answer.
//!
//! **Input**: a text, or `{"task": ANY, "context"?: ANY, "output-schema"?: SCHEMA}`; as a worker of a plan,
//! `{"input": ANY, "needs"?: {ID: ANY}}`. Anything else is the task as it stands.
//!
//! **Output**: the answer as a text; JSON that fits the schema, where there is one.
//!
//! **Failures**: `other` with the data `{"stop": "refused"}` or `{"stop": "no-answer"}`; `invalid` where the answer does not fit
//! the schema, or the task is empty or does not fit the window; and what the model fails with.
//!
//! **Grants**: `models`, `tools` that it is to use, `artifacts` so that long results can be read on.
//!
//! **Configuration**: `output-schema` (where the input has none); which tools and how often, `tools`, `turns-max`,
//! `calls-max`, `width`, `result-tokens`, `tool-failures-max`, `failures-max`, `repeats-max`, `continues-max`,
//! `output-tokens-max`, `temperature`, `effort`; the window, `window.system`, `window.pinned`, `window.recent`,
//! `window.retrieved`, `window.summary`; the prompts `prompt.system` and `prompt.compaction`. What each means is told in the
//! documentation of `priory-sdk`, at `think::Rules` and `context::Budgets`.

mod brief;

use brief::Brief;
use priory_sdk::context::{Budgets, Window};
use priory_sdk::outside::{Host, Outside};
use priory_sdk::think::{Ending, Rules, Thought, think};
use priory_sdk::{Failure, Report, Task, config};
use serde_json::Value;

const SYSTEM: &str = include_str!("../prompts/system.md");
/// Tokens of what stands around a task and what belongs to it.
const AROUND_TOKENS: u64 = 200;

priory_sdk::ceiling!(["tool=*", "model=*", "artifact", "config=*", "log"]);
priory_sdk::agent!(run);

fn run(task: Task<Value>) -> Result<Report<Value>, Failure> {
    work(&Host, config::get, task)
}

/// Carries out a task.
fn work(
    outside: &dyn Outside,
    get: impl Fn(&str) -> Result<Option<String>, Failure>,
    task: Task<Value>,
) -> Result<Report<Value>, Failure> {
    let brief = Brief::read(task.input);
    if brief.task.trim().is_empty() {
        return Err(Failure::invalid("task of the agent", "/task", "there is nothing to do in it"));
    }
    let configured = get("output-schema")?.map(|text| serde_json::from_str(&text)).transpose()?;
    let rules = Rules { output: brief.schema.clone().or(configured), ..Rules::read(&get)? };
    let mut window = Window::new(Budgets::read(&get)?.within(outside.room()));
    window.system(get("prompt.system")?.unwrap_or_else(|| SYSTEM.to_owned()))?;
    let pinned = window.budgets().pinned;
    let words = brief.told(task.feedback.as_deref(), |context, rest| {
        window.shortened(outside, context, pinned.saturating_sub(rest).saturating_sub(AROUND_TOKENS))
    });
    window.pin(words)?;
    let thought = think(outside, &rules, &mut window)?;
    let summary = told(&thought);
    let output = match thought.output {
        Some(json) => serde_json::from_str(&json)?,
        None => Value::from(thought.text),
    };
    Ok(Report::new(output, summary))
}

/// Says in a sentence what was done.
fn told(thought: &Thought) -> String {
    let end = match thought.ending {
        Ending::Answered => "",
        Ending::Turns => "; its turns were taken",
        Ending::Budget => "; its budget was nearly spent",
        Ending::Failures => "; too many calls failed",
        Ending::Repeats => "; it called the same again and again",
    };
    let many = |count: u32, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!("Answered in {} with {}{end}.", many(thought.turns, "turn"), many(thought.calls, "call"))
}

#[cfg(test)]
mod tests;
