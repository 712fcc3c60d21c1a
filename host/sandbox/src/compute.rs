// SPDX-License-Identifier: MIT OR Apache-2.0
//! The threads that are set apart for guests, and who gets one next.
//!
//! Guests give their thread back after every slice of fuel. Who has computed least comes first: a task sinks to a lower
//! level with the time that it has used, so a short call overtakes a hundred that spin; and every few picks the lowest
//! level has its turn, so nobody starves.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use async_task::Runnable;
use parking_lot::{Condvar, Mutex};
use priory_core::ports::{BoxFuture, Clock, Compute};

/// A task sinks below each of these amounts of time used.
const LEVEL_ENDS: [Duration; 3] = [Duration::from_millis(1), Duration::from_millis(10), Duration::from_millis(100)];
const LEVELS: usize = LEVEL_ENDS.len() + 1;
/// One pick in this many goes to the lowest level that has work.
const LOWEST_TURN: u64 = 8;

/// How long a task has had a thread, in nanoseconds.
type Used = Arc<AtomicU64>;

type Task = Runnable<Used>;

#[derive(Default)]
struct Queue {
    levels: [VecDeque<Task>; LEVELS],
    picks: u64,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

/// The compute threads of a host.
pub struct ComputePool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    clock: Arc<dyn Clock>,
}

impl ComputePool {
    /// Starts `threads` threads. `io` is the runtime whose timers and sockets the guests' host calls use.
    pub fn start(threads: usize, io: &tokio::runtime::Handle, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), work: Condvar::new() });
        let mut pool = Self { shared: shared.clone(), threads: Vec::with_capacity(threads), clock };
        for number in 0..threads.max(1) {
            let (shared, io) = (shared.clone(), io.clone());
            let thread = std::thread::Builder::new().name(format!("priory-compute-{number}")).spawn(move || {
                let _io = io.enter();
                shared.work();
            })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Returns the number of threads.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for ComputePool {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.work.notify_all();
        let me = std::thread::current().id();
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != me) {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
        // Tasks that are left are dropped here, which ends their frames.
        let left = std::mem::take(&mut self.shared.queue.lock().levels);
        drop(left);
    }
}

impl Compute for ComputePool {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Box<dyn Send + Sync> {
        let shared = Arc::downgrade(&self.shared);
        let schedule = move |task: Task| {
            if let Some(shared) = shared.upgrade() {
                shared.push(task);
            }
        };
        let used = Used::default();
        let timed = Timed { future, used: used.clone(), clock: self.clock.clone() };
        let (task, handle) = async_task::Builder::new().metadata(used).spawn(move |_| timed, schedule);
        task.schedule();
        Box::new(handle)
    }
}

impl Shared {
    fn push(&self, task: Task) {
        let used = Duration::from_nanos(task.metadata().load(Ordering::Relaxed));
        let level = LEVEL_ENDS.iter().position(|end| used < *end).unwrap_or(LEVELS - 1);
        {
            let mut queue = self.queue.lock();
            if queue.closed {
                return;
            }
            if let Some(level) = queue.levels.get_mut(level) {
                level.push_back(task);
            }
        }
        self.work.notify_one();
    }

    fn work(&self) {
        while let Some(task) = self.next() {
            // A panic here is a defect of the host. It ends the one task, whose handle then tells its owner.
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| task.run()));
            if outcome.is_err() {
                tracing::error!("a task panicked on a compute thread; its frame is lost");
            }
        }
    }

    fn next(&self) -> Option<Task> {
        let mut queue = self.queue.lock();
        loop {
            if queue.closed {
                return None;
            }
            queue.picks = queue.picks.wrapping_add(1);
            let picked = if queue.picks.is_multiple_of(LOWEST_TURN) {
                queue.levels.iter_mut().rev().find_map(VecDeque::pop_front)
            } else {
                queue.levels.iter_mut().find_map(VecDeque::pop_front)
            };
            if picked.is_some() {
                return picked;
            }
            self.work.wait(&mut queue);
        }
    }
}

/// A task's future, with a watch on how long it has a thread.
struct Timed {
    future: BoxFuture<'static, ()>,
    used: Used,
    clock: Arc<dyn Clock>,
}

impl Future for Timed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let began = self.clock.elapsed();
        let polled = self.future.as_mut().poll(cx);
        let slice = self.clock.elapsed().saturating_sub(began);
        self.used.fetch_add(u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        polled
    }
}
