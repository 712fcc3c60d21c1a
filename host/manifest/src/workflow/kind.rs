// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes what a node is: calls, questions, events, and the patterns that say themselves what comes next.

use std::collections::BTreeMap;
use std::ops::Range;

use priory_core::model::Effort;
use priory_workflow::definition::{AskedModel, Case, Expiry, Human, HumanKind, Kind, Settle, TEMPERATURE_MILLI_MAX};

use super::make::{Making, names};
use crate::wire::{self, At, Choice, Entry};

/// How many items of a map go on at once, where nothing is said.
const MAP_WIDTH: usize = 16;

/// The keys of which exactly one says what a node is.
const WORDS: &str = "exactly one of `agent`, `tool`, `workflow`, `model`, `human`, `value`, `emit`, `event`, `graph`, `sequence`, \
                     `parallel`, `map`, `route`, `loop`, `supervisor`, `handoff`, `crew`, `conversation`, `compete`, `vote`, \
                     `plan` says what it is";

impl Making<'_, '_> {
    /// Makes what a node is; reports a node that is nothing, or several things.
    pub(super) fn kind(&mut self, name: &At<String>, node: &At<wire::Node>) -> Option<Kind> {
        let said = said(node);
        match said.as_slice() {
            // What it was meant to be was refused, and that was told.
            [] if self.check.problems.has_within(&node.span()) => None,
            [] => {
                let message = format!("node `{}` does not say what it is", name.as_str());
                self.problem(name.span(), message, Some(WORDS.to_owned()));
                None
            }
            [_] => {
                let made = self.only(node);
                self.needed(made)
            }
            [(first, _), (second, span), ..] => {
                let message = format!("node `{}` is both `{first}` and `{second}`", name.as_str());
                self.problem(span.clone(), message, Some(WORDS.to_owned()));
                None
            }
        }
    }

    /// Makes the only thing that a node is.
    fn only(&mut self, node: &wire::Node) -> Option<Kind> {
        let text = |name: &At<String>| name.to_string();
        if let Some(kind) = node.agent.as_ref().map(|name| Kind::Agent(text(name))) {
            return Some(kind);
        }
        if let Some(kind) = node.tool.as_ref().map(|name| Kind::Tool(text(name))) {
            return Some(kind);
        }
        if let Some(kind) = node.workflow.as_ref().map(|name| Kind::Workflow(text(name))) {
            return Some(kind);
        }
        if let Some(kind) = node.emit.as_ref().map(|name| Kind::Emit(text(name))) {
            return Some(kind);
        }
        if let Some(nodes) = &node.sequence {
            return Some(Kind::Sequence(names(nodes)));
        }
        if let Some(value) = &node.value {
            return self.mapping(value).map(Kind::Value);
        }
        if let Some(model) = &node.model {
            return Some(Kind::Model(self.asked_model(model)));
        }
        if let Some(human) = &node.human {
            return self.human(human).map(Kind::Human);
        }
        if let Some(event) = &node.event {
            return self.event(event);
        }
        if let Some(graph) = &node.graph {
            return Some(Kind::Graph { nodes: names(&graph.nodes), result: self.maybe(&graph.result) });
        }
        if let Some(parallel) = &node.parallel {
            let settle = self.settle(&parallel.settle);
            return Some(Kind::Parallel { branches: names(&parallel.branches), settle });
        }
        if let Some(map) = &node.map {
            return self.map(map);
        }
        if let Some(route) = &node.route {
            return self.route(route);
        }
        if let Some(repeat) = &node.repeat {
            return self.repeat(repeat);
        }
        self.agents_decide(node)
    }

    fn asked_model(&mut self, model: &At<Entry<wire::AskedModel>>) -> AskedModel {
        let table = match &**model {
            Entry::Text(name) => return AskedModel { name: Some(name.clone()), ..AskedModel::default() },
            Entry::Table(table) => table,
        };
        let effort = |effort: wire::Effort| match effort {
            wire::Effort::None => Effort::None,
            wire::Effort::Low => Effort::Low,
            wire::Effort::Medium => Effort::Medium,
            wire::Effort::High => Effort::High,
        };
        AskedModel {
            name: table.name.as_deref().cloned(),
            system: table.system.as_ref().and_then(|text| self.template(text)),
            prompt: table.prompt.as_ref().and_then(|text| self.template(text)),
            temperature_milli: table.temperature.as_ref().and_then(|temperature| self.temperature(temperature)),
            output_tokens_max: table.output_tokens_max.as_deref().copied(),
            effort: table.effort.as_deref().copied().map(effort),
        }
    }

    /// Returns a temperature in thousandths.
    fn temperature(&mut self, temperature: &At<f64>) -> Option<u32> {
        let milli = (**temperature * 1_000.0).round();
        if !(0.0..=f64::from(TEMPERATURE_MILLI_MAX)).contains(&milli) {
            self.problem(temperature.span(), "`temperature` is a number from 0 to 2", None);
            return None;
        }
        // It is a whole number, and small.
        Some(milli as u32)
    }

