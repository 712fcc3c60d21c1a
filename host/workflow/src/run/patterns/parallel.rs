// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parallel: several nodes side by side, with the same task.

use priory_patterns::fault::kept;
use priory_patterns::parallel::branches;

use super::{settle, tree};
use crate::definition::Settle;
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// Comes to an object of the outputs by the names of the branches; those that were dropped or withdrawn are not in it.
pub(super) async fn run(execution: &Execution, at: &At<'_>, nodes: &[String], how: Settle) -> Result<Value, Broken> {
    let given = tree(&at.input)?;
    let work = nodes.iter().map(|node| execution.child(node, &at.scope, given.clone())).collect();
    let settled = branches(work, settle(how)).await?;
    let outputs = settled.into_iter().filter_map(|one| {
        let output = one.result.unwrap_or_else(|broken| kept(&broken));
        Some((nodes.get(one.place)?.as_str().into(), Value::from(output)))
    });
    Ok(Value::map(outputs))
}
