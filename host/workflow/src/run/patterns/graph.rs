// SPDX-License-Identifier: MIT OR Apache-2.0
//! Graph: several nodes, each of which runs when what it needs is there.

use crate::expression::{Expression, Value};
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

pub(super) async fn run(
    execution: &Execution,
    at: &At<'_>,
    nodes: &[String],
    result: Option<&Expression>,
) -> Result<Value, Broken> {
    let outputs = execution.graph(nodes, &at.scope, &at.input).await?;
    let Some(result) = result else { return Ok(execution.last_outputs(nodes, &outputs)) };
    let mut scope = at.scope.child();
    outputs.into_iter().for_each(|(name, output)| scope.set(name, output));
    result.evaluate(&scope).map_err(|error| execution.wrong(at.name, "graph.result", &error))
}
