// SPDX-License-Identifier: MIT OR Apache-2.0
//! One life of a host: an engine with its clock, its threads, its view of the journal and its way out.

use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use priory_core::ports::{Clock, Recorder, Secrets};
use priory_core::{Envelope, Failure, Journal, RunId};
use priory_engine::{Catalog, Engine, Gates, Open, Ports, Quota, Reply, Request, Resume, Revocations, RunEnd, Started};
use priory_journal::MemoryJournal;
use priory_testkit::sim::{
    Faults, FaultyJournal, KeptLine, Line, ModelLine, Outside, SimCompute, SimKept, SimModels, SimRng,
};
use priory_testkit::{SeededIds, SimClock};

use crate::plan::Plan;

/// Knows no secrets.
struct NoSecrets;

impl Secrets for NoSecrets {
    fn reveal(&self, name: &str) -> Result<String, Failure> {
        Err(Failure::absent(format!("secret {name}"), "the simulation has none"))
    }
}

/// Listens to nothing.
pub struct Deaf;

impl Recorder for Deaf {
    fn record(&self, _: &Envelope) {}
}

/// What is beyond all processes.
#[derive(Clone)]
pub struct Beyond {
    /// Who is sent requests.
    pub outside: Outside,
    /// Models.
    pub models: SimModels,
    /// Expenses and facts.
    pub kept: SimKept,
    /// Answers that serve again.
    pub answers: Arc<MemoryJournal>,
}

impl Beyond {
    /// Makes a world outside in which nothing has happened yet.
    pub fn new(seed: u64, outside: Outside, is_steady: bool) -> Self {
        let models = SimModels::new(SimRng::new(!seed).fork(1), is_steady);
        Self { outside, models, kept: SimKept::default(), answers: Arc::default() }
    }
}

type Slot = Arc<Mutex<Option<Result<Started, Failure>>>>;

/// One life of a host.
pub struct Process {
    /// Its time.
    pub clock: SimClock,
    /// Its engine.
    pub engine: Engine,
    /// What its operator configured.
    pub catalog: Arc<Catalog>,
    compute: SimCompute,
    journal: FaultyJournal,
    line: Line,
    models: ModelLine,
    kept: KeptLine,
    rng: SimRng,
    /// Where the run comes when it was taken up.
    slot: Slot,
    /// What takes the run up.
    taking: Option<Box<dyn Send + Sync>>,
    /// What answers questions of the run while it is in memory, and those whose answers were taken.
    answers: Vec<Box<dyn Send + Sync>>,
    answered: Arc<Mutex<Vec<String>>>,
    started: Option<Started>,
}

impl Process {
    /// Makes a host at a time.
    pub fn new(
        plan: &Plan,
        beyond: &Beyond,
        journal: &Arc<dyn Journal>,
        rng: &SimRng,
        (seed, unix_ms, faults): (u64, u64, Faults),
    ) -> Result<Self, String> {
        let (clock, compute) = (SimClock::at(unix_ms), SimCompute::default());
        let line = Line::new(beyond.outside.clone(), clock.clone(), rng.fork(2));
        // Of chances of its own, so that those that do not think are as they were.
        let chance = SimRng::new(seed ^ unix_ms.rotate_left(17));
        let models = ModelLine::new(beyond.models.clone(), chance.fork(1));
        let kept = KeptLine::new(beyond.kept.clone(), chance.fork(2));
        let engine = Engine::new(Ports {
            clock: Arc::new(clock.clone()),
            ids: Arc::new(SeededIds::new(seed)),
            http: Arc::new(line.clone()),
            secrets: Arc::new(NoSecrets),
            compute: Arc::new(compute.clone()),
            environment: Vec::new(),
            revocations: Arc::new(Revocations::default()),
            gates: Arc::new(Gates::new(Arc::new(clock.clone()))),
            engine: Arc::from("simulated"),
            models: Some(Arc::new(models.clone())),
            memory: Some(Arc::new(kept.clone())),
            expenses: Some(Arc::new(kept.clone())),
            answers: Some(beyond.answers.clone()),
            quota: Arc::new(Quota::new(plan.thinking.quota)),
        });
        let catalog = Arc::new(plan.catalog(&beyond.outside, &rng.fork(3))?);
        let journal = FaultyJournal::new(journal.clone(), rng.fork(4), faults);
        let (slot, rng) = (Slot::default(), rng.fork(5));
        Ok(Self {
            clock,
            engine,
            catalog,
            compute,
            journal,
            line,
            models,
            kept,
            rng,
            slot,
            taking: None,
            answers: Vec::new(),
            answered: Arc::default(),
            started: None,
        })
    }

