// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory triggers`: what starts runs by itself.

use std::path::PathBuf;

use clap::Subcommand;
use priory::machine_clock;
use priory::manifest::{Ending, Occasion, Trigger};
use priory::triggers::{Standing, standings};
use serde_json::{Value, json};

use crate::project;
use crate::running;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::text::printable;
use crate::ui::{output, table};
use crate::when::{show_due, show_time};

/// List what starts runs by itself
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(ListArgs),
}

/// List the triggers of a manifest: when each comes due next, and what it started last
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// A folder with a `priory.toml` [default: the nearest manifest]
    #[arg(value_name = "PROJECT")]
    project: Option<PathBuf>,
    /// Write one line of JSON for each trigger
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let Verb::List(list) = &args.verb;
    let manifest = project::read_manifest(list.project.as_deref())?;
    let now = machine_clock().unix_ms();
    let runtime = running::runtime()?;
    let standings = runtime.block_on(async {
        let journal = args.data.read()?;
        Ok::<_, Error>(standings(&journal, &manifest, now).await?)
    })?;
    if standings.is_empty() && !list.json {
        anstream::eprintln!("{} has no triggers", manifest.path.display());
        return Ok(Exit::Ok);
    }
    let rows: Vec<_> = manifest
        .triggers
        .iter()
        .filter_map(|(name, trigger)| Some((name.as_str(), trigger, standings.get(name)?)))
        .collect();
    match list.json {
        true => rows.iter().for_each(|row| output::line(&as_json(*row).to_string())),
        false => output::text(&render(&rows, now)),
    }
    Ok(Exit::Ok)
}

type Row<'a> = (&'a str, &'a Trigger, &'a Standing);

fn render(rows: &[Row<'_>], now: u64) -> String {
    let mut table = table::table(["trigger", "when", "starts", "next", "last (utc)", "run"]);
    for (name, trigger, standing) in rows {
        let next = standing.next_unix_ms.map(|due| show_due(due, now)).unwrap_or_default();
        let (last, run) = standing.last.map(|(run, at)| (show_time(at), run.to_string())).unwrap_or_default();
        table.add_row([(*name).to_owned(), printable(&when(&trigger.on)), trigger.start.clone(), next, last, run]);
    }
    table::show(table)
}

fn when(on: &Occasion) -> String {
    match on {
        Occasion::Event { name, matching: None } => format!("event {name}"),
        Occasion::Event { name, matching: Some(matching) } => format!("event {name} with {matching}"),
        Occasion::Schedule { schedule, .. } => schedule.to_string(),
        Occasion::After { program, when } => match when {
            Ending::Done => format!("after {program}"),
            Ending::Failed => format!("after {program} failed"),
            Ending::Any => format!("after {program}, done or failed"),
        },
    }
}

fn as_json((name, trigger, standing): Row<'_>) -> Value {
    json!({
        "trigger": name,
        "when": when(&trigger.on),
        "starts": trigger.start,
        "next-unix-ms": standing.next_unix_ms,
        "last-run": standing.last.map(|(run, _)| run),
        "last-unix-ms": standing.last.map(|(_, at)| at),
    })
}
