// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that can happen in a run: a closed set, in one order.

use std::sync::Arc;

use serde::Serialize;

use crate::effect::{Effect, Level, Outcome};
use crate::failure::Failure;
use crate::id::{Digest, FramePath, RunId};
use crate::json::Json;
use crate::limits::Limits;
use crate::program::Report;
use crate::usage::Usage;

/// What a frame executes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", content = "name", rename_all = "kebab-case")]
pub enum Program {
    /// An agent, by its configured name.
    Agent(Arc<str>),
    /// A tool, by its full name.
    Tool(Arc<str>),
    /// Code of the embedder, by the name that it gave.
    Native(Arc<str>),
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Agent(name) => write!(f, "agent {name}"),
            Self::Tool(name) => write!(f, "tool {name}"),
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
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A run began.
    RunStarted {
        /// What its root frame executes.
        program: Program,
        /// What it was given.
        input: Json,
        /// The seed of all its randomness, in hexadecimal.
        seed: String,
    },
    /// A frame began. All that it was given is here.
    FrameStarted {
        /// What it executes.
        program: Program,
        /// The plugin that holds the program; `None` for native code.
        plugin: Option<Digest>,
        /// Its limits, as they were cut to what its ancestors had left.
        limits: Limits,
    },
    /// A frame asks for an effect, and it was authorized.
    Intent {
        /// The position among the effects of the frame.
        step: u32,
        /// What it asks.
        effect: Arc<Effect>,
    },
    /// An effect ended, or was refused.
    Outcome {
        /// The position among the effects of the frame.
        step: u32,
        /// What was asked; machines are told in a few words, since the intent has it whole.
        #[serde(rename = "summary", serialize_with = "in_few_words")]
        effect: Arc<Effect>,
        /// What it came to.
        #[serde(serialize_with = "value_or_failure")]
        outcome: Arc<Outcome>,
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
        #[serde(serialize_with = "value_or_failure")]
        result: Result<Report, Failure>,
        /// What all of its frames used.
        usage: Usage,
    },
}

fn in_few_words<S: serde::Serializer>(effect: &Arc<Effect>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&effect.summary())
}

/// Writes what came to something as `{"value": …}` or `{"failure": …}`.
fn value_or_failure<T: Serialize, S: serde::Serializer>(
    result: &impl std::borrow::Borrow<Result<T, Failure>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = serializer.serialize_map(Some(1))?;
    match result.borrow() {
        Ok(value) => map.serialize_entry("value", value)?,
        Err(failure) => map.serialize_entry("failure", failure)?,
    }
    map.end()
}

/// An event with its place in the run.
#[derive(Debug, Clone, Serialize)]
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
