// SPDX-License-Identifier: MIT OR Apache-2.0
//! The middle step of the waist: doing what was authorized. One file for each kind of effect.

mod agent;
pub(crate) mod artifact;
mod cached;
mod embed;
mod event;
mod http;
mod list;
pub(crate) mod memory;
mod model;
mod paid;
mod read;
mod rest;
pub(crate) mod state;
mod tool;
mod turn;

use std::sync::Arc;

use priory_core::{Failure, Outcome, Task, Value};

use crate::authorize::Plan;
use crate::frame::Frame;
use event::Wanted;

pub(crate) use agent::agent_job;
pub(crate) use rest::ask_aside;
pub(crate) use tool::{DynamicTools, tool_job};

/// Performs an authorized effect, which was asked for at some time, in milliseconds since 1970.
pub(crate) async fn perform(frame: &Arc<Frame>, step: u32, plan: Plan, fuel: u64, asked_unix_ms: u64) -> Outcome {
    match plan {
        Plan::Tool { target, arguments, terms } => tool::call(frame, step, &target, arguments, terms.as_deref()).await,
        Plan::ToolList => list::tools(frame, step).await,
        Plan::Agent { entry, input, feedback, terms } => {
            let task = Task { name: entry.name.to_string(), input, feedback };
            agent::call(frame, step, &entry, task, terms.as_deref()).await
        }
        Plan::AgentList => Ok(list::agents(frame)),
        Plan::Http { request } => http::send(frame, step, request).await,
        Plan::Sleep { ms, may_rest } => rest::sleep(frame, step, ms, asked_unix_ms, may_rest).await,
        Plan::AskHuman { question } => rest::ask(frame, step, question, asked_unix_ms).await,
        Plan::Emit { name, data, key } => event::emit(frame, step, name, data, key, asked_unix_ms).await,
        Plan::AwaitEvent { name, matching, expires_ms } => {
            event::wait(frame, step, Wanted { name, matching, expires_ms }, asked_unix_ms).await
        }
        Plan::ReadArtifact { digest, offset, length } => artifact::read(frame, step, digest, offset, length).await,
        Plan::StatArtifact { digest } => artifact::stat(frame, step, digest).await,
        // These are done and recorded as one, so not here.
        Plan::State { .. } | Plan::PutArtifact { .. } => {
            Err(Failure::other("this effect is performed where it is recorded"))
        }
        Plan::Model(plan) => model::call(frame, step, *plan, fuel).await,
        Plan::ModelRead { call, part, offset } => read::next(frame, call, part, offset).await,
        Plan::ModelList => Ok(list::models(frame)),
        Plan::Embed { model, texts, bill } => embed::embed(frame, step, &bill, &model, texts, fuel).await,
        Plan::Memory { op, bill } => memory::perform(frame, step, op, &bill, asked_unix_ms, fuel).await,
        Plan::AwaitCancel => rest::await_cancel(frame, step).await,
        Plan::BudgetLeft => Ok(Value::Remaining(frame.remaining(fuel))),
        Plan::BudgetUsed => Ok(Value::Usage(frame.usage_below())),
    }
}
