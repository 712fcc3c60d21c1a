// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs that another process has: `priory serve` is asked to do what only it can, and its runs are followed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use priory::core::effect::Effect;
use priory::core::event::{Envelope, Event};
use priory::core::journal::{Awaited, QuestionId, RunInfo, RunState, Wait};
use priory::core::ports::Clock;
use priory::core::{Failure, FramePath, Journal, RunId, Usage};
use priory::spool::requests::{Progress, Request, Requests, Settled};
use priory::{RunEnd, machine_clock, machine_ids};

use crate::ended::Ended;
use crate::folder::Folder;
use crate::running::Patience;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::output;
use crate::ui::tree::Tree;

/// How long a request is waited for: whoever serves looks for them every 200 ms.
const REPLY_TIME: Duration = Duration::from_secs(10);
/// How often it is looked whether something has changed.
const POLL: Duration = Duration::from_millis(100);
/// How many events are read at once.
const PAGE_EVENTS: usize = 1_024;

/// A data folder that another process serves.
pub(crate) struct Elsewhere {
    folder: PathBuf,
    requests: Requests,
    /// To read from it.
    pub(crate) journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
}

/// Who may change the runs of a data folder.
pub(crate) enum Holder {
    /// This process.
    Here(Folder),
    /// Another one, which takes requests.
    Elsewhere(Elsewhere),
}

impl Holder {
    /// Takes a folder, or finds out that another process serves it.
    pub(crate) fn of(data: &Data) -> Result<Self> {
        let busy = match data.open_unless_busy()? {
            Ok(folder) => return Ok(Self::Here(folder)),
            Err(busy) => busy,
        };
        let folder = data.folder()?;
        let requests = Requests::of(&folder);
        match requests.is_served() {
            Ok(true) => {
                Ok(Self::Elsewhere(Elsewhere { folder, requests, journal: data.read()?, clock: machine_clock() }))
            }
            Ok(false) => Err(busy.hint(
                "it does not take requests, as `priory serve` does: answer or cancel at the terminal where it runs, or stop it",
            )),
            Err(error) => Err(busy.cause(error.to_string())),
        }
    }

    /// Returns the journal to read from.
    pub(crate) fn journal(&self) -> &Arc<dyn Journal> {
        match self {
            Self::Here(folder) => &folder.journal,
            Self::Elsewhere(elsewhere) => &elsewhere.journal,
        }
    }

    /// Returns what a run waits for: one that is in the memory of another process has it in its events.
    pub(crate) async fn waits(&self, info: &RunInfo) -> Result<Vec<Wait>> {
        match (self, info.state) {
            (Self::Elsewhere(elsewhere), RunState::Open) => {
                Ok(asked(info.id, &priory::resume::read_all(&elsewhere.journal, info.id).await?))
            }
            _ => Ok(self.journal().waits(info.id).await?),
        }
    }
}

/// Returns the questions of a run that have no outcome yet. Whether they may still be answered is known where it runs.
fn asked(run: RunId, events: &[Envelope]) -> Vec<Wait> {
    let mut open = BTreeMap::new();
    for Envelope { frame, event, .. } in events {
        match event {
            Event::Intent { step, effect } => {
                if let Effect::AskHuman(question) = &**effect {
                    let id = QuestionId::of(run, frame, *step, question);
                    let awaited = Awaited::Answer(id, Box::new(question.clone()));
                    let wait = Wait { frame: frame.clone(), step: *step, due_unix_ms: None, awaited };
                    open.insert((frame.clone(), *step), wait);
                }
            }
            Event::Outcome { step, .. } => drop(open.remove(&(frame.clone(), *step))),
            Event::FrameEnded { .. } => open.retain(|(asking, _): &(FramePath, u32), _| asking != frame),
            _ => {}
        }
    }
    open.into_values().collect()
}

// === impl Elsewhere ===

