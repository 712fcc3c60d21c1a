// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent that makes the calls that its input lists by the pattern that its input names:
//! `{"by": PATTERN, "calls": [CALL, …], …}`, where a call is `{"tool": NAME, "with": ANY}`, `{"agent": NAME, "with": ANY}` or
//! `{"sleep": MS}`.

#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::indexing_slicing)]

use std::pin::Pin;

use priory_sdk::orchestrate::patterns::retry::{Backoff, retry};
use priory_sdk::orchestrate::patterns::{Fault, Roster, Settle, compete, parallel, sequence};
use priory_sdk::orchestrate::{block_on, call_agent, call_tool, sleep};
use priory_sdk::{Failure, Task};
use serde_json::{Value, json};

type Called = Pin<Box<dyn Future<Output = Result<Value, Failure>>>>;

fn run(task: Task<Value>) -> Result<Value, Failure> {
    block_on(orchestrate(task.input))
}

priory_sdk::agent!(run);

async fn orchestrate(input: Value) -> Result<Value, Failure> {
    let calls = input["calls"].as_array().cloned().unwrap_or_default();
    match input["by"].as_str().unwrap_or_default() {
        "sequence" => sequence::sequence(calls, Value::Null, |step, _| call(&step)).await,
        "map" => {
            let width = usize::try_from(input["width"].as_u64().unwrap_or(1)).unwrap();
            let settle = if input["keeps"] == true { Settle::Keep } else { Settle::All };
            let settled = parallel::map(calls, width, |_, step| call(&step), settle).await?;
            Ok(parallel::values(settled).into())
        }
        "compete" => {
            let contenders = Roster::named((0..calls.len()).map(|at| at.to_string())).map_err(Failure::stopped)?;
            let attempt = |name: String| call(&calls[name.parse::<usize>().unwrap()]);
            Ok(compete::first(contenders, attempt, |_, _| Ok(true)).await?.to_value())
        }
        "retry" => {
            let backoff = Backoff { times: 3, base_ms: 4, factor: 2.0, max_ms: 50, jitter: 0.0, seed: 0 };
            let attempt = |attempt: u32| call(&calls[attempt as usize]);
            let again = |failure: &Failure| Fault::kind(failure) == input["on"];
            retry(backoff, attempt, again, sleep).await
        }
        other => Err(Failure::other(format!("there is no pattern `{other}` here"))),
    }
}

fn call(step: &Value) -> Called {
    if let Some(ms) = step["sleep"].as_u64() {
        return Box::pin(async move { sleep(ms).await.map(|()| json!({ "slept": ms })) });
    }
    match (step["tool"].as_str(), step["agent"].as_str()) {
        (Some(tool), _) => Box::pin(call_tool(tool, &step["with"])),
        (_, Some(agent)) => Box::pin(call_agent(agent, &step["with"], None)),
        _ => Box::pin(async { Err(Failure::other("a call names a tool, an agent or a sleep")) }),
    }
}
