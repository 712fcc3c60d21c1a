// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs tests over a code base, and says which do not hold.

use priory_sdk::{Failure, Report, Task, tools};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

priory_sdk::ceiling!(["tool=checker.run"]);
priory_sdk::agent!(run);

#[derive(Deserialize)]
struct Input {
    programs: Value,
    tests: Vec<Source>,
}

/// A file; whatever else is told of it is not needed.
#[derive(Serialize, Deserialize)]
struct Source {
    path: String,
    text: String,
}

#[derive(Serialize, Deserialize)]
struct Verdict {
    path: String,
    line: u32,
    test: String,
    problem: Option<String>,
}

/// What it answers.
#[derive(Serialize)]
struct Output {
    ok: bool,
    /// How many tests were run.
    ran: usize,
    failed: Vec<Verdict>,
}

fn run(task: Task<Input>) -> Result<Report<Output>, Failure> {
    let Input { programs, tests } = task.input;
    let verdicts: Vec<Verdict> = tools::call("checker.run", &json!({ "programs": programs, "tests": tests }))?;
    let ran = verdicts.len();
    let failed: Vec<Verdict> = verdicts.into_iter().filter(|verdict| verdict.problem.is_some()).collect();
    let summary = format!("{} of {ran} tests hold.", ran.saturating_sub(failed.len()));
    Ok(Report::new(Output { ok: failed.is_empty(), ran, failed }, summary))
}
