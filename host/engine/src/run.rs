// SPDX-License-Identifier: MIT OR Apache-2.0
//! One run: what its frames share, how it starts and how it ends.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::amounts::BudgetSpec;
use priory_core::authority::{Holder, Layer};
use priory_core::event::{Envelope, Event, Program};
use priory_core::ports::{Clock, Compute, Http, Ids, Recorder, Returned, Secrets};
use priory_core::program::AgentInfo;
use priory_core::{
    Effect, Failure, FramePath, GrantSet, Json, LimitSpec, Outcome, Report, RunId, Task, ToolInfo, Usage, Value,
};
use tokio::sync::oneshot;

pub use crate::authorize::Revocations;
use crate::catalog::{Catalog, Layers};
use crate::execute::{self, Body, Job};
use crate::frame::Frame;
use crate::ledger::{AccountId, Ledger};
use crate::perform::{DynamicTools, agent_job, tool_job};
use crate::waist;

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
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct RunEnd {
    /// Its result.
    pub result: Result<Report, Failure>,
    /// What all of its frames used.
    pub usage: Usage,
}

/// A run that was started. Dropping it cancels the run.
pub struct Started {
    /// Its id.
    pub id: RunId,
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
        let gone = || RunEnd { result: Err(Failure::Cancelled { by: "the host".into() }), usage: Usage::default() };
        self.end.clone().unwrap_or_else(gone)
    }

    /// Cancels the run; its end is then `cancelled`, unless it had ended.
    pub fn cancel(&mut self) {
        self.task = None;
    }
}

/// What the frames of a run share.
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) layers: Layers,
    pub(crate) ports: Arc<Ports>,
    pub(crate) ledger: Ledger,
    pub(crate) root_account: AccountId,
    /// How often grants with a number of uses were used; by holder and grant.
    pub(crate) uses: Mutex<HashMap<String, u32>>,
    /// What the toolsets said that they have; asked once in a run.
    pub(crate) dynamic_tools: Mutex<HashMap<Arc<str>, Arc<DynamicTools>>>,
    seed: [u8; 32],
    recorder: Arc<dyn Recorder>,
    /// The number of the next event. The lock is held while an event is handed on, so that the order holds.
    next_seq: Mutex<u64>,
    usage: Mutex<Usage>,
    /// Who waits for the end; taken by whoever ends the run.
    sender: Mutex<Option<oneshot::Sender<RunEnd>>>,
}

impl Run {
    pub(crate) fn record(&self, frame: &FramePath, fuel: u64, event: Event) {
        let mut next = self.next_seq.lock();
        let seq = *next;
        *next += 1;
        let unix_ms = self.ports.clock.unix_ms();
        self.recorder.record(Envelope { run: self.id, seq, frame: frame.clone(), unix_ms, fuel, event });
    }

    /// Returns the seed of one frame: it depends on the run and on the place of the frame, on nothing else.
    pub(crate) fn seed_of(&self, path: &FramePath) -> [u8; 32] {
        *blake3::keyed_hash(&self.seed, &path.to_bytes()).as_bytes()
    }

    /// Counts what one frame has used itself. Only the root's waiting is waiting of the run.
    pub(crate) fn count(&self, usage: Usage, is_root: bool) {
        let mut total = self.usage.lock();
        total.absorb(usage);
        if is_root {
            total.wait_us = usage.wait_us;
        }
    }

    /// Records the end of the run, once, and tells whoever waits for it.
    fn end(&self, result: Result<Report, Failure>) {
        let Some(sender) = self.sender.lock().take() else { return };
        let usage = *self.usage.lock();
        self.record(&FramePath::root(), usage.fuel, Event::RunEnded { result: result.clone(), usage });
        // Whoever started the run may have stopped listening.
        let _ = sender.send(RunEnd { result, usage });
    }
}

impl Drop for Run {
    /// A run that was cancelled ends when the last of its frames is gone, so that nothing of it happens afterwards.
    fn drop(&mut self) {
        self.end(Err(Failure::Cancelled { by: "whoever started the run".into() }));
    }
}

