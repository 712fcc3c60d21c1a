// SPDX-License-Identifier: MIT OR Apache-2.0
//! The threads of the guests as one thread that a test moves on step by step.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use priory_core::ports::{BoxFuture, Compute};

use super::SimRng;

/// Tasks that go on when [`SimCompute::step`] says so. Clones are the same.
#[derive(Clone, Default)]
pub struct SimCompute {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    next: u64,
    tasks: BTreeMap<u64, Task>,
}

struct Task {
    /// Away while it is polled.
    future: Option<BoxFuture<'static, ()>>,
    wake: Arc<Flag>,
    is_dropped: bool,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

struct Handle {
    compute: SimCompute,
    number: u64,
}

impl Drop for Handle {
    /// The future is freed at one of the next steps, as another thread would do it.
    fn drop(&mut self) {
        if let Some(task) = self.compute.state.lock().tasks.get_mut(&self.number) {
            task.is_dropped = true;
        }
    }
}

impl SimCompute {
    /// Polls or frees one of the tasks that can go on. Returns whether there was one.
    pub fn step(&self, rng: &SimRng) -> bool {
        let picked = {
            let mut state = self.state.lock();
            let ready = |task: &Task| task.is_dropped || task.wake.0.load(Ordering::Acquire);
            let ready: Vec<u64> = state.tasks.iter().filter(|(_, task)| ready(task)).map(|(n, _)| *n).collect();
            let Some(number) = ready.get(rng.index(ready.len())).copied() else { return false };
            let is_dropped = state.tasks.get(&number).is_some_and(|task| task.is_dropped);
            if is_dropped {
                let gone = state.tasks.remove(&number);
                drop(state);
                drop(gone);
                return true;
            }
            let Some(task) = state.tasks.get_mut(&number) else { return false };
            task.wake.0.store(false, Ordering::Release);
            task.future.take().map(|future| (number, future, task.wake.clone()))
        };
        let Some((number, mut future, wake)) = picked else { return true };
        let poll = future.as_mut().poll(&mut Context::from_waker(&Waker::from(wake)));
        match poll {
            Poll::Ready(()) => {
                drop(future);
                self.state.lock().tasks.remove(&number);
            }
            Poll::Pending => {
                let mut state = self.state.lock();
                if let Some(task) = state.tasks.get_mut(&number) {
                    task.future = Some(future);
                }
            }
        }
        true
    }

    /// Frees every task, as the end of a process does.
    pub fn crash(&self) {
        loop {
            let tasks = std::mem::take(&mut self.state.lock().tasks);
            if tasks.is_empty() {
                return;
            }
            drop(tasks);
        }
    }
}

impl Compute for SimCompute {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Box<dyn Send + Sync> {
        let wake = Arc::new(Flag(AtomicBool::new(true)));
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        state.tasks.insert(number, Task { future: Some(future), wake, is_dropped: false });
        Box::new(Handle { compute: self.clone(), number })
    }
}

/// Lets others go on for some steps.
pub async fn pause(steps: u64) {
    let mut left = steps;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
