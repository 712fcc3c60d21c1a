// SPDX-License-Identifier: MIT OR Apache-2.0
//! How runs start, and how their ends reach whoever waits for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use priory_core::amounts::BudgetSpec;
use priory_core::artifact::Reference;
use priory_core::event::{Event, Program, RunStarted};
use priory_core::journal::{QuestionId, RunHeader, RunState, Wait};
use priory_core::ports::{Answers, Clock, Compute, Expenses, Http, Ids, Memory, Models, Recorder, Secrets};
use priory_core::{Digest, Failure, FramePath, GrantSet, Journal, Json, LimitSpec, Report, RunId, Usage};
use tokio::sync::oneshot;

use crate::asked::{Asked, Open, answer};
pub use crate::authorize::Revocations;
use crate::cancel::{self, Cancelled};
use crate::catalog::{Catalog, Layers};
use crate::drive;
use crate::execute::Job;
use crate::gate::Gates;
use crate::past::Past;
use crate::present::Present;
use crate::quota::Quota;
use crate::resume::{self, Reply};
use crate::run::Run;
use crate::tape::{Keeping, Tape};
pub use crate::target::Target;
pub(crate) use crate::target::{into_report, root_job};

/// What the engine needs of the world.
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids and seeds.
    pub ids: Arc<dyn Ids>,
    /// The way out.
    pub http: Arc<dyn Http>,
    /// Values of secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The threads of the guests.
    pub compute: Arc<dyn Compute>,
    /// The environment of the host, of which guests see what is granted.
    pub environment: Vec<(String, String)>,
    /// Grants that were taken back.
    pub revocations: Arc<Revocations>,
    /// What stands before tools and agents.
    pub gates: Arc<Gates>,
    /// Names what executes guests: other engines may count fuel otherwise.
    pub engine: Arc<str>,
    /// Models; without them, none is there.
    pub models: Option<Arc<dyn Models>>,
    /// Facts that outlive runs; without it, nothing is remembered.
    pub memory: Option<Arc<dyn Memory>>,
    /// What is spent on models across runs; without it, that is known of one run at a time.
    pub expenses: Option<Arc<dyn Expenses>>,
    /// Answers that serve again.
    pub answers: Option<Arc<dyn Answers>>,
    /// What all runs may spend on models in a day.
    pub quota: Arc<Quota>,
}

/// Where a run is kept, and how.
#[derive(Clone)]
pub struct Durable {
    /// Where.
    pub journal: Arc<dyn Journal>,
    /// The description of the catalog, kept there.
    pub catalog: Digest,
    /// What else is kept there and needed to execute the run again: its plugins.
    pub plugins: Vec<Digest>,
    /// Words of the operator by which the run can be found.
    pub labels: BTreeMap<String, String>,
    /// Whether every effect is made durable at once, instead of before the next one on the outside.
    pub is_eager: bool,
    /// After how long a run that only waits for people and timers leaves memory; `None` never.
    pub park_after: Option<std::time::Duration>,
    /// Under which id the run is begun, and what of what was published before is its business; `None` makes a new id, and
    /// begins with what is published from now on.
    pub begun_by: Option<Begun>,
}

/// What began a run that nobody started by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The id of the run: the same thing that happened begins the same run, so it begins once.
    pub id: RunId,
    /// The position of the event that began it, where it was one: all that was published afterwards is its business.
    pub events_after: Option<u64>,
}

/// What a run is started with.
pub struct Request {
    /// What it is about.
    pub target: Target,
    /// What the operator gave; grants may be templates over it.
    pub inputs: BTreeMap<String, String>,
    /// What the caller allows at most. `None` means everything that is configured; for native code, nothing.
    pub grants: Option<GrantSet>,
    /// Limits of the root frame, on top of the configured ones.
    pub limits: LimitSpec,
    /// What the whole run may spend, on top of the configured budget.
    pub budget: BudgetSpec,
    /// The seed of all its randomness; `None` means a new one.
    pub seed: Option<[u8; 32]>,
    /// The model that is asked where a program names none and none is configured for it, in place of the one that is
    /// configured for all.
    pub model: Option<String>,
    /// Who is told what happens.
    pub recorder: Arc<dyn Recorder>,
    /// Where it is kept; `None` keeps it nowhere. Native code cannot be executed again, so it is never kept.
    pub durable: Option<Durable>,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// Where it stands: it has ended, it is parked, or it stays open because it could not go on here.
    pub state: RunState,
    /// Its result; where it has not ended, why not.
    pub result: Result<Report, Failure>,
    /// What all of its frames used.
    pub usage: Usage,
    /// What it waits for while it is parked.
    pub waits: Vec<Wait>,
}

