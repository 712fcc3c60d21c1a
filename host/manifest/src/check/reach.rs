// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who can call whom, and what nobody can call.

use std::collections::BTreeSet;

use priory_core::grant::{GrantKind, GrantTemplates};

use crate::manifest::Manifest;
use crate::problem::Problems;
use crate::wire;

/// Warns of agents that no run can reach, and of plugins that nothing uses.
pub(super) fn warn(manifest: &Manifest, wire: &wire::Manifest, warnings: &mut Problems<'_>) {
    // A manifest without agents lends its plugins to whoever calls from outside.
    let Some(entry) = &manifest.entry else { return };
    let started = manifest.triggers.values().map(|trigger| trigger.start.as_str());
    let reached = reached(manifest, started.chain([entry.as_str()]));
    for name in wire.agents.keys().filter(|name| !reached.contains(&Node::Agent(name))) {
        let hint = format!("let an agent that `{entry}` calls hold `agents = [\"{}\"]`", name.as_str());
        let message = format!("agent `{}` is out of reach of `{entry}`, which a run starts with", name.as_str());
        warnings.push(name.span(), message, Some(hint));
    }
    for name in wire.workflows.keys().filter(|name| !reached.contains(&Node::Agent(name))) {
        let hint = format!("let something that `{entry}` calls have a node `workflow = \"{}\"`", name.as_str());
        let message = format!("workflow `{}` is out of reach of `{entry}`, which a run starts with", name.as_str());
        warnings.push(name.span(), message, Some(hint));
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

fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}
