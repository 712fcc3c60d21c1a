// SPDX-License-Identifier: MIT OR Apache-2.0
//! Doing something again after a while: a schedule that is plain data, and the loop around it.

use crate::fault::Fault;

/// How often something may be done again.
pub const TIMES_MAX: u32 = 100;
/// The factor by which a wait grows, at most.
const FACTOR_MAX: f64 = 100.0;

/// When to do something again: so many times, and after how long each.
///
/// Figures outside their range are taken as the nearest that is in it: `times` up to [`TIMES_MAX`], `factor` from 1 to
/// 100, `jitter` from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// How often it is done again after the first attempt.
    pub times: u32,
    /// The first wait, in milliseconds.
    pub base_ms: u64,
    /// By what each wait is longer than the one before.
    pub factor: f64,
    /// The longest wait, in milliseconds.
    pub max_ms: u64,
    /// The part of a wait by which it may be shorter or longer.
    pub jitter: f64,
    /// What the jitter is drawn from: the same seed gives the same waits.
    pub seed: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { times: 3, base_ms: 200, factor: 2.0, max_ms: 10_000, jitter: 0.2, seed: 0 }
    }
}

// === impl Backoff ===

impl Backoff {
    /// Returns how long to wait before the `attempt`th repetition, counted from 1; `None` when it may not be done again.
    pub fn delay(&self, attempt: u32) -> Option<u64> {
        if attempt == 0 || attempt > self.times.min(TIMES_MAX) {
            return None;
        }
        let factor = within(self.factor, 1.0, FACTOR_MAX);
        let max = self.max_ms as f64;
        // Multiplied one by one: `powi` may round otherwise on another machine, and a replay has to wait as long.
        let mut wait = (self.base_ms as f64).min(max);
        for _ in 1..attempt {
            wait = (wait * factor).min(max);
        }
        // 53 bits are what a float holds: from 0 up to but not 1.
        let drawn = (mixed(self.seed.wrapping_add(u64::from(attempt))) >> 11) as f64 / (1_u64 << 53) as f64;
        let jitter = within(self.jitter, 0.0, 1.0) * (2.0 * drawn - 1.0);
        Some((wait * (1.0 + jitter)).min(max) as u64)
    }
}

/// Does something until it succeeds, or fails in a way that does not pass, or may not be done again.
///
/// `work` gets the number of the attempt, from 0; `again` says which failures may pass; `wait` waits milliseconds.
pub async fn retry<T, F, Work, WorkFut, Wait, WaitFut>(
    backoff: Backoff,
    work: Work,
    again: impl Fn(&F) -> bool,
    wait: Wait,
) -> Result<T, F>
where
    F: Fault,
    Work: Fn(u32) -> WorkFut,
    WorkFut: Future<Output = Result<T, F>>,
    Wait: Fn(u64) -> WaitFut,
    WaitFut: Future<Output = Result<(), F>>,
{
    let mut attempt = 0;
    loop {
        let fault = match work(attempt).await {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        attempt += 1;
        match backoff.delay(attempt).filter(|_| again(&fault)) {
            Some(ms) => wait(ms).await?,
            None => return Err(fault),
        }
    }
}

/// Returns the nearest figure in a range; what is not a number is the least.
fn within(figure: f64, least: f64, most: f64) -> f64 {
    if figure.is_nan() { least } else { figure.clamp(least, most) }
}

/// Mixes a number so that neighbours have nothing in common (the finalizer of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
