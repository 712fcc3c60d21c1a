// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs resume`: takes up what a killed process left open, and what a timer was set for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use owo_colors::OwoColorize;
use priory::core::journal::{RunInfo, RunState};
use priory::core::ports::Clock;
use priory::core::{Failure, Journal, RunId};
use priory::machine_clock;
use serde_json::json;

use crate::folder::Folder;
use crate::prompt;
use crate::running::{self, Patience, parse_wait};
use crate::store::{self, Data};
use crate::taking::{self, DUE_MAX, Taken};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::live::Mode;
use crate::ui::text::{counted, printable};
use crate::ui::waits::Waits;
use crate::ui::{output, table, value};
use crate::when::{show_due, show_time};

/// How many runs that stay parked are shown.
const PARKED_SHOWN_MAX: usize = 20;

/// Go on with runs: those that a killed process left open, and those whose timer is due
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The runs: their ids, the beginnings of their ids, or @last
    #[arg(value_name = "RUN", required_unless_present = "all")]
    runs: Vec<String>,
    /// Finish every run that may go on
    #[arg(long, conflicts_with = "runs")]
    all: bool,
    /// Wait for timers that are not due yet, for so long at most
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "max",
        value_parser = parse_patience)]
    wait: Option<Patience>,
    /// Answer what a single run asks, line by line on standard input [default: on a terminal]
    #[arg(long, conflicts_with = "all")]
    answer: bool,
    /// Make every effect durable at once, whether anything outside depends on it or not
    #[arg(long)]
    eager: bool,
    /// Write one line of JSON for each run; of a single run, every event and its result
    #[arg(long)]
    json: bool,
}

fn parse_patience(text: &str) -> Result<Patience, String> {
    if text == "max" { Ok(Patience::Endless) } else { parse_wait(text).map(Patience::Within) }
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let patience = args.wait.unwrap_or(Patience::Within(0));
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let folder = data.open()?.told()?;
        let journal = folder.journal.clone();
        let clock = machine_clock();
        folder.retain(store::retention(), clock.unix_ms()).await;
        let mut named = BTreeSet::new();
        for text in &args.runs {
            let info = store::find(&journal, text).await?;
            if info.state.has_ended() {
                return Err(Error::new(Exit::Failed, format!("{} has ended: it is {}", info.id, info.state))
                    .hint(format!("`priory runs show {}` shows what it came to", info.id)));
            }
            named.insert(info.id);
        }
        if let (1, Some(run)) = (named.len(), named.first()) {
            let (mode, answers) = (Mode::of_run(args.json), prompt::is_wanted(args.answer, args.json));
            let ended = taking::take_up(&folder, *run, mode, patience, args.eager, answers).await?;
            folder.flush().await;
            return Ok(ended.show(args.json, &taking::settings(), Some(&data.typed())));
        }
        let mut many = Many {
            folder: folder.clone(),
            journal,
            clock,
            named: (!args.all).then_some(named),
            args,
            taken: BTreeMap::new(),
        };
        tokio::select! {
            ended = many.drive(patience) => ended?,
            _ = tokio::signal::ctrl_c() => {
                anstream::eprintln!("interrupted: what was not finished goes on with `priory runs resume --all`");
                return Ok(Exit::Interrupted);
            }
        }
        folder.flush().await;
        many.show(&data.typed()).await
    })
}

/// Many runs that are taken up together.
struct Many<'a> {
    folder: Folder,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    /// `None` means all.
    named: Option<BTreeSet<RunId>>,
    args: &'a Args,
    /// What became of each so far.
    taken: BTreeMap<RunId, Taken>,
}

