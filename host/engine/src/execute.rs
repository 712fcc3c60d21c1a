// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a job to a frame's end: it reserves, opens, gives its program what it may have, and settles.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use priory_core::authority::{Authority, Layer};
use priory_core::event::{Event, Label, Program};
use priory_core::failure::Timeout;
use priory_core::grant::Access;
use priory_core::grant::rule::FileScope;
use priory_core::limits::{Dimension, Limits};
use priory_core::ports::{BoxFuture, Entry, Mount, Order, Returned};
use priory_core::{Amounts, Digest, Failure, FramePath, Grant};

use crate::authorize::Now;
use crate::catalog::PluginEntry;
use crate::deadline::Deadline;
use crate::frame::{Frame, Given, HostSide};
use crate::ledger::{Reservation, Spent};
use crate::run::{Context, Run};

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

/// Opens a frame, executes its program, and closes it: however it ends, even by being dropped.
pub(crate) async fn execute(
    run: &Arc<Run>,
    parent: Option<&Arc<Frame>>,
    path: FramePath,
    job: Job,
    inline: bool,
) -> Result<Returned, Failure> {
    let label = Label { path: path.clone(), program: job.program.clone() };
    let clock = run.ports.clock.clone();
    let started = clock.elapsed();
    let own_end = started.saturating_add(Duration::from_millis(job.limits.get(Dimension::TimeMs)));
    let deadline = parent.map_or(own_end, |parent| parent.given.deadline.min(own_end));
    let late = |label: &Label| {
        let allowed_ms = u64::try_from(deadline.saturating_sub(started).as_millis()).unwrap_or(u64::MAX);
        Failure::Timeout(Timeout { allowed_ms, frame: label.to_string() })
    };

    let allowed = job.limits.get(Dimension::Depth);
    if u64::from(path.depth()) > allowed {
        return Err(Failure::limit(Dimension::Depth, u64::from(path.depth()), allowed, &label));
    }
    let spent = |s: Spent| Failure::limit(s.dimension, s.used, s.allowed, &label);
    let above = parent.map_or(run.root_account, |parent| parent.given.account);
    let account = match job.budget {
        Some(budget) => run.ledger.open(above, budget).map_err(spent)?,
        None => above,
    };
    let want = wanted(&job, run.ledger.available(account));
    let reserve = pin!(run.ledger.reserve(account, want, inline && parent.is_some()));
    let reserved = Deadline::new(reserve, &*clock, deadline).await;
    let reservation = reserved.ok_or_else(|| late(&label))?.map_err(spent)?;

    let mut limits = job.limits;
    limits.lower(Dimension::Fuel, reservation.amounts().fuel);
    limits.lower(Dimension::MemoryBytes, reservation.amounts().memory_bytes);
    let authority = match parent {
        Some(parent) => parent.given.authority.child(job.layers),
        None => Authority::root(job.layers),
    };
    let given = Given { path, label: label.clone(), authority, limits, account, started, deadline };
    let frame = Arc::new(Frame::new(run.clone(), given));
    // Declared before the program's future, so that it is dropped after it also when all of this is dropped.
    let mut closing = Closing { frame: frame.clone(), parent: parent.cloned(), reservation: Some(reservation) };
    // In a block of its own, so that the sandbox is gone, and its meter final, before the frame is settled.
    let result = {
        let program = pin!(begin(&frame, job.program, job.body, job.config));
        Deadline::new(program, &*clock, deadline).await
    };
    let result = result.unwrap_or_else(|| Err(late(&label)));
    // What the program started and left behind ends before it does.
    frame.pending.clear();
    frame.pending.idle().await;
    closing.close(result.as_ref().err().cloned());
    result
}

/// Returns what a frame wants to reserve: its own compute and its own memory. Native code has neither.
///
/// One that may call others takes half of what is free at most, so that something is left for what it calls.
fn wanted(job: &Job, free: Amounts) -> Amounts {
    if let Body::Native(_) = job.body {
        return Amounts::default();
    }
    let may_call = job
        .layers
        .first()
        .is_some_and(|layer| layer.own.iter().any(|held| matches!(held.grant, Grant::Tool(_) | Grant::Agent(_))));
    let most = |amount: u64| if may_call { amount.div_ceil(2) } else { u64::MAX };
    Amounts {
        fuel: job.limits.get(Dimension::Fuel).min(most(free.fuel)),
        memory_bytes: job.limits.get(Dimension::MemoryBytes).min(most(free.memory_bytes)),
        ..Amounts::default()
    }
}

async fn begin(
    frame: &Arc<Frame>,
    program: Program,
    body: Body,
    config: Vec<(String, String)>,
) -> Result<Returned, Failure> {
    let started = |plugin: Option<Digest>| Event::FrameStarted { program, plugin, limits: frame.given.limits };
    match body {
        Body::Native(native) => {
            frame.record(0, started(None));
            native(Context::new(frame.clone())).await
        }
        Body::Guest { plugin, entry } => {
            frame.record(0, started(Some(plugin.plugin.info().digest)));
            let order = order(frame, entry, config)?;
            let host = Arc::new(HostSide::of(frame.clone()));
            plugin.plugin.clone().execute(order, host, frame.meter.clone()).await
        }
    }
}

/// Writes down all that the guest is given.
fn order(frame: &Frame, entry: Entry, config: Vec<(String, String)>) -> Result<Order, Failure> {
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
    Ok(Order {
        entry,
        label: frame.given.label.clone(),
        depth: frame.given.path.depth(),
        limits: frame.given.limits,
        mounts,
        env,
        config,
        seed: frame.run.seed_of(&frame.given.path),
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
        self.frame.run.count(usage, self.parent.is_none());
        if let Some(parent) = &self.parent {
            parent.absorb(self.frame.usage_below());
        }
        self.frame.record(usage.fuel, Event::FrameEnded { failure, usage });
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.close(Some(Failure::Cancelled { by: "its caller".into() }));
    }
}
