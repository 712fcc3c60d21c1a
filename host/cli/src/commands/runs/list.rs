// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory runs list`: the runs that are kept, the newest first.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use priory::core::RunId;
use priory::core::event::Program;
use priory::core::journal::{Awaited, RunInfo, RunQuery, RunState, Wait};
use priory::machine_clock;
use serde_json::{Value, json};

use crate::amount::show_bytes;
use crate::running;
use crate::store::{Data, parse_label};
use crate::ui::error::Result;
use crate::ui::exit::Exit;
use crate::ui::text::{counted, printable};
use crate::ui::{output, table};
use crate::when::{When, parse_when, show_due, show_span, show_time};

/// How wide a terminal is that has room for every column.
const WIDE_COLUMNS: u16 = 120;
/// How much of an id tells runs apart: the time is in it, to the millisecond.
const ID_CHARS: usize = 14;
/// How much of a name is shown where there is little room.
const NAME_CHARS_MAX: usize = 10;
/// How many runs are asked for at once.
const PAGE_RUNS: usize = 1_000;

/// The events that runs wait for, the first of each.
type Events = BTreeMap<RunId, String>;

/// List the runs that are kept, the newest first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only runs in this state: open, parked, done, failed or cancelled. May be given many times
    #[arg(long, value_name = "STATE")]
    state: Vec<RunState>,
    /// Only runs of the agent or the tool with this name
    #[arg(long, value_name = "NAME", visible_alias = "agent")]
    program: Option<String>,
    /// Only runs with this label. May be given many times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// Only runs that began at or after this time (UTC), such as 2026-11-21, 2026-11-21T08:30, or 2h for two hours ago
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<When>,
    /// Only runs that began before this time
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    until: Option<When>,
    /// How many runs at most
    #[arg(short = 'n', long = "most", value_name = "N", default_value_t = 50)]
    most: usize,
    /// Write one line of JSON for each run
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let now = machine_clock().unix_ms();
    let mut query = RunQuery {
        states: args.state.clone(),
        program: args.program.clone(),
        labels: args.labels.iter().cloned().collect(),
        since_unix_ms: args.since.map(|when| when.unix_ms(now)),
        until_unix_ms: args.until.map(|when| when.unix_ms(now)),
        ended_since_unix_ms: None,
        before: None,
        most: 0,
    };
    let runtime = running::runtime()?;
    let (runs, has_more, events) = runtime.block_on(async {
        let journal = data.read()?;
        let mut runs: Vec<RunInfo> = Vec::new();
        // One more than is shown tells whether there are more.
        let wanted = args.most.saturating_add(1);
        loop {
            query.most = (wanted - runs.len()).min(PAGE_RUNS);
            query.before = runs.last().map(|info| info.id);
            let page = journal.list(query.clone()).await?;
            let is_last = page.len() < query.most;
            runs.extend(page);
            if is_last || runs.len() >= wanted {
                break;
            }
        }
        let has_more = runs.len() > args.most;
        runs.truncate(args.most);
        let mut events = Events::new();
        for info in runs.iter().filter(|info| !args.json && info.state == RunState::Parked && info.questions == 0) {
            let waits = journal.waits(info.id).await?;
            if let Some(name) = waits.iter().find_map(awaited_event) {
                events.insert(info.id, name.to_owned());
            }
        }
        Ok::<_, crate::ui::error::Error>((runs, has_more, events))
    })?;
    if args.json {
        runs.iter().for_each(|info| output::line(&as_json(info).to_string()));
        return Ok(Exit::Ok);
    }
    if runs.is_empty() {
        anstream::eprintln!("no run is kept in {} that fits", data.folder()?.display());
        return Ok(Exit::Ok);
    }
    output::text(&render(&runs, &events, now, is_wide()));
    if has_more {
        anstream::eprintln!("… and more: -n N shows N of them");
    }
    Ok(Exit::Ok)
}

/// Writes a run for programs.
pub(super) fn as_json(info: &RunInfo) -> Value {
    json!(info)
}

/// Tells whether there is room for everything: on a wide terminal, and where a program reads.
fn is_wide() -> bool {
    !std::io::stdout().is_terminal() || table::width().is_none_or(|width| width >= WIDE_COLUMNS)
}

fn render(runs: &[RunInfo], events: &Events, now: u64, is_wide: bool) -> String {
    match is_wide {
        true => {
            let headings =
                ["run", "state", "program", "started (utc)", "took", "events", "bytes", "waits for", "labels"];
            let mut table = table::table(headings);
            for info in runs {
                table.add_row([
                    info.id.to_string(),
                    info.state.to_string(),
                    printable(&info.program.to_string()),
                    show_time(info.started_unix_ms),
                    show_span(took(info, now)),
                    info.events.to_string(),
                    show_bytes(info.bytes),
                    waits(info, events.get(&info.id), now),
                    labels(info),
                ]);
            }
            table::align_right(&mut table, &[4, 5, 6]);
            table::show(table)
        }
        false => {
            let mut table = table::table(["run", "state", "program", "began (utc)", "took", "bytes", "waits"]);
            for info in runs {
                let id: String = info.id.to_string().chars().take(ID_CHARS).collect();
                table.add_row([
                    id,
                    info.state.to_string(),
                    cut(name(&info.program)),
                    // Year and seconds are what is missed least.
                    show_time(info.started_unix_ms).get(5..16).unwrap_or_default().to_owned(),
                    show_span(took(info, now)),
                    show_bytes(info.bytes),
                    waits_briefly(info, events.contains_key(&info.id), now),
                ]);
            }
            table::align_right(&mut table, &[4, 5]);
            table::show(table)
        }
    }
}

