// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures how long a frame computes, apart from how long it waits.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use priory_core::ports::Clock;
use priory_core::usage::Meter;

thread_local! {
    /// Nanoseconds that frames inside the one that is being polled have computed during this poll.
    static INNER_NS: Cell<u64> = const { Cell::new(0) };
}

/// A frame's future with a watch on it. Frames run inside each other's polls; each counts only itself.
pub(crate) struct Metered<'a, F> {
    future: Pin<&'a mut F>,
    meter: &'a Meter,
    clock: &'a dyn Clock,
}

impl<'a, F: Future> Metered<'a, F> {
    pub(crate) fn new(future: Pin<&'a mut F>, meter: &'a Meter, clock: &'a dyn Clock) -> Self {
        Self { future, meter, clock }
    }
}

impl<F: Future> Future for Metered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let outer_ns = INNER_NS.replace(0);
        let began = self.clock.elapsed();
        let polled = self.future.as_mut().poll(cx);
        let elapsed = self.clock.elapsed().saturating_sub(began);
        let elapsed_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.meter.add_compute_ns(elapsed_ns.saturating_sub(INNER_NS.get()));
        INNER_NS.set(outer_ns.saturating_add(elapsed_ns));
        polled
    }
}
