// SPDX-License-Identifier: MIT OR Apache-2.0
//! What runs remember, recall and forget: whose it is, what it costs, and what a replay is told of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::failure::Unavailable;
use priory_core::inbox::Origin;
use priory_core::memory::{
    FACT_BYTES_MAX, FORGET_MAX, Fact, FactId, FactQuery, Forget, KeptFact, MemoryOp, MemoryValue, NewFact,
    QUERY_BYTES_MAX, RECALL_MAX, SUBJECT_BYTES_MAX, Scope, ScopeInfo, ScopeKey, Search,
};
use priory_core::model::{Ability, ModelInfo, Price};
use priory_core::ports::{BoxFuture, Memory, MemoryError};
use priory_core::{Effect, Event, Failure, FramePath, Grant, Json, Outcome, RunId, Value};
use priory_testkit::{FakeModels, Reply};

use super::scene::{Act, Agent, Scene, acting};
use crate::{Context, Replayed, RunEnd, Target};

/// A memory that finds what contains a word, and notes what it was asked.
#[derive(Default)]
pub(super) struct Notebook {
    facts: Mutex<BTreeMap<(ScopeKey, FactId), KeptFact>>,
    queries: Mutex<Vec<FactQuery>>,
    fails: Mutex<Option<MemoryError>>,
}

impl Notebook {
    fn failure(&self) -> Result<(), MemoryError> {
        self.fails.lock().clone().map_or(Ok(()), Err)
    }

    fn scopes(&self) -> Vec<String> {
        self.facts.lock().keys().map(|(scope, _)| scope.to_string()).collect()
    }
}

impl Memory for Notebook {
    fn remember(&self, fact: KeptFact) -> BoxFuture<'_, Result<(), MemoryError>> {
        Box::pin(async move {
            priory_testkit::sim::pause(1).await;
            self.failure()?;
            self.facts.lock().insert((fact.scope.clone(), fact.fact.id), fact);
            Ok(())
        })
    }

    fn recall(&self, query: FactQuery) -> BoxFuture<'_, Result<Vec<Fact>, MemoryError>> {
        Box::pin(async move {
            self.failure()?;
            self.queries.lock().push(query.clone());
            let facts = self.facts.lock();
            let of_scope = facts.values().filter(|kept| kept.scope == query.scope).map(|kept| &kept.fact);
            let fits = |fact: &&Fact| query.words.as_ref().is_none_or(|words| fact.text.contains(words.as_str()));
            Ok(of_scope.filter(fits).take(query.most as usize).cloned().collect())
        })
    }

    fn forget(&self, scope: ScopeKey, _: Forget) -> BoxFuture<'_, Result<u64, MemoryError>> {
        Box::pin(async move {
            self.failure()?;
            let mut facts = self.facts.lock();
            let before = facts.len();
            facts.retain(|(of, _), _| *of != scope);
            Ok((before - facts.len()) as u64)
        })
    }

    fn expire(&self, _: u64) -> BoxFuture<'_, Result<u64, MemoryError>> {
        Box::pin(async { Ok(0) })
    }

    fn scopes(&self, _: String) -> BoxFuture<'_, Result<Vec<ScopeInfo>, MemoryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn new_fact(text: &str) -> NewFact {
    NewFact { text: text.to_owned(), data: None, subject: None, source: None, expires_ms: None }
}

fn remember(scope: Scope, text: &str) -> Effect {
    Effect::Memory(MemoryOp::Remember { scope, fact: new_fact(text) })
}

fn recall(scope: Scope, text: &str, search: Search) -> Effect {
    Effect::Memory(MemoryOp::Recall { scope, text: text.to_owned(), subject: None, search, most: 5 })
}

fn forget(scope: Scope) -> Effect {
    Effect::Memory(MemoryOp::Forget { scope, which: Forget::All })
}

fn ann() -> Scope {
    Scope::User("ann".to_owned())
}

fn is_denied(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Failure::Denied(_)))
}

#[track_caller]
fn texts(outcome: Outcome) -> Vec<String> {
    match outcome {
        Ok(Value::Memory(MemoryValue::Recalled(facts))) => facts.into_iter().map(|fact| fact.text).collect(),
        other => panic!("{other:?}"),
    }
}

fn scene() -> Scene {
    Scene::new(vec![FakeModels::info("m")], |_| Reply::words("hi", 1, 1))
}

