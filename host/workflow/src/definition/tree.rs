// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the nodes of a workflow hang together: who owns whom, who waits for whom, and who can be named by whom.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Definition, Kind, NESTING_MAX, NODES_MAX, Node, Part};
use crate::suggest;

/// How the nodes of a workflow hang together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// Who owns each node that somebody owns.
    owners: HashMap<String, String>,
    /// The nodes that nobody owns.
    top: Vec<String>,
    /// For each node of a graph, or of the top, the nodes of the same graph that come first.
    needs: HashMap<String, Vec<String>>,
}

/// Something that does not hang together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The node.
    pub node: String,
    /// The key below it that is wrong; empty for the node itself.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl Flaw {
    fn new(node: &str, key: &str, message: String, hint: &str) -> Self {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        Self { node: node.to_owned(), key: key.to_owned(), message, hint }
    }
}

impl Tree {
    /// Finds out how the nodes of a workflow hang together, or everything that keeps them from it.
    pub fn of(definition: &Definition) -> Result<Self, Vec<Flaw>> {
        let mut flaws = Vec::new();
        if definition.nodes.len() > NODES_MAX {
            let message = format!("there are {} nodes, and {NODES_MAX} are the most", definition.nodes.len());
            return Err(vec![Flaw::new("", "", message, "let a part of them be a workflow of its own")]);
        }
        let mut tree = Self::default();
        tree.find_owners(definition, &mut flaws);
        tree.top = definition.nodes.keys().filter(|name| !tree.owners.contains_key(*name)).cloned().collect();
        tree.check_depth(definition, &mut flaws);
        if !flaws.is_empty() {
            return Err(flaws);
        }
        tree.find_needs(definition, &mut flaws);
        if flaws.is_empty() { Ok(tree) } else { Err(flaws) }
    }

    /// Returns the nodes that nobody owns, by name.
    pub fn top(&self) -> &[String] {
        &self.top
    }

    /// Returns who owns a node.
    pub fn owner(&self, node: &str) -> Option<&str> {
        self.owners.get(node).map(String::as_str)
    }

