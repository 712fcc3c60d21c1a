// SPDX-License-Identifier: MIT OR Apache-2.0
//! A fake host of one frame: it performs nothing, and keeps what is logged.

use parking_lot::Mutex;
use priory_core::effect::Level;
use priory_core::http::HttpRequest;
use priory_core::ports::{BoxFuture, FrameHost};
use priory_core::{Effect, Failure, Outcome};
use url::Url;

/// How many lines of log are kept. A frame that writes more has gone wrong.
const LINES_MAX: usize = 10_000;

/// A fake host of one frame. Every effect is `unavailable`.
#[derive(Debug, Default)]
pub struct QuietHost {
    log: Mutex<Vec<String>>,
}

impl QuietHost {
    /// Returns the lines of log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }
}

fn nothing() -> Failure {
    Failure::absent("effect", "the fake host performs none")
}

impl FrameHost for QuietHost {
    fn perform(&self, _: Effect, _: u64) -> BoxFuture<'_, Outcome> {
        Box::pin(async { Err(nothing()) })
    }

    fn start(&self, _: Effect, _: u64) -> Result<u32, Failure> {
        Err(nothing())
    }

    fn announce(&self, _: &str, _: &Url, _: u64) -> Result<u32, Failure> {
        Err(nothing())
    }

    fn send(&self, _: u32, _: HttpRequest) {}

    fn wait(&self, _: u32) -> BoxFuture<'_, Outcome> {
        Box::pin(async { Err(nothing()) })
    }

    fn outcome(&self, _: u32) -> BoxFuture<'_, Outcome> {
        Box::pin(async { Err(nothing()) })
    }

    fn wait_any<'a>(&'a self, _: &'a [u32]) -> BoxFuture<'a, usize> {
        Box::pin(async { 0 })
    }

    fn next(&self) -> BoxFuture<'_, Option<(u32, Outcome)>> {
        Box::pin(async { None })
    }

    fn cancel(&self, _: u32) {}

    fn forget(&self, _: u32) {}

    fn log(&self, _: Level, message: &str, _: u64) -> Result<(), Failure> {
        let mut log = self.log.lock();
        if log.len() < LINES_MAX {
            log.push(message.to_owned());
        }
        Ok(())
    }
}
