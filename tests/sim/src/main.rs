// SPDX-License-Identifier: MIT OR Apache-2.0
//! Simulates any number of seeds: `cargo run -p priory-sim -- --seeds N [--seed FIRST] [--every-step] [--show]`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use priory_sim::world::{Crashes, World};
use priory_sim::{Report, exhaust, try_seed};

/// What the command line says.
struct Arguments {
    first: u64,
    seeds: u64,
    every_step: bool,
    /// Whether the events of the first seed are shown.
    show: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut parsed = Arguments { first: 0, seeds: 1, every_step: false, show: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or_else(|| format!("{word} takes a number"))?;
            value.parse::<u64>().map_err(|_| format!("{word} takes a number, and `{value}` is none"))
        };
        match word.as_str() {
            "--seeds" => parsed.seeds = number()?,
            "--seed" => parsed.first = number()?,
            "--every-step" => parsed.every_step = true,
            "--show" => parsed.show = true,
            other => return Err(format!("`{other}` is not known: --seeds N, --seed FIRST, --every-step, --show are")),
        }
    }
    Ok(parsed)
}

fn main() -> ExitCode {
    let Arguments { first, seeds, every_step, show } = match arguments() {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    if show {
        let mut world = World::new(first, Crashes::Often);
        let story = world.tell();
        world.events().into_iter().flatten().for_each(|event| println!("{event:?}"));
        println!("{:?}", story.map(|story| story.end));
    }
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let work = || {
        let (mut total, mut failed) = (Report::default(), 0u64);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first.saturating_add(seeds) {
                return (total, failed);
            }
            match if every_step { exhaust(seed, 1) } else { try_seed(seed) } {
                Ok(report) => total.add(report),
                Err(why) => {
                    failed += 1;
                    let mode = if every_step { " --every-step" } else { "" };
                    println!("seed {seed}: {why}\n  cargo run -p priory-sim -- --seed {seed}{mode}");
                }
            }
        }
    };
    let (total, failed) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().fold((Report::default(), 0), |(mut total, failed), thread| match thread.join() {
            Ok((report, more)) => {
                total.add(report);
                (total, failed + more)
            }
            Err(_) => (total, failed + 1),
        })
    });
    println!("{seeds} seeds, {failed} failed: {total:?}");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
