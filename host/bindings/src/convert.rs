// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversions between the generated types and core's.

mod memory;
mod model;

use priory_core::effect::{Level, Remaining};
use priory_core::failure::{self as core_failure};
use priory_core::program::{AgentInfo, Report, Task, ToolInfo};
use priory_core::{Dimension, Failure, Json, Usage};

use crate::wit::priory::agent::{budget, log};
use crate::wit::types;

pub use memory::{fact_of_guest, query_of_guest, scope_of_guest, which_of_guest};
pub use model::request_of_guest;

/// How many names a guest may put on the backtrace of a failure that it passes on.
const BACKTRACE_MAX: usize = 32;

/// Checks a JSON text of a guest. `subject` says whose it is.
pub fn json_of_guest(text: &str, subject: &str) -> Result<Json, Failure> {
    Json::parse(text).map_err(|error| Failure::invalid(subject, "", error.to_string()))
}

/// Takes over a report of a guest.
pub fn report_of_guest(report: types::Report, subject: &str) -> Result<Report, Failure> {
    Ok(Report { output: json_of_guest(&report.output, &format!("report of {subject}"))?, summary: report.summary })
}

/// Takes over a list of tools of a guest.
pub fn tools_of_guest(tools: Vec<types::Tool>, subject: &str) -> Result<Vec<ToolInfo>, Failure> {
    let tool = |tool: types::Tool| {
        let subject = format!("schema of {} of {subject}", tool.name);
        Ok(ToolInfo {
            input_schema: json_of_guest(&tool.input_schema, &subject)?,
            output_schema: tool.output_schema.map(|text| json_of_guest(&text, &subject)).transpose()?,
            name: tool.name,
            description: tool.description,
        })
    };
    tools.into_iter().map(tool).collect()
}

/// Takes over a failure that a guest returned.
///
/// It may be one that the guest received, or one that it made; either way it says nothing about the guest's host, and is
/// believed only as the word of that guest.
pub fn failure_of_guest(failure: types::Failure) -> Failure {
    match failure {
        types::Failure::Denied(d) => {
            Failure::Denied(core_failure::Denial { effect: d.effect, by: d.by, remedy: d.remedy })
        }
        types::Failure::Limit(l) => Failure::limit(dimension_of_guest(l.dimension), l.used, l.allowed, l.frame),
        types::Failure::Timeout(t) => {
            Failure::Timeout(core_failure::Timeout { allowed_ms: t.allowed_ms, frame: t.frame })
        }
        types::Failure::Trap(mut t) => {
            t.backtrace.truncate(BACKTRACE_MAX);
            Failure::Trap(core_failure::Trap { code: t.code, frame: t.frame, backtrace: t.backtrace })
        }
        types::Failure::Invalid(i) => Failure::invalid(i.subject, i.pointer, i.reason),
        types::Failure::Unavailable(u) => Failure::Unavailable(core_failure::Unavailable {
            subject: u.subject,
            reason: u.reason,
            retriable: u.retriable,
        }),
        types::Failure::Conflict(reason) => Failure::Conflict { reason },
        types::Failure::Cancelled(by) => Failure::Cancelled { by },
        types::Failure::InDoubt(effect) => Failure::InDoubt { effect },
        types::Failure::Other(other) => Failure::Other(core_failure::Other {
            message: other.message,
            // An error value that is not JSON is dropped: the message stays.
            data: other.data.and_then(|text| Json::parse(&text).ok()),
        }),
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Denied(d) => Self::Denied(types::Denial { effect: d.effect, by: d.by, remedy: d.remedy }),
            Failure::Limit(l) => match dimension(l.dimension) {
                Some(dimension) => {
                    Self::Limit(types::LimitHit { dimension, used: l.used, allowed: l.allowed, frame: l.frame })
                }
                None => Self::Timeout(types::Timeout { allowed_ms: l.allowed, frame: l.frame }),
            },
            Failure::Timeout(t) => Self::Timeout(types::Timeout { allowed_ms: t.allowed_ms, frame: t.frame }),
            Failure::Trap(t) => Self::Trap(types::Trap { code: t.code, frame: t.frame, backtrace: t.backtrace }),
            Failure::Invalid(i) => {
                Self::Invalid(types::Invalid { subject: i.subject, pointer: i.pointer, reason: i.reason })
            }
            Failure::Unavailable(u) => {
                Self::Unavailable(types::Unavailable { subject: u.subject, reason: u.reason, retriable: u.retriable })
            }
            Failure::Conflict { reason } => Self::Conflict(reason),
            Failure::Cancelled { by } => Self::Cancelled(by),
            Failure::InDoubt { effect } => Self::InDoubt(effect),
            Failure::Other(o) => {
                Self::Other(types::Other { message: o.message, data: o.data.map(|json| json.to_string()) })
            }
        }
    }
}

