// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the definition of a workflow of what was written.

use std::collections::BTreeMap;
use std::ops::Range;

use priory_core::grant::GrantTemplates;
use priory_core::state::Merge;
use priory_workflow::definition::{CONTEXT_BYTES, Definition, MergeRule, Stop};

use super::{Source, Workflow, granted, word};
use crate::check::{Check, limits, words};
use crate::wire::{self, At, Choice};

/// A workflow in the making.
pub(super) struct Making<'c, 'a> {
    pub(super) check: &'c mut Check<'a>,
    /// Whether a part of it could not be made, so that it cannot be looked at as a whole.
    pub(super) is_broken: bool,
}

/// Makes a workflow, or reports why not.
pub(crate) fn make<'a>(
    check: &mut Check<'a>,
    name: &At<String>,
    workflow: &'a wire::Workflow,
    source: Source,
) -> Option<Workflow> {
    check.frame_limits(&workflow.limits);
    let grants = check.grants(&workflow.grants);
    let budget = check.budget(&workflow.budget);
    let lends = check.grants(&workflow.lends);
    let mut making = Making { check, is_broken: false };
    let definition = making.definition(name, workflow);
    if making.is_broken {
        return None;
    }
    let grants = granted::with_nodes(&definition, grants, check.usual_model());
    Some(Workflow {
        limits: limits(&workflow.limits),
        budget,
        grants,
        lends: GrantTemplates(lends.0),
        definition,
        source,
    })
}

impl<'a> Making<'_, 'a> {
    pub(super) fn problem(&mut self, at: Range<usize>, message: impl AsRef<str>, hint: Option<String>) {
        self.check.problems.push(at, message, hint);
    }

    /// Takes note that a part of the workflow is missing; what it lacks is reported where it is.
    pub(super) fn needed<T>(&mut self, part: Option<T>) -> Option<T> {
        self.is_broken |= part.is_none();
        part
    }

    /// Returns a name that has to be there; what is missing was reported.
    pub(super) fn name(&mut self, name: &Option<At<String>>) -> Option<String> {
        self.needed(name.as_ref().map(|name| name.to_string()))
    }

    fn definition(&mut self, name: &At<String>, workflow: &'a wire::Workflow) -> Definition {
        if workflow.nodes.is_empty() {
            let hint = "add a node, such as [workflows.NAME.nodes.first] with `agent = \"…\"`".to_owned();
            self.problem(name.span(), format!("workflow `{}` has no nodes", name.as_str()), Some(hint));
            self.is_broken = true;
        }
        let mut nodes = BTreeMap::new();
        for (node, wire) in &workflow.nodes {
            if let Some((message, hint)) = word::refuse_node(node) {
                self.problem(node.span(), message, Some(hint));
            }
            let made = self.node(node, wire);
            if let Some(made) = self.needed(made) {
                nodes.insert(node.to_string(), made);
            }
        }
        let stop = &workflow.stop;
        Definition {
            name: name.to_string(),
            description: words(&workflow.description),
            input: self.json_schema(&workflow.input_schema),
            output: self.json_schema(&workflow.output_schema),
            result: self.maybe(&workflow.result),
            state: self.state(&workflow.state),
            stop: Stop { steps: stop.steps, repeats: stop.repeats, bounces: stop.bounces },
            context_bytes: workflow.context_bytes.as_deref().copied().unwrap_or(CONTEXT_BYTES),
            nodes,
        }
    }

    fn state(&mut self, keys: &'a wire::Named<wire::StateKey>) -> BTreeMap<String, MergeRule> {
        let mut rules = BTreeMap::new();
        for (key, rule) in keys {
            if let Some((message, hint)) = word::refuse_key(key) {
                self.problem(key.span(), message, Some(hint));
            }
            let rule = match rule.merge.as_deref() {
                None => Some(MergeRule::Rule(Merge::Last)),
                // The form allows no other words.
                Some(Choice::Word(word)) => word.parse().ok().map(MergeRule::Rule),
                Some(Choice::Table(table)) => self.name(&table.tool).map(MergeRule::Tool),
            };
            if let Some(rule) = rule {
                rules.insert(key.to_string(), rule);
            }
        }
        rules
    }
}

/// Returns the texts of names.
pub(super) fn names(names: &[At<String>]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}
