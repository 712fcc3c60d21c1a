// SPDX-License-Identifier: MIT OR Apache-2.0
//! One node, with all that is done around it.
//!
//! condition → input → contract → (call → contract, told what was wrong) → again → more budget → instead → decided → written

use std::pin::pin;

use futures_util::future::{Either, select};
use priory_core::effect::{Level, Terms};
use priory_core::failure::Timeout;
use priory_core::ports::BoxFuture;
use priory_core::{Effect, Failure};
use priory_patterns::fault::kept;

use super::broken::Broken;
use super::execution::{Execution, written};
use super::workflow::Prepared;
use crate::definition::{Node, OnFailure};
use crate::expression::{Scope, Value};

/// A node that is being executed, and what it has to do with.
pub(crate) struct At<'a> {
    pub(crate) name: &'a str,
    pub(crate) node: &'a Node,
    pub(crate) prepared: &'a Prepared,
    /// Every name that its expressions may use.
    pub(crate) scope: Scope,
    /// What it is given.
    pub(crate) input: Value,
}

impl Execution {
    /// Executes a node. `given` is what its pattern gives it.
    pub(crate) fn node<'a>(&'a self, name: &str, scope: Scope, given: Value) -> BoxFuture<'a, Result<Value, Broken>> {
        let name = name.to_owned();
        // Boxed, because nodes stand in nodes.
        Box::pin(async move {
            let Some((name, node)) = self.workflow.definition.nodes.get_key_value(&name) else {
                return Err(Failure::absent(format!("node {name}"), "the workflow has none of that name").into());
            };
            let (_, prepared) = self.workflow.node(name)?;
            let _live = self.pace.enter(&self.label).await?;
            let scope = self.with_state(&prepared.reads, scope.child().with("given", given.clone())).await?;
            if let Some(when) = &node.when
                && !when.holds(&scope).map_err(|error| self.wrong(name, "when", &error))?
            {
                self.note(Level::Info, &format!("node {name} is left out: {} does not hold", when.source()));
                return Ok(Value::Null);
            }
            let mut at = At { name, node, prepared, scope, input: given };
            match self.whole(&mut at).await {
                Ok(output) => self.finish(&at, output).await,
                Err(broken) => self.failed(&at, broken),
            }
        })
    }

    /// Executes a node that a pattern names, with JSON on both sides.
    pub(crate) async fn child(
        &self,
        name: &str,
        scope: &Scope,
        given: serde_json::Value,
    ) -> Result<serde_json::Value, Broken> {
        let output = self.node(name, scope.clone(), Value::from(given)).await?;
        output.to_json().map_err(|error| Failure::other(error.to_string()).into())
    }

    /// Finds out what the node is given, and does everything that may lead to an output.
    async fn whole(&self, at: &mut At<'_>) -> Result<Value, Broken> {
        if let Some(with) = &at.node.with {
            at.input = with.evaluate(&at.scope).map_err(|error| self.wrong(at.name, "with", &error))?;
        }
        if let Some(schema) = &at.prepared.input {
            schema.validate(&written(&at.input)?, || format!("what node {} is given", at.name))?;
        }
        let at = &*at;
        match self.again(at).await {
            Ok(output) => Ok(output),
            Err(broken) => self.instead(at, broken).await,
        }
    }

    /// Does what the node does, once, within its time.
    pub(crate) async fn once(&self, at: &At<'_>, feedback: Option<String>, terms: Terms) -> Result<Value, Broken> {
        let is_call = at.node.kind.is_call();
        // A call is cut by its own terms, which need no timer.
        let Some(ms) = at.node.timeout_ms.filter(|_| !is_call) else { return self.kind(at, feedback, terms).await };
        let timer = pin!(self.desk.ask(Effect::Sleep { ms }));
        let done = pin!(self.kind(at, feedback, terms));
        match select(done, timer).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => {
                let frame = format!("{}, node {}", self.label, at.name);
                Err(Failure::Timeout(Timeout { allowed_ms: ms, frame }).into())
            }
        }
    }

    /// Writes what the node writes, and notes how it is undone.
    async fn finish(&self, at: &At<'_>, output: Value) -> Result<Value, Broken> {
        if !at.node.write.is_empty() {
            self.write(at, &output).await?;
        }
        if let Some(undo) = &at.node.undo {
            self.will_undo(at, undo, &output)?;
        }
        Ok(output)
    }

    /// Makes of a failure what the node says that it means for those around it.
    fn failed(&self, at: &At<'_>, broken: Broken) -> Result<Value, Broken> {
        match &at.node.on_failure {
            OnFailure::Fail => Err(broken),
            OnFailure::Keep => {
                self.note(Level::Warn, &format!("node {} failed, and is kept: {}", at.name, broken.0));
                Ok(Value::from(kept(&broken)))
            }
            OnFailure::Value(mapping) => {
                self.note(Level::Warn, &format!("node {} failed, and has another value: {}", at.name, broken.0));
                let failure = Value::from(kept(&broken)).get("failure").cloned().unwrap_or_default();
                let scope = at.scope.child().with("failure", failure);
                mapping.evaluate(&scope).map_err(|error| self.wrong(at.name, "on-failure.value", &error))
            }
        }
    }
}