/// Returns the dimension in the contract; time has none, since it has a failure of its own.
fn dimension(dimension: Dimension) -> Option<types::Dimension> {
    Some(match dimension {
        Dimension::Fuel => types::Dimension::Fuel,
        Dimension::MemoryBytes => types::Dimension::Memory,
        Dimension::TimeMs => return None,
        Dimension::TableElements => types::Dimension::TableElements,
        Dimension::Instances => types::Dimension::Instances,
        Dimension::Handles => types::Dimension::Handles,
        Dimension::StackBytes => types::Dimension::Stack,
        Dimension::OutputBytes => types::Dimension::OutputBytes,
        Dimension::LogBytes => types::Dimension::LogBytes,
        Dimension::CallBytes => types::Dimension::CallBytes,
        Dimension::Calls => types::Dimension::Calls,
        Dimension::Pending => types::Dimension::Pending,
        Dimension::Depth => types::Dimension::Depth,
        Dimension::TotalBytes => types::Dimension::TotalBytes,
        Dimension::Repeats => types::Dimension::Repeats,
        Dimension::TokensIn => types::Dimension::TokensIn,
        Dimension::TokensOut => types::Dimension::TokensOut,
        Dimension::MoneyMicrousd => types::Dimension::MoneyMicrousd,
    })
}

fn dimension_of_guest(dimension: types::Dimension) -> Dimension {
    match dimension {
        types::Dimension::Fuel => Dimension::Fuel,
        types::Dimension::Memory => Dimension::MemoryBytes,
        types::Dimension::TableElements => Dimension::TableElements,
        types::Dimension::Instances => Dimension::Instances,
        types::Dimension::Handles => Dimension::Handles,
        types::Dimension::Stack => Dimension::StackBytes,
        types::Dimension::OutputBytes => Dimension::OutputBytes,
        types::Dimension::LogBytes => Dimension::LogBytes,
        types::Dimension::CallBytes => Dimension::CallBytes,
        types::Dimension::Calls => Dimension::Calls,
        types::Dimension::Pending => Dimension::Pending,
        types::Dimension::Depth => Dimension::Depth,
        types::Dimension::TotalBytes => Dimension::TotalBytes,
        types::Dimension::Repeats => Dimension::Repeats,
        types::Dimension::TokensIn => Dimension::TokensIn,
        types::Dimension::TokensOut => Dimension::TokensOut,
        types::Dimension::MoneyMicrousd => Dimension::MoneyMicrousd,
    }
}

impl From<Task> for types::Task {
    fn from(task: Task) -> Self {
        Self { name: task.name, input: task.input.to_string(), feedback: task.feedback }
    }
}

impl From<Report> for types::Report {
    fn from(report: Report) -> Self {
        Self { output: report.output.to_string(), summary: report.summary }
    }
}

impl From<ToolInfo> for types::Tool {
    fn from(tool: ToolInfo) -> Self {
        Self {
            name: tool.name,
            description: tool.description,
            input_schema: tool.input_schema.to_string(),
            output_schema: tool.output_schema.map(|schema| schema.to_string()),
        }
    }
}

impl From<AgentInfo> for types::AgentInfo {
    fn from(agent: AgentInfo) -> Self {
        Self { name: agent.name, description: agent.description }
    }
}

impl From<Usage> for types::Usage {
    fn from(usage: Usage) -> Self {
        let Usage { fuel, memory_bytes, compute_us, wait_us, calls, bytes, .. } = usage;
        let Usage { tokens_in, tokens_out, money_microusd, .. } = usage;
        Self { fuel, memory_bytes, compute_us, wait_us, calls, bytes, tokens_in, tokens_out, money_microusd }
    }
}

impl From<Remaining> for budget::Remaining {
    fn from(left: Remaining) -> Self {
        let Remaining { fuel_own, fuel_calls, calls, bytes, time_ms, depth, .. } = left;
        let Remaining { tokens_in, tokens_out, money_microusd, .. } = left;
        Self { fuel_own, fuel_calls, calls, bytes, time_ms, depth, tokens_in, tokens_out, money_microusd }
    }
}

impl From<log::Level> for Level {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Trace => Self::Trace,
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}
