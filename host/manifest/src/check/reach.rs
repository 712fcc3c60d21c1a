// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who can call whom, and what nobody can call or use.

use std::collections::BTreeSet;

use priory_core::grant::{GrantKind, GrantTemplates};

use crate::manifest::Manifest;
use crate::problem::{Problem, Problems};
use crate::wire;

/// From how many programs out of reach on one warning tells of all.
const FOLDED_MIN: usize = 3;
/// How many of them it names.
const NAMED_MAX: usize = 8;

/// Tells of agents and workflows that no run reaches by itself, or that nothing says what a run starts with.
pub(super) fn unreached(manifest: &Manifest, wire: &wire::Manifest) -> Vec<Problem> {
    let mut warnings = Problems::new(&manifest.text);
    match &manifest.entry {
        Some(entry) => warn_of_unreached(manifest, wire, entry, &mut warnings),
        None => warn_of_no_entry(wire, &mut warnings),
    }
    warnings.finish()
}

fn warn_of_no_entry(wire: &wire::Manifest, warnings: &mut Problems<'_>) {
    let (agents, workflows) = (&wire.agents, &wire.workflows);
    // A manifest without any lends its plugins to whoever calls from outside.
    let Some(first) = agents.keys().chain(workflows.keys()).min_by_key(|name| name.span().start) else { return };
    let what = match (agents.is_empty(), workflows.is_empty()) {
        (_, true) => "agents",
        (true, false) => "workflows",
        (false, false) => "agents and workflows",
    };
    let count = agents.len().saturating_add(workflows.len());
    let message = format!("there are {count} {what}, and `entry` does not say which one a run starts");
    let name = first.as_str();
    let hint = format!("add `entry = \"{name}\"`, or another, below the name, or run one with --agent {name}");
    warnings.push(first.span(), message, Some(hint));
}

fn warn_of_unreached(manifest: &Manifest, wire: &wire::Manifest, entry: &str, warnings: &mut Problems<'_>) {
    let started = manifest.triggers.values().map(|trigger| trigger.start.as_str());
    let reached = reached(manifest, started.chain([entry]));
    let agents = wire.agents.keys().map(|name| ("agent", name));
    let mut out: Vec<_> = agents.chain(wire.workflows.keys().map(|name| ("workflow", name))).collect();
    out.retain(|(_, name)| !reached.contains(&Node::Agent(name)));
    out.sort_by_key(|(_, name)| name.span().start);
    if let (Some((_, first)), true) = (out.first(), out.len() >= FOLDED_MIN) {
        let mut names: Vec<_> = out.iter().take(NAMED_MAX).map(|(_, name)| format!("`{}`", name.as_str())).collect();
        if out.len() > NAMED_MAX {
            names.push(format!("{} more", out.len() - NAMED_MAX));
        }
        let message = format!("out of reach of `{entry}`, which a run starts with, are {}", names.join(", "));
        warnings.push(first.span(), message, Some("a run starts with one of them by --agent NAME".to_owned()));
        return;
    }
    for (what, name) in out {
        let (span, name) = (name.span(), name.as_str());
        let hint = match what {
            "agent" => format!("let an agent that `{entry}` calls hold `agents = [\"{name}\"]`"),
            _ => format!("let something that `{entry}` calls have a node `workflow = \"{name}\"`"),
        };
        let message = format!("{what} `{name}` is out of reach of `{entry}`, which a run starts with");
        warnings.push(span, message, Some(hint));
    }
}

/// Warns of plugins that nothing uses.
pub(super) fn warn_of_unused(manifest: &Manifest, wire: &wire::Manifest, warnings: &mut Problems<'_>) {
    // A manifest without agents lends its plugins to whoever calls from outside.
    if manifest.agents.is_empty() && manifest.workflows.is_empty() {
        return;
    }
    let used = used_plugins(manifest);
    for name in wire.plugins.keys().filter(|name| !used.contains(name.as_str())) {
        let hint = format!("let an agent hold `tools = [\"{}.*\"]`, or take the plugin out", name.as_str());
        warnings.push(name.span(), format!("plugin `{}` is used by nobody", name.as_str()), Some(hint));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node<'a> {
    Agent(&'a str),
    /// A plugin that is called as a tool.
    Tool(&'a str),
}

/// Returns what can be called in a run. Each node is visited once.
fn reached<'a>(manifest: &'a Manifest, entries: impl Iterator<Item = &'a str>) -> BTreeSet<Node<'a>> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<_> = entries.map(Node::Agent).collect();
    while let Some(node) = open.pop() {
        if !reached.insert(node) {
            continue;
        }
        match node {
            Node::Agent(name) => {
                if let Some(agent) = manifest.agents.get(name) {
                    open.extend(called(manifest, &agent.grants));
                    open.extend(linked(manifest, &agent.plugin));
                }
                if let Some(workflow) = manifest.workflows.get(name) {
                    open.extend(called(manifest, &workflow.grants));
                }
            }
            Node::Tool(name) => {
                let Some(plugin) = manifest.plugins.get(name) else { continue };
                open.extend(called(manifest, &plugin.grants));
                open.extend(linked(manifest, name));
            }
        }
    }
    reached
}

/// Returns what grants allow to call.
fn called<'a>(manifest: &'a Manifest, grants: &GrantTemplates) -> Vec<Node<'a>> {
    let mut nodes = Vec::new();
    for grant in grants.iter() {
        let text = grant.text.as_str();
        match grant.kind {
            GrantKind::Agent => {
                let names = manifest.agents.keys().chain(manifest.workflows.keys()).filter(|name| covers(text, name));
                nodes.extend(names.map(|name| Node::Agent(name)));
            }
            GrantKind::Tool => {
                let names = manifest.plugins.keys().filter(|name| covers(text.split('.').next().unwrap_or(text), name));
                nodes.extend(names.map(|name| Node::Tool(name)));
            }
            _ => {}
        }
    }
    nodes
}

fn linked<'a>(manifest: &'a Manifest, plugin: &str) -> impl Iterator<Item = Node<'a>> {
    let links = manifest.plugins.get(plugin).map(|plugin| plugin.links.values());
    links.into_iter().flatten().map(|target| Node::Tool(target))
}

/// Returns the plugins that an agent runs, that a link leads to, or that a grant for tools names.
fn used_plugins(manifest: &Manifest) -> BTreeSet<&str> {
    let programs = manifest.agents.values().map(|agent| agent.plugin.as_str());
    let links = manifest.plugins.values().flat_map(|plugin| plugin.links.values()).map(String::as_str);
    let own = manifest.agents.values().map(|agent| &agent.grants);
    let own = own.chain(manifest.workflows.values().map(|workflow| &workflow.grants));
    let grants = own.chain(manifest.plugins.values().map(|plugin| &plugin.grants));
    let tools = grants.flat_map(|grants| called(manifest, grants)).filter_map(|node| match node {
        Node::Tool(name) => Some(name),
        Node::Agent(_) => None,
    });
    programs.chain(links).chain(tools).collect()
}

/// Tells whether a name, or the beginning of one and `*`, covers a name.
pub(super) fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}
