// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who sees whose output: walks through the scopes in the order in which outputs are there.

use std::collections::BTreeMap;

use super::output::{self, Below};
use super::{Check, Known};
use crate::definition::{Kind, Node, Place, Tree};
use crate::expression::{Type, Types};

impl<'a> Check<'a> {
    /// Checks every expression of the workflow.
    pub(super) fn scopes(&mut self, tree: &Tree) {
        let definition = self.definition;
        let input = definition.input.as_ref().map(|schema| Type::of_schema(&schema.to_value())).unwrap_or_default();
        let types = Types::new().with("input", input.clone()).with("state", output::state(&definition.state));
        let (inner, last) = self.graph(tree, tree.top(), &types, &input);
        let result = match definition.result_place() {
            Some(place) => self.place(tree, "", &place, &inner),
            None => last,
        };
        if let Some(schema) = &definition.output
            && let Err(reason) = result.may_fit(&Type::of_schema(&schema.to_value()))
        {
            let message = format!("the result can never fit its schema: {reason}");
            self.wrong("", if definition.result.is_some() { "result" } else { "output-schema" }, message, "");
        }
    }

    /// Checks the nodes of a graph. Returns what is known behind it, and what it comes to where it does not say.
    fn graph(&mut self, tree: &Tree, nodes: &[String], types: &Types, given: &Type) -> (Types, Type) {
        let mut inner = types.child();
        nodes.iter().for_each(|node| inner.set(node, Type::Any));
        let mut known = BTreeMap::new();
        for name in in_order(tree, nodes) {
            let holds = self.node(tree, name, &inner, given);
            inner.set(name, holds.clone());
            known.insert(name, holds);
        }
        let last = match tree.last(nodes).as_slice() {
            [only] => known.get(only).cloned().unwrap_or_default(),
            several => {
                output::open_to(several.iter().map(|name| (*name, known.get(name).cloned().unwrap_or_default())))
            }
        };
        (inner, last)
    }

    /// Checks a node and everything that it owns. Returns what it comes to for those around it.
    fn node(&mut self, tree: &Tree, name: &str, types: &Types, given: &Type) -> Type {
        let Some((name, node)) = self.definition.nodes.get_key_value(name) else { return Type::Any };
        let types = types.child().with("given", given.clone());
        let input = match &node.with {
            Some(with) => with.infer(&types).0,
            None => given.clone(),
        };
        let known = self.known(node);
        self.contract(name, node, &known, &input, &types);
        let mut below = Below { input: input.clone(), ..Below::default() };
        self.parts(tree, node, &types, &input, &mut below);
        below.own = below.own.take().or_else(|| own(node, &types));
        let comes_to = output::of(node, &known.gives, &below);
        if let Some(schema) = &node.contract.output
            && let Err(reason) =
                output::of_kind(&node.kind, &known.gives, &below).may_fit(&Type::of_schema(&schema.to_value()))
        {
            self.wrong(name, "output-schema", format!("the output of `{name}` can never fit its schema: {reason}"), "");
        }
        self.places(tree, name, node, &types, &below, &comes_to);
        comes_to
    }

    /// Compares what a node is given with what it and whom it calls take.
    fn contract(&mut self, name: &str, node: &'a Node, known: &Known, input: &Type, types: &Types) {
        let with = node.with.as_ref();
        let who = match &node.kind {
            Kind::Agent(callee) | Kind::Tool(callee) | Kind::Workflow(callee) => format!("`{callee}`"),
            _ => String::new(),
        };
        self.gives(name, &who, &known.takes, with, input, types);
        if let Some(schema) = &node.contract.input {
            let wanted = Type::of_schema(&schema.to_value());
            self.gives(name, "its input schema", &wanted, with, input, types);
        }
    }

