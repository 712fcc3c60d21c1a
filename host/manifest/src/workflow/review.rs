// SPDX-License-Identifier: MIT OR Apache-2.0
//! Has definitions checked, and says what is wrong where it was written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use priory_core::Json;
use priory_workflow::check::{Callee, Surroundings, check};
use priory_workflow::definition::{Definition, Kind};

use super::Workflow;
use super::place::Places;
use crate::Error;
use crate::manifest::Manifest;
use crate::problem::{Problem, Problems, of_file};

/// What is wrong with workflows, and what is most likely not meant.
#[derive(Debug, Default)]
pub(crate) struct Reviewed {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

/// Checks some workflows against what is around them, themselves among it.
pub(crate) fn review(workflows: &BTreeMap<String, Workflow>, mut around: Surroundings) -> Reviewed {
    for (name, workflow) in workflows {
        around.workflows.insert(name.clone(), callee(&workflow.definition));
    }
    let mut reviewed = Reviewed::default();
    for (name, workflow) in workflows {
        let found = check(&workflow.definition, &around);
        if found.is_empty() {
            continue;
        }
        let source = &workflow.source;
        let above = if source.is_whole { Vec::new() } else { vec!["workflows", name.as_str()] };
        let places = Places::of(&source.text, above);
        let (mut problems, mut warnings) = (Problems::new(&source.text), Problems::new(&source.text));
        for finding in found {
            let span = places.find(&finding.node, &finding.key, finding.at.as_ref());
            let into = if finding.is_warning { &mut warnings } else { &mut problems };
            into.push(span, finding.message, finding.hint);
        }
        let file = source.is_whole.then(|| Arc::new(source.clone()));
        let told = |problems: Problems<'_>| match &file {
            Some(file) => of_file(problems.finish(), file).collect(),
            None => problems.finish(),
        };
        reviewed.problems.extend(told(problems));
        reviewed.warnings.extend(told(warnings));
    }
    reviewed
}

/// Returns what others have to know of a workflow.
fn callee(definition: &Definition) -> Callee {
    let calls = definition.nodes.values().filter_map(|node| match &node.kind {
        Kind::Workflow(name) => Some(name.clone()),
        _ => None,
    });
    let schema = |schema: &Option<Json>| schema.as_ref().map(Json::to_value);
    Callee { input: schema(&definition.input), output: schema(&definition.output), calls: calls.collect() }
}

impl Manifest {
    /// Checks the workflows once more, when the plugins are loaded: `tools` are all tools, by every name that they have, and
    /// `toolsets` are the plugins that tell their tools only when they run. Returns the warnings that are new.
    pub fn check_tools(
        &self,
        tools: BTreeMap<String, Callee>,
        toolsets: BTreeSet<String>,
    ) -> Result<Vec<Problem>, Error> {
        let around = Surroundings {
            agents: self.agents.keys().map(|name| (name.clone(), Callee::default())).collect(),
            plugins: self.plugins.keys().cloned().collect(),
            tools: Some(tools),
            toolsets,
            ..Surroundings::default()
        };
        let Reviewed { problems, mut warnings } = review(&self.workflows, around);
        if !problems.is_empty() {
            return Err(Error::Problems { path: self.path.clone(), text: self.text.clone(), problems });
        }
        warnings.retain(|warning| !self.warnings.contains(warning));
        Ok(warnings)
    }
}
