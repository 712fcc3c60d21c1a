// SPDX-License-Identifier: MIT OR Apache-2.0
//! One execution of one program: what it was given, what it has used, and what it may ask.

mod again;
mod own;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::authority::Authority;
use priory_core::effect::Remaining;
use priory_core::event::{Event, Label};
use priory_core::grant::Access;
use priory_core::limits::{Dimension, Limits};
use priory_core::ports::Seen;
use priory_core::usage::Meter;
use priory_core::{Amounts, Effect, Failure, FramePath, Outcome, Usage};

use again::spent_before;

use crate::activity::{Parked, Running};
use crate::authorize::{Allowed, Now};
use crate::gate::Passed;
use crate::ledger::{AccountId, Spent};
use crate::model::talk::Talk;
use crate::past::{APPROVAL, PastFrame, PastStep};
use crate::pending::Pending;
use crate::repeats::Repeats;
use crate::run::Run;
use crate::tape::Stamp;
use crate::waist::{self, Timed};

/// How many effects one frame may ask for in all its life, refused ones included. It only bounds the numbering, and keeps
/// it below those of what is asked beside an effect, and of frames that list tools.
const STEPS_MAX: u32 = APPROVAL - 1;

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
    /// By the clock of the host; time in which the run is quiet does not count.
    pub(crate) deadline: Duration,
    /// How long the run had been quiet when the frame was opened.
    pub(crate) quiet: Duration,
    /// What is known of the frame from before.
    pub(crate) past: Option<PastFrame>,
    /// The event with which the nearest frame above it began that was started again from its beginning; 0 where none was.
    pub(crate) again_above: u64,
    /// The gates that it and the frames above it have passed.
    pub(crate) passed: Option<Arc<Passed>>,
}

/// One execution of one program.
pub(crate) struct Frame {
    pub(crate) run: Arc<Run>,
    pub(crate) given: Given,
    pub(crate) meter: Arc<Meter>,
    pub(crate) pending: Pending,
    pub(crate) seen: Arc<Seen>,
    /// What it was told again and again, where that is bounded.
    pub(crate) repeats: Option<Repeats>,
    /// What it says to models, and hears of them.
    pub(crate) talk: Talk,
    /// The event with which it began, where it was started again from its beginning.
    again: AtomicU64,
    tally: Mutex<Tally>,
}

/// What the engine itself counts of a frame.
#[derive(Default)]
struct Tally {
    steps: u32,
    /// Whether the frame waits for one of its effects.
    is_performing: bool,
    /// The activities of those that it waits for at the same time, beyond the first: only native code does.
    extra: Vec<Running>,
    logs: u64,
    calls: u64,
    bytes: u64,
    log_bytes: u64,
    /// That the calls are spent, once that is written down.
    over_calls: Option<Failure>,
    below: Usage,
}

impl Frame {
    pub(crate) fn new(run: Arc<Run>, given: Given) -> Self {
        let past = given.past.as_ref().filter(|past| past.is_again);
        let began = past.and_then(|past| past.started.as_ref()).map(|(_, stamp)| stamp.seq);
        let again = began.unwrap_or(given.again_above);
        let talk = Talk::default();
        talk.count(spent_before(&run, &given));
        Self {
            run,
            repeats: Repeats::new(&given.limits),
            given,
            meter: Arc::default(),
            pending: Pending::default(),
            seen: Arc::default(),
            talk,
            again: AtomicU64::new(again),
            tally: Mutex::default(),
        }
    }

    /// Notes the event with which it begins.
    pub(crate) fn begins(&self, stamp: Stamp) {
        if self.given.past.as_ref().is_some_and(|past| past.is_again) {
            self.again.store(stamp.seq, Ordering::Relaxed);
        }
    }

    /// Returns the event with which it, or the nearest frame above it, began that was started again from its beginning; 0
    /// where none was. What it asks may be something else than before at the same place.
    pub(crate) fn again(&self) -> u64 {
        self.again.load(Ordering::Relaxed)
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
        let one = Amounts { calls: 1, ..Amounts::default() };
        let spent = if tally.calls >= allowed {
            Err(self.over(Dimension::Calls, tally.calls.saturating_add(1), allowed))
        } else {
            self.run.ledger.spend(self.given.account, one).map_err(|spent| self.spent(spent))
        };
        if let Err(over) = spent {
            tally.over_calls = Some(over.clone());
            return Err(over);
        }
        // Only what the ledger paid for is counted: else usage would be more than the budget.
        tally.calls += 1;
        Ok(())
    }

