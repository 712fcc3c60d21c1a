// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs cancel`: ends a run that nobody has in memory.

use priory::core::Failure;
use priory::machine_clock;

use crate::running;
use crate::store::{self, Data};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;

/// Who ends the run, as it is recorded.
const BY: &str = "the operator";

/// End runs that are open or parked
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The runs: their ids, the beginnings of their ids, or @last
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let journal = data.open()?;
        let mut found = Vec::new();
        for text in &args.runs {
            found.push(store::find(&journal, text).await?.id);
        }
        for run in found {
            let cancelled = priory::resume::cancel(&journal, &*machine_clock(), run, BY).await;
            cancelled.map_err(|failure| match failure {
                Failure::Conflict { reason } => Error::new(Exit::Failed, reason),
                other => Error::new(Exit::Failed, other.to_string()),
            })?;
            anstream::eprintln!("{run} is cancelled");
        }
        Ok(Exit::Ok)
    })
}
