// SPDX-License-Identifier: MIT OR Apache-2.0
//! The contract of models in a real guest: what is asked goes out, what is answered comes back, and what is no request is
//! refused. The models are scripted.

use std::path::Path;
use std::sync::Arc;

use priory::core::model::{
    Ability, ModelInfo, ModelSpec, ModelsSpec, Price, ProviderKind, ProviderSpec, REQUEST_TIME_MS_MAX,
};
use priory::core::{Dimension, Journal};
use priory::journal::MemoryJournal;
use priory::record::Silent;
use priory::{AgentSpec, Builder, Durability, Host, PluginSpec, Replayed, RunEnd, RunSpec};
use serde_json::{Value, json};

use crate::durable::scene;
use crate::guests;
use crate::stage::{agent, block, build, builder, good, grant, hits, json as to_json, output};

/// A model that answers by the rules of `models.script.toml`.
fn model(name: &str, abilities: Vec<Ability>) -> ModelSpec {
    let price = Price { input: 1_000_000, output: 10_000_000, cached: Some(100_000), cache_written: None };
    let info = ModelInfo {
        name: name.into(),
        provider: "scripted".into(),
        id: format!("{name}-1").into(),
        context_tokens: Some(100_000),
        output_tokens_max: 1_000,
        abilities,
        price: Some(price),
        fallbacks: Vec::new(),
        call_microusd_max: None,
        copies: 1,
        cache_ms: None,
    };
    ModelSpec {
        info: Arc::new(info),
        provider: "rules".into(),
        hedge_ms: None,
        caches_prompt: false,
        image_tokens: 1_600,
        token_margin_percent: 0,
        extra: None,
        script: Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("it/models.script.toml")),
    }
}

fn models() -> ModelsSpec {
    let provider = ProviderSpec {
        name: "rules".into(),
        kind: ProviderKind::Scripted,
        url: None,
        key: None,
        headers: Vec::new(),
        rate: Default::default(),
        breaker: None,
        attempts: 1,
        time_ms: REQUEST_TIME_MS_MAX,
        idle_ms: REQUEST_TIME_MS_MAX,
    };
    let talks = vec![Ability::Tools, Ability::Schema, Ability::Reasoning, Ability::Streaming];
    ModelsSpec {
        providers: vec![provider],
        models: vec![model("fast", talks.clone()), model("other", talks), model("meaning", vec![Ability::Embedding])],
        default: Some("fast".into()),
        embedding: Some("meaning".into()),
    }
}

fn stage() -> Builder {
    let root = AgentSpec::new("root", "ask");
    let root = root.grant(grant("model=fast")).grant(grant("model=meaning")).grant(grant("tool=good.add"));
    builder()
        .without_pool()
        .plugin(good())
        .plugin(PluginSpec::new("ask", guests::rust("ask")))
        .agent(root)
        .agent(AgentSpec::new("bare", "ask"))
        .models(models())
}

fn ends(host: &Host, steps: &[Value]) -> RunEnd {
    agent(host, "root", json!({ "steps": steps }))
}

/// Has the agent do one thing.
fn does(step: Value) -> Value {
    output(&ends(&build(stage()), &[step]))[0].take()
}

#[test]
pub fn asks_and_is_answered() {
    let host = build(stage());
    let answer = output(&ends(&host, &[json!({ "do": "complete", "request": { "say": "hello" } })]))[0].take();
    assert_eq!(
        (&answer["text"], &answer["stop"], &answer["model"]),
        (&json!("1: hello"), &json!("end"), &json!("fast"))
    );
    let request = json!({ "say": "a number", "output": { "type": "object", "required": ["n"] } });
    let answer = does(json!({ "do": "complete", "request": request }));
    assert_eq!((&answer["output"], &answer["usage"]), (&json!({ "n": 3 }), &json!([100, 10, 40, 0, 4])));
    // 60 tokens for a micro-dollar each, 40 for a tenth of one, 10 for ten.
    assert_eq!(answer["microusd"], 60 + 4 + 100);
    let request = json!({ "say": "a number", "output": { "type": "object", "required": ["m"] } });
    let answer = does(json!({ "do": "complete", "request": request }));
    assert!(answer["output"].is_null() && answer["problem"].as_str().unwrap().contains('m'), "{answer}");
}

