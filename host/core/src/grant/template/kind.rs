// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kinds of grants, before anything is said of them.

use serde::{Deserialize, Serialize};

/// The kinds of grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantKind {
    /// Call tools.
    Tool,
    /// Call agents.
    Agent,
    /// Send requests.
    Http,
    /// See a folder or a file.
    File,
    /// Read or write the state of the run.
    State,
    /// Read artifacts of the run, or make some too.
    Artifact,
    /// Read an environment variable.
    Env,
    /// Read a configuration key.
    Config,
    /// Have the host put a secret on requests.
    Secret,
    /// Publish events, or wait for them.
    Event,
    /// Ask models.
    Model,
    /// Recall what outlives the run, or remember and forget too.
    Memory,
    /// Write log.
    Log,
    /// Ask people.
    Human,
    /// Sleep beyond the time of a frame.
    Sleep,
}

impl GrantKind {
    /// Every kind with its name, as it stands in front of the `=`.
    pub const ALL: [(Self, &'static str); 15] = [
        (Self::Tool, "tool"),
        (Self::Agent, "agent"),
        (Self::Http, "http"),
        (Self::File, "file"),
        (Self::State, "state"),
        (Self::Artifact, "artifact"),
        (Self::Env, "env"),
        (Self::Config, "config"),
        (Self::Secret, "secret"),
        (Self::Event, "event"),
        (Self::Model, "model"),
        (Self::Memory, "memory"),
        (Self::Log, "log"),
        (Self::Human, "human"),
        (Self::Sleep, "sleep"),
    ];

    /// Tells whether each use of such a grant is an effect, so that a person can be asked before it.
    pub fn has_asks(self) -> bool {
        !matches!(self, Self::File | Self::Env | Self::Config | Self::Secret | Self::Log | Self::Human | Self::Sleep)
    }

    /// Tells whether such grants are used one by one, so that a number of uses can bound them.
    pub fn has_uses(self) -> bool {
        !matches!(self, Self::File | Self::Env | Self::Config)
    }
}