/// Makes a host whose memory finds facts by their meaning, with a model that reads so many tokens at once.
fn with_meaning(context_tokens: Option<u64>) -> Scene {
    // One micro-dollar a token.
    let price = Some(Price { input: 1_000_000, ..Price::default() });
    let info = ModelInfo { price, context_tokens, abilities: vec![Ability::Embedding], ..FakeModels::info("e") };
    let mut scene = Scene::new(vec![info], |_| Reply::Never);
    let catalog = Arc::into_inner(scene.catalog).unwrap();
    scene.catalog = Arc::new(catalog.with_models(None, Some("e".into())).with_memory(true));
    scene
}

/// Runs native code with some grants, to its end.
fn run<F, Fut>(scene: &Scene, grants: &[&str], program: F) -> RunEnd
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let grants = grants.iter().map(|grant| grant.parse::<Grant>().unwrap()).collect();
    let target = Target::native("test", |context| async move {
        program(context).await;
        Ok(Json::null())
    });
    let mut started = scene.begin(target, Some(grants), Default::default());
    let end = scene.end(&mut started);
    if let Err(failure) = &end.result {
        panic!("{failure}");
    }
    end
}

const ALL: [&str; 4] = ["memory=run:write", "memory=agent:write", "memory=user/ann:write", "memory=tenant:write"];

#[test]
fn what_is_not_granted_is_denied() {
    let scene = scene();
    let scopes = [("run", Scope::Run), ("agent", Scope::Agent), ("user/ann", ann()), ("tenant", Scope::Tenant)];
    for (name, granted) in scopes.clone() {
        for mode in ["read", "write"] {
            let (others, granted) = (scopes.clone(), granted.clone());
            run(&scene, &[&format!("memory={name}:{mode}"), "model=*"], move |context| async move {
                for (_, scope) in
                    others.into_iter().chain([("", Scope::User("an".into())), ("", Scope::User("anna".into()))])
                {
                    let may_read = scope == granted;
                    let may_write = may_read && mode == "write";
                    let outcomes = [
                        (context.perform(remember(scope.clone(), "tea")).await, may_write),
                        (context.perform(recall(scope.clone(), "tea", Search::Words)).await, may_read),
                        (context.perform(recall(scope.clone(), "", Search::Newest)).await, may_read),
                        (context.perform(forget(scope.clone())).await, may_write),
                    ];
                    for (outcome, is_allowed) in outcomes {
                        assert_eq!(is_denied(&outcome), !is_allowed, "{name}:{mode} {scope}: {outcome:?}");
                    }
                }
            });
        }
    }
    run(&scene, &["model=*", "state=*:write", "log"], |context| async move {
        let outcome = context.perform(remember(Scope::Run, "tea")).await;
        let Err(Failure::Denied(denial)) = outcome else { panic!("{outcome:?}") };
        assert!(denial.remedy.contains("memory=run:write"), "{}", denial.remedy);
        assert!(is_denied(&context.perform(recall(ann(), "tea", Search::Best)).await));
    });
}

#[test]
fn one_step_beyond_each_bound_is_refused() {
    let scene = scene();
    run(&scene, &ALL, |context| async move {
        let longest = |length: usize| "x".repeat(length);
        let json = |length: usize| Some(Json::of(&"x".repeat(length - 2)).unwrap());
        let some = |length: usize| Some(longest(length));
        let fact = |change: &dyn Fn(&mut NewFact)| {
            let mut fact = new_fact("tea");
            change(&mut fact);
            Effect::Memory(MemoryOp::Remember { scope: Scope::Run, fact })
        };
        let asks = |text: String, subject: Option<String>, most: u32| {
            Effect::Memory(MemoryOp::Recall { scope: Scope::Run, text, subject, search: Search::Words, most })
        };
        let forgets = |which: Forget| Effect::Memory(MemoryOp::Forget { scope: Scope::Run, which });
        let ids = |count: usize| vec![FactId::of(RunId::from_parts(1, 1), &FramePath::root(), 1); count];
        for (fits, beyond, pointer) in [
            (fact(&|f| f.text = longest(FACT_BYTES_MAX)), fact(&|f| f.text = longest(FACT_BYTES_MAX + 1)), "/text"),
            (fact(&|f| f.data = json(64 << 10)), fact(&|f| f.data = json((64 << 10) + 1)), "/data"),
            (
                fact(&|f| f.subject = some(SUBJECT_BYTES_MAX)),
                fact(&|f| f.subject = some(SUBJECT_BYTES_MAX + 1)),
                "/subject",
            ),
            (
                fact(&|f| f.source = some(SUBJECT_BYTES_MAX)),
                fact(&|f| f.source = some(SUBJECT_BYTES_MAX + 1)),
                "/source",
            ),
            (asks(longest(QUERY_BYTES_MAX), None, 1), asks(longest(QUERY_BYTES_MAX + 1), None, 1), "/text"),
            (
                asks(String::new(), some(SUBJECT_BYTES_MAX), 1),
                asks(String::new(), some(SUBJECT_BYTES_MAX + 1), 1),
                "/subject",
            ),
            (asks(String::new(), None, RECALL_MAX), asks(String::new(), None, RECALL_MAX + 1), "/most"),
            (asks(String::new(), None, 1), asks(String::new(), None, 0), "/most"),
            (forgets(Forget::Ids(ids(FORGET_MAX))), forgets(Forget::Ids(ids(FORGET_MAX + 1))), "/ids"),
            (
                forgets(Forget::Subject(longest(SUBJECT_BYTES_MAX))),
                forgets(Forget::Subject(longest(SUBJECT_BYTES_MAX + 1))),
                "/subject",
            ),
        ] {
            assert!(context.perform(fits).await.is_ok(), "{pointer}");
            let outcome = context.perform(beyond).await;
            let Err(Failure::Invalid(invalid)) = outcome else { panic!("{pointer}: {outcome:?}") };
            assert_eq!((invalid.subject.as_str(), invalid.pointer.as_str()), ("memory", pointer));
        }
    });
}

