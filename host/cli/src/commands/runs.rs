// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs`: what is kept of runs. One file for each verb.

mod cancel;
mod diff;
mod export;
mod fork;
mod import;
mod list;
mod prune;
mod replay;
mod resume;
mod show;
mod state;
mod verify;
mod watch;

use clap::Subcommand;

pub(crate) use export::export_to;

use crate::store::Data;
use crate::ui::error::Result;
use crate::ui::exit::Exit;

/// List, show and steer the runs that are kept
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::Args),
    Show(show::Args),
    State(state::Args),
    Watch(watch::Args),
    Resume(resume::Args),
    Answer(super::answer::Args),
    Cancel(cancel::Args),
    Replay(replay::Args),
    Fork(fork::Args),
    Diff(diff::Args),
    Verify(verify::Args),
    Export(export::Args),
    Import(import::Args),
    Prune(prune::Args),
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let data = &args.data;
    match &args.verb {
        Verb::List(args) => list::execute(args, data),
        Verb::Show(args) => show::execute(args, data),
        Verb::State(args) => state::execute(args, data),
        Verb::Watch(args) => watch::execute(args, data),
        Verb::Resume(args) => resume::execute(args, data),
        Verb::Answer(args) => super::answer::execute(args, data),
        Verb::Cancel(args) => cancel::execute(args, data),
        Verb::Replay(args) => replay::execute(args, data),
        Verb::Fork(args) => fork::execute(args, data),
        Verb::Diff(args) => diff::execute(args, data),
        Verb::Export(args) => export::execute(args, data),
        Verb::Import(args) => import::execute(args, data),
        Verb::Verify(args) => verify::execute(args, data),
        Verb::Prune(args) => prune::execute(args, data),
    }
}
