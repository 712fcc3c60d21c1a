// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs prune`: removes runs that have ended.

use priory::core::journal::{Retention, RunInfo, RunState};
use priory::machine_clock;

use crate::amount::{parse_duration, parse_size, show_bytes};
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::text::counted;
use crate::{running, taking};

/// Remove runs that have ended; open and parked runs are always kept
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Remove runs that ended longer ago than this, such as 30d
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    older_than: Option<u64>,
    /// Keep so many of the runs that have ended; the newest stay
    #[arg(long, value_name = "N")]
    keep: Option<u64>,
    /// Keep so many bytes of the runs that have ended; the newest stay
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<u64>,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let retention = Retention { age_ms: args.older_than, count: args.keep, bytes: args.max_bytes };
    if retention == Retention::default() {
        return Err(Error::usage("nothing says what is to be removed")
            .hint("give --older-than TIME, --keep N, --max-bytes SIZE, or several of them"));
    }
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let now = machine_clock().unix_ms();
        if args.dry_run {
            let journal = data.read()?;
            let ended: Vec<_> = RunState::ALL.into_iter().filter(|state| state.has_ended()).collect();
            let runs = taking::every(&journal, &ended).await?;
            let beyond = beyond(runs, retention, now);
            beyond.iter().for_each(|info| output::line(&info.id.to_string()));
            let bytes = beyond.iter().map(|info| info.bytes).sum();
            anstream::eprintln!("{} with {} would be removed", counted(beyond.len(), "run"), show_bytes(bytes));
            return Ok(Exit::Ok);
        }
        let folder = data.open()?;
        let pruned = folder.journal.prune(retention, now).await?;
        folder.forget_pruned(now).await.map_err(|error| Error::new(Exit::Store, error.to_string()))?;
        let count = usize::try_from(pruned.runs).unwrap_or(usize::MAX);
        output::line(&format!("{} with {} removed", counted(count, "run"), show_bytes(pruned.bytes)));
        Ok(Exit::Ok)
    })
}

/// Returns the runs that are beyond what is to be kept, as the journal chooses them: whatever is older than one that goes
/// for want of room goes as well.
fn beyond(mut ended: Vec<RunInfo>, retention: Retention, now: u64) -> Vec<RunInfo> {
    ended.sort_by_key(|info| std::cmp::Reverse((info.updated_unix_ms, info.id)));
    let (mut count, mut bytes) = (0u64, 0u64);
    ended.retain(|info| {
        count += 1;
        bytes = bytes.saturating_add(info.bytes);
        retention.age_ms.is_some_and(|most| now.saturating_sub(info.updated_unix_ms) > most)
            || retention.count.is_some_and(|most| count > most)
            || retention.bytes.is_some_and(|most| bytes > most)
    });
    ended
}
