// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a node is: a call, a question, or a pattern over other nodes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::AskedModel;
use super::pattern::{Compete, Conversation, Crew, Handoff, Plan, Supervisor, Vote};
use crate::expression::{Expression, Mapping, Template};

/// What a node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Gives an agent a task.
    Agent(String),
    /// Calls a tool.
    Tool(String),
    /// Gives another workflow a task.
    Workflow(String),
    /// Asks a model.
    Model(AskedModel),
    /// Asks a person.
    Human(Human),
    /// Comes to a value, and calls nothing.
    Value(Mapping),
    /// Publishes an event, with what it is given as data.
    Emit(String),
    /// Waits for an event.
    Event {
        /// Its name.
        name: String,
        /// Fields of its data that have to be equal.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        matching: BTreeMap<String, Mapping>,
        /// How long, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_ms: Option<u64>,
        /// What happens then.
        #[serde(default)]
        on_expiry: Expiry,
    },
    /// Several nodes, each of which runs when what it needs is there.
    Graph {
        /// Which.
        nodes: Vec<String>,
        /// What they come to; without it, the output of the only last one, or an object of the outputs of all last ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        result: Option<Expression>,
    },
    /// One after the other; each is given what the one before came to.
    Sequence(Vec<String>),
    /// Several side by side, with the same task. Comes to an object of their outputs.
    Parallel {
        /// Which.
        branches: Vec<String>,
        /// What a failed one means for the others.
        #[serde(default)]
        settle: Settle,
    },
    /// One node for each item of a list, side by side. Comes to a list.
    Map {
        /// The list.
        over: Expression,
        /// The node; it is given the item, which is `item` at `index`.
        body: String,
        /// How many go on at once.
        width: usize,
        /// What a failed one means for the others.
        #[serde(default)]
        settle: Settle,
    },
    /// The first node whose condition holds.
    Route {
        /// Conditions and nodes, in order.
        cases: Vec<Case>,
        /// The node where none holds; without it, that is a failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default: Option<String>,
    },
    /// One node again and again, which is `round` (from 0) with `last`, what it came to before.
    Loop {
        /// The node.
        body: String,
        /// When it is enough, over `output` and `round`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Expression>,
        /// How often at most.
        rounds: u32,
        /// What it is given from the second time on, over `output` and `round`; without it, what it came to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carry: Option<Expression>,
        /// Whether what it came to last will do where `until` never held.
        #[serde(default)]
        last_will_do: bool,
    },
    /// An agent picks who works next.
    Supervisor(Supervisor),
    /// An agent passes the task on to another.
    Handoff(Handoff),
    /// Roles work on tasks.
    Crew(Crew),
    /// Several talk on one transcript.
    Conversation(Conversation),
    /// Several attempt the same task, and one wins.
    Compete(Compete),
    /// Several decide together.
    Vote(Vote),
    /// An agent makes a plan of tasks, and makes another where that fails.
    Plan(Plan),
}

/// A condition and a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Case {
    /// The condition.
    pub when: Expression,
    /// The node.
    pub node: String,
}

/// What a failed branch means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settle {
    /// The whole fails, and the others are withdrawn.
    #[default]
    All,
    /// It is left out.
    Drop,
    /// It keeps its place, with the failure in it.
    Keep,
    /// So many have to succeed; then the others are withdrawn.
    Quorum(usize),
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Human {
    /// In which way.
    pub kind: HumanKind,
    /// The question.
    pub text: Template,
    /// What it is about, shown with it; for an approval and for an edit, what is approved or edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Mapping>,
    /// Who may answer; empty means whoever may answer at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<String>,
    /// How long, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// What happens then.
    #[serde(default)]
    pub on_expiry: Expiry,
}

/// In which way a person is asked, and what the node comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HumanKind {
    /// Yes or no. Comes to what was approved; a rejection is a failure.
    Approve,
    /// One of several. Comes to the chosen text.
    Choose(Vec<Template>),
    /// Approve, change or reject. Comes to what was approved, changed or not.
    Edit,
    /// Anything that fits the output contract of the node.
    Answer,
}

/// What happens when nobody answered, or nothing came, in time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// The node fails, out of time.
    #[default]
    Fail,
    /// The node comes to something.
    Value(Mapping),
}

impl Kind {
    /// Returns the word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Agent(_) => "agent",
            Self::Tool(_) => "tool",
            Self::Workflow(_) => "workflow",
            Self::Model(_) => "model",
            Self::Human(_) => "human",
            Self::Value(_) => "value",
            Self::Emit(_) => "emit",
            Self::Event { .. } => "event",
            Self::Graph { .. } => "graph",
            Self::Sequence(_) => "sequence",
            Self::Parallel { .. } => "parallel",
            Self::Map { .. } => "map",
            Self::Route { .. } => "route",
            Self::Loop { .. } => "loop",
            Self::Supervisor(_) => "supervisor",
            Self::Handoff(_) => "handoff",
            Self::Crew(_) => "crew",
            Self::Conversation(_) => "conversation",
            Self::Compete(_) => "compete",
            Self::Vote(_) => "vote",
            Self::Plan(_) => "plan",
        }
    }

    /// Returns the nodes that it names as its own.
    pub fn children(&self) -> Vec<&str> {
        match self {
            Self::Agent(_) | Self::Tool(_) | Self::Workflow(_) | Self::Human(_) => Vec::new(),
            Self::Model(_) | Self::Value(_) | Self::Emit(_) | Self::Event { .. } => Vec::new(),
            Self::Graph { nodes, .. } => texts(nodes),
            Self::Sequence(nodes) => texts(nodes),
            Self::Parallel { branches, .. } => texts(branches),
            Self::Map { body, .. } | Self::Loop { body, .. } => vec![body],
            Self::Route { cases, default } => {
                cases.iter().map(|case| case.node.as_str()).chain(default.as_deref()).collect()
            }
            Self::Supervisor(supervisor) => supervisor.children(),
            Self::Handoff(handoff) => handoff.children(),
            Self::Crew(crew) => crew.children(),
            Self::Conversation(conversation) => conversation.children(),
            Self::Compete(compete) => compete.children(),
            Self::Vote(vote) => vote.children(),
            Self::Plan(plan) => plan.children(),
        }
    }

    /// Tells whether it is a call of an agent, and of which.
    pub fn agent(&self) -> Option<&str> {
        match self {
            Self::Agent(name) | Self::Workflow(name) => Some(name),
            _ => None,
        }
    }

    /// Tells whether it asks a model, and what.
    pub fn model(&self) -> Option<&AskedModel> {
        match self {
            Self::Model(asked) => Some(asked),
            _ => None,
        }
    }

    /// Tells whether it spends something itself: calls have budgets.
    pub fn is_call(&self) -> bool {
        matches!(self, Self::Agent(_) | Self::Tool(_) | Self::Workflow(_) | Self::Model(_))
    }

    /// Tells whether it is a call of a tool, and of which.
    pub fn tool(&self) -> Option<&str> {
        match self {
            Self::Tool(name) => Some(name),
            _ => None,
        }
    }
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
