// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent that the benchmarks run: it calls a tool again and again, one after the other or all at once.

use priory_sdk::{Failure, Task, join_all, tools};
use serde::Deserialize;

priory_sdk::agent!(run);

/// What to do.
#[derive(Deserialize)]
struct Input {
    /// How many calls.
    calls: u32,
    /// Whether to start them all before the first is awaited.
    at_once: bool,
}

fn run(task: Task<Input>) -> Result<u64, Failure> {
    let Input { calls, at_once } = task.input;
    let mut sum = 0u64;
    if at_once {
        let started = (0..calls)
            .map(|n| tools::start::<u32>("tool.add", &serde_json::json!({"a": n, "b": 1})))
            .collect::<Result<Vec<_>, _>>()?;
        for result in join_all(started) {
            sum += u64::from(result?);
        }
    } else {
        for n in 0..calls {
            sum += u64::from(tools::call::<u32>("tool.add", &serde_json::json!({"a": n, "b": 1}))?);
        }
    }
    Ok(sum)
}
