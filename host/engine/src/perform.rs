// SPDX-License-Identifier: MIT OR Apache-2.0
//! The middle step of the waist: doing what was authorized. One file for each kind of effect.

mod agent;
mod http;
mod list;
mod tool;

use std::sync::Arc;

use priory_core::{Outcome, Value};

use crate::authorize::Plan;
use crate::frame::Frame;

pub(crate) use agent::agent_job;
pub(crate) use tool::{DynamicTools, tool_job};

/// Performs an authorized effect.
pub(crate) async fn perform(frame: &Arc<Frame>, step: u32, plan: Plan, fuel: u64, inline: bool) -> Outcome {
    match plan {
        Plan::Tool { target, arguments } => tool::call(frame, step, &target, arguments, inline).await,
        Plan::ToolList => list::tools(frame, step, inline).await,
        Plan::Agent { entry, input, feedback } => agent::call(frame, step, &entry, input, feedback, inline).await,
        Plan::AgentList => Ok(list::agents(frame)),
        Plan::Http { request } => http::send(frame, request).await,
        Plan::BudgetLeft => Ok(Value::Remaining(frame.remaining(fuel))),
        Plan::BudgetUsed => Ok(Value::Usage(frame.usage_below())),
    }
}
