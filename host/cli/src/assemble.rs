// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes a catalog of what is configured: loads components, makes workflows ready, and lets the agents find theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use priory_core::Limits;
use priory_core::amounts::BudgetSpec;
use priory_core::model::ModelsSpec;
use priory_core::ports::Plugin;
use priory_engine::{AgentEntry, Catalog, PluginEntry};
use priory_sandbox::{Link, Loaded, Sandboxes, Source};
use priory_workflow::{Definition, Workflow};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::error::Error;
use crate::spec::{AgentSpec, PluginSpec};

/// Makes a catalog.
pub(crate) async fn assemble(
    sandboxes: &Sandboxes,
    plugins: Vec<PluginSpec>,
    agents: Vec<AgentSpec>,
    limits: Limits,
    budget: BudgetSpec,
    models: &ModelsSpec,
    memory_embeds: bool,
) -> Result<Arc<Catalog>, Error> {
    let loaded = load(sandboxes, plugins).await?;
    let plugins: BTreeMap<String, Arc<PluginEntry>> =
        loaded.into_iter().map(|entry| (entry.name.to_string(), entry)).collect();
    let agents = agents.into_iter().map(|agent| agent_entry(agent, &plugins)).collect::<Result<_, _>>()?;
    let catalog = Catalog::new(plugins.into_values().collect(), agents, limits, budget)?;
    let catalog = catalog.with_models(models.default.clone(), models.embedding.clone());
    Ok(Arc::new(catalog.with_memory(memory_embeds)))
}

/// Loads plugins, those first that others are linked to, and side by side where they do not wait for each other.
async fn load(sandboxes: &Sandboxes, plugins: Vec<PluginSpec>) -> Result<Vec<Arc<PluginEntry>>, Error> {
    let (workflows, mut waiting): (Vec<_>, Vec<_>) =
        plugins.into_iter().partition(|plugin| Definition::is_one(&plugin.bytes));
    let names: BTreeSet<String> = waiting.iter().map(|plugin| plugin.name.clone()).collect();
    for plugin in &waiting {
        if let Some(unknown) = plugin.links.values().find(|target| !names.contains(*target)) {
            let by = format!("a link of plugin `{}`", plugin.name);
            return Err(Error::UnknownPlugin { by, plugin: unknown.clone() });
        }
    }
    let mut loaded: BTreeMap<String, Arc<Loaded>> = BTreeMap::new();
    let mut entries = workflows.iter().map(workflow_entry).collect::<Result<Vec<_>, _>>()?;
    while !waiting.is_empty() {
        let is_ready = |plugin: &PluginSpec| plugin.links.values().all(|target| loaded.contains_key(target));
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_ready);
        if ready.is_empty() {
            let names: Vec<_> = rest.iter().map(|plugin| plugin.name.as_str()).collect();
            return Err(Error::LinkedInCircle(names.join(", ")));
        }
        waiting = rest;
        if let ([only], RuntimeFlavor::CurrentThread) = (ready.as_slice(), Handle::current().runtime_flavor()) {
            // Nothing else could go on meanwhile, so a thread for it would only cost.
            let component = sandboxes.load(&source(only, &loaded))?;
            entries.push(Arc::new(component_entry(only, component.clone())));
            loaded.insert(only.name.clone(), component);
            continue;
        }
        let tasks: Vec<_> = ready
            .into_iter()
            .map(|plugin| {
                let source = source(&plugin, &loaded);
                let sandboxes = sandboxes.clone();
                (plugin, tokio::task::spawn_blocking(move || sandboxes.load(&source)))
            })
            .collect();
        for (plugin, task) in tasks {
            let component = task.await.map_err(|_| Error::Broken(plugin.name.clone()))??;
            entries.push(Arc::new(component_entry(&plugin, component.clone())));
            loaded.insert(plugin.name, component);
        }
    }
    Ok(entries)
}

fn source(plugin: &PluginSpec, loaded: &BTreeMap<String, Arc<Loaded>>) -> Source {
    let link = |(interface, target): (&String, &String)| {
        let info = loaded.get(target)?.shared_info();
        Some(Link { interface: interface.clone(), plugin: target.clone(), info })
    };
    Source {
        name: plugin.name.clone(),
        bytes: plugin.bytes.clone(),
        pinned: plugin.pinned,
        links: plugin.links.iter().filter_map(link).collect(),
    }
}

/// Makes a workflow ready.
fn workflow_entry(plugin: &PluginSpec) -> Result<Arc<PluginEntry>, Error> {
    Ok(Arc::new(plugin_entry(plugin, Vec::new(), Arc::new(Workflow::new(&plugin.bytes)?))))
}

fn component_entry(plugin: &PluginSpec, component: Arc<Loaded>) -> PluginEntry {
    plugin_entry(plugin, component.linked_tools().to_vec(), component)
}

fn plugin_entry(plugin: &PluginSpec, linked_tools: Vec<String>, program: Arc<dyn Plugin>) -> PluginEntry {
    PluginEntry {
        name: Arc::from(plugin.name.as_str()),
        limits: plugin.limits.clone(),
        grants: plugin.grants.clone(),
        config: plugin.config.clone().into_iter().collect(),
        linked_tools,
        declared: plugin.declared,
        in_doubt: plugin.in_doubt,
        gate: plugin.gate.clone(),
        plugin: program,
    }
}

fn agent_entry(agent: AgentSpec, plugins: &BTreeMap<String, Arc<PluginEntry>>) -> Result<Arc<AgentEntry>, Error> {
    let plugin = plugins
        .get(&agent.plugin)
        .cloned()
        .ok_or_else(|| Error::UnknownPlugin { by: format!("agent `{}`", agent.name), plugin: agent.plugin.clone() })?;
    Ok(Arc::new(AgentEntry {
        name: Arc::from(agent.name.as_str()),
        description: agent.description,
        plugin,
        limits: agent.limits,
        budget: agent.budget,
        grants: agent.grants,
        lends: agent.lends,
        config: agent.config.into_iter().collect(),
        gate: agent.gate,
        model: agent.model.as_deref().map(Arc::from),
    }))
}
