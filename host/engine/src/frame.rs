// SPDX-License-Identifier: MIT OR Apache-2.0
//! One execution of one program: what it was given, what it has used, and what it may ask.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::authority::Authority;
use priory_core::effect::{Level, Remaining};
use priory_core::event::{Event, Label};
use priory_core::grant::Access;
use priory_core::limits::{Dimension, Limits};
use priory_core::ports::{BoxFuture, FrameHost};
use priory_core::usage::Meter;
use priory_core::{Amounts, Effect, Failure, FramePath, Outcome, Usage, Value};

use crate::authorize::Now;
use crate::ledger::{AccountId, Spent};
use crate::pending::Pending;
use crate::run::Run;
use crate::waist;

/// How many effects one frame may ask for in all its life, refused ones included. It only bounds the numbering, and keeps
/// it below [`FramePath::LIST`].
const STEPS_MAX: u32 = FramePath::LIST - 1;

/// What a frame was given when it was opened. It never changes.
pub(crate) struct Given {
    pub(crate) path: FramePath,
    /// `path program`, for failures.
    pub(crate) label: Label,
    pub(crate) authority: Authority,
    pub(crate) limits: Limits,
    pub(crate) account: AccountId,
    /// By the clock of the host.
    pub(crate) started: Duration,
    /// By the clock of the host.
    pub(crate) deadline: Duration,
}

/// One execution of one program.
pub(crate) struct Frame {
    pub(crate) run: Arc<Run>,
    pub(crate) given: Given,
    pub(crate) meter: Arc<Meter>,
    pub(crate) pending: Pending,
    tally: Mutex<Tally>,
}

/// What the engine itself counts of a frame.
#[derive(Default)]
struct Tally {
    steps: u32,
    calls: u64,
    bytes: u64,
    log_bytes: u64,
    /// Whether it is written down that the calls are spent.
    over_calls: bool,
    below: Usage,
}

impl Frame {
    pub(crate) fn new(run: Arc<Run>, given: Given) -> Self {
        Self { run, given, meter: Arc::default(), pending: Pending::default(), tally: Mutex::default() }
    }

    /// Takes the number of the next effect.
    pub(crate) fn next_step(&self) -> u32 {
        let mut tally = self.tally.lock();
        let step = tally.steps;
        tally.steps = step.saturating_add(1).min(STEPS_MAX);
        step
    }

    /// Counts one effect against the frame and against the ledger.
    pub(crate) fn charge_call(&self) -> Result<(), Failure> {
        let allowed = self.given.limits.get(Dimension::Calls);
        let mut tally = self.tally.lock();
        if tally.calls >= allowed {
            return Err(self.over(Dimension::Calls, tally.calls.saturating_add(1), allowed));
        }
        let one = Amounts { calls: 1, ..Amounts::default() };
        self.run.ledger.spend(self.given.account, one).map_err(|spent| self.spent(spent))?;
        // Only what the ledger paid for is counted: else usage would be more than the budget.
        tally.calls += 1;
        Ok(())
    }

    /// Tells, the first time that it is asked, that the calls are spent. They stay spent, so once is enough to write down.
    pub(crate) fn first_over_calls(&self) -> bool {
        !std::mem::replace(&mut self.tally.lock().over_calls, true)
    }

    /// Counts the bytes of a result against the frame and against the ledger.
    pub(crate) fn charge_bytes(&self, bytes: u64) -> Result<(), Failure> {
        if bytes == 0 {
            return Ok(());
        }
        let allowed = self.given.limits.get(Dimension::TotalBytes);
        let mut tally = self.tally.lock();
        let total = tally.bytes.saturating_add(bytes);
        if total > allowed {
            return Err(self.over(Dimension::TotalBytes, total, allowed));
        }
        let amounts = Amounts { bytes, ..Amounts::default() };
        self.run.ledger.spend(self.given.account, amounts).map_err(|spent| self.spent(spent))?;
        tally.bytes = total;
        Ok(())
    }

    /// Makes the failure of a limit that this frame reached.
    pub(crate) fn over(&self, dimension: Dimension, used: u64, allowed: u64) -> Failure {
        Failure::limit(dimension, used, allowed, &self.given.label)
    }

    /// Makes the failure of a budget that this frame found spent.
    pub(crate) fn spent(&self, spent: Spent) -> Failure {
        self.over(spent.dimension, spent.used, spent.allowed)
    }

    /// Decides an access by the grants of the frame and of all above it.
    pub(crate) fn allow(&self, access: &Access<'_>) -> Result<(), Failure> {
        let now = Now::of(&self.run);
        let passed = self.given.authority.check(access, &now).map_err(Failure::Denied)?;
        now.take_uses(&passed, access).map_err(Failure::Denied)
    }

    /// Decides an access as [`Frame::allow`] does, without using anything up.
    pub(crate) fn check(&self, access: &Access<'_>) -> Result<(), Failure> {
        self.given.authority.check(access, &Now::of(&self.run)).map(|_| ()).map_err(Failure::Denied)
    }

