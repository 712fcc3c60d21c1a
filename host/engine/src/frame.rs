// SPDX-License-Identifier: MIT OR Apache-2.0
//! One execution of one program: what it was given, what it has used, and how it begins and ends.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::authority::{Authority, Layer};
use priory_core::effect::{Level, Remaining};
use priory_core::event::{Event, Program};
use priory_core::failure::{Timeout, Unavailable};
use priory_core::grant::Access;
use priory_core::grant::rule::FileScope;
use priory_core::limits::{Dimension, Limits};
use priory_core::ports::{BoxFuture, Entry, FrameHost, Mount, Order, Returned};
use priory_core::usage::Meter;
use priory_core::{Amounts, Digest, Effect, Failure, FramePath, Outcome, Usage, Value};

use crate::authorize::Now;
use crate::catalog::PluginEntry;
use crate::deadline::Deadline;
use crate::ledger::{AccountId, Reservation, Spent};
use crate::pending::Pending;
use crate::run::{Context, Run};
use crate::waist;

/// How many effects one frame may ask for in all its life, refused ones included. It only bounds the numbering, and keeps
/// it below [`FramePath::LIST`].
const STEPS_MAX: u32 = FramePath::LIST - 1;

/// What a frame executes.
pub(crate) enum Body {
    /// An entry of a plugin.
    Guest { plugin: Arc<PluginEntry>, entry: Entry },
    /// Code of the embedder.
    Native(NativeProgram),
}

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
}

/// One execution of one program.
pub(crate) struct Frame {
    pub(crate) run: Arc<Run>,
    pub(crate) path: FramePath,
    /// `path program`, for failures.
    pub(crate) label: Arc<str>,
    pub(crate) authority: Authority,
    pub(crate) limits: Limits,
    pub(crate) account: AccountId,
    pub(crate) meter: Arc<Meter>,
    pub(crate) pending: Pending,
    started: Duration,
    deadline: Duration,
    tally: Mutex<Tally>,
}

/// What the engine itself counts of a frame.
#[derive(Default)]
struct Tally {
    steps: u32,
    calls: u64,
    bytes: u64,
    log_bytes: u64,
    below: Usage,
}

impl Frame {
    /// Takes the number of the next effect.
    pub(crate) fn next_step(&self) -> u32 {
        let mut tally = self.tally.lock();
        let step = tally.steps;
        tally.steps = step.saturating_add(1).min(STEPS_MAX);
        step
    }

    /// Counts one effect against the frame and against the ledger.
    pub(crate) fn charge_call(&self) -> Result<(), Failure> {
        let allowed = self.limits.get(Dimension::Calls);
        {
            let mut tally = self.tally.lock();
            if tally.calls >= allowed {
                return Err(self.over(Dimension::Calls, tally.calls.saturating_add(1), allowed));
            }
            tally.calls += 1;
        }
        let one = Amounts { calls: 1, ..Amounts::default() };
        self.run.ledger.spend(self.account, one).map_err(|spent| self.spent(spent))
    }

    /// Counts the bytes of a result against the frame and against the ledger.
    pub(crate) fn charge_bytes(&self, bytes: u64) -> Result<(), Failure> {
        if bytes == 0 {
            return Ok(());
        }
        let allowed = self.limits.get(Dimension::TotalBytes);
        {
            let mut tally = self.tally.lock();
            let total = tally.bytes.saturating_add(bytes);
            if total > allowed {
                return Err(self.over(Dimension::TotalBytes, total, allowed));
            }
            tally.bytes = total;
        }
        let amounts = Amounts { bytes, ..Amounts::default() };
        self.run.ledger.spend(self.account, amounts).map_err(|spent| self.spent(spent))
    }

    /// Makes the failure of a limit that this frame reached.
    pub(crate) fn over(&self, dimension: Dimension, used: u64, allowed: u64) -> Failure {
        Failure::limit(dimension, used, allowed, &*self.label)
    }

    /// Makes the failure of a budget that this frame found spent.
    pub(crate) fn spent(&self, spent: Spent) -> Failure {
        self.over(spent.dimension, spent.used, spent.allowed)
    }

