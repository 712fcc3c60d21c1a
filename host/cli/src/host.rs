// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host: the rooms put together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use priory_core::amounts::{BudgetSpec, QuotaSpec};
use priory_core::authority::Holder;
use priory_core::grant::template::GrantTemplate;
use priory_core::grant::{FileMode, FileScope, GrantKind, Held};
use priory_core::journal::QuestionId;
use priory_core::ports::{Clock, Compute, Http, Ids, Recorder};
use priory_core::{Digest, Dimension, Envelope, Failure, Grant, Journal, Json, LimitSpec, Limits, RunId};
use priory_egress::{Egress, EgressConfig};
use priory_engine::{
    Cancelled, Catalog, Engine, GateInfo, Gates, Ports, Quota, Replayed, Reply, Revocations, Started, Trial, Turn,
};
use priory_sandbox::{ComputePool, SandboxConfig, Sandboxes};
use tokio::runtime::Handle;

use crate::assemble::assemble;
use crate::durable::{Durability, Keeper};
use crate::error::Error;
use crate::secret::{SecretSource, SecretStore};
use crate::spec::{AgentSpec, PluginSpec, RunSpec};
use crate::system::{SystemClock, SystemIds};

/// What a run may spend where nobody says anything.
const DEFAULT_BUDGET: BudgetSpec = BudgetSpec {
    fuel: Some(1_000_000_000_000),
    memory_bytes: Some(8 << 30),
    calls: Some(1_000_000),
    bytes: Some(4 << 30),
    tokens_in: None,
    tokens_out: None,
    money_microusd: None,
};

/// A host of agents and tools.
#[derive(Clone)]
pub struct Host {
    engine: Engine,
    catalog: Arc<Catalog>,
    compute: Arc<ComputePool>,
    sandboxes: Sandboxes,
    /// Grants of files whose paths come from the inputs of a run.
    files: Arc<[GrantTemplate]>,
    /// Keeps runs, where they are kept.
    keeper: Option<Arc<Keeper>>,
}

impl Host {
    /// Begins a host without plugins, with the defaults of every limit.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a run. It fails at once when its target is not there.
    pub fn start(&self, run: RunSpec) -> Result<Started, Failure> {
        let begun = run.begun();
        let (mut request, labels) = run.into_request();
        request.durable = self.keeper.as_ref().map(|keeper| keeper.durable(labels, begun));
        // What cannot be filled in is told by the engine.
        let filled = self.files.iter().filter_map(|template| template.resolve(&request.inputs).ok());
        filled.for_each(|held| say_writable(&self.sandboxes, &held));
        request.grants.iter().flat_map(|grants| grants.iter()).for_each(|held| say_writable(&self.sandboxes, held));
        self.engine.start(&self.catalog, request)
    }

    /// Takes up a run that is kept, with the plugins and the configuration that it began with.
    pub async fn resume(&self, run: RunId, recorder: Arc<dyn Recorder>) -> Result<Started, Error> {
        let keeper = self.keeper.as_ref().ok_or(Error::NotKept)?;
        let catalog = keeper.catalog_of(run, &self.catalog, &self.sandboxes).await?;
        let resume = keeper.resume(run, recorder);
        Ok(self.engine.resume(&catalog, resume).await?)
    }

    /// Copies a run that is kept up to where it goes another way, as a run of its own; [`Host::resume`] takes that up.
    ///
    /// It goes on with what the run began with, or, with `is_current`, with what this host is configured with: then it may
    /// turn out that the plugins do something else than is recorded, and it cannot go on.
    pub async fn fork(&self, run: RunId, turn: Turn, is_current: bool) -> Result<RunId, Error> {
        let keeper = self.keeper.as_ref().ok_or(Error::NotKept)?;
        let catalog = match is_current {
            true => self.catalog.clone(),
            false => keeper.catalog_of(run, &self.catalog, &self.sandboxes).await?,
        };
        let ports = self.engine.ports();
        let unix_ms = ports.clock.unix_ms();
        keeper.fork(&catalog, run, ports.ids.run(unix_ms), unix_ms, turn, is_current).await
    }

    /// Takes up every run that may go on: those that a host left open, and those that wait for something that is due. It is
    /// what a host does once, when it starts: a run that it has in memory already would be taken from itself.
    pub async fn resume_all(&self, recorder: impl Fn(RunId) -> Arc<dyn Recorder>) -> Result<Vec<Started>, Error> {
        let keeper = self.keeper.as_ref().ok_or(Error::NotKept)?;
        let mut started = Vec::new();
        for run in keeper.may_go_on(self.clock().unix_ms()).await? {
            started.push(self.resume(run, recorder(run)).await?);
        }
        Ok(started)
    }

    /// Answers a question of a run, once. A run that this host has in memory goes on at once; one that is parked goes on when
    /// it is taken up.
    pub async fn answer(&self, run: RunId, question: QuestionId, value: Json, by: &str) -> Result<(), Error> {
        let reply = Reply { run, question, value, by: by.to_owned() };
        Ok(self.engine.answer(self.journal().as_ref(), reply).await?)
    }

