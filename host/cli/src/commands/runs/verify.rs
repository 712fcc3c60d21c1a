// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs verify`: proves that nobody edited what is kept.

use priory::core::journal::{RunState, Verdict};
use priory::core::{JournalError, RunId};
use serde_json::json;

use crate::store::{self, Data};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::text::{counted, printable};
use crate::{running, taking};

/// How many hexadecimal digits of a hash are shown to people.
const HASH_CHARS: usize = 16;

/// Check that every event is as it was written
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The runs: their ids, the beginnings of their ids, or @last
    #[arg(value_name = "RUN", required_unless_present = "all")]
    runs: Vec<String>,
    /// Check every run
    #[arg(long, conflicts_with = "runs")]
    all: bool,
    /// Write one line of JSON for each run
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let journal = data.read()?;
        let mut runs = Vec::new();
        for text in &args.runs {
            runs.push(store::find(&journal, text).await?.id);
        }
        if args.all {
            runs.extend(taking::every(&journal, &RunState::ALL).await?.into_iter().map(|info| info.id));
        }
        let mut altered = 0;
        for run in &runs {
            let verdict = match journal.verify(*run).await {
                Ok(verdict) => verdict,
                // What cannot be read at all is not as it was written either.
                Err(JournalError::Corrupt { what }) => Verdict::Altered { seq: 0, reason: what },
                Err(error) => return Err(error.into()),
            };
            altered += usize::from(matches!(verdict, Verdict::Altered { .. }));
            match args.json {
                true => output::line(&json!({"run": run, "result": verdict}).to_string()),
                false => output::line(&line(*run, &verdict)),
            }
        }
        match altered {
            0 => Ok(Exit::Ok),
            1 => Err(Error::new(Exit::Failed, "1 run is not as it was written")),
            count => Err(Error::new(Exit::Failed, format!("{count} runs are not as they were written"))),
        }
    })
}

fn line(run: RunId, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Intact { events, chain } => {
            let count = usize::try_from(*events).unwrap_or(usize::MAX);
            let chain: String = chain.chars().take(HASH_CHARS).collect();
            format!("{run} intact: {}, chain {chain}…", counted(count, "event"))
        }
        Verdict::Altered { seq, reason } => format!("{run} altered at event {seq}: {}", printable(reason)),
    }
}
