// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of a node: what it is, and what is done around it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::choice::{Choice, Worded};
use super::grants::Entry;
use super::kind::{AskedModel, Event, Graph, Human, Loop, MapOver, Parallel, Route};
use super::pattern::{Compete, Conversation, Crew, Handoff, Plan, Supervisor, Vote};
use super::{At, Budget, Free, FreeTable, Named};

/// A node. Exactly one key says what it is: `agent`, `tool`, `workflow`, `model`, `human`, `value`, `emit`, `event`, `graph`,
/// `sequence`, `parallel`, `map`, `route`, `loop`, `supervisor`, `handoff`, `crew`, `conversation`, `compete`, `vote`, `plan`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Node {
    /// Gives an agent a task: its name.
    pub(crate) agent: Option<At<String>>,
    /// Calls a tool: `plugin.function`.
    pub(crate) tool: Option<At<String>>,
    /// Gives another workflow a task: its name.
    pub(crate) workflow: Option<At<String>>,
    /// Asks a model, without an agent between them: its name, or a table. It comes to a text, or to what its output schema says.
    pub(crate) model: Option<At<Entry<AskedModel>>>,
    /// Asks a person.
    pub(crate) human: Option<At<Human>>,
    /// Comes to a value and calls nothing: an expression, or a table or a list in which every string is one.
    pub(crate) value: Option<At<Free>>,
    /// Publishes an event, with what the node is given as its data: its name.
    pub(crate) emit: Option<At<String>>,
    /// Waits for an event: its name, or a table.
    pub(crate) event: Option<At<Entry<Event>>>,
    /// Several nodes, each of which runs when what it needs is there.
    pub(crate) graph: Option<At<Graph>>,
    /// Nodes one after the other; each is given what the one before came to.
    pub(crate) sequence: Option<At<Vec<At<String>>>>,
    /// Nodes side by side with the same task.
    pub(crate) parallel: Option<At<Parallel>>,
    /// One node for each item of a list, side by side.
    pub(crate) map: Option<At<MapOver>>,
    /// The first node whose condition holds.
    pub(crate) route: Option<At<Route>>,
    /// One node again and again.
    #[serde(rename = "loop")]
    pub(crate) repeat: Option<At<Loop>>,
    /// An agent picks who works next.
    pub(crate) supervisor: Option<At<Supervisor>>,
    /// An agent passes the task on to another.
    pub(crate) handoff: Option<At<Handoff>>,
    /// Roles work on tasks.
    pub(crate) crew: Option<At<Crew>>,
    /// Several talk on one transcript.
    pub(crate) conversation: Option<At<Conversation>>,
    /// Several attempt the same task, and one wins.
    pub(crate) compete: Option<At<Compete>>,
    /// Several decide together.
    pub(crate) vote: Option<At<Vote>>,
    /// An agent makes a plan of tasks, and another where that fails.
    pub(crate) plan: Option<At<Plan>>,
    /// What it does, for people and for agents that choose among nodes.
    pub(crate) description: Option<At<String>>,
    /// What it is given: an expression, or a table in which every string is one. Without it, what its pattern gives, or the
    /// input of the workflow.
    pub(crate) with: Option<At<Free>>,
    /// Whether it is done at all: an expression. One that is not done comes to nothing.
    pub(crate) when: Option<At<String>>,
    /// Nodes beside it that come first, apart from those whose outputs it uses.
    pub(crate) after: Vec<At<String>>,
    /// What it has to be given: a JSON Schema, or the path of a file that holds one.
    pub(crate) input_schema: Option<At<Entry<FreeTable>>>,
    /// What its output has to fit: a JSON Schema, or the path of a file that holds one.
    pub(crate) output_schema: Option<At<Entry<FreeTable>>>,
    /// How often it is called until its output fits; 2 without it.
    #[schemars(range(min = 1))]
    pub(crate) attempts: Option<At<u32>>,
    /// How long it may take, in milliseconds.
    pub(crate) timeout_ms: Option<At<u64>>,
    /// What is done again when it fails.
    pub(crate) retry: Option<At<Retry>>,
    /// Nodes that are tried instead, in order, with the same input.
    pub(crate) fallback: Vec<At<String>>,
    /// What each of its calls may spend with everything below it.
    pub(crate) budget: Option<At<Budget>>,
    /// What is done when that is spent: `fail`, `fallback`, or `ask` a person for more.
    pub(crate) on_spent: Option<At<OnSpent>>,
    /// Who decides when nothing else helps.
    pub(crate) escalate: Option<At<Escalate>>,
    /// What undoes it when the workflow fails or is cancelled later.
    pub(crate) undo: Option<At<Undo>>,
    /// What its failure means: `fail` for those around it, `keep` it as its output, or another output.
    pub(crate) on_failure: Option<At<Choice<OnFailure>>>,
    /// What it writes to the state of the run: expressions by key, over its `output`.
    #[schemars(extend("maxProperties" = crate::manifest::ENTRIES_MAX))]
    pub(crate) write: Named<String>,
}

/// What is done again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Retry {
    /// On which kinds of failures; without it, on those that may pass by themselves.
    pub(crate) on: Vec<At<String>>,
    /// How often, after the first time; 3 without it.
    pub(crate) times: Option<At<u32>>,
    /// How long to wait before the first time, in milliseconds; 200 without it.
    pub(crate) backoff_ms: Option<At<u64>>,
    /// How many times longer before each further time; 2 without it.
    pub(crate) factor: Option<At<f64>>,
    /// How long at most, in milliseconds; 10000 without it.
    pub(crate) backoff_ms_max: Option<At<u64>>,
    /// Which share of the time is random, from 0 to 1; 0.2 without it.
    pub(crate) jitter: Option<At<f64>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum OnSpent {
    Fail,
    Fallback,
    Ask,
}

/// Who decides about a node that failed for good.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Escalate {
    /// A node that is told everything and decides.
    pub(crate) to: Option<At<String>>,
    /// Whether a person decides when that node does not.
    pub(crate) human: bool,
    /// How long the person has, in milliseconds.
    pub(crate) expires_ms: Option<At<u64>>,
}

/// What undoes a node that had finished.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["node"]))]
pub(crate) struct Undo {
    /// The node that does it.
    pub(crate) node: Option<At<String>>,
    /// What it is given, over `given` and `output` of the node that it undoes; without it, an object of both.
    pub(crate) with: Option<At<Free>>,
}

/// Another output instead of a failure.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["value"]))]
pub(crate) struct OnFailure {
    /// What its output is, over `failure`.
    pub(crate) value: Option<At<Free>>,
}

impl Worded for OnFailure {
    const WORDS: &'static [&'static str] = &["fail", "keep"];
}
