// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the operator configured: plugins, agents, and the names that lead to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_core::amounts::BudgetSpec;
use priory_core::authority::{Holder, Layer};
use priory_core::effect::Nature;
use priory_core::event::Program;
use priory_core::gate::GateSpec;
use priory_core::grant::template::GrantTemplates;
use priory_core::grant::{Grant, GrantSet, RuleError};
use priory_core::ports::Plugin;
use priory_core::program::AgentInfo;
use priory_core::{FramePath, LimitSpec, Limits};

use crate::doubt::InDoubt;
use crate::model::schemas::Schemas;

/// A plugin as the operator configured it.
pub struct PluginEntry {
    /// Its name in the manifest.
    pub name: Arc<str>,
    /// The loaded component.
    pub plugin: Arc<dyn Plugin>,
    /// Limits for each of its frames.
    pub limits: LimitSpec,
    /// What its functions may do when they are called as tools.
    pub grants: GrantTemplates,
    /// What `wasi:config` tells it.
    pub config: Vec<(String, String)>,
    /// Tools that its imports are linked to, by their full names.
    pub linked_tools: Vec<String>,
    /// What executing one of its frames twice means, where it may write files and its operator knows better than that
    /// nothing is known.
    pub declared: Option<Nature>,
    /// What is done about a call of which nobody knows whether it was done.
    pub in_doubt: InDoubt,
    /// What stands before each of its tools.
    pub gate: GateSpec,
}

/// An agent as the operator configured it.
pub struct AgentEntry {
    /// Its name in the manifest.
    pub name: Arc<str>,
    /// What it does, for whoever may call it.
    pub description: String,
    /// The plugin that holds its program.
    pub plugin: Arc<PluginEntry>,
    /// Limits for each of its frames, on top of those of its plugin.
    pub limits: LimitSpec,
    /// What one frame of it may spend with everything below it.
    pub budget: BudgetSpec,
    /// What its frames may do.
    pub grants: GrantTemplates,
    /// What they may only pass on.
    pub lends: GrantTemplates,
    /// What `wasi:config` tells it, on top of what its plugin is told.
    pub config: Vec<(String, String)>,
    /// What stands before it.
    pub gate: GateSpec,
    /// The model that it asks where it names none.
    pub model: Option<Arc<str>>,
}

/// Where the name of a tool leads.
#[derive(Clone)]
pub struct ToolTarget {
    /// The plugin.
    pub plugin: Arc<PluginEntry>,
    /// The function, or the toolset's own name for the tool.
    pub function: ToolFunction,
    /// `plugin.function`, the shortest name that is unambiguous.
    pub name: Arc<str>,
    /// `plugin.interface.function`.
    pub qualified: Arc<str>,
}

/// How a tool is called inside its plugin.
#[derive(Clone)]
pub enum ToolFunction {
    /// A typed function, by its position in the plugin's information.
    Typed(usize),
    /// A tool of a toolset, by its name there.
    Dynamic(Arc<str>),
}

/// Says why a catalog cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A name stands twice.
    #[error("the {kind} `{name}` is defined twice")]
    Twice {
        /// Plugin or agent.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// An agent's plugin holds no agent.
    #[error("agent `{agent}`: plugin `{plugin}` does not export `priory:agent/agent@0.1.0`, so it is not an agent")]
    NotAnAgent {
        /// The agent.
        agent: String,
        /// Its plugin.
        plugin: String,
    },
    /// More toolsets than frames that list tools can be told apart.
    #[error("{found} plugins export `priory:agent/toolset@0.1.0`, {most} are the most; leave some out")]
    TooManyToolsets {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: u32,
    },
}

/// What the operator configured. It never changes; a new configuration is a new catalog.
pub struct Catalog {
    plugins: BTreeMap<Arc<str>, Arc<PluginEntry>>,
    agents: BTreeMap<Arc<str>, Arc<AgentEntry>>,
    tools: BTreeMap<Arc<str>, ToolTarget>,
    /// What the authors of the plugins say that they could need. No input changes it, so all runs share it.
    ceilings: BTreeMap<Arc<str>, Arc<Layer>>,
    /// Limits for every frame.
    pub limits: Limits,
    /// What a run may spend, where its request does not say less.
    pub budget: BudgetSpec,
    /// The model that is asked where nobody names one.
    pub default_model: Option<Arc<str>>,
    /// The model that makes vectors where nobody names one.
    pub embedding_model: Option<Arc<str>>,
    /// Whether what is remembered is found by its meaning too, with vectors of that model.
    pub memory_embeds: bool,
    /// What answers of models are held against. It is a cache.
    pub(crate) schemas: Schemas,
}

