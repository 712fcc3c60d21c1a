// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory emit`: publishes an event from outside.

use std::io::Read;

use priory::core::inbox::{DATA_BYTES_MAX, ID_BYTES_MAX, is_event_key, is_event_name};
use priory::core::{Json, RunId};
use priory::spool::{Spool, Spooled};
use priory::{machine_clock, machine_ids};

use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;

/// Publish an event: it starts what triggers say, and wakes the runs that wait for it
///
/// The event is put into the data folder, whether or not `priory serve` has it; the next one that does publishes it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What kind of event, such as order.placed
    #[arg(value_name = "NAME")]
    name: String,
    /// What it says; `-` reads it from the standard input
    #[arg(value_name = "JSON", default_value = "null")]
    says: String,
    /// Names the event: with the same id it is published once, however often it is emitted [default: a new one]
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    data: Data,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    if !is_event_name(&args.name) {
        let form = "a name is made of lower-case letters, digits, `.`, `_` and `-`, such as `order.placed`";
        return Err(Error::usage(format!("`{}` cannot name an event", args.name)).hint(form));
    }
    let text = match args.says.as_str() {
        "-" => from_stdin()?,
        text => text.to_owned(),
    };
    let data = Json::parse(&text).map_err(|error| {
        Error::usage(format!("what the event says is {error}")).hint("quote it for the shell: '{\"order\": 17}'")
    })?;
    if data.byte_len() > DATA_BYTES_MAX {
        let (bytes, most) = (data.byte_len(), DATA_BYTES_MAX);
        return Err(Error::usage(format!("the event says {bytes} bytes, and {most} are the most")));
    }
    let fresh: RunId = machine_ids().run(machine_clock().unix_ms());
    // Times come first in it, so events are published in the order in which they were emitted.
    let name = fresh.to_string().trim_start_matches("run_").to_owned();
    let id = args.id.clone().unwrap_or_else(|| format!("outside/{name}"));
    if !is_event_key(&id, ID_BYTES_MAX) || id.starts_with('@') {
        let form =
            format!("it is visible ASCII without spaces, {ID_BYTES_MAX} bytes at most, and does not begin with `@`");
        return Err(Error::usage(format!("`{id}` cannot be the id of an event")).hint(form));
    }
    let event = Spooled { id: id.clone(), name: args.name.clone(), data };
    let spool = Spool::of(&args.data.folder()?);
    spool.put(&name, &event).map_err(|error| Error::io("the event cannot be put into the data folder", &error))?;
    output::line(&id);
    Ok(Exit::Ok)
}

fn from_stdin() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().take(DATA_BYTES_MAX.saturating_add(1)).read_to_string(&mut text);
    read.map_err(|error| Error::io("the standard input cannot be read", &error))?;
    Ok(text)
}
