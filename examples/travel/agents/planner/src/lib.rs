// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plans a trip: flights and hotels side by side, then the budget. What was found at other prices than those of now is
//! found again; what does not depend on them stays.

use priory_sdk::{Failure, Task, log};
use serde_json::{Value, json};

priory_sdk::ceiling!(["log"]);
priory_sdk::agent!(run);

fn run(task: Task<Value>) -> Result<Value, Failure> {
    let asked = task.input;
    let changed: Vec<&str> = list(&asked, "/changed").filter_map(Value::as_str).collect();
    if !changed.is_empty() {
        log::info(format!("another plan, because of new prices: {}", changed.join(", ")));
    }
    if let Some(failed) = list(&asked, "/failed").next() {
        // Nothing of this passes by itself.
        return Err(Failure::other(at(failed, "/message").as_str().unwrap_or("a task failed")));
    }
    Ok(plan(&asked))
}

/// What stands where nothing does.
static NULL: Value = Value::Null;

/// Returns what stands at a place of a value, named by a JSON Pointer; null where nothing does.
fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&NULL)
}

/// Plans by what is done.
fn plan(asked: &Value) -> Value {
    let (goal, prices) = (at(asked, "/goal"), at(asked, "/facts"));
    let id = |worker: &str| format!("{worker}-{}", at(asked, "/round"));
    let mut tasks: Vec<Value> = Vec::new();
    let hotels = found(asked, "hotels", |_| true).unwrap_or_else(|| {
        let input = json!({ "to": at(goal, "/to"), "nights": at(goal, "/nights") });
        // A search that is under way is planned just as it was, so that it goes on.
        let id = running(asked, "hotels").unwrap_or_else(|| id("hotels"));
        tasks.push(json!({ "id": id, "worker": "hotels", "input": input }));
        id
    });
    let flights = found(asked, "flights", |output| at(output, "/prices") == prices).unwrap_or_else(|| {
        let input = json!({ "to": at(goal, "/to"), "day": at(goal, "/day"), "prices": prices });
        tasks.push(json!({ "id": id("flights"), "worker": "flights", "input": input }));
        id("flights")
    });
    // The budget was kept last, so if nothing has to be found any more, it was kept with what holds.
    if tasks.is_empty()
        && let Some(kept) = list(asked, "/done").last().filter(|done| at(done, "/worker") == "keeper")
    {
        return json!({ "done": at(kept, "/output") });
    }
    let (input, needs) = (json!({ "budget": at(goal, "/budget") }), [flights, hotels]);
    tasks.push(json!({ "id": id("keeper"), "worker": "keeper", "input": input, "needs": needs }));
    json!({ "tasks": tasks })
}

/// Returns the id of what a worker found that still holds.
fn found(asked: &Value, worker: &str, holds: impl Fn(&Value) -> bool) -> Option<String> {
    let done = list(asked, "/done").find(|done| at(done, "/worker") == worker && holds(at(done, "/output")))?;
    at(done, "/id").as_str().map(str::to_owned)
}

/// Returns the id of what a worker is doing.
fn running(asked: &Value, worker: &str) -> Option<String> {
    let task = list(asked, "/running").find(|task| at(task, "/worker") == worker)?;
    at(task, "/id").as_str().map(str::to_owned)
}

fn list<'a>(asked: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(asked, pointer).as_array().into_iter().flatten()
}
