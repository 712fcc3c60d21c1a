// SPDX-License-Identifier: MIT OR Apache-2.0
//! All lives of one run, and what outlives them: the journal, the outside, and the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use priory_core::amounts::BudgetSpec;
use priory_core::effect::{Ask, Question};
use priory_core::inbox::{EventQuery, EventRecord};
use priory_core::journal::{RunState, Wait};
use priory_core::ports::{BoxFuture, Clock};
use priory_core::{Digest, Envelope, Event, Failure, Journal, Json, LimitSpec, RunId};
use priory_engine::resume::{answer, cancel, read_all};
use priory_engine::{Cancelled, Durable, Reply, Request, RunEnd, Target};
use priory_journal::MemoryJournal;
use priory_testkit::SimClock;
use priory_testkit::sim::{Arrival, Faults, Outside, SimRng};

use crate::plan::{Plan, ROOT, START_UNIX_MS};
use crate::process::{Beyond, Deaf, Process};
use crate::think;

/// How many steps one run may take in all its lives.
const STEPS_MAX: u64 = 4_000_000;
/// How many lives one run may have.
const LIVES_MAX: u64 = 5_000;
/// How many steps a host goes on after it has given a run up.
const LEFT_STEPS_MAX: u64 = 40;

/// When hosts crash.
#[derive(Debug, Clone)]
pub enum Crashes {
    /// Never, and nothing else goes wrong either.
    Never,
    /// Once, at one step.
    At(u64),
    /// Again and again, by chance.
    Often,
}

/// What came of one run.
pub struct Story {
    /// The run.
    pub run: RunId,
    /// What was shown of its end.
    pub end: RunEnd,
    /// All that was kept of it.
    pub events: Vec<Envelope>,
    /// What reached the outside.
    pub arrivals: Vec<Arrival>,
    /// What was changed outside without asking the host.
    pub touches: BTreeMap<String, u64>,
    /// What was published.
    pub published: Vec<EventRecord>,
    /// How many steps all of it took.
    pub steps: u64,
    /// How many hosts had it.
    pub lives: u64,
    /// Whether it was ended while it was in nobody's memory.
    pub was_ended_parked: bool,
    /// Where it is kept.
    pub journal: Arc<dyn Journal>,
    /// Those whose answers were taken while the run was in memory.
    pub answered_by: Vec<String>,
    /// What models were asked, and what is remembered.
    pub thought: think::Outcome,
}

/// What a host does besides.
enum Mischief {
    Cancel,
    Leave,
    /// It is taken for dead and goes on.
    Linger,
}

enum Next {
    Again,
    Ended(RunEnd),
}

/// What outlives the hosts.
pub struct World {
    seed: u64,
    plan: Plan,
    crashes: Crashes,
    rng: SimRng,
    /// How likely a crash is at a step, in ten thousand.
    crash_chance: u64,
    faults: Faults,
    inner: Arc<dyn Journal>,
    beyond: Beyond,
    unix_ms: u64,
    run: Option<RunId>,
    lingering: Vec<Process>,
    steps: u64,
    lives: u64,
    was_ended_parked: bool,
    answered_by: Vec<String>,
}

impl World {
    /// Makes the world of a seed.
    pub fn new(seed: u64, crashes: Crashes) -> Self {
        let plan = Plan::of(seed);
        let rng = SimRng::new(seed).fork(7);
        let outside = Outside::new(rng.fork(8), plan.is_steady);
        let beyond = Beyond::new(seed, outside, plan.is_steady);
        let faults = match crashes {
            Crashes::Never => Faults { fail_percent: 0, steps_max: 3 },
            Crashes::At(_) => Faults { fail_percent: 0, steps_max: 3 },
            Crashes::Often => Faults { fail_percent: if rng.percent(25) { 5 } else { 0 }, steps_max: rng.below(8) },
        };
        let crash_chance = [10, 50, 200, 600].get(rng.index(4)).copied().unwrap_or_default();
        Self {
            seed,
            plan,
            crashes,
            rng,
            crash_chance,
            faults,
            inner: Arc::new(MemoryJournal::new()),
            beyond,
            unix_ms: START_UNIX_MS,
            run: None,
            lingering: Vec::new(),
            steps: 0,
            lives: 0,
            was_ended_parked: false,
            answered_by: Vec::new(),
        }
    }

