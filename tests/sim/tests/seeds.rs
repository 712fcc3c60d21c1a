// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs survive crashes at every moment: thousands of seeds in the usual run of the tests, any number by `PRIORY_SIM_SEEDS`.
//!
//! A seed that fails prints the command that shows it again. What failed once stays in the list of those that are
//! tried every time.

#![allow(clippy::panic, reason = "what surprises a test ends it")]

use std::sync::atomic::{AtomicU64, Ordering};

use priory_sim::{Report, exhaust, try_seed};

/// How many seeds are tried where nobody says how many.
const SEEDS: u64 = 2_500;
/// How many seeds have a crash at each of their steps.
const EXHAUSTED: u64 = 12;
/// How many failures are shown.
const SHOWN_MAX: usize = 5;
/// Seeds that showed something wrong once.
const KNOWN: [u64; 28] = [
    4, 6, 10, 11, 12, 20, 27, 34, 49, 61, 65, 128, 141, 146, 151, 220, 373, 480, 609, 809, 1_347, 1_360, 1_677, 2_626,
    3_054, 3_883, 4_125, 8_032,
];

/// Tries seeds on every core, and tells which failed.
fn try_all(seeds: &[u64], mode: &str, act: fn(u64) -> Result<Report, String>) {
    let (next, threads) = (AtomicU64::new(0), std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let work = || {
        let mut failed = Vec::new();
        while let Some(seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX)) {
            if let Err(why) = act(*seed) {
                failed.push(format!("seed {seed}: {why}\n  cargo run -p priory-sim -- --seed {seed}{mode}"));
            }
        }
        failed
    };
    let failed: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    let shown = failed.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join("\n");
    assert!(failed.is_empty(), "{} of {} seeds failed:\n{shown}", failed.len(), seeds.len());
}

#[test]
fn crashes_by_chance_change_nothing() {
    let seeds = std::env::var("PRIORY_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    try_all(&(0..seeds).collect::<Vec<_>>(), "", try_seed);
}

#[test]
fn a_crash_at_any_step_changes_nothing() {
    try_all(&(0..EXHAUSTED).collect::<Vec<_>>(), " --every-step", |seed| exhaust(seed, 1));
}

#[test]
fn what_failed_once_does_not_fail_again() {
    try_all(&KNOWN, "", try_seed);
}