#[test]
fn calls_are_held_against_their_schemas() {
    let answer = does(json!({ "do": "complete", "request": { "say": "add", "tools": ["good.add"] } }));
    assert_eq!(answer["stop"], "tool-calls");
    let (right, wrong) = (&answer["calls"][0], &answer["calls"][1]);
    assert_eq!((&right["arguments"], &right["problem"]), (&json!({ "a": 40, "b": 2 }), &Value::Null));
    assert!(wrong["problem"].is_string(), "{wrong}");
    // A tool that is not granted is denied, whether it is there or not.
    for tool in ["good.no-such", "nobody.there"] {
        let refused = does(json!({ "do": "complete", "request": { "say": "add", "tools": [tool] } }));
        assert_eq!(refused["failure"], "denied", "{refused}");
    }
}

#[test]
fn started_answers_are_taken_as_they_end() {
    let requests = json!([{ "say": "slow 2" }, { "say": "at once" }]);
    let results = does(json!({ "do": "start", "requests": requests }));
    assert_eq!((&results[0]["text"], &results[1]["text"]), (&json!("at once"), &json!("after 2")));
    let requests: Vec<Value> = (0..20).map(|at| json!({ "say": format!("number {at}") })).collect();
    let results = does(json!({ "do": "start", "requests": requests, "drops": 5 }));
    assert_eq!(results.as_array().unwrap().len(), 15);
}

/// Returns what was heard of words and of reasoning.
fn heard(answer: &Value) -> (String, String) {
    let pieces = answer["pieces"].as_array().unwrap();
    let joined = |key: &str| pieces.iter().filter_map(|piece| piece[key].as_str()).collect();
    (joined("text"), joined("reasoning"))
}

#[test]
fn an_answer_is_heard_while_it_is_written() {
    let answer = does(json!({ "do": "stream", "request": { "say": "think" }, "then": "finish" }));
    let whole = "There is nothing to be said about it that was not said before.";
    assert_eq!(heard(&answer), (whole.into(), "Let me see what there is to be said about it.".into()));
    assert_eq!((&answer["whole"]["text"], &answer["whole"]["stop"]), (&json!(whole), &json!("end")));
    let answer =
        does(json!({ "do": "stream", "request": { "say": "add", "tools": ["good.add"] }, "then": "finish-twice" }));
    assert_eq!(answer["pieces"].as_array().unwrap().iter().filter(|piece| piece["tool-call"] == "good.add").count(), 2);
    assert_eq!(answer["again"]["failure"], "conflict");
    // Who stops to listen has what was heard, and the run goes on.
    let steps = [
        json!({ "do": "stream", "request": { "say": "think" }, "pieces": 1, "then": "drop" }),
        json!({ "do": "complete", "request": { "say": "hello" } }),
    ];
    let results = output(&ends(&build(stage()), &steps));
    assert_eq!(results[0]["pieces"].as_array().unwrap().len(), 1);
    assert_eq!(results[1]["text"], "1: hello");
}

#[test]
fn what_is_no_request_is_refused() {
    let failure = |step: Value| does(step)["failure"].take();
    let request = |request: Value| json!({ "do": "complete", "request": request });
    for temperature in [json!("nan"), json!(-0.1), json!(2.1)] {
        assert_eq!(failure(request(json!({ "say": "x", "temperature": temperature }))), "invalid");
    }
    assert_eq!(failure(json!({ "do": "many-messages", "count": 4_097 })), "invalid");
    assert_eq!(failure(json!({ "do": "many-messages", "count": 0 })), "invalid");
    assert_eq!(failure(json!({ "do": "many-texts", "count": 257 })), "invalid");
    assert_eq!(failure(request(json!({ "say": "x", "stop": ["a", "b", "c", "d", "e"] }))), "invalid");
    assert_eq!(failure(request(json!({ "say": "x", "model": "m".repeat(600) }))), "invalid");
    assert_eq!(failure(request(json!({ "say": "x", "purpose": "p".repeat(200) }))), "invalid");
    // What cannot be started fails where it is heard.
    let answer = does(json!({ "do": "stream", "request": { "say": "x", "temperature": "nan" }, "then": "finish" }));
    assert_eq!((&answer["pieces"][0]["failure"], &answer["whole"]["failure"]), (&json!("invalid"), &json!("invalid")));
    assert_eq!(failure(request(json!({ "say": "tired" }))), "unavailable");
}

