// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of the patterns in which agents decide what comes next. Everybody in them is a node, named by its name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::choice::{Choice, Worded};
use super::{At, Named};

/// An agent picks who works next.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["manager", "workers"]))]
pub(crate) struct Supervisor {
    /// The node that picks.
    pub(crate) manager: Option<At<String>>,
    /// The nodes that it picks from.
    pub(crate) workers: Vec<At<String>>,
    /// How often it picks at most; 16 without it.
    #[schemars(range(min = 1))]
    pub(crate) turns: Option<At<u32>>,
}

/// An agent passes the task on to another.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["peers"]))]
pub(crate) struct Handoff {
    /// The nodes among which the task goes.
    pub(crate) peers: Vec<At<String>>,
    /// Who has it first; without it, the first of them.
    pub(crate) first: Option<At<String>>,
    /// To whom each may pass it on; one that is left out may pass it on to all.
    pub(crate) routes: BTreeMap<At<String>, Vec<At<String>>>,
    /// How often it is passed on at most; 16 without it.
    #[schemars(range(min = 1))]
    pub(crate) handoffs: Option<At<u32>>,
}

/// Roles work on tasks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["goal", "roles", "tasks"]))]
pub(crate) struct Crew {
    /// What they are there for.
    pub(crate) goal: Option<At<String>>,
    /// Who is there.
    pub(crate) roles: Vec<At<Role>>,
    /// What there is to do.
    pub(crate) tasks: Vec<At<CrewTask>>,
    /// The node that assigns the tasks and reviews what came of them.
    pub(crate) manager: Option<At<String>>,
    /// How often one task may be sent back; 2 without it.
    pub(crate) revisions: Option<At<u32>>,
}

/// One member of a crew.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["name", "goal", "node"]))]
pub(crate) struct Role {
    /// The name of the role.
    pub(crate) name: Option<At<String>>,
    /// What it wants.
    pub(crate) goal: Option<At<String>>,
    /// The node that plays it.
    pub(crate) node: Option<At<String>>,
}

/// One task of a crew.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["name", "what"]))]
pub(crate) struct CrewTask {
    /// Its name.
    pub(crate) name: Option<At<String>>,
    /// What is to be done.
    pub(crate) what: Option<At<String>>,
    /// Whose it is; a manager assigns those that name nobody.
    pub(crate) role: Option<At<String>>,
    /// The tasks whose outputs it is given; without it, all before it.
    pub(crate) needs: Vec<At<String>>,
}

/// Several talk on one transcript.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["speakers"]))]
pub(crate) struct Conversation {
    /// Who talks.
    pub(crate) speakers: Vec<At<Speaker>>,
    /// Whose turn it is: `round` (what holds without this), or as a node or an expression says.
    pub(crate) turns: Option<At<Choice<Turns>>>,
    /// When it is over: an expression over `transcript` and `turn`.
    pub(crate) until: Option<At<String>>,
    /// After how many turns it is over in any case; 32 without it.
    #[schemars(range(min = 1))]
    pub(crate) turns_max: Option<At<u32>>,
    /// How many of the last entries each is shown; 32 without it.
    #[schemars(range(min = 1))]
    pub(crate) window: Option<At<u32>>,
}

/// One who talks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["name", "node"]))]
pub(crate) struct Speaker {
    /// Under which name.
    pub(crate) name: Option<At<String>>,
    /// The node that speaks.
    pub(crate) node: Option<At<String>>,
}

/// Who says whose turn it is: exactly one of these.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Turns {
    /// A node that says who is next, or that it is over.
    pub(crate) moderator: Option<At<String>>,
    /// An expression over `transcript` and `turn` that names who is next.
    pub(crate) rule: Option<At<String>>,
}

impl Worded for Turns {
    const WORDS: &'static [&'static str] = &["round"];
}

/// Several attempt the same task, and one wins.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["contenders"]))]
pub(crate) struct Compete {
    /// The nodes that attempt it.
    pub(crate) contenders: Vec<At<String>>,
    /// How the winner is picked: the `first` with a valid output (what holds without this), or by a score or a judge.
    pub(crate) pick: Option<At<Choice<Pick>>>,
}

/// How a winner is picked: by exactly one of these.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub(crate) struct Pick {
    /// The highest number: an expression over `output`.
    pub(crate) score: Option<At<String>>,
    /// The node that names one.
    pub(crate) judge: Option<At<String>>,
}

impl Worded for Pick {
    const WORDS: &'static [&'static str] = &["first"];
}

/// Several decide together.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["voters", "choice"]))]
pub(crate) struct Vote {
    /// The nodes that vote.
    pub(crate) voters: Vec<At<String>>,
    /// What each chose, a text: an expression over `output`.
    pub(crate) choice: Option<At<String>>,
    /// What the vote of each weighs; 1 where nothing is said.
    pub(crate) weights: Named<u64>,
    /// How many must have voted; without it, all of them.
    #[schemars(range(min = 1))]
    pub(crate) quorum: Option<At<u32>>,
    /// Which share of the weight a choice needs more than, from 0 to 1; without it, the most is enough.
    pub(crate) majority: Option<At<f64>>,
}

/// An agent makes a plan of tasks, and another where that fails.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "kebab-case")]
#[schemars(deny_unknown_fields, extend("required" = ["planner", "workers"]))]
pub(crate) struct Plan {
    /// The node that plans.
    pub(crate) planner: Option<At<String>>,
    /// The nodes that do the tasks.
    pub(crate) workers: Vec<At<String>>,
    /// A node that tells the facts on which the plan stands.
    pub(crate) watch: Option<At<String>>,
    /// How many tasks go on at once; 8 without it.
    #[schemars(range(min = 1))]
    pub(crate) width: Option<At<u32>>,
    /// How many plans are made at most; 8 without it.
    #[schemars(range(min = 1))]
    pub(crate) rounds: Option<At<u32>>,
    /// How many tasks there may be in all; 64 without it.
    #[schemars(range(min = 1))]
    pub(crate) tasks: Option<At<u32>>,
}
