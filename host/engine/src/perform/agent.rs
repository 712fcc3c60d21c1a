// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls to agents.

use std::sync::Arc;

use priory_core::ports::{Entry, Returned};
use priory_core::{Failure, Outcome, Task, Value};

use crate::catalog::AgentEntry;
use crate::execute::{self, Body, Job};
use crate::frame::Frame;
use crate::run::Run;

pub(super) async fn call(frame: &Arc<Frame>, step: u32, job: Job) -> Outcome {
    let run = frame.run.clone();
    // Boxed, because an agent may call an agent.
    let returned = Box::pin(execute::execute(&run, Some(frame), frame.given.path.child(step), job)).await?;
    match returned {
        Returned::Report(report) => Ok(Value::Report(report)),
        Returned::Json(_) | Returned::Tools(_) => Err(Failure::other("the sandbox returned no report for an agent")),
    }
}

/// Makes the job of a frame of an agent.
pub(crate) fn agent_job(run: &Run, entry: &Arc<AgentEntry>, task: Task) -> Job {
    let config = entry.plugin.config.iter().chain(&entry.config).cloned().collect();
    Job {
        program: entry.program(),
        body: Body::Guest { plugin: entry.plugin.clone(), entry: Entry::Agent(task) },
        layers: run.layers.of_agent(&entry.name),
        limits: run.catalog.limits.tightened(&entry.plugin.limits).tightened(&entry.limits),
        budget: Some(entry.budget.amounts()),
        config,
    }
}