#[test]
fn a_fact_says_who_remembered_it_and_when() {
    let scene = scene();
    run(&scene, &ALL, |context| async move {
        let whole = NewFact {
            data: Some(Json::parse("[1.50]").unwrap()),
            subject: Some("ann".into()),
            source: Some("a mail".into()),
            expires_ms: Some(500),
            ..new_fact("Ann likes tea")
        };
        let first = context.perform(Effect::Memory(MemoryOp::Remember { scope: ann(), fact: whole })).await;
        let second = context.perform(remember(ann(), "Ann likes tea")).await;
        assert!(first.is_ok() && second.is_ok() && first != second, "{first:?} {second:?}");
    });
    let facts: Vec<KeptFact> = scene.notebook.facts.lock().values().cloned().collect();
    let asked_unix_ms = scene.recorder.events().iter().find_map(|envelope| match envelope.event {
        Event::Intent { step: 0, .. } => Some(envelope.unix_ms),
        _ => None,
    });
    let id_of_run = scene.recorder.events()[0].run;
    let from = Origin { run: id_of_run, frame: FramePath::root(), step: 0 };
    let whole = facts.iter().find(|kept| kept.fact.from == from).expect("it is not there");
    let Fact { id, data, subject, source, unix_ms, expires_unix_ms, .. } = &whole.fact;
    assert_eq!(*id, FactId::of(id_of_run, &FramePath::root(), 0));
    assert_eq!((data.as_ref().unwrap().as_str(), subject.as_deref()), ("[1.50]", Some("ann")));
    assert_eq!((source.as_deref(), Some(*unix_ms)), (Some("a mail"), asked_unix_ms));
    assert_eq!((*expires_unix_ms, &whole.meaning), (Some(unix_ms + 500), &None));
    assert_eq!(facts.len(), 2, "two steps remember two facts");
    assert!(scene.models.embedded().is_empty(), "no model was asked");
}

/// Makes an agent that remembers something, and reports what it knows.
fn remembering(scope: Scope, text: &'static str) -> Act {
    acting(move |host| {
        let scope = scope.clone();
        async move {
            host.perform(remember(scope.clone(), text), 0).await?;
            Ok(Json::of(&texts(host.perform(recall(scope, "", Search::Words), 0).await)).unwrap())
        }
    })
}

fn output(end: RunEnd) -> serde_json::Value {
    end.result.unwrap().output.to_value()
}

