// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agents of the examples for the patterns that need agents. Each knows one simple thing, and decides by rules, so that
//! the examples come to the same every time; what they are told and what they reply is what a model would be told too.
//!
//! One component plays all of them: which one is the name under which it was configured.

mod crew;
mod desk;
mod manager;
mod market;
mod planner;

use priory_sdk::{Failure, Task};
use serde_json::Value;

priory_sdk::ceiling!(["tool=text.*", "tool=files.read", "log"]);
priory_sdk::agent!(run);

/// What stands where nothing does.
static NULL: Value = Value::Null;

/// Returns what stands at a place of a value, named by a JSON Pointer; null where nothing does.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&NULL)
}

fn run(task: Task<Value>) -> Result<Value, Failure> {
    match task.name.as_str() {
        "manager" => Ok(manager::decide(&task.input)),
        "reception" => Ok(desk::reception(&task.input)),
        "billing" => Ok(desk::expert("billing", &task.input)),
        "support" => Ok(desk::expert("support", &task.input)),
        "analyst" => crew::analyst(&task.input),
        "author" => Ok(crew::author(&task.input)),
        "editor" => Ok(crew::editor(&task.input)),
        "buyer" => Ok(market::offer(&task.input, market::BUYER)),
        "seller" => Ok(market::offer(&task.input, market::SELLER)),
        "planner" => Ok(planner::plan(&task.input)),
        "reader" => planner::read(&task.input),
        other => Err(Failure::other(format!("nobody here is called {other}"))),
    }
}
