// SPDX-License-Identifier: MIT OR Apache-2.0
//! The key of a provider reaches the provider, and nobody else: it is looked for in all that a host writes, tells and logs,
//! and in the memory of the guest.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use priory::core::gate::RateSpec;
use priory::core::model::{Ability, KeySource, ModelInfo, ModelSpec, ModelsSpec, ProviderKind, ProviderSpec};
use priory::core::{Dimension, Journal};
use priory::journal::SqliteJournal;
use priory::{AgentSpec, Durability, PluginSpec, RunSpec};
use priory_testkit::MemoryRecorder;
use priory_testkit::provider::{Act, Answer, LoopbackProvider};
use serde_json::{Value, json};

use crate::guests;
use crate::stage::{block, build, builder, grant, json as to_json, output};

/// It looks like nothing else, so that it can be searched for.
const KEY: &str = "sk-fake-9f86d081-Never-Shown-884c7d65";
const MASK: u8 = 0x5a;
/// Bytes that are searched for, so that it shows that a search finds what is there.
const SAID: &str = "a sentence that stands in the memory of the guest";

/// What is kept of everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn models(kind: ProviderKind, provider: &LoopbackProvider, key: &Path) -> ModelsSpec {
    let provider = ProviderSpec {
        name: "p".into(),
        kind,
        url: provider.url(),
        key: Some(KeySource::File(key.to_owned())),
        headers: Vec::new(),
        rate: RateSpec::default(),
        breaker: None,
        attempts: 1,
        time_ms: 60_000,
        idle_ms: 60_000,
    };
    let info = ModelInfo {
        name: "m".into(),
        provider: kind.telemetry_name().into(),
        id: "fake-1".into(),
        context_tokens: None,
        output_tokens_max: 1_000,
        abilities: vec![Ability::Tools, Ability::Streaming],
        price: None,
        fallbacks: Vec::new(),
        call_microusd_max: None,
        copies: 1,
        cache_ms: None,
    };
    let model = ModelSpec {
        info: Arc::new(info),
        provider: "p".into(),
        hedge_ms: None,
        caches_prompt: false,
        image_tokens: 1_000,
        token_margin_percent: 0,
        extra: None,
        script: None,
    };
    ModelsSpec { providers: vec![provider], models: vec![model], default: Some("m".into()), embedding: None }
}

/// A step that searches the memory of the guest.
fn search(text: &str) -> Value {
    let masked: Vec<u8> = text.bytes().map(|byte| byte ^ MASK).collect();
    json!({ "do": "search", "masked": masked, "mask": MASK })
}

/// Returns the bytes of every file below a folder.
fn files(folder: &Path) -> Vec<u8> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.extend(std::fs::read(&path).unwrap());
        }
    }
    found
}

#[track_caller]
fn nowhere(what: &str, bytes: &[u8]) {
    // A part of a key is as bad as all of it.
    let part = &KEY.as_bytes()[8..24];
    assert!(!bytes.windows(part.len()).any(|window| window == part), "the key is in {what}");
}

#[test]
pub fn the_key_is_nowhere_but_at_the_provider() {
    let log = Log::default();
    let writer = log.clone();
    // The compiler says more than all others together, and knows no keys.
    let filter = "trace,cranelift_codegen=off,cranelift_frontend=off,regalloc2=off,wasmtime_internal_cranelift=off";
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone()).finish();
    // No other test of this binary looks at what is logged.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let kinds = [ProviderKind::Openai, ProviderKind::OpenaiResponses, ProviderKind::Anthropic, ProviderKind::Gemini];
    for kind in kinds {
        searched(kind);
    }
    let logged = log.0.lock().unwrap();
    assert!(!logged.is_empty(), "nothing was logged, so nothing could be searched");
    nowhere("the log", &logged);
}

/// Has a guest ask a provider, also one that gives the key away in its errors, and searches everything.
fn searched(kind: ProviderKind) {
    let folder = tempfile::tempdir().unwrap();
    let mut key = tempfile::NamedTempFile::new().unwrap();
    writeln!(key, "{KEY}").unwrap();
    let provider = block(LoopbackProvider::start(kind, KEY)).unwrap();
    let gives_away = |status| Act::error(status, &format!("the key {KEY} may not do this"));
    provider.then([
        Act::answer(Answer::text("fine")),
        gives_away(401),
        gives_away(400),
        // It is asked again after this one, twice.
        gives_away(500),
        gives_away(500),
        gives_away(500),
        Act::answer(Answer::text("fine as well")),
    ]);
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(folder.path()).unwrap());
    let agent = AgentSpec::new("root", "ask").grant(grant("model=*")).limit(Dimension::Fuel, 2_000_000_000);
    let host = builder()
        .without_pool()
        .plugin(PluginSpec::new("ask", guests::rust("ask")))
        .agent(agent)
        .models(models(kind, &provider, key.path()))
        .durable(Durability::new(journal.clone()));
    let host = build(host);
    let ask = |say: &str| json!({ "do": "complete", "request": { "say": say } });
    let heard = json!({ "do": "stream", "request": { "say": "and aloud?" }, "then": "finish" });
    let steps = [ask(SAID), ask("b"), ask("c"), ask("d"), heard, search(KEY), search(SAID)];
    let recorder = Arc::new(MemoryRecorder::default());
    let spec = RunSpec::agent("root", to_json(json!({ "steps": steps }))).recorder(recorder.clone());
    let mut started = host.start(spec).unwrap();
    let run = started.id;
    let end = block(started.wait());
    let told = output(&end);

    assert_eq!(told[0]["text"], "fine", "{kind}: {told}");
    assert!((1..4).all(|at| told[at]["failure"].is_string()), "{kind}: {told}");
    assert_eq!(told[4]["whole"]["text"], "fine as well", "{kind}: {told}");
    assert_eq!(told[5]["found"], false, "{kind}: the key is in the memory of the guest");
    assert_eq!(told[6]["found"], true, "{kind}: what is there is not found");
    assert_eq!(provider.asked().len(), 7, "{kind}: the provider takes requests with the key only");

    nowhere("what the guest was told", told.to_string().as_bytes());
    nowhere("what a watcher was told", format!("{:?}", recorder.events()).as_bytes());
    let events = block(journal.read(run, 0, 10_000)).unwrap();
    assert!(events.len() > 10);
    nowhere("the journal", serde_json::to_string(&events).unwrap().as_bytes());
    nowhere("how events are shown", format!("{events:?}").as_bytes());
    drop((host, journal));
    nowhere("a file of the store", &files(folder.path()));
}