/// Starts runs.
#[derive(Clone)]
pub struct Engine {
    ports: Arc<Ports>,
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
        let layers = Layers::resolve(catalog, &request.inputs)
            .map_err(|error| Failure::invalid("grants with the inputs of this run", "", error.to_string()))?;
        let allowance = catalog.budget.amounts().min(request.budget.amounts());
        let (ledger, root_account) = Ledger::new(allowance);
        let seed = request.seed.unwrap_or_else(|| self.ports.ids.seed());
        let (sender, receiver) = oneshot::channel();
        let run = Arc::new(Run {
            id: self.ports.ids.run(self.ports.clock.unix_ms()),
            catalog: catalog.clone(),
            layers,
            ports: self.ports.clone(),
            ledger,
            root_account,
            uses: Mutex::default(),
            dynamic_tools: Mutex::default(),
            seed,
            recorder: request.recorder,
            next_seq: Mutex::new(0),
            usage: Mutex::default(),
            sender: Mutex::new(Some(sender)),
        });
        let (job, input) = root_job(&run, request.target, request.grants, &request.limits)?;
        let id = run.id;
        let seed = blake3::Hash::from_bytes(seed).to_hex().to_string();
        run.record(&FramePath::root(), 0, Event::RunStarted { program: job.program.clone(), input, seed });
        let task = self.ports.compute.spawn(Box::pin(async move {
            let result = execute::execute(&run, None, FramePath::root(), job, false).await;
            run.end(result.and_then(into_report));
        }));
        Ok(Started { id, receiver: Some(receiver), end: None, task: Some(task) })
    }
}

/// Makes the job of the root frame, and returns the input that its run is recorded with.
fn root_job(
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

fn into_report(returned: Returned) -> Result<Report, Failure> {
    match returned {
        Returned::Json(output) => Ok(Report { output, summary: None }),
        Returned::Report(report) => Ok(report),
        Returned::Tools(tools) => Json::of(&tools)
            .map(|output| Report { output, summary: None })
            .map_err(|error| Failure::other(error.to_string())),
    }
}

/// A frame as native code sees it. Everything it asks passes the waist, as it does for a guest.
///
/// A clone that is kept keeps its run from ending when it is cancelled.
#[derive(Clone)]
pub struct Context {
    frame: Arc<Frame>,
}

impl Context {
    pub(crate) fn new(frame: Arc<Frame>) -> Self {
        Self { frame }
    }

    /// Calls a tool and waits for its result.
    pub async fn call_tool(&self, tool: &str, arguments: Json) -> Result<Json, Failure> {
        match self.perform(Effect::ToolCall { tool: tool.to_owned(), arguments }).await? {
            Value::Json(json) => Ok(json),
            other => Err(unexpected(&other)),
        }
    }

    /// Gives an agent a task and waits for its report.
    pub async fn call_agent(&self, agent: &str, input: Json) -> Result<Report, Failure> {
        let effect = Effect::AgentCall { agent: agent.to_owned(), input, feedback: None };
        match self.perform(effect).await? {
            Value::Report(report) => Ok(report),
            other => Err(unexpected(&other)),
        }
    }

    /// Lists the tools that are granted.
    pub async fn tools(&self) -> Result<Vec<ToolInfo>, Failure> {
        match self.perform(Effect::ToolList).await? {
            Value::Tools(tools) => Ok(tools),
            other => Err(unexpected(&other)),
        }
    }

    /// Lists the agents that are granted.
    pub async fn agents(&self) -> Result<Vec<AgentInfo>, Failure> {
        match self.perform(Effect::AgentList).await? {
            Value::Agents(agents) => Ok(agents),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts an effect; [`Context::take`] waits for it.
    pub fn start(&self, effect: Effect) -> Result<u32, Failure> {
        waist::start(&self.frame, effect, 0)
    }

    /// Waits for a started effect and takes its outcome.
    pub async fn take(&self, number: u32) -> Outcome {
        let _parked = (!self.frame.pending.has_ended(number)).then(|| self.frame.run.ledger.park());
        self.frame.pending.take(number).await
    }

    /// Performs an effect and waits for its outcome.
    pub async fn perform(&self, effect: Effect) -> Outcome {
        let step = self.frame.next_step();
        waist::pass(&self.frame, step, effect, 0, true).await
    }
}

fn unexpected(value: &Value) -> Failure {
    Failure::other(format!("the effect gave back something of another kind: {value:?}"))
}
