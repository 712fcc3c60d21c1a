// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host with fake models, on which programs of the tests run step by step.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};

use parking_lot::Mutex;
use priory_core::amounts::{BudgetSpec, QuotaSpec};
use priory_core::gate::GateSpec;
use priory_core::grant::template::GrantTemplates;
use priory_core::model::{
    Completion, Expense, ExpenseKey, ExpenseQuery, ExpenseTotal, Message, ModelInfo, ModelRequest, Prompt, Role, Spent,
    TokenUsage,
};
use priory_core::ports::{Answers, BoxFuture, Expenses, FrameHost, Order, Plugin, Returned, Secrets};
use priory_core::program::FunctionInfo;
use priory_core::usage::Meter;
use priory_core::value_type::FunctionType;
use priory_core::{
    Digest, Effect, Event, Failure, GrantSet, JournalError, Json, LimitSpec, Limits, Outcome, PluginInfo, Report,
    Usage, Value,
};
use priory_testkit::sim::{SimCompute, SimRng};
use priory_testkit::{FakeModels, MemoryRecorder, Reply, ScriptedHttp, SeededIds, SimClock};

use super::remembering::Notebook;
use crate::{
    AgentEntry, Catalog, Context, Engine, Gates, InDoubt, PluginEntry, Ports, Quota, Request, Revocations, Target,
};
use crate::{Replayed, RunEnd, Started, Trial};

struct NoSecrets;

impl Secrets for NoSecrets {
    fn reveal(&self, name: &str) -> Result<String, Failure> {
        Err(Failure::absent(name, "there are none"))
    }
}

/// Keeps expenses in memory.
#[derive(Default)]
pub(super) struct Book {
    pub(super) kept: Mutex<std::collections::BTreeMap<ExpenseKey, Expense>>,
    pub(super) notes: Mutex<Vec<Expense>>,
}

impl Expenses for Book {
    fn note(&self, expense: Expense) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            priory_testkit::sim::pause(1).await;
            self.kept.lock().insert(expense.key.clone(), expense.clone());
            self.notes.lock().push(expense);
            Ok(())
        })
    }

    fn spent_on(&self, day: u32) -> BoxFuture<'_, Result<ExpenseTotal, JournalError>> {
        Box::pin(async move {
            let kept = self.kept.lock();
            let of_day: Vec<&Expense> = kept.values().filter(|expense| expense.day == day).collect();
            let usage = of_day.iter().fold(TokenUsage::default(), |sum, expense| sum.saturating_add(expense.usage));
            let microusd = of_day.iter().map(|expense| expense.microusd).sum();
            Ok(ExpenseTotal { of: day.to_string(), requests: of_day.len() as u64, usage, microusd })
        })
    }

    fn sum(&self, _: ExpenseQuery) -> BoxFuture<'_, Result<Vec<ExpenseTotal>, JournalError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Keeps answers in memory.
#[derive(Default)]
pub(super) struct Shelf(Mutex<std::collections::HashMap<Digest, (Json, u64)>>);

impl Answers for Shelf {
    fn find(&self, key: Digest, since: u64) -> BoxFuture<'_, Result<Option<Json>, JournalError>> {
        let found = self.0.lock().get(&key).filter(|(_, at)| *at >= since).map(|(answer, _)| answer.clone());
        Box::pin(async move { Ok(found) })
    }

    fn keep(&self, key: Digest, answer: Json, unix_ms: u64, _: u64) -> BoxFuture<'_, Result<(), JournalError>> {
        self.0.lock().insert(key, (answer, unix_ms));
        Box::pin(async { Ok(()) })
    }
}

pub(super) type Act =
    Arc<dyn Fn(Order, Arc<dyn FrameHost>) -> BoxFuture<'static, Result<Returned, Failure>> + Send + Sync>;

/// A plugin whose agent is a closure.
struct Acting {
    info: PluginInfo,
    act: Act,
}

impl Plugin for Acting {
    fn info(&self) -> &PluginInfo {
        &self.info
    }

    fn execute(
        self: Arc<Self>,
        order: Order,
        host: Arc<dyn FrameHost>,
        _: Arc<Meter>,
    ) -> BoxFuture<'static, Result<Returned, Failure>> {
        (self.act)(order, host)
    }
}

/// What an operator says of an agent.
#[derive(Default)]
pub(super) struct Agent {
    pub(super) budget: BudgetSpec,
    pub(super) limits: LimitSpec,
    pub(super) model: Option<&'static str>,
    /// What it may do beside calling tools, agents and models; templates stay as they are.
    pub(super) grants: &'static [&'static str],
}

