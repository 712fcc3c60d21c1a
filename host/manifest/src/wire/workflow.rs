// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of a workflow: of a table below `[workflows]`, and of a file of its own.

use schemars::JsonSchema;
use serde::Deserialize;

use priory_workflow::definition::NODES_MAX;

use super::choice::{Choice, Worded};
use super::grants::{Entry, Grants};
use super::node::Node;
use super::{At, Budget, FreeTable, Limits, Named};

/// A program that is data: a graph of nodes that call agents, tools, people and other workflows. An expression is CEL: in
/// it, the name of a node is its output, `input` is what the workflow is given, and `state` what it has written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Workflow {
    /// A file that holds all of this, relative to the manifest; then nothing else is said here.
    pub(crate) file: Option<At<String>>,
    /// What it is for, for people and models.
    pub(crate) description: Option<At<String>>,
    /// What it comes to: an expression. Without it, the output of the only last node, or a table of those of all last ones.
    pub(crate) result: Option<At<String>>,
    /// What its input has to fit: a JSON Schema, or the path of a file that holds one.
    pub(crate) input_schema: Option<At<Entry<FreeTable>>>,
    /// What its result has to fit: a JSON Schema, or the path of a file that holds one.
    pub(crate) output_schema: Option<At<Entry<FreeTable>>>,
    /// What each of its frames may use at most.
    pub(crate) limits: Limits,
    /// What one call of it may spend with everything that it causes.
    pub(crate) budget: Budget,
    /// What it may do besides what its nodes name.
    pub(crate) grants: Grants,
    /// What it may not do itself, but passes on to what it calls.
    pub(crate) lends: Grants,
    /// The keys of the run's state that its nodes write.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) state: Named<StateKey>,
    /// When the whole stops.
    pub(crate) stop: Stop,
    /// How large a value may be that passes between nodes, in bytes; larger ones become artifacts. 262144 without it.
    #[schemars(range(min = 1))]
    pub(crate) context_bytes: Option<At<u64>>,
    /// The nodes: lower-case letters, digits and `_`, since their names stand in expressions.
    #[schemars(extend("maxProperties" = NODES_MAX))]
    pub(crate) nodes: Named<Node>,
}

/// A key of the state of a run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct StateKey {
    /// How writes become one value: `last` (what holds without this), `append`, `union`, `sum`, `max`, `min`, or a tool that
    /// is given `current` and `update`.
    pub(crate) merge: Option<At<Choice<MergeTool>>>,
}

/// A tool that merges.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["tool"]))]
pub(crate) struct MergeTool {
    /// The tool: `plugin.function`.
    pub(crate) tool: Option<At<String>>,
}

impl Worded for MergeTool {
    const WORDS: &'static [&'static str] = &["last", "append", "union", "sum", "max", "min"];
}

/// When a whole workflow stops; what is left out does not stop it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Stop {
    /// After how many calls of its nodes.
    #[schemars(range(min = 1))]
    pub(crate) steps: Option<u64>,
    /// When the same call comes to the same so many times in a row.
    #[schemars(range(min = 2))]
    pub(crate) repeats: Option<u32>,
    /// When a task goes back and forth between the same two so many times.
    #[schemars(range(min = 1))]
    pub(crate) bounces: Option<u32>,
}
