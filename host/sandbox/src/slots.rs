// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may have a sandbox now: back-pressure instead of failure when all are taken.
//!
//! A frame that waits for its children keeps its sandbox, so sandboxes could run out with everybody waiting. Hence a
//! frame at depth `d` may only take one while more than `depth_max - d` are free: whatever the shallower frames do,
//! one is left for each deeper level, the deepest always goes on, and so all do.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

#[derive(Debug)]
struct State {
    free: u32,
    /// Who waits: one queue for each depth, in the order of coming.
    waiting: Vec<VecDeque<oneshot::Sender<Slot>>>,
}

/// The sandboxes of a host, counted.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    state: Arc<Mutex<State>>,
    depth_max: u32,
}

impl Slots {
    pub(crate) fn new(count: u32, depth_max: u32) -> Self {
        // With fewer sandboxes than levels nothing could start at all.
        let depth_max = depth_max.min(count.saturating_sub(1));
        let waiting = (0..=depth_max).map(|_| VecDeque::new()).collect();
        Self { state: Arc::new(Mutex::new(State { free: count, waiting })), depth_max }
    }

    /// Waits for a sandbox for a frame at some depth.
    pub(crate) async fn take(&self, depth: u32) -> Slot {
        let depth = depth.min(self.depth_max);
        loop {
            let turn = {
                let mut state = self.state.lock();
                if state.free > self.depth_max - depth {
                    state.free -= 1;
                    return Slot { slots: Some(self.clone()) };
                }
                let (sender, turn) = oneshot::channel();
                if let Some(queue) = state.waiting.get_mut(depth as usize) {
                    queue.push_back(sender);
                }
                turn
            };
            // A sender is never dropped unused while the slots live; if it were, asking again is right.
            if let Ok(slot) = turn.await {
                return slot;
            }
        }
    }

    /// Gives a sandbox back: to the deepest frame that waits and may have it.
    fn put(&self) {
        let mut state = self.state.lock();
        state.free += 1;
        for depth in (0..=self.depth_max).rev() {
            while state.free > self.depth_max - depth {
                let next = state.waiting.get_mut(depth as usize).and_then(VecDeque::pop_front);
                let Some(sender) = next else { break };
                // One that was cancelled while it waited does not count; its slot is not handed on, and forgotten here.
                match sender.send(Slot { slots: Some(self.clone()) }) {
                    Ok(()) => state.free -= 1,
                    Err(unused) => unused.forget(),
                }
            }
        }
    }
}

/// The right to one sandbox, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Option<Slots>,
}

impl Slot {
    fn forget(mut self) {
        self.slots = None;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.slots.take() {
            slots.put();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    /// Polls once.
    fn poll(future: &mut std::pin::Pin<Box<impl Future<Output = Slot>>>) -> Option<Slot> {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(slot) => Some(slot),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_slot_is_left_for_every_deeper_level() {
        let slots = Slots::new(3, 2);
        let root = poll(&mut Box::pin(slots.take(0))).expect("the first of three");
        let mut other_root = Box::pin(slots.take(0));
        assert!(poll(&mut other_root).is_none(), "two are kept for the levels below");
        let child = poll(&mut Box::pin(slots.take(1))).expect("one level down");
        let grandchild = poll(&mut Box::pin(slots.take(2))).expect("the last, at the deepest level");
        drop(grandchild);
        assert!(poll(&mut other_root).is_none());
        drop(child);
        assert!(poll(&mut other_root).is_none());
        drop(root);
        assert!(poll(&mut other_root).is_some());
    }

    #[test]
    fn one_that_gave_up_waiting_costs_nothing() {
        let slots = Slots::new(1, 0);
        let held = poll(&mut Box::pin(slots.take(0))).expect("the only one");
        let mut gave_up = Box::pin(slots.take(0));
        let mut waits = Box::pin(slots.take(0));
        assert!(poll(&mut gave_up).is_none() && poll(&mut waits).is_none());
        drop(gave_up);
        drop(held);
        assert!(poll(&mut waits).is_some());
    }
}