    /// Cancels a run. Programs that wait for that are told first, and clear up behind themselves; cancelling again ends the
    /// run at once. One that is parked clears up when it is taken up.
    pub async fn cancel(&self, run: RunId, by: &str) -> Result<Cancelled, Error> {
        Ok(self.engine.cancel(self.journal().as_ref(), run, by).await?)
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.keeper.as_ref().map(|keeper| keeper.journal())
    }

    /// Executes a run again, offline, and tells whether everything comes to the same.
    pub async fn replay(&self, events: Vec<Envelope>, recorder: Arc<dyn Recorder>) -> Result<Replayed, Error> {
        Ok(self.engine.replay(&self.catalog, Trial { events, kept: None, recorder }).await?)
    }

    /// Executes a run again as [`Host::replay`] does; the artifacts that it reads are where it is kept.
    pub async fn replay_kept(
        &self,
        events: Vec<Envelope>,
        kept: Arc<dyn Journal>,
        recorder: Arc<dyn Recorder>,
    ) -> Result<Replayed, Error> {
        Ok(self.engine.replay(&self.catalog, Trial { events, kept: Some(kept), recorder }).await?)
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.engine.ports().clock
    }

    /// Returns under which digest what is configured is kept with the runs; `None` where none are kept.
    pub fn configuration(&self) -> Option<Digest> {
        self.keeper.as_ref().map(|keeper| keeper.configuration())
    }

    /// Returns what is configured.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Returns the threads of the guests.
    pub fn compute(&self) -> &Arc<dyn Compute> {
        &self.engine.ports().compute
    }

    /// Takes a grant back from its holder, now and in every live run. Returns whether it was not taken back before.
    pub fn revoke(&self, holder: Holder, grant: Grant) -> bool {
        self.engine.ports().revocations.revoke(holder, grant)
    }

    /// Tells how the gates of tools and agents stand through which calls went. They live as long as this host does.
    pub fn gates(&self) -> Vec<GateInfo> {
        self.engine.ports().gates.infos()
    }

    /// Returns the number of threads that guests compute on.
    pub fn compute_threads(&self) -> usize {
        self.compute.threads()
    }
}

/// Puts a host together.
pub struct Builder {
    sandbox: SandboxConfig,
    egress: EgressConfig,
    compute_threads: usize,
    limits: LimitSpec,
    budget: BudgetSpec,
    plugins: Vec<PluginSpec>,
    agents: Vec<AgentSpec>,
    secrets: BTreeMap<String, SecretSource>,
    environment: Vec<(String, String)>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    http: Option<Arc<dyn Http>>,
    durable: Option<Durability>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            sandbox: SandboxConfig::default(),
            egress: EgressConfig::default(),
            compute_threads: std::thread::available_parallelism().map_or(1, usize::from),
            limits: LimitSpec::default(),
            budget: DEFAULT_BUDGET,
            plugins: Vec::new(),
            agents: Vec::new(),
            secrets: BTreeMap::new(),
            environment: Vec::new(),
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(SystemIds),
            http: None,
            durable: None,
        }
    }
}

impl Builder {
    /// Adds a plugin.
    pub fn plugin(mut self, plugin: PluginSpec) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// Adds an agent.
    pub fn agent(mut self, agent: AgentSpec) -> Self {
        self.agents.push(agent);
        self
    }

    /// Adds a secret.
    pub fn secret(mut self, name: impl Into<String>, source: SecretSource) -> Self {
        self.secrets.insert(name.into(), source);
        self
    }

    /// Sets limits of every frame. They may be above the defaults; the depth must be less than the number of frames that
    /// may have a sandbox at once.
    pub fn limits(mut self, limits: LimitSpec) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what a run may spend; what is left out stays at the default.
    pub fn budget(mut self, budget: BudgetSpec) -> Self {
        self.budget = BudgetSpec {
            fuel: budget.fuel.or(self.budget.fuel),
            memory_bytes: budget.memory_bytes.or(self.budget.memory_bytes),
            calls: budget.calls.or(self.budget.calls),
            bytes: budget.bytes.or(self.budget.bytes),
            tokens_in: budget.tokens_in.or(self.budget.tokens_in),
            tokens_out: budget.tokens_out.or(self.budget.tokens_out),
            money_microusd: budget.money_microusd.or(self.budget.money_microusd),
        };
        self
    }

    /// Sets how many frames may have a sandbox at once; more wait. Where no depth is set, it is lowered to what they allow.
    pub fn frames_max(mut self, count: u32) -> Self {
        self.sandbox.frames_max = count;
        self
    }

    /// Does without a pool of sandboxes: for a process that runs few frames and ends.
    pub fn without_pool(mut self) -> Self {
        self.sandbox.has_pool = false;
        self
    }

    /// Sets how many threads guests compute on.
    pub fn compute_threads(mut self, count: usize) -> Self {
        self.compute_threads = count;
        self
    }

