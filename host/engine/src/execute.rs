// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a job to a frame's end: it reserves, opens, gives its program what it may have, and settles.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use priory_core::authority::{Authority, Layer};
use priory_core::effect::{Nature, Terms};
use priory_core::event::{Event, FrameStarted, Label, Program};
use priory_core::failure::Timeout;
use priory_core::grant::rule::FileScope;
use priory_core::grant::{Access, Held};
use priory_core::limits::{Dimension, Limits};
use priory_core::ports::{BoxFuture, Entry, Mount, Order, Returned};
use priory_core::{Amounts, Digest, Failure, FramePath, Grant};

use crate::authorize::Now;
use crate::catalog::PluginEntry;
use crate::context::Context;
use crate::deadline::Deadline;
use crate::doubt;
use crate::frame::{Frame, Given};
use crate::gate::{Gate, Passed};
use crate::host_side::HostSide;
use crate::ledger::{AccountId, Reservation, Spent, Whose};
use crate::past::{ITS_CALLER, PastFrame, comes_from_outside};
use crate::run::{Halt, Run};
use crate::waist;

/// What a frame executes.
pub(crate) enum Body {
    /// An entry of a plugin.
    Guest { plugin: Arc<PluginEntry>, entry: Entry },
    /// Code of the embedder.
    Native(NativeProgram),
}

/// How long a frame may take that is executed again to see whether it comes to the same: a slow machine decides nothing.
const TRIAL_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a frame may take at least that is taken up again: it has to come back to where it was, or what it did before
/// would be cut short.
const RETURN_TIME: Duration = Duration::from_secs(5);

/// Code of the embedder that orchestrates a run as a program.
pub(crate) type NativeProgram = Box<dyn FnOnce(Context) -> BoxFuture<'static, Result<Returned, Failure>> + Send>;

/// What is needed to open a frame.
pub(crate) struct Job {
    pub(crate) program: Program,
    pub(crate) body: Body,
    /// The layers of the frame itself.
    pub(crate) layers: Vec<Arc<Layer>>,
    pub(crate) limits: Limits,
    /// What it may spend with everything below it; nothing is the account of its parent.
    pub(crate) budget: Option<Amounts>,
    pub(crate) config: Vec<(String, String)>,
    /// The gate that its call has passed.
    pub(crate) gate: Option<Arc<Gate>>,
}

impl Job {
    /// Narrows the job to the terms of the call that asks for it.
    pub(crate) fn on(mut self, terms: Option<&Terms>) -> Self {
        let Some(terms) = terms else { return self };
        if let Some(time_ms) = terms.time_ms {
            self.limits.lower(Dimension::TimeMs, time_ms);
        }
        if !terms.budget.is_unbounded() {
            let budget = terms.budget.amounts();
            self.budget = Some(self.budget.map_or(budget, |own| own.min(budget)));
        }
        self
    }

    fn plugin(&self) -> Option<Arc<PluginEntry>> {
        match &self.body {
            Body::Guest { plugin, .. } => Some(plugin.clone()),
            Body::Native(_) => None,
        }
    }

    /// Tells whether its program computes in a sandbox, with fuel and memory of its own.
    fn is_guest(&self) -> bool {
        match &self.body {
            Body::Guest { plugin, .. } => !plugin.plugin.info().is_workflow,
            Body::Native(_) => false,
        }
    }
}

