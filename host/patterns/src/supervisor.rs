// SPDX-License-Identifier: MIT OR Apache-2.0
//! One agent decides who works next, from a roster, until it says that it is done.

use serde_json::{Value, json};

use crate::fault::{Fault, failure};
use crate::parallel::{self, Settle};
use crate::reply::{Reply, consult, question};
use crate::roster::Roster;
use crate::stop::{Stop, at_most};

/// Turns of a supervisor. It sees all that was done in each of them, so they cost more and more.
pub const TURNS_MAX: usize = 1_000;
/// Workers that are given something in one turn.
pub const ASSIGNMENTS_MAX: usize = 256;

/// What a supervisor is to achieve, with whom, and how long it may try.
#[derive(Debug, Clone, PartialEq)]
pub struct Supervision {
    /// What is to be done.
    pub task: Value,
    /// Who can be given work.
    pub roster: Roster,
    /// How often the supervisor may decide.
    pub turns_max: usize,
    /// How many workers go on side by side.
    pub width: usize,
}

/// What the supervisor decided.
enum Decision {
    Next(Vec<Assignment>),
    Done(Value),
}

#[derive(Clone)]
struct Assignment {
    worker: String,
    input: Value,
}

/// Lets `decide` choose who works until it is done, and returns its output.
///
/// It gets `{task, roster, history: [{worker, input, output | failure}], turn, turns-max}` and replies
/// `{"next": worker, "input": any}`, or `{"next": [{"worker": …, "input": …}, …]}` for several side by side, or
/// `{"done": output}`. What a worker failed with is told, and does not end it. The last turn can only be `done`.
pub async fn supervisor<F, Decide, DecideFut, Work, WorkFut>(
    order: Supervision,
    decide: Decide,
    work: Work,
) -> Result<Value, F>
where
    F: Fault,
    Decide: Fn(Value) -> DecideFut,
    DecideFut: Future<Output = Result<Value, F>>,
    Work: Fn(String, Value) -> WorkFut,
    WorkFut: Future<Output = Result<Value, F>>,
{
    let Supervision { task, roster, turns_max, width } = order;
    at_most("turns", turns_max, TURNS_MAX).map_err(F::stopped)?;
    let mut history: Vec<Value> = Vec::new();
    for turn in 1..=turns_max {
        let asked = json!({
            "task": task, "roster": roster.to_value(), "history": history, "turn": turn, "turns-max": turns_max,
        });
        let assignments = match consult(&decide, question(asked), |value| read(value, &roster)).await? {
            Decision::Done(output) => return Ok(output),
            // Nobody would see what comes of it.
            Decision::Next(_) if turn == turns_max => break,
            Decision::Next(assignments) => assignments,
        };
        history.extend(done(assignments, width, &work).await?);
    }
    Err(F::stopped(Stop::TurnsSpent { pattern: "the supervisor", most: turns_max }))
}

/// Has assignments done side by side, and returns what the supervisor is told of them.
async fn done<F, Work, Fut>(assignments: Vec<Assignment>, width: usize, work: &Work) -> Result<Vec<Value>, F>
where
    F: Fault,
    Work: Fn(String, Value) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    let inputs = assignments.iter().map(|assignment| assignment.input.clone()).collect();
    let workers: Vec<String> = assignments.iter().map(|assignment| assignment.worker.clone()).collect();
    let call = |place: usize, input| work(workers.get(place).cloned().unwrap_or_default(), input);
    let settled = parallel::map(inputs, width, call, Settle::Keep).await?;
    let told = assignments.into_iter().zip(settled).map(|(Assignment { worker, input }, one)| match one.result {
        Ok(output) => json!({ "worker": worker, "input": input, "output": output }),
        Err(fault) => json!({ "worker": worker, "input": input, "failure": failure(&fault) }),
    });
    Ok(told.collect())
}

fn read(value: Value, roster: &Roster) -> Result<Decision, Stop> {
    let mut reply = Reply::read("the supervisor", value)?;
    if let Some(output) = reply.take("done") {
        return Ok(Decision::Done(output));
    }
    let assignments = match reply.take("next") {
        Some(Value::String(worker)) => vec![Assignment { worker, input: reply.take("input").unwrap_or(Value::Null) }],
        Some(Value::Array(list)) => {
            at_most("assignments", list.len(), ASSIGNMENTS_MAX)?;
            list.into_iter().map(assignment).collect::<Result<_, _>>()?
        }
        _ => Vec::new(),
    };
    if assignments.is_empty() {
        return Err(reply.refused("say `next` with the name of a worker and its `input`, or `done` with the output"));
    }
    assignments.iter().try_for_each(|assignment| roster.check(&assignment.worker))?;
    Ok(Decision::Next(assignments))
}

fn assignment(value: Value) -> Result<Assignment, Stop> {
    let mut reply = Reply::read("the supervisor", value)?;
    Ok(Assignment { worker: reply.text("worker")?, input: reply.take("input").unwrap_or(Value::Null) })
}
