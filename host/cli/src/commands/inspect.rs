// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory inspect`: says what is in a plugin.

use std::fmt::Write;
use std::path::Path;

use owo_colors::OwoColorize;
use priory::Builder;
use priory::core::PluginInfo;
use priory::manifest::Manifest;

use crate::amount::show_bytes;
use crate::bounds::{Bounds, Given};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::text::{indented, printable};
use crate::{function, project, running, wit};

/// Show what a plugin offers, what it needs, and what it says that it could ever need
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A plugin of the manifest, a `.wasm` file, or the folder of a crate
    #[arg(value_name = "PLUGIN|FILE")]
    plugin: String,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
    /// Print the JSON Schemas of one function instead
    #[arg(long, value_name = "FUNCTION")]
    schema: Option<String>,
    /// Take the plugin as it was built last
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let info = load(&args.plugin, !args.no_build)?;
    match &args.schema {
        Some(text) => {
            let found = function::find(&info, text)?;
            let output_schema = found.output_schema.as_ref().map(priory::core::Json::to_value);
            output::json(&serde_json::json!({ "input": found.input_schema.to_value(), "output": output_schema }));
        }
        None if args.json => {
            let json = serde_json::to_value(&info).map_err(|error| Error::new(Exit::Failed, error.to_string()))?;
            output::json(&json);
        }
        None => output::text(&describe(&info)),
    }
    Ok(Exit::Ok)
}

/// Loads a plugin and returns what is known of it.
pub(super) fn load(plugin: &str, build: bool) -> Result<PluginInfo> {
    let (builder, plugin) = project::open_bare(plugin, build)?;
    info(builder, &plugin)
}

/// Loads a plugin of a manifest and returns what is known of it.
pub(super) fn load_of(manifest: &Manifest, plugin: &str, build: bool) -> Result<PluginInfo> {
    info(project::of_plugin(manifest, plugin, build)?, plugin)
}

/// Loads a file or a crate and returns what is known of it.
pub(super) fn load_path(path: &Path, build: bool) -> Result<PluginInfo> {
    let opened = project::open_path(path, &Bounds::default(), &Given::default(), build)?;
    info(opened.builder, &opened.plugin)
}

fn info(builder: Builder, plugin: &str) -> Result<PluginInfo> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let (_, loaded) = project::build(builder, plugin).await?;
        Ok(loaded.info().clone())
    })
}

fn describe(info: &PluginInfo) -> String {
    let mut text = format!("{}  {}, {}\n", info.name.bold(), kind(info), show_bytes(info.byte_len));
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}", info.digest.to_string().dimmed());
    let mut interface = None;
    for function in &info.functions {
        if interface != Some(&function.interface) {
            let heading = if function.interface.is_empty() { "functions" } else { &function.interface };
            let _ = writeln!(text, "\n{}", printable(heading).bold());
            interface = Some(&function.interface);
        }
        if let Some(first) = function.description.lines().next().filter(|line| !line.is_empty()) {
            let _ = writeln!(text, "  {}", format!("/// {}", printable(first)).dimmed());
        }
        let _ = writeln!(text, "{}", indented(&printable(&wit::function(function)), 2));
    }
    let mut list = |heading: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(text, "\n{}", heading.bold());
            lines.iter().for_each(|line| {
                let _ = writeln!(text, "  {}", printable(line));
            });
        }
    };
    let refused = info.refused.iter().map(|refused| format!("{}: {}", refused.name, refused.reason));
    list("cannot be called", refused.collect());
    list("imports", info.imports.clone());
    match &info.ceiling {
        None => list("ceiling", vec!["none: its author does not say what it could ever need".to_owned()]),
        Some(ceiling) if ceiling.is_empty() => list("ceiling", vec!["it never needs any grant".to_owned()]),
        Some(ceiling) => list("ceiling", ceiling.iter().map(|held| held.grant.to_string()).collect()),
    }
    text
}

fn kind(info: &PluginInfo) -> &'static str {
    match (info.is_agent, info.is_toolset, info.functions.is_empty()) {
        (true, false, true) => "agent",
        (true, _, _) => "agent with tools",
        (false, true, _) => "toolset",
        (false, false, _) => "tools",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use priory::core::program::RefusedFunction;
    use priory::core::{Digest, GrantSet};

    use super::*;

    #[test]
    fn a_plugin_is_described_from_top_to_bottom() {
        let ceiling: GrantSet = ["log", "http=GET https://example.org/*"]
            .iter()
            .map(|g| g.parse::<priory::core::Grant>().unwrap())
            .collect();
        let info = PluginInfo {
            name: Arc::from("web"),
            digest: Digest::of(b""),
            byte_len: 2_048,
            is_agent: true,
            is_workflow: false,
            is_toolset: false,
            functions: Vec::new(),
            refused: vec![RefusedFunction { name: "a.open".into(), reason: "it takes a resource".into() }],
            imports: vec!["wasi:io/poll@0.2.6".into()],
            ceiling: Some(ceiling),
        };
        let text = anstream::adapter::strip_str(&describe(&info)).to_string();
        let expected = format!(
            "\
web  agent, 2 KiB
{}

cannot be called
  a.open: it takes a resource

imports
  wasi:io/poll@0.2.6

ceiling
  log
  http=GET https://example.org/*
",
            Digest::of(b"")
        );
        assert_eq!(text, expected);
    }
}