    /// Lets the run come to its end, through as many lives as it takes.
    pub fn tell(&mut self) -> Result<Story, String> {
        let end = loop {
            self.lives += 1;
            if self.lives > LIVES_MAX {
                return Err(format!("the run has not ended after {LIVES_MAX} lives"));
            }
            if let Next::Ended(end) = self.live()? {
                break end;
            }
        };
        for process in std::mem::take(&mut self.lingering) {
            process.crash();
        }
        let run = self.run.ok_or("no run was started")?;
        let events = self.events()?;
        let every = EventQuery { most: usize::MAX >> 1, ..EventQuery::default() };
        let published = now(self.inner.events(every))?.map_err(|error| error.to_string())?;
        let published = published.into_iter().map(|arrived| arrived.record).collect();
        let (arrivals, touches) = (self.beyond.outside.arrivals(), self.beyond.outside.touches());
        let (steps, lives, was_ended_parked) = (self.steps, self.lives, self.was_ended_parked);
        let answered_by = std::mem::take(&mut self.answered_by);
        let journal = self.inner.clone();
        Ok(Story {
            run,
            end,
            events,
            arrivals,
            touches,
            published,
            steps,
            lives,
            was_ended_parked,
            answered_by,
            journal,
            thought: think::Outcome::of(&self.beyond.models, &self.beyond.kept),
        })
    }

    /// Returns what is kept of the run.
    pub fn events(&self) -> Result<Vec<Envelope>, String> {
        let run = self.run.ok_or("no run was started")?;
        now(Box::pin(read_all(&self.inner, run)))?.map_err(|error| error.to_string())
    }

    fn is_calm(&self) -> bool {
        !matches!(self.crashes, Crashes::Often)
    }

    fn crashes_now(&self) -> bool {
        match self.crashes {
            Crashes::Never => false,
            Crashes::At(step) => step == self.steps,
            // The more lives it had, the longer they get, so that every run comes to its end.
            Crashes::Often => self.rng.below(10_000 * (1 + self.lives / 10)) < self.crash_chance,
        }
    }