#[test]
fn scopes_are_of_whom_they_say() {
    let grants: &'static [&'static str] = &["memory=agent:write", "memory=run:write", "memory=tenant:write"];
    let agent = |name, scope, text| (name, Agent { grants, ..Agent::default() }, remembering(scope, text));
    let agents = vec![
        agent("a", Scope::Agent, "of a"),
        agent("b", Scope::Agent, "of b"),
        agent("test", Scope::Agent, "of test"),
        agent("r", Scope::Run, "of a run"),
        agent("t", Scope::Tenant, "of all"),
        agent("u", Scope::Tenant, "of all too"),
    ];
    let scene = scene().agents(agents, Default::default());
    let known = |name: &str| output(scene.agent(name)).as_array().unwrap().len();
    assert_eq!(
        (known("a"), known("b"), known("a")),
        (1, 1, 2),
        "an agent knows what it learnt in other runs, and no more"
    );
    assert_eq!((known("r"), known("r")), (1, 1), "a run knows what it learnt itself");
    assert_eq!((known("t"), known("u")), (1, 2), "all know what all learnt");
    // Native code is called as it likes, and is no agent.
    known("test");
    run(&scene, &ALL, |context| async move {
        assert_eq!(texts(context.perform(recall(Scope::Agent, "", Search::Words)).await), [""; 0]);
        assert!(context.perform(remember(Scope::Agent, "of native code")).await.is_ok());
    });
    assert_eq!(known("test"), 2);
    let scopes = scene.notebook.scopes();
    let of = |prefix: &str| scopes.iter().filter(|scope| scope.starts_with(prefix)).count();
    assert_eq!((of("agent/"), of("agent/native/test"), of("run/run_"), of("tenant")), (6, 1, 2, 2), "{scopes:?}");
}

#[test]
fn a_user_is_whom_the_operator_named() {
    let act = acting(|host| async move {
        let outcomes = [
            host.perform(remember(ann(), "tea"), 0).await,
            host.perform(remember(Scope::User("bob".into()), "coffee"), 0).await,
        ];
        Ok(Json::of(&outcomes.map(|outcome| is_denied(&outcome))).unwrap())
    });
    let grants: &'static [&'static str] = &["memory=user/{input.user}:write"];
    let mut scene = scene().agents(vec![("a", Agent { grants, ..Agent::default() }, act)], Default::default());
    for (user, denied) in [("ann", [false, true]), ("bob", [true, false]), ("eve", [true, true])] {
        scene.inputs = BTreeMap::from([("user".to_owned(), user.to_owned())]);
        assert_eq!(output(scene.agent("a")), serde_json::json!(denied), "{user}");
    }
    assert_eq!(scene.notebook.scopes(), ["user/ann", "user/bob"]);
    // Nobody becomes everybody by his name.
    for user in ["*", "a*", "ann:write", "../tenant"] {
        scene.inputs = BTreeMap::from([("user".to_owned(), user.to_owned())]);
        let target = Target::Agent { name: "a".to_owned(), input: Json::null() };
        let request = crate::Request {
            target,
            inputs: scene.inputs.clone(),
            grants: None,
            limits: Default::default(),
            budget: Default::default(),
            seed: Some([7; 32]),
            model: None,
            recorder: scene.recorder.clone(),
            durable: None,
        };
        if let Ok(mut started) = scene.engine.start(&scene.catalog, request) {
            let end = scene.end(&mut started);
            assert!(end.result.is_err() || output(end) == serde_json::json!([true, true]), "{user}");
        }
    }
}

#[test]
fn a_child_recalls_no_more_than_its_parent_may() {
    let child = acting(|host| async move {
        let outcome = host.perform(recall(Scope::Tenant, "", Search::Newest), 0).await;
        Ok(Json::of(&is_denied(&outcome)).unwrap())
    });
    let parent = acting(|host| async move {
        match host.perform(Effect::agent("child", Json::null(), None), 0).await? {
            Value::Report(report) => Ok(report.output),
            other => panic!("{other:?}"),
        }
    });
    let granted = |grants| Agent { grants, ..Agent::default() };
    let (all, none): (&'static [_], &'static [_]) = (&["memory=tenant:read"], &[]);
    for (of_parent, is_denied) in [(all, false), (none, true)] {
        let agents = vec![("parent", granted(of_parent), parent.clone()), ("child", granted(all), child.clone())];
        let scene = scene().agents(agents, Default::default());
        assert_eq!(output(scene.agent("parent")), serde_json::json!(is_denied));
    }
}

