// SPDX-License-Identifier: MIT OR Apache-2.0
//! The binary `priory`: the library `priory` with a command line, a manifest's folder and a terminal around it.
//!
//! In reading order: [`commands`] has one file for each verb; [`project`] finds what a verb names, and [`toolchain`]
//! builds what is not built; [`running`] starts a run and waits for its end; [`ui`] is what people see.
//!
//! **Invariants.** Nothing is run but through [`priory::Host`]. stdout holds results only; everything said about them goes to
//! stderr. Every way in which the program can end is in [`ui::exit`].

#![forbid(unsafe_code)]

mod commands;

mod answering;
mod bounds;
mod elsewhere;
mod ended;
mod folder;
mod function;
mod history;
mod keys;
mod lending;
mod project;
mod prompt;
mod recorded;
mod running;
mod serving;
mod shorthand;
mod spending;
mod store;
mod taking;
mod taping;
mod telling;
mod toolchain;
mod wit;

mod amount;
mod ui;
mod when;
mod window;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use tracing_subscriber::EnvFilter;

/// Every frame allocates many small things and frees them together, often on another thread: this allocator is made
/// for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = shorthand::expand(std::env::args_os(), &commands::Cli::command());
    let cli = commands::Cli::parse_from(arguments);
    log_to_stderr();
    match cli.execute() {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            anstream::eprint!("{}", error.render());
            ExitCode::from(error.exit.code())
        }
    }
}

/// Writes what the host tells about itself to stderr: warnings, unless `PRIORY_LOG` or `RUST_LOG` says otherwise.
fn log_to_stderr() {
    let said = std::env::var("PRIORY_LOG").or_else(|_| std::env::var("RUST_LOG"));
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).without_time();
    let log = log.with_ansi(ui::live::is_colored()).with_target(false);
    match said.ok().and_then(|said| EnvFilter::try_new(said).ok()) {
        Some(filter) => log.with_env_filter(filter).init(),
        // A filter is set up with regular expressions, which takes longer than many a call.
        None => log.with_max_level(tracing::Level::WARN).init(),
    }
}