    /// Goes on with the run in a new host.
    fn live(&mut self) -> Result<Next, String> {
        let setting = (self.seed, self.unix_ms, self.faults);
        let mut process = Process::new(&self.plan, &self.beyond, &self.inner, &self.rng, setting)?;
        match self.known()? {
            Some(run) => process.resume(run, &self.plan),
            None => {
                let request = self.request(&process);
                self.run = Some(process.start(request).map_err(|failure| failure.to_string())?);
            }
        }
        let mut mischief = self.mischief();
        let mut left = None;
        loop {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(format!("the run has not ended after {STEPS_MAX} steps"));
            }
            self.answered_by.extend(process.answered().into_iter().filter(|by| !by.is_empty()));
            if self.crashes_now() || left == Some(0) {
                self.unix_ms = process.crash() + self.rng.below(3_000);
                return Ok(Next::Again);
            }
            left = left.map(|steps: u64| steps - 1);
            if !self.lingering.is_empty() && self.rng.percent(40) {
                let at = self.rng.index(self.lingering.len());
                self.lingering.get(at).map(Process::step);
            }
            let mut again = None;
            match mischief.take_if(|(at, _)| *at == 0) {
                None => {}
                Some((_, Mischief::Cancel)) => {
                    process.cancel();
                    // Who is not obeyed asks again.
                    again = self.rng.percent(40).then(|| (self.rng.below(200), Mischief::Cancel));
                }
                Some((_, Mischief::Leave)) => left = process.leave().then(|| self.rng.below(LEFT_STEPS_MAX)),
                Some((_, Mischief::Linger)) => {
                    self.unix_ms = process.clock.unix_ms();
                    // Of which nothing is kept, that is another run when it is begun again.
                    match self.known()? {
                        Some(_) => self.lingering.push(process),
                        None => _ = process.crash(),
                    }
                    return Ok(Next::Again);
                }
            }
            mischief = mischief.or(again).map(|(at, what)| (at.saturating_sub(1), what));
            if !self.is_calm() && self.rng.percent(6) {
                self.answer_live(&mut process);
            }
            match process.end() {
                Ok(None) => {}
                Ok(Some(end)) => return self.after(end, process),
                Err(failure) => return self.not_taken_up(&failure, process),
            }
            if !process.step() && left.is_none() {
                return Err("the run stands still: nothing can go on, and no timer is set".to_owned());
            }
        }
    }

    /// Returns the run, when anything is kept of it.
    fn known(&self) -> Result<Option<RunId>, String> {
        let Some(run) = self.run else { return Ok(None) };
        if now(self.inner.info(run))?.is_ok() {
            return Ok(Some(run));
        }
        match self.beyond.outside.arrivals().is_empty() && self.beyond.outside.touches().is_empty() {
            true => Ok(None),
            false => Err("a run of which nothing is kept has reached the outside".to_owned()),
        }
    }

    fn request(&self, process: &Process) -> Request {
        let durable = Durable {
            journal: process.journal(),
            catalog: Digest::of(b"catalog"),
            plugins: Vec::new(),
            labels: BTreeMap::new(),
            is_eager: self.plan.is_eager,
            park_after: self.plan.park_after_ms.map(Duration::from_millis),
            begun_by: None,
        };
        Request {
            target: Target::Agent { name: ROOT.to_owned(), input: Json::null() },
            inputs: BTreeMap::new(),
            grants: None,
            limits: LimitSpec::default(),
            budget: BudgetSpec::default(),
            seed: Some(*Digest::of(&self.seed.to_le_bytes()).as_bytes()),
            model: None,
            recorder: Arc::new(Deaf),
            durable: Some(durable),
        }
    }

    fn mischief(&self) -> Option<(u64, Mischief)> {
        if self.is_calm() || !self.rng.percent(15) {
            return None;
        }
        let what = match self.rng.below(10) {
            0 | 1 if !self.plan.is_steady => Mischief::Cancel,
            0..6 => Mischief::Leave,
            _ => Mischief::Linger,
        };
        Some((self.rng.below(200), what))
    }

    /// Looks at what a life came to.
    fn after(&mut self, end: RunEnd, process: Process) -> Result<Next, String> {
        self.unix_ms = process.crash();
        let run = self.run.ok_or("no run was started")?;
        let state = now(self.inner.info(run))?.map(|info| info.state);
        match end.state {
            RunState::Done | RunState::Failed | RunState::Cancelled => match state {
                Ok(state) if state == end.state => Ok(Next::Ended(end)),
                other => Err(format!("{:?} was shown, and {other:?} is kept", end.state)),
            },
            RunState::Parked => match state {
                Ok(RunState::Parked) => self.unpark(run),
                // Another host has it meanwhile.
                Ok(_) if !self.lingering.is_empty() => Ok(Next::Again),
                other => Err(format!("it is said to be parked, and {other:?} is kept")),
            },
            RunState::Open => match &end.result {
                Err(Failure::Unavailable(_) | Failure::Cancelled { .. }) if !self.is_calm() => Ok(Next::Again),
                other => Err(format!("it was left open: {other:?}")),
            },
        }
    }

    /// Looks at why a run could not be taken up.
    fn not_taken_up(&mut self, failure: &Failure, process: Process) -> Result<Next, String> {
        self.unix_ms = process.crash();
        let run = self.run.ok_or("no run was started")?;
        let info = now(self.inner.info(run))?.map_err(|error| error.to_string())?;
        match failure {
            // Its end was durable before it could be shown.
            Failure::Conflict { .. } if info.state.has_ended() => match self.events()?.last().map(|last| &last.event) {
                Some(Event::RunEnded { result, usage }) => {
                    let (state, result, usage, waits) = (info.state, result.clone(), *usage, Vec::new());
                    Ok(Next::Ended(RunEnd { state, result, usage, waits }))
                }
                other => Err(format!("it has ended, and its last event is {other:?}")),
            },
            other => Err(format!("it could not be taken up: {other}")),
        }
    }

    /// Lets come what a parked run waits for: or cancels it, or takes it up too early.
    fn unpark(&mut self, run: RunId) -> Result<Next, String> {
        let mut waits = now(self.inner.waits(run))?.map_err(|error| error.to_string())?;
        // Nobody has to cancel it.
        let clears_up = waits.iter().any(Wait::is_for_cancel);
        waits.retain(|wait| !wait.is_for_cancel());
        let Some(wait) = waits.get(self.rng.index(waits.len())) else {
            return Err("it is parked and waits for nothing".to_owned());
        };
        let clock = SimClock::at(self.unix_ms);
        if !self.is_calm() && !self.plan.is_steady && self.rng.percent(if clears_up { 20 } else { 4 }) {
            let cancelled = now(Box::pin(cancel(&self.inner, &clock, run, "the simulation")))?;
            self.was_ended_parked = cancelled.map_err(|failure| failure.to_string())? == Cancelled::Ended;
            return Ok(Next::Again);
        }
        if !self.is_calm() && self.rng.percent(15) {
            return Ok(Next::Again);
        }
        let is_answerable = wait.question().is_some() || wait.event().is_some();
        let expires = is_answerable && wait.due_unix_ms.is_some() && self.rng.percent(30);
        match (wait.question(), wait.due_unix_ms) {
            (Some(_), due) if !expires && due.is_none_or(|due| due > self.unix_ms) => self.reply(run, wait, &clock)?,
            (_, due) if wait.event().is_some() && !expires && due.is_none_or(|due| due > self.unix_ms) => {
                self.publish(wait)?;
            }
            (_, Some(due)) => self.unix_ms = self.unix_ms.max(due),
            (_, None) => return Err(format!("it waits for nothing that can come: {wait:?}")),
        }
        Ok(Next::Again)
    }

    /// Publishes what a run waits for, and sees to it that this wakes it.
    fn publish(&self, wait: &Wait) -> Result<(), String> {
        let Some(sought) = wait.event() else { return Ok(()) };
        let id = format!("outside-{}", self.inner.head());
        let data = Json::from_encoder(self.steps.to_string());
        let record = EventRecord { id, name: sought.name.clone(), data, unix_ms: self.unix_ms, from: None };
        for is_new in [true, false] {
            let arrival = now(self.inner.publish(record.clone()))?.map_err(|error| error.to_string())?;
            if arrival.is_new != is_new {
                return Err(format!("the same event was published twice: {record:?}"));
            }
        }
        let arrived = now(self.inner.arrived(0, usize::MAX >> 1))?.map_err(|error| error.to_string())?;
        match arrived.iter().any(|arrived| arrived.wait == *wait) {
            true => Ok(()),
            false => Err(format!("what the run waits for is there, and nobody is told: {wait:?}")),
        }
    }

    /// Returns an answer to a question; where no timing shows, always the same.
    fn words(&self, asked: &Question) -> Json {
        let approve = r#"{"decision":"approve"}"#.to_owned();
        Json::from_encoder(match (&asked.kind, &asked.schema) {
            (Ask::Approve, _) if self.plan.is_steady || self.rng.percent(75) => approve,
            (Ask::Approve, _) => r#"{"decision":"reject","reason":"not now"}"#.to_owned(),
            (_, Some(_)) if self.rng.percent(50) => "\"repeat\"".to_owned(),
            (_, Some(_)) => "\"fail\"".to_owned(),
            (_, None) => format!("\"to {}\"", asked.text),
        })
    }

    /// Answers one of the questions of a run that is in memory.
    fn answer_live(&self, process: &mut Process) {
        let open = process.questions();
        if let (Some(run), Some(open)) = (self.run, open.get(self.rng.index(open.len()))) {
            // Where no timing shows, it must not show who was quicker.
            let by = if self.plan.is_steady { String::new() } else { format!("somebody {}", self.steps) };
            process.answer(Reply { run, question: open.id, value: self.words(&open.question), by });
        }
    }

    /// Answers a question, and makes sure that it can be answered once.
    fn reply(&self, run: RunId, wait: &Wait, clock: &SimClock) -> Result<(), String> {
        let Some((question, asked)) = wait.question() else { return Ok(()) };
        let value = self.words(asked);
        let reply = || Reply { run, question, value: value.clone(), by: String::new() };
        now(Box::pin(answer(&self.inner, clock, reply())))?.map_err(|failure| failure.to_string())?;
        match now(Box::pin(answer(&self.inner, clock, reply())))? {
            Ok(()) => Err(format!("question {question} was answered twice")),
            Err(_) => Ok(()),
        }
    }
}

/// Polls once what is ready at once.
pub(crate) fn now<T>(mut future: BoxFuture<'_, T>) -> Result<T, String> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("the journal in memory was not ready at once".to_owned()),
    }
}
