// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a manifest, or from what a run began with, to a host.

use priory_engine::InDoubt;
use priory_manifest::{InDoubt as ManifestInDoubt, Manifest, SecretSource as ManifestSecret};

use crate::builder::Builder;
use crate::durable::Description;
use crate::host::Host;
use crate::secret::SecretSource;
use crate::spec::{AgentSpec, PluginSpec};

impl Host {
    /// Begins a host that is configured by a manifest. `component` gives the bytes of each plugin, by its name: building
    /// them from their crates is not the host's affair.
    pub fn from_manifest<E>(
        manifest: &Manifest,
        mut component: impl FnMut(&str) -> Result<Vec<u8>, E>,
    ) -> Result<Builder, E> {
        let mut builder = Self::builder().limits(manifest.limits.clone()).budget(manifest.budget);
        builder = builder.models(manifest.models.clone()).memory_embeds(manifest.memory_embeds).quota(manifest.quota);
        for (name, plugin) in &manifest.plugins {
            let mut spec = PluginSpec::new(name.clone(), component(name)?);
            spec.pinned = plugin.digest;
            spec.limits = plugin.limits.clone();
            spec.grants = plugin.grants.clone();
            spec.config = plugin.config.clone();
            spec.links = plugin.links.clone();
            spec.declared = plugin.effects;
            spec.gate = plugin.gate.clone();
            spec.in_doubt = match plugin.in_doubt {
                ManifestInDoubt::Ask => InDoubt::Ask,
                ManifestInDoubt::Fail => InDoubt::Fail,
                ManifestInDoubt::Repeat => InDoubt::Repeat,
            };
            builder = builder.plugin(spec);
        }
        for (name, agent) in &manifest.agents {
            let mut spec = AgentSpec::new(name.clone(), agent.plugin.clone());
            spec.description = agent.description.clone();
            spec.limits = agent.limits.clone();
            spec.budget = agent.budget;
            spec.grants = agent.grants.clone();
            spec.lends = agent.lends.clone();
            spec.config = agent.config.clone();
            spec.gate = agent.gate.clone();
            spec.model = agent.model.clone();
            builder = builder.agent(spec);
        }
        for workflow in manifest.workflows.values() {
            let mut spec = AgentSpec::workflow(&workflow.definition);
            spec.limits = workflow.limits.clone();
            spec.budget = workflow.budget;
            spec.grants = workflow.grants.clone();
            spec.lends = workflow.lends.clone();
            builder = builder.plugin(PluginSpec::workflow(&workflow.definition)).agent(spec);
        }
        for (name, source) in &manifest.secrets {
            let source = match source {
                ManifestSecret::Env(variable) => SecretSource::Env(variable.clone()),
                ManifestSecret::File(path) => SecretSource::File(path.clone()),
            };
            builder = builder.secret(name.clone(), source);
        }
        Ok(builder)
    }

    /// Begins a host that is configured as it was when a run began.
    pub fn from_description(description: Description) -> Builder {
        let Description { plugins, agents, secrets, limits, budget, models, memory_embeds, quota } = description;
        let builder = Self::builder()
            .limits(limits.iter().collect())
            .budget(budget)
            .models(models)
            .memory_embeds(memory_embeds)
            .quota(quota);
        let builder = plugins.into_iter().fold(builder, Builder::plugin);
        let builder = agents.into_iter().fold(builder, Builder::agent);
        secrets.into_iter().fold(builder, |builder, (name, source)| builder.secret(name, source))
    }
}
