// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done instead of a node that failed for good: its fallbacks, then whoever decides.

use priory_core::Failure;
use priory_core::effect::Level;

use crate::definition::OnSpent;
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

impl Execution {
    /// Tries the fallbacks of a node in order, with what it was given; then lets somebody decide. The failure that stays is
    /// that of the last that was tried.
    pub(crate) async fn instead(&self, at: &At<'_>, mut broken: Broken) -> Result<Value, Broken> {
        // Whoever cancelled the run did not mean that something else is done instead.
        if matches!(broken.0, Failure::Cancelled { .. }) {
            return Err(broken);
        }
        let mut tried = vec![(at.name, broken.0.clone())];
        let is_spent = matches!(broken.0, Failure::Limit(_));
        if !is_spent || at.node.on_spent != OnSpent::Fail || at.node.budget.is_unbounded() {
            for name in &at.node.fallback {
                self.note(Level::Warn, &format!("node {} failed, and {name} is tried instead: {}", at.name, broken.0));
                match self.node(name, at.scope.clone(), at.input.clone()).await {
                    Ok(output) => return Ok(output),
                    Err(failed) => broken = failed,
                }
                tried.push((name, broken.0.clone()));
            }
        }
        match &at.node.escalate {
            Some(escalate) => self.escalate(at, escalate, &tried).await,
            None => Err(broken),
        }
    }
}