/// Opens a frame, executes its program, and closes it: however it ends, even by being dropped.
pub(crate) async fn execute(
    run: &Arc<Run>,
    parent: Option<&Arc<Frame>>,
    path: FramePath,
    job: Job,
) -> Result<Returned, Failure> {
    let label = Label { path: path.clone(), program: job.program.clone() };
    let allowed = job.limits.get(Dimension::Depth);
    if u64::from(path.depth()) > allowed {
        return Err(Failure::limit(Dimension::Depth, u64::from(path.depth()), allowed, &label));
    }
    let past = known(run, parent, &label, job.plugin()).await?;
    let clock = run.ports.clock.clone();
    let (started, quiet) = (clock.elapsed(), run.activity.quiet());
    let limit = Duration::from_millis(job.limits.get(Dimension::TimeMs));
    let time = match &past {
        _ if run.past.is_trial => TRIAL_TIME,
        // What the frame had worked before counts, and the way back to where it was takes some time of its own.
        Some(past) => limit.saturating_sub(past.worked).max(limit.min(RETURN_TIME)),
        None => limit,
    };
    let rested = parent.map(|parent| parent.rested()).unwrap_or_default();
    let own_end = started.saturating_add(time);
    let deadline = parent.map_or(own_end, |parent| parent.given.deadline.saturating_add(rested).min(own_end));
    let late = |label: &Label| {
        let allowed_ms = u64::try_from(deadline.saturating_sub(started).as_millis()).unwrap_or(u64::MAX);
        Failure::Timeout(Timeout { allowed_ms, frame: label.to_string() })
    };
    let reserved = {
        let wish = Wish::of(&job);
        let reserve = pin!(reserve(run, parent, wish, past.as_ref(), &label));
        Deadline::new(reserve, &*clock, &|| deadline).await
    };
    let (reservation, account, limits) = reserved.ok_or_else(|| late(&label))??;

    let authority = match parent {
        Some(parent) => parent.given.authority.child(job.layers),
        None => Authority::root(job.layers),
    };
    let passed = Passed::below(parent.and_then(|parent| parent.given.passed.clone()), job.gate);
    let again_above = parent.map_or(0, |parent| parent.again());
    let given = Given {
        again_above,
        path,
        label: label.clone(),
        authority,
        limits,
        account,
        started,
        deadline,
        quiet,
        past,
        passed,
    };
    let frame = Arc::new(Frame::new(run.clone(), given));
    // Declared before the program's future, so that it is dropped after it also when all of this is dropped.
    let mut closing = Closing { frame: frame.clone(), parent: parent.cloned(), reservation: Some(reservation) };
    // In a block of its own, so that the sandbox is gone, and its meter final, before the frame is settled.
    let result = {
        let program = pin!(bounded(&frame, begin(&frame, job.program, job.body, job.config)));
        let until = || frame.given.deadline.saturating_add(frame.rested());
        Deadline::new(program, &*clock, &until).await
    };
    let result = result.unwrap_or_else(|| Err(late(&label)));
    // What the program started and left behind ends before it does.
    waist::forget_unsent(&frame);
    frame.pending.clear();
    frame.pending.tasks.idle().await;
    closing.close(result.as_ref().err().cloned());
    result
}

/// Finds what is known of a frame from before. Fails where it is not executed again.
async fn known(
    run: &Arc<Run>,
    parent: Option<&Arc<Frame>>,
    label: &Label,
    plugin: Option<Arc<PluginEntry>>,
) -> Result<Option<PastFrame>, Failure> {
    match run.past.take(&label.path) {
        Some(PastFrame { ended: Some((Some(failure), _)), used, .. }) if !run.past.is_trial => {
            // It has ended, and its host went away before its caller was told.
            if let Some(parent) = parent {
                parent.absorb_again(used);
            }
            Err(failure)
        }
        Some(past) => doubt::settle(run, label, plugin, past).await,
        None => Ok(None),
    }
}

/// What a frame wants to reserve: its own compute and its own memory. Workflows and native code have neither.
struct Wish {
    is_guest: bool,
    /// One that may call others takes half of what is free at most, so that something is left for what it calls.
    may_call: bool,
    limits: Limits,
    budget: Option<Amounts>,
}

impl Wish {
    fn of(job: &Job) -> Self {
        let calls = |held: &Held| matches!(held.grant, Grant::Tool(_) | Grant::Agent(_));
        Self {
            is_guest: job.is_guest(),
            may_call: job.layers.first().is_some_and(|layer| layer.own.iter().any(calls)),
            limits: job.limits,
            budget: job.budget,
        }
    }

