// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent that does what its input lists: `{"steps": [STEP, …], "looks": BOOL}`, where each step is an object with a
//! `do`. It gives back what each step came to. With `looks` it looks at its clocks and draws random numbers around each
//! step, writes that to its log at once, and gives it back in the end: so the log of a run that was cut shows whether it
//! saw the same again.

#![allow(missing_docs, unsafe_code, clippy::unwrap_used, clippy::indexing_slicing)]

mod http;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use priory_sdk::bindings::priory::agent as bindings;
use priory_sdk::bindings::priory::agent::pending::{self, Pending};
use priory_sdk::events::{self, Sought};
use priory_sdk::human::{Kind, Question};
use priory_sdk::state::{self, Merge};
use priory_sdk::{Failure, Task, agents, artifacts, human, log, timers, tools};
use serde_json::{Value, json};

/// What the guest saw before it was called.
static AT_START: OnceLock<[u64; 3]> = OnceLock::new();

/// Runs when the component is instantiated, as the start-up of an interpreter does.
extern "C" fn start_up() {
    let _ = AT_START.set(look());
}

#[used]
#[unsafe(link_section = ".init_array")]
static START_UP: extern "C" fn() = start_up;

/// Reads the wall clock, the monotonic clock and a random number.
fn look() -> [u64; 3] {
    let wall = wasip2::clocks::wall_clock::now();
    let wall_ns = wall.seconds * 1_000_000_000 + u64::from(wall.nanoseconds);
    [wall_ns, wasip2::clocks::monotonic_clock::now(), wasip2::random::random::get_random_u64()]
}

fn run(task: Task<Value>) -> Result<Value, Failure> {
    let looks = task.input["looks"].as_bool().unwrap_or_default();
    let mut seen = Vec::new();
    let mut see = |what: Value| {
        if looks {
            log::info(what.to_string());
            seen.push(what);
        }
    };
    see(json!(AT_START.get()));
    // The hash of a map depends on random numbers too.
    see(json!(RandomState::new().hash_one(1)));
    let mut results = Vec::new();
    // What an operator gives on the command line is text.
    let steps = match &task.input["steps"] {
        Value::String(text) => serde_json::from_str(text)?,
        steps => steps.clone(),
    };
    for step in steps.as_array().into_iter().flatten() {
        see(json!(look()));
        results.push(told(perform(step)));
    }
    see(json!(look()));
    Ok(if looks { json!({ "results": results, "seen": seen }) } else { json!(results) })
}

priory_sdk::agent!(run);

fn told(result: Result<Value, Failure>) -> Value {
    result.unwrap_or_else(|failure| json!({ "failure": failure.to_string() }))
}

fn text<'a>(step: &'a Value, key: &str) -> &'a str {
    step[key].as_str().unwrap_or_default()
}

fn perform(step: &Value) -> Result<Value, Failure> {
    let ms = step["ms"].as_u64().unwrap_or_default();
    match text(step, "do") {
        "tool" => tools::call(text(step, "name"), &step["with"]),
        "agent" => Ok(agents::call(text(step, "name"), &step["with"], None)?.output),
        "post" => Ok(http::send("POST", text(step, "url"), &body(step))?),
        "get" => Ok(http::send("GET", text(step, "url"), "")?),
        "get-within" => Ok(http::get_within(text(step, "url"), ms)?),
        "sleep" => timers::sleep(ms).map(|()| Value::Null),
        "wasi-sleep" => {
            std::thread::sleep(Duration::from_millis(ms));
            Ok(Value::Null)
        }
        "wasi-spin" => {
            let timer = wasip2::clocks::monotonic_clock::subscribe_duration(ms * 1_000_000);
            let mut times = 0;
            while !timer.ready() {
                times += 1;
            }
            Ok(Value::from(times > 0))
        }
        "ask" => human::ask::<Value>(&question(step)).map(|answer| json!([answer.value, answer.by])),
        "emit" => {
            let key = step["key"].as_str();
            Ok(bindings::events::emit(text(step, "name"), &step["with"].to_string(), key).map(Value::from)?)
        }
        "await" => {
            let event: events::Published<Value> = events::wait(&sought(step))?;
            Ok(json!({ "id": event.id, "name": event.name, "data": event.data, "unix-ms": event.unix_ms }))
        }
        "log" => {
            log::info(text(step, "text"));
            Ok(Value::Null)
        }
        "print" => {
            println!("{}", text(step, "text"));
            Ok(Value::Null)
        }
        "append" => {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(text(step, "path"));
            file.and_then(|mut file| file.write_all(text(step, "text").as_bytes()))?;
            Ok(Value::Null)
        }
        "state-get" => {
            Ok(state::get::<Value>(text(step, "key"))?.map_or(Value::Null, |e| json!([e.value, e.revision])))
        }
        "state-put" => write(step),
        "state-keys" => {
            let keys = state::keys(text(step, "prefix"))?.into_iter();
            Ok(keys.map(|one| json!([one.key, one.revision])).collect())
        }
        "state-history" => {
            let changes = state::history(text(step, "key"))?.into_iter();
            Ok(changes.map(|one| json!([one.revision, one.text, one.by])).collect())
        }
        "artifact-put" => Ok(json!(artifacts::put(&content(step))?)),
        "artifact-read" => {
            let content = artifacts::read_whole(text(step, "artifact"), u64::MAX)?;
            Ok(json!([content.len(), hash(&content)]))
        }
        "artifact-part" => {
            let [offset, length] = ["offset", "length"].map(|key| step[key].as_u64().unwrap_or_default());
            let part = artifacts::read(text(step, "artifact"), offset, length)?;
            Ok(Value::from(String::from_utf8_lossy(&part).into_owned()))
        }
        "read" => Ok(Value::from(std::fs::read_to_string(text(step, "path"))?)),
        "all" => all(step),
        other => Err(Failure::other(format!("there is no step `{other}`"))),
    }
}

