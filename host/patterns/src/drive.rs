// SPDX-License-Identifier: MIT OR Apache-2.0
//! What polls the one future of a program: without threads and without a clock, so that it is the same every time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often a future may be polled without an answer in between. A million branches that are all ready at once need
/// fewer; what needs more wakes itself for ever.
pub const POLLS_MAX: usize = 1_000_000;

/// A future that wakes itself for ever and never waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the program was polled {polls} times and neither ended nor waited for an effect; await something in its loop")]
pub struct Stuck {
    /// How often it was polled.
    pub polls: usize,
}

/// Holds a future and polls it.
pub struct Driver<F: Future + ?Sized> {
    /// `None` once it has ended.
    root: Option<Pin<Box<F>>>,
    /// Shared with every waker of this future.
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

// === impl Driver ===

impl<F: Future> Driver<F> {
    /// Takes a future, and does not poll it yet.
    pub fn new(root: F) -> Self {
        Self::from(Box::pin(root))
    }
}

impl<F: Future + ?Sized> From<Pin<Box<F>>> for Driver<F> {
    fn from(root: Pin<Box<F>>) -> Self {
        Self { root: Some(root), woken: Arc::new(Woken(AtomicBool::new(true))) }
    }
}

impl<F: Future + ?Sized> Driver<F> {
    /// Polls the future until it waits for something outside, and returns its output when it has ended.
    ///
    /// A future that nobody woke since is not polled; one that has ended gave its output once and gives `None` from then on.
    pub fn poll(&mut self) -> Result<Option<F::Output>, Stuck> {
        let waker = Waker::from(self.woken.clone());
        let mut context = Context::from_waker(&waker);
        for _ in 0..POLLS_MAX {
            let Some(root) = &mut self.root else { return Ok(None) };
            if !self.woken.0.swap(false, Ordering::Acquire) {
                return Ok(None);
            }
            if let Poll::Ready(output) = root.as_mut().poll(&mut context) {
                // What it still holds is withdrawn now, not when the driver goes.
                self.root = None;
                return Ok(Some(output));
            }
        }
        Err(Stuck { polls: POLLS_MAX })
    }
}

impl<F: Future + ?Sized> std::fmt::Debug for Driver<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("ended", &self.root.is_none()).finish_non_exhaustive()
    }
}
