// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kills a host again and again while it is at work on hundreds of runs, and checks in the end that nothing is missing and
//! nothing was done twice: `cargo run --release --bin priory-kill -- --kills 200 --runs 300 --seed 1`.
//!
//! The harness is one process: it holds a service that counts what reaches it, and starts hosts, which are this binary
//! again. In reading order: `options`, `chain` (what a run does), `service`, `worker` (the host), `harness`, `verdict`; apart
//! from them `heard`, a host that hears a model.

mod chain;
mod guests;
mod harness;
mod heard;
mod options;
mod service;
mod stage;
mod verdict;
mod worker;

use std::process::ExitCode;

use options::Mode;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what the command line says, and tells whether all was well.
fn run() -> anyhow::Result<bool> {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{}", options::USAGE);
            return Err(error);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match options {
        Mode::Harness(options) => runtime.block_on(harness::run(options)),
        Mode::Worker(orders) => runtime.block_on(worker::run(orders)).map(|()| true),
        Mode::Heard { folder, url } => runtime.block_on(heard::run(&folder, &url)).map(|()| true),
    }
}

/// Numbers that a seed gives: SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below another one.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }
}
