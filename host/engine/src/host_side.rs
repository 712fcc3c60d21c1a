// SPDX-License-Identifier: MIT OR Apache-2.0
//! A frame as its program sees it: everything that is asked passes the waist, and everything that is told passes the frame.

use std::sync::Arc;

use priory_core::effect::Level;
use priory_core::http::HttpRequest;
use priory_core::ports::{BoxFuture, FrameHost};
use priory_core::{Effect, Failure, Outcome};
use url::Url;

use crate::activity::Parked;
use crate::frame::Frame;
use crate::waist;

/// A frame as its guest sees it: everything that is asked passes the waist.
pub(crate) struct HostSide(Arc<Frame>);

impl HostSide {
    pub(crate) fn of(frame: Arc<Frame>) -> Self {
        Self(frame)
    }
}

impl FrameHost for HostSide {
    fn perform(&self, effect: Effect, fuel: u64) -> BoxFuture<'_, Outcome> {
        let step = self.0.next_step();
        Box::pin(async move { self.0.perform(step, effect, fuel).await })
    }

    fn start(&self, effect: Effect, fuel: u64) -> Result<u32, Failure> {
        self.0.start(effect, fuel)
    }

    fn announce(&self, method: &str, url: &Url, fuel: u64) -> Result<u32, Failure> {
        waist::announce(&self.0, method, url, fuel)
    }

    fn send(&self, pending: u32, request: HttpRequest) {
        if let Some(repeats) = &self.0.repeats {
            repeats.ask(pending, &Effect::HttpRequest(request.clone()));
        }
        waist::send(&self.0, pending, request);
    }

    fn wait(&self, pending: u32) -> BoxFuture<'_, Outcome> {
        Box::pin(async move { self.0.wait(pending).await })
    }

    fn outcome(&self, pending: u32) -> BoxFuture<'_, Outcome> {
        // The program goes on meanwhile, so its clock does not move: it would be anywhere.
        Box::pin(async move {
            let (outcome, _) = self.0.pending.take(pending, None).await;
            self.0.told(pending, outcome).await
        })
    }

    fn wait_any<'a>(&'a self, pending: &'a [u32]) -> BoxFuture<'a, usize> {
        Box::pin(async move {
            let ended = pending.iter().any(|number| self.0.pending.has_ended(*number));
            let parked = (!ended).then(|| self.0.run.activity.park());
            let (at, unix_ms) = self.0.pending.any(pending, parked.as_ref().map(Parked::woken)).await;
            self.0.seen.move_on(unix_ms);
            at
        })
    }

    fn next(&self) -> BoxFuture<'_, Option<(u32, Outcome)>> {
        Box::pin(async move {
            let parked = (!self.0.pending.is_next_here()).then(|| self.0.run.activity.park());
            let (number, outcome, unix_ms) = self.0.pending.next(parked.as_ref().map(Parked::woken)).await?;
            Some((number, self.0.show(number, (outcome, unix_ms)).await))
        })
    }

    fn cancel(&self, pending: u32) {
        self.0.pending.cancel(pending);
    }

    fn forget(&self, pending: u32) {
        self.0.forget_asked(pending);
        waist::forget(&self.0, pending);
    }

    fn log(&self, level: Level, message: &str, fuel: u64) -> Result<(), Failure> {
        // The end of a line counts too: else lines without a byte would be without end.
        self.0.charge_log((message.len() as u64).saturating_add(1))?;
        waist::log(&self.0, level, message, fuel);
        Ok(())
    }
}
