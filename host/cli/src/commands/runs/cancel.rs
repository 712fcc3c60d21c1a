// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs cancel`: ends a run that nobody has in memory, and lets it clear up where it wants to.

use std::time::Duration;

use priory::core::journal::RunState;
use priory::core::{Failure, RunId};
use priory::spool::requests::{Request, Settled};
use priory::{Cancelled, machine_clock};

use crate::elsewhere::Holder;
use crate::running::{self, Patience, parse_wait};
use crate::store::{self, Data};
use crate::taking;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::live::Mode;

/// Who ends the run, as it is recorded.
const BY: &str = "the operator";
/// How long a run that clears up is waited for, in milliseconds.
const WAIT_MS: u64 = 60_000;

/// End runs that are open or parked
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The runs: their ids, the beginnings of their ids, or @last
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
    /// How long to wait while a run clears up behind itself; cancelling it again ends it at once [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = parse_wait)]
    wait: Option<u64>,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let holder = Holder::of(data)?;
        let mut found = Vec::new();
        for text in &args.runs {
            found.push(store::find(holder.journal(), text).await?.id);
        }
        let mut exit = Exit::Ok;
        for run in found {
            let cancelled = cancel(&holder, run).await?.map_err(|failure| match failure {
                Failure::Conflict { reason } => Error::new(Exit::Failed, reason),
                other => Error::new(Exit::Failed, other.to_string()),
            })?;
            match cancelled {
                Cancelled::Ended => anstream::eprintln!("{run} is cancelled"),
                Cancelled::Told => exit = clear_up(&holder, run, args.wait.unwrap_or(WAIT_MS), data).await?,
            }
        }
        Ok(exit)
    })
}

/// Cancels a run: here, or through the process that has the folder.
async fn cancel(holder: &Holder, run: RunId) -> Result<std::result::Result<Cancelled, Failure>> {
    let elsewhere = match holder {
        Holder::Here(folder) => return Ok(priory::resume::cancel(&folder.journal, &*machine_clock(), run, BY).await),
        Holder::Elsewhere(elsewhere) => elsewhere,
    };
    Ok(match elsewhere.request(&Request::Cancel { run, by: BY.to_owned() }).await? {
        Settled::Done => Ok(Cancelled::Ended),
        Settled::Told => Ok(Cancelled::Told),
        Settled::Refused(failure) => Err(failure),
    })
}

/// Lets a run that was told clear up behind itself, for some time.
async fn clear_up(holder: &Holder, run: RunId, wait_ms: u64, data: &Data) -> Result<Exit> {
    anstream::eprintln!("{run} clears up behind itself");
    let folder = data.typed();
    let taken = async {
        let patience = Patience::Within(wait_ms);
        match holder {
            Holder::Here(folder) => taking::take_up(folder, run, Mode::of_run(false), patience, false, false).await,
            Holder::Elsewhere(elsewhere) => elsewhere.follow(run, None, Patience::Endless, None).await,
        }
    };
    match tokio::time::timeout(Duration::from_millis(wait_ms), taken).await {
        Ok(ended) => {
            let ended = ended?;
            if ended.end.state == RunState::Cancelled {
                anstream::eprintln!("{run} is cancelled");
                return Ok(Exit::Ok);
            }
            Ok(ended.show(false, &taking::settings(), Some(&folder)))
        }
        Err(_) => {
            let error = Error::new(Exit::Failed, format!("{run} has not cleared up in time"));
            Err(error.hint(format!(
                "`priory runs resume {run}{folder}` goes on with it, and `priory runs cancel {run}{folder}` ends it at once"
            )))
        }
    }
}