/// A host with fake models.
pub(super) struct Scene {
    pub(super) clock: SimClock,
    pub(super) compute: SimCompute,
    pub(super) engine: Engine,
    pub(super) catalog: Arc<Catalog>,
    pub(super) recorder: Arc<MemoryRecorder>,
    pub(super) models: Arc<FakeModels>,
    pub(super) book: Arc<Book>,
    pub(super) notebook: Arc<Notebook>,
    /// What the operator gives when a run starts.
    pub(super) inputs: std::collections::BTreeMap<String, String>,
    pub(super) rng: SimRng,
}

/// Makes a plugin that has an agent and a tool `work`.
fn plugin(name: &str, act: Act) -> Arc<PluginEntry> {
    let schema = r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#;
    let work = FunctionInfo {
        interface: String::new(),
        name: "work".to_owned(),
        description: "works".to_owned(),
        ty: FunctionType { params: Vec::new(), result: None },
        input_schema: Json::parse(schema).unwrap(),
        output_schema: None,
    };
    let info = PluginInfo {
        name: name.into(),
        digest: Digest::of(name.as_bytes()),
        byte_len: 0,
        is_agent: true,
        is_workflow: false,
        is_toolset: false,
        functions: vec![work],
        refused: Vec::new(),
        imports: Vec::new(),
        ceiling: None,
    };
    Arc::new(PluginEntry {
        name: name.into(),
        plugin: Arc::new(Acting { info, act }),
        limits: LimitSpec::default(),
        grants: GrantTemplates::default(),
        config: Vec::new(),
        linked_tools: Vec::new(),
        declared: None,
        in_doubt: InDoubt::default(),
        gate: GateSpec::default(),
    })
}

