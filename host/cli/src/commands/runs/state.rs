// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs state`: what the programs of a run shared, and who wrote what.

use std::collections::BTreeMap;

use priory::core::{Envelope, Event, FramePath};
use priory::{KeyState, resume, state_of};
use serde_json::json;

use crate::store::{self, Data};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::table::{align_right, show, table};
use crate::ui::text::printable;
use crate::{running, when};

/// How much of a value is shown to people, in characters.
const VALUE_CHARS: usize = 60;

/// Show the state that the programs of a run share
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of its id, or @last
    #[arg(value_name = "RUN")]
    run: String,
    /// A key: shows what it holds and who wrote it
    #[arg(value_name = "KEY")]
    key: Option<String>,
    /// Write one line of JSON for each key
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let journal = data.read()?;
        let run = store::find(&journal, &args.run).await?.id;
        let events = resume::read_all(&journal, run).await?;
        let mut keys = state_of(&events);
        if let Some(wanted) = &args.key {
            let names: Vec<String> = keys.iter().map(|key| key.key.clone()).collect();
            keys.retain(|key| key.key == *wanted);
            if keys.is_empty() {
                let error =
                    Error::new(Exit::NotFound, format!("the state of {run} has no key `{}`", printable(wanted)));
                return Err(error.hint(match names.is_empty() {
                    true => "none of its programs wrote to its state".to_owned(),
                    false => format!("its keys are {}", names.join(", ")),
                }));
            }
        }
        if args.json {
            keys.iter().for_each(|key| output::line(&json!(key).to_string()));
        } else if args.key.is_some() {
            keys.iter().for_each(|key| output::text(&one(key, &events)));
        } else {
            output::text(&all(&keys));
        }
        Ok(Exit::Ok)
    })
}

/// Shows what every key holds.
fn all(keys: &[KeyState]) -> String {
    if keys.is_empty() {
        return "none of its programs wrote to its state\n".to_owned();
    }
    let mut table = table(["key", "merge", "revision", "value"]);
    for key in keys {
        let value = excerpt(key.value.as_str());
        table.add_row([key.key.clone(), key.merge.to_string(), key.revision.to_string(), value]);
    }
    align_right(&mut table, &[2]);
    show(table)
}

/// Shows what one key holds, and its writes.
fn one(key: &KeyState, events: &[Envelope]) -> String {
    let programs = programs(events);
    let mut table = table(["revision", "frame", "step", "program", "when", "written"]);
    for change in &key.changes {
        let program = programs.get(&change.by).cloned().unwrap_or_default();
        let (frame, step) = (change.by.to_string(), change.step.to_string());
        let when = when::show_time(change.unix_ms);
        table.add_row([change.revision.to_string(), frame, step, program, when, excerpt(&change.text)]);
    }
    align_right(&mut table, &[0, 2]);
    format!("{} ({}) is {}\n\n{}", key.key, key.merge, printable(key.value.as_str()), show(table))
}

/// Returns what each frame of a run executed.
fn programs(events: &[Envelope]) -> BTreeMap<FramePath, String> {
    let started = events.iter().filter_map(|envelope| match &envelope.event {
        Event::FrameStarted(started) => Some((envelope.frame.clone(), started.program.to_string())),
        _ => None,
    });
    started.collect()
}

fn excerpt(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_string(),
    }
}
