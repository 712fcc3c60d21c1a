// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sequence: one after the other; each is given what the one before came to, and may use the names of all before it.

use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

pub(super) async fn run(execution: &Execution, at: &At<'_>, nodes: &[String]) -> Result<Value, Broken> {
    let mut scope = at.scope.child();
    let mut given = at.input.clone();
    for node in nodes {
        given = execution.node(node, scope.clone(), given).await?;
        scope.set(node, given.clone());
    }
    Ok(given)
}
