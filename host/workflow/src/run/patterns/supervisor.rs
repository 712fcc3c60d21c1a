// SPDX-License-Identifier: MIT OR Apache-2.0
//! Supervisor: a node picks who works next, from a roster, until it says that it is done.

use priory_patterns::supervisor::{Supervision, supervisor};

use super::task;
use crate::definition::{Supervisor, WIDTH_MAX};
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

pub(super) async fn run(execution: &Execution, at: &At<'_>, says: &Supervisor) -> Result<Value, Broken> {
    let order = Supervision {
        task: task(at)?,
        roster: execution.roster(&says.workers)?,
        turns_max: says.turns as usize,
        width: WIDTH_MAX,
    };
    let decide = |asked| execution.child(&says.manager, &at.scope, asked);
    let work = |worker: String, input| async move { execution.child(&worker, &at.scope, input).await };
    supervisor(order, decide, work).await.map(Value::from)
}