impl Catalog {
    /// Builds a catalog and gives every tool its names.
    pub fn new(
        plugins: Vec<Arc<PluginEntry>>,
        agents: Vec<Arc<AgentEntry>>,
        limits: Limits,
        budget: BudgetSpec,
    ) -> Result<Self, CatalogError> {
        let mut catalog = Self {
            plugins: BTreeMap::new(),
            agents: BTreeMap::new(),
            tools: BTreeMap::new(),
            ceilings: BTreeMap::new(),
            limits,
            budget,
            default_model: None,
            embedding_model: None,
            memory_embeds: false,
            schemas: Schemas::default(),
        };
        for entry in plugins {
            catalog.name_tools(&entry);
            if let Some(own) = entry.plugin.info().ceiling.clone() {
                let holder = Holder::Ceiling(entry.name.clone());
                let layer = Layer { holder, own, lent: GrantSet::default() };
                catalog.ceilings.insert(entry.name.clone(), Arc::new(layer));
            }
            if let Some(twice) = catalog.plugins.insert(entry.name.clone(), entry) {
                return Err(CatalogError::Twice { kind: "plugin", name: twice.name.to_string() });
            }
        }
        check_toolsets(catalog.toolsets().count())?;
        for entry in agents {
            if !entry.plugin.plugin.info().is_agent {
                let (agent, plugin) = (entry.name.to_string(), entry.plugin.name.to_string());
                return Err(CatalogError::NotAnAgent { agent, plugin });
            }
            if let Some(twice) = catalog.agents.insert(entry.name.clone(), entry) {
                return Err(CatalogError::Twice { kind: "agent", name: twice.name.to_string() });
            }
        }
        Ok(catalog)
    }

    /// Sets the models that are asked where nobody names one: for answers, and for vectors.
    pub fn with_models(self, default_model: Option<Arc<str>>, embedding_model: Option<Arc<str>>) -> Self {
        Self { default_model, embedding_model, ..self }
    }

    /// Sets whether what is remembered is found by its meaning too. It takes a model that makes vectors.
    pub fn with_memory(self, memory_embeds: bool) -> Self {
        Self { memory_embeds, ..self }
    }

    /// Returns a plugin.
    pub fn plugin(&self, name: &str) -> Option<&Arc<PluginEntry>> {
        self.plugins.get(name)
    }

    /// Returns an agent.
    pub fn agent(&self, name: &str) -> Option<&Arc<AgentEntry>> {
        self.agents.get(name)
    }

    /// Returns the plugins, ordered by name.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<PluginEntry>> {
        self.plugins.values()
    }

    /// Returns the plugins that are toolsets, ordered by name.
    pub fn toolsets(&self) -> impl Iterator<Item = &Arc<PluginEntry>> {
        self.plugins().filter(|entry| entry.plugin.info().is_toolset)
    }

    /// Returns the position of a toolset among the toolsets. It is the same in every run of one configuration.
    pub(crate) fn toolset_index(&self, name: &str) -> Option<u32> {
        self.toolsets().position(|entry| &*entry.name == name).and_then(|index| u32::try_from(index).ok())
    }

    /// Returns the agents, ordered by name.
    pub fn agents(&self) -> impl Iterator<Item = &Arc<AgentEntry>> {
        self.agents.values()
    }

    /// Returns the typed tools, each once, ordered by the name that is shown.
    pub fn tools(&self) -> impl Iterator<Item = &ToolTarget> {
        self.tools.iter().filter(|(key, target)| **key == target.name).map(|(_, target)| target)
    }

    /// Finds a tool by its short or its full name.
    pub fn tool(&self, name: &str) -> Option<ToolTarget> {
        if let Some(target) = self.tools.get(name) {
            return Some(target.clone());
        }
        let (plugin, tool) = name.split_once('.')?;
        let entry = self.plugins.get(plugin).filter(|entry| entry.plugin.info().is_toolset)?;
        let name: Arc<str> = Arc::from(name);
        let function = ToolFunction::Dynamic(Arc::from(tool));
        Some(ToolTarget { plugin: entry.clone(), function, name: name.clone(), qualified: name })
    }

    fn name_tools(&mut self, entry: &Arc<PluginEntry>) {
        let functions = &entry.plugin.info().functions;
        for (index, function) in functions.iter().enumerate() {
            let same_name = functions.iter().filter(|other| other.name == function.name).count();
            let qualified: Arc<str> = Arc::from(format!("{}.{}", entry.name, function.qualified_name()));
            let name: Arc<str> = match same_name {
                1 => Arc::from(format!("{}.{}", entry.name, function.name)),
                _ => qualified.clone(),
            };
            let function = ToolFunction::Typed(index);
            let target =
                ToolTarget { plugin: entry.clone(), function, name: name.clone(), qualified: qualified.clone() };
            self.tools.insert(qualified, target.clone());
            self.tools.insert(name, target);
        }
    }
}