#[test]
fn meaning_is_found_paid_and_counted_once() {
    let scene = with_meaning(None);
    let end = run(&scene, &ALL, |context| async move {
        assert!(context.perform(remember(ann(), "Ann likes tea")).await.is_ok());
        assert_eq!(texts(context.perform(recall(ann(), "tea", Search::Best)).await), ["Ann likes tea"]);
        assert_eq!(texts(context.perform(recall(ann(), "tea", Search::Words)).await), ["Ann likes tea"]);
        assert_eq!(texts(context.perform(recall(ann(), "tea", Search::Meaning)).await), ["Ann likes tea"]);
        assert_eq!(texts(context.perform(recall(ann(), "", Search::Newest)).await), ["Ann likes tea"]);
        assert_eq!(texts(context.perform(recall(ann(), " \n", Search::Meaning)).await), [""; 0]);
        assert!(context.perform(remember(ann(), "")).await.is_ok());
        assert!(context.perform(forget(ann())).await.is_ok());
    });
    let embedded: Vec<Vec<String>> = scene.models.embedded().into_iter().map(|order| order.texts).collect();
    assert_eq!(embedded, [["Ann likes tea"], ["tea"], ["tea"]]);
    let queries = scene.notebook.queries.lock();
    let of = |query: &FactQuery| (query.words.clone(), query.meaning.as_ref().map(|meaning| meaning.model.clone()));
    let (words, model) = (Some("tea".to_owned()), Some("e".to_owned()));
    let expected = [(words.clone(), model.clone()), (words, None), (None, model), (None, None)];
    assert_eq!(queries.iter().map(of).collect::<Vec<_>>(), expected);
    // A token has four bytes, as the fake counts.
    let spent: Vec<_> = scene.spent().iter().map(|spent| (spent.usage.input, spent.microusd)).collect();
    assert_eq!(spent, [(4, 4), (1, 1), (1, 1)]);
    assert_eq!((end.usage.tokens_in, end.usage.money_microusd), (6, 6));
    let kept = scene.book.kept.lock();
    let expenses: Vec<_> =
        kept.values().map(|expense| (expense.key.step, expense.microusd, &*expense.program)).collect();
    assert_eq!(expenses, [(0, 4, "native test"), (1, 1, "native test"), (3, 1, "native test")]);
    assert!(kept.values().all(|expense| expense.is_settled));
}

#[test]
fn a_recorded_run_knows_words_alone() {
    let scene = with_meaning(None);
    scene.models.be_recording();
    run(&scene, &ALL, |context| async move {
        assert!(context.perform(remember(ann(), "Ann likes tea")).await.is_ok());
        assert_eq!(texts(context.perform(recall(ann(), "tea", Search::Best)).await), ["Ann likes tea"]);
        assert_eq!(texts(context.perform(recall(ann(), "tea", Search::Meaning)).await), ["Ann likes tea"]);
    });
    assert!(scene.models.embedded().is_empty(), "the vectors of facts are not in the record");
    assert!(scene.notebook.facts.lock().values().all(|kept| kept.meaning.is_none()));
    let queries = scene.notebook.queries.lock();
    assert!(queries.iter().all(|query| query.words.is_some() && query.meaning.is_none()));
}

#[test]
fn what_cannot_be_paid_is_not_remembered() {
    let scene = with_meaning(None);
    let target = Target::native("test", |context| async move {
        let outcome = context.perform(remember(Scope::Run, &"tea ".repeat(100))).await;
        assert!(matches!(&outcome, Err(Failure::Limit(_))), "{outcome:?}");
        let outcome = context.perform(recall(Scope::Run, &"tea ".repeat(100), Search::Best)).await;
        assert!(matches!(&outcome, Err(Failure::Limit(_))), "{outcome:?}");
        assert_eq!(texts(context.perform(recall(Scope::Run, "tea", Search::Words)).await), [""; 0]);
        Ok(Json::null())
    });
    let grants = ALL.iter().map(|grant| grant.parse::<Grant>().unwrap()).collect();
    let budget = priory_core::amounts::BudgetSpec { tokens_in: Some(50), ..Default::default() };
    let mut started = scene.begin(target, Some(grants), budget);
    scene.end(&mut started).result.unwrap();
    assert!(scene.notebook.scopes().is_empty() && scene.models.embedded().is_empty());
}

#[test]
fn a_long_text_is_cut_to_what_the_model_reads() {
    let scene = with_meaning(Some(9));
    run(&scene, &ALL, |context| async move {
        assert!(context.perform(remember(Scope::Run, "0123456789")).await.is_ok());
        assert!(context.perform(remember(Scope::Run, "01234567ä")).await.is_ok());
    });
    let embedded: Vec<Vec<String>> = scene.models.embedded().into_iter().map(|order| order.texts).collect();
    assert_eq!(embedded, [["012345678"], ["01234567"]]);
    let facts = scene.notebook.facts.lock();
    assert!(
        facts.values().all(|kept| kept.fact.text.len() == 10 && kept.meaning.is_some()),
        "the fact itself is whole"
    );
}

