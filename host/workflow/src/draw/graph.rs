// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is drawn of a workflow.

use std::collections::HashMap;

use super::{Graph, Item, Line, Means, clipped};
use crate::definition::{Crew, Definition, Handoff, HumanKind, Kind, Node, Tree, Turns};

/// How deep items are drawn inside each other; a [`Tree`] is not deeper by much.
const DEPTH_MAX: usize = 64;

/// Makes a graph of a workflow.
struct Maker<'a> {
    definition: &'a Definition,
    tree: &'a Tree,
    graph: Graph,
    /// Where each node is among the items.
    places: HashMap<&'a str, usize>,
}

// === impl Graph ===

impl Graph {
    /// Makes what is drawn of a workflow.
    #[must_use]
    pub fn of(definition: &Definition, tree: &Tree) -> Self {
        let graph = Self { name: definition.name.clone(), ..Self::default() };
        let mut maker = Maker { definition, tree, graph, places: HashMap::new() };
        for node in tree.top() {
            maker.add(node, None, String::new(), 0);
        }
        maker.needs(tree.top());
        maker.graph.lines.sort_unstable();
        maker.graph.lines.dedup();
        maker.graph
    }
}

// === impl Maker ===

impl<'a> Maker<'a> {
    fn push(&mut self, item: Item) -> usize {
        self.graph.items.push(item);
        self.graph.items.len().saturating_sub(1)
    }

    /// Adds a node, and then those that it owns.
    fn add(&mut self, name: &'a str, holder: Option<usize>, role: String, depth: usize) {
        // A node that is owned twice would be drawn twice.
        if depth > DEPTH_MAX || self.places.contains_key(name) {
            return;
        }
        let Some(node) = self.definition.nodes.get(name) else { return };
        let parts = node.parts();
        let item = Item {
            title: clipped(name),
            detail: detail(node),
            role: clipped(&role),
            word: node.kind.word(),
            holder,
            is_group: !parts.is_empty(),
        };
        let index = self.push(item);
        self.places.insert(name, index);
        // What only calls stands beside those that help it out.
        let call = (!parts.is_empty() && node.kind.children().is_empty()).then(|| {
            let title = clipped(callee(&node.kind).unwrap_or(name));
            let detail = node.kind.word().to_owned();
            self.push(Item { title, detail, word: node.kind.word(), holder: Some(index), ..Item::default() })
        });
        for part in parts {
            self.add(part.node, Some(index), role_of(node, &part.key), depth.saturating_add(1));
            if let Some((call, to)) = call.zip(self.places.get(part.node).copied()) {
                self.graph.lines.push(Line { from: call, to, means: Means::Maybe });
            }
        }
        self.inside(&node.kind);
    }

    /// Adds a line between two nodes, where both stand in the same item.
    fn line(&mut self, from: &str, to: &str, means: Means) {
        let Some((from, to)) = self.places.get(from).copied().zip(self.places.get(to).copied()) else { return };
        let holder = |index: usize| self.graph.items.get(index).map(|item| item.holder);
        if from != to && holder(from) == holder(to) {
            self.graph.lines.push(Line { from, to, means });
        }
    }

    /// Adds the lines between nodes of one graph.
    fn needs(&mut self, nodes: &[String]) {
        for node in nodes {
            let after = self.definition.nodes.get(node).map(|node| node.after.as_slice()).unwrap_or_default();
            for need in self.tree.needs(node) {
                let means = if after.contains(need) { Means::Order } else { Means::Data };
                self.line(need, node, means);
            }
        }
    }

