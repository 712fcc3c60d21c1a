// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs for tests of journals: small, and the same every time.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_core::amounts::BudgetSpec;
use priory_core::effect::{Effect, Level, Question};
use priory_core::event::{FrameStarted, Program, RunStarted};
use priory_core::journal::{Awaited, Batch, QuestionId, RunHeader, RunState, Wait};
use priory_core::ports::Ids;
use priory_core::{Envelope, Event, FramePath, Json, LimitSpec, Limits, Report, RunId, Usage, Value};

use crate::SeededIds;

/// When the runs of tests begin, in milliseconds since 1970.
pub const START_UNIX_MS: u64 = 1_790_000_000_000;

/// Returns the id of the run with a number; a higher number is a younger run.
pub fn run(number: u64) -> RunId {
    SeededIds::new(number).run(START_UNIX_MS + number)
}

/// Returns a header without labels and pins.
pub fn header(name: &str) -> RunHeader {
    let program = Program::Agent(name.into());
    RunHeader { started_unix_ms: START_UNIX_MS, program, labels: BTreeMap::new(), pins: Vec::new() }
}

/// Returns a question.
pub fn question(text: &str) -> Question {
    Question::new(text)
}

/// Returns a wait for the answer to a question.
pub fn asks(run: RunId, step: u32, text: &str) -> Wait {
    let (frame, question) = (FramePath::root(), question(text));
    let id = QuestionId::of(run, &frame, step, &question);
    Wait { frame, step, due_unix_ms: None, awaited: Awaited::Answer(id, Box::new(question)) }
}

/// Returns a wait for a time.
pub fn sleeps(step: u32, due_unix_ms: u64) -> Wait {
    Wait { frame: FramePath::root(), step, due_unix_ms: Some(due_unix_ms), awaited: Awaited::Timer }
}

/// Writes one run, batch after batch.
#[derive(Debug, Clone)]
pub struct Script {
    /// The run.
    pub run: RunId,
    /// The epoch of the lease that it writes under.
    pub epoch: u64,
    /// The position of the next event.
    pub next_seq: u64,
    /// The time of the next event, in milliseconds since 1970.
    pub unix_ms: u64,
}

impl Script {
    /// Begins a run that has a number.
    pub fn new(number: u64) -> Self {
        Self { run: run(number), epoch: 0, next_seq: 0, unix_ms: START_UNIX_MS }
    }

    /// Returns a batch with events, in the root frame, that follow those before.
    pub fn batch(&mut self, events: Vec<Event>) -> Batch {
        let first_seq = self.next_seq;
        let envelopes = events.into_iter().map(|event| {
            let (seq, unix_ms) = (self.next_seq, self.unix_ms);
            self.next_seq += 1;
            self.unix_ms += 1;
            Envelope { run: self.run, seq, frame: FramePath::root(), unix_ms, fuel: seq * 1_000, event }
        });
        let events = envelopes.collect();
        let (run, epoch) = (self.run, self.epoch);
        Batch { run, epoch, first_seq, events, header: None, state: None, waits: None }
    }

    /// Returns the first batch: what the run and its root frame were given.
    pub fn begin(&mut self, header: RunHeader) -> Batch {
        let batch = self.batch(vec![run_started(&header.program), frame_started(&header.program)]);
        Batch { header: Some(header), ..batch }
    }

    /// Returns a batch with one line of log.
    pub fn says(&mut self, message: &str) -> Batch {
        self.batch(vec![log(message)])
    }

    /// Returns a batch with an intent and its outcome, as a tool gives it.
    pub fn step(&mut self, step: u32, arguments: Json, result: Json) -> Batch {
        let tool = "notes.append".to_owned();
        let intent = Event::Intent { step, effect: Arc::new(Effect::tool(tool, arguments)) };
        let outcome = Event::Outcome { step, outcome: Arc::new(Ok(Value::Json(result))) };
        self.batch(vec![intent, outcome])
    }

    /// Returns the last batch: the run is done.
    pub fn end(&mut self) -> Batch {
        let result = Ok(Report { output: Json::null(), summary: None });
        let batch = self.batch(vec![Event::RunEnded { result, usage: Usage::default() }]);
        Batch { state: Some(RunState::Done), ..batch }
    }

    /// Returns a batch without events that parks the run.
    pub fn park(&mut self, waits: Vec<Wait>) -> Batch {
        Batch { state: Some(RunState::Parked), waits: Some(waits), ..self.batch(Vec::new()) }
    }
}

/// Returns a line of log.
pub fn log(message: &str) -> Event {
    Event::Log { level: Level::Info, message: message.into() }
}

/// Returns how a run begins.
pub fn run_started(program: &Program) -> Event {
    Event::RunStarted(Box::new(RunStarted {
        program: program.clone(),
        input: Json::null(),
        seed: "5eed".repeat(16),
        inputs: BTreeMap::new(),
        grants: None,
        limits: LimitSpec::default(),
        budget: BudgetSpec::default(),
        engine: "sample 1".into(),
        catalog: None,
        forked_from: None,
        events_after: None,
        model: None,
    }))
}

/// Returns how a frame begins.
pub fn frame_started(program: &Program) -> Event {
    Event::FrameStarted(Box::new(FrameStarted {
        program: program.clone(),
        plugin: None,
        limits: Limits::default(),
        mounts: Vec::new(),
        env: Vec::new(),
        config: Vec::new(),
    }))
}
