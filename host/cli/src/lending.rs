// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the file grants that a tool holds and did not get, because an agent above it does not lend them.
//!
//! Files are mounted before a tool runs. So nobody is refused when a grant is cut away on the way down: the tool only sees
//! less, and fails in words of its own. Where it does, this says what was missing.

use std::collections::BTreeMap;

use priory::core::failure::Denial;
use priory::core::grant::{FileRule, Grant, GrantKind, GrantTemplate, GrantTemplates};
use priory::manifest::Manifest;

use crate::ui::tree::Tree;

/// How many failed calls are looked at; those that follow most often fail for the same reason.
const CALLS_MAX: usize = 64;

/// Who holds which files in a manifest, and who lends them.
#[derive(Debug, Default)]
pub(crate) struct Lending {
    plugins: BTreeMap<String, Vec<(GrantTemplate, FileRule)>>,
    /// What an agent or a workflow lets pass.
    agents: BTreeMap<String, Vec<(GrantTemplate, FileRule)>>,
}

impl Lending {
    /// Reads the grants of a manifest as they are filled in for a run.
    pub(crate) fn of(manifest: &Manifest, inputs: &BTreeMap<String, String>) -> Self {
        let plugins = manifest.plugins.iter().map(|(name, plugin)| (name.clone(), files(&plugin.grants, inputs)));
        let agents = manifest.agents.iter().map(|(name, agent)| {
            let lent = files(&agent.lends, inputs);
            (name.clone(), files(&agent.grants, inputs).into_iter().chain(lent).collect())
        });
        let workflows = manifest.workflows.iter().map(|(name, workflow)| {
            let lent = files(&workflow.lends, inputs);
            (name.clone(), files(&workflow.grants, inputs).into_iter().chain(lent).collect())
        });
        Self { plugins: plugins.collect(), agents: agents.chain(workflows).collect() }
    }

    /// Returns the first grant that a failed tool missed.
    pub(crate) fn missing(&self, tree: &Tree) -> Option<Denial> {
        tree.failed().take(CALLS_MAX).find_map(|(tool, above)| {
            let plugin = tool.strip_prefix("tool ")?.split('.').next()?;
            let holder = |program: &&&str| program.starts_with("agent ") || program.starts_with("workflow ");
            let agents: Vec<&str> = above.iter().filter(holder).copied().collect();
            self.plugins.get(plugin)?.iter().find_map(|(template, rule)| {
                let name = |agent: &&str| agent.split_once(' ').map(|(_, name)| name.to_owned()).unwrap_or_default();
                let lets_pass = |agent: &&str| match self.agents.get(&name(agent)) {
                    Some(held) => held.iter().any(|(_, other)| rule.intersect(other).is_some()),
                    None => true,
                };
                let agent = agents.iter().find(|agent| !lets_pass(agent))?;
                Some(denial(tool, template, rule, agent))
            })
        })
    }
}

fn files(grants: &GrantTemplates, inputs: &BTreeMap<String, String>) -> Vec<(GrantTemplate, FileRule)> {
    let file = |template: &GrantTemplate| match template.resolve(inputs).ok()?.grant {
        Grant::File(rule) => Some((template.clone(), rule)),
        _ => None,
    };
    grants.iter().filter(|template| template.kind == GrantKind::File).filter_map(file).collect()
}

fn denial(tool: &str, template: &GrantTemplate, rule: &FileRule, agent: &str) -> Denial {
    Denial {
        effect: format!("{} for {tool}", Grant::File(rule.clone())),
        by: agent.to_owned(),
        remedy: format!("[{}.lends]\nfiles = [{:?}]", agent.replacen(' ', "s.", 1), template.text),
    }
}
