// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a host is made of, and what a run is started with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use priory_core::amounts::BudgetSpec;
use priory_core::effect::Nature;
use priory_core::gate::{BreakerSpec, GateSpec, RateSpec};
use priory_core::grant::template::{GrantKind, GrantTemplate, GrantTemplates};
use priory_core::ports::Recorder;
use priory_core::{Digest, Dimension, Failure, GrantSet, Json, LimitSpec};
use priory_engine::{Begun, Context, InDoubt, Request, Target};
use priory_workflow::Definition;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::record::Silent;

/// A plugin to load, and what it may do as a tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginSpec {
    /// Its name: lower-case letters, digits and hyphens.
    pub name: String,
    /// The component. It is not written down with the rest.
    #[serde(skip)]
    pub bytes: Arc<[u8]>,
    /// The digest that it must have.
    pub pinned: Option<Digest>,
    /// Limits of each of its frames.
    pub limits: LimitSpec,
    /// What its functions may do.
    pub grants: GrantTemplates,
    /// What `wasi:config` tells it.
    pub config: BTreeMap<String, String>,
    /// Its imports that other plugins satisfy: interface to plugin.
    pub links: BTreeMap<String, String>,
    /// What executing one of its frames twice means, where that is better known than the host can.
    pub declared: Option<Nature>,
    /// What is done about a call of which nobody knows whether it was done.
    pub in_doubt: InDoubt,
    /// What stands before each of its tools.
    #[serde(default, skip_serializing_if = "GateSpec::is_unset")]
    pub gate: GateSpec,
}

impl PluginSpec {
    /// Makes a plugin of the bytes of a component, without any grant.
    pub fn new(name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
            pinned: None,
            limits: LimitSpec::default(),
            grants: GrantTemplates::default(),
            config: BTreeMap::new(),
            links: BTreeMap::new(),
            declared: None,
            in_doubt: InDoubt::default(),
            gate: GateSpec::default(),
        }
    }

    /// Makes a plugin of a workflow. Its name is one that no component has, so the workflow may be called as a component is.
    pub fn workflow(definition: &Definition) -> Self {
        // What cannot be written down is refused when it is loaded, as every other text that is none.
        Self::new(plugin_of_workflow(&definition.name), definition.to_bytes().unwrap_or_default())
    }

    /// Reads a plugin from a file.
    pub fn file(name: impl Into<String>, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Ok(Self::new(name, bytes))
    }

    /// Grants something to its functions when they are called as tools.
    pub fn grant(mut self, grant: GrantTemplate) -> Self {
        self.grants.0.push(grant);
        self
    }

    /// Lowers a limit of its frames.
    pub fn limit(mut self, dimension: Dimension, value: u64) -> Self {
        self.limits.set(dimension, value);
        self
    }

    /// Refuses the calls of one of its tools while that fails, in all runs of the host.
    pub fn breaker(mut self, breaker: BreakerSpec) -> Self {
        self.gate.breaker = Some(breaker);
        self
    }

    /// Bounds how often each of its tools is called, in all runs of the host.
    pub fn rate(mut self, rate: RateSpec) -> Self {
        self.gate.rate = Some(rate);
        self
    }

    /// Satisfies an import by another plugin.
    pub fn link(mut self, interface: impl Into<String>, plugin: impl Into<String>) -> Self {
        self.links.insert(interface.into(), plugin.into());
        self
    }
}