/// Writes to the state, by the rule of the step; the last value holds where it says none.
fn write(step: &Value) -> Result<Value, Failure> {
    let merge = match text(step, "merge") {
        "append" => Merge::Append,
        "union" => Merge::Union,
        "sum" => Merge::Sum,
        "max" => Merge::Max,
        "min" => Merge::Min,
        _ => Merge::Last,
    };
    let (value, expected) = (step["value"].to_string(), step["expected"].as_u64());
    let entry = bindings::state::write(text(step, "key"), &value, merge, expected)?;
    Ok(json!([serde_json::from_str::<Value>(&entry.value)?, entry.revision]))
}

/// Returns what an artifact is to hold: the text of the step, as often as it says.
fn content(step: &Value) -> Vec<u8> {
    let times = step["times"].as_u64().unwrap_or(1);
    text(step, "text").repeat(usize::try_from(times).unwrap_or(usize::MAX)).into_bytes()
}

/// Returns a number that stands for bytes.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(17, |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}

/// Returns what a request says: what the step says, and a random number, which has to be the same again.
fn body(step: &Value) -> String {
    match step["random"].as_bool() {
        Some(true) => json!([step["with"], wasip2::random::random::get_random_u64()]).to_string(),
        _ => step["with"].to_string(),
    }
}

fn question(step: &Value) -> Question {
    let who = step["who"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    Question {
        text: text(step, "text").to_owned(),
        about: step.get("about").map(Value::to_string),
        kind: kind(step),
        schema: step.get("schema").map(Value::to_string),
        who,
        expires_ms: step["expires-ms"].as_u64(),
    }
}

fn sought(step: &Value) -> Sought {
    let matching = step.get("matching").map(Value::to_string);
    Sought { name: text(step, "name").to_owned(), matching, expires_ms: step["expires-ms"].as_u64() }
}

fn kind(step: &Value) -> Kind {
    let options = step["options"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    match step["kind"].as_str() {
        Some("approve") => Kind::Approve,
        Some("choose") => Kind::Choose(options.collect()),
        Some("edit") => Kind::Edit,
        _ => Kind::Answer,
    }
}

/// Starts several steps, and takes each when it ends. Gives back what each came to, in the order of the list; with
/// `order`, also in which order they ended.
fn all(step: &Value) -> Result<Value, Failure> {
    let steps = step["steps"].as_array().into_iter().flatten();
    let mut waiting =
        steps.enumerate().map(|(at, step)| Ok((at, start(step)?))).collect::<Result<Vec<_>, Failure>>()?;
    let (mut results, mut order) = (vec![Value::Null; waiting.len()], Vec::new());
    while !waiting.is_empty() {
        let handles: Vec<&Pending> = waiting.iter().map(|(_, handle)| handle).collect();
        let (at, ended) = waiting.remove(pending::wait_any(&handles) as usize);
        results[at] = told(ended.wait().map_err(Failure::from).and_then(|json| Ok(serde_json::from_str(&json)?)));
        order.push(at);
    }
    Ok(if step["order"].as_bool().unwrap_or_default() { json!([results, order]) } else { json!(results) })
}

fn start(step: &Value) -> Result<Pending, Failure> {
    let with = step["with"].to_string();
    Ok(match text(step, "do") {
        "tool" => bindings::tools::start(text(step, "name"), &with)?,
        "agent" => bindings::agents::start(text(step, "name"), &with, None)?,
        "sleep" => bindings::timers::start(step["ms"].as_u64().unwrap_or_default())?,
        "ask" => bindings::human::start(&question(step))?,
        "await" => bindings::events::start(&sought(step))?,
        other => return Err(Failure::other(format!("the step `{other}` cannot be started"))),
    })
}