    /// Counts one effect and what it hands over: both at once where nothing is spent, else what is still there of them.
    pub(crate) fn charge_asked(&self, bytes: u64) -> Result<(), Failure> {
        let limits = &self.given.limits;
        let mut tally = self.tally.lock();
        let total = tally.bytes.saturating_add(bytes);
        let is_there = tally.calls < limits.get(Dimension::Calls) && total <= limits.get(Dimension::TotalBytes);
        let both = Amounts { calls: 1, bytes, ..Amounts::default() };
        if is_there && self.run.ledger.spend(self.given.account, both).is_ok() {
            (tally.calls, tally.bytes) = (tally.calls + 1, total);
            return Ok(());
        }
        drop(tally);
        self.charge_call()?;
        self.charge_bytes(bytes)
    }

    /// Returns that the calls are spent, when it was said before. They stay spent, so once is enough to write down.
    pub(crate) fn over_calls(&self) -> Option<Failure> {
        self.tally.lock().over_calls.clone()
    }

    /// Tells whether an outcome is that the frame itself could take no more: what it would have been is not known.
    pub(crate) fn is_over(&self, outcome: &Outcome) -> bool {
        matches!(outcome, Err(Failure::Limit(hit)) if hit.frame == self.given.label.to_string())
    }

    /// Counts the bytes of what is asked or given back against the frame and against the ledger.
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

    /// Waits for a started effect and takes its outcome.
    pub(crate) async fn wait(&self, pending: u32) -> Outcome {
        let parked = (!self.pending.has_ended(pending)).then(|| self.run.activity.park());
        let timed = self.pending.take(pending, parked.as_ref().map(Parked::woken)).await;
        self.show(pending, timed).await
    }

    /// Performs an effect that the program waits for.
    pub(crate) async fn perform(self: &Arc<Self>, step: u32, effect: Effect, fuel: u64) -> Outcome {
        if let Some(repeats) = &self.repeats {
            repeats.ask(step, &effect);
        }
        let timed = waist::pass(self, step, effect, fuel).await;
        self.show(step, timed).await
    }

    /// Starts an effect.
    pub(crate) fn start(self: &Arc<Self>, effect: Effect, fuel: u64) -> Result<u32, Failure> {
        let step = self.next_step();
        if let Some(repeats) = &self.repeats {
            repeats.ask(step, &effect);
        }
        waist::start(self, step, effect, fuel).inspect_err(|_| self.forget_asked(step)).map(|()| step)
    }

    pub(crate) fn forget_asked(&self, step: u32) {
        if let Some(repeats) = &self.repeats {
            repeats.forget(step);
        }
    }

    /// Shows an outcome to the program: its clock moves on to the time of it.
    pub(crate) async fn show(&self, step: u32, (outcome, unix_ms): Timed) -> Outcome {
        self.seen.move_on(unix_ms);
        self.told(step, outcome).await
    }

    /// Returns what the program is told; what would be the same once too often ends it instead.
    pub(crate) async fn told(&self, step: u32, outcome: Outcome) -> Outcome {
        let over = |used, allowed| self.over(Dimension::Repeats, used, allowed);
        match &self.repeats {
            Some(repeats) if !repeats.tell(step, &outcome, over) => std::future::pending().await,
            _ => outcome,
        }
    }

    /// Counts a line of log and tells whether it was written before.
    pub(crate) fn next_log_is_past(&self) -> bool {
        let mut tally = self.tally.lock();
        tally.logs += 1;
        self.given.past.as_ref().is_some_and(|past| tally.logs <= past.logs)
    }

