// SPDX-License-Identifier: MIT OR Apache-2.0
//! The watch of the benchmarks, and what is made of its readings.

use std::time::{Duration, Instant};

/// Starts the watch.
#[allow(clippy::disallowed_methods, reason = "benchmarks measure the machine's own time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the middle reading.
pub fn median(readings: &[f64]) -> f64 {
    quantile(readings, 0.5)
}

/// Returns the reading below which a share of all lies.
pub fn quantile(readings: &[f64], share: f64) -> f64 {
    let mut sorted = readings.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get(((last as f64) * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Returns a time in microseconds.
pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Returns the resident memory of this process, in bytes.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}
