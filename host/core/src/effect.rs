// SPDX-License-Identifier: MIT OR Apache-2.0
//! The only ways in which a program acts on anything outside its own memory.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::grant::rule::without_query;
use crate::http::{HttpRequest, HttpResponse};
use crate::json::Json;
use crate::program::{AgentInfo, Report, ToolInfo};
use crate::usage::Usage;

/// How important a line of log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Every step.
    Trace,
    /// For a developer.
    Debug,
    /// For an operator.
    Info,
    /// Odd, but the work goes on.
    Warn,
    /// Something failed.
    Error,
}

/// Everything that a program can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    /// Call a tool.
    ToolCall {
        /// `plugin.function`, or `plugin.interface.function`.
        tool: String,
        /// An object with one property a parameter.
        arguments: Json,
    },
    /// List the tools that are granted.
    ToolList,
    /// Give an agent a task.
    AgentCall {
        /// Its name.
        agent: String,
        /// What is wanted.
        input: Json,
        /// Why the previous attempt was refused.
        feedback: Option<String>,
    },
    /// List the agents that are granted.
    AgentList,
    /// Send a request and receive the answer.
    HttpRequest(HttpRequest),
    /// Write a line of log.
    Log {
        /// How important it is.
        level: Level,
        /// The line.
        message: String,
    },
    /// Read what is left of the budget.
    BudgetLeft,
    /// Read what was used.
    BudgetUsed,
}

/// What is left of a frame's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Remaining {
    /// Fuel for the frame itself.
    pub fuel_own: u64,
    /// Fuel for what it calls.
    pub fuel_calls: u64,
    /// Effects.
    pub calls: u64,
    /// Bytes of results.
    pub bytes: u64,
    /// Milliseconds until its deadline.
    pub time_ms: u64,
    /// Levels below it.
    pub depth: u32,
}

/// What an effect gave back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
pub enum Value {
    /// The result of a tool.
    Json(Json),
    /// The report of an agent.
    Report(Report),
    /// The tools that are granted.
    Tools(Vec<ToolInfo>),
    /// The agents that are granted.
    Agents(Vec<AgentInfo>),
    /// The answer to a request.
    Http(HttpResponse),
    /// What is left.
    Remaining(Remaining),
    /// What was used.
    Usage(Usage),
    /// Nothing.
    Unit,
}

/// What an effect came to.
pub type Outcome = Result<Value, Failure>;

impl Effect {
    /// Names the effect in a few words, for denials and for people.
    pub fn summary(&self) -> String {
        match self {
            Self::ToolCall { tool, .. } => format!("tool {tool}"),
            Self::ToolList => "list of tools".to_owned(),
            Self::AgentCall { agent, .. } => format!("agent {agent}"),
            Self::AgentList => "list of agents".to_owned(),
            Self::HttpRequest(request) => format!("http {} {}", request.method, without_query(&request.url)),
            Self::Log { .. } => "log".to_owned(),
            Self::BudgetLeft | Self::BudgetUsed => "budget".to_owned(),
        }
    }
}
