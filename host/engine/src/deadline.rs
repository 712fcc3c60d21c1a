// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cuts a future when its time is over, whatever it is waiting for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use priory_core::ports::{BoxFuture, Clock};

/// Polls a future until it is ready or the clock reaches an instant.
///
/// The timer is only made when the future does not end at once: most calls never need it.
pub(crate) struct Deadline<'a, F> {
    inner: Pin<&'a mut F>,
    timer: Option<BoxFuture<'static, ()>>,
    clock: &'a dyn Clock,
    /// The instant, as it is now: time in which the run rests moves it on.
    until: &'a (dyn Fn() -> Duration + Send + Sync),
}

impl<'a, F: Future> Deadline<'a, F> {
    pub(crate) fn new(
        inner: Pin<&'a mut F>,
        clock: &'a dyn Clock,
        until: &'a (dyn Fn() -> Duration + Send + Sync),
    ) -> Self {
        Self { inner, timer: None, clock, until }
    }
}

impl<F: Future> Future for Deadline<'_, F> {
    /// The result, or nothing when the time was over first.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Poll::Ready(value) = this.inner.as_mut().poll(cx) {
            return Poll::Ready(Some(value));
        }
        loop {
            // A guest that comes back to its thread at once must be cut even when the timer had no chance to fire.
            let until = (this.until)();
            if this.clock.elapsed() >= until {
                return Poll::Ready(None);
            }
            let timer = this.timer.get_or_insert_with(|| this.clock.sleep_until(until));
            match timer.as_mut().poll(cx) {
                // The run rested meanwhile, so there is more time than when the timer was set.
                Poll::Ready(()) => this.timer = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