/// A run that was started. Dropping it cancels the run, or leaves it open where it is kept.
pub struct Started {
    /// Its id.
    pub id: RunId,
    run: Weak<Run>,
    asked: Arc<Asked>,
    receiver: Option<oneshot::Receiver<RunEnd>>,
    end: Option<RunEnd>,
    task: Option<Box<dyn Send + Sync>>,
}

impl Started {
    /// Waits for the end. It can be given up and taken up again, and tells the end as often as it is asked.
    pub async fn wait(&mut self) -> RunEnd {
        if let Some(receiver) = &mut self.receiver {
            self.end = receiver.await.ok();
            self.receiver = None;
        }
        // A host that is gone says nothing any more.
        let gone = || RunEnd {
            state: RunState::Open,
            result: Err(Failure::Cancelled { by: "the host".into() }),
            usage: Usage::default(),
            waits: Vec::new(),
        };
        self.end.clone().unwrap_or_else(gone)
    }

    /// Waits until the run is kept: from then on it goes on, whatever becomes of its host. A run that is kept nowhere is told
    /// of at once.
    pub async fn kept(&self) -> Result<(), Failure> {
        // A run that is gone has ended, and its end is kept, or could not be; either way its start says no more.
        let tape = self.run.upgrade().map(|run| run.tape.clone());
        match tape {
            Some(tape) => Ok(tape.commit().await?),
            None => Ok(()),
        }
    }

    /// Cancels the run; its end is then `cancelled`, unless it had ended. Programs that wait for that are told first, and
    /// may clear up behind themselves; cancelling again ends the run at once.
    ///
    /// Returns whether they were told. Nothing of that is durable yet: whose host goes away now may find the run as if nobody
    /// had cancelled it. [`Engine::cancel`] waits until it is.
    pub fn cancel(&mut self) -> bool {
        match self.run.upgrade() {
            Some(run) => run.cancel("whoever started the run", |_, _| ()).is_some(),
            None => {
                self.task = None;
                false
            }
        }
    }

    /// Returns what people are asked now, in the order of the program.
    pub fn questions(&self) -> Vec<Open> {
        self.asked.open()
    }

    /// Waits until a person is asked something that fits.
    pub fn next_question<F: Fn(&Open) -> bool>(&self, fits: F) -> impl Future<Output = Open> + use<F> {
        let asked = self.asked.clone();
        async move { asked.next(fits).await }
    }

    /// Waits until a question is over, in whatever way.
    pub fn question_over(&self, question: QuestionId) -> impl Future<Output = ()> + use<> {
        let asked = self.asked.clone();
        async move { asked.over(question).await }
    }

    /// Answers a question of the run, while it is in memory. The answer is recorded when this is ready; `false` says that the
    /// run leaves memory at this moment and keeps its question.
    pub async fn answer(&self, question: QuestionId, value: Json, by: &str) -> Result<bool, Failure> {
        answer(self.run.clone(), &Reply { run: self.id, question, value, by: by.to_owned() }).await
    }
}

/// Starts runs.
#[derive(Clone)]
pub struct Engine {
    ports: Arc<Ports>,
    /// The runs that it has in memory.
    present: Arc<Present>,
}

/// What a run is made of, before it is known whether it is new.
pub(crate) struct Plan {
    pub(crate) id: RunId,
    pub(crate) seed: [u8; 32],
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) budget: BudgetSpec,
    pub(crate) model: Option<Arc<str>>,
    pub(crate) tape: Arc<Tape>,
    pub(crate) past: Past,
    pub(crate) events_after: u64,
    /// Where the bytes of artifacts are; `None` holds them in memory.
    pub(crate) store: Option<Arc<dyn Journal>>,
}

/// A run that is ready to be set going.
pub(crate) struct Opened {
    pub(crate) run: Arc<Run>,
    pub(crate) receiver: oneshot::Receiver<RunEnd>,
    pub(crate) job: Job,
}

impl Engine {
    /// Makes an engine that stands on these ports.
    pub fn new(ports: Ports) -> Self {
        Self { ports: Arc::new(ports), present: Arc::default() }
    }

