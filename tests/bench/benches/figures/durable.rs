// SPDX-License-Identifier: MIT OR Apache-2.0
//! What it costs that a run survives: steps that only compute, and steps that touch the outside.

use std::path::Path;
use std::sync::Arc;

use priory::core::{Journal, Json};
use priory::journal::SqliteJournal;
use priory::{Durability, Host, RunSpec};
use priory_bench::watch::{median, micros, now};

use crate::Bench;
use crate::raw::Raw;

const ROUNDS: usize = 40;
const CHAIN: u32 = 100;
const STEPS: u32 = 60;

/// Measures what touches nothing outside.
pub(crate) async fn inside(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(priory_bench::guests::workspace().join("target"))?;
    let plain = bench.host(256).await?;
    let (journal, durable) = keeping(bench, folder.path()).await?;
    pure(bench, &plain, &durable).await?;
    size(bench, &journal, &durable).await
}

/// Builds a host that keeps its runs in a folder.
async fn keeping(bench: &Bench, folder: &Path) -> anyhow::Result<(Arc<dyn Journal>, Host)> {
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(folder)?);
    let host = bench.builder(256)?.durable(Durability::new(journal.clone())).build().await?;
    Ok((journal, host))
}

async fn run(host: &Host, input: String) -> anyhow::Result<f64> {
    let began = now();
    host.start(RunSpec::agent("caller", Json::from_encoder(input)))?.wait().await.result?;
    Ok(micros(began.elapsed()))
}

async fn together(host: &Host, runs: u32, input: &str) -> anyhow::Result<f64> {
    let began = now();
    let mut started = (0..runs)
        .map(|_| Ok(host.start(RunSpec::agent("caller", Json::from_encoder(input.to_owned())))?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for run in &mut started {
        run.wait().await.result?;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// A chain of calls that only compute.
async fn pure(bench: &mut Bench, plain: &Host, durable: &Host) -> anyhow::Result<()> {
    let chain = || format!("{{\"calls\":{CHAIN}}}");
    let (mut floor, mut kept, mut rate, mut empty) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let readings = (run(plain, chain()).await?, run(durable, chain()).await?);
        empty.push(run(durable, "{}".to_owned()).await? - run(plain, "{}".to_owned()).await?);
        let all = together(durable, 16, &chain()).await?;
        if round > 0 {
            floor.push(readings.0);
            kept.push(readings.1);
            rate.push(16.0 * f64::from(CHAIN) / all);
        }
    }
    let (floor, kept) = (median(&floor), median(&kept));
    let note = format!(
        "{:.2} ms for {CHAIN} steps and their end on disk ÷ {:.2} ms not kept; {:.2} ms of it are a run without steps",
        kept / 1e3,
        floor / 1e3,
        median(&empty) / 1e3
    );
    bench.summary.take("durable_pure_step_ratio", kept / floor, Some(1.2), note);
    bench.summary.take("steps_per_second", median(&rate), None, "kept steps that only compute, 16 runs at once");
    Ok(())
}

/// A state that grows with each of a thousand steps.
async fn size(bench: &mut Bench, journal: &Arc<dyn Journal>, durable: &Host) -> anyhow::Result<()> {
    let mut started = durable.start(RunSpec::agent("caller", Json::from_encoder("{\"grows\":1000}".to_owned())))?;
    started.wait().await.result?;
    let info = journal.info(started.id).await?;
    // Each state is a list of so many lines of 104 characters with quotes and commas.
    let distinct: f64 = (1..=1_000).map(|lines| f64::from(lines) * 104.0 + 12.0).sum();
    let note = format!("{} bytes of events ÷ {distinct:.0} bytes of distinct states", info.bytes);
    bench.summary.take("journal_bytes_ratio", info.bytes as f64 / distinct, Some(1.5), note);
    Ok(())
}

/// Steps that touch the outside: nothing of them is done before it is on disk that it will be.
pub(crate) async fn external(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(priory_bench::guests::workspace().join("target"))?;
    let folder = folder.path();
    let (journal, host) = keeping(bench, &folder.join("external")).await?;
    let chain = format!("{{\"posts\":{STEPS}}}");
    run(&host, chain.clone()).await?;
    let mut started = host.start(RunSpec::agent("caller", Json::from_encoder(chain.clone())))?;
    started.wait().await.result?;
    let bytes = usize::try_from(journal.info(started.id).await?.bytes)? / STEPS as usize / 2;
    let plain = bench.host(256).await?;
    let (mut one, mut sixteen, mut many, mut floors) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut unkept = Vec::new();
    for round in 0..9 {
        let raw = Raw::open(tempfile::tempdir_in(folder)?.keep().as_path())?;
        let readings = (
            together(&host, 1, &chain).await?,
            together(&host, 16, &chain).await?,
            raw.steps_per_second(64, STEPS, bytes).await?,
            together(&host, 64, &chain).await?,
        );
        unkept.push(f64::from(64 * STEPS) / together(&plain, 64, &chain).await?);
        if round > 0 {
            one.push(f64::from(STEPS) / readings.0);
            sixteen.push(f64::from(16 * STEPS) / readings.1);
            floors.push(readings.2);
            many.push(f64::from(64 * STEPS) / readings.3);
        }
    }
    let summary = &mut bench.summary;
    summary.take("durable_external_1_per_second", median(&one), None, "steps of one run");
    summary.take("durable_external_16_per_second", median(&sixteen), None, "steps of 16 runs at once");
    let (floor, many) = (median(&floors), median(&many));
    let note = format!(
        "{many:.0} steps a second of 64 runs ÷ {floor:.0} of raw SQLite, two appends of {bytes} bytes each; not kept they are {:.0}",
        median(&unkept)
    );
    summary.take_at_least("durable_external_ratio", many / floor, 0.6, note);
    Ok(())
}
