// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs diff`: compares two runs step by step.

use std::fmt::Write as _;

use priory::diff::{Counts, Diff, Difference, Part, Side, diff};
use serde_json::json;

use crate::recorded::Recorded;
use crate::running;
use crate::store::Data;
use crate::ui::error::Result;
use crate::ui::exit::Exit;
use crate::ui::sides::{both, cut};
use crate::ui::{output, table};

/// How wide both sides of the first difference are shown, in characters.
const WIDTH: usize = 120;
/// How wide each side of the others is shown, in characters.
const SIDE_CHARS: usize = 32;
/// How many differences are listed after the first.
const LISTED_MAX: usize = 20;

/// Compare two runs step by step
///
/// Frames are paired by their paths and effects by their steps. What differs between any two runs is left out: ids, times,
/// and what was used of time and memory. It ends with 0 when nothing else differs, and with 1 when something does.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run: its id, the beginning of its id, @last, or a file that `priory runs export` wrote
    #[arg(value_name = "A")]
    a: String,
    /// Another run
    #[arg(value_name = "B")]
    b: String,
    /// Write every difference as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let a = Recorded::read(&args.a, data).await?;
        let b = Recorded::read(&args.b, data).await?;
        let found = diff(&a.events, &b.events);
        match args.json {
            true => output::json(&as_json(&found)),
            false => {
                let name = |of: &Recorded| format!("{}  {}  {}", of.info.id, of.info.program, of.info.state);
                output::line(&format!("A  {}\nB  {}", name(&a), name(&b)));
                output::text(&render(&found));
            }
        }
        Ok(if found.is_same() { Exit::Ok } else { Exit::Failed })
    })
}

fn as_json(diff: &Diff) -> serde_json::Value {
    json!({
        "same": diff.is_same(),
        "same-seed": diff.same_seed,
        "counts": diff.counts,
        "differences": diff.differences,
    })
}

fn render(diff: &Diff) -> String {
    let mut text = String::new();
    if let Some((first, others)) = diff.differences.split_first() {
        let _ = writeln!(text, "\nfirst difference: {}, {}", place(first), first.what);
        text.push_str(&sides(first));
        if !others.is_empty() {
            text.push_str("\nthen\n");
            text.push_str(&list(others));
        }
    } else {
        text.push_str("\nnothing differs\n");
    }
    text.push('\n');
    text.push_str(&summary(diff));
    if !diff.same_seed {
        text.push_str("\nthe runs have different seeds, so their random numbers differ\n");
    }
    text
}

/// Names the place of a difference.
fn place(difference: &Difference) -> String {
    let frame = &difference.frame;
    let program = difference.program.as_ref().map(|program| format!(" ({program})")).unwrap_or_default();
    match (difference.part, difference.step) {
        (Part::Start, _) => "what they were started with".to_owned(),
        (Part::Result, _) => "what they came to".to_owned(),
        (Part::Log, Some(line)) => format!("line {line} of the log of frame {frame}{program}"),
        (_, Some(step)) => format!("step {step} of frame {frame}{program}"),
        (_, None) => format!("frame {frame}{program}"),
    }
}

fn sides(difference: &Difference) -> String {
    match (&difference.a, &difference.b) {
        (Some(a), Some(b)) => {
            let names = [a, b].map(|side| format!("event {}", side.seq));
            both([&format!("A  {}", names[0]), &format!("B  {}", names[1])], [&a.text, &b.text], WIDTH)
        }
        (a, b) => {
            let line = |name: &str, side: &Option<Side>| match side {
                Some(side) => {
                    let (text, _, _) = cut(&side.text, &side.text, WIDTH);
                    format!("  {name}  event {}  {text}\n", side.seq)
                }
                None => format!("  {name}  nothing\n"),
            };
            line("A", a) + &line("B", b)
        }
    }
}

/// Lists differences, each on a line.
fn list(differences: &[Difference]) -> String {
    let mut rows = table::plain();
    for difference in differences.iter().take(LISTED_MAX) {
        let text = |side: &Option<Side>| side.as_ref().map_or_else(|| "-".to_owned(), |side| side.text.clone());
        let (a, b, _) = cut(&text(&difference.a), &text(&difference.b), SIDE_CHARS);
        rows.add_row([format!("  {}", place(difference)), difference.what.to_owned(), a, b]);
    }
    let mut text = table::show(rows);
    if differences.len() > LISTED_MAX {
        let _ = writeln!(text, "  … and {} more, which --json lists", differences.len() - LISTED_MAX);
    }
    text
}

/// Shows how much is the same.
fn summary(diff: &Diff) -> String {
    let mut rows = table::table(["", "same", "changed", "only in A", "only in B"]);
    for (part, counts) in &diff.counts {
        let Counts { same, changed, only_a, only_b } = counts;
        let name = match part {
            Part::Start => "start",
            Part::Frame => "frames",
            Part::Effect => "effects",
            Part::Log => "lines of log",
            Part::Result => "result",
        };
        let numbers = [same, changed, only_a, only_b].map(ToString::to_string);
        rows.add_row(std::iter::once(name.to_owned()).chain(numbers));
    }
    table::align_right(&mut rows, &[1, 2, 3, 4]);
    table::show(rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use priory::core::FramePath;
    use priory::core::event::Program;

    use super::*;

    fn difference(step: u64, a: Option<&str>, b: Option<&str>) -> Difference {
        let side = |text: &str| Side { seq: 7, text: text.into() };
        Difference {
            part: Part::Effect,
            frame: FramePath::root(),
            program: Some(Program::Agent("a".into())),
            step: Some(step),
            what: "another outcome",
            a: a.map(side),
            b: b.map(side),
        }
    }

    #[test]
    fn the_first_difference_is_shown_whole_and_the_others_on_a_line() {
        let counts = BTreeMap::from([(Part::Effect, Counts { same: 10, changed: 1, only_a: 0, only_b: 1 })]);
        let differences = vec![difference(1, Some("x → 1"), Some("x → 2")), difference(2, None, Some("y"))];
        let text = render(&Diff { counts, differences, same_seed: false });
        let expected = "
first difference: step 1 of frame 0 (agent a), another outcome
  A  event 7  x → 1
  B  event 7  x → 2
                  ^

then
  step 2 of frame 0 (agent a)  another outcome  -  y

         SAME  CHANGED  ONLY IN A  ONLY IN B
effects    10        1          0          1

the runs have different seeds, so their random numbers differ
";
        assert_eq!(text, expected);
    }
}
