// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts hosts and kills them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::options::{Options, Orders};
use crate::service::Service;
use crate::{Dice, guests, stage, verdict, worker};

/// How long a host may take until it is at work, and the last of them until everything has ended.
const READY_MAX: Duration = Duration::from_secs(60);
const LAST_MAX: Duration = Duration::from_secs(900);
/// How often the last host is asked whether it has ended.
const PAUSE: Duration = Duration::from_millis(50);
/// One in so many kills comes while the host is starting, within this time.
const EARLY_ONE_IN: u64 = 5;
const EARLY_MS_MAX: u64 = 150;
/// Where the hosts write what goes wrong.
const LOG: &str = "log";

/// What was done, for the verdict.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) kills: u64,
    /// Those that came before the host was at work.
    pub(crate) early: u64,
    /// Runs that were taken up, as far as it is known.
    pub(crate) taken_up: u64,
    pub(crate) took: Duration,
    pub(crate) last_took: Duration,
}

/// Kills hosts, lets the last one finish, and tells whether all was well.
pub(crate) async fn run(options: Options) -> anyhow::Result<bool> {
    let folder = tempfile::tempdir().context("no folder can be made")?;
    let folder = folder.path();
    guests::build(folder)?;
    let service = Service::start(options.seed).await?;
    // It compiles the guests once, and executes runs again in the end.
    let checker = stage::builder(folder, &service.url)?.build().await?;
    let mut dice = Dice::new(options.seed);
    let (mut done, began) = (Done::default(), Instant::now());
    let orders = Orders {
        generation: 0,
        runs: options.runs,
        is_last: false,
        folder: folder.to_owned(),
        service: service.url.clone(),
    };
    for generation in 0..options.kills {
        let mut host = start(&Orders { generation, ..orders.clone() })?;
        if dice.below(EARLY_ONE_IN) == 0 && generation > 0 {
            done.early += 1;
        } else {
            done.taken_up += host.ready().await?;
        }
        let longest_ms = if host.ready.is_some() { EARLY_MS_MAX } else { options.longest_ms };
        tokio::time::sleep(Duration::from_millis(dice.below(longest_ms))).await;
        if let Some(status) = host.child.try_wait()? {
            bail!("a host ended by itself, with {status}:\n{}", log(folder));
        }
        // SIGKILL, on systems that have it.
        host.child.kill()?;
        host.child.wait()?;
        done.kills += 1;
        progress(&done, &options, &service);
    }
    done.took = began.elapsed();
    let (began, last) = (Instant::now(), start(&Orders { generation: options.kills, is_last: true, ..orders })?);
    let status = ended(last).await?;
    eprintln!();
    if !status.success() {
        bail!("the last host ended with {status}:\n{}", log(folder));
    }
    done.last_took = began.elapsed();
    verdict::tell(&verdict::check(folder, &service, &checker, &options).await?, &done, &service)
}

/// A host that runs.
struct Running {
    child: Child,
    /// How many runs it has taken up, once it has; taken by whoever waits for it.
    ready: Option<oneshot::Receiver<u64>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is gone already, unless the harness gives up.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    async fn ready(&mut self) -> anyhow::Result<u64> {
        let ready = self.ready.take().context("the host said so before")?;
        let count = tokio::time::timeout(READY_MAX, ready).await.context("a host does not get to work")?;
        count.context("a host ended before it got to work")
    }
}

fn start(orders: &Orders) -> anyhow::Result<Running> {
    let log = File::options().create(true).append(true).open(orders.folder.join(LOG))?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(orders.arguments())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("a host cannot be started")?;
    let out = child.stdout.take().context("a host has no output")?;
    let (sender, ready) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // A host that was killed has said nothing, and nobody waits for it.
        let _ = BufReader::new(out).read_line(&mut line);
        let count = line.trim().strip_prefix(worker::READY).and_then(|count| count.trim().parse().ok());
        count.map(|count: u64| sender.send(count))
    });
    Ok(Running { child, ready: Some(ready) })
}

async fn ended(mut host: Running) -> anyhow::Result<ExitStatus> {
    let wait = async {
        loop {
            if let Some(status) = host.child.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(LAST_MAX, wait).await.context("the last host does not come to an end")?
}

fn progress(done: &Done, options: &Options, service: &Service) {
    let (arrivals, repetitions) = service.with(|book| (book.arrivals, book.repetitions()));
    let Done { kills, taken_up, .. } = done;
    let all = options.kills;
    eprint!("\r{kills} of {all} kills, {taken_up} runs taken up, {arrivals} requests, {repetitions} of them repeated ");
}

/// Returns what the hosts wrote last.
fn log(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
