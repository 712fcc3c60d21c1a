// SPDX-License-Identifier: MIT OR Apache-2.0
//! Does what other processes ask for: answers questions and cancels runs, whether they are in memory or not.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use priory::Host;
use priory::core::journal::RunState;
use priory::core::{Journal, RunId};
use priory::spool::requests::{Request, Requests, Settled, Taken};
use tokio::task::JoinSet;

use super::Told;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;

/// A request that is over.
struct Over {
    name: String,
    request: Request,
    settled: Settled,
}

/// The requests to a folder that is served. They are at most as many as are looked at in one go.
pub(super) struct Requested {
    requests: Requests,
    /// Those that are to be done, by their names.
    held: BTreeMap<String, Taken>,
    /// Those that are being done, at most one for each run.
    tasks: JoinSet<Over>,
    names: BTreeSet<String>,
    /// What they are about. Nobody may take such a run up: it would be taken from whoever does what is asked.
    busy: BTreeSet<RunId>,
    /// Runs that were answered or told.
    woken: BTreeSet<RunId>,
    /// Runs that may go on for other reasons, and were busy then.
    late: BTreeSet<RunId>,
}

impl Requested {
    pub(super) fn new(requests: Requests) -> Self {
        Self {
            requests,
            held: BTreeMap::new(),
            tasks: JoinSet::new(),
            names: BTreeSet::new(),
            busy: BTreeSet::new(),
            woken: BTreeSet::new(),
            late: BTreeSet::new(),
        }
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Begins with what has come. `live` are the runs in memory, each with its host; `other` is for the rest.
    pub(super) fn begin(
        &mut self,
        live: &BTreeMap<RunId, Host>,
        other: &Host,
        journal: &Arc<dyn Journal>,
    ) -> Result<()> {
        for name in self.requests.names().map_err(|error| unusable(&error))? {
            if !self.names.contains(&name)
                && let Some(taken) = self.requests.take(&name).map_err(|error| unusable(&error))?
            {
                self.names.insert(name.clone());
                self.held.insert(name, taken);
            }
        }
        for (name, taken) in std::mem::take(&mut self.held) {
            let run = taken.request.run();
            // Those to one run are done one after the other.
            if !self.busy.insert(run) {
                self.held.insert(name, taken);
                continue;
            }
            let (host, journal) = (live.get(&run).unwrap_or(other).clone(), journal.clone());
            self.tasks.spawn(async move {
                let settled = taken.settle(&host, &journal).await;
                Over { name, request: taken.request, settled }
            });
        }
        Ok(())
    }

    /// Waits until one is over, and replies to it. `None` says that none is being done.
    pub(super) async fn next(&mut self) -> Option<Result<Told>> {
        let over = self.tasks.join_next().await?;
        Some(over.map_err(|error| Error::new(Exit::Failed, error.to_string())).and_then(|over| self.reply(over)))
    }

    fn reply(&mut self, over: Over) -> Result<Told> {
        let Over { name, request, settled } = over;
        let run = request.run();
        self.requests.reply(&name, &settled).map_err(|error| unusable(&error))?;
        self.names.remove(&name);
        self.busy.remove(&run);
        if !matches!(settled, Settled::Refused(_)) {
            self.woken.insert(run);
        }
        Ok(Told::Requested { request, settled })
    }

    /// Returns the runs that were answered or told and are in nobody's memory: those that have to be taken up.
    pub(super) async fn woken(
        &mut self,
        live: &BTreeMap<RunId, Host>,
        journal: &Arc<dyn Journal>,
    ) -> Result<BTreeSet<RunId>> {
        let busy = &self.busy;
        let is_ready = |run: &RunId| !live.contains_key(run) && !busy.contains(run);
        let mut ready = BTreeSet::new();
        for run in self.woken.extract_if(.., is_ready) {
            // One that took its answer in memory may wait for something else by now, or be over.
            if journal.info(run).await?.state == RunState::Open {
                ready.insert(run);
            }
        }
        for run in self.late.extract_if(.., is_ready) {
            if !journal.info(run).await?.state.has_ended() {
                ready.insert(run);
            }
        }
        Ok(ready)
    }

    /// Puts off a run that may go on, where somebody does something to it; tells whether that is so.
    pub(super) fn puts_off(&mut self, run: RunId) -> bool {
        let is_busy = self.busy.contains(&run);
        if is_busy {
            self.late.insert(run);
        }
        is_busy
    }

    /// Keeps runs in mind for which there is no room now.
    pub(super) fn keep(&mut self, runs: impl Iterator<Item = RunId>) {
        self.late.extend(runs);
    }
}

fn unusable(error: &io::Error) -> Error {
    Error::io("the requests to the folder of the runs cannot be read or replied to", error)
}
