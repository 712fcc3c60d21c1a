// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is recorded by the time that whoever cancels, answers or publishes is told.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use priory_core::amounts::BudgetSpec;
use priory_core::effect::{Ask, Question};
use priory_core::grant::Grant;
use priory_core::journal::QuestionId;
use priory_core::ports::Secrets;
use priory_core::{GrantSet, LimitSpec, Limits};
use priory_testkit::sim::{SimCompute, SimRng};
use priory_testkit::{MemoryRecorder, ScriptedHttp, SeededIds, SimClock};

use super::*;
use crate::asked::answer;
use crate::catalog::Catalog;
use crate::gate::Gates;
use crate::past::APPROVAL;
use crate::perform::ask_aside;
use crate::resume::Reply;
use crate::start::{Engine, Plan, Ports, Request, Revocations, Started, Target};
use crate::tape::Tape;

struct NoSecrets;

impl Secrets for NoSecrets {
    fn reveal(&self, name: &str) -> Result<String, Failure> {
        Err(Failure::absent(format!("secret {name}"), "there are none"))
    }
}

struct Scene {
    clock: SimClock,
    compute: SimCompute,
    engine: Engine,
    catalog: Arc<Catalog>,
    recorder: Arc<MemoryRecorder>,
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn scene() -> Scene {
    let (clock, compute) = (SimClock::at(1_000_000), SimCompute::default());
    let engine = Engine::new(Ports {
        clock: Arc::new(clock.clone()),
        ids: Arc::new(SeededIds::new(1)),
        http: Arc::new(ScriptedHttp::new()),
        secrets: Arc::new(NoSecrets),
        compute: Arc::new(compute.clone()),
        environment: Vec::new(),
        revocations: Arc::new(Revocations::default()),
        gates: Arc::new(Gates::new(Arc::new(clock.clone()))),
        engine: Arc::from("simulated"),
        models: None,
        memory: None,
        expenses: None,
        answers: None,
        quota: Arc::new(crate::Quota::new(Default::default())),
    });
    let catalog = Catalog::new(Vec::new(), Vec::new(), Limits::default(), BudgetSpec::default()).unwrap();
    Scene { clock, compute, engine, catalog: Arc::new(catalog), recorder: Arc::default() }
}

impl Scene {
    fn start(&self, grants: GrantSet, effect: Effect) -> Started {
        let target = Target::native("program", |context| async move {
            context.perform(effect).await?;
            // The clearing up takes its time.
            context.perform(Effect::Sleep { ms: 1 }).await.map(|_| Json::null())
        });
        let request = Request {
            target,
            inputs: std::collections::BTreeMap::new(),
            grants: Some(grants),
            limits: LimitSpec::default(),
            budget: BudgetSpec::default(),
            seed: None,
            model: None,
            recorder: self.recorder.clone(),
            durable: None,
        };
        let started = self.engine.start(&self.catalog, request).unwrap();
        self.go_on();
        started
    }

    fn go_on(&self) {
        let rng = SimRng::new(1);
        while self.compute.step(&rng) {}
    }

    fn last(&self) -> Event {
        self.recorder.events().pop().unwrap().event
    }
}

#[test]
fn whoever_cancels_is_told_when_that_is_recorded() {
    let scene = scene();
    let started = scene.start(GrantSet::default(), Effect::AwaitCancel);
    let mut told = pin!(scene.engine.cancel(None, started.id, "ann"));
    assert_eq!(poll(told.as_mut()), None, "nobody has heard of it yet");
    scene.go_on();
    assert_eq!(poll(told.as_mut()), Some(Ok(Cancelled::Told)));
    assert!(matches!(scene.recorder.events().iter().rev().nth(1).unwrap().event, Event::Outcome { step: 0, .. }));

    let mut ended = pin!(scene.engine.cancel(None, started.id, "ann"));
    assert_eq!(poll(ended.as_mut()), None, "it has not ended yet");
    scene.go_on();
    assert_eq!(poll(ended.as_mut()), Some(Ok(Cancelled::Ended)));
    assert!(matches!(scene.last(), Event::RunEnded { result: Err(Failure::Cancelled { .. }), .. }));
}

#[test]
fn an_event_hands_on_no_artifact_that_its_run_may_not_read() {
    let scene = scene();
    let data = |of: &[u8]| {
        let digest = priory_core::Digest::of(of);
        Json::from(serde_json::json!({ "found": { "artifact": digest, "bytes": 1, "head": "" } }))
    };
    let grants: GrantSet = ["event=*:emit".parse::<Grant>().unwrap()].into_iter().collect();
    let emit = Effect::Emit { name: "found".into(), data: data(b"of another run"), key: None };
    let mut started = scene.start(grants, emit);
    let end = poll(pin!(started.wait())).unwrap();
    let failure = end.result.unwrap_err().to_string();
    assert!(failure.contains("this run was not given it, and did not make it"), "{failure}");
}

#[test]
fn an_answer_to_what_is_withdrawn_at_that_moment_is_not_waited_for() {
    let scene = scene();
    let clock: Arc<dyn Clock> = Arc::new(scene.clock.clone());
    let id = RunId::from_parts(1_000, 7);
    let tape = Arc::new(Tape::new(id, clock, scene.recorder.clone(), None, None, 0));
    let plan = Plan {
        id,
        seed: [0; 32],
        inputs: std::collections::BTreeMap::new(),
        budget: BudgetSpec::default(),
        model: None,
        tape,
        past: Past::default(),
        events_after: 0,
        store: None,
    };
    let (run, _end) = scene.engine.open(&scene.catalog, plan).unwrap();
    let question = Question { kind: Ask::Approve, ..Question::new("May it?") };
    let place = FramePath::root().child(3);
    let name = QuestionId::of(id, &place, APPROVAL, &question);
    let value = Json::parse(r#"{"decision":"approve"}"#).unwrap();
    let reply = Reply { run: id, question: name, value, by: "ann".into() };

    let mut asking = Box::pin(ask_aside(&run, &place, APPROVAL, question, None, None));
    assert!(poll(asking.as_mut()).is_none());
    let mut answering = pin!(answer(Arc::downgrade(&run), &reply));
    assert!(poll(answering.as_mut()).is_none(), "it is handed over, and nobody has taken it yet");
    drop(asking);
    let answered = poll(answering.as_mut()).unwrap();
    assert!(matches!(answered, Err(Failure::Unavailable(_))), "{answered:?}");
    let Event::Outcome { step: APPROVAL, outcome } = scene.last() else { panic!("{:?}", scene.last()) };
    assert!(matches!(&*outcome, Err(Failure::Cancelled { .. })));
}
