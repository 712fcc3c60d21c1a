// SPDX-License-Identifier: MIT OR Apache-2.0
//! Effects that a frame has started and not yet taken.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use priory_core::{Failure, Outcome};

use crate::activity::Woken;
use crate::live::Tasks;
use crate::tape::Stamp;

/// One started effect.
#[derive(Default)]
struct Slot {
    /// The task that performs it; dropping it withdraws the effect.
    task: Option<Box<dyn Send + Sync>>,
    /// The fuel that the frame had burnt when it announced the effect, until it is begun.
    announced: Option<u64>,
    outcome: Option<Outcome>,
    /// The event that it ended with.
    ended: Option<Stamp>,
    /// The position that it is known to end at: while a run is executed again, or until its outcome is here.
    planned: Option<u64>,
    /// Who waits for it: only the frame itself can, so one is enough.
    waiter: Option<(Waker, Option<Woken>)>,
}

/// The started effects of one frame.
#[derive(Default)]
pub(crate) struct Pending {
    slots: Mutex<Slots>,
    /// Those that perform them.
    pub(crate) tasks: Tasks,
    /// The frame has come to its end: what is still there is withdrawn with it.
    is_cleared: AtomicBool,
}

#[derive(Default)]
struct Slots {
    of: HashMap<u32, Slot>,
    /// Those whose place among the events is known, in that order: the next to be taken comes first.
    order: BTreeSet<(u64, u32)>,
    /// Who waits for the next.
    waiter: Option<(Waker, Option<Woken>)>,
}

impl Pending {
    /// Makes room for an effect, unless `most` are there already; then says how many there are.
    ///
    /// `planned` is the position in the run at which it is known to end.
    pub(crate) fn open(&self, number: u32, most: u64, planned: Option<u64>) -> Result<(), u64> {
        let mut slots = self.slots.lock();
        let count = slots.of.len() as u64;
        if count >= most {
            return Err(count);
        }
        slots.of.insert(number, Slot { planned, ..Slot::default() });
        slots.order.extend(planned.map(|seq| (seq, number)));
        Ok(())
    }

    /// Notes that an effect will be begun later, and the fuel that the frame had burnt.
    pub(crate) fn announce(&self, number: u32, fuel: u64) {
        if let Some(slot) = self.slots.lock().of.get_mut(&number) {
            slot.announced = Some(fuel);
        }
    }

    /// Takes the note that an effect was announced.
    pub(crate) fn announced(&self, number: u32) -> Option<u64> {
        self.slots.lock().of.get_mut(&number)?.announced.take()
    }

    /// Returns what was announced and not begun.
    pub(crate) fn unsent(&self) -> Vec<u32> {
        let slots = self.slots.lock();
        slots.of.iter().filter(|(_, slot)| slot.announced.is_some()).map(|(number, _)| *number).collect()
    }

    /// Keeps the task of an effect. One that has ended already needs none.
    pub(crate) fn attach(&self, number: u32, task: Box<dyn Send + Sync>) {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.of.get_mut(&number).filter(|slot| slot.ended.is_none()) {
            slot.task = Some(task);
        }
    }

    /// Records the end of an effect, so that nobody takes one that ended later for the first before its outcome is here.
    pub(crate) fn ending(&self, number: u32, record: impl FnOnce() -> Stamp) -> Stamp {
        let mut slots = self.slots.lock();
        // The lock is held meanwhile: else another could be recorded after it and be there before it.
        let stamp = record();
        slots.place(number, stamp.seq);
        stamp
    }

    /// Notes the outcome of an effect, unless it has one. `stamp` is that of the event that it ended with.
    pub(crate) fn end(&self, number: u32, stamp: Stamp, outcome: Outcome) {
        let mut slots = self.slots.lock();
        slots.place(number, stamp.seq);
        let Some(slot) = slots.of.get_mut(&number).filter(|slot| slot.ended.is_none()) else { return };
        slot.ended = Some(stamp);
        slot.outcome = Some(outcome);
        let (waiter, task) = (slot.waiter.take(), slot.task.take());
        let next = if slots.is_next_here() { slots.waiter.take() } else { None };
        drop(slots);
        for (waker, woken) in waiter.into_iter().chain(next) {
            // Before the task that ends is counted off.
            woken.iter().for_each(Woken::tell);
            waker.wake();
        }
        // The task may be the one that runs this very line; it is freed outside the lock.
        drop(task);
    }

    /// Tells whether an effect has ended; one that is not there has.
    pub(crate) fn has_ended(&self, number: u32) -> bool {
        self.slots.lock().of.get(&number).is_none_or(|slot| slot.ended.is_some())
    }

