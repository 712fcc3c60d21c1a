// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a workflow says: its nodes, and what is done around each of them. Plain data, as it is kept with a run.
//!
//! A node is named, and its name stands for its output in the expressions of others. A node that a pattern names as its
//! child belongs to that pattern, and to no other; those that nobody owns are the top of the workflow.

mod around;
mod kind;
mod model;
mod parts;
mod pattern;
mod places;
mod tree;

use std::collections::BTreeMap;

use priory_core::state::Merge;
use priory_core::{Digest, Json};
use serde::{Deserialize, Serialize};

use crate::expression::Expression;

pub use around::{Contract, Escalate, Node, OnFailure, OnSpent, Retry, Undo};
pub use kind::{Case, Expiry, Human, HumanKind, Kind, Settle};
pub use model::{AskedModel, TEMPERATURE_MILLI_MAX};
pub use parts::Part;
pub use pattern::{Compete, Conversation, Crew, CrewTask, Handoff, Pick, Plan, Role, Speaker, Supervisor, Turns, Vote};
pub use places::{EVERYWHERE, Place};
pub use tree::{Flaw, Tree};

/// How many nodes a workflow may have.
pub const NODES_MAX: usize = 16_384;
/// How deep patterns may stand in each other.
pub const NESTING_MAX: usize = 32;
/// How often a loop may go round.
pub const ROUNDS_MAX: u32 = 10_000;
/// Over how many items a map may go.
pub const ITEMS_MAX: usize = 100_000;
/// How many branches may go on side by side.
pub const WIDTH_MAX: usize = 1_024;
/// How often a call may be tried again.
pub const RETRIES_MAX: u32 = 100;
/// How often a broken contract may go back to a node.
pub const ATTEMPTS_MAX: u32 = 10;
/// How large a value may be that passes between nodes, in bytes, where the workflow does not say less.
pub const CONTEXT_BYTES: u64 = 256 << 10;

/// A workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// What it does, for whoever may call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What its input has to fit, as JSON Schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// What its result fits, as JSON Schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    /// What it comes to, over its nodes, its input and its state; without it, the output of its only last node, or an object of
    /// the outputs of all of its last nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Expression>,
    /// The keys of the run's state that its nodes write, and how writes are merged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state: BTreeMap<String, MergeRule>,
    /// When the whole stops.
    #[serde(default)]
    pub stop: Stop,
    /// How large a value may be that passes between nodes, in bytes; larger ones become artifacts.
    pub context_bytes: u64,
    /// The nodes.
    pub nodes: BTreeMap<String, Node>,
}

/// How writes to a key of the state are merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MergeRule {
    /// By a rule of the host.
    Rule(Merge),
    /// By a tool, which is given `current` and `update` and returns what holds from then on.
    Tool(String),
}

/// When a whole workflow stops, apart from its limits and its budget. What is left out is not bounded by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Stop {
    /// After how many calls of its nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// When the same call comes to the same so many times in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u32>,
    /// When a task goes back and forth between the same two so many times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounces: Option<u32>,
}

/// Says why the bytes of a workflow are not one.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// They have not its form.
    #[error("not a workflow: {0}")]
    Form(String),
    /// Its nodes do not fit together.
    #[error("workflow `{workflow}`: {reason}")]
    Nodes {
        /// Which workflow.
        workflow: String,
        /// What does not fit.
        reason: String,
    },
}

impl Definition {
    /// Reads what [`Definition::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DefinitionError> {
        serde_json::from_slice(bytes).map_err(|error| DefinitionError::Form(error.to_string()))
    }

    /// Writes it in the form in which it is kept. Equal workflows are equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DefinitionError> {
        serde_json::to_vec(self).map_err(|error| DefinitionError::Form(error.to_string()))
    }

    /// Returns the digest of its bytes.
    pub fn digest(&self) -> Result<Digest, DefinitionError> {
        Ok(Digest::of(&self.to_bytes()?))
    }

    /// Tells whether bytes are those of a workflow, and not those of a component.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.first() == Some(&b'{')
    }

    /// Returns the agents that its nodes call, workflows among them.
    pub fn agents(&self) -> Vec<&str> {
        let called = self.nodes.values().flat_map(Node::agents);
        sorted(called)
    }

    /// Returns the models that its nodes ask by name.
    pub fn models(&self) -> Vec<&str> {
        sorted(self.nodes.values().filter_map(|node| node.kind.model()?.name.as_deref()))
    }

    /// Tells whether a node asks a model without naming one.
    pub fn asks_usual_model(&self) -> bool {
        self.nodes.values().any(|node| node.kind.model().is_some_and(|asked| asked.name.is_none()))
    }

    /// Returns the tools that its nodes call.
    pub fn tools(&self) -> Vec<&str> {
        let called = self.nodes.values().flat_map(Node::tools);
        let merging = self.state.values().filter_map(|rule| match rule {
            MergeRule::Tool(tool) => Some(tool.as_str()),
            MergeRule::Rule(_) => None,
        });
        sorted(called.chain(merging))
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}