    /// Adds the lines from one node to others.
    fn fan<'b>(&mut self, from: &str, to: impl IntoIterator<Item = &'b String>, means: Means) {
        to.into_iter().for_each(|to| self.line(from, to, means));
    }

    /// Adds the lines among the nodes that a pattern owns.
    fn inside(&mut self, kind: &Kind) {
        match kind {
            Kind::Graph { nodes, .. } => self.needs(nodes),
            Kind::Sequence(nodes) => {
                for (from, to) in nodes.iter().zip(nodes.iter().skip(1)) {
                    self.line(from, to, Means::Data);
                }
            }
            Kind::Supervisor(supervisor) => self.fan(&supervisor.manager, &supervisor.workers, Means::Maybe),
            Kind::Handoff(Handoff { routes, .. }) => {
                for (from, to) in routes {
                    self.fan(from, to, Means::Maybe);
                }
            }
            Kind::Crew(Crew { manager: Some(manager), roles, .. }) => {
                self.fan(manager, roles.iter().map(|role| &role.node), Means::Data);
            }
            Kind::Conversation(conversation) => {
                if let Turns::Moderator(moderator) = &conversation.turns {
                    self.fan(moderator, conversation.speakers.iter().map(|speaker| &speaker.node), Means::Maybe);
                }
            }
            Kind::Compete(compete) => {
                if let crate::definition::Pick::Judge(judge) = &compete.pick {
                    compete.contenders.iter().for_each(|from| self.line(from, judge, Means::Data));
                }
            }
            Kind::Plan(plan) => self.fan(&plan.planner, &plan.workers, Means::Maybe),
            Kind::Agent(_) | Kind::Tool(_) | Kind::Workflow(_) | Kind::Human(_) | Kind::Value(_) => {}
            Kind::Model(_) | Kind::Emit(_) | Kind::Event { .. } | Kind::Parallel { .. } | Kind::Map { .. } => {}
            Kind::Route { .. } | Kind::Loop { .. } | Kind::Crew(_) | Kind::Vote(_) => {}
        }
    }
}

/// Returns the name that a node calls.
fn callee(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Agent(name) | Kind::Tool(name) | Kind::Workflow(name) | Kind::Emit(name) => Some(name),
        Kind::Event { name, .. } => Some(name),
        Kind::Model(asked) => asked.name.as_deref(),
        _ => None,
    }
}

/// Says what a node is.
fn detail(node: &Node) -> String {
    let word = node.kind.word();
    let more = match &node.kind {
        Kind::Human(human) => Some(match &human.kind {
            HumanKind::Approve => "approves".to_owned(),
            HumanKind::Choose(_) => "chooses".to_owned(),
            HumanKind::Edit => "edits".to_owned(),
            HumanKind::Answer => "answers".to_owned(),
        }),
        Kind::Map { over, .. } => Some(format!("over {}", over.source())),
        Kind::Loop { until, rounds, .. } => Some(match until {
            Some(until) => format!("until {}, at most {rounds}", until.source()),
            None => format!("{rounds} times"),
        }),
        kind => callee(kind).map(str::to_owned),
    };
    let what = more.map_or_else(|| word.to_owned(), |more| format!("{word} {more}"));
    clipped(&match &node.when {
        Some(when) => format!("{what}, if {}", when.source()),
        None => what,
    })
}

/// Says what a node is for its owner, by the key that names it there.
fn role_of(owner: &Node, key: &str) -> String {
    let mut words = key.split('.');
    let role = match (words.next(), words.next()) {
        (Some("fallback"), _) => "fallback",
        (Some("escalate"), _) => "decides where nothing helps",
        (Some("undo"), _) => "undoes it",
        (_, Some("manager")) => "manager",
        (_, Some("turns")) => "moderator",
        (_, Some("pick")) => "judge",
        (_, Some("planner")) => "planner",
        (_, Some("watch")) => "watches the facts",
        (_, Some("default")) => "otherwise",
        (_, Some("cases" | "roles" | "speakers")) => {
            let index = words.next().and_then(|index| index.parse::<usize>().ok()).unwrap_or_default();
            return match &owner.kind {
                Kind::Route { cases, .. } => {
                    cases.get(index).map(|case| format!("if {}", case.when.source())).unwrap_or_default()
                }
                Kind::Crew(crew) => crew.roles.get(index).map(|role| role.name.clone()).unwrap_or_default(),
                Kind::Conversation(conversation) => {
                    conversation.speakers.get(index).map(|speaker| speaker.name.clone()).unwrap_or_default()
                }
                _ => String::new(),
            };
        }
        _ => "",
    };
    role.to_owned()
}