    /// Keeps compiled code in a folder, which is made private to this user.
    pub fn cache_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.sandbox.cache_dir = Some(folder.into());
        self
    }

    /// Sets how large a component may be, in bytes.
    pub fn component_bytes_max(mut self, bytes: u64) -> Self {
        self.sandbox.component_bytes_max = bytes;
        self
    }

    /// Sets how requests leave the host.
    pub fn egress(mut self, config: EgressConfig) -> Self {
        self.egress = config;
        self
    }

    /// Sets the environment of which guests see what is granted; without it, there is none.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment = variables.into_iter().collect();
        self
    }

    /// Replaces the clock, for simulations.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Replaces the source of ids and seeds, for simulations.
    pub fn ids(mut self, ids: Arc<dyn Ids>) -> Self {
        self.ids = ids;
        self
    }

    /// Replaces the way out, for simulations.
    pub fn http(mut self, http: Arc<dyn Http>) -> Self {
        self.http = Some(http);
        self
    }

    /// Keeps every run, so that it survives whatever happens to the host.
    pub fn durable(mut self, durability: Durability) -> Self {
        self.durable = Some(durability);
        self
    }

    /// Sets everything up and loads the plugins. It must be called inside a tokio runtime.
    pub async fn build(mut self) -> Result<Host, Error> {
        let io = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let limits = self.limits_within_frames()?;
        let sandboxes = Sandboxes::new(self.sandbox.clone(), self.clock.clone())?;
        let files = self.file_grants(&sandboxes);
        let durable = match self.durable {
            Some(durability) => {
                let (plugins, agents, secrets) = (&self.plugins, &self.agents, &self.secrets);
                Some(Arc::new(Keeper::new(durability, plugins, agents, secrets, limits, self.budget).await?))
            }
            None => None,
        };
        let catalog = assemble(&sandboxes, self.plugins, self.agents, limits, self.budget).await?;
        let compute = ComputePool::start(self.compute_threads, &io, self.clock.clone());
        let compute = Arc::new(compute.map_err(priory_sandbox::Error::Threads)?);
        let http = match self.http {
            Some(http) => http,
            None => Arc::new(Egress::new(self.egress)?),
        };
        let gates = Gates::of_catalog(&catalog, self.clock.clone());
        let engine = Engine::new(Ports {
            clock: self.clock,
            ids: self.ids,
            http,
            secrets: Arc::new(SecretStore(self.secrets)),
            compute: compute.clone(),
            environment: self.environment,
            revocations: Arc::new(Revocations::default()),
            gates: Arc::new(gates),
            engine: Arc::from(priory_sandbox::ENGINE),
            models: None,
            memory: None,
            expenses: None,
            answers: None,
            quota: Arc::new(Quota::new(QuotaSpec::default())),
        });
        Ok(Host { engine, catalog, compute, sandboxes, files, keeper: durable })
    }

    /// Returns the limits of every frame, and sets the depth of the sandboxes by them: a frame keeps its sandbox while it
    /// waits for those below it, so frames that are nested deeper than there are sandboxes would wait for ever.
    fn limits_within_frames(&mut self) -> Result<Limits, Error> {
        let mut limits = self.limits.over_defaults();
        let most = self.sandbox.frames_max.saturating_sub(1);
        if self.limits.get(Dimension::Depth).is_none() {
            limits.lower(Dimension::Depth, u64::from(most));
        }
        let depth = limits.get(Dimension::Depth);
        match u32::try_from(depth) {
            Ok(depth) if depth < self.sandbox.frames_max => self.sandbox.depth_max = depth,
            _ => return Err(Error::Depth { depth, frames_max: self.sandbox.frames_max }),
        }
        Ok(limits)
    }

    /// Says which folders guests may write to, as far as it is known before a run: an earlier process may have let them.
    /// Returns the grants that depend on the inputs of a run.
    fn file_grants(&self, sandboxes: &Sandboxes) -> Arc<[GrantTemplate]> {
        let plugins = self.plugins.iter().map(|plugin| &plugin.grants);
        let agents = self.agents.iter().flat_map(|agent| [&agent.grants, &agent.lends]);
        let files = plugins.chain(agents).flat_map(|grants| &grants.0).filter(|grant| grant.kind == GrantKind::File);
        let (later, now): (Vec<_>, Vec<_>) =
            files.partition(|grant| grant.inputs().is_ok_and(|inputs| !inputs.is_empty()));
        let now = now.into_iter().filter_map(|grant| grant.resolve(&BTreeMap::new()).ok());
        now.for_each(|held| say_writable(sandboxes, &held));
        later.into_iter().cloned().collect()
    }
}

/// Says that guests may write to a folder, where a grant allows it.
fn say_writable(sandboxes: &Sandboxes, held: &Held) {
    if let Grant::File(rule) = &held.grant
        && let (FileScope::Under(folder), FileMode::Write) = (&rule.scope, rule.mode)
    {
        sandboxes.writable(folder);
    }
}
