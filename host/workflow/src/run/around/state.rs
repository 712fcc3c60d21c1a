// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shared state of the run, as a node reads and writes it.

use priory_core::effect;
use priory_core::state::{Merge, StateOp};
use priory_core::{Effect, Failure, Json};
use serde_json::json;

use crate::definition::MergeRule;
use crate::expression::{Scope, Value};
use crate::run::broken::Broken;
use crate::run::call::unexpected;
use crate::run::execution::{Execution, written};
use crate::run::node::At;

/// How often a merge by a tool begins again because somebody else wrote meanwhile.
const MERGES_MAX: u32 = 100;

impl Execution {
    /// Reads keys of the state, and returns a scope in which `state` holds them. Where there are none, nothing is asked.
    pub(crate) async fn with_state(&self, keys: &[String], scope: Scope) -> Result<Scope, Broken> {
        if keys.is_empty() {
            return Ok(scope);
        }
        let mut held = Vec::with_capacity(keys.len());
        for key in keys {
            held.push((key.as_str().into(), self.read(key).await?.0));
        }
        Ok(scope.with("state", Value::map(held)))
    }

    /// Writes what a node writes.
    pub(crate) async fn write(&self, at: &At<'_>, output: &Value) -> Result<(), Broken> {
        let scope = at.scope.child().with("output", output.clone());
        for (key, expression) in &at.node.write {
            let value = expression.evaluate(&scope);
            let value = value.map_err(|error| self.wrong(at.name, &format!("write.{key}"), &error))?;
            let merge = match self.workflow.definition.state.get(key) {
                Some(MergeRule::Tool(tool)) => {
                    self.merge(key, value, tool).await?;
                    continue;
                }
                Some(MergeRule::Rule(merge)) => *merge,
                None => Merge::Last,
            };
            let op = StateOp::Write { key: key.clone(), value: written(&value)?, merge, expected: None };
            self.ask(Effect::State(op)).await?;
        }
        Ok(())
    }

    /// Merges a value into a key by a tool: what the tool returns is written if nobody else has written meanwhile.
    async fn merge(&self, key: &str, update: Value, tool: &str) -> Result<(), Broken> {
        let update = update.to_json().map_err(|error| Failure::other(error.to_string()))?;
        for _ in 0..MERGES_MAX {
            let (current, revision) = self.read(key).await?;
            let current = current.to_json().map_err(|error| Failure::other(error.to_string()))?;
            let arguments = Json::from(json!({ "current": current, "update": update }));
            let merged = match self.ask(Effect::tool(tool, arguments)).await? {
                effect::Value::Json(json) => json,
                other => return Err(unexpected(&other)),
            };
            let expected = Some(revision);
            let op = StateOp::Write { key: key.to_owned(), value: merged, merge: Merge::Last, expected };
            match self.ask(Effect::State(op)).await {
                Ok(_) => return Ok(()),
                Err(Broken(Failure::Conflict { .. })) => {}
                Err(broken) => return Err(broken),
            }
        }
        let reason = format!("state {key} was written by others {MERGES_MAX} times while {tool} merged it");
        Err(Failure::Conflict { reason }.into())
    }

    /// Reads a key, with its revision; one that is not there is `null` at 0.
    async fn read(&self, key: &str) -> Result<(Value, u64), Broken> {
        match self.ask(Effect::State(StateOp::Read { key: key.to_owned() })).await? {
            effect::Value::State(Some(entry)) => Ok((Value::from(entry.value.to_value()), entry.revision)),
            effect::Value::State(None) => Ok((Value::Null, 0)),
            other => Err(unexpected(&other)),
        }
    }
}
