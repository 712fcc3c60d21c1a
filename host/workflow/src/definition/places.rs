// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where expressions stand in a workflow, and which names each may use besides those of nodes.

use super::kind::{Expiry, Human, HumanKind, Kind};
use super::pattern::{Pick, Turns};
use super::{Definition, Node, OnFailure};
use crate::expression::{Expression, Mapping, Template};

/// Names that hold everywhere in a workflow: its input, the state that it declares, and what a node is given.
pub const EVERYWHERE: [&str; 3] = ["input", "state", "given"];

/// An expression and where it stands.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// The key below the node, such as `with.to` or `route.cases.0.when`.
    pub key: String,
    /// The expression.
    pub expression: &'a Expression,
    /// At which byte of the text under the key it begins: a text for people has expressions in it.
    pub offset: usize,
    /// Names that are bound there, besides those of nodes and [`EVERYWHERE`].
    pub binds: &'static [&'static str],
    /// Whether it has to come to `true` or `false`.
    pub is_condition: bool,
    /// Whether it stands in a mapping, where a text without quotes of its own is easily meant.
    pub may_be_text: bool,
}

/// Collects the places of one node.
struct Places<'a>(Vec<Place<'a>>);

impl<'a> Places<'a> {
    fn add(&mut self, key: impl Into<String>, expression: &'a Expression, binds: &'static [&'static str]) {
        self.0.push(Place { key: key.into(), expression, offset: 0, binds, is_condition: false, may_be_text: false });
    }

    fn template(&mut self, key: &str, template: &'a Template) {
        for (offset, expression) in template.holes() {
            self.0.push(Place {
                key: key.to_owned(),
                expression,
                offset,
                binds: &[],
                is_condition: false,
                may_be_text: false,
            });
        }
    }

    fn condition(&mut self, key: impl Into<String>, expression: &'a Expression, binds: &'static [&'static str]) {
        self.0.push(Place { key: key.into(), expression, offset: 0, binds, is_condition: true, may_be_text: false });
    }

    fn mapping(&mut self, key: &str, mapping: &'a Mapping, binds: &'static [&'static str]) {
        for (below, expression) in mapping.expressions() {
            let key = if below.is_empty() { key.to_owned() } else { format!("{key}.{below}") };
            let (offset, is_condition) = (0, false);
            self.0.push(Place { key, expression, offset, binds, is_condition, may_be_text: true });
        }
    }

    fn expiry(&mut self, key: &str, expiry: &'a Expiry) {
        if let Expiry::Value(mapping) = expiry {
            self.mapping(&format!("{key}.on-expiry.value"), mapping, &[]);
        }
    }

    fn human(&mut self, human: &'a Human) {
        self.template("human.text", &human.text);
        if let HumanKind::Choose(options) = &human.kind {
            for (index, option) in options.iter().enumerate() {
                self.template(&format!("human.options.{index}"), option);
            }
        }
        if let Some(about) = &human.about {
            self.mapping("human.about", about, &[]);
        }
        self.expiry("human", &human.on_expiry);
    }

    fn kind(&mut self, kind: &'a Kind) {
        match kind {
            Kind::Human(human) => self.human(human),
            Kind::Model(asked) => {
                asked.system.iter().for_each(|system| self.template("model.system", system));
                asked.prompt.iter().for_each(|prompt| self.template("model.prompt", prompt));
            }
            Kind::Value(mapping) => self.mapping("value", mapping, &[]),
            Kind::Event { matching, on_expiry, .. } => {
                for (field, mapping) in matching {
                    self.mapping(&format!("event.matching.{field}"), mapping, &[]);
                }
                self.expiry("event", on_expiry);
            }
            Kind::Graph { result: Some(result), .. } => self.add("graph.result", result, &[]),
            Kind::Map { over, .. } => self.add("map.over", over, &[]),
            Kind::Route { cases, .. } => {
                for (index, case) in cases.iter().enumerate() {
                    self.condition(format!("route.cases.{index}.when"), &case.when, &[]);
                }
            }
            Kind::Loop { until, carry, .. } => {
                if let Some(until) = until {
                    self.condition("loop.until", until, &["output", "round", "last"]);
                }
                if let Some(carry) = carry {
                    self.add("loop.carry", carry, &["output", "round", "last"]);
                }
            }
            Kind::Conversation(conversation) => {
                if let Some(until) = &conversation.until {
                    self.condition("conversation.until", until, &["transcript", "turn"]);
                }
                if let Turns::Rule(rule) = &conversation.turns {
                    self.add("conversation.turns.rule", rule, &["transcript", "turn"]);
                }
            }
            Kind::Compete(compete) => {
                if let Pick::Score(score) = &compete.pick {
                    self.add("compete.pick.score", score, &["output"]);
                }
            }
            Kind::Vote(vote) => self.add("vote.choice", &vote.choice, &["output"]),
            Kind::Agent(_) | Kind::Tool(_) | Kind::Workflow(_) | Kind::Emit(_) | Kind::Sequence(_) => {}
            Kind::Graph { result: None, .. } | Kind::Parallel { .. } => {}
            Kind::Supervisor(_) | Kind::Handoff(_) | Kind::Crew(_) | Kind::Plan(_) => {}
        }
    }
}

impl Node {
    /// Returns the expressions that stand in the node itself.
    pub fn places(&self) -> Vec<Place<'_>> {
        let mut places = Places(Vec::new());
        if let Some(when) = &self.when {
            places.condition("when", when, &[]);
        }
        if let Some(with) = &self.with {
            places.mapping("with", with, &[]);
        }
        places.kind(&self.kind);
        for (key, expression) in &self.write {
            places.add(format!("write.{key}"), expression, &["output"]);
        }
        for with in self.undo.iter().filter_map(|undo| undo.with.as_ref()) {
            places.mapping("undo.with", with, &["output"]);
        }
        if let OnFailure::Value(mapping) = &self.on_failure {
            places.mapping("on-failure.value", mapping, &["failure"]);
        }
        places.0
    }

    /// Returns the names that it binds for the nodes that it owns.
    pub fn binds(&self) -> &'static [&'static str] {
        match &self.kind {
            Kind::Map { .. } => &["item", "index"],
            Kind::Loop { .. } => &["round", "last"],
            _ => &[],
        }
    }
}

impl Definition {
    /// Returns the expression of the result, as a place.
    pub fn result_place(&self) -> Option<Place<'_>> {
        let expression = self.result.as_ref()?;
        Some(Place {
            key: "result".to_owned(),
            expression,
            offset: 0,
            binds: &[],
            is_condition: false,
            may_be_text: false,
        })
    }
}
