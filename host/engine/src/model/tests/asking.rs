// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a model is asked, who answers, and what is written down of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use priory_core::artifact::{ArtifactOp, Content};
use priory_core::effect::Terms;
use priory_core::model::{
    Ability, Media, Message, ModelInfo, ModelRequest, Offer, Part, Price, Role, Sampling, Slice, ToolDefinition,
};
use priory_core::{Digest, Dimension, Effect, Event, Failure, Json, Value};
use priory_testkit::{FakeModels, Reply};

use super::scene::{Agent, Scene, acting, ask, asking, asks, completion, of_models, request};
use crate::Replayed;
use crate::model::talk::Talk;

pub(super) fn model(name: &str) -> ModelInfo {
    // 1 and 2 micro-dollars a token.
    let price = Price { input: 1_000_000, output: 2_000_000, ..Price::default() };
    ModelInfo { price: Some(price), ..FakeModels::info(name) }
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

#[test]
fn an_answer_is_told_charged_and_noted() {
    let scene = Scene::new(vec![model("m")], |_| Reply::words("hi", 10, 4));
    let end = scene.native(|context| async move {
        let answer = completion(context.perform(ask("hello")).await);
        assert_eq!((answer.message.words().as_str(), &*answer.model, answer.microusd), ("hi", "m", 18));
        let Ok(Value::Usage(used)) = context.perform(Effect::BudgetUsed).await else { panic!() };
        assert_eq!(of_models(used), (10, 4, 18));
    });
    assert_eq!(of_models(end.usage), (10, 4, 18));
    let spent = scene.spent();
    assert_eq!((spent.len(), spent[0].microusd, spent[0].is_answered), (1, 18, true));
    let notes = scene.book.notes.lock();
    let sums: Vec<_> = notes.iter().map(|note| (note.usage.input, note.microusd, note.is_settled)).collect();
    // The longest answer and as many tokens as there are bytes are set aside before it is asked.
    assert_eq!(sums.len(), 2);
    assert!(sums[0].0 >= 10 && sums[0].1 >= 2_000 && !sums[0].2, "{sums:?}");
    assert_eq!(sums[1], (10, 18, true));
    assert_eq!((notes[0].key.step, notes[0].program.as_str()), (0, "native test"));
    let asked = scene.models.asked();
    assert_eq!(asked[0].output_tokens_max, 1_000);
    assert!(asked[0].key.ends_with("-0-0-0"), "{}", asked[0].key);
}

#[test]
fn which_model_is_meant() {
    let infos = ["m", "own", "all"].map(FakeModels::info).into();
    let scene = Scene::new(infos, |_| Reply::words("hi", 1, 1));
    let unnamed = || ModelRequest { model: None, ..request("hello") };
    let act = |name: Option<&'static str>| {
        let act = acting(|host| async move {
            let request = ModelRequest { model: None, ..request("hello") };
            Ok(Json::of(&*completion(host.perform(asking(request), 0).await).model).unwrap())
        });
        ("a", Agent { model: name, ..Agent::default() }, act)
    };
    let with = |scene: Scene, name, default| {
        let mut scene = scene.agents(vec![act(name)], Default::default());
        let catalog = Arc::into_inner(scene.catalog).unwrap();
        scene.catalog = Arc::new(catalog.with_models(default, None));
        scene
    };
    let scene = with(scene, Some("own"), Some("all".into()));
    assert_eq!(scene.agent("a").result.unwrap().output, json(r#""own""#));
    let scene = with(scene, None, Some("all".into()));
    assert_eq!(scene.agent("a").result.unwrap().output, json(r#""all""#));
    scene.native(move |context| async move {
        assert_eq!(&*completion(context.perform(asking(unnamed())).await).model, "all");
        let Ok(Value::Models(models)) = context.perform(Effect::ModelList).await else { panic!() };
        let listed: Vec<_> = models.iter().map(|model| (&*model.info.name, model.is_default)).collect();
        assert_eq!(listed, [("all", true), ("m", false), ("own", false)]);
    });
    let scene = with(scene, None, None);
    scene.native(move |context| async move {
        let failure = context.perform(asking(unnamed())).await.unwrap_err();
        assert!(failure.to_string().contains("default-model"), "{failure}");
    });
}

#[test]
fn what_is_not_granted_is_denied_whether_it_is_there_or_not() {
    let scene = Scene::new(vec![model("m")], |_| Reply::words("hi", 1, 1));
    let scene = scene.agents(vec![("t", Agent::default(), asks(0))], Default::default());
    let grants = ["model=n", "tool=x.*"].map(|grant| grant.parse::<priory_core::Grant>().unwrap());
    let target = crate::Target::native("test", |context| async move {
        let denied = |outcome: priory_core::Outcome| matches!(outcome, Err(Failure::Denied(_)));
        assert!(denied(context.perform(ask("hello")).await), "the model is there");
        let offers = |tool: &str| ModelRequest { tools: vec![Offer::Tool(tool.to_owned())], ..request("hello") };
        assert!(denied(context.perform(asking(ModelRequest { model: Some("n".into()), ..offers("t.work") })).await));
        assert!(denied(context.perform(asking(ModelRequest { model: Some("n".into()), ..offers("t.none") })).await));
        assert!(matches!(
            context.perform(asking(ModelRequest { model: Some("n".into()), ..request("hello") })).await,
            Err(Failure::Unavailable(_))
        ));
        let Ok(Value::Models(models)) = context.perform(Effect::ModelList).await else { panic!() };
        assert!(models.is_empty());
        Ok(Json::null())
    });
    let mut started = scene.begin(target, Some(grants.into_iter().collect()), Default::default());
    scene.end(&mut started).result.unwrap();
    assert!(scene.models.asked().is_empty());
}

#[test]
fn requests_that_are_out_of_bounds_are_refused() {
    let scene = Scene::new(vec![model("m")], |_| Reply::words("hi", 1, 1));
    scene.native(|context| async move {
        let sampling = |sampling| ModelRequest { sampling, ..request("hello") };
        let custom = |name: &str, schema: &str| {
            let (name, description, input_schema) = (name.to_owned(), String::new(), json(schema));
            Offer::Custom(ToolDefinition { name, description, input_schema })
        };
        let many = (0..4_097).map(|_| Message::text(Role::User, "x")).collect::<Vec<_>>();
        let call_id = Part::ToolResult(priory_core::model::ToolResult {
            id: "x".repeat(257),
            name: "a".into(),
            content: String::new(),
            is_error: false,
        });
        for (bad, at) in [
            (ModelRequest { messages: Vec::<Message>::new().into(), ..request("") }, "/messages"),
            (ModelRequest { messages: many.into(), ..request("") }, "/messages"),
            (request(&"x".repeat(17 << 20)), "/messages"),
            (
                ModelRequest {
                    messages: vec![Message { role: Role::Tool, parts: vec![call_id], label: None }].into(),
                    ..request("")
                },
                "/messages/0/parts/0",
            ),
            (sampling(Sampling { output_tokens_max: Some(0), ..Sampling::default() }), "/output-tokens-max"),
            (sampling(Sampling { temperature_milli: Some(2_001), ..Sampling::default() }), "/temperature"),
            (sampling(Sampling { stop: vec!["x".into(); 5], ..Sampling::default() }), "/stop"),
            (sampling(Sampling { choice: priory_core::model::Choice::Any, ..Sampling::default() }), "/choice"),
            (sampling(Sampling { output: Some(json(r#"{"type":"no"}"#)), ..Sampling::default() }), "/output"),
            (ModelRequest { tools: vec![custom("a", "{}"), custom("a", "{}")], ..request("x") }, "/tools/1"),
            (ModelRequest { tools: vec![custom("a", r#"{"type":7}"#)], ..request("x") }, "/tools/0/input-schema"),
            (ModelRequest { purpose: Some("x".repeat(129)), ..request("x") }, "/purpose"),
        ] {
            match context.perform(asking(bad)).await {
                Err(Failure::Invalid(invalid)) => assert_eq!(invalid.pointer, at, "{invalid:?}"),
                other => panic!("{at}: {other:?}"),
            }
        }
    });
    assert!(scene.models.asked().is_empty());
}

#[test]
fn another_model_stands_in_and_each_is_paid() {
    let first = ModelInfo { fallbacks: vec!["n".into(), "gone".into(), "m".into(), "o".into()], ..model("m") };
    let blind = ModelInfo { abilities: vec![Ability::Streaming], ..model("n") };
    let scene = Scene::new(vec![first, blind, model("o")], |prompt| match &*prompt.model {
        "m" => Reply::unavailable(5, 1),
        _ => Reply::call("t.work", json(r#"{"n":"x"}"#), 10, 2),
    });
    let scene = scene.agents(vec![("t", Agent::default(), asks(0))], Default::default());
    let end = scene.native(|context| async move {
        let offered = ModelRequest { tools: vec![Offer::Tool("t.work".into())], ..request("hello") };
        let answer = completion(context.perform(asking(offered)).await);
        assert_eq!((&*answer.model, answer.microusd), ("o", 14));
        let problem = answer.message.calls().next().unwrap().problem.clone().unwrap();
        assert!(problem.contains("at /n"), "{problem}");
    });
    // What each of its lost answers took is paid, and the one that came.
    assert_eq!(of_models(end.usage), (25, 5, 35));
    let spent: Vec<_> = scene.spent().iter().map(|spent| (spent.model.to_string(), spent.is_answered)).collect();
    let lost = ("m".to_owned(), false);
    assert_eq!(spent, [lost.clone(), lost.clone(), lost, ("o".to_owned(), true)]);
    let asked = scene.models.asked();
    assert_eq!(asked[0].tools[0].description, "works");
    let keys: Vec<_> = asked.iter().map(|prompt| prompt.key.rsplit('-').next().unwrap().to_owned()).collect();
    assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{keys:?}");
    assert_eq!((keys[0].as_str(), keys[3].as_str()), ("0", "4"));
    assert_eq!(scene.book.kept.lock().len(), 4);
}

#[test]
fn what_is_at_fault_is_not_asked_of_others() {
    let first = ModelInfo { fallbacks: vec!["n".into()], ..model("m") };
    let scene = Scene::new(vec![first, model("n")], |_| Reply::Fail(Failure::invalid("request", "", "no").into()));
    scene.native(|context| async move {
        assert!(matches!(context.perform(ask("hello")).await, Err(Failure::Invalid(_))));
    });
    assert_eq!(scene.models.asked().len(), 1);
    assert!(scene.spent().is_empty(), "nothing was sent");
}

#[test]
fn the_same_request_is_answered_once() {
    let cached = ModelInfo { cache_ms: Some(1_000), ..model("m") };
    let scene = Scene::new(vec![cached], |_| Reply::words("{\"n\":1}", 10, 4));
    let clock = scene.clock.clone();
    let end = scene.native(move |context| async move {
        let output = Some(json(r#"{"type":"object","required":["n"]}"#));
        let wanted = ModelRequest { sampling: Sampling { output, ..Sampling::default() }, ..request("hello") };
        let first = completion(context.perform(asking(wanted.clone())).await);
        let again = completion(context.perform(asking(wanted.clone())).await);
        assert_eq!((first.is_cached, again.is_cached, again.microusd), (false, true, 0));
        assert_eq!(first.output, Some(json("{\"n\":1}")));
        assert_eq!((again.output, again.message), (first.output, first.message));
        clock.advance(std::time::Duration::from_millis(1_001));
        assert!(!completion(context.perform(asking(wanted)).await).is_cached);
    });
    assert_eq!(of_models(end.usage), (20, 8, 36));
}

#[test]
fn pictures_are_shown_that_the_run_may_read() {
    let scene = Scene::new(vec![model("m")], |prompt| Reply::words(&prompt.media.len().to_string(), 1, 1));
    scene.native(|context| async move {
        let Ok(Value::Artifact(info)) =
            context.perform(Effect::Artifact(ArtifactOp::Put { content: Content::new(b"png".to_vec()) })).await
        else {
            panic!()
        };
        let show = |artifact| {
            let media = Media { mime: "image/png".into(), artifact, name: None };
            let parts = vec![Part::Image(media.clone()), Part::Image(media)];
            let message = Message { role: Role::User, parts, label: None };
            asking(ModelRequest { messages: vec![message].into(), ..request("") })
        };
        assert_eq!(completion(context.perform(show(info.digest)).await).message.words(), "1");
        let unknown = context.perform(show(Digest::of(b"of somebody else"))).await;
        assert!(unknown.is_err());
    });
    assert_eq!(scene.models.asked().len(), 1);
    assert_eq!(&*scene.models.asked()[0].media.values().next().unwrap().clone(), b"png");
}

#[test]
fn a_call_has_terms_of_its_own() {
    let slow = ModelInfo { ..model("m") };
    let scene = Scene::new(vec![slow], |_| Reply::Never);
    let clock = scene.clock.clone();
    let terms = |time_ms, tokens_in| {
        let budget = priory_core::amounts::BudgetSpec { tokens_in, ..Default::default() };
        Some(Box::new(Terms { node: None, time_ms, budget }))
    };
    let asking = move |terms| Effect::ModelCall { request: Box::new(request("hello")), is_heard: false, terms };
    let grants = ["model=*"].map(|grant| grant.parse::<priory_core::Grant>().unwrap());
    let target = crate::Target::native("test", move |context| async move {
        match context.perform(asking(terms(None, Some(1)))).await {
            Err(Failure::Limit(hit)) => {
                assert_eq!((hit.dimension, hit.frame.as_str()), (Dimension::TokensIn, "the budget of the call"));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(context.perform(asking(terms(Some(50), None))).await, Err(Failure::Timeout(_))));
        Ok(Json::null())
    });
    let mut started = scene.begin(target, Some(grants.into_iter().collect()), Default::default());
    scene.go_on();
    assert_eq!(scene.models.asked().len(), 1);
    clock.advance(std::time::Duration::from_millis(50));
    let end = scene.end(&mut started);
    end.result.unwrap();
    // It was sent, so it read what it was asked; nobody tells what it wrote, so that is all that was set aside.
    assert_eq!(of_models(end.usage), (2, 1_000, 2_002));
    assert!(!scene.spent()[0].is_answered);
    assert!(scene.book.kept.lock().values().all(|expense| expense.is_settled && expense.microusd == 2_002));
}

#[test]
fn a_replay_comes_to_the_same_and_pays_nothing() {
    let calls = AtomicU32::new(0);
    let scene = Scene::new(vec![model("m")], move |_| match calls.fetch_add(1, Ordering::AcqRel) % 3 {
        0 => Reply::unavailable(3, 0),
        n => Reply::words(&format!("answer {n}"), 10, 3),
    });
    let act = acting(|host| async move {
        let mut said = vec![Message::text(Role::User, "begin")];
        for turn in 0..5 {
            let whole = ModelRequest { messages: said.clone().into(), ..request("") };
            match host.perform(asking(whole), 0).await {
                Ok(Value::Completion(answer)) => said.push(answer.message),
                Err(failure) => said.push(Message::text(Role::User, failure.to_string())),
                other => panic!("{other:?}"),
            }
            said.push(Message::text(Role::User, format!("turn {turn}")));
        }
        let _ = host.perform(Effect::agent("a", Json::null(), None), 0).await;
        let _ = host.perform(Effect::BudgetLeft, 0).await;
        Ok(Json::of(&said.len()).unwrap())
    });
    let agents = vec![("talk", Agent::default(), act), ("a", Agent::default(), asks(4))];
    let scene = scene.agents(agents, Default::default());
    let end = scene.agent("talk");
    end.result.unwrap();
    assert!(scene.spent().len() >= 5);
    let of_events = scene.spent().iter().map(|spent| spent.microusd).sum::<u64>();
    assert_eq!(of_events, end.usage.money_microusd);
    assert_eq!(scene.replay(), Replayed::Same);
}

/// Returns how many bytes a conversation of so many turns takes when it is written down.
fn bytes_of_conversation(turns: usize) -> usize {
    let scene = Scene::new(vec![model("m")], |_| Reply::words(&"a".repeat(100), 1, 1));
    scene.native(move |context| async move {
        let mut said = vec![Message::text(Role::System, "be kind")];
        for turn in 0..turns {
            said.push(Message::text(Role::User, format!("{turn:0>100}")));
            let whole = ModelRequest { messages: said.clone().into(), ..request("") };
            said.push(completion(context.perform(asking(whole)).await).message);
        }
    });
    let asked = scene.models.asked();
    assert_eq!(asked.last().unwrap().messages.len(), 2 * turns, "the model is told all of it");
    scene.recorder.events().iter().map(|event| serde_json::to_vec(event).unwrap().len()).sum()
}

#[test]
fn a_conversation_takes_as_much_room_as_was_said() {
    let (short, long) = (bytes_of_conversation(100), bytes_of_conversation(1_000));
    assert!(long <= 11 * short, "{long} bytes for 1,000 turns, and {short} for 100");
}

#[test]
fn conversations_by_turns_are_each_written_down_once() {
    let talk = Talk::default();
    let fold = |step: u32, words: &[&str]| {
        let messages: Vec<Message> = words.iter().map(|word| Message::text(Role::User, *word)).collect();
        let mut effect = asking(ModelRequest { messages: messages.into(), ..request("") });
        let whole = talk.fold(step, &mut effect).unwrap();
        assert_eq!(whole.len(), words.len());
        let Effect::ModelCall { request, .. } = effect else { panic!() };
        let shape = |slice: &Slice| match slice {
            Slice::Earlier { step, from, count } => format!("{step}:{from}+{count}"),
            Slice::New(message) => message.words(),
        };
        request.messages.slices().iter().map(shape).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(fold(0, &["a", "b"]), "a b");
    assert_eq!(fold(1, &["x", "y"]), "x y");
    assert_eq!(fold(2, &["a", "b", "c"]), "0:0+2 c");
    assert_eq!(fold(3, &["x", "y", "z"]), "1:0+2 z");
    assert_eq!(fold(4, &["a", "summary", "c"]), "2:0+1 summary 2:2+1");
    for step in 5..13 {
        fold(step, &[&step.to_string()]);
    }
    assert_eq!(fold(13, &["a", "b"]), "a b", "what is long past is said again");
}

#[test]
fn vectors_are_made_and_paid() {
    let embed = ModelInfo { abilities: vec![Ability::Embedding], ..model("e") };
    let scene = Scene::new(vec![embed, model("m")], |_| Reply::words("hi", 1, 1));
    let end = scene.native(|context| async move {
        let effect = |model: &str, texts: &[&str]| {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            Effect::Embed { model: Some(model.to_owned()), texts }
        };
        let Ok(Value::Embedded(embedded)) = context.perform(effect("e", &["four", "eight___"])).await else { panic!() };
        assert_eq!((embedded.vectors.len(), embedded.usage.input, embedded.microusd), (2, 3, 3));
        assert!(matches!(context.perform(effect("m", &["x"])).await, Err(Failure::Invalid(_))));
        assert!(matches!(context.perform(effect("e", &[])).await, Err(Failure::Invalid(_))));
        let asked = ModelRequest { model: Some("e".into()), ..request("hello") };
        assert!(matches!(context.perform(asking(asked)).await, Err(Failure::Invalid(_))));
    });
    assert_eq!(of_models(end.usage), (3, 0, 3));
    assert_eq!(scene.models.embedded().len(), 1);
}

#[test]
fn what_was_answered_and_what_it_took_stand_together() {
    let scene = Scene::new(vec![model("m")], |_| Reply::words("hi", 10, 4));
    scene.native(|context| async move {
        completion(context.perform(ask("hello")).await);
    });
    let events = scene.recorder.events();
    let spent = events.iter().position(|envelope| matches!(envelope.event, Event::Spent { .. })).unwrap();
    assert!(matches!(events[spent + 1].event, Event::Outcome { step: 0, .. }));
}
