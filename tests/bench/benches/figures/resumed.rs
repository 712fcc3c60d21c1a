// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a run with a thousand steps behind it takes to its next one, from the start of the process.

use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, ensure};
use priory::core::http::{HttpRequest, HttpResponse};
use priory::core::journal::{RunQuery, RunState};
use priory::core::ports::{BoxFuture, Http};
use priory::core::{Failure, Journal, Json};
use priory::journal::SqliteJournal;
use priory::record::Silent;
use priory::{Description, Durability, Host, RunSpec};
use priory_bench::guests::workspace;
use priory_bench::watch::{median, micros, now};

use crate::Bench;

/// The environment variable that makes this program take up what is in a folder.
pub(crate) const CHILD: &str = "PRIORY_BENCH_RESUME";
const STEPS: u32 = 1_000;
const ROUNDS: usize = 25;

pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(workspace().join("target"))?;
    let first = record(bench, folder.path()).await?;
    let mut readings = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe()?);
        let began = now();
        let output = child.env(CHILD, folder.path()).stderr(Stdio::piped()).output()?;
        let time = micros(began.elapsed());
        ensure!(output.status.success(), "the child failed: {}", String::from_utf8_lossy(&output.stderr));
        if round > 0 {
            readings.push(time);
        }
    }
    let resumed = median(&readings) / 1e3;
    let note = format!("from the start of the process to step {} of a run, journal and code cache on disk", STEPS + 1);
    bench.summary.take("resume_1000_ms", resumed, Some(40.0), note);
    let note = format!("{resumed:.1} ms ÷ {:.1} ms the first time", first / 1e3);
    bench.summary.take("resume_1000_ratio", resumed * 1e3 / first, Some(0.25), note);
    Ok(())
}

/// Executes a thousand steps, and leaves the run there. Returns how long they took, in microseconds.
async fn record(bench: &Bench, folder: &Path) -> anyhow::Result<f64> {
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(folder)?);
    let service = Arc::new(Stops { after: STEPS, seen: AtomicU32::new(0), stopped: tokio::sync::Notify::new() });
    let builder = bench.builder(64)?.durable(Durability::new(journal)).http(service.clone());
    let host = builder.build().await?;
    let began = now();
    let input = Json::from_encoder(format!("{{\"posts\":{}}}", STEPS + 10));
    let left_open = host.start(RunSpec::agent("caller", input))?;
    service.stopped.notified().await;
    let time = micros(began.elapsed());
    drop((left_open, host));
    // What was withdrawn is freed on the threads of the guests; then the folder is free.
    for _ in 0..100 {
        if SqliteJournal::open(folder).is_ok() {
            return Ok(time);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    anyhow::bail!("the host is gone and its journal is still open")
}

/// Takes up the run in a folder, and ends when it has come to its next step.
pub(crate) fn child(folder: &Path) -> anyhow::Result<()> {
    let io = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    io.block_on(async {
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(folder)?);
        let query = RunQuery { states: vec![RunState::Open], most: 1, ..RunQuery::default() };
        let open = journal.list(query).await?;
        let run = open.first().context("no run is open")?.id;
        let service = Arc::new(Stops { after: 0, seen: AtomicU32::new(0), stopped: tokio::sync::Notify::new() });
        let builder = Host::from_description(Description::of_run(&journal, run).await?).without_pool();
        let builder = builder.cache_dir(workspace().join("target/bench/cache")).http(service.clone());
        let host = builder.durable(Durability::new(journal)).build().await?;
        let _left_open = host.resume(run, Arc::new(Silent)).await?;
        service.stopped.notified().await;
        std::process::exit(0)
    })
}

/// A service that answers so many requests and then says so, and nothing more.
struct Stops {
    after: u32,
    seen: AtomicU32,
    stopped: tokio::sync::Notify,
}

impl Http for Stops {
    fn send<'a>(
        &'a self,
        _: &'a HttpRequest,
        _: u64,
        _: &'a (dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
    ) -> BoxFuture<'a, Result<HttpResponse, Failure>> {
        Box::pin(async {
            if self.seen.fetch_add(1, Ordering::SeqCst) >= self.after {
                self.stopped.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(HttpResponse { status: 200, headers: Vec::new(), body: b"{\"ok\":true}".to_vec() })
        })
    }
}