impl AgentEntry {
    /// Returns whose its grants are.
    fn holder(&self) -> Holder {
        match self.plugin.plugin.info().is_workflow {
            true => Holder::Workflow(self.name.clone()),
            false => Holder::Agent(self.name.clone()),
        }
    }

    /// Returns what its frames execute.
    pub fn program(&self) -> Program {
        match self.plugin.plugin.info().is_workflow {
            true => Program::Workflow(self.name.clone()),
            false => Program::Agent(self.name.clone()),
        }
    }

    /// Returns what others are told about it.
    pub fn info(&self) -> AgentInfo {
        AgentInfo { name: self.name.to_string(), description: self.description.clone() }
    }
}

/// The own layers of every holder of a catalog, with the inputs of one run put in.
pub(crate) struct Layers {
    plugins: BTreeMap<Arc<str>, Vec<Arc<Layer>>>,
    agents: BTreeMap<Arc<str>, Vec<Arc<Layer>>>,
}

impl Layers {
    pub(crate) fn resolve(catalog: &Catalog, inputs: &BTreeMap<String, String>) -> Result<Self, RuleError> {
        let mut layers = Self { plugins: BTreeMap::new(), agents: BTreeMap::new() };
        for entry in catalog.plugins() {
            let mut own = entry.grants.resolve(inputs)?;
            own_config(&mut own, &entry.config)?;
            for tool in &entry.linked_tools {
                own.push(Grant::Tool(tool.parse()?));
            }
            let layer = Layer { holder: Holder::Plugin(entry.name.clone()), own, lent: GrantSet::default() };
            layers.plugins.insert(entry.name.clone(), with_ceiling(layer, catalog, &entry.name));
        }
        for entry in catalog.agents() {
            let mut own = entry.grants.resolve(inputs)?;
            own_config(&mut own, &entry.plugin.config)?;
            own_config(&mut own, &entry.config)?;
            let lent = entry.lends.resolve(inputs)?;
            let layer = Layer { holder: entry.holder(), own, lent };
            layers.agents.insert(entry.name.clone(), with_ceiling(layer, catalog, &entry.plugin.name));
        }
        Ok(layers)
    }

    pub(crate) fn of_plugin(&self, name: &str) -> Vec<Arc<Layer>> {
        self.plugins.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn of_agent(&self, name: &str) -> Vec<Arc<Layer>> {
        self.agents.get(name).cloned().unwrap_or_default()
    }
}

/// Grants the configuration that the operator wrote for this very holder.
fn own_config(own: &mut GrantSet, config: &[(String, String)]) -> Result<(), RuleError> {
    for (key, _) in config {
        own.push(Grant::Config(key.parse()?));
    }
    Ok(())
}

fn with_ceiling(layer: Layer, catalog: &Catalog, plugin: &str) -> Vec<Arc<Layer>> {
    std::iter::once(Arc::new(layer)).chain(catalog.ceilings.get(plugin).cloned()).collect()
}

/// Refuses more toolsets than have a place of their own below a frame.
fn check_toolsets(found: usize) -> Result<(), CatalogError> {
    let most = FramePath::LISTS_MAX;
    if found > most as usize { Err(CatalogError::TooManyToolsets { found, most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolsets_are_bounded() {
        assert!(check_toolsets(4_096).is_ok());
        assert!(matches!(check_toolsets(4_097), Err(CatalogError::TooManyToolsets { found: 4_097, .. })));
    }
}
