// SPDX-License-Identifier: MIT OR Apache-2.0
//! The expressions: names that cannot be seen from where they stand, and what is certainly wrong with the rest.

use std::sync::Arc;

use priory_core::state::Merge;

use super::{Check, Finding};
use crate::definition::{Kind, MergeRule, Node, Place, Tree};
use crate::expression::{Problem, Type, Types};

/// Names that patterns bind, with what has them.
const BOUND: [(&str, &str); 10] = [
    ("failure", "in `on-failure`"),
    ("given", "inside a node"),
    ("index", "inside a `map`"),
    ("item", "inside a `map`"),
    ("last", "inside a `loop`"),
    ("output", "where a node has ended: in `write`, `until`, `score`, `choice` and `undo`"),
    ("round", "inside a `loop`"),
    ("transcript", "in a `conversation`"),
    ("turn", "in a `conversation`"),
    ("candidate", "nowhere; the judge is given the candidates"),
];

impl Check<'_> {
    /// Checks an expression of a node, or of the workflow where the node is empty.
    pub(super) fn place(&mut self, tree: &Tree, name: &str, place: &Place<'_>, types: &Types) -> Type {
        let mut types = types.child();
        for used in place.expression.names() {
            let is_hidden = &*used.root == name || owners(tree, name).any(|owner| owner == &*used.root);
            if !is_hidden && types.get(&used.root).is_some() {
                continue;
            }
            let (message, hint) = self.explained(tree, name, &used.root).unwrap_or_else(|| {
                let names = types.names();
                let others = names.iter().map(|known| &**known).filter(|known| *known != name);
                let mut hint = crate::suggest::hint(&used.root, "names", others).unwrap_or_default();
                if place.may_be_text && place.expression.source().trim() == &*used.root {
                    let between = if hint.ends_with('?') { " " } else { "; " };
                    hint = format!("{hint}{between}{}", crate::suggest::IN_QUOTES);
                }
                (format!("`{}` is not there", used.root), hint)
            });
            self.at(name, place, Problem { at: used.at.clone(), message, hint: Some(hint) });
            // It was told, and nothing is known of it for the rest.
            types.set(&used.root, Type::Any);
        }
        let (holds, mut problems) = place.expression.infer(&types);
        if place.is_condition {
            problems = place.expression.check_condition(&types);
        }
        problems.into_iter().for_each(|problem| self.at(name, place, problem));
        holds
    }

    fn at(&mut self, name: &str, place: &Place<'_>, problem: Problem) {
        let Problem { at, message, hint } = problem;
        let at = at.start.saturating_add(place.offset)..at.end.saturating_add(place.offset);
        let hint = hint.filter(|hint| !hint.is_empty());
        let (node, key) = (name.to_owned(), place.key.clone());
        self.push(Finding { node, key, at: Some(at), message, hint, is_warning: false });
    }

    /// Says why a name that exists cannot be seen from somewhere; `None` for one that does not exist.
    fn explained(&self, tree: &Tree, from: &str, name: &str) -> Option<(String, String)> {
        if !self.definition.nodes.contains_key(name) {
            let (_, place) = BOUND.iter().find(|(bound, _)| *bound == name)?;
            return Some((format!("`{name}` is not there"), format!("it is there {place}")));
        }
        if name == from {
            return Some((
                format!("`{name}` cannot use its own output"),
                "in a `loop`, `last` is the output before".to_owned(),
            ));
        }
        let (above, others): (Vec<&str>, Vec<&str>) = (owners(tree, from).collect(), owners(tree, name).collect());
        if above.contains(&name) {
            return Some((format!("`{from}` is a part of `{name}`, whose output is not there yet"), String::new()));
        }
        let common = others.iter().find(|other| above.contains(other));
        // The part of what both stand in that leads to the node.
        let outermost = match common.and_then(|common| others.iter().position(|other| other == common)) {
            Some(0) => None,
            Some(place) => others.get(place - 1),
            None => others.last(),
        };
        if let Some(pattern) = outermost {
            let message = format!("`{name}` is a part of `{pattern}`, and cannot be seen from here");
            return Some((message, format!("use `{pattern}`, which is what comes of it")));
        }
        let owner = common?;
        Some(match self.definition.nodes.get(*owner).map(|owner| &owner.kind) {
            Some(Kind::Sequence(_)) => {
                let message = format!("`{name}` comes later in the sequence `{owner}`");
                (message, "change their order".to_owned())
            }
            _ => {
                let message = format!("`{name}` runs beside it in `{owner}`, so its output is not there");
                (message, "put both in a `graph` or a `sequence`".to_owned())
            }
        })
    }

    /// Looks at the keys that a node writes: whether they are declared, and whether their rules can take what is written.
    pub(super) fn written(&mut self, name: &str, key: &str, holds: &Type) {
        let at = format!("write.{key}");
        match self.definition.state.get(key) {
            None => {
                let known = self.definition.state.keys().map(String::as_str);
                let hint = crate::suggest::hint(key, "keys", known)
                    .unwrap_or_else(|| format!("declare it: `state.{key} = {{}}`"));
                self.wrong(name, &at, format!("the state has no `{key}`"), hint);
            }
            Some(MergeRule::Rule(rule @ (Merge::Sum | Merge::Max | Merge::Min))) => {
                let fits = [Type::Number].iter().chain((*rule != Merge::Sum).then_some(&Type::Text));
                if fits.clone().all(|wanted| holds.may_fit(wanted).is_err()) {
                    let takes = if *rule == Merge::Sum { "numbers" } else { "numbers or texts" };
                    let message = format!("`{key}` is merged by `{rule}`, which takes {takes}; this is {holds}");
                    self.wrong(name, &at, message, format!("write another value, or merge `{key}` in another way"));
                }
            }
            Some(_) => {}
        }
    }

    /// Warns of keys of the state that nothing reads.
    pub(super) fn unread_state(&mut self) {
        let definition = self.definition;
        let mut read = std::collections::BTreeSet::new();
        let result = definition.result_place();
        let places = definition.nodes.values().flat_map(Node::places).chain(result);
        for place in places {
            for used in place.expression.names().iter().filter(|used| &*used.root == "state") {
                match used.path.first() {
                    Some(crate::expression::Step::Field(key)) => read.insert(Arc::clone(key)),
                    // The state as a whole.
                    _ => return,
                };
            }
        }
        for key in definition.state.keys().filter(|key| !read.contains(key.as_str())) {
            let hint = format!("use `state.{key}` in `result`, say, or leave it out");
            self.odd("", &format!("state.{key}"), format!("no expression reads `{key}` of the state"), hint);
        }
    }
}

/// Returns the nodes that a node is a part of, the nearest first. Patterns own each other to a bounded depth.
fn owners<'t>(tree: &'t Tree, node: &str) -> impl Iterator<Item = &'t str> {
    std::iter::successors(tree.owner(node), |owner| tree.owner(owner))
}
