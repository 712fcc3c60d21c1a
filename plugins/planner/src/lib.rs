// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent that makes a plan of tasks for others, has it carried out, and plans again when a task fails.
//!
//! **Input**: a goal, as a text or as `{"goal": ANY, "context"?: ANY}` (`task` is as good as `goal`): then it has the plan
//! carried out by the agents that it is granted, tasks side by side as far as they do not need each other. Or what the planner
//! of the pattern `plan` is asked, `{"goal", "workers", "done", "running", "failed", "facts", "changed", "round"}`: then it only
//! makes the next plan, and whoever asks has it carried out.
//!
//! **Output**: `{"output": ANY, "tasks": {ID: ANY}}`, with the output of each task; or what the pattern wants, `{"tasks":
//! [{"id", "worker", "input", "needs"}]}` or `{"done": ANY}`. A worker gets `{"input": ANY, "needs": {ID: ANY}}`.
//!
//! **Failures**: `other` with the data `{"stop": "turns-spent"}` where all rounds were taken, and the other stops of the
//! pattern; and what the model fails with. The failure of a task does not end it.
//!
//! **Grants**: `models`, `agents` that it is to give tasks, `tools` by which it may look before it plans, `artifacts`.
//!
//! **Configuration**: `workers` (names with commas between them; without it, all agents that are granted), `rounds` (how often it
//! plans, 6), `tasks-max` (32), `width` (tasks side by side, 4), the prompt `prompt.system`, and what `think::Rules` and
//! `context::Budgets` of `priory-sdk` read.

mod step;

use priory_sdk::orchestrate::patterns::plan::{Planning, plan};
use priory_sdk::orchestrate::{block_on, call_agent, team};
use priory_sdk::outside::Host;
use priory_sdk::think::material::order;
use priory_sdk::{Failure, Report, Task, agents, config};
use serde_json::{Value, json};

/// How often it plans where nothing is configured.
const ROUNDS: usize = 6;
/// How many tasks it starts where nothing is configured.
const TASKS: usize = 32;
/// How many tasks go on side by side where nothing is configured.
const WIDTH: usize = 4;

priory_sdk::ceiling!(["agent=*", "tool=*", "model=*", "artifact", "config=*", "log"]);
priory_sdk::agent!(run);

fn run(task: Task<Value>) -> Result<Report<Value>, Failure> {
    if step::is_asked(&task.input) {
        let reply = step::plan(&Host, &config::get, &task.input)?;
        return Ok(Report { summary: Some(step::told(&reply)), output: reply });
    }
    let planned = Planning {
        goal: order(task.input, &["goal", "task"], task.feedback),
        workers: team(agents::list()?, config::words(config::get("workers")?).as_deref())?,
        rounds_max: config::parsed("rounds", config::get("rounds")?, ROUNDS)?,
        tasks_max: config::parsed("tasks-max", config::get("tasks-max")?, TASKS)?,
        width: config::parsed("width", config::get("width")?, WIDTH)?,
    };
    let planner = |asked: Value| step::plan(&Host, &config::get, &asked);
    pursue(planned, planner, |worker, order| call_agent::<Value, _>(&worker, &order, None))
}

/// Has a goal pursued by workers.
fn pursue<Work, WorkFut>(
    order: Planning,
    planner: impl Fn(Value) -> Result<Value, Failure>,
    work: Work,
) -> Result<Report<Value>, Failure>
where
    Work: Fn(String, Value) -> WorkFut,
    WorkFut: Future<Output = Result<Value, Failure>>,
{
    let planner = |asked| {
        let reply = planner(asked);
        async move { reply }
    };
    let achieved = block_on(plan(order, planner, work, || async { Ok(Value::Null) }))?;
    let summary = format!("Achieved with {} tasks.", achieved.tasks.len());
    Ok(Report::new(json!({ "output": achieved.output, "tasks": achieved.tasks }), summary))
}

#[cfg(test)]
mod tests;
