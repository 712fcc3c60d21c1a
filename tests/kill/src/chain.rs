// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run does: a chain of requests that change something outside, of tools, of timers, and of agents side by side.

use std::collections::HashMap;

use serde_json::{Value, json};

/// The number of a step among those of its run that reach the service.
pub(crate) type Step = u64;

/// Returns the input of a run.
pub(crate) fn input(service: &str, number: u64) -> Value {
    let mut steps = Vec::new();
    for step in 0..4 + number % 4 {
        steps.push(post(service, number, step));
        steps.push(add(step, number % 1_000));
        steps.push(match (number + step) % 5 {
            // Long enough for the run to leave memory.
            0 => json!({ "do": "sleep", "ms": 25 + (number * 7 + step * 13) % 40 }),
            1 => json!({ "do": "wasi-sleep", "ms": 2 }),
            2 => json!({ "do": "wasi-sleep", "ms": 25 }),
            _ => json!({ "do": "all", "steps": [
                add(number % 100, step), child(service, number, step + 100), child(service, number, step + 200),
                { "do": "sleep", "ms": 5 },
            ] }),
        });
    }
    json!({ "looks": true, "steps": steps })
}

fn post(service: &str, number: u64, step: Step) -> Value {
    let with = json!({ "run": number, "step": step });
    json!({ "do": "post", "url": format!("{service}/do"), "with": with, "random": true })
}

fn add(a: u64, b: u64) -> Value {
    json!({ "do": "tool", "name": "good.add", "with": { "a": a, "b": b } })
}

fn child(service: &str, number: u64, step: Step) -> Value {
    let steps = json!([add(step, 1), post(service, number, step), { "do": "log", "text": "done" }]);
    json!({ "do": "agent", "name": "child", "with": { "steps": steps } })
}

/// Returns the steps of a run that reach the service.
pub(crate) fn posts(step: &Value) -> Vec<Step> {
    let below = [step.get("steps"), step.pointer("/with/steps")];
    let below = below.into_iter().flatten().filter_map(Value::as_array).flatten();
    let own = Some(step).filter(|step| what(step) == Some("post")).and_then(|step| number(step, "/with/step"));
    own.into_iter().chain(below.flat_map(posts)).collect()
}

/// Returns what a step has to come to, by what the service answered; `None` where it did not answer.
pub(crate) fn expected(step: &Value, answers: &HashMap<Step, u64>) -> Option<Value> {
    let all = |steps: &str| {
        let steps = step.pointer(steps)?.as_array()?;
        steps.iter().map(|step| expected(step, answers)).collect::<Option<Value>>()
    };
    match what(step) {
        Some("post") => Some(json!([200, { "answer": answers.get(&number(step, "/with/step")?)? }])),
        Some("tool") => Some(json!(number(step, "/with/a")? + number(step, "/with/b")?)),
        Some("agent") => all("/with/steps"),
        Some("sleep" | "wasi-sleep" | "log") => Some(Value::Null),
        // The whole input has no name.
        _ => all("/steps"),
    }
}

fn what(step: &Value) -> Option<&str> {
    step.get("do")?.as_str()
}

fn number(step: &Value, pointer: &str) -> Option<u64> {
    step.pointer(pointer)?.as_u64()
}
