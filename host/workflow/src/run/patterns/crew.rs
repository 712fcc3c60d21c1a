// SPDX-License-Identifier: MIT OR Apache-2.0
//! Crew: roles work on tasks, in their order, or as a manager assigns and accepts them.

use priory_core::Failure;
use priory_patterns::crew;
use serde_json::{Value as Tree, json};

use super::task;
use crate::definition::Crew;
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

/// Comes to `{output, tasks}`: what the last task came to, and what each did.
pub(super) async fn run(execution: &Execution, at: &At<'_>, says: &Crew) -> Result<Value, Broken> {
    let role = |role: &crate::definition::Role| {
        let description = execution.workflow.definition.nodes.get(&role.node).map(|node| node.description.clone());
        crew::Role { name: role.name.clone(), goal: role.goal.clone(), description: description.unwrap_or_default() }
    };
    let given = task(at)?;
    let job = |job: &crate::definition::CrewTask| crew::Task {
        name: job.name.clone(),
        what: json!({ "what": job.what, "given": given }),
        role: job.role.clone(),
        needs: job.needs.clone(),
    };
    let order = crew::Crew {
        goal: Tree::from(says.goal.as_str()),
        roles: says.roles.iter().map(role).collect(),
        tasks: says.tasks.iter().map(job).collect(),
    };
    let work = |role: String, asked| async move {
        let node = says.roles.iter().find(|known| known.name == role).map(|known| known.node.as_str());
        let node = node.ok_or_else(|| Failure::absent(format!("role {role}"), "the crew has none of that name"))?;
        execution.child(node, &at.scope, asked).await
    };
    let made = match &says.manager {
        None => crew::sequential(order, work).await?,
        Some(manager) => {
            let lead = |asked| execution.child(manager, &at.scope, asked);
            crew::hierarchical(order, says.revisions as usize, lead, work).await?
        }
    };
    Ok(Value::from(json!({ "output": made.output, "tasks": made.tasks })))
}