    /// Returns the journal as this process sees it.
    pub fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(self.journal.clone())
    }

    /// Returns its threads.
    pub fn compute(&self) -> &SimCompute {
        &self.compute
    }

    /// Starts the run and returns its id.
    pub fn start(&mut self, request: Request) -> Result<RunId, Failure> {
        let started = self.engine.start(&self.catalog, request)?;
        let id = started.id;
        self.started = Some(started);
        Ok(id)
    }

    /// Takes the run up, in some of the next steps.
    pub fn resume(&mut self, run: RunId, plan: &Plan) {
        use priory_core::ports::Compute;
        let (engine, catalog, slot) = (self.engine.clone(), self.catalog.clone(), self.slot.clone());
        let resume = Resume {
            run,
            journal: self.journal(),
            is_eager: plan.is_eager,
            park_after: plan.park_after_ms.map(std::time::Duration::from_millis),
            recorder: Arc::new(Deaf),
        };
        self.taking = Some(self.compute.spawn(Box::pin(async move {
            let started = engine.resume(&catalog, resume).await;
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(started);
            }
        })));
    }

    /// Goes on by one step. Returns false when nothing can go on, now or ever.
    pub fn step(&self) -> bool {
        if self.compute.step(&self.rng) {
            return true;
        }
        match self.clock.next_wake() {
            Some(wait) => {
                self.clock.advance(wait);
                true
            }
            None => false,
        }
    }

    /// Returns what the run came to in this life, when it is there.
    pub fn end(&mut self) -> Result<Option<RunEnd>, Failure> {
        let taken = self.slot.lock().ok().and_then(|mut slot| slot.take());
        if let Some(taken) = taken {
            self.started = Some(taken?);
        }
        let Some(started) = &mut self.started else { return Ok(None) };
        let wait = pin!(started.wait());
        Ok(match wait.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        })
    }

    /// Ends the run, when it is there.
    pub fn cancel(&mut self) {
        if let Some(started) = &mut self.started {
            started.cancel();
        }
    }

    /// Returns what the run asks.
    pub fn questions(&self) -> Vec<Open> {
        self.started.as_ref().map(Started::questions).unwrap_or_default()
    }

    /// Answers a question of the run, in some of the next steps.
    pub fn answer(&mut self, reply: Reply) {
        use priory_core::ports::Compute;
        let (engine, journal, answered) = (self.engine.clone(), self.journal(), self.answered.clone());
        self.answers.push(self.compute.spawn(Box::pin(async move {
            let by = reply.by.clone();
            if engine.answer(Some(&journal), reply).await.is_ok()
                && let Ok(mut answered) = answered.lock()
            {
                answered.push(by);
            }
        })));
    }

    /// Returns those whose answers were taken since this was asked.
    pub fn answered(&self) -> Vec<String> {
        self.answered.lock().map(|mut answered| std::mem::take(&mut *answered)).unwrap_or_default()
    }

    /// Gives the run up, without the process going away. Returns whether it was there.
    pub fn leave(&mut self) -> bool {
        self.started.take().is_some()
    }

    /// Ends the process at once: what was not acknowledged may be lost.
    pub fn crash(mut self) -> u64 {
        self.journal.crash();
        self.line.crash();
        self.models.crash();
        self.kept.crash();
        self.started = None;
        self.taking = None;
        self.answers.clear();
        self.compute.crash();
        self.clock.unix_ms()
    }
}
