// SPDX-License-Identifier: MIT OR Apache-2.0
//! How runs start, and how their ends reach whoever waits for them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Weak};

use priory_core::amounts::BudgetSpec;
use priory_core::authority::{Holder, Layer};
use priory_core::event::{Event, Program, RunStarted};
use priory_core::journal::{RunHeader, RunState, Wait};
use priory_core::ports::{Clock, Compute, Http, Ids, Recorder, Returned, Secrets};
use priory_core::{Digest, Failure, FramePath, GrantSet, Journal, Json, LimitSpec, Report, RunId, Task, Usage};
use tokio::sync::oneshot;

pub use crate::authorize::Revocations;
use crate::catalog::{Catalog, Layers};
use crate::context::Context;
use crate::drive;
use crate::execute::{self, Body, Job};
use crate::past::Past;
use crate::perform::{agent_job, tool_job};
use crate::run::{Halt, Run};
use crate::tape::{Keeping, Tape};

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
    /// Names what executes guests: other engines may count fuel otherwise.
    pub engine: Arc<str>,
}

/// What a run is about.
pub enum Target {
    /// Give an agent a task.
    Agent {
        /// Its name.
        name: String,
        /// The input of its task.
        input: Json,
    },
    /// Call a tool.
    Tool {
        /// Its name.
        name: String,
        /// An object with one property a parameter.
        arguments: Json,
    },
    /// Run code of the embedder, made by [`Target::native`].
    #[doc(hidden)]
    Native {
        /// For events.
        name: Arc<str>,
        /// The code.
        program: NativeTarget,
    },
}

/// Code of the embedder.
pub struct NativeTarget(execute::NativeProgram);

impl Target {
    /// Makes a target of code of the embedder: it orchestrates as an agent does, on a thread for guests, with the grants
    /// of the request.
    pub fn native<F, Fut>(name: &str, program: F) -> Self
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Json, Failure>> + Send + 'static,
    {
        let program: execute::NativeProgram = Box::new(move |context| {
            let future = program(context);
            Box::pin(async move { future.await.map(Returned::Json) })
        });
        Self::Native { name: Arc::from(name), program: NativeTarget(program) }
    }
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

    /// Cancels the run; its end is then `cancelled`, unless it had ended.
    pub fn cancel(&mut self) {
        match self.run.upgrade() {
            Some(run) => run.stop(Halt::Cancelled { by: "whoever started the run".into() }),
            None => self.task = None,
        }
    }
}

/// Starts runs.
#[derive(Clone)]
pub struct Engine {
    ports: Arc<Ports>,
}

/// What a run is made of, before it is known whether it is new.
pub(crate) struct Plan {
    pub(crate) id: RunId,
    pub(crate) seed: [u8; 32],
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) budget: BudgetSpec,
    pub(crate) tape: Arc<Tape>,
    pub(crate) past: Past,
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
        Self { ports: Arc::new(ports) }
    }

    /// Returns what the engine stands on.
    pub fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }

    /// Starts a run. It fails at once when its target is not there or an input does not fit a grant.
    pub fn start(&self, catalog: &Arc<Catalog>, request: Request) -> Result<Started, Failure> {
        let now = self.ports.clock.unix_ms();
        let id = self.ports.ids.run(now);
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
        let plan = Plan { id, seed, inputs, budget, tape: tape.clone(), past: Past::default() };
        let (run, receiver) = self.open(catalog, plan)?;
        let (job, input) = root_job(&run, request.target, request.grants.clone(), &request.limits)?;
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
        };
        tape.record(&FramePath::root(), 0, Event::RunStarted(Box::new(started)));
        tape.commit_behind(&self.ports.compute);
        let opened = Opened { run, receiver, job };
        Ok(self.launch(opened, durable.and_then(|durable| durable.park_after)))
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
        let run = Run::new(self.ports.clone(), catalog.clone(), layers, plan, sender);
        Ok((Arc::new(run), receiver))
    }

    /// Sets a run going.
    pub(crate) fn launch(&self, opened: Opened, park_after: Option<std::time::Duration>) -> Started {
        let Opened { run, receiver, job } = opened;
        let (id, weak) = (run.id, Arc::downgrade(&run));
        let task = self.ports.compute.spawn(Box::pin(drive::drive(run, job, park_after)));
        Started { id, run: weak, receiver: Some(receiver), end: None, task: Some(task) }
    }
}

impl Target {
    fn program(&self, catalog: &Catalog) -> Program {
        match self {
            Self::Agent { name, .. } => match catalog.agent(name) {
                Some(entry) => entry.program(),
                None => Program::Agent(Arc::from(name.as_str())),
            },
            Self::Tool { name, .. } => Program::Tool(Arc::from(name.as_str())),
            Self::Native { name, .. } => Program::Native(name.clone()),
        }
    }
}

/// Makes the job of the root frame, and returns the input that its run is recorded with.
pub(crate) fn root_job(
    run: &Arc<Run>,
    target: Target,
    grants: Option<GrantSet>,
    limits: &LimitSpec,
) -> Result<(Job, Json), Failure> {
    let caller = |own| Arc::new(Layer { holder: Holder::Caller, own, lent: GrantSet::default() });
    let (mut job, input) = match target {
        Target::Agent { name, input } => {
            let entry = run.catalog.agent(&name).cloned();
            let entry = entry.ok_or_else(|| Failure::absent(format!("agent {name}"), "it is not configured"))?;
            let task = Task { name, input: input.clone(), feedback: None };
            (agent_job(run, &entry, task), input)
        }
        Target::Tool { name, arguments } => {
            let target = run.catalog.tool(&name);
            let target = target.ok_or_else(|| Failure::absent(format!("tool {name}"), "no plugin has it"))?;
            (tool_job(run, &target, arguments.clone()), arguments)
        }
        Target::Native { name, program } => {
            let own = grants.clone().unwrap_or_default();
            let job = Job {
                program: Program::Native(name),
                body: Body::Native(program.0),
                layers: vec![caller(own)],
                limits: run.catalog.limits,
                budget: None,
                config: Vec::new(),
            };
            (job, Json::null())
        }
    };
    if let (Some(grants), Body::Guest { .. }) = (grants, &job.body) {
        job.layers.push(caller(grants));
    }
    job.limits = job.limits.tightened(limits);
    Ok((job, input))
}

pub(crate) fn into_report(returned: Returned) -> Result<Report, Failure> {
    match returned {
        Returned::Json(output) => Ok(Report { output, summary: None }),
        Returned::Report(report) => Ok(report),
        Returned::Tools(tools) => Json::of(&tools)
            .map(|output| Report { output, summary: None })
            .map_err(|error| Failure::other(error.to_string())),
    }
}
