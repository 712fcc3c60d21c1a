// SPDX-License-Identifier: MIT OR Apache-2.0
//! The only ways in which a program acts on anything outside its own memory.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::amounts::BudgetSpec;
use crate::artifact::{ArtifactInfo, ArtifactOp, ArtifactPart};
use crate::failure::Failure;
use crate::grant::rule::without_query;
use crate::http::{HttpRequest, HttpResponse};
use crate::inbox::EventRecord;
use crate::json::Json;
use crate::memory::{MemoryOp, MemoryValue};
use crate::model::{Completion, Delta, Embedded, ListedModel, ModelRequest};
use crate::program::{AgentInfo, Report, ToolInfo};
use crate::state::{StateChange, StateEntry, StateKey, StateOp};
use crate::usage::Usage;

pub use crate::question::{Answer, Ask, Decision, Question};

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
    /// Wait until somebody cancels the run, so that a program can clear up behind itself. The outcome says who: `{"by": …}`.
    AwaitCancel,
    /// Publish an event, once, however often the run is taken up.
    Emit {
        /// What kind of event, such as `order.placed`.
        name: String,
        /// What it says.
        data: Json,
        /// What it is about: whoever publishes the same name and key again says nothing new. `None` makes it a new one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Wait for an event that was published since the run began, and that the run has not taken yet.
    AwaitEvent {
        /// Its name.
        name: String,
        /// Fields that its data has to have, with these values.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        matching: Option<Json>,
        /// After how many milliseconds it is not waited for any more; `None` waits for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_ms: Option<u64>,
    },
    /// Read or write what the frames of the run share.
    State(StateOp),
    /// Make or read a value that is too large to be passed inline.
    Artifact(ArtifactOp),
    /// Ask a model.
    ModelCall {
        /// What.
        request: Box<ModelRequest>,
        /// Whether the frame hears the answer while it is written, by [`Effect::ModelRead`].
        #[serde(default, skip_serializing_if = "is_false")]
        is_heard: bool,
        /// For which node of a workflow, and on which terms, where the caller sets any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        terms: Option<Box<Terms>>,
    },
    /// Hear the next piece of an answer that is being written.
    ModelRead {
        /// The step at which the model was asked.
        call: u32,
        /// The part of the answer that is next.
        part: u32,
        /// Where in it the next piece begins, in bytes.
        offset: u64,
    },
    /// List the models that are granted.
    ModelList,
    /// Make vectors of texts.
    Embed {
        /// The model; `None` is the one that is configured for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// The texts.
        texts: Vec<String>,
    },
    /// Remember, recall or forget what outlives the run.
    Memory(MemoryOp),
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
    /// Tokens that models may still read.
    #[serde(default = "unbounded")]
    pub tokens_in: u64,
    /// Tokens that models may still write.
    #[serde(default = "unbounded")]
    pub tokens_out: u64,
    /// Money, in micro-dollars.
    #[serde(default = "unbounded")]
    pub money_microusd: u64,
}

fn unbounded() -> u64 {
    u64::MAX
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
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
    /// What was published.
    Event(EventRecord),
    /// What a key of the state holds, or what a write made of it; `None` where nothing was written.
    State(Option<StateEntry>),
    /// The keys of the state.
    StateKeys(Vec<StateKey>),
    /// The writes of a key, the newest last.
    StateHistory(Vec<StateChange>),
    /// What is known of an artifact.
    Artifact(ArtifactInfo),
    /// A part of an artifact.
    ArtifactPart(ArtifactPart),
    /// What a model answered.
    Completion(Box<Completion>),
    /// A piece of an answer; `None` when it is whole.
    Delta(Option<Delta>),
    /// The models that are granted.
    Models(Vec<ListedModel>),
    /// Texts as vectors.
    Embedded(Embedded),
    /// What the memory gave back.
    Memory(MemoryValue),
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
            Self::AwaitCancel => "wait for a cancellation".to_owned(),
            Self::Emit { name, .. } => format!("event {name}"),
            Self::AwaitEvent { name, .. } => format!("wait for event {name}"),
            Self::State(op) => op.summary(),
            Self::Artifact(op) => op.summary(),
            Self::ModelCall { request, .. } => match (&request.model, &request.purpose) {
                (Some(model), Some(purpose)) => format!("model {model} for {purpose}"),
                (Some(model), None) => format!("model {model}"),
                (None, Some(purpose)) => format!("model for {purpose}"),
                (None, None) => "model".to_owned(),
            },
            Self::ModelRead { .. } => "piece of an answer".to_owned(),
            Self::ModelList => "list of models".to_owned(),
            Self::Embed { model: Some(model), .. } => format!("vectors by {model}"),
            Self::Embed { model: None, .. } => "vectors".to_owned(),
            Self::Memory(op) => op.summary(),
            Self::BudgetLeft | Self::BudgetUsed => "budget".to_owned(),
        }
    }
    /// Tells what repeating the effect itself would mean. The frames that a call opens answer for themselves.
    pub fn nature(&self) -> Nature {
        match self {
            Self::ToolCall { .. } | Self::AgentCall { .. } | Self::ToolList | Self::AgentList => Nature::Pure,
            Self::Log { .. } | Self::BudgetUsed | Self::State(_) | Self::Artifact(_) => Nature::Pure,
            Self::BudgetLeft | Self::Sleep { .. } | Self::AskHuman(_) | Self::AwaitCancel => Nature::ReadOnly,
            Self::AwaitEvent { .. } => Nature::ReadOnly,
            Self::HttpRequest(request) if request.is_safe() => Nature::ReadOnly,
            Self::ModelList => Nature::Pure,
            Self::ModelRead { .. } | Self::Memory(MemoryOp::Recall { .. }) => Nature::ReadOnly,
            Self::HttpRequest(_) | Self::Emit { .. } | Self::Memory(_) => Nature::Repeatable,
            Self::ModelCall { .. } | Self::Embed { .. } => Nature::Repeatable,
        }
    }

    /// Tells whether it touches anything outside the run, so that what stands before it must be durable first.
    pub fn is_external(&self) -> bool {
        let is_one = matches!(self, Self::HttpRequest(_) | Self::AskHuman(_) | Self::Emit { .. });
        is_one || matches!(self, Self::ModelCall { .. } | Self::Embed { .. } | Self::Memory(_))
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
