// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory events`: what was published.

use clap::Subcommand;
use priory::core::inbox::{Arrived, EventQuery};
use priory::spool::Spool;
use serde_json::json;

use crate::running;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::text::{counted, printable};
use crate::ui::{output, table};
use crate::when::show_time;

/// How much of what an event says is shown, in characters.
const SHOWN_CHARS_MAX: usize = 60;

/// List the events that were published
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

/// List the events that were published, the last first
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only those with this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How many, at most
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 20)]
    limit: u16,
    /// Write one line of JSON for each event
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let Verb::List(list) = &args.verb;
    let runtime = running::runtime()?;
    let events = runtime.block_on(async {
        let journal = args.data.read()?;
        let (name, most) = (list.name.clone(), usize::from(list.limit));
        let query = EventQuery { name, is_newest_first: true, most, ..EventQuery::default() };
        Ok::<_, Error>(journal.events(query).await?)
    })?;
    let waiting = Spool::of(&args.data.folder()?).files().map_or(0, |files| files.len());
    if waiting > 0 {
        anstream::eprintln!("{} on the way: `priory serve` publishes what is", counted(waiting, "event"));
    }
    if list.json {
        events.iter().for_each(|arrived| output::line(&json!(arrived).to_string()));
        return Ok(Exit::Ok);
    }
    if events.is_empty() {
        anstream::eprintln!("no event was published in {} that fits", args.data.folder()?.display());
        return Ok(Exit::Ok);
    }
    output::text(&render(&events));
    Ok(Exit::Ok)
}

fn render(events: &[Arrived]) -> String {
    let mut table = table::table(["position", "published (utc)", "name", "id", "says"]);
    for Arrived { position, record } in events {
        let says: String = record.data.as_str().chars().take(SHOWN_CHARS_MAX + 1).collect();
        let says = match says.chars().count() > SHOWN_CHARS_MAX {
            true => says.chars().take(SHOWN_CHARS_MAX - 1).chain(['…']).collect(),
            false => says,
        };
        table.add_row([
            position.to_string(),
            show_time(record.unix_ms),
            record.name.clone(),
            record.id.clone(),
            printable(&says.replace(['\n', '\t'], " ")),
        ]);
    }
    table::align_right(&mut table, &[0]);
    table::show(table)
}
