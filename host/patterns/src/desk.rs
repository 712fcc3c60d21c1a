// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where futures leave what they ask, and find what it came to.
//!
//! A program has one desk. Its futures put effects on it; whoever drives the program takes them, performs them, and
//! answers. The desk holds as much as its futures ask at once, so its bound is the widths of the patterns.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// One thing that was asked. Tickets are ordered as their effects were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// Where futures leave effects of type `E`, and find outcomes of type `O`. Clones are the same desk.
pub struct Desk<E, O> {
    /// Shared with every [`Asked`] of this desk.
    papers: Arc<Mutex<Papers<E, O>>>,
}

/// An effect on the desk; as a future it is ready when the effect is answered.
///
/// Dropping it before that withdraws the effect. Polled again after it was ready, it stays pending.
pub struct Asked<E, O> {
    ticket: Ticket,
    papers: Arc<Mutex<Papers<E, O>>>,
}

struct Papers<E, O> {
    next: u64,
    /// Effects that nobody took yet.
    asked: BTreeMap<Ticket, E>,
    /// What somebody waits for.
    places: BTreeMap<Ticket, Place<O>>,
    /// Effects that were taken, and that nobody waits for any more.
    withdrawn: BTreeSet<Ticket>,
}

enum Place<O> {
    Waiting(Option<Waker>),
    Answered(O),
}

// === impl Ticket ===

impl Ticket {
    /// Returns the number of the ticket: the first of a desk is 0.
    pub fn number(self) -> u64 {
        self.0
    }
}

// === impl Desk ===

impl<E, O> Desk<E, O> {
    /// Makes an empty desk.
    pub fn new() -> Self {
        let papers = Papers { next: 0, asked: BTreeMap::new(), places: BTreeMap::new(), withdrawn: BTreeSet::new() };
        Self { papers: Arc::new(Mutex::new(papers)) }
    }

    /// Puts an effect on the desk at once, not only when the future is polled.
    pub fn ask(&self, effect: E) -> Asked<E, O> {
        let mut papers = lock(&self.papers);
        let ticket = Ticket(papers.next);
        papers.next += 1;
        papers.asked.insert(ticket, effect);
        papers.places.insert(ticket, Place::Waiting(None));
        Asked { ticket, papers: self.papers.clone() }
    }

    /// Takes the effects that were asked since the last time, in the order of asking.
    ///
    /// Those that were withdrawn before are not among them, and nobody hears of them.
    pub fn take_asked(&self) -> Vec<(Ticket, E)> {
        std::mem::take(&mut lock(&self.papers).asked).into_iter().collect()
    }

    /// Takes the effects that were taken by [`take_asked`](Self::take_asked), have no outcome, and are not waited for any
    /// more, in the order of their tickets. Each is told once.
    pub fn take_withdrawn(&self) -> Vec<Ticket> {
        std::mem::take(&mut lock(&self.papers).withdrawn).into_iter().collect()
    }

    /// Answers an effect and wakes whoever waits for it. For an effect that was withdrawn or answered it does nothing.
    pub fn answer(&self, ticket: Ticket, outcome: O) {
        let mut papers = lock(&self.papers);
        let Some(place) = papers.places.get_mut(&ticket).filter(|place| matches!(place, Place::Waiting(_))) else {
            papers.withdrawn.remove(&ticket);
            return;
        };
        let before = std::mem::replace(place, Place::Answered(outcome));
        // Wakers are foreign code; they are called when the lock is free.
        drop(papers);
        if let Place::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<E, O> Default for Desk<E, O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E, O> Clone for Desk<E, O> {
    fn clone(&self) -> Self {
        Self { papers: self.papers.clone() }
    }
}

impl<E, O> std::fmt::Debug for Desk<E, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let papers = lock(&self.papers);
        f.debug_struct("Desk").field("asked", &papers.asked.len()).field("waited_for", &papers.places.len()).finish()
    }
}

// === impl Asked ===

impl<E, O> Asked<E, O> {
    /// Returns the ticket of the effect.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }
}

impl<E, O> Future for Asked<E, O> {
    type Output = O;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O> {
        let mut papers = lock(&self.papers);
        match papers.places.get_mut(&self.ticket) {
            Some(Place::Waiting(waker)) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            Some(Place::Answered(_)) => match papers.places.remove(&self.ticket) {
                Some(Place::Answered(outcome)) => Poll::Ready(outcome),
                _ => Poll::Pending,
            },
            None => Poll::Pending,
        }
    }
}

impl<E, O> Drop for Asked<E, O> {
    fn drop(&mut self) {
        let mut papers = lock(&self.papers);
        let place = papers.places.remove(&self.ticket);
        let effect = papers.asked.remove(&self.ticket);
        if matches!(place, Some(Place::Waiting(_))) && effect.is_none() {
            papers.withdrawn.insert(self.ticket);
        }
        // What is dropped may be foreign code too; it is dropped when the lock is free.
        drop(papers);
        drop((place, effect));
    }
}

impl<E, O> std::fmt::Debug for Asked<E, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

/// Nothing in here can panic half-way, so what a panicking holder left behind is whole.
fn lock<E, O>(papers: &Mutex<Papers<E, O>>) -> MutexGuard<'_, Papers<E, O>> {
    papers.lock().unwrap_or_else(PoisonError::into_inner)
}
