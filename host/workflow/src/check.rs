// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds what is wrong with a workflow before anything runs.
//!
//! It looks at the definition alone, and at what is known of its surroundings: which agents, workflows and tools there are,
//! and what they take and give. What is not known is never wrong. In reading order:
//!
//! - `around`: what is done around nodes, and questions and events;
//! - `pattern`: the patterns and their maxima;
//! - `callee`: whom nodes call, and what they give them;
//! - `schema`: the contracts;
//! - `scope`: who sees whose output, and what is certain of it; on that stand
//! - `expression`: the expressions, and `output`: what nodes come to.

mod around;
mod callee;
mod expression;
mod output;
mod pattern;
mod schema;
mod scope;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use serde_json::Value;

use crate::definition::{Definition, Flaw, Tree};
use crate::expression::Type;

/// How many things are found in one workflow; who mends these sees the others.
pub const FINDINGS_MAX: usize = 256;

/// Something that is wrong with a workflow, or most likely not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The node; empty for the workflow itself.
    pub node: String,
    /// The key below it, such as `route.cases.0.when`; empty for the whole.
    pub key: String,
    /// The bytes of the text under the key that it is about; `None` for all of it.
    pub at: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
    /// Whether it is allowed, and most likely not meant.
    pub is_warning: bool,
}

/// What is around a workflow.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The agents by name.
    pub agents: BTreeMap<String, Callee>,
    /// The workflows by name, itself among them.
    pub workflows: BTreeMap<String, Callee>,
    /// The plugins by name.
    pub plugins: BTreeSet<String>,
    /// The tools by every name that they have; `None` where plugins have not been loaded.
    pub tools: Option<BTreeMap<String, Callee>>,
    /// The plugins that tell their tools only when they run.
    pub toolsets: BTreeSet<String>,
    /// The models; `None` where nobody knows.
    pub models: Option<Models>,
}

/// The models that can be asked.
#[derive(Debug, Clone, Default)]
pub struct Models {
    /// Their names.
    pub names: BTreeSet<String>,
    /// The names of those that make vectors, and answer nobody.
    pub embedding: BTreeSet<String>,
    /// Whether one is asked where nobody names one.
    pub has_usual: bool,
}

/// What is known of something that can be called.
#[derive(Debug, Clone, Default)]
pub struct Callee {
    /// JSON Schema of what it takes.
    pub input: Option<Value>,
    /// JSON Schema of what it gives.
    pub output: Option<Value>,
    /// The workflows that it calls itself.
    pub calls: Vec<String>,
}

/// Finds everything that is wrong with a workflow.
pub fn check(definition: &Definition, surroundings: &Surroundings) -> Vec<Finding> {
    let mut check = Check { definition, surroundings, findings: Vec::new(), types: HashMap::new() };
    check.schemas();
    for (name, node) in &definition.nodes {
        check.around(name, node);
        check.pattern(name, node);
        check.callee(name, node);
    }
    check.merge_tools();
    match Tree::of(definition) {
        Ok(tree) => check.scopes(&tree),
        Err(flaws) => flaws.into_iter().for_each(|flaw| check.push(flaw.into())),
    }
    check.unread_state();
    check.findings
}

/// The check of one workflow.
struct Check<'a> {
    definition: &'a Definition,
    surroundings: &'a Surroundings,
    findings: Vec<Finding>,
    /// What is known of callees, by their kind and name: a schema is read once, however many nodes call.
    types: HashMap<(&'static str, &'a str), Known>,
}

/// What a callee takes and gives.
#[derive(Debug, Clone, Default)]
struct Known {
    takes: Type,
    gives: Type,
}

impl From<Flaw> for Finding {
    fn from(flaw: Flaw) -> Self {
        let Flaw { node, key, message, hint } = flaw;
        Self { node, key, at: None, message, hint, is_warning: false }
    }
}

impl Check<'_> {
    fn push(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Reports something; an empty hint is none.
    fn wrong(&mut self, node: &str, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.found(node, key, message.into(), hint.into(), false);
    }

    /// Reports something that is allowed, and most likely not meant.
    fn odd(&mut self, node: &str, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.found(node, key, message.into(), hint.into(), true);
    }

    fn found(&mut self, node: &str, key: &str, message: String, hint: String, is_warning: bool) {
        let hint = (!hint.is_empty()).then_some(hint);
        self.push(Finding { node: node.to_owned(), key: key.to_owned(), at: None, message, hint, is_warning });
    }
}
