// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is going on in a run: who goes on by itself, who waits for another, and who waits for the world outside.
//!
//! An *activity* is a thread of doing: the root frame is one, and so is every effect that was started. A frame that is
//! called inline goes on in the activity of its caller. An activity *runs* unless it waits for another one. Of those that
//! run, some may *rest*: wait for a person or a timer, and for nothing else. When all that run rest, the run is quiet, and
//! can leave memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::ports::Clock;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Counts the activities of one run.
#[derive(Clone)]
pub struct Activity {
    shared: Arc<Shared>,
}

struct Shared {
    counts: Mutex<Counts>,
    /// Whether anything ever rested: most runs never do, and need not ask how long they were quiet.
    has_rested: AtomicBool,
    clock: Arc<dyn Clock>,
    /// Told whenever an activity began to wait or to rest, or ended.
    changed: Notify,
}

#[derive(Default)]
struct Counts {
    running: usize,
    resting: usize,
    /// How many wait for what nobody has to do. They count for nobody else.
    idle: usize,
    /// How many of those that run wait for a turn that others have.
    held: usize,
    /// Since when the run is quiet.
    quiet_since: Option<Duration>,
    /// How long it was quiet before that.
    quiet_before: Duration,
}

impl std::fmt::Debug for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = self.shared.counts.lock();
        write!(f, "Activity({} run, {} rest, {} held)", counts.running, counts.resting, counts.held)
    }
}

impl Activity {
    /// Makes the activities of a new run: none.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                counts: Mutex::default(),
                has_rested: AtomicBool::new(false),
                clock,
                changed: Notify::new(),
            }),
        }
    }

    /// Begins an activity, until the guard is dropped.
    pub fn begin(&self) -> Running {
        self.change(|counts| counts.running += 1);
        Running { activity: self.clone() }
    }

    /// Says that an activity waits for another, until the guard is dropped or its [`Woken`] was told.
    pub fn park(&self) -> Parked {
        self.change(|counts| counts.running = counts.running.saturating_sub(1));
        self.shared.changed.notify_waiters();
        Parked { woken: Woken(Arc::new(WokenState { activity: self.clone(), done: AtomicBool::new(false) })) }
    }

    /// Says that a running activity waits for a person or a timer, until the guard is dropped.
    pub fn rest(&self) -> Resting {
        self.shared.has_rested.store(true, Ordering::Release);
        self.change(|counts| counts.resting += 1);
        self.shared.changed.notify_waiters();
        Resting { activity: self.clone() }
    }

    /// Says that a running activity waits for what may never come, until the guard is dropped: meanwhile the run goes on, is
    /// quiet, and ends as if the activity were not there.
    pub fn stand_by(&self) -> StandingBy {
        self.shared.has_rested.store(true, Ordering::Release);
        self.change(|counts| {
            counts.running = counts.running.saturating_sub(1);
            counts.idle += 1;
        });
        self.shared.changed.notify_waiters();
        StandingBy { activity: self.clone() }
    }

    /// Says that a running activity waits for a turn that others have, until the guard is dropped. That ends by itself, so
    /// the run is not quiet meanwhile; but whoever waits for what others give back must not wait for this one.
    pub fn hold(&self) -> Held {
        self.change(|counts| counts.held += 1);
        self.shared.changed.notify_waiters();
        Held { activity: self.clone() }
    }

    /// Returns how many activities go on by themselves, and may give something back.
    pub fn running(&self) -> usize {
        let counts = self.shared.counts.lock();
        counts.running.saturating_sub(counts.held)
    }

    /// Returns since when the run is quiet.
    pub fn quiet_since(&self) -> Option<Duration> {
        self.shared.counts.lock().quiet_since
    }

    /// Returns how long the run was quiet, in all.
    pub fn quiet(&self) -> Duration {
        if !self.shared.has_rested.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        let counts = self.shared.counts.lock();
        let now = counts.quiet_since.map(|since| self.shared.clock.elapsed().saturating_sub(since));
        counts.quiet_before.saturating_add(now.unwrap_or_default())
    }

    /// Waits until an activity begins to wait or to rest, or ends.
    pub fn changed(&self) -> Notified<'_> {
        self.shared.changed.notified()
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.shared.counts.lock();
        change(&mut counts);
        let is_quiet = counts.resting + counts.idle > 0 && counts.running <= counts.resting;
        match counts.quiet_since {
            None if is_quiet => counts.quiet_since = Some(self.shared.clock.elapsed()),
            Some(since) if !is_quiet => {
                counts.quiet_since = None;
                let lasted = self.shared.clock.elapsed().saturating_sub(since);
                counts.quiet_before = counts.quiet_before.saturating_add(lasted);
            }
            _ => {}
        }
    }
}

/// An activity. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    activity: Activity,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.activity.change(|counts| counts.running = counts.running.saturating_sub(1));
        self.activity.shared.changed.notify_waiters();
    }
}

/// An activity that waits for a person or a timer.
#[derive(Debug)]
pub struct Resting {
    activity: Activity,
}

impl Drop for Resting {
    fn drop(&mut self) {
        self.activity.change(|counts| counts.resting = counts.resting.saturating_sub(1));
    }
}

/// An activity that waits for what may never come.
#[derive(Debug)]
pub struct StandingBy {
    activity: Activity,
}

impl Drop for StandingBy {
    fn drop(&mut self) {
        self.activity.change(|counts| {
            counts.running += 1;
            counts.idle = counts.idle.saturating_sub(1);
        });
    }
}

/// An activity that waits for a turn.
#[derive(Debug)]
pub struct Held {
    activity: Activity,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.activity.change(|counts| counts.held = counts.held.saturating_sub(1));
    }
}

/// An activity that waits for another. Dropping it says that it runs again.
#[derive(Debug)]
pub struct Parked {
    woken: Woken,
}

impl Parked {
    /// Returns what whoever ends the waiting tells, so that there is no moment in which neither of them runs.
    pub fn woken(&self) -> Woken {
        self.woken.clone()
    }

    /// Says now that the activity runs again.
    pub fn end(&self) {
        self.woken.tell();
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.woken.tell();
    }
}

/// Tells, once, that an activity that waited runs again.
#[derive(Debug, Clone)]
pub struct Woken(Arc<WokenState>);

#[derive(Debug)]
struct WokenState {
    activity: Activity,
    done: AtomicBool,
}

impl Woken {
    /// Says that the activity runs again; the second time nothing happens.
    pub fn tell(&self) {
        if !self.0.done.swap(true, Ordering::AcqRel) {
            self.0.activity.change(|counts| counts.running += 1);
        }
    }
}