/// An agent: a plugin's program under a name, with what it may do and pass on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AgentSpec {
    /// Its name.
    pub name: String,
    /// The plugin that holds its program.
    pub plugin: String,
    /// What it does, for whoever may call it.
    pub description: String,
    /// Limits of each of its frames.
    pub limits: LimitSpec,
    /// What one frame of it may spend with everything below it.
    pub budget: BudgetSpec,
    /// What its frames may do.
    pub grants: GrantTemplates,
    /// What they may only pass on.
    pub lends: GrantTemplates,
    /// What `wasi:config` tells it.
    pub config: BTreeMap<String, String>,
    /// What stands before it.
    #[serde(default, skip_serializing_if = "GateSpec::is_unset")]
    pub gate: GateSpec,
    /// The model that it asks where it names none. It has to be granted as any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl AgentSpec {
    /// Makes an agent of a plugin, without any grant.
    pub fn new(name: impl Into<String>, plugin: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            plugin: plugin.into(),
            description: String::new(),
            limits: LimitSpec::default(),
            budget: BudgetSpec::default(),
            grants: GrantTemplates::default(),
            lends: GrantTemplates::default(),
            config: BTreeMap::new(),
            gate: GateSpec::default(),
            model: None,
        }
    }

    /// Makes an agent of a workflow, without any grant; its plugin is [`PluginSpec::workflow`].
    pub fn workflow(definition: &Definition) -> Self {
        let mut agent = Self::new(definition.name.clone(), plugin_of_workflow(&definition.name));
        agent.description = definition.description.clone();
        agent
    }

    /// Grants something to its frames.
    pub fn grant(mut self, grant: GrantTemplate) -> Self {
        self.grants.0.push(grant);
        self
    }

    /// Lets its frames pass something on that they cannot use themselves.
    pub fn lend(mut self, grant: GrantTemplate) -> Self {
        self.lends.0.push(grant);
        self
    }

    /// Lowers a limit of its frames.
    pub fn limit(mut self, dimension: Dimension, value: u64) -> Self {
        self.limits.set(dimension, value);
        self
    }

    /// Refuses calls to it while it fails, in all runs of the host.
    pub fn breaker(mut self, breaker: BreakerSpec) -> Self {
        self.gate.breaker = Some(breaker);
        self
    }

    /// Bounds how often it is called, in all runs of the host.
    pub fn rate(mut self, rate: RateSpec) -> Self {
        self.gate.rate = Some(rate);
        self
    }

    /// Sets the model that it asks where it names none, and grants it.
    pub fn model(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.grants.0.push(GrantTemplate::new(GrantKind::Model, name.clone(), PathBuf::new()));
        self.model = Some(name);
        self
    }

    /// Bounds what one frame of it may spend with everything below it.
    pub fn budget(mut self, budget: BudgetSpec) -> Self {
        self.budget = budget;
        self
    }
}

/// Returns the name of the plugin that holds a workflow.
fn plugin_of_workflow(name: &str) -> String {
    format!("workflow:{name}")
}

/// What a run is started with.
pub struct RunSpec {
    request: Request,
    labels: BTreeMap<String, String>,
    begun: Option<Begun>,
}

impl RunSpec {
    /// Gives an agent a task.
    pub fn agent(name: impl Into<String>, input: Json) -> Self {
        Self::of(Target::Agent { name: name.into(), input })
    }

    /// Calls a tool.
    pub fn tool(name: impl Into<String>, arguments: Json) -> Self {
        Self::of(Target::Tool { name: name.into(), arguments })
    }

    /// Runs code of the embedder as a program: it calls tools and agents as an agent does, with the grants that are
    /// given here and no others.
    pub fn native<F, Fut>(name: &str, grants: GrantSet, program: F) -> Self
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Json, Failure>> + Send + 'static,
    {
        Self::of(Target::native(name, program)).narrowed(grants)
    }

    fn of(target: Target) -> Self {
        Self {
            request: Request {
                target,
                inputs: BTreeMap::new(),
                grants: None,
                limits: LimitSpec::default(),
                budget: BudgetSpec::default(),
                seed: None,
                model: None,
                recorder: Arc::new(Silent),
                durable: None,
            },
            labels: BTreeMap::new(),
            begun: None,
        }
    }

    /// Begins the run under an id that follows from what began it, so that it begins once. Only where it is kept.
    pub fn begun_by(mut self, begun: Begun) -> Self {
        self.begun = Some(begun);
        self
    }

    pub(crate) fn begun(&self) -> Option<Begun> {
        self.begun
    }

    /// Sets what the operator gives; grants may be templates over it.
    pub fn inputs(mut self, inputs: BTreeMap<String, String>) -> Self {
        self.request.inputs = inputs;
        self
    }

    /// Allows no more than this, whatever is configured.
    pub fn narrowed(mut self, grants: GrantSet) -> Self {
        self.request.grants = Some(grants);
        self
    }

    /// Lowers the limits of the root frame.
    pub fn limits(mut self, limits: LimitSpec) -> Self {
        self.request.limits = limits;
        self
    }

    /// Bounds what the whole run may spend.
    pub fn budget(mut self, budget: BudgetSpec) -> Self {
        self.request.budget = budget;
        self
    }

    /// Sets the seed of all its randomness.
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.request.seed = Some(seed);
        self
    }

    /// Sets the model that is asked where a program names none and none is configured for it.
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.request.model = Some(name.into());
        self
    }

    /// Sets words by which the run can be found again, where it is kept.
    pub fn labels(mut self, labels: BTreeMap<String, String>) -> Self {
        self.labels = labels;
        self
    }

    /// Sets who is told what happens.
    pub fn recorder(mut self, recorder: Arc<dyn Recorder>) -> Self {
        self.request.recorder = recorder;
        self
    }

    pub(crate) fn into_request(self) -> (Request, BTreeMap<String, String>) {
        (self.request, self.labels)
    }
}