    /// Decides an access by the grants of the frame and of all above it.
    pub(crate) fn allow(&self, access: &Access<'_>) -> Result<(), Failure> {
        let now = Now::of(&self.run);
        let passed = self.authority.check(access, &now).map_err(Failure::Denied)?;
        now.take_uses(&passed, access).map_err(Failure::Denied)
    }

    /// Decides an access as [`Frame::allow`] does, without using anything up.
    pub(crate) fn check(&self, access: &Access<'_>) -> Result<(), Failure> {
        self.authority.check(access, &Now::of(&self.run)).map(|_| ()).map_err(Failure::Denied)
    }

    /// Writes an event.
    pub(crate) fn record(&self, fuel: u64, event: Event) {
        self.run.record(&self.path, fuel, event);
    }

    /// Returns what the frame itself has used.
    pub(crate) fn usage(&self) -> Usage {
        let elapsed = self.run.ports.clock.elapsed().saturating_sub(self.started);
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
        let free = self.run.ledger.available(self.account);
        let tally = self.tally.lock();
        let now = self.run.ports.clock.elapsed();
        Remaining {
            fuel_own: self.limits.get(Dimension::Fuel).saturating_sub(fuel),
            fuel_calls: free.fuel,
            calls: free.calls.min(self.limits.get(Dimension::Calls).saturating_sub(tally.calls)),
            bytes: free.bytes.min(self.limits.get(Dimension::TotalBytes).saturating_sub(tally.bytes)),
            time_ms: u64::try_from(self.deadline.saturating_sub(now).as_millis()).unwrap_or(u64::MAX),
            depth: u32::try_from(self.limits.get(Dimension::Depth))
                .unwrap_or(u32::MAX)
                .saturating_sub(self.path.depth()),
        }
    }

    fn absorb(&self, child: Usage) {
        self.tally.lock().below.absorb(child);
    }
}

/// Opens a frame, executes its program, and closes it: however it ends, even by being dropped.
pub(crate) async fn execute(
    run: &Arc<Run>,
    parent: Option<&Arc<Frame>>,
    path: FramePath,
    job: Job,
    inline: bool,
) -> Result<Returned, Failure> {
    let label: Arc<str> = Arc::from(format!("{path} {}", job.program));
    let clock = run.ports.clock.clone();
    let started = clock.elapsed();
    let own_end = started.saturating_add(Duration::from_millis(job.limits.get(Dimension::TimeMs)));
    let deadline = parent.map_or(own_end, |parent| parent.deadline.min(own_end));
    let late = |label: &Arc<str>| {
        let allowed_ms = u64::try_from(deadline.saturating_sub(started).as_millis()).unwrap_or(u64::MAX);
        Failure::Timeout(Timeout { allowed_ms, frame: label.to_string() })
    };

    let allowed = job.limits.get(Dimension::Depth);
    if u64::from(path.depth()) > allowed {
        return Err(Failure::limit(Dimension::Depth, u64::from(path.depth()), allowed, &*label));
    }
    let spent = |s: Spent| Failure::limit(s.dimension, s.used, s.allowed, &*label);
    let above = parent.map_or(run.root_account, |parent| parent.account);
    let account = match job.budget {
        Some(budget) => run.ledger.open(above, budget).map_err(spent)?,
        None => above,
    };
    let reserve = pin!(run.ledger.reserve(account, wanted(&job), inline && parent.is_some()));
    let reserved = Deadline::new(reserve, &*clock, deadline).await;
    let reservation = reserved.ok_or_else(|| late(&label))?.map_err(spent)?;

    let mut limits = job.limits;
    limits.lower(Dimension::Fuel, reservation.amounts().fuel);
    limits.lower(Dimension::MemoryBytes, reservation.amounts().memory_bytes);
    let authority = match parent {
        Some(parent) => parent.authority.child(job.layers),
        None => Authority::root(job.layers),
    };
    let frame = Arc::new(Frame {
        run: run.clone(),
        path,
        label: label.clone(),
        authority,
        limits,
        account,
        meter: Arc::new(Meter::default()),
        pending: Pending::default(),
        started,
        deadline,
        tally: Mutex::new(Tally::default()),
    });
    // Declared before the program's future, so that it is dropped after it also when all of this is dropped.
    let mut closing = Closing { frame: frame.clone(), parent: parent.cloned(), reservation: Some(reservation) };
    // In a block of its own, so that the sandbox is gone, and its meter final, before the frame is settled.
    let result = {
        let program = pin!(begin(&frame, job.program, job.body, job.config));
        Deadline::new(program, &*clock, deadline).await
    };
    let result = result.unwrap_or_else(|| Err(late(&label)));
    closing.close(result.as_ref().err().cloned());
    result
}

