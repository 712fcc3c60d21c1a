// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for time to pass. With the grant `sleep`, the run is put aside meanwhile.

use crate::bindings::priory::agent::timers;
use crate::{Failure, Pending};

/// Waits for some milliseconds.
pub fn sleep(ms: u64) -> Result<(), Failure> {
    Ok(timers::sleep(ms)?)
}

/// Starts a timer and returns at once.
pub fn start(ms: u64) -> Result<Pending<()>, Failure> {
    Ok(Pending::new("a timer", timers::start(ms)?))
}
