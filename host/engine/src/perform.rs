// SPDX-License-Identifier: MIT OR Apache-2.0
//! The middle step of the waist: doing what was authorized. One file for each kind of effect.

mod agent;
mod http;
mod list;
mod rest;
mod tool;

use std::sync::Arc;

use priory_core::{Outcome, Task, Value};

use crate::authorize::Plan;
use crate::frame::Frame;

pub(crate) use agent::agent_job;
pub(crate) use rest::wait_for_answer;
pub(crate) use tool::{DynamicTools, tool_job};

/// Performs an authorized effect, which was asked for at some time, in milliseconds since 1970.
pub(crate) async fn perform(frame: &Arc<Frame>, step: u32, plan: Plan, fuel: u64, asked_unix_ms: u64) -> Outcome {
    match plan {
        Plan::Tool { target, arguments, terms } => tool::call(frame, step, &target, arguments, terms.as_deref()).await,
        Plan::ToolList => list::tools(frame, step).await,
        Plan::Agent { entry, input, feedback, terms } => {
            let task = Task { name: entry.name.to_string(), input, feedback };
            agent::call(frame, step, agent_job(&frame.run, &entry, task).on(terms.as_deref())).await
        }
        Plan::AgentList => Ok(list::agents(frame)),
        Plan::Http { request } => http::send(frame, step, request).await,
        Plan::Sleep { ms, may_rest } => rest::sleep(frame, step, ms, asked_unix_ms, may_rest).await,
        Plan::AskHuman { question } => rest::ask(frame, step, question, asked_unix_ms).await,
        Plan::BudgetLeft => Ok(Value::Remaining(frame.remaining(fuel))),
        Plan::BudgetUsed => Ok(Value::Usage(frame.usage_below())),
    }
}
