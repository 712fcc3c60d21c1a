// SPDX-License-Identifier: MIT OR Apache-2.0
//! A node, and what is done around it whatever it is: contracts, time, tries, budgets, failures.

use std::collections::BTreeMap;

use priory_core::Json;
use priory_core::amounts::BudgetSpec;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::expression::{Expression, Mapping};

/// One node of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// What it does, for people and for agents that choose among workers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it is given; without it, what its pattern gives, or the input of the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Mapping>,
    /// Whether it is done at all; one that is not has the output `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// Nodes of its scope that come first, apart from those whose outputs it uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// What goes in and what comes out.
    #[serde(default)]
    pub contract: Contract,
    /// How long it may take, in milliseconds of wall-clock time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// What is done again when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Nodes that are tried instead, in order, with the same input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<String>,
    /// What each of its calls may spend with everything below it.
    #[serde(default, skip_serializing_if = "BudgetSpec::is_unbounded")]
    pub budget: BudgetSpec,
    /// What is done when that is spent.
    #[serde(default)]
    pub on_spent: OnSpent,
    /// Who decides when nothing else helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalate>,
    /// What undoes it when the workflow fails or is cancelled later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// What its failure means for those around it.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// What it writes to the state of the run, over its `output`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub write: BTreeMap<String, Expression>,
}

/// What goes into a node and what comes out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Contract {
    /// JSON Schema of what it is given. What does not fit is never given to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// JSON Schema of its output. What does not fit never reaches another node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    /// How often it is called until its output fits; from the second time on it is told what was wrong.
    pub attempts: u32,
}

impl Default for Contract {
    fn default() -> Self {
        Self { input: None, output: None, attempts: 2 }
    }
}

/// What is done again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Retry {
    /// On which kinds of failures; empty means on those that may pass by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// How often, after the first time.
    pub times: u32,
    /// How long to wait before the first time, in milliseconds.
    pub backoff_ms: u64,
    /// How many times longer before each further time.
    pub factor: f64,
    /// How long at most, in milliseconds.
    pub backoff_ms_max: u64,
    /// Which share of the time is random, from 0 to 1.
    pub jitter: f64,
}

/// What is done when the budget of a node is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnSpent {
    /// It fails.
    #[default]
    Fail,
    /// Its fallbacks are tried.
    Fallback,
    /// A person is asked for more, and it is called again with that.
    Ask,
}

/// Who decides about a node that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Escalate {
    /// A node that is told everything and decides: it gives `{"use": value}`, `{"again": hint}` or `{"give-up": reason}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whether a person decides when that node does not.
    #[serde(default)]
    pub human: bool,
    /// How long the person has, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// What undoes a node that had finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Undo {
    /// The node that does it; it is given what `with` says over `given` and `output` of the one that it undoes.
    pub node: String,
    /// What it is given; without it, an object of `given` and `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<Mapping>,
}

/// What the failure of a node means for those around it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// What stands around it fails.
    #[default]
    Fail,
    /// Its output is `{"failure": {"kind": …, "message": …}}`.
    Keep,
    /// Its output is something else.
    Value(Mapping),
}

impl Node {
    /// Returns the nodes that it owns.
    pub fn children(&self) -> Vec<&str> {
        let around = self.fallback.iter().map(String::as_str);
        let decides = self.escalate.as_ref().and_then(|escalate| escalate.to.as_deref());
        let undoes = self.undo.as_ref().map(|undo| undo.node.as_str());
        self.kind.children().into_iter().chain(around).chain(decides).chain(undoes).collect()
    }

    /// Returns the agents that it calls itself.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.kind.agent().into_iter()
    }

    /// Returns the tools that it calls itself.
    pub fn tools(&self) -> impl Iterator<Item = &str> {
        self.kind.tool().into_iter()
    }
}
