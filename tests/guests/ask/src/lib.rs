// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent that does with models and the memory what its input lists: `{"steps": [STEP, …]}`, where each step is an object
//! with a `do`. It gives back what each step came to; a failure as `{"failure": KIND, "told": TEXT}`.
//!
//! A request is an object: `say` is one message of the user, or `messages` are all of them; `model`, `tools`, `custom`
//! (`[{"name", "description", "schema"}]`), `choice` (`auto`, `none`, `any`, or the name of a tool), `output`,
//! `output-tokens-max`, `temperature` (a number, or `nan`), `seed`, `stop`, `effort`, `purpose`.
//!
//! | step | what it does |
//! |---|---|
//! | `complete` | asks `request` |
//! | `start` | starts all `requests`, and takes them in the order in which they end; `drops` is how many it drops untaken |
//! | `stream` | hears `request`; after `pieces` pieces it stops: `then` is `drop`, `finish`, `finish-twice` or nothing |
//! | `talk` | asks `turns` times, each time with all that was said before and `bytes` more |
//! | `embed` | makes vectors of `texts` by `model`; gives back their lengths and sums |
//! | `list` | lists the models |
//! | `remember`, `recall`, `forget` | `scope` and `fact`, `query`, `ids`, `subject` or neither |
//! | `many-messages` | asks with `count` messages |
//! | `huge` | asks with a message of `bytes` bytes |
//! | `many-texts` | makes vectors of `count` texts |
//! | `left` | what may still be spent |
//! | `search` | whether some bytes are anywhere in its memory; `masked` are they, each exclusive-or `mask` |

#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::indexing_slicing)]

mod memory;
mod request;
mod search;

use priory_sdk::bindings::priory::agent::model::Answer;
use priory_sdk::model::{self, Completion, Delta, Message, Request, StopReason};
use priory_sdk::orchestrate::patterns::Fault;
use priory_sdk::{Failure, Pending, Task, budget, pending};
use serde_json::{Value, json};

fn run(task: Task<Value>) -> Result<Value, Failure> {
    // What an operator gives on the command line is text.
    let steps = match &task.input["steps"] {
        Value::String(text) => serde_json::from_str(text)?,
        steps => steps.clone(),
    };
    Ok(steps.as_array().into_iter().flatten().map(|step| told(perform(step))).collect())
}

priory_sdk::agent!(run);

fn told(result: Result<Value, Failure>) -> Value {
    result.unwrap_or_else(|failure| json!({ "failure": Fault::kind(&failure), "told": failure.to_string() }))
}

fn number(step: &Value, key: &str) -> usize {
    usize::try_from(step[key].as_u64().unwrap_or_default()).unwrap()
}

fn perform(step: &Value) -> Result<Value, Failure> {
    match step["do"].as_str().unwrap_or_default() {
        "complete" => Ok(completed(&model::complete(&request::read(&step["request"]))?)),
        "start" => start(step),
        "stream" => stream(step),
        "talk" => talk(number(step, "turns"), number(step, "bytes")),
        "embed" => embed(step["model"].as_str(), request::texts(&step["texts"])),
        "list" => Ok(model::list()?.iter().map(listed).collect()),
        "many-messages" => {
            let messages = (0..number(step, "count")).map(|at| Message::user(at.to_string()));
            Ok(completed(&model::complete(&Request::new(messages))?))
        }
        "huge" => {
            let words = "x".repeat(number(step, "bytes"));
            Ok(completed(&model::complete(&Request::new([Message::user(words)]))?))
        }
        "many-texts" => embed(None, (0..number(step, "count")).map(|at| at.to_string()).collect()),
        "search" => Ok(search::search(step)),
        "left" => {
            let left = budget::left();
            Ok(json!([left.tokens_in, left.tokens_out, left.money_microusd]))
        }
        other => memory::perform(other, step),
    }
}

