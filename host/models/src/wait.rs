// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting, by the clock of the host.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use priory_core::ports::Clock;

/// Waits for a future until a time; `None` when the time came first. What is ready at once costs no timer.
pub(crate) async fn within<F: Future>(clock: &dyn Clock, until: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut sleep = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        sleep.get_or_insert_with(|| clock.sleep_until(until)).as_mut().poll(cx).map(|()| None)
    })
    .await
}
