// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory schema`: the form of a manifest.

use priory::manifest::Manifest;

use crate::ui::error::Result;
use crate::ui::exit::Exit;
use crate::ui::output;

/// Print the JSON Schema of `priory.toml`, for editors
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn execute(_: &Args) -> Result<Exit> {
    output::json(&Manifest::json_schema());
    Ok(Exit::Ok)
}
