// SPDX-License-Identifier: MIT OR Apache-2.0
//! Triggers that start a run whenever another has ended.

use priory_core::Event;
use priory_core::event::Program;
use priory_core::journal::{JournalError, RunInfo, RunQuery, RunState};
use priory_manifest::{Ending, Occasion};
use serde_json::Value;

use super::{Came, Fired, Instance, One, PASS_MAX, Progress, Triggers, about_run};
use crate::error::Error;

/// How long after the time that it bears an end may become durable: what ended a little before the last look is looked at
/// again. It was started then, unless it was skipped.
const SLACK_MS: u64 = 10_000;
/// How many runs are read at once.
const PAGE_RUNS: usize = 256;

impl Triggers {
    /// Goes through the runs that ended since the last time.
    pub(super) async fn ends(
        &self,
        one: &One,
        unix_ms: u64,
        tell: &mut (dyn FnMut(Fired) + Send),
    ) -> Result<(), Error> {
        let Occasion::After { program, when } = &one.trigger.on else { return Ok(()) };
        let Progress::End { upto, since } = *one.progress.lock() else { return Ok(()) };
        let from = upto.saturating_sub(SLACK_MS).max(since);
        for info in self.ended(program, *when, from).await? {
            let ended = info.updated_unix_ms;
            let instance = self.end_of(&info, program).await?;
            match self.instance(one, instance).await? {
                Came::Over(None) => {}
                Came::Over(Some(fired)) => {
                    tell(fired);
                    self.advance(one, Progress::End { upto: ended.max(upto), since }).await?;
                }
                Came::Later => return Ok(()),
            }
        }
        // Whoever takes this up finds what was started there, so it need not be noted.
        *one.progress.lock() = Progress::End { upto: unix_ms.max(upto), since };
        Ok(())
    }

    /// Returns the runs of a program that ended since a time, the earliest end first.
    async fn ended(&self, program: &str, when: Ending, since_unix_ms: u64) -> Result<Vec<RunInfo>, JournalError> {
        let states = match when {
            Ending::Done => vec![RunState::Done],
            Ending::Failed => vec![RunState::Failed],
            Ending::Any => vec![RunState::Done, RunState::Failed],
        };
        let mut found: Vec<RunInfo> = Vec::new();
        let mut before = None;
        while found.len() < PASS_MAX {
            let query = RunQuery {
                states: states.clone(),
                program: Some(program.to_owned()),
                ended_since_unix_ms: Some(since_unix_ms),
                before,
                most: PAGE_RUNS,
                ..RunQuery::default()
            };
            let page = self.journal.list(query).await?;
            before = page.last().map(|info| info.id);
            let is_last = page.len() < PAGE_RUNS;
            found.extend(page.into_iter().filter(|info| is_startable(&info.program)));
            if is_last {
                break;
            }
        }
        found.sort_by_key(|info| (info.updated_unix_ms, info.id));
        Ok(found)
    }

    /// Reads what a run came to.
    async fn end_of(&self, info: &RunInfo, program: &str) -> Result<Instance, JournalError> {
        let last = self.journal.read(info.id, info.events.saturating_sub(1), 1).await?.pop();
        let (result, failure) = match last.map(|last| last.event) {
            Some(Event::RunEnded { result: Ok(report), .. }) => (report.output.to_value(), None),
            Some(Event::RunEnded { result: Err(failure), .. }) => (Value::Null, Some(failure.to_string())),
            _ => (Value::Null, None),
        };
        Ok(Instance {
            id: format!("end {}", info.id),
            unix_ms: info.updated_unix_ms,
            about: about_run(info.id, program, info.state, result.clone(), failure),
            plain: result,
            events_after: None,
        })
    }
}

/// Tells whether a program is one that triggers speak of: a tool may have the same name.
fn is_startable(program: &Program) -> bool {
    matches!(program, Program::Agent(_) | Program::Workflow(_))
}