impl Elsewhere {
    /// Asks for something, and waits until it is done or refused.
    pub(crate) async fn request(&self, request: &Request) -> Result<Settled> {
        let failed = |error: &std::io::Error| Error::io("the process that has the folder cannot be asked", error);
        let fresh: RunId = machine_ids().run(self.clock.unix_ms());
        let name = fresh.to_string().trim_start_matches("run_").to_owned();
        self.requests.put(&name, request).map_err(|error| failed(&error))?;
        let until = self.clock.elapsed().saturating_add(REPLY_TIME);
        loop {
            let progress = self.requests.look(&name).map_err(|error| failed(&error))?;
            if let Progress::Over(settled) = progress {
                return Ok(settled);
            }
            let is_served = self.requests.is_served().map_err(|error| failed(&error))?;
            if is_served && self.clock.elapsed() < until {
                self.sleep().await;
                continue;
            }
            let folder = self.folder.display();
            if self.requests.withdraw(&name).map_err(|error| failed(&error))? {
                let error = Error::new(Exit::Store, format!("the process that has {folder} has not taken the request"));
                return Err(error.hint("nothing was done; try it again"));
            }
            // It may have been replied to just now.
            if let Progress::Over(settled) = self.requests.look(&name).map_err(|error| failed(&error))? {
                return Ok(settled);
            }
            let error =
                Error::new(Exit::Store, format!("the process that has {folder} took the request and has not replied"));
            return Err(error.hint(format!("it may still be done: `priory runs show {}` shows it", request.run())));
        }
    }

    /// Follows a run to where it ends, or waits for something that nobody here waits for. `answered` is a question that it
    /// does not wait for any more. With `is_json`, events from `next` on are written.
    pub(crate) async fn follow(
        &self,
        run: RunId,
        answered: Option<QuestionId>,
        patience: Patience,
        mut next: Option<u64>,
    ) -> Result<Ended> {
        let (mut tree, mut read, mut result) = (Tree::default(), 0, None);
        let until = match patience {
            Patience::Endless => None,
            Patience::Within(ms) => Some(self.clock.elapsed().saturating_add(Duration::from_millis(ms))),
        };
        loop {
            // The state first: what had happened by then is in the events.
            let state = self.journal.info(run).await?.state;
            let waits = self.journal.waits(run).await?;
            loop {
                let page = self.journal.read(run, read, PAGE_EVENTS).await?;
                let is_last = page.len() < PAGE_EVENTS;
                for envelope in page {
                    read = envelope.seq + 1;
                    tree.apply(&envelope);
                    if let Some(line) = next.filter(|next| envelope.seq >= *next).and_then(|_| line(&envelope)) {
                        output::line(&line);
                        next = Some(read);
                    }
                    if let Event::RunEnded { result: ended, usage } = envelope.event {
                        result = Some((ended, usage));
                    }
                }
                if is_last {
                    break;
                }
            }
            let now = self.clock.unix_ms();
            let ended = |state, result, usage, waits, tree| {
                let end = RunEnd { state, result, usage, waits };
                Ended { run, end, tree, missing: None, is_interrupted: false, now }
            };
            if let (true, Some((result, usage))) = (state.has_ended(), result.take()) {
                return Ok(ended(state, result, usage, Vec::new(), tree));
            }
            let is_new = waits.iter().filter_map(Wait::question).all(|(id, _)| Some(id) != answered);
            let is_late = until.is_some_and(|until| self.clock.elapsed() >= until);
            if state == RunState::Parked && is_new && (is_late || patience.wakes_at(&waits, now).is_none()) {
                return Ok(ended(state, Err(Failure::other("it waits")), Usage::default(), waits, tree));
            }
            if is_late {
                return Err(Error::new(Exit::Failed, format!("{run} has not come to an end in time"))
                    .hint(format!("it goes on where it runs: `priory runs watch {run}` follows it")));
            }
            if !self.requests.is_served().unwrap_or(true) {
                let error = Error::new(Exit::Store, format!("{} is not served any more", self.folder.display()));
                return Err(error.hint(format!("nothing is lost: `priory runs resume {run}` goes on")));
            }
            self.sleep().await;
        }
    }

    async fn sleep(&self) {
        self.clock.sleep_until(self.clock.elapsed().saturating_add(POLL)).await;
    }
}

fn line(envelope: &Envelope) -> Option<String> {
    serde_json::to_string(envelope).ok()
}
