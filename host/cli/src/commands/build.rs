// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory build`: builds the plugins of a manifest.

use crate::project;
use crate::ui::error::Result;
use crate::ui::exit::Exit;
use crate::ui::text::counted;

/// Build the plugins of the manifest that have changed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The plugins to build [default: all]
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<String>,
    /// Build all of them
    #[arg(long, conflicts_with = "plugins")]
    all: bool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let manifest = project::read_manifest(None)?;
    if let Some(unknown) = args.plugins.iter().find(|name| !manifest.plugins.contains_key(*name)) {
        return Err(project::unknown_plugin(&manifest, unknown));
    }
    let wanted = |name: &str| args.all || args.plugins.is_empty() || args.plugins.iter().any(|plugin| plugin == name);
    let components = project::components(&manifest, wanted, true)?;
    anstream::eprintln!(
        "{} up to date.",
        match components.len() {
            1 => "1 plugin is".to_owned(),
            count => format!("{} are", counted(count, "plugin")),
        }
    );
    Ok(Exit::Ok)
}
