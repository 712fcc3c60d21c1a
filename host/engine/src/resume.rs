// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taking a run up again where it was, trying whether it comes to the same, and answering what it asks.

pub(crate) mod expenses;

use std::sync::Arc;
use std::time::Duration;

use priory_core::effect::Answer;
use priory_core::event::{Event, Program, RunStarted};
use priory_core::journal::{Batch, QuestionId, RunState};
use priory_core::ports::{Clock, Recorder};
use priory_core::{Envelope, Failure, FramePath, Journal, JournalError, Json, RunId, Value};
use serde::Serialize;

use crate::asked::{check_answer, not_asked};
pub use crate::cancel::cancel;
use crate::catalog::Catalog;
use crate::past::{Ends, Past};
use crate::run::Halt;
use crate::start::{Engine, Opened, Plan, Started, Target, root_job};
use crate::tape::{Keeping, Tape};

/// How many events are read at once.
const PAGE_EVENTS: usize = 4_096;
/// How many events one run may have to be taken up again; they are in memory while it is.
pub const EVENTS_MAX: u64 = 4_000_000;

/// A run that is to be taken up again.
pub struct Resume {
    /// Which.
    pub run: RunId,
    /// Where it is kept.
    pub journal: Arc<dyn Journal>,
    /// Whether every effect is made durable at once.
    pub is_eager: bool,
    /// After how long a run that only waits for people and timers leaves memory; `None` never.
    pub park_after: Option<Duration>,
    /// Who is told what happens from here on.
    pub recorder: Arc<dyn Recorder>,
}

/// A run that is to be executed again to see whether it comes to the same, without a journal, a key or a network.
pub struct Trial {
    /// Its events.
    pub events: Vec<Envelope>,
    /// Where the artifacts are that it reads; without it, those that it makes are all that there are.
    pub kept: Option<Arc<dyn Journal>>,
    /// Who is told of what is not among them.
    pub recorder: Arc<dyn Recorder>,
}

/// What a trial showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Replayed {
    /// All that was executed again came to the same, to the last bit.
    Same,
    /// It came to the same up to here, where what is known ends.
    UpTo {
        /// Where.
        at: String,
    },
    /// It came to something else.
    Diverged {
        /// Where first.
        at: String,
        /// What was recorded.
        recorded: String,
        /// What happens now.
        now: String,
    },
}

/// Reads all events of a run.
pub async fn read_all(journal: &Arc<dyn Journal>, run: RunId) -> Result<Vec<Envelope>, JournalError> {
    let mut events = Vec::new();
    loop {
        let page = journal.read(run, events.len() as u64, PAGE_EVENTS).await?;
        let is_last = page.len() < PAGE_EVENTS;
        events.extend(page);
        if is_last {
            return Ok(events);
        }
        if events.len() as u64 > EVENTS_MAX {
            let what = format!("run {run}");
            return Err(JournalError::TooLarge { what, bytes: events.len() as u64, most: EVENTS_MAX });
        }
    }
}

/// Returns what a run was started with.
pub async fn read_start(journal: &Arc<dyn Journal>, run: RunId) -> Result<RunStarted, JournalError> {
    let first = journal.read(run, 0, 1).await?;
    match first.into_iter().next().map(|envelope| envelope.event) {
        Some(Event::RunStarted(started)) => Ok(*started),
        _ => Err(JournalError::Corrupt { what: format!("run {run} does not begin with its start") }),
    }
}

impl Engine {
    /// Takes a run up again where it was. `catalog` is what it was started with, with the same plugins.
    ///
    /// Whoever had the run before cannot go on with it. Fails with `conflict` when the run has ended.
    pub async fn resume(&self, catalog: &Arc<Catalog>, resume: Resume) -> Result<Started, Failure> {
        let Resume { run: id, journal, is_eager, park_after, recorder } = resume;
        let lease = journal.claim(id).await?;
        if lease.state.has_ended() {
            return Err(Failure::Conflict { reason: format!("run {id} has ended: it is {}", lease.state) });
        }
        let events = read_all(&journal, id).await?;
        let (past, ends) = Past::read(events, false).map_err(|reason| unreadable(id, reason))?;
        let keeping = Keeping { journal: journal.clone(), epoch: lease.epoch, is_eager };
        let clock = self.ports().clock.clone();
        let tape = Arc::new(Tape::new(id, clock, recorder, Some(keeping), None, ends.next_seq));
        tape.stand(RunState::Open);
        tape.record(&FramePath::root(), 0, Event::RunResumed { engine: self.ports().engine.clone() });
        let opened = self.reopen(catalog, id, &ends, tape, past, Some(journal))?;
        expenses::settle(&opened.run);
        Ok(self.launch(opened, park_after))
    }

