// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plan and execute: a node makes a plan of tasks, others do them, and another plan is made when one fails or when the facts
//! change on which it stands.

use priory_patterns::plan::{Planning, plan};
use serde_json::{Value as Tree, json};

use super::task;
use crate::definition::Plan;
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// Comes to `{output, tasks}`: what the planner says is the result, and what each task came to.
pub(super) async fn run(execution: &Execution, at: &At<'_>, says: &Plan) -> Result<Value, Broken> {
    let order = Planning {
        goal: task(at)?,
        workers: execution.roster(&says.workers)?,
        rounds_max: says.rounds as usize,
        tasks_max: says.tasks,
        width: says.width,
    };
    let planner = |asked| execution.child(&says.planner, &at.scope, asked);
    let work = |worker: String, asked| async move { execution.child(&worker, &at.scope, asked).await };
    let given = &order.goal.clone();
    let facts = || async move {
        match &says.watch {
            Some(watch) => execution.child(watch, &at.scope, given.clone()).await,
            None => Ok(Tree::Null),
        }
    };
    let achieved = plan(order, planner, work, facts).await?;
    Ok(Value::from(json!({ "output": achieved.output, "tasks": achieved.tasks })))
}
