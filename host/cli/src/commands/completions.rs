// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory completions`: helps a shell to complete command lines.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use crate::ui::error::Result;
use crate::ui::exit::Exit;
use crate::ui::output;

/// Print a script that completes command lines, for a shell to load
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "priory", &mut script);
    output::text(&String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}
