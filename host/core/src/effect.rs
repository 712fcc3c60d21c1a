// SPDX-License-Identifier: MIT OR Apache-2.0
//! The only ways in which a program acts on anything outside its own memory.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::amounts::BudgetSpec;
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
#[serde(tag = "effect", content = "of", rename_all = "kebab-case")]
pub enum Effect {
    /// Call a tool.
    ToolCall {
        /// `plugin.function`, or `plugin.interface.function`.
        tool: String,
        /// An object with one property a parameter.
        arguments: Json,
        /// On which terms, where the caller sets any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terms: Option<Box<Terms>>,
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
        /// On which terms, where the caller sets any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terms: Option<Box<Terms>>,
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
    /// Wait for some time.
    Sleep {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// Ask a person and wait for the answer.
    AskHuman(Question),
    /// Read what is left of the budget.
    BudgetLeft,
    /// Read what was used.
    BudgetUsed,
}

/// On which terms a call is made. They narrow what is configured, and never widen it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Terms {
    /// For which node of a workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Arc<str>>,
    /// In how many milliseconds of wall-clock time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// What the call may spend with everything that it causes.
    #[serde(default, skip_serializing_if = "BudgetSpec::is_unbounded")]
    pub budget: BudgetSpec,
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Question {
    /// What is asked, for a person.
    pub text: String,
    /// A JSON Schema that the answer has to fit; `None` takes any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Json>,
    /// Who may answer; empty means whoever may answer at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// After how many milliseconds nobody may answer any more; `None` waits for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Answer {
    /// The answer, which fits the schema of its question.
    pub value: Json,
    /// Who gave it.
    pub by: String,
}

/// What becomes of an effect whose intent is written down and whose outcome is not: what repeating it would mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nature {
    /// It touches nothing outside the run; it is computed again.
    Pure,
    /// It only looks at the outside; it looks again.
    ReadOnly,
    /// It may change the outside, and carries a key by which the outside knows a repetition.
    Repeatable,
    /// It may change the outside, and nothing tells whether it did.
    Opaque,
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
    /// What a person said.
    Answer(Answer),
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
    /// Makes a call to a tool on no terms of its own.
    pub fn tool(tool: impl Into<String>, arguments: Json) -> Self {
        Self::ToolCall { tool: tool.into(), arguments, terms: None }
    }

    /// Makes a call to an agent on no terms of its own.
    pub fn agent(agent: impl Into<String>, input: Json, feedback: Option<String>) -> Self {
        Self::AgentCall { agent: agent.into(), input, feedback, terms: None }
    }

    /// Names the effect in a few words, for denials and for people.
    pub fn summary(&self) -> String {
        match self {
            Self::ToolCall { tool, .. } => format!("tool {tool}"),
            Self::ToolList => "list of tools".to_owned(),
            Self::AgentCall { agent, .. } => format!("agent {agent}"),
            Self::AgentList => "list of agents".to_owned(),
            Self::HttpRequest(request) => format!("http {} {}", request.method, without_query(&request.url)),
            Self::Log { .. } => "log".to_owned(),
            Self::Sleep { ms } => format!("sleep {ms} ms"),
            Self::AskHuman(_) => "question to a person".to_owned(),
            Self::BudgetLeft | Self::BudgetUsed => "budget".to_owned(),
        }
    }
    /// Tells what repeating the effect itself would mean. The frames that a call opens answer for themselves.
    pub fn nature(&self) -> Nature {
        match self {
            Self::ToolCall { .. } | Self::AgentCall { .. } | Self::ToolList | Self::AgentList => Nature::Pure,
            Self::Log { .. } | Self::BudgetUsed => Nature::Pure,
            Self::BudgetLeft | Self::Sleep { .. } | Self::AskHuman(_) => Nature::ReadOnly,
            Self::HttpRequest(request) if request.is_safe() => Nature::ReadOnly,
            Self::HttpRequest(_) => Nature::Repeatable,
        }
    }

    /// Tells whether it touches anything outside the run, so that what stands before it must be durable first.
    pub fn is_external(&self) -> bool {
        matches!(self, Self::HttpRequest(_) | Self::AskHuman(_))
    }
}

/// Writes what came to something as `{"value": …}` or `{"failure": …}`.
pub mod value_or_failure {
    use std::borrow::Borrow;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::failure::Failure;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Wire<T> {
        Value(T),
        Failure(Failure),
    }

    /// Writes it.
    pub fn serialize<T: Serialize, S: Serializer>(
        result: &impl Borrow<Result<T, Failure>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match result.borrow() {
            Ok(value) => Wire::Value(value).serialize(serializer),
            Err(failure) => Wire::<&T>::Failure(failure.clone()).serialize(serializer),
        }
    }

    /// Reads it.
    pub fn deserialize<'de, T: Deserialize<'de>, O: From<Result<T, Failure>>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<O, D::Error> {
        Ok(O::from(match Wire::deserialize(deserializer)? {
            Wire::Value(value) => Ok(value),
            Wire::Failure(failure) => Err(failure),
        }))
    }
}
