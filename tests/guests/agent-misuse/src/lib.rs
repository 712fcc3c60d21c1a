// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent that misbehaves in every way in which an agent can. Its input says how:
//! `{"do": BEHAVIOUR, "name": NAME, "n": NUMBER, "with": JSON}`. It uses the bindings without the layer of the SDK,
//! which would hold it back.

#![allow(missing_docs, clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::hint::black_box;

use priory_sdk::bindings::exports::priory::agent::agent::Guest;
use priory_sdk::bindings::priory::agent::types::{Failure, Other, Report, Task};
use priory_sdk::bindings::priory::agent::{agents, budget, log, pending, tools};
use serde_json::{Value, json};

struct Agent;
priory_sdk::bindings::export_agent!(Agent with_types_in priory_sdk::bindings);

/// What the task asks for.
struct Order {
    what: String,
    name: String,
    n: u64,
    with: String,
}

impl Guest for Agent {
    fn run(task: Task) -> Result<Report, Failure> {
        let input: Value = serde_json::from_str(&task.input).unwrap();
        let order = Order {
            what: input["do"].as_str().unwrap_or_default().to_owned(),
            name: input["name"].as_str().unwrap_or_default().to_owned(),
            n: input["n"].as_u64().unwrap_or_default(),
            with: input.get("with").map_or_else(|| "{}".to_owned(), Value::to_string),
        };
        compute(&order).or_else(|| calls(&order)).or_else(|| waits(&order)).expect("a behaviour that exists")
    }
}

type Done = Result<Report, Failure>;

fn report(output: impl Into<String>) -> Done {
    Ok(Report { output: output.into(), summary: None })
}

/// What it does to itself.
fn compute(order: &Order) -> Option<Done> {
    Some(match order.what.as_str() {
        "echo" => report(order.with.clone()),
        "spin" => loop {
            black_box(0);
        },
        "panic" => panic!("an agent panics"),
        "exit" => std::process::exit(i32::try_from(order.n).unwrap()),
        "allocate" => {
            let mut all = Vec::new();
            loop {
                all.push(black_box(vec![1u8; 1 << 20]));
            }
        }
        "say-no-json" => report("{\"a\": "),
        "say-deep-json" => report("[".repeat(200) + &"]".repeat(200)),
        "say-much" => report(format!("\"{}\"", "x".repeat(usize::try_from(order.n).unwrap()))),
        "fail" => Err(Failure::Other(Other { message: "it is too late".into(), data: Some(order.with.clone()) })),
        "fail-much" => Err(Failure::Conflict("x".repeat(usize::try_from(order.n).unwrap()))),
        "summarise-much" => {
            let summary = Some("x".repeat(usize::try_from(order.n).unwrap()));
            Ok(Report { output: "null".to_owned(), summary })
        }
        "fail-with-no-json" => Err(Failure::Other(Other { message: "odd".into(), data: Some("{".into()) })),
        "log" => {
            log::write(log::Level::Warn, &order.name);
            report("null")
        }
        "log-loop" => loop {
            log::write(log::Level::Info, "the same line again and again");
        },
        "log-nothing-loop" => loop {
            log::write(log::Level::Info, "");
        },
        "log-huge" => {
            log::write(log::Level::Error, &"x".repeat(usize::try_from(order.n).unwrap()));
            report("null")
        }
        "print-loop" => loop {
            print!("no end of line ");
        },
        "budget-loop" => loop {
            black_box(budget::left());
        },
        "budget" => {
            let (left, used) = (budget::left(), budget::used());
            report(
                json!({
                    "fuel-own": left.fuel_own, "fuel-calls": left.fuel_calls, "calls": left.calls, "bytes": left.bytes,
                    "time-ms": left.time_ms, "depth": left.depth, "used-fuel": used.fuel, "used-calls": used.calls,
                })
                .to_string(),
            )
        }
        _ => return None,
    })
}

