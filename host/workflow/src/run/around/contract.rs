// SPDX-License-Identifier: MIT OR Apache-2.0
//! Holds the output of a node to its contract. What breaks it goes back to the node, and to nobody else.

use priory_core::Failure;
use priory_core::effect::{Level, Terms};

use crate::definition::Kind;
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::{Execution, written};
use crate::run::node::At;

impl Execution {
    /// Does what a node does until its output fits, as often as its contract allows; from the second time on it is told
    /// what was wrong. `hint` is what it is told the first time.
    pub(super) async fn held(&self, at: &At<'_>, hint: Option<String>, terms: &Terms) -> Result<Value, Broken> {
        let contract = &at.node.contract;
        // Only who is asked can be told what was wrong; everything else would do the same again.
        let can_be_told = matches!(at.node.kind, Kind::Agent(_) | Kind::Workflow(_) | Kind::Model(_) | Kind::Human(_));
        let attempts = if can_be_told { contract.attempts.max(1) } else { 1 };
        let mut feedback = hint;
        let mut attempt = 1;
        loop {
            let output = self.once(at, feedback, terms.clone()).await?;
            let Some(schema) = &at.prepared.output else { return Ok(output) };
            let subject = || format!("output of node {}", at.name);
            match schema.validate(&written(&output)?, subject) {
                Ok(()) => return Ok(output),
                Err(failure) if attempt < attempts => {
                    self.note(Level::Warn, &format!("node {} is asked again: {failure}", at.name));
                    feedback = Some(told(&failure));
                    attempt += 1;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }
}

/// Says what was wrong with an output in words for whoever made it.
fn told(failure: &Failure) -> String {
    match failure {
        Failure::Invalid(invalid) if invalid.pointer.is_empty() => {
            format!("the output is not valid: {}", invalid.reason)
        }
        Failure::Invalid(invalid) => format!("the output is not valid at {}: {}", invalid.pointer, invalid.reason),
        other => other.to_string(),
    }
}
