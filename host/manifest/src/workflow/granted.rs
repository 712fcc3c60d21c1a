// SPDX-License-Identifier: MIT OR Apache-2.0
//! The grants that follow from what a workflow says: whoever names a tool in a node has granted it.

use std::path::PathBuf;

use priory_core::grant::{GrantKind, GrantTemplate, GrantTemplates};
use priory_workflow::definition::{Definition, Kind, Node, OnSpent};

/// Adds to the grants of a workflow what its nodes need. What is granted already, with whatever conditions, stays as it is.
/// `usual_model` is the one that is asked where a node names none.
pub(super) fn with_nodes(definition: &Definition, given: GrantTemplates, usual_model: Option<&str>) -> GrantTemplates {
    let mut all = given;
    let mut add = |kind: GrantKind, text: &str| {
        // A grant with conditions was meant to have them.
        let is_there = all.0.iter().any(|held| held.kind == kind && held.text == text);
        if !is_there {
            all.0.push(GrantTemplate::new(kind, text, PathBuf::new()));
        }
    };
    definition.tools().into_iter().for_each(|tool| add(GrantKind::Tool, tool));
    definition.agents().into_iter().for_each(|agent| add(GrantKind::Agent, agent));
    let usual_model = usual_model.filter(|_| definition.asks_usual_model());
    definition.models().into_iter().chain(usual_model).for_each(|model| add(GrantKind::Model, model));
    definition.state.keys().for_each(|key| add(GrantKind::State, key));
    for node in definition.nodes.values() {
        match &node.kind {
            Kind::Emit(name) => add(GrantKind::Event, &format!("{name}:emit")),
            Kind::Event { name, .. } => add(GrantKind::Event, &format!("{name}:await")),
            _ => {}
        }
    }
    add(GrantKind::Log, "");
    // What is too large to pass between nodes becomes an artifact.
    add(GrantKind::Artifact, "");
    if definition.nodes.values().any(asks) {
        add(GrantKind::Human, "");
    }
    if definition.nodes.values().any(waits) {
        add(GrantKind::Sleep, "");
    }
    all
}

/// Tells whether a node may ask a person.
fn asks(node: &Node) -> bool {
    let is_question = matches!(node.kind, Kind::Human(_));
    is_question || node.on_spent == OnSpent::Ask || node.escalate.as_ref().is_some_and(|escalate| escalate.human)
}

/// Tells whether a node may wait for some time.
fn waits(node: &Node) -> bool {
    node.retry.is_some() || node.timeout_ms.is_some()
}
