// SPDX-License-Identifier: MIT OR Apache-2.0
//! Those who wait at a gate, in the order in which they came. Only the first of them looks for a turn.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::select;
use priory_core::ports::BoxFuture;
use tokio::sync::Notify;

use super::{Gate, Way};

/// Those who wait. Calls that are a part of one which has passed come first: what they belong to has a place that others
/// wait for.
#[derive(Default)]
pub(super) struct Queue {
    within: VecDeque<Waiter>,
    new: VecDeque<Waiter>,
    next: u64,
}

struct Waiter {
    number: u64,
    woken: Arc<Notify>,
}

/// A place among those who wait, until it is dropped.
pub(super) struct Place {
    gate: Arc<Gate>,
    number: u64,
    woken: Arc<Notify>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.within.len().saturating_add(self.new.len())
    }

    /// Returns how many would be before one who comes now.
    pub(super) fn ahead(&self, way: Way) -> usize {
        if way == Way::Within { self.within.len() } else { self.len() }
    }

    /// Makes a place at the end.
    pub(super) fn join(&mut self, gate: &Arc<Gate>, way: Way) -> Place {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let woken = Arc::new(Notify::new());
        let waiter = Waiter { number, woken: woken.clone() };
        let queue = if way == Way::Within { &mut self.within } else { &mut self.new };
        queue.push_back(waiter);
        Place { gate: gate.clone(), number, woken }
    }

    pub(super) fn is_first(&self, place: &Place) -> bool {
        self.first().is_some_and(|first| first.number == place.number)
    }

    /// Lets the first of them look.
    pub(super) fn wake_first(&self) {
        if let Some(first) = self.first() {
            first.woken.notify_one();
        }
    }

    fn first(&self) -> Option<&Waiter> {
        self.within.front().or_else(|| self.new.front())
    }

    fn leave(&mut self, number: u64) {
        self.within.retain(|waiter| waiter.number != number);
        self.new.retain(|waiter| waiter.number != number);
    }
}

impl Place {
    /// Waits until it is woken, or a timer is over.
    pub(super) async fn woken_or(&self, timer: BoxFuture<'static, ()>) {
        let woken = pin!(self.woken.notified());
        select(woken, timer).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.queue.leave(self.number);
        state.queue.wake_first();
    }
}
