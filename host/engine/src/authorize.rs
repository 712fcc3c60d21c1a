// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first step of the waist: may this frame do this, now?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use priory_core::authority::{Holder, Passed, Validity};
use priory_core::failure::Denial;
use priory_core::grant::{Access, Grant, Held};
use priory_core::http::HttpRequest;
use priory_core::{Effect, Failure, Json};

use crate::catalog::{AgentEntry, ToolTarget};
use crate::frame::Frame;
use crate::run::Run;

/// An effect that was authorized, with what it leads to.
pub(crate) enum Plan {
    Tool { target: ToolTarget, arguments: Json },
    ToolList,
    Agent { entry: Arc<AgentEntry>, input: Json, feedback: Option<String> },
    AgentList,
    Http { request: HttpRequest },
    BudgetLeft,
    BudgetUsed,
}

/// Decides an effect. A name that is not granted is denied whether it exists or not, so that asking tells nothing.
pub(crate) fn authorize(frame: &Arc<Frame>, effect: &Effect) -> Result<Plan, Failure> {
    let catalog = &frame.run.catalog;
    Ok(match effect {
        Effect::ToolCall { tool, arguments } => {
            let found = catalog.tool(tool);
            let (name, qualified) = match &found {
                Some(target) => (&*target.name, &*target.qualified),
                None => (tool.as_str(), tool.as_str()),
            };
            frame.allow(&Access::Tool { name, qualified })?;
            let target = found.ok_or_else(|| Failure::absent(format!("tool {tool}"), "no plugin has it"))?;
            Plan::Tool { target, arguments: arguments.clone() }
        }
        Effect::AgentCall { agent, input, feedback } => {
            frame.allow(&Access::Agent(agent))?;
            let entry = catalog.agent(agent).cloned();
            let entry = entry.ok_or_else(|| Failure::absent(format!("agent {agent}"), "it is not configured"))?;
            Plan::Agent { entry, input: input.clone(), feedback: feedback.clone() }
        }
        Effect::HttpRequest(request) => {
            frame.allow(&Access::Http { method: &request.method, url: &request.url })?;
            Plan::Http { request: request.clone() }
        }
        Effect::ToolList => Plan::ToolList,
        Effect::AgentList => Plan::AgentList,
        Effect::BudgetLeft => Plan::BudgetLeft,
        Effect::BudgetUsed => Plan::BudgetUsed,
        // A log has no outcome to wait for and takes the short way through the waist.
        Effect::Log { .. } => return Err(Failure::other("log is written, not performed")),
    })
}

/// Grants that were taken back while runs are live. Shared by all runs of a host.
#[derive(Debug, Default)]
pub struct Revocations {
    /// Whether there is any: the usual case costs one load.
    any: AtomicBool,
    revoked: RwLock<Vec<(Holder, Grant)>>,
}

impl Revocations {
    /// Takes back a grant of a holder, from now on, in every run. Returns whether it was not taken back before.
    pub fn revoke(&self, holder: Holder, grant: Grant) -> bool {
        let mut revoked = self.revoked.write();
        let entry = (holder, grant);
        let is_new = !revoked.contains(&entry);
        if is_new {
            revoked.push(entry);
        }
        self.any.store(true, Ordering::Release);
        is_new
    }

    fn covers(&self, holder: &Holder, grant: &Grant) -> bool {
        self.any.load(Ordering::Acquire) && self.revoked.read().iter().any(|(h, g)| h == holder && g == grant)
    }
}

/// What holds at this moment in a run.
pub(crate) struct Now<'a> {
    run: &'a Run,
}

impl<'a> Now<'a> {
    pub(crate) fn of(run: &'a Run) -> Self {
        Self { run }
    }

    /// Uses up one use of each grant that has a number of them.
    pub(crate) fn take_uses(&self, passed: &Passed<'_>, access: &Access<'_>) -> Result<(), Denial> {
        if passed.iter().all(|(_, held)| held.uses_max.is_none()) {
            return Ok(());
        }
        let mut uses = self.run.uses.lock();
        for (holder, held) in passed {
            let Some(most) = held.uses_max else { continue };
            let count = uses.entry(use_key(holder, held)).or_default();
            if *count >= most {
                let remedy = format!("# the grant `{}` was given {most} times for a run", held.grant);
                return Err(Denial { effect: access.summary(), by: holder.to_string(), remedy });
            }
            *count += 1;
        }
        Ok(())
    }
}

impl Validity for Now<'_> {
    fn holds(&self, holder: &Holder, held: &Held) -> bool {
        let expired = held.until_unix_ms.is_some_and(|until| self.run.ports.clock.unix_ms() >= until);
        let used_up = held
            .uses_max
            .is_some_and(|most| self.run.uses.lock().get(&use_key(holder, held)).is_some_and(|count| *count >= most));
        !expired && !used_up && !self.run.ports.revocations.covers(holder, &held.grant)
    }
}

fn use_key(holder: &Holder, held: &Held) -> String {
    format!("{holder} {}", held.grant)
}