fn start(step: &Value) -> Result<Value, Failure> {
    let mut going: Vec<Pending<Completion>> = Vec::new();
    for request in step["requests"].as_array().into_iter().flatten() {
        going.push(model::start(&request::read(request))?);
    }
    let left = number(step, "drops");
    let mut results = Vec::new();
    while going.len() > left {
        let Some(first) = pending::wait_any(&mut going) else { break };
        results.push(told(first.wait().map(|completion| completed(&completion))));
    }
    Ok(results.into())
}

fn stream(step: &Value) -> Result<Value, Failure> {
    let answer = Answer::new(&request::read(&step["request"]));
    let most = step["pieces"].as_u64().unwrap_or(u64::MAX);
    let mut pieces = Vec::new();
    while (pieces.len() as u64) < most {
        pieces.push(match answer.next() {
            Ok(Some(Delta::Text(text))) => json!({ "text": text }),
            Ok(Some(Delta::Reasoning(text))) => json!({ "reasoning": text }),
            Ok(Some(Delta::ToolCall(call))) => json!({ "tool-call": call.name, "arguments": call.arguments() }),
            Ok(None) => break,
            Err(failure) => {
                pieces.push(told(Err(failure.into())));
                break;
            }
        });
    }
    let finish = |answer: &Answer| told(answer.finish().map(|whole| completed(&whole)).map_err(Failure::from));
    Ok(match step["then"].as_str() {
        Some("finish") => json!({ "pieces": pieces, "whole": finish(&answer) }),
        Some("finish-twice") => json!({ "pieces": pieces, "whole": finish(&answer), "again": finish(&answer) }),
        _ => json!({ "pieces": pieces }),
    })
}

/// A conversation that grows by the same with each turn.
fn talk(turns: usize, bytes: usize) -> Result<Value, Failure> {
    let mut request = Request::new([]);
    let mut last = String::new();
    for turn in 0..turns {
        let words = format!("{turn} ");
        request.messages.push(Message::user(format!("{words}{}", "x".repeat(bytes.saturating_sub(words.len())))));
        let completion = model::complete(&request)?;
        last = completion.words();
        request.messages.push(completion.message);
    }
    Ok(json!({ "messages": request.messages.len(), "last": last }))
}

fn embed(model: Option<&str>, texts: Vec<String>) -> Result<Value, Failure> {
    let embedded = model::embed(model, &texts)?;
    let sum = |vector: &Vec<f32>| json!([vector.len(), vector.iter().map(|number| f64::from(*number)).sum::<f64>()]);
    Ok(json!({
        "vectors": embedded.vectors.iter().map(sum).collect::<Vec<_>>(),
        "model": embedded.model, "input": embedded.usage.input, "microusd": embedded.microusd,
    }))
}

fn listed(model: &model::ModelInfo) -> Value {
    json!({
        "name": model.name, "id": model.id, "context": model.context_tokens, "output": model.output_tokens_max,
        "abilities": format!("{:?}", model.abilities), "default": model.is_default,
    })
}

/// Shows a completion, without what it has not.
fn completed(completion: &Completion) -> Value {
    let stop = match completion.stop {
        StopReason::End => "end",
        StopReason::ToolCalls => "tool-calls",
        StopReason::Length => "length",
        StopReason::StopSequence => "stop-sequence",
        StopReason::Refused => "refused",
    };
    let calls = completion.calls().map(
        |call| json!({ "id": call.id, "name": call.name, "arguments": call.arguments(), "problem": call.problem }),
    );
    let calls: Vec<Value> = calls.collect();
    let usage = completion.usage;
    let output = completion.output.as_ref().map(|output| serde_json::from_str::<Value>(output).unwrap());
    json!({
        "text": completion.words(), "stop": stop, "model": completion.model, "calls": calls, "output": output,
        "problem": completion.problem, "microusd": completion.microusd, "cached": completion.is_cached,
        "usage": [usage.input, usage.output, usage.cached, usage.cache_written, usage.reasoning],
    })
}