    /// Counts the bytes of a line of log.
    pub(crate) fn charge_log(&self, length: u64) -> Result<(), Failure> {
        let allowed = self.given.limits.get(Dimension::LogBytes);
        let total = {
            let mut tally = self.tally.lock();
            tally.log_bytes = tally.log_bytes.saturating_add(length);
            tally.log_bytes
        };
        if total > allowed { Err(self.over(Dimension::LogBytes, total, allowed)) } else { Ok(()) }
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
    /// What a person has to approve first uses nothing up before.
    pub(crate) fn allow(&self, access: &Access<'_>) -> Result<Allowed, Failure> {
        let now = Now::of(&self.run);
        let passed = self.given.authority.check(access, &now).map_err(Failure::Denied)?;
        let asking = || passed.iter().filter(|(_, held)| held.asks);
        if asking().next().is_some() {
            let until_unix_ms = asking().filter_map(|(_, held)| held.until_unix_ms).min();
            return Ok(Allowed::AfterApproval { until_unix_ms });
        }
        now.take_uses(&passed, access).map_err(Failure::Denied).map(|()| Allowed::AtOnce)
    }

    /// Decides an access that a person approved.
    pub(crate) fn allow_approved(&self, access: &Access<'_>) -> Result<(), Failure> {
        let now = Now::of(&self.run);
        let passed = self.given.authority.check(access, &now).map_err(Failure::Denied)?;
        now.take_uses(&passed, access).map_err(Failure::Denied)
    }

    /// Decides an access as [`Frame::allow`] does, without using anything up.
    pub(crate) fn check(&self, access: &Access<'_>) -> Result<(), Failure> {
        self.given.authority.check(access, &Now::of(&self.run)).map(|_| ()).map_err(Failure::Denied)
    }

    /// Writes an event.
    pub(crate) fn record(&self, fuel: u64, event: Event) -> Stamp {
        self.run.tape.record(&self.given.path, fuel, event)
    }

    /// Returns what is known of a step from before.
    pub(crate) fn past_step(&self, step: u32) -> Option<&PastStep> {
        self.given.past.as_ref().and_then(|past| past.step(step))
    }

    /// Says that the frame waits for one of its effects. A second one at the same time is an activity of its own.
    pub(crate) fn enter(self: &Arc<Self>) -> Performing {
        let mut tally = self.tally.lock();
        if std::mem::replace(&mut tally.is_performing, true) {
            tally.extra.push(self.run.activity.begin());
        }
        Performing { frame: self.clone() }
    }

    /// Returns what the frame itself has used.
    pub(crate) fn usage(&self) -> Usage {
        let elapsed = self.run.ports.clock.elapsed().saturating_sub(self.given.started);
        let compute_us = self.meter.compute_ns() / 1_000;
        let spent = self.talk.spent();
        let tally = self.tally.lock();
        Usage {
            fuel: self.meter.fuel(),
            memory_bytes: self.meter.memory(),
            compute_us,
            wait_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).saturating_sub(compute_us),
            calls: tally.calls,
            bytes: tally.bytes,
            tokens_in: spent.tokens_in,
            tokens_out: spent.tokens_out,
            money_microusd: spent.money_microusd,
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
        let free = self.run.ledger.available(self.given.account).min(self.own_left());
        let tally = self.tally.lock();
        let now = self.run.ports.clock.elapsed().saturating_sub(self.rested());
        Remaining {
            fuel_own: self.given.limits.get(Dimension::Fuel).saturating_sub(fuel),
            fuel_calls: free.fuel,
            calls: free.calls.min(self.given.limits.get(Dimension::Calls).saturating_sub(tally.calls)),
            bytes: free.bytes.min(self.given.limits.get(Dimension::TotalBytes).saturating_sub(tally.bytes)),
            time_ms: u64::try_from(self.given.deadline.saturating_sub(now).as_millis()).unwrap_or(u64::MAX),
            depth: u32::try_from(self.given.limits.get(Dimension::Depth))
                .unwrap_or(u32::MAX)
                .saturating_sub(self.given.path.depth()),
            tokens_in: free.tokens_in,
            tokens_out: free.tokens_out,
            money_microusd: free.money_microusd,
        }
    }

    /// Returns how long the run was quiet while the frame was open.
    pub(crate) fn rested(&self) -> Duration {
        self.run.activity.quiet().saturating_sub(self.given.quiet)
    }

    /// Counts what a child has used.
    pub(crate) fn absorb(&self, child: Usage) {
        self.tally.lock().below.absorb(child);
    }
}

/// Says that a frame waits for one of its effects, until it is dropped.
pub(crate) struct Performing {
    frame: Arc<Frame>,
}

impl Drop for Performing {
    fn drop(&mut self) {
        let mut tally = self.frame.tally.lock();
        // One fewer; the last of them is the frame's own activity, which goes on.
        let extra = tally.extra.pop();
        tally.is_performing = extra.is_some();
        drop(tally);
    }
}
