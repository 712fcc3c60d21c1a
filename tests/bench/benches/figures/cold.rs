// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a whole process takes that calls one cached component.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use priory_bench::guests::workspace;
use priory_bench::watch::{median, micros, now};

use crate::Bench;

const ROUNDS: usize = 40;

pub(crate) fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = workspace().join("target").join("bench");
    std::fs::create_dir_all(&folder)?;
    let (code, cache) = (folder.join("tool.cwasm"), folder.join("cache"));
    let (program, floor_program) = programs()?;
    run(Command::new(&floor_program).arg("precompile").arg(bench.tool()).arg(&code))?;
    let mut floor = Command::new(&floor_program);
    floor.arg("call").arg(&code);
    let mut priory = Command::new(&program);
    priory.arg("call").arg(bench.tool()).args(["add", "--args", r#"{"a":2,"b":3}"#]).env("PRIORY_CACHE_DIR", &cache);
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let readings = (run(&mut floor)?, run(&mut priory)?);
        // The first call compiles and fills the cache.
        if round > 0 {
            floors.push(readings.0);
            ours.push(readings.1);
        }
    }
    let (floor, ours) = (median(&floors), median(&ours));
    let note =
        format!("{:.1} ms `priory call`, whole process ÷ {:.1} ms the smallest program", ours / 1e3, floor / 1e3);
    bench.summary.take("cold_start_ratio", ours / floor, Some(2.0), note);
    Ok(())
}

/// Builds the binary and the one that it is measured against.
fn programs() -> anyhow::Result<(PathBuf, PathBuf)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--release", "--quiet", "--bins", "--example", "cold_floor"];
    let status = Command::new(cargo).current_dir(workspace()).args(build).status()?;
    ensure!(status.success(), "the binaries cannot be built");
    // The benchmark itself lies in `deps`, beside the two.
    let bench = std::env::current_exe()?;
    let folder = bench.parent().and_then(Path::parent).context("the benchmark lies in no folder")?;
    Ok((folder.join("priory"), folder.join("examples").join("cold_floor")))
}

fn run(command: &mut Command) -> anyhow::Result<f64> {
    let began = now();
    let output = command.stderr(Stdio::piped()).output()?;
    let time = micros(began.elapsed());
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(time)
}
