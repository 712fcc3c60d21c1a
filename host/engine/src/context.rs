// SPDX-License-Identifier: MIT OR Apache-2.0
//! A frame as native code sees it. Everything it asks passes the waist, as it does for a guest.

use std::sync::Arc;

use priory_core::program::AgentInfo;
use priory_core::{Effect, Failure, Json, Outcome, Report, ToolInfo, Value};

use crate::frame::Frame;

/// A frame as native code sees it.
///
/// A clone that is kept keeps its run from ending when it is cancelled.
#[derive(Clone)]
pub struct Context {
    frame: Arc<Frame>,
}

impl Context {
    pub(crate) fn new(frame: Arc<Frame>) -> Self {
        Self { frame }
    }

    /// Calls a tool and waits for its result.
    pub async fn call_tool(&self, tool: &str, arguments: Json) -> Result<Json, Failure> {
        match self.perform(Effect::tool(tool, arguments)).await? {
            Value::Json(json) => Ok(json),
            other => Err(unexpected(&other)),
        }
    }

    /// Gives an agent a task and waits for its report.
    pub async fn call_agent(&self, agent: &str, input: Json) -> Result<Report, Failure> {
        match self.perform(Effect::agent(agent, input, None)).await? {
            Value::Report(report) => Ok(report),
            other => Err(unexpected(&other)),
        }
    }

    /// Lists the tools that are granted.
    pub async fn tools(&self) -> Result<Vec<ToolInfo>, Failure> {
        match self.perform(Effect::ToolList).await? {
            Value::Tools(tools) => Ok(tools),
            other => Err(unexpected(&other)),
        }
    }

    /// Lists the agents that are granted.
    pub async fn agents(&self) -> Result<Vec<AgentInfo>, Failure> {
        match self.perform(Effect::AgentList).await? {
            Value::Agents(agents) => Ok(agents),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts an effect; [`Context::take`] waits for it.
    pub fn start(&self, effect: Effect) -> Result<u32, Failure> {
        self.frame.start(effect, 0)
    }

    /// Waits for a started effect and takes its outcome.
    pub async fn take(&self, number: u32) -> Outcome {
        self.frame.wait(number).await
    }

    /// Performs an effect and waits for its outcome.
    pub async fn perform(&self, effect: Effect) -> Outcome {
        let _performing = self.frame.enter();
        let step = self.frame.next_step();
        self.frame.perform(step, effect, 0).await
    }
}

fn unexpected(value: &Value) -> Failure {
    Failure::other(format!("the effect gave back something of another kind: {value:?}"))
}
