// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls to agents.

use std::sync::Arc;

use priory_core::effect::Terms;
use priory_core::ports::{Entry, Returned};
use priory_core::{Failure, Outcome, Task, Value};

use crate::catalog::AgentEntry;
use crate::execute::{self, Body, Job};
use crate::frame::Frame;
use crate::gate::GateKind;
use crate::run::Run;

use super::turn::{self, Called};

pub(super) async fn call(
    frame: &Arc<Frame>,
    step: u32,
    entry: &Arc<AgentEntry>,
    task: Task,
    terms: Option<&Terms>,
) -> Outcome {
    let run = frame.run.clone();
    let called = Called { kind: GateKind::Agent, holder: &entry.name, name: &entry.name, spec: &entry.gate };
    let (job, turn) = turn::take(frame, step, called, agent_job(&run, entry, task), terms).await?;
    // Boxed, because an agent may call an agent.
    let returned = Box::pin(execute::execute(&run, Some(frame), frame.given.path.child(step), job)).await;
    let outcome = match returned {
        Ok(Returned::Report(report)) => Ok(Value::Report(report)),
        Ok(Returned::Json(_) | Returned::Tools(_)) => {
            Err(Failure::other("the sandbox returned no report for an agent"))
        }
        Err(failure) => Err(failure),
    };
    turn::end(turn, &outcome);
    outcome
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
        gate: None,
    }
}