    fn human(&mut self, human: &wire::Human) -> Option<Human> {
        let options: Option<Vec<_>> = human.options.iter().map(|option| self.template(option)).collect();
        let text = human.text.as_ref().map(|text| self.template(text));
        let about = self.maybe_mapping(&human.about);
        let on_expiry = self.expiry(&human.on_expiry);
        let said = human.kind.as_ref()?;
        let kind = match **said {
            wire::HumanKind::Approve => HumanKind::Approve,
            wire::HumanKind::Choose => HumanKind::Choose(options?),
            wire::HumanKind::Edit => HumanKind::Edit,
            wire::HumanKind::Answer => HumanKind::Answer,
        };
        if let (Some(first), false) = (human.options.first(), matches!(kind, HumanKind::Choose(_))) {
            let hint = "write `kind = \"choose\"`, or leave out `options`".to_owned();
            self.problem(first.span(), "only a choice has options", Some(hint));
        }
        Some(Human {
            kind,
            text: text??,
            about,
            who: names(&human.who),
            expires_ms: human.expires_ms.as_deref().copied(),
            on_expiry,
        })
    }

    fn event(&mut self, event: &At<Entry<wire::Event>>) -> Option<Kind> {
        let table = match &**event {
            Entry::Text(name) => {
                let (matching, on_expiry) = (BTreeMap::new(), Expiry::Fail);
                return Some(Kind::Event { name: name.clone(), matching, expires_ms: None, on_expiry });
            }
            Entry::Table(table) => table,
        };
        let mut matching = BTreeMap::new();
        for (field, value) in &table.matching {
            let mapping = self.mapping(value);
            matching.extend(self.needed(mapping).map(|mapping| (field.to_string(), mapping)));
        }
        let on_expiry = self.expiry(&table.on_expiry);
        let expires_ms = table.expires_ms.as_deref().copied();
        Some(Kind::Event { name: self.name(&table.name)?, matching, expires_ms, on_expiry })
    }

    fn expiry(&mut self, said: &Option<At<Choice<wire::OnExpiry>>>) -> Expiry {
        match said.as_deref() {
            None | Some(Choice::Word(_)) => Expiry::Fail,
            Some(Choice::Table(table)) => {
                let value = self.maybe_mapping(&table.value);
                self.needed(value).map_or(Expiry::Fail, Expiry::Value)
            }
        }
    }

    fn settle(&mut self, said: &Option<At<Choice<wire::Quorum>>>) -> Settle {
        match said.as_deref() {
            Some(Choice::Word(word)) if word == "drop" => Settle::Drop,
            Some(Choice::Word(word)) if word == "keep" => Settle::Keep,
            None | Some(Choice::Word(_)) => Settle::All,
            Some(Choice::Table(table)) => {
                let quorum = self.needed(table.quorum.as_deref().copied());
                quorum.map_or(Settle::All, |quorum| Settle::Quorum(size(quorum)))
            }
        }
    }

    fn map(&mut self, map: &wire::MapOver) -> Option<Kind> {
        let over = self.maybe(&map.over);
        let settle = self.settle(&map.settle);
        let width = map.width.as_deref().map_or(MAP_WIDTH, |width| size(*width));
        Some(Kind::Map { over: over?, body: self.name(&map.body)?, width, settle })
    }

    fn route(&mut self, route: &wire::Route) -> Option<Kind> {
        let mut cases = Vec::new();
        for case in &route.cases {
            let (when, node) = (self.maybe(&case.when), self.name(&case.node));
            let case = when.zip(node).map(|(when, node)| Case { when, node });
            cases.extend(self.needed(case));
        }
        Some(Kind::Route { cases, default: route.default.as_deref().cloned() })
    }

    fn repeat(&mut self, repeat: &wire::Loop) -> Option<Kind> {
        let (until, carry) = (self.maybe(&repeat.until), self.maybe(&repeat.carry));
        let body = self.name(&repeat.body);
        let rounds = repeat.max.as_deref().copied()?;
        Some(Kind::Loop { body: body?, until, rounds, carry, last_will_do: repeat.or_last })
    }
}

/// Returns a number of things.
pub(super) fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Returns the keys that say what a node is, in the order of the text.
fn said(node: &wire::Node) -> Vec<(&'static str, Range<usize>)> {
    fn span<T>(said: &Option<At<T>>) -> Option<Range<usize>> {
        said.as_ref().map(At::span)
    }
    let keys = [
        ("agent", span(&node.agent)),
        ("tool", span(&node.tool)),
        ("workflow", span(&node.workflow)),
        ("model", span(&node.model)),
        ("human", span(&node.human)),
        ("value", span(&node.value)),
        ("emit", span(&node.emit)),
        ("event", span(&node.event)),
        ("graph", span(&node.graph)),
        ("sequence", span(&node.sequence)),
        ("parallel", span(&node.parallel)),
        ("map", span(&node.map)),
        ("route", span(&node.route)),
        ("loop", span(&node.repeat)),
        ("supervisor", span(&node.supervisor)),
        ("handoff", span(&node.handoff)),
        ("crew", span(&node.crew)),
        ("conversation", span(&node.conversation)),
        ("compete", span(&node.compete)),
        ("vote", span(&node.vote)),
        ("plan", span(&node.plan)),
    ];
    let mut said: Vec<_> = keys.into_iter().filter_map(|(word, span)| Some((word, span?))).collect();
    said.sort_by_key(|(_, span)| span.start);
    said
}
