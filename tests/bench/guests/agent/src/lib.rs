// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent that the benchmarks run: it calls a tool again and again, sends requests, hands a growing state around, asks a
//! model, or waits.

use priory_sdk::model::{self, Message, Request};
use priory_sdk::{Failure, Task, human, join_all, timers, tools};
use serde::Deserialize;

mod post;

priory_sdk::agent!(run);

/// What to do, one after the other.
#[derive(Deserialize)]
struct Input {
    /// How many calls of a tool.
    #[serde(default)]
    calls: u32,
    /// Whether to start them all before the first is awaited.
    #[serde(default)]
    at_once: bool,
    /// How many requests to send.
    #[serde(default)]
    posts: u32,
    /// How often a state that grows is handed to a tool and back.
    #[serde(default)]
    grows: u32,
    /// How often a model is asked the same.
    #[serde(default)]
    completions: u32,
    /// How many turns a conversation with a model has.
    #[serde(default)]
    turns: u32,
    /// How long to sleep.
    #[serde(default)]
    sleep_ms: u64,
    /// Whether to ask a person.
    #[serde(default)]
    asks: bool,
}

fn run(task: Task<Input>) -> Result<u64, Failure> {
    let input = task.input;
    let mut sum = if input.at_once { all_at_once(input.calls)? } else { one_by_one(input.calls)? };
    for n in 0..input.posts {
        sum += post::post(&format!("{{\"step\":{n},\"sum\":{sum}}}"))?;
    }
    sum += grow(input.grows)?;
    sum += if input.at_once { complete_at_once(input.completions)? } else { complete(input.completions)? };
    sum += converse(input.turns)?;
    if input.sleep_ms > 0 {
        timers::sleep(input.sleep_ms)?;
    }
    if input.asks {
        let answer: human::Answer<u64> = human::ask(&human::question("How many more?"))?;
        sum += answer.value;
    }
    Ok(sum)
}

fn all_at_once(calls: u32) -> Result<u64, Failure> {
    let started = (0..calls)
        .map(|n| tools::start::<u32>("tool.add", &serde_json::json!({"a": n, "b": 1})))
        .collect::<Result<Vec<_>, _>>()?;
    join_all(started).into_iter().try_fold(0, |sum, result| Ok(sum + u64::from(result?)))
}

fn one_by_one(calls: u32) -> Result<u64, Failure> {
    (0..calls).try_fold(0, |sum, n| {
        Ok(sum + u64::from(tools::call::<u32>("tool.add", &serde_json::json!({"a": n, "b": 1}))?))
    })
}

/// Hands a state to a tool that gives it back, with a line more each time.
fn grow(times: u32) -> Result<u64, Failure> {
    let mut state: Vec<String> = Vec::new();
    let mut noise = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..times {
        // About a hundred characters that do not repeat.
        let line = (0..6).map(|_| {
            noise = (noise ^ (noise >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(1);
            format!("{noise:016x}")
        });
        state.push(line.collect::<Vec<_>>().join(" "));
        state = tools::call("tool.keep", &serde_json::json!({ "state": state }))?;
    }
    Ok(state.len() as u64)
}

fn question() -> Request {
    Request::new([Message::system("Be brief."), Message::user("How do bees survive the winter?")])
}

/// Asks a model the same as often as the budget allows, all at once, and returns how often it answered.
fn complete_at_once(times: u32) -> Result<u64, Failure> {
    let request = question().output_tokens_max(64);
    let started = (0..times).map(|_| model::start(&request)).collect::<Result<Vec<_>, _>>()?;
    Ok(join_all(started).into_iter().filter(Result::is_ok).count() as u64)
}

/// Asks a model the same, and forgets what it says.
fn complete(times: u32) -> Result<u64, Failure> {
    let request = question();
    (0..times).try_fold(0, |sum, _| Ok(sum + model::complete(&request)?.usage.output))
}

/// Says something new in each turn, and sends the whole conversation along.
fn converse(turns: u32) -> Result<u64, Failure> {
    let mut request = Request::new([Message::system("Be brief.")]);
    for turn in 0..turns {
        request.messages.push(Message::user(format!("{turn}: {}", noise(u64::from(turn)))));
        request.messages.push(model::complete(&request)?.message);
    }
    Ok(u64::from(turns))
}

/// Returns some hundred characters that do not repeat.
fn noise(seed: u64) -> String {
    let mut noise = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    let mut next = || {
        noise = (noise ^ (noise >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(1);
        format!("{noise:016x}")
    };
    (0..24).map(|_| next()).collect::<Vec<_>>().join(" ")
}
