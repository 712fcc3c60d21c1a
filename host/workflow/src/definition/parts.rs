// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nodes that a node owns, with the keys that name them.

use std::collections::BTreeSet;

use super::Node;
use super::kind::Kind;
use super::pattern::{Pick, Turns};

/// A node that another one owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// The key below the owner that names it, such as `route.cases.0.do`.
    pub key: String,
    /// Its name.
    pub node: &'a str,
}

/// Collects the parts of one node.
struct Parts<'a>(Vec<Part<'a>>);

impl<'a> Parts<'a> {
    fn add(&mut self, key: impl Into<String>, node: &'a str) {
        self.0.push(Part { key: key.into(), node });
    }

    fn each(&mut self, key: &str, nodes: &'a [String]) {
        nodes.iter().enumerate().for_each(|(index, node)| self.add(format!("{key}.{index}"), node));
    }

    fn maybe(&mut self, key: &str, node: &'a Option<String>) {
        node.iter().for_each(|node| self.add(key, node));
    }

    fn kind(&mut self, kind: &'a Kind) {
        match kind {
            Kind::Agent(_) | Kind::Tool(_) | Kind::Workflow(_) | Kind::Human(_) => {}
            Kind::Model(_) | Kind::Value(_) | Kind::Emit(_) | Kind::Event { .. } => {}
            Kind::Graph { nodes, .. } => self.each("graph.nodes", nodes),
            Kind::Sequence(nodes) => self.each("sequence", nodes),
            Kind::Parallel { branches, .. } => self.each("parallel.branches", branches),
            Kind::Map { body, .. } => self.add("map.do", body),
            Kind::Loop { body, .. } => self.add("loop.do", body),
            Kind::Route { cases, default } => {
                let cases = cases.iter().enumerate();
                cases.for_each(|(index, case)| self.add(format!("route.cases.{index}.do"), &case.node));
                self.maybe("route.default", default);
            }
            Kind::Supervisor(supervisor) => {
                self.add("supervisor.manager", &supervisor.manager);
                self.each("supervisor.workers", &supervisor.workers);
            }
            Kind::Handoff(handoff) => self.each("handoff.peers", &handoff.peers),
            Kind::Crew(crew) => {
                let mut seen = BTreeSet::new();
                for (index, role) in crew.roles.iter().enumerate() {
                    // A node may play several roles.
                    if seen.insert(&role.node) {
                        self.add(format!("crew.roles.{index}.node"), &role.node);
                    }
                }
                if crew.manager.as_ref().is_some_and(|manager| seen.insert(manager)) {
                    self.maybe("crew.manager", &crew.manager);
                }
            }
            Kind::Conversation(conversation) => {
                for (index, speaker) in conversation.speakers.iter().enumerate() {
                    self.add(format!("conversation.speakers.{index}.node"), &speaker.node);
                }
                if let Turns::Moderator(node) = &conversation.turns {
                    self.add("conversation.turns.moderator", node);
                }
            }
            Kind::Compete(compete) => {
                self.each("compete.contenders", &compete.contenders);
                if let Pick::Judge(node) = &compete.pick {
                    self.add("compete.pick.judge", node);
                }
            }
            Kind::Vote(vote) => self.each("vote.voters", &vote.voters),
            Kind::Plan(plan) => {
                self.add("plan.planner", &plan.planner);
                self.each("plan.workers", &plan.workers);
                self.maybe("plan.watch", &plan.watch);
            }
        }
    }
}

impl Node {
    /// Returns the nodes that it owns, in the order of [`Node::children`], with the keys that name them.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Parts(Vec::new());
        parts.kind(&self.kind);
        parts.each("fallback", &self.fallback);
        if let Some(escalate) = &self.escalate {
            parts.maybe("escalate.to", &escalate.to);
        }
        if let Some(undo) = &self.undo {
            parts.add("undo.node", &undo.node);
        }
        parts.0
    }
}