    /// Writes an event.
    pub(crate) fn record(&self, fuel: u64, event: Event) {
        self.run.record(&self.given.path, fuel, event);
    }

    /// Returns what the frame itself has used.
    pub(crate) fn usage(&self) -> Usage {
        let elapsed = self.run.ports.clock.elapsed().saturating_sub(self.given.started);
        let compute_us = self.meter.compute_ns() / 1_000;
        let tally = self.tally.lock();
        Usage {
            fuel: self.meter.fuel(),
            memory_bytes: self.meter.memory(),
            compute_us,
            wait_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).saturating_sub(compute_us),
            calls: tally.calls,
            bytes: tally.bytes,
        }
    }

    /// Returns what the frame and everything below it have used.
    pub(crate) fn usage_below(&self) -> Usage {
        let mut usage = self.usage();
        usage.absorb(self.tally.lock().below);
        usage
    }

    /// Returns what is left for the frame.
    pub(crate) fn remaining(&self, fuel: u64) -> Remaining {
        let free = self.run.ledger.available(self.given.account);
        let tally = self.tally.lock();
        let now = self.run.ports.clock.elapsed();
        Remaining {
            fuel_own: self.given.limits.get(Dimension::Fuel).saturating_sub(fuel),
            fuel_calls: free.fuel,
            calls: free.calls.min(self.given.limits.get(Dimension::Calls).saturating_sub(tally.calls)),
            bytes: free.bytes.min(self.given.limits.get(Dimension::TotalBytes).saturating_sub(tally.bytes)),
            time_ms: u64::try_from(self.given.deadline.saturating_sub(now).as_millis()).unwrap_or(u64::MAX),
            depth: u32::try_from(self.given.limits.get(Dimension::Depth))
                .unwrap_or(u32::MAX)
                .saturating_sub(self.given.path.depth()),
        }
    }

    /// Counts what a child has used.
    pub(crate) fn absorb(&self, child: Usage) {
        self.tally.lock().below.absorb(child);
    }
}

/// A frame as its guest sees it: everything that is asked passes the waist.
pub(crate) struct HostSide(Arc<Frame>);

impl HostSide {
    pub(crate) fn of(frame: Arc<Frame>) -> Self {
        Self(frame)
    }
}

impl FrameHost for HostSide {
    fn perform(&self, effect: Effect, fuel: u64) -> BoxFuture<'_, Outcome> {
        let step = self.0.next_step();
        Box::pin(waist::pass(&self.0, step, effect, fuel, true))
    }

    fn start(&self, effect: Effect, fuel: u64) -> Result<u32, Failure> {
        waist::start(&self.0, effect, fuel)
    }

    fn wait(&self, pending: u32) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let _parked = (!self.0.pending.has_ended(pending)).then(|| self.0.run.ledger.park());
            self.0.pending.take(pending).await
        })
    }

    fn wait_any<'a>(&'a self, pending: &'a [u32]) -> BoxFuture<'a, usize> {
        Box::pin(async move {
            let ended = pending.iter().any(|number| self.0.pending.has_ended(*number));
            let _parked = (!ended).then(|| self.0.run.ledger.park());
            self.0.pending.any(pending).await
        })
    }

    fn cancel(&self, pending: u32) {
        self.0.pending.cancel(pending, "its caller");
    }

    fn forget(&self, pending: u32) {
        self.0.pending.forget(pending);
    }

    fn log(&self, level: Level, message: &str, fuel: u64) -> Result<(), Failure> {
        // The end of a line counts too: else lines without a byte would be without end.
        let length = (message.len() as u64).saturating_add(1);
        let allowed = self.0.given.limits.get(Dimension::LogBytes);
        let total = {
            let mut tally = self.0.tally.lock();
            tally.log_bytes = tally.log_bytes.saturating_add(length);
            tally.log_bytes
        };
        if total > allowed {
            return Err(self.0.over(Dimension::LogBytes, total, allowed));
        }
        waist::log(&self.0, level, message, fuel);
        Ok(())
    }
}

/// Returns the length of what a tool says of itself; of a toolset, a guest wrote it.
fn tool_byte_len(tool: &priory_core::ToolInfo) -> u64 {
    let words = (tool.name.len() + tool.description.len()) as u64;
    let schemas = tool.input_schema.byte_len() + tool.output_schema.as_ref().map_or(0, |schema| schema.byte_len());
    words.saturating_add(schemas)
}

/// Returns the length of what an effect gave back, as it is charged.
pub(crate) fn byte_len(value: &Value) -> u64 {
    match value {
        Value::Json(json) => json.byte_len(),
        Value::Report(report) => report.output.byte_len(),
        Value::Http(response) => response.body.len() as u64,
        Value::Tools(tools) => tools.iter().fold(0, |sum, tool| sum.saturating_add(tool_byte_len(tool))),
        // Names and words of the operator, and numbers: they do not grow with what a guest does.
        Value::Agents(_) | Value::Remaining(_) | Value::Usage(_) | Value::Unit => 0,
    }
}