#[test]
fn what_crosses_the_edge_is_bounded() {
    let step = json!({ "do": "huge", "bytes": 2 << 20 });
    let host = build(stage().limits([(Dimension::CallBytes, 1 << 20)].into_iter().collect()));
    hits(&ends(&host, &[step]), Dimension::CallBytes, 1 << 20, "0 agent root");
}

#[test]
fn a_model_that_is_not_granted_is_denied_and_not_listed() {
    let steps = [
        json!({ "do": "complete", "request": { "say": "x", "model": "other" } }),
        json!({ "do": "complete", "request": { "say": "x", "model": "no-such" } }),
        json!({ "do": "list" }),
        json!({ "do": "stream", "request": { "say": "x", "model": "other" }, "then": "finish" }),
        json!({ "do": "remember", "scope": "agent", "fact": { "text": "x" } }),
    ];
    let results = output(&ends(&build(stage()), &steps));
    assert_eq!((&results[0]["failure"], &results[1]["failure"]), (&json!("denied"), &json!("denied")));
    let listed: Vec<_> =
        results[2].as_array().unwrap().iter().map(|model| (&model["name"], &model["default"])).collect();
    assert_eq!(listed, [(&json!("fast"), &json!(true)), (&json!("meaning"), &json!(false))]);
    assert_eq!(results[3]["whole"]["failure"], "denied");
    assert_eq!(results[4]["failure"], "denied");
    let bare = output(&agent(&build(stage()), "bare", json!({ "steps": [{ "do": "list" }] })));
    assert_eq!(bare, json!([[]]));
}

#[test]
fn texts_become_vectors() {
    let embedded = does(json!({ "do": "embed", "texts": ["bees in winter", "bees in summer"] }));
    assert_eq!((embedded["vectors"].as_array().unwrap().len(), &embedded["model"]), (2, &json!("meaning")));
    assert!(embedded["vectors"][0][0].as_u64().unwrap() > 0, "{embedded}");
}

fn durable(journal: &Arc<dyn Journal>) -> Host {
    build(stage().durable(Durability::new(journal.clone()).park_after(None)))
}

/// What was answered and heard is recorded, so it is the same again, and nobody is asked.
#[test]
fn cut_anywhere_it_comes_to_the_same() {
    let steps = json!([
        { "do": "complete", "request": { "say": "hello" } },
        { "do": "start", "requests": [{ "say": "slow 2" }, { "say": "at once" }] },
        { "do": "talk", "turns": 3, "bytes": 100 },
        { "do": "stream", "request": { "say": "think" }, "then": "finish" },
        { "do": "list" },
    ]);
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let spec = RunSpec::agent("root", to_json(json!({ "steps": steps })));
    let mut started = scene::start(&durable(&journal), spec);
    let (run, end) = (started.id, block(started.wait()));
    let whole = output(&end);
    assert_eq!(whole[2]["messages"], 6);
    let events = scene::events(&journal, run);
    assert_eq!(block(durable(&journal).replay(events.clone(), Arc::new(Silent))).unwrap(), Replayed::Same);
    for count in (1..events.len()).step_by(2) {
        let copy = scene::cut(&journal, run, &events[..count]);
        let again = output(&scene::finish(&copy, &durable(&copy), run));
        // An answer of which a part was heard is not asked for again; everything else is as it was.
        let is_cut = again[3]["whole"]["failure"] == "unavailable";
        assert!(again == whole || is_cut, "after {count} events: {again}");
        assert_eq!((&again[0], &again[2]), (&whole[0], &whole[2]), "after {count} events");
    }
}
