// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine's own clock and randomness: the only place that asks for them.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use priory_core::RunId;
use priory_core::ports::{BoxFuture, Clock, Ids};

/// Returns the clock of the machine.
pub fn machine_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Returns ids and seeds of the machine's randomness.
pub fn machine_ids() -> Arc<dyn Ids> {
    Arc::new(SystemIds)
}

/// The clock of the machine.
#[derive(Debug)]
pub(crate) struct SystemClock {
    began: Instant,
}

impl SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn new() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    fn unix_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep_until(&self, until: Duration) -> BoxFuture<'static, ()> {
        match self.began.checked_add(until) {
            Some(instant) => Box::pin(tokio::time::sleep_until(instant.into())),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// Ids and seeds from the machine's randomness.
#[derive(Debug)]
pub(crate) struct SystemIds;

impl SystemIds {
    fn random<const N: usize>() -> [u8; N] {
        let mut bytes = [0; N];
        if let Err(error) = getrandom::fill(&mut bytes) {
            // Without randomness nothing that is promised about seeds and ids holds, and no caller could mend it.
            tracing::error!(%error, "the machine gives no random numbers");
            std::process::abort();
        }
        bytes
    }
}

impl Ids for SystemIds {
    fn run(&self, unix_ms: u64) -> RunId {
        RunId::from_parts(unix_ms, u128::from_le_bytes(Self::random()))
    }

    fn seed(&self) -> [u8; 32] {
        Self::random()
    }
}
