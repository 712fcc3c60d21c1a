// SPDX-License-Identifier: MIT OR Apache-2.0
//! The turn of a call: that it passes the gate of what it calls, and what its outcome says about that.

use std::sync::Arc;
use std::time::Duration;

use priory_core::effect::Terms;
use priory_core::event::{Label, Program};
use priory_core::gate::{Fault, GateSpec};
use priory_core::limits::{Dimension, Limits};
use priory_core::{Amounts, Failure, FramePath, Outcome};

use crate::execute::Job;
use crate::frame::Frame;
use crate::gate::{GateKind, Pass, Passed, Verdict, Way};

/// What a call leads to, and what stands before that.
pub(super) struct Called<'a> {
    pub(super) kind: GateKind,
    /// The plugin of a tool, or the agent itself.
    pub(super) holder: &'a Arc<str>,
    pub(super) name: &'a Arc<str>,
    pub(super) spec: &'a GateSpec,
}

/// The turn of a call that has passed a gate. Dropped without a word, the call was withdrawn.
pub(super) struct Turn {
    pass: Pass,
    gate: Arc<crate::gate::Gate>,
    path: FramePath,
    program: Program,
    /// What the program may use as it is configured, whoever calls it.
    limits: Limits,
    budget: Amounts,
}

/// Narrows a job to the terms of its call, and passes the gate of what it leads to; waits for its turn where it may.
///
/// A run that is executed again to be compared asks nobody: what was decided then is in its events.
pub(super) async fn take(
    frame: &Arc<Frame>,
    step: u32,
    called: Called<'_>,
    job: Job,
    terms: Option<&Terms>,
) -> Result<(Job, Option<Turn>), Failure> {
    let run = &frame.run;
    let Called { kind, holder, name, spec } = called;
    let found = if run.past.is_trial { None } else { run.ports.gates.find(kind, holder, name, spec) };
    let Some(gate) = found else { return Ok((job.on(terms), None)) };
    let path = frame.given.path.child(step);
    let way = if Passed::has(frame.given.passed.as_ref(), &gate) {
        Way::Within
    } else if run.past.has_begun(&path) {
        Way::Back
    } else {
        Way::New
    };
    let time_ms = terms.and_then(|terms| terms.time_ms);
    let began = run.ports.clock.elapsed();
    let pass = gate.pass(way, time_ms.map(Duration::from_millis), &run.activity).await;
    let pass = pass.map_err(|refusal| refusal.into_failure(gate.subject()))?;
    let (limits, budget) = (job.limits, job.budget.unwrap_or(Amounts::UNBOUNDED));
    let turn = Turn { pass, gate: gate.clone(), path, program: job.program.clone(), limits, budget };
    let mut job = job.on(terms);
    if let Some(time_ms) = time_ms {
        // Waiting is a part of the time that the call was given.
        let waited = run.ports.clock.elapsed().saturating_sub(began).as_millis();
        job.limits.lower(Dimension::TimeMs, time_ms.saturating_sub(u64::try_from(waited).unwrap_or(u64::MAX)));
    }
    job.gate = (way != Way::Within).then_some(gate);
    Ok((job, Some(turn)))
}

/// Tells the gate how a call came out.
pub(super) fn end(turn: Option<Turn>, outcome: &Outcome) {
    if let Some(turn) = turn {
        let verdict = turn.verdict(outcome);
        turn.pass.end(verdict);
    }
}

impl Turn {
    fn verdict(&self, outcome: &Outcome) -> Verdict {
        let Err(failure) = outcome else { return Verdict::Answered };
        match (Fault::of(failure), failure) {
            (Some(fault), _) if self.gate.counts(fault) => match self.is_starved(failure) {
                true => Verdict::Nothing,
                false => Verdict::Failed(fault),
            },
            // An error value of the program's own is an answer.
            (_, Failure::Other(other)) if other.data.is_some() => Verdict::Answered,
            _ => Verdict::Nothing,
        }
    }

    /// Tells whether the call had less than the program is configured with: who calls with little time or fuel must not
    /// shut the program off for everybody else.
    fn is_starved(&self, failure: &Failure) -> bool {
        let (reached, allowed, frame) = match failure {
            Failure::Limit(hit) => (hit.dimension, hit.allowed, &hit.frame),
            Failure::Timeout(late) => (Dimension::TimeMs, late.allowed_ms, &late.frame),
            _ => return false,
        };
        let spendable = match reached {
            Dimension::Fuel => self.budget.fuel,
            Dimension::MemoryBytes => self.budget.memory_bytes,
            Dimension::Calls => self.budget.calls,
            Dimension::TotalBytes => self.budget.bytes,
            // How deep a call is says nothing of what is called.
            Dimension::Depth => return true,
            _ => u64::MAX,
        };
        let label = Label { path: self.path.clone(), program: self.program.clone() };
        *frame != label.to_string() || allowed != self.limits.get(reached).min(spendable)
    }
}
