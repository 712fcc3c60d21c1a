// SPDX-License-Identifier: MIT OR Apache-2.0
//! What holds in the end: nothing is missing, nothing was done twice, and every history is as it was written.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use priory::core::journal::{RunInfo, RunQuery, RunState, Verdict};
use priory::core::{Event, Journal, Json};
use priory::journal::SqliteJournal;
use priory::record::Silent;
use priory::{Host, Replayed, resume};

use crate::chain::{self, Step};
use crate::harness::Done;
use crate::options::Options;
use crate::service::Service;
use crate::worker::{JOURNAL, NUMBER};

/// How many runs are listed at once.
const PAGE: usize = 1_000;
/// How many violations are shown.
const SHOWN_MAX: usize = 20;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    runs: u64,
    events: u64,
    bytes: u64,
    /// How often runs were taken up, as they say themselves.
    resumed: u64,
    resumed_most: u64,
    steps: u64,
    replayed: u64,
    /// Steps that did not reach the service, and steps that did so under several keys.
    missing: u64,
    twice: u64,
    violations: Vec<String>,
}

/// Looks at every run, and at everything that reached the service.
pub(crate) async fn check(folder: &Path, service: &Service, host: &Host, options: &Options) -> anyhow::Result<Found> {
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(&folder.join(JOURNAL))?);
    let runs = runs(&journal).await?;
    let mut found = Found::default();
    let every = (runs.len() as u64).checked_div(options.replays).unwrap_or(u64::MAX).max(1);
    for (at, info) in (0..).zip(&runs) {
        check_run(&journal, info, service, &mut found).await?;
        if at % every == 0 {
            check_replay(&journal, info, host, &mut found).await?;
        }
    }
    let numbers: BTreeMap<u64, &RunInfo> = runs.iter().filter_map(|info| Some((number(info)?, info))).collect();
    if numbers.len() != runs.len() {
        found.violations.push(format!("{} runs have {} numbers", runs.len(), numbers.len()));
    }
    service.with(|book| {
        for ((number, step), keys) in &book.by_step {
            if keys.len() > 1 {
                found.twice += 1;
                found.violations.push(format!("step {step} of run {number} was done twice: {keys:?}"));
            }
            let Some(info) = numbers.get(number) else {
                found.violations.push(format!("step {step} was done for run {number}, which nobody knows"));
                continue;
            };
            if keys.iter().any(|key| !key.starts_with(&info.id.to_string())) {
                found.violations.push(format!("step {step} of run {number} has a key of another run: {keys:?}"));
            }
        }
        found.violations.append(&mut book.complaints);
    });
    Ok(found)
}

async fn runs(journal: &Arc<dyn Journal>) -> anyhow::Result<Vec<RunInfo>> {
    let mut found: Vec<RunInfo> = Vec::new();
    loop {
        let before = found.last().map(|info| info.id);
        let page = journal.list(RunQuery { before, most: PAGE, ..RunQuery::default() }).await?;
        let is_last = page.len() < PAGE;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

fn number(info: &RunInfo) -> Option<u64> {
    info.labels.get(NUMBER)?.parse().ok()
}

async fn check_run(
    journal: &Arc<dyn Journal>,
    info: &RunInfo,
    service: &Service,
    found: &mut Found,
) -> anyhow::Result<()> {
    let run = info.id;
    found.runs += 1;
    found.events += info.events;
    found.bytes += info.bytes;
    if info.state != RunState::Done {
        found.violations.push(format!("{run} is {}", info.state));
    }
    if let altered @ Verdict::Altered { .. } = journal.verify(run).await? {
        found.violations.push(format!("{run}: {altered:?}"));
    }
    let Some(number) = number(info) else {
        found.violations.push(format!("{run} has no number"));
        return Ok(());
    };
    let events = resume::read_all(journal, run).await?;
    let resumed = events.iter().filter(|event| matches!(event.event, Event::RunResumed { .. })).count() as u64;
    found.resumed += resumed;
    found.resumed_most = found.resumed_most.max(resumed);
    let input = chain::input(&service.url, number);
    let answers = answers(&input, number, service, found);
    let result = events.last().and_then(|last| match &last.event {
        Event::RunEnded { result: Ok(report), .. } => Some(report.output.to_value()),
        _ => None,
    });
    let results = result.and_then(|result| result.get("results").cloned());
    let expected = chain::expected(&input, &answers);
    if results.is_none() || results != expected {
        let shown = |value: Option<serde_json::Value>| value.map(|value| Json::from(value).to_string());
        found.violations.push(format!("{run} came to {:?}, not to {:?}", shown(results), shown(expected)));
    }
    Ok(())
}

/// Returns what the service answered to a run.
fn answers(input: &serde_json::Value, number: u64, service: &Service, found: &mut Found) -> HashMap<Step, u64> {
    let mut answers = HashMap::new();
    service.with(|book| {
        for step in chain::posts(input) {
            found.steps += 1;
            let key = book.by_step.get(&(number, step)).and_then(|keys| keys.first());
            match key.and_then(|key| book.answer(key)) {
                Some(answer) => drop(answers.insert(step, answer)),
                None => {
                    found.missing += 1;
                    found.violations.push(format!("step {step} of run {number} is missing"));
                }
            }
        }
    });
    answers
}

async fn check_replay(
    journal: &Arc<dyn Journal>,
    info: &RunInfo,
    host: &Host,
    found: &mut Found,
) -> anyhow::Result<()> {
    let events = resume::read_all(journal, info.id).await?;
    found.replayed += 1;
    match host.replay(events, Arc::new(Silent)).await {
        Ok(Replayed::Same) => {}
        other => found.violations.push(format!("{} executed again: {other:?}", info.id)),
    }
    Ok(())
}

/// Prints what was found, and tells whether all was well.
pub(crate) fn tell(found: &Found, done: &Done, service: &Service) -> anyhow::Result<bool> {
    let (arrivals, keys, repetitions) = service.with(|book| (book.arrivals, book.keys(), book.repetitions()));
    let seconds = |time: std::time::Duration| format!("{:.1} s", time.as_secs_f64());
    let rows = [
        ("kills", done.kills.to_string()),
        ("  while the host was starting", done.early.to_string()),
        ("  time", seconds(done.took)),
        ("  time of the last host", seconds(done.last_took)),
        ("runs, all of them verified", found.runs.to_string()),
        ("  taken up again", found.resumed.to_string()),
        ("  one run, at most", found.resumed_most.to_string()),
        ("  executed again", found.replayed.to_string()),
        ("events", found.events.to_string()),
        ("  bytes", found.bytes.to_string()),
        ("steps on the outside", found.steps.to_string()),
        ("  keys that arrived", keys.to_string()),
        ("  requests", arrivals.to_string()),
        ("  repeated under their key", repetitions.to_string()),
        ("  missing", found.missing.to_string()),
        ("  done twice", found.twice.to_string()),
        ("violations", found.violations.len().to_string()),
    ];
    for (name, figure) in rows {
        println!("{name:<32}{figure:>12}");
    }
    for violation in found.violations.iter().take(SHOWN_MAX) {
        println!("violation: {violation}");
    }
    Ok(found.violations.is_empty())
}
