// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes nodes: what each is, and what is done around it.

use std::collections::BTreeMap;

use priory_workflow::definition::{Contract, Escalate, Node, OnFailure, OnSpent, Retry, Undo};

use super::make::{Making, names};
use crate::check::words;
use crate::wire::{self, At, Choice};

/// How often a node is called until its output fits, where nothing is said.
const ATTEMPTS: u32 = 2;

impl Making<'_, '_> {
    /// Makes a node, or reports what it lacks.
    pub(super) fn node(&mut self, name: &At<String>, node: &At<wire::Node>) -> Option<Node> {
        // Everything is looked at, whatever is wrong with the rest.
        let kind = self.kind(name, node);
        let mut write = BTreeMap::new();
        for (key, text) in &node.write {
            let expression = self.expression(text);
            write.extend(self.needed(expression).map(|expression| (key.to_string(), expression)));
        }
        let undo = node.undo.as_ref().and_then(|undo| self.undo(undo));
        let made = Node {
            description: words(&node.description),
            with: self.maybe_mapping(&node.with),
            when: self.maybe(&node.when),
            after: names(&node.after),
            contract: Contract {
                input: self.json_schema(&node.input_schema),
                output: self.json_schema(&node.output_schema),
                attempts: node.attempts.as_deref().copied().unwrap_or(ATTEMPTS),
            },
            timeout_ms: node.timeout_ms.as_deref().copied(),
            retry: node.retry.as_ref().map(|retry| again(retry)),
            fallback: names(&node.fallback),
            budget: node.budget.as_deref().map(|budget| self.check.budget(budget)).unwrap_or_default(),
            on_spent: match node.on_spent.as_deref() {
                None | Some(wire::OnSpent::Fail) => OnSpent::Fail,
                Some(wire::OnSpent::Fallback) => OnSpent::Fallback,
                Some(wire::OnSpent::Ask) => OnSpent::Ask,
            },
            escalate: node.escalate.as_ref().map(|escalate| Escalate {
                to: escalate.to.as_deref().cloned(),
                human: escalate.human,
                expires_ms: escalate.expires_ms.as_deref().copied(),
            }),
            undo,
            on_failure: self.on_failure(&node.on_failure),
            write,
            kind: kind?,
        };
        Some(made)
    }

    fn undo(&mut self, undo: &wire::Undo) -> Option<Undo> {
        let with = self.maybe_mapping(&undo.with);
        Some(Undo { node: self.name(&undo.node)?, with })
    }

    fn on_failure(&mut self, said: &Option<At<Choice<wire::OnFailure>>>) -> OnFailure {
        match said.as_deref() {
            Some(Choice::Word(word)) if word == "keep" => OnFailure::Keep,
            None | Some(Choice::Word(_)) => OnFailure::Fail,
            Some(Choice::Table(table)) => {
                let value = self.maybe_mapping(&table.value);
                self.needed(value).map_or(OnFailure::Fail, OnFailure::Value)
            }
        }
    }
}

/// Makes a retry; what is left out has these values, which wait some seconds in all.
fn again(retry: &wire::Retry) -> Retry {
    Retry {
        on: names(&retry.on),
        times: retry.times.as_deref().copied().unwrap_or(3),
        backoff_ms: retry.backoff_ms.as_deref().copied().unwrap_or(200),
        factor: retry.factor.as_deref().copied().unwrap_or(2.0),
        backoff_ms_max: retry.backoff_ms_max.as_deref().copied().unwrap_or(10_000),
        jitter: retry.jitter.as_deref().copied().unwrap_or(0.2),
    }
}
