// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run costs that waits for a person, and how long it takes to bring one back among very many.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use priory::core::journal::RunState;
use priory::core::{Journal, Json, RunId};
use priory::journal::SqliteJournal;
use priory::record::Silent;
use priory::resume::answer;
use priory::{Durability, Host, Reply, RunSpec};
use priory_bench::guests::workspace;
use priory_bench::watch::{median, micros, now, resident_bytes};

use crate::Bench;

const PARKED: usize = 100_000;
/// How many are on their way to being parked at once.
const AT_ONCE: usize = 200;
const WOKEN: usize = 60;

pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(workspace().join("target"))?;
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(folder.path())?);
    let durability = Durability::new(journal.clone()).park_after(Some(std::time::Duration::ZERO));
    let host = bench.builder(256)?.durable(durability).build().await?;
    // What the first of them set up stays: it is not theirs.
    park(&host, 2_000).await?;
    let (resident, disk) = (resident_bytes(), bytes_of(folder.path())?);
    let runs = park(&host, PARKED).await?;
    let each = |more: u64| more as f64 / PARKED as f64;
    let (resident, disk) = (resident_bytes().saturating_sub(resident), bytes_of(folder.path())?.saturating_sub(disk));
    let summary = &mut bench.summary;
    summary.take("parked_run_bytes", each(disk), Some(4_096.0), format!("on disk, {PARKED} runs that ask a person"));
    summary.take("parked_resident_bytes", each(resident), Some(128.0), "resident memory, the same");
    let mut readings = Vec::new();
    for run in runs.iter().step_by(PARKED / WOKEN) {
        readings.push(wake(&host, &journal, *run).await? / 1e3);
    }
    let note = format!("from the answer to the durable end of its run, median of {}", readings.len());
    summary.take("wake_ms", median(&readings), Some(10.0), note);
    Ok(())
}

/// Starts runs that ask, and waits until they are parked.
async fn park(host: &Host, count: usize) -> anyhow::Result<Vec<RunId>> {
    let mut parked = Vec::with_capacity(count);
    while parked.len() < count {
        let more = AT_ONCE.min(count - parked.len());
        let mut started = (0..more)
            .map(|_| Ok(host.start(RunSpec::agent("caller", Json::from_encoder("{\"asks\":true}".to_owned())))?))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for run in &mut started {
            let end = run.wait().await;
            ensure!(end.state == RunState::Parked, "a run is {} instead of parked: {:?}", end.state, end.result);
            parked.push(run.id);
        }
    }
    Ok(parked)
}

async fn wake(host: &Host, journal: &Arc<dyn Journal>, run: RunId) -> anyhow::Result<f64> {
    let waits = journal.waits(run).await?;
    let question = waits.first().and_then(|wait| wait.question()).context("the run asks nothing")?.0;
    let began = now();
    let reply = Reply { run, question, value: Json::from_encoder("7".to_owned()), by: "bench".to_owned() };
    answer(journal, &**host.clock(), reply).await?;
    let end = host.resume(run, Arc::new(Silent)).await?.wait().await;
    ensure!(end.state == RunState::Done, "the run is {}: {:?}", end.state, end.result);
    Ok(micros(began.elapsed()))
}

fn bytes_of(folder: &Path) -> anyhow::Result<u64> {
    let lengths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len()));
    lengths.sum::<std::io::Result<u64>>().context("the folder of the journal cannot be read")
}
