// SPDX-License-Identifier: MIT OR Apache-2.0
//! Route: the first node whose condition holds, or the default.

use priory_core::effect::Level;
use priory_patterns::route::choose;

use crate::definition::Case;
use crate::expression::{Expression, Value};
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

pub(super) async fn run(
    execution: &Execution,
    at: &At<'_>,
    cases: &[Case],
    default: Option<&str>,
) -> Result<Value, Broken> {
    let roads: Vec<(usize, Option<&Expression>, &str)> =
        cases.iter().enumerate().map(|(index, case)| (index, Some(&case.when), case.node.as_str())).collect();
    let default = default.map(|node| (cases.len(), None, node));
    let holds = |road: &(usize, Option<&Expression>, &str)| match road {
        (index, Some(when), _) => when
            .holds(&at.scope)
            .map_err(|error| execution.wrong(at.name, &format!("route.cases.{index}.when"), &error)),
        (_, None, _) => Ok(true),
    };
    let (_, when, node) = choose(roads, default, holds)?;
    let why = when.map_or("no case holds", Expression::source);
    execution.note(Level::Info, &format!("node {} takes {node}: {why}", at.name));
    execution.node(node, at.scope.clone(), at.input.clone()).await
}