    /// Checks what a node owns, each with what it is given there.
    fn parts(&mut self, tree: &Tree, node: &'a Node, types: &Types, input: &Type, below: &mut Below) {
        let mut types = types.clone();
        match &node.kind {
            Kind::Graph { nodes, result } => {
                let (inner, last) = self.graph(tree, nodes, &types, input);
                below.own = Some(match result {
                    Some(result) => result.infer(&inner).0,
                    None => last,
                });
                // Its result is an expression of its own, and stands on what is known behind it.
                types = inner;
                below.behind = Some(types.clone());
            }
            Kind::Sequence(nodes) => {
                let (mut inner, mut given) = (types.child(), input.clone());
                for name in nodes {
                    given = self.node(tree, name, &inner, &given);
                    inner.set(name, given.clone());
                    below.parts.insert(name.clone(), given.clone());
                }
            }
            Kind::Map { over, .. } => {
                let item = match over.infer(&types).0 {
                    Type::List(item) => (*item).clone(),
                    _ => Type::Any,
                };
                let inner = types.child().with("item", item.clone()).with("index", Type::Int);
                self.owned(tree, node, &inner, &item, below);
            }
            Kind::Loop { .. } => {
                let inner = types.child().with("round", Type::Int).with("last", Type::Any);
                self.owned(tree, node, &inner, &Type::Any, below);
            }
            Kind::Parallel { .. } | Kind::Route { .. } => self.owned(tree, node, &types, input, below),
            _ => self.owned(tree, node, &types, &Type::Any, below),
        }
        let around = node.fallback.iter().chain(node.escalate.iter().filter_map(|escalate| escalate.to.as_ref()));
        for name in around.chain(node.undo.iter().map(|undo| &undo.node)) {
            self.node(tree, name, &types, &Type::Any);
        }
    }

    /// Checks the nodes that a pattern names, all with the same.
    fn owned(&mut self, tree: &Tree, node: &'a Node, types: &Types, given: &Type, below: &mut Below) {
        for name in node.kind.children() {
            let holds = self.node(tree, name, types, given);
            below.parts.insert(name.to_owned(), holds);
        }
    }

    /// Checks the expressions that stand in a node itself.
    fn places(&mut self, tree: &Tree, name: &str, node: &Node, types: &Types, below: &Below, comes_to: &Type) {
        for place in node.places() {
            let base = match (&below.behind, place.key.as_str()) {
                (Some(behind), "graph.result") => behind,
                _ => types,
            };
            let types = bound(&place, node, base, below, comes_to);
            let holds = self.place(tree, name, &place, &types);
            if let Some(key) = place.key.strip_prefix("write.") {
                self.written(name, key, &holds);
            }
        }
    }
}

/// Returns what an expression stands on: the names that are bound where it stands, too.
fn bound(place: &Place<'_>, node: &Node, types: &Types, below: &Below, comes_to: &Type) -> Types {
    let mut inner = types.child();
    for name in place.binds {
        let holds = match (*name, &node.kind) {
            ("output", Kind::Loop { body, .. }) if place.key.starts_with("loop.") => below.part(body),
            ("output", Kind::Compete(_) | Kind::Vote(_)) if place.key.starts_with(node.kind.word()) => Type::Any,
            ("output", _) => comes_to.clone(),
            ("round" | "turn", _) => Type::Int,
            ("transcript", _) => Type::list(output::open_to([("speaker", Type::Text), ("says", Type::Any)])),
            ("failure", _) => output::open_to([("kind", Type::Text), ("message", Type::Text)]),
            _ => Type::Any,
        };
        inner.set(name, holds);
    }
    if place.key.starts_with("undo.") {
        // There it is what the node itself was given.
        inner.set("given", below.input.clone());
    }
    inner
}

/// Returns what the value of a node, or what a person is asked about, comes to.
fn own(node: &Node, types: &Types) -> Option<Type> {
    match &node.kind {
        Kind::Value(value) => Some(value.infer(types).0),
        Kind::Human(human) => human.about.as_ref().map(|about| about.infer(types).0),
        _ => None,
    }
}

/// Returns the nodes of a graph so that each comes behind those that it needs. They do not wait for each other in a circle.
fn in_order<'n>(tree: &'n Tree, nodes: &'n [String]) -> Vec<&'n str> {
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in nodes {
        waiting.insert(node, tree.needs(node).len());
        tree.needs(node).iter().for_each(|need| needed_by.entry(need).or_default().push(node));
    }
    let mut order: Vec<&str> = nodes.iter().map(String::as_str).filter(|node| tree.needs(node).is_empty()).collect();
    let mut next = 0;
    // Each node comes in once.
    while let Some(node) = order.get(next).copied() {
        next += 1;
        for waits in needed_by.get(node).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(waits) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    order.push(waits);
                }
            }
        }
    }
    order
}
