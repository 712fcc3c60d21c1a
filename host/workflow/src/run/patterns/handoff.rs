// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handoff: whoever has the task passes it on, with what is known, or finishes it.

use priory_patterns::handoff::{Handoffs, handoff};
use serde_json::json;

use super::task;
use crate::definition::Handoff;
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// How often a task may go back to the one from whom it came, where the workflow does not say.
const BOUNCES_MAX: usize = 4;

/// Comes to `{output, path, knows}`.
pub(super) async fn run(execution: &Execution, at: &At<'_>, says: &Handoff) -> Result<Value, Broken> {
    let routes = says.routes.iter().map(|(from, to)| (from.clone(), to.iter().cloned().collect()));
    // One that is left out may pass it on to all.
    let everybody = says.peers.iter().filter(|peer| !says.routes.contains_key(*peer));
    let everybody = everybody.map(|peer| (peer.clone(), says.peers.iter().cloned().collect()));
    let bounces = execution.workflow.definition.stop.bounces;
    let order = Handoffs {
        task: task(at)?,
        first: says.first.clone().or_else(|| says.peers.first().cloned()).unwrap_or_default(),
        roster: execution.roster(&says.peers)?,
        routes: (!says.routes.is_empty()).then(|| routes.chain(everybody).collect()),
        knows: serde_json::Map::new(),
        handoffs_max: says.handoffs as usize,
        bounces_max: bounces.map_or(BOUNCES_MAX, |bounces| bounces as usize),
    };
    let work = |peer: String, asked| async move { execution.child(&peer, &at.scope, asked).await };
    let finished = handoff(order, work).await?;
    Ok(Value::from(json!({ "output": finished.output, "path": finished.path, "knows": finished.knows })))
}