impl Many<'_> {
    /// Takes up whatever may go on, until nothing may.
    async fn drive(&mut self, patience: Patience) -> Result<()> {
        loop {
            let mut ready = taking::ready(&self.journal, &*self.clock).await?;
            ready.retain(|run| self.is_meant(*run));
            // A run that stayed open cannot go on here, and would not the next time either.
            ready.retain(|run| !self.taken.get(run).is_some_and(stays_open));
            if !ready.is_empty() {
                let (json, taken) = (self.args.json, &mut self.taken);
                let mut tell = |one: &Taken| {
                    if !json {
                        anstream::eprintln!("{}", format!("{} {}", one.0, state(one)).dimmed());
                    }
                    taken.insert(one.0, one.clone());
                };
                taking::take_up_all(&self.folder, &ready, self.args.eager, &mut tell).await?;
                continue;
            }
            let now = self.clock.unix_ms();
            let until = match patience {
                Patience::Endless => u64::MAX,
                Patience::Within(0) => return Ok(()),
                Patience::Within(ms) => now.saturating_add(ms),
            };
            let due = self.journal.due(until, DUE_MAX).await?;
            let mut timers = due.iter().filter(|due| due.wait.is_timer() && self.is_meant(due.run));
            let Some(due) = timers.next().and_then(|due| due.wait.due_unix_ms) else { return Ok(()) };
            let line = format!("waits for a timer that is due at {} UTC, {}", show_time(due), show_due(due, now));
            anstream::eprintln!("{}", line.dimmed());
            let left = Duration::from_millis(due.saturating_sub(now));
            self.clock.sleep_until(self.clock.elapsed().saturating_add(left)).await;
        }
    }

    fn is_meant(&self, run: RunId) -> bool {
        self.named.as_ref().is_none_or(|named| named.contains(&run))
    }

    /// Shows what became of each run, and what stays parked and why.
    async fn show(&self, folder: &str) -> Result<Exit> {
        let mut parked: Vec<RunInfo> = taking::every(&self.journal, &[RunState::Parked]).await?;
        parked.retain(|info| self.is_meant(info.id));
        if self.args.json {
            self.taken.values().for_each(|taken| output::line(&as_json(taken).to_string()));
        } else {
            let mut table = table::table(["run", "state", "result"]);
            let ended: Vec<_> = self.taken.values().filter(|taken| !is_parked(taken)).collect();
            for taken in &ended {
                table.add_row([
                    taken.0.to_string(),
                    state(taken),
                    printable(&result(taken).replace(['\n', '\t'], " ")),
                ]);
            }
            match ended.is_empty() {
                true => anstream::eprintln!("no run could go on to its end"),
                false => output::text(&table::show(table)),
            }
            self.show_parked(&parked, folder).await?;
        }
        let has_failed =
            self.taken.values().any(|taken| !is_parked(taken) && !matches!(&taken.1, Ok(end) if end.result.is_ok()));
        Ok(match (has_failed, parked.is_empty()) {
            (true, _) => Exit::Failed,
            (false, false) => Exit::Parked,
            (false, true) => Exit::Ok,
        })
    }

    async fn show_parked(&self, parked: &[RunInfo], folder: &str) -> Result<()> {
        let now = self.clock.unix_ms();
        for info in parked.iter().take(PARKED_SHOWN_MAX) {
            let waits = self.journal.waits(info.id).await?;
            let waits = Waits { run: info.id, waits: &waits, now, folder };
            anstream::eprintln!("{} stays parked: it {}", info.id, waits.headline());
            anstream::eprint!("{}", waits.render());
        }
        if parked.len() > PARKED_SHOWN_MAX {
            let more = counted(parked.len() - PARKED_SHOWN_MAX, "more run");
            anstream::eprintln!("{more} stay parked: `priory runs list --state parked` lists them");
        }
        Ok(())
    }
}

fn is_parked(taken: &Taken) -> bool {
    matches!(&taken.1, Ok(end) if end.state == RunState::Parked)
}

fn stays_open(taken: &Taken) -> bool {
    match &taken.1 {
        Ok(end) => end.state == RunState::Open,
        Err(_) => true,
    }
}

fn state(taken: &Taken) -> String {
    match &taken.1 {
        Ok(end) => end.state.to_string(),
        // It is as it was before.
        Err(_) => RunState::Open.to_string(),
    }
}

fn result(taken: &Taken) -> String {
    match &taken.1 {
        Ok(end) => match &end.result {
            Ok(report) => value::json(&report.output),
            Err(failure) => value::failure(failure),
        },
        Err(failure) => format!("cannot go on: {}", value::failure(failure)),
    }
}

fn as_json(taken: &Taken) -> serde_json::Value {
    let run = taken.0;
    let failed = |failure: &Failure, state: RunState| json!({"run": run, "state": state, "failure": failure});
    match &taken.1 {
        Ok(end) => match &end.result {
            Ok(report) => json!({"run": run, "state": end.state, "report": report}),
            Err(_) if end.state == RunState::Parked => {
                let waits = Waits { run, waits: &end.waits, now: 0, folder: "" };
                json!({"run": run, "state": end.state, "waits": waits.as_json()})
            }
            Err(failure) => failed(failure, end.state),
        },
        Err(failure) => failed(failure, RunState::Open),
    }
}
