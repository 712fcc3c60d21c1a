// SPDX-License-Identifier: MIT OR Apache-2.0
//! An agent that decides, turn by turn, who of the others works next, until the task is done.
//!
//! **Input**: a task, as a text or as `{"task": ANY, "context"?: ANY}`: then it leads the agents that it is granted. Or what the
//! manager of the pattern `supervisor` is asked, `{"task", "roster", "history", "turn", "turns-max"}`: then it only decides once.
//!
//! **Output**: the result; or what the pattern wants, `{"next": [{"worker", "input"}]}` or `{"done": ANY}`.
//!
//! **Failures**: `other` with the data `{"stop": "turns-spent"}` where all turns were taken, and the other stops of the
//! pattern; and what the model fails with. The failure of a worker does not end it.
//!
//! **Grants**: `models`, `agents` that it leads, `tools` by which it may look before it decides, `artifacts`.
//!
//! **Configuration**: `workers` (names with commas between them; without it, all agents that are granted), `turns` (how often it
//! decides, 10), `width` (workers side by side, 4), the prompt `prompt.system`, and what `think::Rules` and
//! `context::Budgets` of `priory-sdk` read.

mod step;

use priory_sdk::orchestrate::patterns::supervisor::{Supervision, supervisor};
use priory_sdk::orchestrate::{block_on, call_agent, team};
use priory_sdk::outside::Host;
use priory_sdk::think::material::order;
use priory_sdk::{Failure, Report, Task, agents, config};
use serde_json::Value;

/// How often it decides where nothing is configured.
const TURNS: usize = 10;
/// How many workers go on side by side where nothing is configured.
const WIDTH: usize = 4;

priory_sdk::ceiling!(["agent=*", "tool=*", "model=*", "artifact", "config=*", "log"]);
priory_sdk::agent!(run);

fn run(task: Task<Value>) -> Result<Report<Value>, Failure> {
    if step::is_asked(&task.input) {
        let reply = step::decide(&Host, &config::get, &task.input)?;
        return Ok(Report { summary: Some(step::told(&reply)), output: reply });
    }
    let led = Supervision {
        task: order(task.input, &["task"], task.feedback),
        roster: team(agents::list()?, config::words(config::get("workers")?).as_deref())?,
        turns_max: config::parsed("turns", config::get("turns")?, TURNS)?,
        width: config::parsed("width", config::get("width")?, WIDTH)?,
    };
    let decide = |asked: Value| step::decide(&Host, &config::get, &asked);
    lead(led, decide, |worker, input| call_agent::<Value, _>(&worker, &input, None))
}

/// Leads workers until the task is done.
fn lead<Work, WorkFut>(
    order: Supervision,
    decide: impl Fn(Value) -> Result<Value, Failure>,
    work: Work,
) -> Result<Report<Value>, Failure>
where
    Work: Fn(String, Value) -> WorkFut,
    WorkFut: Future<Output = Result<Value, Failure>>,
{
    let turns = std::cell::Cell::new(0_usize);
    let decide = |asked| {
        turns.set(turns.get() + 1);
        let reply = decide(asked);
        async move { reply }
    };
    let output = block_on(supervisor(order, decide, work))?;
    Ok(Report::new(output, format!("Done after {} decisions.", turns.get())))
}

#[cfg(test)]
mod tests;
