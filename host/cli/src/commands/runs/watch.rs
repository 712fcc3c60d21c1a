// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs watch`: follows a run while another process executes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use owo_colors::OwoColorize;
use priory::core::event::{Envelope, Event};
use priory::core::{Effect, FramePath, Outcome};
use priory::machine_clock;

use crate::running;
use crate::store::{self, Data};
use crate::ui::error::Result;
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::text::printable;
use crate::ui::value;
use crate::when::show_time;

/// How many events are read at once.
const PAGE_EVENTS: usize = 1_024;
/// How long to wait before looking again.
const POLL: Duration = Duration::from_millis(200);

/// Follow the events of a run until it ends
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of its id, or @last
    run: String,
    /// Leave out what happened before
    #[arg(long)]
    new: bool,
    /// Write each event as one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let journal = data.read()?;
        let info = store::find(&journal, &args.run).await?;
        let clock = machine_clock();
        let mut lines = Lines::default();
        let mut next = 0;
        loop {
            let page = journal.read(info.id, next, PAGE_EVENTS).await?;
            let is_last = page.len() < PAGE_EVENTS;
            for envelope in page {
                next = envelope.seq + 1;
                let is_shown = !args.new || envelope.seq >= info.events;
                // Lines name what happened before, so each is made.
                let line = if args.json { to_json(&envelope) } else { Some(lines.line(&envelope)) };
                if let Some(line) = line.filter(|_| is_shown) {
                    output::line(&line);
                }
                if matches!(envelope.event, Event::RunEnded { .. }) {
                    return Ok(Exit::Ok);
                }
            }
            if is_last {
                clock.sleep_until(clock.elapsed().saturating_add(POLL)).await;
            }
        }
    })
}

fn to_json(envelope: &Envelope) -> Option<String> {
    serde_json::to_string(envelope).ok()
}

/// Writes events for people.
#[derive(Debug, Default)]
struct Lines {
    /// Effects that have no outcome yet.
    open: BTreeMap<(FramePath, u32), Arc<Effect>>,
}

impl Lines {
    fn line(&mut self, envelope: &Envelope) -> String {
        let Envelope { seq, frame, unix_ms, event, .. } = envelope;
        let time = show_time(*unix_ms);
        // The day is in `runs show`.
        let time = time.get(11..).unwrap_or_default();
        let place = format!("{seq:>6} {time}");
        let depth = "  ".repeat(frame.depth() as usize);
        let what = printable(&self.what(frame, event).replace(['\n', '\t'], " "));
        format!("{}  {depth}{} {what}", place.dimmed(), frame.to_string().dimmed())
    }

    fn what(&mut self, frame: &FramePath, event: &Event) -> String {
        match event {
            Event::RunStarted(started) => format!("{} begins with {}", started.program, value::json(&started.input)),
            Event::RunResumed { engine } => format!("taken up by {engine}"),
            Event::FrameStarted(started) => format!("{} begins", started.program),
            Event::Intent { step, effect } => {
                self.open.insert((frame.clone(), *step), effect.clone());
                format!("{step} {}", value::effect(effect))
            }
            Event::Refused { step, effect, failure } => {
                format!("{step} {} is refused: {}", effect.summary(), value::failure(failure))
            }
            Event::Outcome { step, outcome } => self.outcome(frame, *step, outcome),
            Event::Spent { step, spent } => format!("{step} {}", value::spent(spent)),
            Event::Log { message, .. } => format!("log: {}", value::text(message)),
            Event::FrameEnded { failure: None, .. } => "ends".to_owned(),
            Event::FrameEnded { failure: Some(failure), .. } => format!("fails: {}", value::failure(failure)),
            Event::RunEnded { result: Ok(report), .. } => format!("the run is done: {}", value::json(&report.output)),
            Event::RunEnded { result: Err(failure), .. } => format!("the run failed: {}", value::failure(failure)),
        }
    }

    fn outcome(&mut self, frame: &FramePath, step: u32, outcome: &Outcome) -> String {
        let effect = self.open.remove(&(frame.clone(), step));
        let name = effect.map(|effect| format!("{} ", effect.summary())).unwrap_or_default();
        format!("{step} {name}→ {}", value::outcome(outcome))
    }
}
