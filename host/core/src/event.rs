// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that can happen in a run: a closed set, in one order.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::amounts::BudgetSpec;
use crate::artifact::Reference;
use crate::effect::{Effect, Level, Outcome, Value};
use crate::failure::Failure;
use crate::grant::GrantSet;
use crate::id::{Digest, FramePath, RunId};
use crate::json::Json;
use crate::limits::{LimitSpec, Limits};
use crate::model::Spent;
use crate::ports::Mount;
use crate::program::Report;
use crate::usage::Usage;

/// What a frame executes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "name", rename_all = "kebab-case")]
pub enum Program {
    /// An agent, by its configured name.
    Agent(Arc<str>),
    /// A tool, by its full name.
    Tool(Arc<str>),
    /// A workflow, by its configured name.
    Workflow(Arc<str>),
    /// Code of the embedder, by the name that it gave.
    Native(Arc<str>),
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent(name) => write!(f, "agent {name}"),
            Self::Tool(name) => write!(f, "tool {name}"),
            Self::Workflow(name) => write!(f, "workflow {name}"),
            Self::Native(name) => write!(f, "native {name}"),
        }
    }
}

/// Names a frame in failures: `path program`. It is only written out when something fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where the frame is.
    pub path: FramePath,
    /// What it executes.
    pub program: Program,
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.path, self.program)
    }
}

impl From<&Label> for String {
    fn from(label: &Label) -> Self {
        label.to_string()
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "kebab-case")]
pub enum Event {
    /// A run began.
    RunStarted(Box<RunStarted>),
    /// A host took the run up again after another one, or after itself.
    RunResumed {
        /// What executes guests from here on; other engines may count fuel otherwise.
        engine: Arc<str>,
    },
    /// A frame began. All that it was given is here.
    FrameStarted(Box<FrameStarted>),
    /// A frame asks for an effect, and it was authorized.
    Intent {
        /// The position among the effects of the frame.
        step: u32,
        /// What it asks.
        effect: Arc<Effect>,
    },
    /// A frame asked for an effect, and it was refused.
    Refused {
        /// The position among the effects of the frame.
        step: u32,
        /// What it asked.
        effect: Arc<Effect>,
        /// Why it was refused.
        failure: Failure,
    },
    /// An effect ended.
    Outcome {
        /// The position among the effects of the frame.
        step: u32,
        /// What it came to.
        #[serde(with = "crate::effect::value_or_failure")]
        outcome: Arc<Outcome>,
    },
    /// A step of a frame spent something on a model. It stands before the outcome of the step.
    Spent {
        /// The position among the effects of the frame.
        step: u32,
        /// What was spent.
        spent: Spent,
    },
    /// A frame wrote a line.
    Log {
        /// How important it is.
        level: Level,
        /// The line.
        message: Arc<str>,
    },
    /// A frame ended.
    FrameEnded {
        /// Why it failed; `None` when it did not.
        failure: Option<Failure>,
        /// What the frame itself used, without its children.
        usage: Usage,
    },
    /// The run ended.
    RunEnded {
        /// What it came to.
        #[serde(with = "crate::effect::value_or_failure")]
        result: Result<Report, Failure>,
        /// What all of its frames used.
        usage: Usage,
    },
}

impl Event {
    /// Returns the artifacts that a run needs as long as this event is one of its own: those that it was given, and those
    /// that it made.
    pub fn artifacts(&self) -> Vec<Digest> {
        match self {
            Self::RunStarted(started) => Reference::all_in(&started.input),
            Self::Outcome { outcome, .. } => match &**outcome {
                Ok(Value::Artifact(info)) => vec![info.digest],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

/// What a run was started with: enough to start it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunStarted {
    /// What its root frame executes.
    pub program: Program,
    /// What it was given.
    pub input: Json,
    /// The seed of all its randomness, in hexadecimal.
    pub seed: String,
    /// What the operator gave; grants may be templates over it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// What the caller allowed at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<GrantSet>,
    /// Limits of the root frame that the caller set.
    #[serde(default)]
    pub limits: LimitSpec,
    /// What the caller let the whole run spend.
    #[serde(default)]
    pub budget: BudgetSpec,
    /// What executes guests; other engines may count fuel otherwise.
    pub engine: Arc<str>,
    /// What was configured, by the digest of its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Digest>,
    /// The run and the event from which this one goes another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<(RunId, u64)>,
    /// The model that is asked where a program names none, in place of what is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Up to which position what was published before the run began is none of its business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_after: Option<u64>,
}

/// What a frame was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FrameStarted {
    /// What it executes.
    pub program: Program,
    /// The plugin that holds the program; `None` for native code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Digest>,
    /// Its limits, as they were cut to what its ancestors had left.
    pub limits: Limits,
    /// Folders and files that it sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Environment variables that it sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// Configuration that it sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<(String, String)>,
}

/// An event with its place in the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Envelope {
    /// The run.
    pub run: RunId,
    /// The position in the run, without gaps, from 0.
    pub seq: u64,
    /// The frame.
    pub frame: FramePath,
    /// Wall-clock time, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Fuel that the frame had burnt.
    pub fuel: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