/// What it asks of others.
fn calls(order: &Order) -> Option<Done> {
    let Order { name, n, with, .. } = order;
    Some(match order.what.as_str() {
        "call-tool" => tools::call(name, with).and_then(report),
        "call-tool-raw" => tools::call(name, "{\"a\": ").and_then(report),
        "call-tool-deep" => tools::call(name, &("[".repeat(200) + &"]".repeat(200))).and_then(report),
        "call-tool-with-list" => {
            let list: Vec<String> = (0..*n).map(|number| number.to_string()).collect();
            tools::call(name, &format!("{{\"n\":[{}]}}", list.join(","))).and_then(report)
        }
        "call-tool-nested" => {
            let depth = usize::try_from(*n).unwrap();
            let nested = format!("{}{{}}{}", "{\"n\":".repeat(depth), "}".repeat(depth));
            tools::call(name, &nested).and_then(report)
        }
        "call-tool-huge" => {
            let text = "x".repeat(usize::try_from(*n).unwrap());
            tools::call(name, &format!("{{\"text\":\"{text}\"}}")).and_then(report)
        }
        "call-huge-name" => tools::call(&"x".repeat(usize::try_from(*n).unwrap()), "{}").and_then(report),
        "call-denied-loop" => loop {
            let _ = black_box(tools::call("nobody.nothing", "{}"));
        },
        "call-agent" => agents::call(name, with, None),
        "feedback" => agents::call(name, with, Some("again")),
        // Each level asks the other agent to do the same with it.
        "ping-pong" => {
            let other = if name == "ping" { "pong" } else { "ping" };
            agents::call(name, &json!({ "do": "ping-pong", "name": other }).to_string(), None)
        }
        "list-tools" => tools::list().and_then(|tools| {
            report(json!(tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>()).to_string())
        }),
        "list-agents" => agents::list().and_then(|agents| {
            report(json!(agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>()).to_string())
        }),
        // Catches the failure, and says its kind and its words instead.
        "tell" => match tools::call(name, with) {
            Ok(output) => report(output),
            Err(failure) => report(json!(format!("{failure:?}")).to_string()),
        },
        "times" => {
            let mut results = Vec::new();
            for _ in 0..*n {
                results.push(match tools::call(name, with) {
                    Ok(output) => serde_json::from_str(&output).unwrap(),
                    Err(failure) => Value::from(kind(&failure)),
                });
            }
            report(Value::from(results).to_string())
        }
        _ => return None,
    })
}

/// What it starts.
fn waits(order: &Order) -> Option<Done> {
    let Order { name, n, with, .. } = order;
    Some(match order.what.as_str() {
        "start-loop" => {
            let mut all = Vec::new();
            loop {
                match tools::start(name, with) {
                    Ok(handle) => all.push(handle),
                    Err(failure) => break Err(failure),
                }
            }
        }
        "start-and-forget" => {
            std::mem::forget(tools::start(name, with));
            report("\"left\"")
        }
        "start-and-drop" => {
            for _ in 0..*n {
                drop(tools::start(name, with));
            }
            report("\"dropped\"")
        }
        "start-agents" => {
            let handles: Result<Vec<_>, _> = (0..*n).map(|_| agents::start(name, with, None)).collect();
            handles.and_then(|handles| collect(&handles))
        }
        "start-tools" => {
            let handles: Result<Vec<_>, _> = (0..*n).map(|_| tools::start(name, with)).collect();
            handles.and_then(|handles| collect(&handles))
        }
        "wait-twice" => tools::start(name, with).and_then(|handle| {
            let _ = handle.wait();
            handle.wait().and_then(report)
        }),
        "wait-any-nothing" => report(pending::wait_any(&[]).to_string()),
        "wait-any" => {
            let slow = tools::start(name, "{}").unwrap();
            let fast = tools::start("good.add", "{\"a\":1,\"b\":2}").unwrap();
            let first = pending::wait_any(&[&slow, &fast]);
            let sum = fast.wait().and_then(|sum| serde_json::from_str::<Value>(&sum).map_err(|_| unreachable!()));
            let taken = pending::wait_any(&[&slow, &fast]);
            sum.and_then(|sum| report(json!([first, sum, taken]).to_string()))
        }
        "cancel" => tools::start(name, with).and_then(|handle| {
            handle.cancel();
            handle.cancel();
            handle.wait().and_then(report)
        }),
        _ => return None,
    })
}

fn collect(handles: &[pending::Pending]) -> Done {
    let results: Vec<Value> = handles
        .iter()
        .map(|handle| match handle.wait() {
            Ok(output) => serde_json::from_str(&output).unwrap(),
            Err(failure) => Value::from(kind(&failure)),
        })
        .collect();
    report(Value::from(results).to_string())
}

fn kind(failure: &Failure) -> &'static str {
    match failure {
        Failure::Denied(_) => "denied",
        Failure::Limit(_) => "limit",
        Failure::Timeout(_) => "timeout",
        Failure::Trap(_) => "trap",
        Failure::Invalid(_) => "invalid",
        Failure::Unavailable(_) => "unavailable",
        Failure::Conflict(_) => "conflict",
        Failure::Cancelled(_) => "cancelled",
        Failure::InDoubt(_) => "in-doubt",
        Failure::Other(_) => "other",
    }
}
