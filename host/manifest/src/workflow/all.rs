// SPDX-License-Identifier: MIT OR Apache-2.0
//! All workflows of a manifest, those in files of their own among them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use priory_workflow::check::{Callee, Surroundings};

use super::file::File;
use super::make::make;
use super::review::{Reviewed, review};
use super::{Source, Workflow};
use crate::check::Check;
use crate::problem::{Problem, Problems, of_file};
use crate::wire::{self, At};

/// The workflows of a manifest, and what is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct All {
    pub(crate) made: BTreeMap<String, Workflow>,
    /// What is wrong beyond what was reported of the text of the manifest.
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

/// Reads the files that workflows name; what cannot be read is reported.
pub(crate) fn load(wire: &wire::Manifest, path: &Path, folder: &Path, problems: &mut Problems<'_>) -> Files {
    let mut files = BTreeMap::new();
    for (name, workflow) in &wire.workflows {
        let Some(named) = &workflow.file else { continue };
        if let Some(file) = File::load(named, path, folder, problems) {
            let mut found = Problems::new(&file.text);
            let own = file.parse(&mut found);
            let found = found.finish();
            files.insert(name.to_string(), (file, own, found));
        }
    }
    files
}

/// The files of workflows by the names of those: each with its form, where it has one, and with what is wrong with that.
pub(crate) type Files = BTreeMap<String, (File, Option<wire::Workflow>, Vec<Problem>)>;

/// Makes all workflows, and checks them.
pub(crate) fn all<'a>(check: &mut Check<'a>, files: &'a Files, path: &Path) -> All {
    let mut all = All::default();
    let text: Arc<str> = check.problems.text().into();
    for (name, workflow) in &check.wire.workflows {
        check.name("workflow", name);
        if check.wire.agents.contains_key(name.as_str()) {
            let message = format!("there is an agent `{}` already", name.as_str());
            let hint = "agents and workflows are called in the same way, so they share one space of names";
            check.problems.push(name.span(), message, Some(hint.to_owned()));
        }
        let made = match (&workflow.file, files.get(name.as_str())) {
            (Some(file), own) => {
                if workflow.says_more() {
                    let message = "what the workflow says stands in its file, and nothing of it here";
                    check.problems.push(file.span(), message, Some("move the rest into the file".to_owned()));
                }
                own.and_then(|(file, own, found)| of_its_file(check, name, (file, own.as_ref(), found), &mut all))
            }
            (None, _) => {
                let source = Source { path: path.to_owned(), text: text.clone(), is_whole: false };
                make(check, name, workflow, source)
            }
        };
        all.made.extend(made.map(|made| (name.to_string(), made)));
    }
    let Reviewed { problems, warnings } = review(&all.made, around(check));
    all.problems.extend(problems);
    all.warnings.extend(warnings);
    all.problems.sort();
    all
}

/// Makes a workflow of a file of its own: problems are those of that text, and paths start in that folder.
fn of_its_file<'a>(
    check: &mut Check<'a>,
    name: &At<String>,
    (file, own, found): (&'a File, Option<&'a wire::Workflow>, &[Problem]),
    all: &mut All,
) -> Option<Workflow> {
    let source = Source { path: file.path.clone(), text: file.text.clone(), is_whole: true };
    let shared = Arc::new(source.clone());
    all.problems.extend(of_file(found.to_vec(), &shared));
    let own = own?;
    let mut inner = Check {
        wire: check.wire,
        folder: &file.folder,
        problems: Problems::new(&file.text),
        warnings: Problems::new(&file.text),
    };
    if let Some(again) = &own.file {
        inner.problems.push(again.span(), "this is the file already", Some("leave out `file`".to_owned()));
    }
    let made = make(&mut inner, name, own, source);
    all.problems.extend(of_file(inner.problems.finish(), &shared));
    all.warnings.extend(of_file(inner.warnings.finish(), &shared));
    made
}

/// Returns what is known of the surroundings of workflows before plugins are loaded. Workflows that could not be made are
/// there all the same: whoever calls them is not what is wrong.
fn around(check: &Check<'_>) -> Surroundings {
    let wire = check.wire;
    let names = |name: &At<String>| (name.to_string(), Callee::default());
    Surroundings {
        agents: wire.agents.keys().map(names).collect(),
        workflows: wire.workflows.keys().map(names).collect(),
        plugins: wire.plugins.keys().map(|name| name.to_string()).collect(),
        models: Some(check.models_around()),
        ..Surroundings::default()
    }
}

impl wire::Workflow {
    /// Tells whether it says anything besides its file.
    fn says_more(&self) -> bool {
        let is_said = [self.description.is_some(), self.result.is_some(), self.context_bytes.is_some()];
        let has_schema = self.input_schema.is_some() || self.output_schema.is_some();
        let has_tables = !self.nodes.is_empty() || !self.state.is_empty() || !self.limits.0.is_empty();
        has_schema || has_tables || is_said.contains(&true)
    }
}
