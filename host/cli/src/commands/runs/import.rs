// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs import`: takes a run out of a file into the data folder.

use std::path::PathBuf;

use priory::core::JournalError;
use priory::journal::BundleError;

use crate::recorded::{of_bundle, read_file};
use crate::running;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::text::counted;

/// Put a run from a file that `priory runs export` wrote into the data folder
///
/// A run that had not ended arrives parked, since another host may go on with it; `priory runs resume RUN` goes on with it
/// here. Whoever resumes or forks it lets its plugins do here what its own grants allow, so look at a run from somebody
/// else first: to show, to compare and to replay it is safe, and touches nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let bundle = read_file(&args.file)?;
        let journal = data.open()?.journal;
        let (state, events) = (bundle.header.state, counted(bundle.events.len(), "event"));
        let run = priory::journal::import(&*journal, bundle).await.map_err(|error| match error {
            BundleError::Journal(JournalError::Exists(run)) => {
                Error::new(Exit::Failed, format!("{run} is there already"))
                    .hint(format!("`priory runs diff {run} {}` tells whether it is the same", args.file.display()))
            }
            other => of_bundle(&args.file, other),
        })?;
        let rest =
            if state.has_ended() { "" } else { "; it arrives parked, and `priory runs resume` goes on with it here" };
        anstream::eprintln!("{events}, {state}{rest}");
        output::line(&run.to_string());
        Ok(Exit::Ok)
    })
}