    /// Returns the nodes of the same graph that come before a node of a graph, or of the top.
    pub fn needs(&self, node: &str) -> &[String] {
        self.needs.get(node).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns those of some nodes of one graph that no other of them waits for.
    pub fn last<'a>(&self, nodes: &'a [String]) -> Vec<&'a str> {
        let needed: HashSet<&str> = nodes.iter().flat_map(|node| self.needs(node)).map(String::as_str).collect();
        nodes.iter().map(String::as_str).filter(|node| !needed.contains(node)).collect()
    }

    /// Returns the nodes whose outputs the expressions of a node may use, the nearest first.
    pub fn visible<'a>(&'a self, definition: &'a Definition, node: &'a str) -> Vec<&'a str> {
        let mut found = Vec::new();
        let mut at = Some(node);
        while let Some(name) = at {
            found.extend(self.siblings(definition, name));
            at = self.owner(name);
        }
        found
    }

    /// Returns the names that the owners of a node bind for it.
    pub fn bound(&self, definition: &Definition, node: &str) -> Vec<&'static str> {
        let mut found = Vec::new();
        let mut at = self.owner(node);
        while let Some(name) = at {
            found.extend(definition.nodes.get(name).map(Node::binds).unwrap_or_default());
            at = self.owner(name);
        }
        found
    }

    /// Returns the nodes beside a node whose outputs it may use.
    fn siblings<'a>(&'a self, definition: &'a Definition, node: &'a str) -> Vec<&'a str> {
        let others = |nodes: &'a [String]| nodes.iter().map(String::as_str).filter(|other| *other != node).collect();
        let Some(owner) = self.owner(node) else { return others(&self.top) };
        match definition.nodes.get(owner).map(|owner| &owner.kind) {
            Some(Kind::Graph { nodes, .. }) if nodes.iter().any(|own| own == node) => others(nodes),
            Some(Kind::Sequence(nodes)) => {
                let before = nodes.iter().position(|own| own == node).unwrap_or_default();
                nodes.iter().take(before).map(String::as_str).collect()
            }
            _ => Vec::new(),
        }
    }

    fn find_owners(&mut self, definition: &Definition, flaws: &mut Vec<Flaw>) {
        for (name, node) in &definition.nodes {
            let mut seen = BTreeSet::new();
            for Part { key, node: child } in node.parts() {
                if child == name {
                    flaws.push(Flaw::new(name, &key, format!("`{name}` names itself as its own part"), ""));
                } else if !definition.nodes.contains_key(child) {
                    let message = format!("there is no node `{child}`");
                    let names = definition.nodes.keys().map(String::as_str);
                    let hint = suggest::hint(child, "nodes", names);
                    flaws.push(Flaw { hint, ..Flaw::new(name, &key, message, "") });
                } else if !seen.insert(child) {
                    let message = format!("`{child}` stands twice in `{name}`");
                    flaws.push(Flaw::new(name, &key, message, "give the second one a node of its own"));
                } else if let Some(other) = self.owners.insert(child.to_owned(), name.clone()) {
                    let message = format!("`{child}` belongs to `{other}` already");
                    flaws.push(Flaw::new(
                        name,
                        &key,
                        message,
                        "a node has one place; write it down once more under another name",
                    ));
                }
            }
        }
    }

    /// Refuses patterns that stand in each other without end, or too deep.
    fn check_depth(&self, definition: &Definition, flaws: &mut Vec<Flaw>) {
        for name in definition.nodes.keys() {
            let mut chain = vec![name.as_str()];
            while let Some(owner) = chain.last().and_then(|last| self.owner(last)) {
                if owner == name {
                    // Each of a circle comes by, and one of them tells.
                    if chain.iter().any(|other| *other < name.as_str()) {
                        break;
                    }
                    chain.push(owner);
                    let message = format!("these own each other in a circle: {}", chain.join(" ← "));
                    flaws.push(Flaw::new(name, "", message, ""));
                    break;
                }
                chain.push(owner);
                if chain.len() > NESTING_MAX + 1 {
                    // A node that hangs below a circle ends here as well, and those in the circle say so themselves.
                    let message = format!("`{name}` stands more than {NESTING_MAX} patterns deep");
                    flaws.push(Flaw::new(name, "", message, "let a part of it be a workflow of its own"));
                    break;
                }
            }
        }
    }

    fn find_needs(&mut self, definition: &Definition, flaws: &mut Vec<Flaw>) {
        let graphs = definition.nodes.values().filter_map(|node| match &node.kind {
            Kind::Graph { nodes, .. } => Some(nodes.as_slice()),
            _ => None,
        });
        let graphs: Vec<Vec<String>> = graphs.map(<[String]>::to_vec).chain([self.top.clone()]).collect();
        for graph in &graphs {
            let members: HashSet<&str> = graph.iter().map(String::as_str).collect();
            for name in graph {
                let mut needs = BTreeSet::new();
                self.collect_needs(definition, name, name, &members, &mut needs, flaws);
                needs.remove(name.as_str());
                self.needs.insert(name.clone(), needs.into_iter().map(str::to_owned).collect());
            }
            self.check_circles(graph, flaws);
        }
        let in_a_graph = |name: &String| self.needs.contains_key(name);
        for (name, node) in definition.nodes.iter().filter(|(name, _)| !in_a_graph(name)) {
            let after = node.after.iter().enumerate();
            flaws.extend(after.map(|(index, after)| not_beside(name, index, after)));
        }
    }

    /// Collects the members of a graph that a node, or anything that it owns, uses.
    fn collect_needs<'a>(
        &self,
        definition: &'a Definition,
        member: &str,
        name: &str,
        members: &HashSet<&'a str>,
        needs: &mut BTreeSet<&'a str>,
        flaws: &mut Vec<Flaw>,
    ) {
        let Some((_, node)) = definition.nodes.get_key_value(name) else { return };
        for place in node.places() {
            needs.extend(place.expression.names().iter().filter_map(|name| members.get(&*name.root).copied()));
        }
        // Deeper ones stand in a graph of their own, or cannot wait for anybody.
        for (index, after) in node.after.iter().enumerate().filter(|_| member == name) {
            match members.get(after.as_str()).filter(|after| **after != name) {
                Some(after) => {
                    needs.insert(after);
                }
                None => flaws.push(not_beside(name, index, after)),
            }
        }
        for child in node.children() {
            // Depth is bounded by the check before.
            self.collect_needs(definition, member, child, members, needs, flaws);
        }
    }

    /// Refuses nodes that wait for each other.
    fn check_circles(&self, graph: &[String], flaws: &mut Vec<Flaw>) {
        let mut waiting: BTreeMap<&str, usize> =
            graph.iter().map(|node| (node.as_str(), self.needs(node).len())).collect();
        let mut needed_by: HashMap<&str, Vec<&str>> = HashMap::new();
        for node in graph {
            for need in self.needs(node) {
                needed_by.entry(need).or_default().push(node);
            }
        }
        let mut ready: Vec<&str> = waiting.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
        while let Some(node) = ready.pop() {
            waiting.remove(node);
            for next in needed_by.get(node).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(next) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.push(next);
                    }
                }
            }
        }
        let Some(first) = waiting.keys().next().copied() else { return };
        let message = format!("these wait for each other: {}", self.circle(first, &waiting).join(" → "));
        flaws.push(Flaw::new(first, "", message, "a loop is a pattern of its own: `loop`"));
    }

    /// Walks from a node that waits to nodes that it waits for, until one comes again.
    fn circle<'a>(&'a self, first: &'a str, waiting: &BTreeMap<&str, usize>) -> Vec<&'a str> {
        let mut walked: Vec<&str> = vec![first];
        loop {
            let last = walked.last().copied().unwrap_or(first);
            let Some(next) = self.needs(last).iter().map(String::as_str).find(|need| waiting.contains_key(need)) else {
                return walked;
            };
            if let Some(at) = walked.iter().position(|before| *before == next) {
                let mut circle = walked.split_off(at);
                circle.push(next);
                return circle;
            }
            walked.push(next);
        }
    }
}

/// Says that a node cannot wait for another one.
fn not_beside(name: &str, index: usize, after: &str) -> Flaw {
    let message = format!("`{after}` does not stand beside `{name}`, so it cannot come first");
    Flaw::new(name, &format!("after.{index}"), message, "only nodes of the same graph can come first")
}