fn name(program: &Program) -> &str {
    match program {
        Program::Agent(name) | Program::Tool(name) | Program::Workflow(name) | Program::Native(name) => name,
    }
}

fn cut(name: &str) -> String {
    match name.chars().count() > NAME_CHARS_MAX {
        true => printable(name).chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect(),
        false => printable(name),
    }
}

/// Returns how long a run took, or is old.
fn took(info: &RunInfo, now: u64) -> u64 {
    let until = if info.state.has_ended() { info.updated_unix_ms } else { now };
    until.saturating_sub(info.started_unix_ms)
}

/// Says in a few words what a run waits for.
fn waits(info: &RunInfo, event: Option<&String>, now: u64) -> String {
    let questions = usize::try_from(info.questions).unwrap_or(usize::MAX);
    if let (0, Some(name)) = (questions, event) {
        let due = info.due_unix_ms.map(|due| format!(", due {}", show_due(due, now)));
        return format!("event {}{}", printable(name), due.unwrap_or_default());
    }
    match (questions, info.due_unix_ms) {
        (0, None) => String::new(),
        (0, Some(due)) => format!("timer {}", show_due(due, now)),
        (count, None) => counted(count, "answer"),
        (count, Some(due)) => format!("{}, due {}", counted(count, "answer"), show_due(due, now)),
    }
}

/// Returns the event that is waited for.
fn awaited_event(wait: &Wait) -> Option<&str> {
    match &wait.awaited {
        Awaited::Event(sought) => Some(&sought.name),
        _ => None,
    }
}

/// Says in eight characters what a run waits for: answers, an event, or how long.
fn waits_briefly(info: &RunInfo, for_event: bool, now: u64) -> String {
    match (usize::try_from(info.questions).unwrap_or(usize::MAX), info.due_unix_ms) {
        (0, _) if for_event => "event".to_owned(),
        (0, due) => due.map(|due| show_span(due.saturating_sub(now))).unwrap_or_default(),
        (count, _) => counted(count, "answer"),
    }
}

/// Writes the labels of a run.
pub(super) fn labels(info: &RunInfo) -> String {
    let labels: Vec<_> = info.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    printable(&labels.join(" ").replace(['\n', '\t'], " "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn run(state: RunState, name: &str) -> RunInfo {
        let is_parked = state == RunState::Parked;
        RunInfo {
            id: RunId::from_parts(1_795_249_815_000, 7),
            state,
            program: Program::Agent(Arc::from(name)),
            started_unix_ms: 1_795_249_815_000,
            updated_unix_ms: 1_795_249_818_200,
            labels: BTreeMap::from([("job".to_owned(), "7".to_owned())]),
            events: 1_234,
            bytes: 56_789,
            due_unix_ms: is_parked.then_some(1_795_253_415_000),
            questions: u32::from(is_parked),
        }
    }

    fn check(is_wide: bool, expected: &str) {
        let runs = [run(RunState::Parked, "editor"), run(RunState::Cancelled, "an-agent-with-a-long-name")];
        let rendered = render(&runs, &Events::new(), 1_795_249_820_000, is_wide);
        assert_eq!(rendered, expected, "\n{rendered}");
        assert!(is_wide || expected.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn a_list_fits_where_it_is_read() {
        check(
            true,
            "\
RUN                             STATE      PROGRAM                          STARTED (UTC)         TOOK  EVENTS     BYTES  WAITS FOR                  LABELS
run_01M7YKMFER0000000000000007  parked     agent editor                     2026-11-21 08:30:15  5.0 s    1234  55.4 KiB  1 answer, due in 59.9 min  job=7
run_01M7YKMFER0000000000000007  cancelled  agent an-agent-with-a-long-name  2026-11-21 08:30:15  3.2 s    1234  55.4 KiB                             job=7
",
        );
        check(
            false,
            "\
RUN             STATE      PROGRAM     BEGAN (UTC)   TOOK     BYTES  WAITS
run_01M7YKMFER  parked     editor      11-21 08:30  5.0 s  55.4 KiB  1 answer
run_01M7YKMFER  cancelled  an-agent-…  11-21 08:30  3.2 s  55.4 KiB
",
        );
    }

    #[test]
    fn an_event_is_told_from_a_timer() {
        let info = RunInfo { questions: 0, ..run(RunState::Parked, "editor") };
        let (name, now) = ("mail.came".to_owned(), 1_795_249_815_000);
        assert_eq!(waits(&info, None, now), "timer in 1.0 h");
        assert_eq!(waits(&info, Some(&name), now), "event mail.came, due in 1.0 h");
        let endless = RunInfo { due_unix_ms: None, ..info };
        assert_eq!(waits(&endless, Some(&name), now), "event mail.came");
        assert_eq!(waits_briefly(&endless, true, now), "event");
    }
}