    fn amounts(&self, fuel: u64, memory_bytes: u64) -> Amounts {
        if self.is_guest { Amounts { fuel, memory_bytes, ..Amounts::default() } } else { Amounts::default() }
    }

    fn out_of(&self, free: Amounts) -> Amounts {
        let most = |amount: u64| if self.may_call { amount.div_ceil(2) } else { u64::MAX };
        let fuel = self.limits.get(Dimension::Fuel).min(most(free.fuel));
        self.amounts(fuel, self.limits.get(Dimension::MemoryBytes).min(most(free.memory_bytes)))
    }
}

/// Reserves what a frame is to have: what it had before, or what it wants as far as that is there.
async fn reserve(
    run: &Run,
    parent: Option<&Arc<Frame>>,
    wish: Wish,
    past: Option<&PastFrame>,
    label: &Label,
) -> Result<(Reservation, AccountId, Limits), Failure> {
    let spent = |s: Spent| Failure::limit(s.dimension, s.used, s.allowed, label);
    let above = parent.map_or(run.root_account, |parent| parent.given.account);
    let account = match wish.budget {
        Some(budget) => {
            let account = run.ledger.open(above, budget, Whose::Below(label.clone())).map_err(spent)?;
            let known = past.filter(|_| !run.past.is_trial).map(|past| past.spent);
            run.ledger.find_spent(account, known.unwrap_or_default());
            account
        }
        None => above,
    };
    if let Some((known, _)) = past.and_then(|past| past.started.as_ref()) {
        let had = wish.amounts(known.limits.get(Dimension::Fuel), known.limits.get(Dimension::MemoryBytes));
        return Ok((run.ledger.reserve_again(account, had), account, known.limits));
    }
    let want = wish.out_of(run.ledger.available(account));
    let reservation = run.ledger.reserve(account, want).await.map_err(spent)?;
    let mut limits = wish.limits;
    limits.lower(Dimension::Fuel, reservation.amounts().fuel);
    limits.lower(Dimension::MemoryBytes, reservation.amounts().memory_bytes);
    Ok((reservation, account, limits))
}

/// Executes a program to its end, or until it was told the same once too often.
async fn bounded(frame: &Frame, program: impl Future<Output = Result<Returned, Failure>>) -> Result<Returned, Failure> {
    let Some(repeats) = &frame.repeats else { return program.await };
    match select(pin!(repeats.over()), pin!(program)).await {
        Either::Left((over, _)) => Err(over),
        Either::Right((result, _)) => result,
    }
}

async fn begin(
    frame: &Arc<Frame>,
    program: Program,
    body: Body,
    config: Vec<(String, String)>,
) -> Result<Returned, Failure> {
    match body {
        Body::Native(native) => {
            let limits = frame.given.limits;
            let started = FrameStarted { program, plugin: None, limits, mounts: vec![], env: vec![], config: vec![] };
            frame.record(0, Event::FrameStarted(Box::new(started)));
            native(Context::new(frame.clone())).await
        }
        Body::Guest { plugin, entry } => {
            let known = frame.given.past.as_ref().and_then(|past| past.started.as_ref());
            let started = match known {
                Some((known, _)) => known.clone(),
                None => Box::new(given(frame, program, plugin.plugin.info().digest, config)?),
            };
            let (mounts, env, config) = (started.mounts.clone(), started.env.clone(), started.config.clone());
            let nature = doubt::nature(&plugin, &started);
            let unix_ms = match known {
                Some((_, stamp)) => stamp.unix_ms,
                None => {
                    let stamp = frame.record(0, Event::FrameStarted(started));
                    frame.begins(stamp);
                    stamp.unix_ms
                }
            };
            // What is tried may come from elsewhere, with all that it says of itself: it never touches a file.
            if frame.run.past.is_trial && !mounts.is_empty() {
                return Err(doubt::cannot_be_tried());
            }
            if nature >= Nature::Repeatable
                && let Err(error) = frame.run.tape.commit_before_effect().await
            {
                return frame.run.halt(error.into()).await;
            }
            let order = Order {
                entry,
                label: frame.given.label.clone(),
                depth: frame.given.path.depth(),
                limits: frame.given.limits,
                mounts,
                env,
                config,
                seed: frame.run.seed_of(&frame.given.path),
                unix_ms,
                seen: frame.seen.clone(),
            };
            let host = Arc::new(HostSide::of(frame.clone()));
            plugin.plugin.clone().execute(order, host, frame.meter.clone()).await
        }
    }
}

