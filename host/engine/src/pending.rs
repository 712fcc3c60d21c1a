// SPDX-License-Identifier: MIT OR Apache-2.0
//! Effects that a frame has started and not yet taken.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use priory_core::{Failure, Outcome};
use tokio::sync::Notify;

/// One started effect.
#[derive(Default)]
struct Slot {
    /// The task that performs it; dropping it withdraws the effect.
    task: Option<Box<dyn Send + Sync>>,
    outcome: Option<Outcome>,
    /// The position among the effects of the frame that have ended.
    ended: Option<u64>,
    /// Who waits for it: only the frame itself can, so one is enough.
    waiter: Option<Waker>,
}

#[derive(Default)]
struct Slots {
    by_number: HashMap<u32, Slot>,
    ended: u64,
}

/// The started effects of one frame.
#[derive(Default)]
pub(crate) struct Pending {
    slots: Mutex<Slots>,
    /// Tasks that perform them and are not gone: a task that was withdrawn ends a little later.
    live: AtomicUsize,
    /// Told when the last of them is gone.
    idle: Notify,
}

impl Pending {
    /// Makes room for an effect, unless `most` are there already; then says how many there are.
    pub(crate) fn open(&self, number: u32, most: u64) -> Result<(), u64> {
        let mut slots = self.slots.lock();
        let count = slots.by_number.len() as u64;
        if count >= most {
            return Err(count);
        }
        slots.by_number.insert(number, Slot::default());
        Ok(())
    }

    /// Says that a task is there that performs an effect, until [`Pending::left`].
    pub(crate) fn entered(&self) {
        self.live.fetch_add(1, Ordering::AcqRel);
    }

    /// Says that a task is gone.
    pub(crate) fn left(&self) {
        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.idle.notify_waiters();
        }
    }

    /// Waits until no task is left, so that nothing of them can happen after what follows.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.live.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Keeps the task of an effect. One that has ended already needs none.
    pub(crate) fn attach(&self, number: u32, task: Box<dyn Send + Sync>) {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.by_number.get_mut(&number).filter(|slot| slot.ended.is_none()) {
            slot.task = Some(task);
        }
    }

    /// Notes the outcome of an effect, unless it has one.
    pub(crate) fn end(&self, number: u32, outcome: Outcome) {
        let mut slots = self.slots.lock();
        let order = slots.ended;
        let Some(slot) = slots.by_number.get_mut(&number).filter(|slot| slot.ended.is_none()) else { return };
        slot.ended = Some(order);
        slot.outcome = Some(outcome);
        let (waiter, task) = (slot.waiter.take(), slot.task.take());
        slots.ended += 1;
        drop(slots);
        // The task may be the one that runs this very line; it is freed outside the lock.
        drop(task);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Tells whether an effect has ended; one that is not there has.
    pub(crate) fn has_ended(&self, number: u32) -> bool {
        self.slots.lock().by_number.get(&number).is_none_or(|slot| slot.ended.is_some())
    }

    /// Waits for an effect and takes its outcome.
    pub(crate) async fn take(&self, number: u32) -> Outcome {
        poll_fn(|cx| {
            let mut slots = self.slots.lock();
            let Some(slot) = slots.by_number.get_mut(&number) else {
                return Poll::Ready(Err(Failure::Conflict {
                    reason: "the result of this call was taken before".into(),
                }));
            };
            match slot.outcome.take() {
                Some(outcome) => {
                    slots.by_number.remove(&number);
                    Poll::Ready(outcome)
                }
                None => {
                    slot.waiter = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits until one of some effects has ended and returns its position: the first to end.
    pub(crate) async fn any(&self, numbers: &[u32]) -> usize {
        poll_fn(|cx| {
            let mut slots = self.slots.lock();
            let ended = |number: &u32| match slots.by_number.get(number) {
                None => Some(0),
                Some(slot) => slot.ended.map(|order| order + 1),
            };
            let first = numbers.iter().enumerate().filter_map(|(at, n)| ended(n).map(|order| (order, at))).min();
            if let Some((_, at)) = first {
                return Poll::Ready(at);
            }
            for number in numbers {
                if let Some(slot) = slots.by_number.get_mut(number) {
                    slot.waiter = Some(cx.waker().clone());
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Withdraws an effect and notes that.
    pub(crate) fn cancel(&self, number: u32, by: &str) {
        let task = self.slots.lock().by_number.get_mut(&number).and_then(|slot| slot.task.take());
        drop(task);
        self.end(number, Err(Failure::Cancelled { by: by.to_owned() }));
    }

    /// Withdraws an effect and forgets it.
    pub(crate) fn forget(&self, number: u32) {
        let slot = self.slots.lock().by_number.remove(&number);
        drop(slot);
    }

    /// Withdraws everything.
    pub(crate) fn clear(&self) {
        let slots = std::mem::take(&mut self.slots.lock().by_number);
        drop(slots);
    }
}
