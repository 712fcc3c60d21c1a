// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs fork`: lets a run go another way from one of its events on.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use owo_colors::OwoColorize;
use priory::core::journal::RunState;
use priory::core::{Envelope, Event, Failure, FramePath, Journal, Json, RunId};
use priory::{Cancelled, Said, Turn, machine_clock};

use crate::running::{self, Ended, Patience};
use crate::store::{self, Data};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::live::Mode;
use crate::ui::output;
use crate::ui::text::{counted, printable};
use crate::ui::tree::Tree;
use crate::{project, taking};

/// Who ends a fork that cannot go on.
const BY: &str = "its fork, which does something else than was recorded";

/// Let a run go another way from one of its events on, as a run of its own
///
/// What was before that event is copied, and the copy goes on from there; the run itself stays as it is. Questions and
/// idempotency keys are named after the run: a fork repeats nothing that its parent did, and what it does from there on it
/// does itself, under keys of its own. It asks its own questions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of its id, or @last
    #[arg(value_name = "RUN")]
    run: String,
    /// From where on everything happens anew: a step as `priory runs show` writes it, such as 0.2, or the number of an
    /// event; 1 is the beginning
    #[arg(long, value_name = "STEP|EVENT")]
    at: At,
    /// `outcome=JSON` lets the step have given something else, and `failure=TEXT` lets it have failed; `input=JSON` starts
    /// anew with another input (only with `--at 1`)
    #[arg(long, value_name = "WHAT=VALUE")]
    set: Option<Set>,
    /// Go on with the plugins and grants of a project [default: the nearest manifest] instead of those that the run began with
    #[arg(long, value_name = "PROJECT", num_args = 0..=1)]
    current: Option<Option<PathBuf>>,
    /// Make the fork, and leave it open
    #[arg(long)]
    no_resume: bool,
    /// Write every event as one line of JSON, and the result as the last one
    #[arg(long)]
    json: bool,
    /// Take plugins as they were built last
    #[arg(long, requires = "current")]
    no_build: bool,
}

/// Where a run goes another way.
#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    Event(u64),
    Step(FramePath, u32),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seq) = text.parse() {
            return Ok(Self::Event(seq));
        }
        let path = text.parse::<FramePath>().ok();
        let step = path.and_then(|path| path.ancestors().last());
        let (frame, step) = step.ok_or("a step such as 0.2, or the number of an event is expected")?;
        Ok(Self::Step(frame, step))
    }
}

impl At {
    /// Finds the event: where the step began, or where it ended.
    fn find(&self, events: &[Envelope], is_end: bool) -> Result<u64> {
        let (frame, step) = match self {
            Self::Event(seq) => return Ok(*seq),
            Self::Step(frame, step) => (frame, *step),
        };
        let is_it = |envelope: &&Envelope| {
            envelope.frame == *frame
                && match &envelope.event {
                    Event::Intent { step: other, .. } | Event::Refused { step: other, .. } => *other == step && !is_end,
                    Event::Outcome { step: other, .. } => *other == step && is_end,
                    _ => false,
                }
        };
        let found = events.iter().rev().find(is_it).map(|envelope| envelope.seq);
        found.ok_or_else(|| {
            let what = if is_end { "has no outcome" } else { "is not there" };
            Error::not_found(format!("step {step} of frame {frame} {what}"))
                .hint("`priory runs show RUN` shows the steps of a run")
        })
    }
}

/// What is to be another.
#[derive(Debug, Clone)]
enum Set {
    Input(Json),
    Outcome(Said),
}

impl FromStr for Set {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let json = |value: &str| Json::parse(value).map_err(|error| error.to_string());
        match text.split_once('=') {
            Some(("input", value)) => json(value).map(Self::Input),
            Some(("outcome", value)) => json(value).map(|value| Self::Outcome(Said::Value(value))),
            Some(("failure", message)) => Ok(Self::Outcome(Said::Failure(message.to_owned()))),
            _ => Err("input=JSON, outcome=JSON or failure=TEXT is expected".to_owned()),
        }
    }
}