/// Returns what a frame reserves: its own compute and its own memory. Native code has neither.
fn wanted(job: &Job) -> Amounts {
    match job.body {
        Body::Native(_) => Amounts::default(),
        Body::Guest { .. } => Amounts {
            fuel: job.limits.get(Dimension::Fuel),
            memory_bytes: job.limits.get(Dimension::MemoryBytes),
            ..Amounts::default()
        },
    }
}

async fn begin(
    frame: &Arc<Frame>,
    program: Program,
    body: Body,
    config: Vec<(String, String)>,
) -> Result<Returned, Failure> {
    let started = |plugin: Option<Digest>| Event::FrameStarted { program, plugin, limits: frame.limits };
    match body {
        Body::Native(native) => {
            frame.record(0, started(None));
            native(Context::new(frame.clone())).await
        }
        Body::Guest { plugin, entry } => {
            frame.record(0, started(Some(plugin.plugin.info().digest)));
            let order = order(frame, entry, config)?;
            let host = Arc::new(HostSide(frame.clone()));
            plugin.plugin.clone().execute(order, host, frame.meter.clone()).await
        }
    }
}

/// Writes down all that the guest is given.
fn order(frame: &Frame, entry: Entry, config: Vec<(String, String)>) -> Result<Order, Failure> {
    let now = Now::of(&frame.run);
    let mut mounts: Vec<Mount> = Vec::new();
    for rule in frame.authority.files(&now) {
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
                return Err(Failure::Unavailable(Unavailable { subject: "files".into(), reason, retriable: false }));
            }
            None => mounts.push(Mount { host_path, guest_path, mode: rule.mode }),
        }
    }
    let env = frame.run.ports.environment.iter();
    let env = if frame.authority.holds_env() {
        env.filter(|(name, _)| frame.check(&Access::Env(name)).is_ok()).cloned().collect()
    } else {
        Vec::new()
    };
    let config =
        config.into_iter().filter(|(key, _)| frame.authority.check_own(&Access::Config(key), &now).is_ok()).collect();
    Ok(Order {
        entry,
        label: frame.label.clone(),
        depth: frame.path.depth(),
        limits: frame.limits,
        mounts,
        env,
        config,
        seed: frame.run.seed_of(&frame.path),
        unix_ms: frame.run.ports.clock.unix_ms(),
    })
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
        let usage = self.frame.usage();
        reservation.settle(Amounts { fuel: usage.fuel, ..Amounts::default() });
        let below = self.frame.usage_below();
        match &self.parent {
            Some(parent) => parent.absorb(below),
            None => self.frame.run.note_usage(below),
        }
        self.frame.record(usage.fuel, Event::FrameEnded { failure, usage });
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.close(Some(Failure::Cancelled { by: "its caller".into() }));
    }
}

/// A frame as its guest sees it: everything that is asked passes the waist.
struct HostSide(Arc<Frame>);

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
        let length = message.len() as u64;
        let allowed = self.0.limits.get(Dimension::LogBytes);
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

/// Returns the length of what an effect gave back, as it is charged.
pub(crate) fn byte_len(value: &Value) -> u64 {
    match value {
        Value::Json(json) => json.byte_len(),
        Value::Report(report) => report.output.byte_len(),
        Value::Http(response) => response.body.len() as u64,
        Value::Tools(_) | Value::Agents(_) | Value::Remaining(_) | Value::Usage(_) | Value::Unit => 0,
    }
}
