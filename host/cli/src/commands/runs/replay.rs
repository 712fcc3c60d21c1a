// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs replay`: executes a run again, offline, and proves that it comes to the same.

use std::sync::Arc;

use priory::core::{Envelope, Event, FramePath};
use priory::record::Silent;
use priory::{Believed, Replayed, believed};
use serde_json::json;

use crate::recorded::{Recorded, offline_host};
use crate::running;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::sides::both;
use crate::ui::text::counted;
use crate::ui::{output, table};

/// How wide both sides of a difference are shown, in characters.
const WIDTH: usize = 120;
/// How many programs are named that were not executed again.
const BELIEVED_SHOWN_MAX: usize = 50;

/// Execute a run again, offline, and prove that it comes to the same to the last bit
///
/// Whatever came from outside is taken from what is recorded: nothing is sent, asked, read or written. Every frame whose
/// program saw nothing else is executed again, and each effect, each outcome and the fuel of each frame are compared.
/// It ends with 0 when all is the same, and with 1 at the first difference.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of its id, @last, or a file that `priory runs export` wrote
    #[arg(value_name = "RUN|FILE")]
    run: String,
    /// Write the verdict as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let recorded = Recorded::read(&args.run, data).await?;
        let run = recorded.info.id;
        let skipped = believed(&recorded.events);
        if skipped.first().is_some_and(|first| first.frame == FramePath::root()) {
            return Err(Error::new(Exit::Failed, format!("{run} cannot be executed again: its program saw files"))
                .hint("give files to tools that an agent calls: then all but those tools is executed again"));
        }
        let host = offline_host(&recorded.journal, run).await?;
        let counts = Counts::of(&recorded.events, &skipped);
        let verdict = host.replay_kept(recorded.events, recorded.journal, Arc::new(Silent)).await?;
        match args.json {
            true => output::json(&json!({
                "run": run,
                "result": verdict,
                "frames": counts.frames,
                "effects": counts.effects,
                "believed": skipped,
            })),
            false => output::text(&render(&run.to_string(), &verdict, &counts, &skipped)),
        }
        Ok(match verdict {
            Replayed::Same | Replayed::UpTo { .. } => Exit::Ok,
            Replayed::Diverged { .. } => Exit::Failed,
        })
    })
}

/// How much of a run is executed again.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    frames: usize,
    effects: usize,
}

impl Counts {
    fn of(events: &[Envelope], believed: &[Believed]) -> Self {
        let again = |envelope: &&Envelope| !believed.iter().any(|above| envelope.frame.is_within(&above.frame));
        let mut frames = std::collections::BTreeSet::new();
        let mut effects = std::collections::BTreeSet::new();
        for envelope in events.iter().filter(again) {
            match &envelope.event {
                Event::FrameStarted(_) => drop(frames.insert(&envelope.frame)),
                Event::Intent { step, .. } | Event::Refused { step, .. } => {
                    effects.insert((&envelope.frame, *step));
                }
                _ => {}
            }
        }
        Self { frames: frames.len(), effects: effects.len() }
    }
}

fn render(run: &str, verdict: &Replayed, counts: &Counts, skipped: &[Believed]) -> String {
    let much = format!("{}, {}", counted(counts.frames, "frame"), counted(counts.effects, "effect"));
    let place = |at: &str| at.strip_prefix("at ").unwrap_or(at).to_owned();
    let mut text = match verdict {
        Replayed::Same => format!("{run} comes to the same, to the last bit: {much}\n"),
        Replayed::UpTo { at } => format!("{run} comes to the same up to {}, where what is known ends\n", place(at)),
        Replayed::Diverged { at, recorded, now } => {
            let sides = both(["recorded", "now"], [recorded, now], WIDTH);
            format!("{run} diverges at {}:\n{sides}", place(at))
        }
    };
    if !skipped.is_empty() {
        text.push_str("believed, and not executed again with what is below:\n");
        let groups = groups(skipped);
        let mut rows = table::plain();
        for (first, count) in groups.iter().take(BELIEVED_SHOWN_MAX) {
            let frames = match count {
                1 => format!("frame {}", first.frame),
                _ => format!("{count} frames, the first is {}", first.frame),
            };
            rows.add_row([format!("  {}", first.program), first.reason.in_words().to_owned(), frames]);
        }
        text.push_str(&table::show(rows));
        if groups.len() > BELIEVED_SHOWN_MAX {
            text.push_str(&format!("  … and {} more programs\n", groups.len() - BELIEVED_SHOWN_MAX));
        }
    }
    text
}

/// Returns the first frame of each program and reason, and how many there are.
fn groups(skipped: &[Believed]) -> Vec<(&Believed, usize)> {
    let mut groups: Vec<(&Believed, usize)> = Vec::new();
    for one in skipped {
        match groups.iter_mut().find(|(first, _)| first.program == one.program && first.reason == one.reason) {
            Some((_, count)) => *count += 1,
            None => groups.push((one, 1)),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_divergence_shows_both_sides() {
        let verdict = Replayed::Diverged {
            at: "at step 3 of frame 0".into(),
            recorded: r#"{"tool":"a"}"#.into(),
            now: r#"{"tool":"b"}"#.into(),
        };
        let text = render("run_x", &verdict, &Counts::default(), &[]);
        let expected = "\
run_x diverges at step 3 of frame 0:
  recorded  {\"tool\":\"a\"}
  now       {\"tool\":\"b\"}
                     ^
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_was_executed_again_is_counted() {
        let counts = Counts { frames: 2, effects: 1 };
        let text = render("run_x", &Replayed::Same, &counts, &[]);
        assert_eq!(text, "run_x comes to the same, to the last bit: 2 frames, 1 effect\n");
        let text = render("run_x", &Replayed::UpTo { at: "step 1 of frame 0".into() }, &counts, &[]);
        assert_eq!(text, "run_x comes to the same up to step 1 of frame 0, where what is known ends\n");
    }
}