    /// Executes a run again, offline, and compares everything with what is recorded.
    pub async fn replay(&self, catalog: &Arc<Catalog>, trial: Trial) -> Result<Replayed, Failure> {
        let id = trial.events.first().map(|event| event.run);
        let id = id.ok_or_else(|| Failure::absent("run", "it has no events"))?;
        let (past, ends) = Past::read(trial.events, true).map_err(|reason| unreadable(id, reason))?;
        if let Some(deviation) = past.shared.lock().deviation.take() {
            return Ok(deviation.into_replayed());
        }
        let tape = Arc::new(Tape::new(id, self.ports().clock.clone(), trial.recorder, None, None, ends.next_seq));
        let opened = self.reopen(catalog, id, &ends, tape, past, trial.kept)?;
        let run = opened.run.clone();
        let is_open_ended = run.past.is_open_ended;
        let mut started = self.launch(opened, None);
        let end = started.wait().await;
        Ok(match (run.take_halt(), ends.result) {
            (Some(Halt::Past { frame, step }), _) => Replayed::UpTo { at: format!("step {step} of frame {frame}") },
            (Some(halt), _) => halt.into_replayed(),
            (None, Some(recorded)) if recorded == end.result => Replayed::Same,
            (None, _) if is_open_ended => Replayed::UpTo { at: "its end, which came from outside".to_owned() },
            (None, recorded) => Replayed::Diverged {
                at: "the end of the run".to_owned(),
                recorded: format!("{recorded:?}"),
                now: format!("{:?}", end.result),
            },
        })
    }

    fn reopen(
        &self,
        catalog: &Arc<Catalog>,
        id: RunId,
        ends: &Ends,
        tape: Arc<Tape>,
        past: Past,
        store: Option<Arc<dyn Journal>>,
    ) -> Result<Opened, Failure> {
        let started = &ends.started;
        let seed = blake3::Hash::from_hex(&started.seed).map_err(|error| unreadable(id, error.to_string()))?;
        let (inputs, budget) = (started.inputs.clone(), started.budget);
        let model = started.model.as_deref().map(Arc::from);
        let events_after = started.events_after.unwrap_or_default();
        let plan = Plan { id, seed: *seed.as_bytes(), inputs, budget, model, tape, past, events_after, store };
        let (run, receiver) = self.open(catalog, plan)?;
        let target = match &started.program {
            Program::Agent(name) | Program::Workflow(name) => {
                Target::Agent { name: name.to_string(), input: started.input.clone() }
            }
            Program::Tool(name) => Target::Tool { name: name.to_string(), arguments: started.input.clone() },
            Program::Native(name) => {
                let reason = "it is code of an embedder, which only that embedder can execute";
                return Err(Failure::absent(format!("program native {name}"), reason));
            }
        };
        let (job, _) = root_job(&run, target, started.grants.clone(), &started.limits)?;
        Ok(Opened { run, receiver, job })
    }
}

fn unreadable(run: RunId, reason: String) -> Failure {
    JournalError::Corrupt { what: format!("run {run}: {reason}") }.into()
}

/// An answer to a question of a parked run.
pub struct Reply {
    /// The run.
    pub run: RunId,
    /// The question.
    pub question: QuestionId,
    /// The answer.
    pub value: Json,
    /// Who answers.
    pub by: String,
}

/// Records the answer to a question of a parked run, once. The run goes on when it is taken up the next time.
pub async fn answer(journal: &Arc<dyn Journal>, clock: &dyn Clock, reply: Reply) -> Result<(), Failure> {
    let (run, id) = (reply.run, reply.question);
    let lease = journal.claim(run).await?;
    let mut waits = journal.waits(run).await?;
    let position = waits.iter().position(|wait| wait.question().is_some_and(|(open, _)| open == id));
    let wait = waits.remove(position.ok_or_else(|| not_asked(&reply))?);
    let (_, question) = wait.question().ok_or_else(|| not_asked(&reply))?;
    let now = clock.unix_ms();
    check_answer(question, wait.due_unix_ms, now, &reply)?;
    let Reply { value, by, .. } = reply;
    let outcome = Arc::new(Ok(Value::Answer(Answer { value, by })));
    let event = Event::Outcome { step: wait.step, outcome };
    let envelope = Envelope { run, seq: lease.next_seq, frame: wait.frame, unix_ms: now, fuel: 0, event };
    let batch = Batch {
        run,
        epoch: lease.epoch,
        first_seq: lease.next_seq,
        events: vec![envelope],
        header: None,
        state: Some(RunState::Open),
        waits: Some(waits),
    };
    Ok(journal.append(batch).await?)
}