/// Finds out what the guest is given.
fn given(
    frame: &Frame,
    program: Program,
    plugin: Digest,
    config: Vec<(String, String)>,
) -> Result<FrameStarted, Failure> {
    let now = Now::of(&frame.run);
    let mut mounts: Vec<Mount> = Vec::new();
    for rule in frame.given.authority.files(&now) {
        let guest_path = rule.guest_path();
        let FileScope::Under(host_path) = rule.scope else { continue };
        match mounts.iter_mut().find(|mount| mount.guest_path == guest_path) {
            Some(mount) if mount.host_path == host_path => mount.mode = mount.mode.max(rule.mode),
            Some(mount) => {
                let reason = format!(
                    "the guest would see both {} and {} as {guest_path}: give one of the grants another `as`",
                    mount.host_path.display(),
                    host_path.display()
                );
                return Err(Failure::absent("files", reason));
            }
            None => mounts.push(Mount { host_path, guest_path, mode: rule.mode }),
        }
    }
    let env = frame.run.ports.environment.iter();
    let env = if frame.given.authority.holds_env() {
        env.filter(|(name, _)| frame.check(&Access::Env(name)).is_ok()).cloned().collect()
    } else {
        Vec::new()
    };
    let config = config
        .into_iter()
        .filter(|(key, _)| frame.given.authority.check_own(&Access::Config(key), &now).is_ok())
        .collect();
    Ok(FrameStarted { program, plugin: Some(plugin), limits: frame.given.limits, mounts, env, config })
}

/// Settles and records the end of a frame, once.
struct Closing {
    frame: Arc<Frame>,
    parent: Option<Arc<Frame>>,
    reservation: Option<Reservation>,
}

impl Closing {
    fn close(&mut self, failure: Option<Failure>) {
        let Some(reservation) = self.reservation.take() else { return };
        self.frame.pending.clear();
        self.frame.talk.close();
        let usage = self.frame.usage();
        reservation.settle(Amounts { fuel: usage.fuel, ..Amounts::default() });
        let known = self.frame.given.past.as_ref().filter(|_| !self.frame.run.past.is_trial);
        // What ended before is counted from the start.
        if known.is_none_or(|past| past.ended.is_none()) {
            self.frame.run.count(self.frame.uncounted(usage), self.parent.is_none());
        }
        if let Some(parent) = &self.parent {
            parent.absorb(self.frame.usage_below());
        }
        match self.frame.given.past.as_ref().and_then(|past| past.ended.as_ref()) {
            None => {
                self.frame.record(usage.fuel, Event::FrameEnded { failure, usage });
            }
            // Another engine may count fuel otherwise; then the effects alone are compared. A frame that was cut, now or
            // then, may have been cut anywhere.
            Some((then, known))
                if self.frame.run.is_comparable_trial()
                    && ![then, &failure].into_iter().flatten().any(comes_from_outside)
                    && known.fuel != usage.fuel =>
            {
                let frame = self.frame.given.path.clone();
                self.frame.run.stop(Halt::OtherFuel { frame, known: known.fuel, now: usage.fuel });
            }
            Some(_) => {}
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.close(Some(Failure::Cancelled { by: ITS_CALLER.into() }));
    }
}
