// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent that scores candidates by criteria, in two orders, and says which is the best and why.
//!
//! **Input**: `{"task"?: ANY, "candidates": CANDIDATES, "criteria"?: [CRITERION]}`, where the candidates are a list of
//! `{"name": TEXT, "output": ANY}`, a list of anything, or an object by name; and a criterion is a text, or `{"name": TEXT,
//! "description"?: TEXT, "weight"?: NUMBER}`. It is what the judge of the pattern `compete` is asked.
//!
//! **Output**: `{"winner": NAME, "why": TEXT, "scores": {NAME: {CRITERION: NUMBER, "total": NUMBER}}, "reasons": {NAME: TEXT},
//! "agreed": BOOL, "margin": NUMBER}`. Scores are from 0 to 10, and a total is their mean by weight.
//!
//! Models prefer what stands first, or last. So the candidates are shown twice, in both orders and without their names, and each
//! score is the mean of both. `agreed` tells whether both orders have the same winner; `margin` is by how much it leads.
//!
//! **Failures**: `invalid` where the input has no candidates, or the model gives no verdict that can be read; and what the model
//! fails with.
//!
//! **Grants**: `models`, `artifacts`.
//!
//! **Configuration**: `criteria` (with commas between them, where the input has none), `model-temperature`, the prompt
//! `prompt.system`, and `window.pinned` for how much of the candidates is shown.

mod case;
mod verdict;

use case::Case;
use priory_sdk::context::{Budgets, Window};
use priory_sdk::model::{self, Completion, Request};
use priory_sdk::outside::{Host, Outside};
use priory_sdk::{Failure, Report, Task, config};
use serde_json::Value;
use verdict::{Sheet, read, schema};

const SYSTEM: &str = include_str!("../prompts/system.md");

priory_sdk::ceiling!(["model=*", "artifact", "config=*", "log"]);
priory_sdk::agent!(run);

fn run(task: Task<Value>) -> Result<Report<Value>, Failure> {
    judge(&Host, &config::get, task)
}

/// Judges the candidates of a task.
fn judge(
    outside: &dyn Outside,
    get: &dyn Fn(&str) -> Result<Option<String>, Failure>,
    task: Task<Value>,
) -> Result<Report<Value>, Failure> {
    let case = Case::read(task.input, config::words(get("criteria")?))?;
    let forward: Vec<usize> = (0..case.candidates.len()).collect();
    let mut orders = vec![forward.clone()];
    // One alone has no place that could matter.
    if forward.len() > 1 {
        orders.push(forward.into_iter().rev().collect());
    }
    let budgets = Budgets::read(get)?.within(outside.room());
    let requests = orders.iter().map(|order| {
        let window = Window::new(budgets);
        request(outside, get, window, (&case, order), task.feedback.as_deref())
    });
    let requests = requests.collect::<Result<Vec<_>, _>>()?;
    let answers = outside.complete_all(&requests);
    let mut sheets: Vec<Sheet> = Vec::new();
    for ((order, request), answer) in orders.iter().zip(requests).zip(answers) {
        sheets.push(sheet(outside, &case, order, request, answer)?);
    }
    let verdict = verdict::settled(&case, &sheets)?;
    let summary = verdict.told();
    Ok(Report::new(verdict.to_value(&case), summary))
}

/// Makes the request that shows the candidates in an order.
fn request(
    outside: &dyn Outside,
    get: &dyn Fn(&str) -> Result<Option<String>, Failure>,
    mut window: Window,
    (case, order): (&Case, &[usize]),
    feedback: Option<&str>,
) -> Result<Request, Failure> {
    window.system(get("prompt.system")?.unwrap_or_else(|| SYSTEM.to_owned()))?;
    let words = case.shown(outside, &mut window, order, feedback);
    window.pin_long(outside, &words)?;
    let mut request = Request::new(window.messages().to_vec()).output(&schema(case)).purpose("verdict");
    let temperature = get("model-temperature")?;
    request.temperature = temperature.map(|text| config::parsed("model-temperature", Some(text), 0.0)).transpose()?;
    Ok(request)
}

fn sheet(
    outside: &dyn Outside,
    case: &Case,
    order: &[usize],
    request: Request,
    answer: Result<Completion, Failure>,
) -> Result<Sheet, Failure> {
    Ok(model::settle(outside, request, answer, |output| read(case, order, output))?.0)
}

#[cfg(test)]
mod tests;
