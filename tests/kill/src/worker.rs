// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host that is killed: it takes up what is there, begins more, and says nothing when it goes.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use priory::core::journal::{RunQuery, RunState};
use priory::core::{Journal, Json, RunId};
use priory::journal::SqliteJournal;
use priory::record::Silent;
use priory::{Durability, Host, RunEnd, RunSpec};
use tokio::task::JoinSet;

use crate::chain;
use crate::options::Orders;
use crate::stage;

/// What the host says when it has taken up what was there.
pub(crate) const READY: &str = "ready";
/// The label under which a run has its number.
pub(crate) const NUMBER: &str = "number";
/// The folder of the journal, in that of the orders.
pub(crate) const JOURNAL: &str = "journal";
/// How many runs one host may begin, so that no two hosts use the same number.
const RUNS_MAX: u64 = 1 << 24;
/// How many runs are listed at once.
const PAGE: usize = 1_000;
/// After how long a run that only waits leaves memory.
const PARK_AFTER: Duration = Duration::from_millis(10);

struct Worker {
    host: Host,
    service: String,
}

pub(crate) async fn run(orders: Orders) -> anyhow::Result<()> {
    end_with_the_harness();
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(&orders.folder.join(JOURNAL))?);
    let durability = Durability::new(journal.clone()).park_after(Some(PARK_AFTER));
    let host = stage::builder(&orders.folder, &orders.service)?.durable(durability).build().await?;
    let worker = Arc::new(Worker { host, service: orders.service.clone() });
    let mut tasks = JoinSet::new();
    for (run, due_unix_ms) in left_over(&journal).await? {
        let worker = worker.clone();
        tasks.spawn(async move { worker.take_up(run, due_unix_ms).await });
    }
    println!("{READY} {}", tasks.len());
    let mut numbers = (orders.generation * RUNS_MAX)..((orders.generation + 1) * RUNS_MAX);
    loop {
        while !orders.is_last && (tasks.len() as u64) < orders.runs {
            let Some(number) = numbers.next() else { bail!("one host begins no more than {RUNS_MAX} runs") };
            let worker = worker.clone();
            tasks.spawn(async move { worker.begin(number).await });
        }
        match tasks.join_next().await {
            Some(ended) => ended??,
            None => return Ok(()),
        }
    }
}

/// A host whose harness is gone has nobody to kill it.
fn end_with_the_harness() {
    std::thread::spawn(|| {
        // Nothing is ever written there.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(2);
    });
}

/// Returns every run that has not ended, with the time at which it may go on.
async fn left_over(journal: &Arc<dyn Journal>) -> anyhow::Result<Vec<(RunId, Option<u64>)>> {
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let states = vec![RunState::Open, RunState::Parked];
        let page = journal.list(RunQuery { states, before, most: PAGE, ..RunQuery::default() }).await?;
        before = page.last().map(|info| info.id);
        found.extend(page.iter().map(|info| (info.id, info.due_unix_ms)));
        if page.len() < PAGE {
            return Ok(found);
        }
    }
}

impl Worker {
    async fn begin(&self, number: u64) -> anyhow::Result<()> {
        let labels = BTreeMap::from([(NUMBER.to_owned(), number.to_string())]);
        let spec = RunSpec::agent("root", Json::from(chain::input(&self.service, number))).labels(labels);
        let mut started = self.host.start(spec)?;
        let end = started.wait().await;
        self.go_on(started.id, end).await
    }

    async fn take_up(&self, run: RunId, due_unix_ms: Option<u64>) -> anyhow::Result<()> {
        self.until(due_unix_ms.unwrap_or_default()).await;
        let end = self.host.resume(run, Arc::new(Silent)).await?.wait().await;
        self.go_on(run, end).await
    }

    /// Takes a run up until it has ended.
    async fn go_on(&self, run: RunId, mut end: RunEnd) -> anyhow::Result<()> {
        while end.state == RunState::Parked {
            self.until(end.waits.iter().filter_map(|wait| wait.due_unix_ms).min().unwrap_or_default()).await;
            end = self.host.resume(run, Arc::new(Silent)).await?.wait().await;
        }
        match end.state {
            RunState::Done => Ok(()),
            other => bail!("{run} is {other}: {:?}", end.result),
        }
    }

    async fn until(&self, unix_ms: u64) {
        let left = unix_ms.saturating_sub(self.host.clock().unix_ms());
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}
