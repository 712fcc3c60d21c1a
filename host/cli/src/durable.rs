// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps runs with all that they need to go on later: what was configured, and the plugins themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::amounts::{BudgetSpec, QuotaSpec};
use priory_core::journal::{RunQuery, RunState};
use priory_core::model::ModelsSpec;
use priory_core::ports::Recorder;
use priory_core::{Digest, Journal, JournalError, Limits, RunId};
use priory_engine::{Begun, Catalog, Durable, Fork, Resume, Turn};
use priory_sandbox::Sandboxes;
use serde::{Deserialize, Serialize};

use crate::assemble::assemble;
use crate::error::Error;
use crate::secret::SecretSource;
use crate::spec::{AgentSpec, PluginSpec};

/// After how long a run that only waits for people and timers leaves memory.
const PARK_AFTER: Duration = Duration::from_millis(200);

/// How many open runs are listed at once.
const PAGE_RUNS: usize = 1_000;
/// How many waits that are due are looked at.
pub const DUE_MAX: usize = 100_000;

/// How runs are kept.
#[derive(Clone)]
pub struct Durability {
    journal: Arc<dyn Journal>,
    is_eager: bool,
    park_after: Option<Duration>,
}

impl Durability {
    /// Keeps runs in a journal: what happened is durable before anything outside is touched, and before a result is shown.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, is_eager: false, park_after: Some(PARK_AFTER) }
    }

    /// Makes every effect durable at once, whether anything outside depends on it or not.
    pub fn eager(mut self) -> Self {
        self.is_eager = true;
        self
    }

    /// Sets after how long a run that only waits for people and timers leaves memory; `None` never.
    pub fn park_after(mut self, time: Option<Duration>) -> Self {
        self.park_after = time;
        self
    }
}

/// What was configured when a run began. It is kept with the run, and names plugins by their digests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Description {
    /// The plugins, without their bytes.
    pub plugins: Vec<PluginSpec>,
    /// The agents.
    pub agents: Vec<AgentSpec>,
    /// Where the values of secrets are; never the values.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Limits of every frame.
    pub limits: Limits,
    /// What a run may spend.
    pub budget: BudgetSpec,
    /// The models and who provides them, without any key.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub models: ModelsSpec,
    /// Whether what is remembered is found by its meaning too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub memory_embeds: bool,
    /// What all runs may spend on models in one day.
    #[serde(default, skip_serializing_if = "QuotaSpec::is_unbounded")]
    pub quota: QuotaSpec,
}

fn is_empty(models: &ModelsSpec) -> bool {
    *models == ModelsSpec::default()
}

impl Description {
    /// Reads what was configured when a run began, with the plugins.
    pub async fn of_run(journal: &Arc<dyn Journal>, run: RunId) -> Result<Self, Error> {
        let digest = catalog_digest(journal, run).await?;
        Self::kept(journal, digest).await
    }

    async fn kept(journal: &Arc<dyn Journal>, digest: Digest) -> Result<Self, Error> {
        let bytes = journal.kept(digest).await?;
        let mut description: Self = serde_json::from_slice(&bytes).map_err(|error| JournalError::Corrupt {
            what: format!("what is kept under {digest} is no configuration: {error}"),
        })?;
        for plugin in &mut description.plugins {
            let digest = plugin.pinned.ok_or_else(|| JournalError::Corrupt {
                what: format!("the configuration names no digest of plugin {}", plugin.name),
            })?;
            plugin.bytes = Arc::from(journal.kept(digest).await?);
        }
        Ok(description)
    }
}

/// Returns the runs that a host left open, and those that wait for something that is due or has come.
pub async fn may_go_on(journal: &Arc<dyn Journal>, unix_ms: u64) -> Result<BTreeSet<RunId>, JournalError> {
    let (mut runs, mut before) = (BTreeSet::new(), None);
    loop {
        let states = vec![RunState::Open];
        let page = journal.list(RunQuery { states, before, most: PAGE_RUNS, ..RunQuery::default() }).await?;
        runs.extend(page.iter().map(|info| info.id));
        before = page.last().map(|info| info.id);
        if page.len() < PAGE_RUNS {
            break;
        }
    }
    let due = journal.due(unix_ms, DUE_MAX).await?;
    runs.extend(due.into_iter().map(|due| due.run));
    runs.extend(journal.arrived(0, DUE_MAX).await?.into_iter().map(|arrived| arrived.run));
    Ok(runs)
}