#[test]
fn without_a_model_there_is_no_search_by_meaning() {
    let scene = scene();
    run(&scene, &ALL, |context| async move {
        let outcome = context.perform(recall(Scope::Run, "tea", Search::Meaning)).await;
        let Err(Failure::Unavailable(Unavailable { reason, retriable: false, .. })) = &outcome else {
            panic!("{outcome:?}")
        };
        assert!(reason.contains("embedding-model"), "{reason}");
        assert_eq!(texts(context.perform(recall(Scope::Run, "tea", Search::Best)).await), [""; 0]);
    });
}

#[test]
fn why_the_memory_fails_is_told() {
    let scene = scene();
    for (error, is_retriable) in [
        (MemoryError::Full { scope: "run".into(), facts: 100_000 }, false),
        (MemoryError::Store { what: "written", reason: "the disk is full".into(), retriable: true }, true),
        (MemoryError::Store { what: "read", reason: "it is damaged".into(), retriable: false }, false),
    ] {
        *scene.notebook.fails.lock() = Some(error.clone());
        run(&scene, &ALL, move |context| async move {
            for effect in [remember(Scope::Run, "tea"), recall(Scope::Run, "tea", Search::Best), forget(Scope::Run)] {
                let outcome = context.perform(effect).await;
                let Err(Failure::Unavailable(Unavailable { subject, reason, retriable })) = outcome else {
                    panic!("{error}")
                };
                assert_eq!((subject.as_str(), reason, retriable), ("memory", error.to_string(), is_retriable));
            }
        });
    }
}

#[test]
fn a_replay_is_told_what_was_known_then() {
    let act = acting(|host| async move {
        let known = texts(host.perform(recall(Scope::Tenant, "tea", Search::Words), 0).await);
        Ok(Json::of(&known).unwrap())
    });
    let grants: &'static [&'static str] = &["memory=tenant:read"];
    let scene = scene().agents(vec![("a", Agent { grants, ..Agent::default() }, act)], Default::default());
    let tea = |at: u32, text: &str| {
        let from = Origin { run: RunId::from_parts(1, 1), frame: FramePath::root(), step: at };
        let id = FactId::of(from.run, &from.frame, at);
        let (data, subject, source, expires_unix_ms) = (None, None, Some("a mail".to_owned()), None);
        let fact =
            Fact { id, text: text.to_owned(), data, subject, source, unix_ms: 5, expires_unix_ms, from, score_ppm: 0 };
        let scope = ScopeKey::new("tenant");
        scene.notebook.facts.lock().insert((scope.clone(), id), KeptFact { scope, fact, meaning: None });
    };
    tea(1, "green tea is served at four in the afternoon");
    assert_eq!(output(scene.agent("a")).as_array().unwrap().len(), 1);
    tea(2, "black tea is out");
    scene.notebook.facts.lock().retain(|_, kept| kept.fact.from.step != 1);
    let asked = scene.notebook.queries.lock().len();
    assert!(matches!(scene.replay(), Replayed::Same));
    assert_eq!(scene.notebook.queries.lock().len(), asked, "a replay asks nobody");

    // What was recalled was seen, and says who remembered it.
    let events = scene.recorder.events();
    let lineage = crate::lineage::trace(&events, "green tea is served at four in the afternoon").unwrap();
    let shown = serde_json::to_string(&lineage).unwrap();
    let id = FactId::of(RunId::from_parts(1, 1), &FramePath::root(), 1);
    for part in [id.to_string(), RunId::from_parts(1, 1).to_string(), "\"how\":\"remembered\"".to_owned()] {
        assert!(shown.contains(&part), "{part} is not in {shown}");
    }
}

#[test]
fn no_more_is_recalled_than_can_be_told_at_once() {
    let scene = scene();
    run(&scene, &ALL, |context| async move {
        for _ in 0..150 {
            assert!(context.perform(remember(Scope::Run, &"x".repeat(FACT_BYTES_MAX))).await.is_ok());
        }
        let (scope, text, most) = (Scope::Run, String::new(), RECALL_MAX);
        let all = Effect::Memory(MemoryOp::Recall { scope, text, subject: None, search: Search::Newest, most });
        assert_eq!(texts(context.perform(all).await).len(), (8 << 20) / FACT_BYTES_MAX);
    });
}
