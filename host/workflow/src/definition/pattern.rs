// SPDX-License-Identifier: MIT OR Apache-2.0
//! The patterns in which agents decide what happens next. Everybody in them is a node, so whatever is done around nodes is
//! done around them too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expression::Expression;

/// An agent picks who works next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Supervisor {
    /// The node that picks.
    pub manager: String,
    /// The nodes that it picks from.
    pub workers: Vec<String>,
    /// How often it picks at most.
    pub turns: u32,
}

/// An agent passes the task on to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Handoff {
    /// The nodes among which the task goes.
    pub peers: Vec<String>,
    /// Who has it first; without it, the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// To whom each may pass it on; one that is left out may pass it on to all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, Vec<String>>,
    /// How often it is passed on at most.
    pub handoffs: u32,
}

/// Roles work on tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Crew {
    /// What they are there for.
    pub goal: String,
    /// Who is there.
    pub roles: Vec<Role>,
    /// What there is to do.
    pub tasks: Vec<CrewTask>,
    /// The node that assigns the tasks and reviews what came of them; without it, they are done in their order by whom they
    /// name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// How often one task may be sent back.
    pub revisions: u32,
}

/// One member of a crew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Role {
    /// The name of the role.
    pub name: String,
    /// What it wants.
    pub goal: String,
    /// The node that plays it.
    pub node: String,
}

/// One task of a crew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CrewTask {
    /// Its name.
    pub name: String,
    /// What is to be done.
    pub what: String,
    /// Whose it is; a manager assigns those that name nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The tasks whose outputs it is given; empty means all before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// Several talk on one transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Conversation {
    /// Who talks.
    pub speakers: Vec<Speaker>,
    /// Whose turn it is.
    #[serde(default)]
    pub turns: Turns,
    /// When it is over, over `transcript` and `turn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Expression>,
    /// After how many turns it is over in any case.
    pub turns_max: u32,
    /// How many of the last entries each is shown.
    pub window: usize,
}

/// One who talks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Speaker {
    /// Under which name.
    pub name: String,
    /// The node that speaks.
    pub node: String,
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turns {
    /// One after the other, again and again.
    #[default]
    Round,
    /// A node says who is next, or that it is over.
    Moderator(String),
    /// An expression over `transcript` and `turn` names who is next.
    Rule(Expression),
}

/// Several attempt the same task, and one wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Compete {
    /// The nodes that attempt it.
    pub contenders: Vec<String>,
    /// How the winner is picked.
    #[serde(default)]
    pub pick: Pick,
}

/// How a winner is picked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// Who is first with a valid output.
    #[default]
    First,
    /// Who has the highest number, by an expression over `output`.
    Score(Expression),
    /// Whom a node names.
    Judge(String),
}

/// Several decide together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Vote {
    /// The nodes that vote.
    pub voters: Vec<String>,
    /// What each chose, a text, by an expression over `output`.
    pub choice: Expression,
    /// What the vote of each weighs; 1 where nothing is said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, u64>,
    /// How many must have voted; without it, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum: Option<usize>,
    /// Which share of the weight a choice needs more than; without it, the most is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub majority: Option<f64>,
}

/// An agent makes a plan of tasks, and makes another where that fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plan {
    /// The node that plans.
    pub planner: String,
    /// The nodes that do the tasks.
    pub workers: Vec<String>,
    /// A node that tells the facts on which the plan stands; when they change, another plan is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<String>,
    /// How many tasks go on at once.
    pub width: usize,
    /// How many plans are made at most.
    pub rounds: u32,
    /// How many tasks there may be in all.
    pub tasks: usize,
}

impl Supervisor {
    pub(super) fn children(&self) -> Vec<&str> {
        named(std::iter::once(&self.manager).chain(&self.workers))
    }
}

impl Handoff {
    pub(super) fn children(&self) -> Vec<&str> {
        named(&self.peers)
    }
}

impl Crew {
    /// A node may play several roles.
    pub(super) fn children(&self) -> Vec<&str> {
        let mut children = named(self.roles.iter().map(|role| &role.node).chain(&self.manager));
        let mut seen = std::collections::BTreeSet::new();
        children.retain(|child| seen.insert(*child));
        children
    }
}

impl Conversation {
    pub(super) fn children(&self) -> Vec<&str> {
        let moderator = match &self.turns {
            Turns::Moderator(node) => Some(node),
            Turns::Round | Turns::Rule(_) => None,
        };
        named(self.speakers.iter().map(|speaker| &speaker.node).chain(moderator))
    }
}

impl Compete {
    pub(super) fn children(&self) -> Vec<&str> {
        let judge = match &self.pick {
            Pick::Judge(node) => Some(node),
            Pick::First | Pick::Score(_) => None,
        };
        named(self.contenders.iter().chain(judge))
    }
}

impl Vote {
    pub(super) fn children(&self) -> Vec<&str> {
        named(&self.voters)
    }
}

impl Plan {
    pub(super) fn children(&self) -> Vec<&str> {
        named(std::iter::once(&self.planner).chain(&self.workers).chain(&self.watch))
    }
}

fn named<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
    names.into_iter().map(String::as_str).collect()
}
