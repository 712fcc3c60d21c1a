// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host that is killed, and the one that checks: both are made of the same.

use std::path::Path;

use priory::{AgentSpec, Builder, Host, PluginSpec};

use crate::guests;

/// Begins a host. Everything that it needs is in one folder.
pub(crate) fn builder(folder: &Path, service: &str) -> anyhow::Result<Builder> {
    let http = format!("http=POST {service}/do").parse()?;
    let tool = "tool=good.add".parse()?;
    let root = AgentSpec::new("root", "steps").grant(http).grant(tool);
    let root = root.grant("log".parse()?).grant("sleep".parse()?);
    let child = AgentSpec { name: "child".to_owned(), ..root.clone() };
    let root = root.grant("agent=child".parse()?);
    Ok(Host::builder()
        .cache_dir(folder.join("code"))
        .plugin(PluginSpec::file("good", folder.join(guests::TOOL))?)
        .plugin(PluginSpec::file("steps", folder.join(guests::AGENT))?)
        .agent(root)
        .agent(child))
}
