// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nodes that are made of others: each gives a pattern of `priory-patterns` the nodes that it works with.

mod compete;
mod conversation;
mod crew;
mod graph;
mod handoff;
mod map;
mod parallel;
mod plan;
mod repeat;
mod route;
mod sequence;
mod supervisor;
mod vote;

use priory_core::Failure;
use priory_patterns::{Entry, Fault, Roster, Stop};
use serde_json::Value as Tree;

use super::broken::Broken;
use super::execution::Execution;
use super::node::At;
use crate::definition::{Kind, Settle};
use crate::expression::Value;

impl Execution {
    /// Does what a pattern does.
    pub(super) async fn pattern(&self, at: &At<'_>, kind: &Kind) -> Result<Value, Broken> {
        match kind {
            Kind::Graph { nodes, result } => graph::run(self, at, nodes, result.as_ref()).await,
            Kind::Sequence(nodes) => sequence::run(self, at, nodes).await,
            Kind::Parallel { branches, settle } => parallel::run(self, at, branches, *settle).await,
            Kind::Map { over, body, width, settle } => map::run(self, at, over, body, *width, *settle).await,
            Kind::Route { cases, default } => route::run(self, at, cases, default.as_deref()).await,
            Kind::Loop { body, until, rounds, carry, last_will_do } => {
                let rounds = repeat::Rounds {
                    body,
                    until: until.as_ref(),
                    most: *rounds,
                    carry: carry.as_ref(),
                    last_will_do: *last_will_do,
                };
                repeat::run(self, at, rounds).await
            }
            Kind::Supervisor(supervisor) => supervisor::run(self, at, supervisor).await,
            Kind::Handoff(handoff) => handoff::run(self, at, handoff).await,
            Kind::Crew(crew) => crew::run(self, at, crew).await,
            Kind::Conversation(conversation) => conversation::run(self, at, conversation).await,
            Kind::Compete(compete) => compete::run(self, at, compete).await,
            Kind::Vote(vote) => vote::run(self, at, vote).await,
            Kind::Plan(plan) => plan::run(self, at, plan).await,
            Kind::Agent(_) | Kind::Tool(_) | Kind::Workflow(_) | Kind::Human(_) => Err(no_pattern(kind)),
            Kind::Model(_) | Kind::Value(_) | Kind::Emit(_) | Kind::Event { .. } => Err(no_pattern(kind)),
        }
    }

    /// Returns a roster of nodes, with what they say about themselves.
    fn roster(&self, nodes: &[String]) -> Result<Roster, Broken> {
        let entry = |name: &String| {
            let description = self.workflow.definition.nodes.get(name).map(|node| node.description.clone());
            Entry::new(name, description.unwrap_or_default())
        };
        Roster::new(nodes.iter().map(entry)).map_err(Broken::stopped)
    }
}

/// Everything that is no pattern is an effect.
fn no_pattern(kind: &Kind) -> Broken {
    Failure::other(format!("{} is no pattern", kind.word())).into()
}

/// Returns the input of a pattern as what its agents are told.
fn task(at: &At<'_>) -> Result<Tree, Broken> {
    tree(&at.input)
}

fn tree(value: &Value) -> Result<Tree, Broken> {
    value.to_json().map_err(|error| Failure::other(error.to_string()).into())
}

fn settle(settle: Settle) -> priory_patterns::Settle {
    match settle {
        Settle::All => priory_patterns::Settle::All,
        Settle::Drop => priory_patterns::Settle::Drop,
        Settle::Keep => priory_patterns::Settle::Keep,
        Settle::Quorum(needed) => priory_patterns::Settle::Quorum(needed),
    }
}

/// Makes the failure of a pattern that needs something else than it got.
fn unfit(at: &At<'_>, key: &str, reason: String) -> Broken {
    Failure::invalid(format!("`{key}` of node {}", at.name), "", reason).into()
}

/// Makes the failure of a pattern that stops.
fn stopped(stop: Stop) -> Broken {
    Broken::stopped(stop)
}