    /// Returns what the engine stands on.
    pub fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }

    /// Starts a run. It fails at once when its target is not there or an input does not fit a grant.
    pub fn start(&self, catalog: &Arc<Catalog>, request: Request) -> Result<Started, Failure> {
        let now = self.ports.clock.unix_ms();
        let begun = request.durable.as_ref().and_then(|durable| durable.begun_by);
        let id = begun.map_or_else(|| self.ports.ids.run(now), |begun| begun.id);
        let seed = request.seed.unwrap_or_else(|| self.ports.ids.seed());
        let program = request.target.program(catalog);
        let durable = request.durable.filter(|_| !matches!(program, Program::Native(_)));
        let keeping = durable.as_ref().map(|durable| Keeping {
            journal: durable.journal.clone(),
            epoch: 0,
            is_eager: durable.is_eager,
        });
        let header = durable.as_ref().map(|durable| RunHeader {
            started_unix_ms: now,
            program: program.clone(),
            labels: durable.labels.clone(),
            pins: std::iter::once(durable.catalog).chain(durable.plugins.iter().copied()).collect(),
        });
        let tape = Arc::new(Tape::new(id, self.ports.clock.clone(), request.recorder, keeping, header, 0));
        let (inputs, budget) = (request.inputs.clone(), request.budget);
        let head = durable.as_ref().map(|durable| durable.journal.head());
        let events_after = begun.and_then(|begun| begun.events_after).or(head);
        let store = durable.as_ref().map(|durable| durable.journal.clone());
        let plan = Plan {
            id,
            seed,
            inputs,
            budget,
            model: request.model.as_deref().map(Arc::from),
            tape: tape.clone(),
            past: Past::default(),
            events_after: events_after.unwrap_or_default(),
            store,
        };
        let (run, receiver) = self.open(catalog, plan)?;
        let (job, input) = root_job(&run, request.target, request.grants.clone(), &request.limits)?;
        run.artifacts.lock().give(Reference::all_in(&input));
        let started = RunStarted {
            program,
            input,
            seed: blake3::Hash::from_bytes(seed).to_hex().to_string(),
            inputs: request.inputs,
            grants: request.grants,
            limits: request.limits,
            budget,
            engine: self.ports.engine.clone(),
            catalog: durable.as_ref().map(|durable| durable.catalog),
            forked_from: None,
            model: request.model,
            events_after,
        };
        tape.record(&FramePath::root(), 0, Event::RunStarted(Box::new(started)));
        tape.commit_behind(&self.ports.compute);
        let opened = Opened { run, receiver, job };
        Ok(self.launch(opened, durable.and_then(|durable| durable.park_after)))
    }

    /// Answers a question of a run, once: of one that is in memory at once, of one that is parked where it is kept.
    pub async fn answer(&self, journal: Option<&Arc<dyn Journal>>, reply: Reply) -> Result<(), Failure> {
        loop {
            let gone = self.present.gone();
            let Some(run) = self.present.get(reply.run).map(|run| Arc::downgrade(&run)) else { break };
            if answer(run, &reply).await? {
                return Ok(());
            }
            // Until it is gone, it may still write.
            if self.present.get(reply.run).is_some() {
                gone.await;
            }
        }
        match journal {
            Some(journal) => resume::answer(journal, &*self.ports.clock, reply).await,
            None => Err(Failure::absent(format!("run {}", reply.run), "it has ended, and it is kept nowhere")),
        }
    }

    /// Cancels a run: programs that wait for that are told, once; else it ends. What is returned is durable, where the run is
    /// kept.
    pub async fn cancel(&self, journal: Option<&Arc<dyn Journal>>, run: RunId, by: &str) -> Result<Cancelled, Failure> {
        let mut journal = journal.cloned();
        while let Some(mut wish) = self.present.get(run).map(|run| cancel::Wish::of(&run, by)) {
            if wish.is_told() {
                if wish.was_told().await? {
                    return Ok(Cancelled::Told);
                }
                // Those who were told are gone. Unless the run is as well, it ends now.
                continue;
            }
            self.present.without(run).await;
            let Some(kept) = wish.journal() else { return Ok(Cancelled::Ended) };
            if kept.info(run).await?.state.has_ended() {
                return Ok(Cancelled::Ended);
            }
            // It left memory at this moment, or could not be kept.
            journal = Some(kept);
        }
        match journal {
            Some(journal) => cancel::cancel(&journal, &*self.ports.clock, run, by).await,
            None => Err(Failure::absent(format!("run {run}"), "it has ended, and it is kept nowhere")),
        }
    }

    /// Makes a run of its parts, without starting anything.
    pub(crate) fn open(
        &self,
        catalog: &Arc<Catalog>,
        plan: Plan,
    ) -> Result<(Arc<Run>, oneshot::Receiver<RunEnd>), Failure> {
        let layers = Layers::resolve(catalog, &plan.inputs)
            .map_err(|error| Failure::invalid("grants with the inputs of this run", "", error.to_string()))?;
        let (sender, receiver) = oneshot::channel();
        let run = Run::new(self.ports.clone(), catalog.clone(), layers, plan, self.present.clone(), sender);
        Ok((Arc::new(run), receiver))
    }

    /// Sets a run going.
    pub(crate) fn launch(&self, opened: Opened, park_after: Option<std::time::Duration>) -> Started {
        let Opened { run, receiver, job } = opened;
        let (id, weak, asked) = (run.id, Arc::downgrade(&run), run.asked.clone());
        if !run.past.is_trial {
            self.present.enter(&run);
        }
        let task = self.ports.compute.spawn(Box::pin(drive::drive(run, job, park_after)));
        Started { id, run: weak, asked, receiver: Some(receiver), end: None, task: Some(task) }
    }
}
