// SPDX-License-Identifier: MIT OR Apache-2.0
//! Puts a host together: plugins and agents, limits, and the ports that touch the machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use priory_core::amounts::BudgetSpec;
use priory_core::grant::GrantKind;
use priory_core::grant::template::GrantTemplate;
use priory_core::ports::{Clock, Http, Ids, Recorder};
use priory_core::{Dimension, LimitSpec, Limits};
use priory_egress::{Egress, EgressConfig};
use priory_engine::{Engine, Gates, Ports, Revocations};
use priory_sandbox::{ComputePool, SandboxConfig, Sandboxes};
use tokio::runtime::Handle;

use crate::assemble::assemble;
use crate::durable::{Description, Durability, Keeper};
use crate::error::Error;
use crate::host::{Host, say_writable};
use crate::secret::{SecretSource, SecretStore};
use crate::spec::{AgentSpec, PluginSpec};
use crate::system::{SystemClock, SystemIds};
use crate::thinking::Thinking;

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
    pub(crate) thinking: Thinking,
    pub(crate) observer: Option<Arc<dyn Recorder>>,
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
            thinking: Thinking::default(),
            observer: None,
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
                let description = Description {
                    plugins: self.plugins.clone(),
                    agents: self.agents.clone(),
                    secrets: self.secrets.clone(),
                    limits,
                    budget: self.budget,
                    models: self.thinking.spec.clone(),
                    memory_embeds: self.thinking.memory_embeds,
                    quota: self.thinking.quota,
                };
                Some(Arc::new(Keeper::new(durability, description).await?))
            }
            None => None,
        };
        let (models, embeds) = (&self.thinking.spec, self.thinking.memory_embeds);
        let catalog = assemble(&sandboxes, self.plugins, self.agents, limits, self.budget, models, embeds).await?;
        let compute = ComputePool::start(self.compute_threads, &io, self.clock.clone());
        let compute = Arc::new(compute.map_err(priory_sandbox::Error::Threads)?);
        let http = match self.http {
            Some(http) => http,
            None => Arc::new(Egress::new(self.egress)?),
        };
        let gates = Gates::of_catalog(&catalog, self.clock.clone());
        let models = self.thinking.models(&self.clock, &self.ids)?;
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
            models,
            quota: self.thinking.quota(),
            memory: self.thinking.memory,
            expenses: self.thinking.expenses,
            answers: self.thinking.answers,
        });
        let observer = self.observer;
        Ok(Host { engine, catalog, compute, sandboxes, files, keeper: durable, observer })
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
