// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taking up runs that are kept: with the plugins and grants that they began with, whatever the project holds now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use priory::core::journal::{RunInfo, RunQuery, RunState};
use priory::core::ports::Clock;
use priory::core::{Digest, Dimension, Failure, Journal, LimitSpec, RunId};
pub(crate) use priory::durable::DUE_MAX;
use priory::record::Silent;
use priory::{Builder, Description, Host, RunEnd};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::folder::Folder;
use crate::project::{self, FRAMES_OF_ALL};
use crate::running::{self, Ended, Patience};
use crate::ui::error::{Error, Result, Settings};
use crate::ui::live::Mode;
use crate::ui::tree::Tree;

/// How many runs are taken up at once. Each has its past in memory meanwhile.
const AT_ONCE_MAX: usize = 64;
/// How many runs are asked for at once.
const PAGE_RUNS: usize = 1_000;

/// Makes a host that is configured as it was when a run began.
pub(crate) async fn host_of(folder: &Folder, run: RunId, is_eager: bool) -> Result<Host> {
    Ok(builder_of(folder, run, is_eager).await?.build().await?)
}

/// Begins a host that is configured as it was when a run began.
pub(crate) async fn builder_of(folder: &Folder, run: RunId, is_eager: bool) -> Result<Builder> {
    let description = Description::of_run(&folder.journal, run).await?;
    // Frames that may be nested deeper than usual need as many sandboxes.
    let depth = u32::try_from(description.limits.get(Dimension::Depth)).unwrap_or(u32::MAX);
    let frames = FRAMES_OF_ALL.max(depth.saturating_add(1));
    let builder = folder.equip(project::with_folders(Host::from_description(description)), is_eager);
    Ok(builder.frames_max(frames))
}

/// Takes up one run and shows it, as `priory run` does.
pub(crate) async fn take_up(
    folder: &Folder,
    run: RunId,
    mode: Mode,
    patience: Patience,
    is_eager: bool,
    answers: bool,
) -> Result<Ended> {
    let mut tree = Tree::default();
    for envelope in priory::resume::read_all(&folder.journal, run).await? {
        tree.apply(&envelope);
    }
    let host = host_of(folder, run, is_eager).await?;
    running::resume(&host, run, tree, mode, patience, answers).await
}

/// Returns where a user changes what a run may do that was taken up: nobody wrote down where its manifest is.
pub(crate) fn settings() -> Settings {
    Settings::Manifest { path: "priory.toml".to_owned(), bounded: LimitSpec::default() }
}

/// Returns the runs that may go on now: those that nobody has in memory, and those whose timer is due.
pub(crate) async fn ready(journal: &Arc<dyn Journal>, clock: &dyn Clock) -> Result<BTreeSet<RunId>> {
    Ok(priory::durable::may_go_on(journal, clock.unix_ms()).await?)
}

/// Returns every run in one of some states, the newest first.
pub(crate) async fn every(journal: &Arc<dyn Journal>, states: &[RunState]) -> Result<Vec<RunInfo>> {
    let mut found: Vec<RunInfo> = Vec::new();
    loop {
        let before = found.last().map(|info| info.id);
        let query = RunQuery { states: states.to_vec(), before, most: PAGE_RUNS, ..RunQuery::default() };
        let page = journal.list(query).await?;
        let is_last = page.len() < PAGE_RUNS;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

/// What became of a run that was taken up together with others.
pub(crate) type Taken = (RunId, std::result::Result<RunEnd, Failure>);

/// Takes up many runs side by side; `tell` is called as each stops. Runs that began with the same configuration share a host.
pub(crate) async fn take_up_all(
    folder: &Folder,
    runs: &BTreeSet<RunId>,
    is_eager: bool,
    tell: &mut dyn FnMut(&Taken),
) -> Result<()> {
    let mut groups: BTreeMap<Option<Digest>, Vec<RunId>> = BTreeMap::new();
    for run in runs {
        match priory::resume::read_start(&folder.journal, *run).await {
            Ok(started) => groups.entry(started.catalog).or_default().push(*run),
            Err(error) => tell(&(*run, Err(error.into()))),
        }
    }
    let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
    let mut tasks = JoinSet::new();
    let mut quota: Option<Host> = None;
    for runs in groups.into_values() {
        let Some(first) = runs.first() else { continue };
        // The quota of a day holds for all of them together.
        let built = match (builder_of(folder, *first, is_eager).await, &quota) {
            (Ok(builder), Some(host)) => builder.quota_of(host).build().await.map_err(Error::from),
            (Ok(builder), None) => builder.build().await.map_err(Error::from),
            (Err(error), _) => Err(error),
        };
        let host = match built {
            Ok(host) => quota.insert(host).clone(),
            Err(error) => {
                let failure = Failure::other(error.message());
                runs.iter().for_each(|run| tell(&(*run, Err(failure.clone()))));
                continue;
            }
        };
        for run in runs {
            // Whoever waits for a place waits here, so that no more tasks are made than may go on.
            let Ok(place) = places.clone().acquire_owned().await else { break };
            let host = host.clone();
            tasks.spawn(async move {
                let taken = match host.resume(run, Arc::new(Silent)).await {
                    Ok(mut started) => Ok(started.wait().await),
                    Err(priory::Error::Run(failure)) => Err(failure),
                    Err(error) => Err(Failure::other(error.to_string())),
                };
                drop(place);
                (run, taken)
            });
            while let Some(Ok(taken)) = tasks.try_join_next() {
                tell(&taken);
            }
        }
    }
    while let Some(taken) = tasks.join_next().await {
        tell(&taken.map_err(|error| Error::new(crate::ui::exit::Exit::Failed, error.to_string()))?);
    }
    Ok(())
}
