// SPDX-License-Identifier: MIT OR Apache-2.0
//! What nodes come to, as far as that is certain.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_core::state::Merge;

use crate::definition::{HumanKind, Kind, MergeRule, Node, OnFailure, Settle};
use crate::expression::{Field, Fields, Type, Types};

/// What was found below a node.
#[derive(Debug, Default)]
pub(super) struct Below {
    /// What its parts come to.
    pub(super) parts: BTreeMap<String, Type>,
    /// What its value, its result or what it is about comes to.
    pub(super) own: Option<Type>,
    /// What it is given.
    pub(super) input: Type,
    /// What is known behind the nodes of a graph.
    pub(super) behind: Option<Types>,
}

impl Below {
    pub(super) fn part(&self, name: &str) -> Type {
        self.parts.get(name).cloned().unwrap_or_default()
    }
}

/// Returns what a node comes to for those around it.
pub(super) fn of(node: &Node, gives: &Type, below: &Below) -> Type {
    let may_differ = node.on_failure != OnFailure::Fail || expires(&node.kind);
    if may_differ {
        return Type::Any;
    }
    if let Some(schema) = &node.contract.output {
        return Type::of_schema(&schema.to_value());
    }
    let is_replaced = !node.fallback.is_empty() || node.escalate.is_some();
    if matches!(node.kind, Kind::Model(_)) && !is_replaced {
        return Type::Text;
    }
    if is_replaced { Type::Any } else { of_kind(&node.kind, gives, below) }
}

/// Returns what a node comes to by itself.
pub(super) fn of_kind(kind: &Kind, gives: &Type, below: &Below) -> Type {
    let own = || below.own.clone().unwrap_or_default();
    let fields = |names: &[&str]| open_to(names.iter().map(|name| (*name, Type::Any)));
    match kind {
        Kind::Agent(_) | Kind::Tool(_) | Kind::Workflow(_) => gives.clone(),
        Kind::Value(_) => own(),
        Kind::Human(human) => match (&human.kind, &human.about) {
            (HumanKind::Choose(_), _) => Type::Text,
            (HumanKind::Approve, Some(_)) => own(),
            (HumanKind::Approve, None) => below.input.clone(),
            (HumanKind::Edit | HumanKind::Answer, _) => Type::Any,
        },
        Kind::Emit(_) => below.input.clone(),
        Kind::Graph { .. } => own(),
        Kind::Sequence(nodes) => nodes.last().map(|last| below.part(last)).unwrap_or_default(),
        Kind::Parallel { branches, settle } => {
            let is_required = matches!(settle, Settle::All | Settle::Keep);
            let holds = |name: &str| if *settle == Settle::Keep { Type::Any } else { below.part(name) };
            let field = |name: &String| (Arc::from(name.as_str()), Field { holds: holds(name), is_required });
            let known = branches.iter().map(field).collect();
            Type::Map(Arc::new(Fields { known, others: None }))
        }
        Kind::Map { body, settle, .. } => match settle {
            Settle::Keep => Type::list(Type::Any),
            _ => Type::list(below.part(body)),
        },
        Kind::Loop { body, .. } => below.part(body),
        Kind::Handoff(_) => fields(&["output", "path", "knows"]),
        Kind::Crew(_) | Kind::Plan(_) => fields(&["output", "tasks"]),
        Kind::Conversation(_) => fields(&["result", "transcript", "ended"]),
        Kind::Compete(_) => {
            open_to([("winner", Type::Text), ("output", Type::Any), ("why", Type::Any), ("scores", Type::Any)])
        }
        Kind::Vote(_) => open_to([("choice", Type::Text), ("votes", Type::Any), ("voters", Type::Any)]),
        // A model answers with a text, or with whatever its output schema says.
        Kind::Model(_) | Kind::Event { .. } | Kind::Route { .. } | Kind::Supervisor(_) => Type::Any,
    }
}

/// Returns the type of a map that may have these fields, and no others.
pub(super) fn open_to<'a>(fields: impl IntoIterator<Item = (&'a str, Type)>) -> Type {
    let known = fields.into_iter().map(|(name, holds)| (Arc::from(name), Field { holds, is_required: false }));
    Type::Map(Arc::new(Fields { known: known.collect(), others: None }))
}

/// Returns what the state holds: each key what its rule makes of what is written, or null before anything was.
pub(super) fn state(rules: &BTreeMap<String, MergeRule>) -> Type {
    let holds = |rule: &MergeRule| match rule {
        MergeRule::Rule(Merge::Append | Merge::Union) => Type::list(Type::Any),
        MergeRule::Rule(Merge::Sum) => Type::Number,
        MergeRule::Rule(Merge::Last | Merge::Max | Merge::Min) | MergeRule::Tool(_) => Type::Any,
    };
    open_to(rules.iter().map(|(key, rule)| (key.as_str(), holds(rule))))
}

/// Tells whether a node may come to something else because nobody answered, or nothing came.
fn expires(kind: &Kind) -> bool {
    use crate::definition::Expiry;
    match kind {
        Kind::Human(human) => human.on_expiry != Expiry::Fail,
        Kind::Event { on_expiry, .. } => *on_expiry != Expiry::Fail,
        _ => false,
    }
}