/// Returns under which digest the configuration of a run is kept.
async fn catalog_digest(journal: &Arc<dyn Journal>, run: RunId) -> Result<Digest, Error> {
    let started = priory_engine::resume::read_start(journal, run).await?;
    let missing = || JournalError::Corrupt { what: format!("run {run} does not say what it was configured with") };
    Ok(started.catalog.ok_or_else(missing)?)
}

/// Keeps the runs of one host.
pub(crate) struct Keeper {
    durability: Durability,
    catalog: Digest,
    plugins: Vec<Digest>,
    /// Catalogs of runs that began with another configuration.
    others: Mutex<HashMap<Digest, Arc<Catalog>>>,
}

impl Keeper {
    /// Puts what is configured into the journal.
    pub(crate) async fn new(durability: Durability, mut description: Description) -> Result<Self, Error> {
        let mut digests = Vec::with_capacity(description.plugins.len());
        for plugin in &mut description.plugins {
            let digest = durability.journal.keep(plugin.bytes.to_vec()).await?;
            plugin.pinned = Some(digest);
            digests.push(digest);
        }
        // Equal configurations are equal bytes, whatever order they were written in.
        description.plugins.sort_by(|a, b| a.name.cmp(&b.name));
        description.agents.sort_by(|a, b| a.name.cmp(&b.name));
        digests.sort();
        digests.dedup();
        let bytes = serde_json::to_vec(&description).map_err(|error| Error::Description(error.to_string()))?;
        let catalog = durability.journal.keep(bytes).await?;
        Ok(Self { durability, catalog, plugins: digests, others: Mutex::default() })
    }

    pub(crate) fn durable(&self, labels: BTreeMap<String, String>, begun_by: Option<Begun>) -> Durable {
        Durable {
            journal: self.durability.journal.clone(),
            catalog: self.catalog,
            plugins: self.plugins.clone(),
            labels,
            is_eager: self.durability.is_eager,
            park_after: self.durability.park_after,
            begun_by,
        }
    }

    pub(crate) fn resume(&self, run: RunId, recorder: Arc<dyn Recorder>) -> Resume {
        Resume {
            run,
            journal: self.durability.journal.clone(),
            is_eager: self.durability.is_eager,
            park_after: self.durability.park_after,
            recorder,
        }
    }

    /// Copies a run up to where it goes another way. With `is_current` the copy goes on with what is configured now.
    pub(crate) async fn fork(
        &self,
        catalog: &Catalog,
        run: RunId,
        id: RunId,
        unix_ms: u64,
        turn: Turn,
        is_current: bool,
    ) -> Result<RunId, Error> {
        let instead = is_current.then(|| (self.catalog, self.plugins.clone()));
        let fork = Fork { run, id, turn, unix_ms, instead };
        Ok(priory_engine::fork::fork(&self.durability.journal, catalog, fork).await?)
    }

    /// Returns where the runs are kept.
    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        self.durability.journal.clone()
    }

    /// Returns under which digest what is configured is kept.
    pub(crate) fn configuration(&self) -> Digest {
        self.catalog
    }

    /// Returns the runs that may go on.
    pub(crate) async fn may_go_on(&self, unix_ms: u64) -> Result<BTreeSet<RunId>, Error> {
        Ok(may_go_on(&self.durability.journal, unix_ms).await?)
    }

    /// Returns the catalog that a run began with.
    pub(crate) async fn catalog_of(
        &self,
        run: RunId,
        own: &Arc<Catalog>,
        sandboxes: &Sandboxes,
    ) -> Result<Arc<Catalog>, Error> {
        let journal = &self.durability.journal;
        let digest = catalog_digest(journal, run).await?;
        if digest == self.catalog {
            return Ok(own.clone());
        }
        if let Some(known) = self.others.lock().get(&digest) {
            return Ok(known.clone());
        }
        let Description { plugins, agents, limits, budget, models, memory_embeds, .. } =
            Description::kept(journal, digest).await?;
        let catalog = assemble(sandboxes, plugins, agents, limits, budget, &models, memory_embeds).await?;
        self.others.lock().insert(digest, catalog.clone());
        Ok(catalog)
    }
}