impl Args {
    fn turn(&self, events: &[Envelope]) -> Result<Turn> {
        Ok(match &self.set {
            None => Turn::Before(self.at.find(events, false)?),
            Some(Set::Outcome(said)) => Turn::Outcome { seq: self.at.find(events, true)?, said: said.clone() },
            Some(Set::Input(input)) if self.at == At::Event(1) => Turn::Input(input.clone()),
            Some(Set::Input(_)) => {
                return Err(Error::usage("another input changes everything, so it can only be set at the beginning")
                    .hint("add --at 1"));
            }
        })
    }
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let folder = data.open()?.told()?;
        let journal = folder.journal.clone();
        let parent = store::find(&journal, &args.run).await?.id;
        let turn = args.turn(&priory::resume::read_all(&journal, parent).await?)?;
        let host = match &args.current {
            None => taking::host_of(&folder, parent, false).await?,
            Some(project) => {
                let manifest = project::read_manifest(project.as_deref())?;
                let builder = project::open_all(&manifest, !args.no_build)?;
                folder.equip(builder, false).build().await?
            }
        };
        let run = host.fork(parent, turn, args.current.is_some()).await?;
        let copied = priory::resume::read_all(&journal, run).await?;
        let count = counted(copied.len(), "event");
        anstream::eprintln!("{}", format!("{run} has {count} of {parent}, and goes on from there").dimmed());
        if args.no_resume {
            output::line(&run.to_string());
            return Ok(Exit::Ok);
        }
        let mut tree = Tree::default();
        copied.iter().for_each(|envelope| tree.apply(envelope));
        let ended = running::resume(&host, run, tree, Mode::of_run(args.json), Patience::Endless, false).await?;
        folder.flush().await;
        match diverged(&ended) {
            Some(reason) => {
                give_up(&journal, run).await?;
                if args.json {
                    output::line(&ended.as_json());
                }
                Err(Error::new(
                    Exit::Failed,
                    format!("the fork does something else than {parent} did, so it ends here"),
                )
                .cause(printable(reason))
                .hint("fork it at an earlier event, where what differs has not happened yet"))
            }
            None => Ok(ended.show(args.json, &taking::settings(), Some(&data.typed()))),
        }
    })
}

/// Returns where a fork did something else than was recorded.
fn diverged(ended: &Ended) -> Option<&str> {
    match &ended.end.result {
        Err(Failure::Conflict { reason }) if ended.end.state == RunState::Open => Some(reason),
        _ => None,
    }
}

/// Ends a fork that would come to the same end whenever it is taken up.
async fn give_up(journal: &Arc<dyn Journal>, run: RunId) -> Result<()> {
    let clock = machine_clock();
    let give_up = || priory::resume::cancel(journal, &*clock, run, BY);
    let failed = |failure| Error::of_failure(&failure, &taking::settings());
    // What the copy would clear up is still the affair of the run that it is a copy of.
    if give_up().await.map_err(failed)? == Cancelled::Told {
        give_up().await.map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_step_or_an_event() {
        assert_eq!("12".parse(), Ok(At::Event(12)));
        assert_eq!("0.2.7".parse(), Ok(At::Step(FramePath::root().child(2), 7)));
        for wrong in ["", "x", "0.", "-1"] {
            assert!(wrong.parse::<At>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_set_has_a_name() {
        assert!(matches!("input={\"a\":1}".parse(), Ok(Set::Input(json)) if json.as_str() == "{\"a\":1}"));
        assert!(matches!("outcome=\"a=b\"".parse(), Ok(Set::Outcome(Said::Value(json))) if json.as_str() == "\"a=b\""));
        assert!(matches!("failure=a=b".parse(), Ok(Set::Outcome(Said::Failure(text))) if text == "a=b"));
        for wrong in ["input=x", "outcome", "else=1", ""] {
            assert!(wrong.parse::<Set>().is_err(), "{wrong}");
        }
    }
}