/// Makes the program of an agent.
pub(super) fn acting<F, Fut>(act: F) -> Act
where
    F: Fn(Arc<dyn FrameHost>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Json, Failure>> + Send + 'static,
{
    Arc::new(move |_, host| {
        let output = act(host);
        Box::pin(async move { Ok(Returned::Report(Report { output: output.await?, summary: None })) })
    })
}

/// Makes the program of an agent that begins so many requests at once, waits for all, and reports how many were answered.
pub(super) fn asks(requests: u32) -> Act {
    asks_for(requests, || ask("hello"))
}

/// Makes the program of an agent that begins so many of an effect at once, as [`asks`] does.
pub(super) fn asks_for(requests: u32, effect: fn() -> Effect) -> Act {
    acting(move |host| async move {
        let started: Vec<u32> = (0..requests).map(|_| host.start(effect(), 0).unwrap()).collect();
        let mut answered = 0_u32;
        for number in started {
            match host.wait(number).await {
                Ok(_) => answered += 1,
                Err(Failure::Limit(_) | Failure::Unavailable(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(Json::of(&answered).unwrap())
    })
}

/// Makes a request of some words.
pub(super) fn request(words: &str) -> ModelRequest {
    ModelRequest { model: Some("m".to_owned()), ..ModelRequest::new(vec![Message::text(Role::User, words)]) }
}

/// Makes the effect of a request of some words.
pub(super) fn ask(words: &str) -> Effect {
    asking(request(words))
}

/// Makes the effect of a request.
pub(super) fn asking(request: ModelRequest) -> Effect {
    Effect::ModelCall { request: Box::new(request), is_heard: false, terms: None }
}

/// Reads an answer.
pub(super) fn completion(outcome: Outcome) -> Completion {
    match outcome {
        Ok(Value::Completion(completion)) => *completion,
        other => panic!("{other:?}"),
    }
}

impl Scene {
    pub(super) fn new(infos: Vec<ModelInfo>, script: impl Fn(&Prompt) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(1, QuotaSpec::default(), infos, script)
    }

    pub(super) fn with(
        seed: u64,
        quota: QuotaSpec,
        infos: Vec<ModelInfo>,
        script: impl Fn(&Prompt) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (clock, compute) = (SimClock::at(1_000_000), SimCompute::default());
        let (models, book) = (Arc::new(FakeModels::new(infos, script)), Arc::new(Book::default()));
        let notebook = Arc::new(Notebook::default());
        let engine = Engine::new(Ports {
            clock: Arc::new(clock.clone()),
            ids: Arc::new(SeededIds::new(seed)),
            http: Arc::new(ScriptedHttp::new()),
            secrets: Arc::new(NoSecrets),
            compute: Arc::new(compute.clone()),
            environment: Vec::new(),
            revocations: Arc::new(Revocations::default()),
            gates: Arc::new(Gates::new(Arc::new(clock.clone()))),
            engine: Arc::from("simulated"),
            models: Some(models.clone()),
            memory: Some(notebook.clone()),
            expenses: Some(book.clone()),
            answers: Some(Arc::new(Shelf::default())),
            quota: Arc::new(Quota::new(quota)),
        });
        let catalog = Catalog::new(Vec::new(), Vec::new(), Limits::default(), BudgetSpec::default()).unwrap();
        let rng = SimRng::new(seed);
        let (catalog, recorder, inputs) = (Arc::new(catalog), Arc::default(), Default::default());
        Self { clock, compute, engine, catalog, recorder, models, book, notebook, inputs, rng }
    }

    /// Configures agents that may do everything, and what a run may spend.
    pub(super) fn agents(mut self, agents: Vec<(&str, Agent, Act)>, budget: BudgetSpec) -> Self {
        let (mut plugins, mut entries) = (Vec::new(), Vec::new());
        for (name, agent, act) in agents {
            let plugin = plugin(name, act);
            plugins.push(plugin.clone());
            let grants = ["tool=*", "agent=*", "model=*"].iter().chain(agent.grants);
            let grants = grants.map(|grant| grant.parse().unwrap()).collect();
            entries.push(Arc::new(AgentEntry {
                name: name.into(),
                description: String::new(),
                plugin,
                limits: agent.limits,
                budget: agent.budget,
                grants: GrantTemplates(grants),
                lends: GrantTemplates::default(),
                config: Vec::new(),
                gate: GateSpec::default(),
                model: agent.model.map(Arc::from),
            }));
        }
        self.catalog = Arc::new(Catalog::new(plugins, entries, Limits::default(), budget).unwrap());
        self
    }

    pub(super) fn begin(&self, target: Target, grants: Option<GrantSet>, budget: BudgetSpec) -> Started {
        let request = Request {
            target,
            inputs: self.inputs.clone(),
            grants,
            limits: LimitSpec::default(),
            budget,
            seed: Some([7; 32]),
            model: None,
            recorder: self.recorder.clone(),
            durable: None,
        };
        self.engine.start(&self.catalog, request).unwrap()
    }

    /// Runs an agent to its end.
    pub(super) fn agent(&self, name: &str) -> RunEnd {
        let target = Target::Agent { name: name.to_owned(), input: Json::null() };
        let mut started = self.begin(target, None, BudgetSpec::default());
        self.end(&mut started)
    }

    /// Runs native code that may do everything, to its end.
    pub(super) fn native<F, Fut>(&self, program: F) -> RunEnd
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let grants =
            ["tool=*", "agent=*", "model=*", "artifact"].map(|grant| grant.parse::<priory_core::Grant>().unwrap());
        let target = Target::native("test", |context| async move {
            program(context).await;
            Ok(Json::null())
        });
        let mut started = self.begin(target, Some(grants.into_iter().collect()), BudgetSpec::default());
        self.end(&mut started)
    }

    /// Goes on until nothing can go on, and returns what a run came to.
    pub(super) fn end(&self, started: &mut Started) -> RunEnd {
        self.go_on();
        let mut wait = Box::pin(started.wait());
        poll(&mut wait).expect("the run stands still")
    }

    pub(super) fn go_on(&self) {
        while self.compute.step(&self.rng) {}
    }

    pub(super) fn spent(&self) -> Vec<Spent> {
        let spent = |event| match event {
            Event::Spent { spent, .. } => Some(spent),
            _ => None,
        };
        self.recorder.events().into_iter().filter_map(|envelope| spent(envelope.event)).collect()
    }

    /// Executes what was recorded again, and asks nobody.
    pub(super) fn replay(&self) -> Replayed {
        let asked = self.models.asked().len();
        let trial = Trial { events: self.recorder.events(), kept: None, recorder: Arc::new(MemoryRecorder::new()) };
        let mut replay = Box::pin(self.engine.replay(&self.catalog, trial));
        for _ in 0..1_000_000 {
            if let Some(replayed) = poll(&mut replay) {
                assert_eq!(self.models.asked().len(), asked, "a replay pays nothing");
                return replayed.unwrap();
            }
            self.compute.step(&self.rng);
        }
        panic!("the replay stands still");
    }
}

pub(super) fn poll<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    match future.as_mut().poll(&mut Cx::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Returns what of a usage goes to models.
pub(super) fn of_models(usage: Usage) -> (u64, u64, u64) {
    (usage.tokens_in, usage.tokens_out, usage.money_microusd)
}