    /// Waits for an effect and takes its outcome, with the time of it. `woken` is told when it is there.
    pub(crate) async fn take(&self, number: u32, woken: Option<Woken>) -> (Outcome, u64) {
        poll_fn(|cx| {
            let mut slots = self.slots.lock();
            let Some(slot) = slots.of.get_mut(&number) else {
                let reason = "the result of this call was taken before".into();
                return Poll::Ready((Err(Failure::Conflict { reason }), 0));
            };
            let unix_ms = slot.ended.map_or(0, |stamp| stamp.unix_ms);
            match slot.outcome.take() {
                Some(outcome) => {
                    slots.remove(number);
                    Poll::Ready((outcome, unix_ms))
                }
                None => {
                    slot.waiter = Some((cx.waker().clone(), woken.clone()));
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits until one of some effects has ended and returns its position, with the time of its end: the first to end, in
    /// the order of the run.
    pub(crate) async fn any(&self, numbers: &[u32], woken: Option<Woken>) -> (usize, u64) {
        poll_fn(|cx| {
            let mut slots = self.slots.lock();
            if let Some(at) = first(&slots.of, numbers) {
                return Poll::Ready(at);
            }
            for number in numbers {
                if let Some(slot) = slots.of.get_mut(number) {
                    slot.waiter = Some((cx.waker().clone(), woken.clone()));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Tells whether [`Pending::next`] has something to return, or nothing to wait for.
    pub(crate) fn is_next_here(&self) -> bool {
        let slots = self.slots.lock();
        slots.of.is_empty() || slots.is_next_here()
    }

    /// Waits for the next effect that ends, in the order of the run, and takes its outcome, with the time of it; `None`
    /// where none is started.
    pub(crate) async fn next(&self, woken: Option<Woken>) -> Option<(u32, Outcome, u64)> {
        poll_fn(|cx| {
            let mut slots = self.slots.lock();
            if slots.of.is_empty() {
                return Poll::Ready(None);
            }
            let taken = slots.order.first().copied().and_then(|(_, number)| {
                let slot = slots.of.get_mut(&number)?;
                Some((number, slot.outcome.take()?, slot.ended.map_or(0, |stamp| stamp.unix_ms)))
            });
            match taken {
                Some((number, outcome, unix_ms)) => {
                    slots.remove(number);
                    Poll::Ready(Some((number, outcome, unix_ms)))
                }
                None => {
                    slots.waiter = Some((cx.waker().clone(), woken.clone()));
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Withdraws an effect. Its outcome is noted by whoever performs it, when that is gone. One of which it is known that it
    /// came to its end is not withdrawn.
    pub(crate) fn cancel(&self, number: u32) {
        let mut slots = self.slots.lock();
        let task = slots.of.get_mut(&number).filter(|slot| slot.planned.is_none()).and_then(|slot| slot.task.take());
        drop(slots);
        drop(task);
    }

    /// Withdraws an effect and forgets it.
    pub(crate) fn forget(&self, number: u32) {
        let slot = self.slots.lock().remove(number);
        drop(slot);
    }

    /// Tells whether the frame has come to its end.
    pub(crate) fn is_cleared(&self) -> bool {
        self.is_cleared.load(Ordering::Acquire)
    }

    /// Withdraws everything, at the end of the frame.
    pub(crate) fn clear(&self) {
        self.is_cleared.store(true, Ordering::Release);
        let slots = std::mem::take(&mut *self.slots.lock());
        drop(slots);
    }
}

impl Slots {
    /// Gives an effect its place among the events.
    fn place(&mut self, number: u32, seq: u64) {
        let Some(slot) = self.of.get_mut(&number).filter(|slot| slot.ended.is_none()) else { return };
        if let Some(before) = slot.planned.replace(seq) {
            self.order.remove(&(before, number));
        }
        self.order.insert((seq, number));
    }

    /// Tells whether the next effect to be taken has ended. One that is known to end earlier than all that have ended is
    /// waited for.
    fn is_next_here(&self) -> bool {
        let next = self.order.first().and_then(|(_, number)| self.of.get(number));
        next.is_some_and(|slot| slot.outcome.is_some())
    }

    fn remove(&mut self, number: u32) -> Option<Slot> {
        let slot = self.of.remove(&number)?;
        if let Some(seq) = slot.planned {
            self.order.remove(&(seq, number));
        }
        Some(slot)
    }
}

/// Returns the position of the effect that ended first, with the time of its end, once it is sure which that is: one that
/// is known to end earlier than all that have ended is waited for.
fn first(slots: &HashMap<u32, Slot>, numbers: &[u32]) -> Option<(usize, u64)> {
    let order = |number: &u32| match slots.get(number) {
        // What is not there was taken before.
        None => Some((0, Some(0))),
        Some(slot) => match (slot.ended, slot.planned) {
            (Some(stamp), _) => Some((stamp.seq + 1, Some(stamp.unix_ms))),
            (None, Some(seq)) => Some((seq + 1, None)),
            (None, None) => None,
        },
    };
    let known = numbers.iter().enumerate().filter_map(|(at, n)| order(n).map(|(order, end)| (order, at, end)));
    let (_, at, end) = known.min_by_key(|(order, at, _)| (*order, *at))?;
    end.map(|unix_ms| (at, unix_ms))
}
