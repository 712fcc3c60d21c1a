// SPDX-License-Identifier: MIT OR Apache-2.0
//! What runs that are kept play with: an outside that counts, journals that lose what they had not written, and hosts
//! that come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use priory::core::http::{HttpRequest, HttpResponse};
use priory::core::journal::{Batch, RunHeader, RunState, Verdict, Wait};
use priory::core::ports::{BoxFuture, Http};
use priory::core::{Envelope, Event, Failure, FramePath, Journal, RunId};
use priory::record::Silent;
use priory::{AgentSpec, Builder, Durability, Host, PluginSpec, Replayed, Reply, RunEnd, RunSpec, Started, resume};
use serde_json::{Value, json};

use crate::guests;
use crate::stage::{block, build, builder, good, grant, json, output};

/// How often one run is taken up again before a test gives up.
const TURNS_MAX: usize = 100;

/// The world outside: it answers, and remembers what reached it under which key.
#[derive(Default)]
pub struct Outside {
    seen: Mutex<Seen>,
    /// How many requests were only looking.
    looks: AtomicUsize,
    /// How long every answer takes.
    pub delay: Duration,
}

#[derive(Default)]
struct Seen {
    /// What each key brought, and how often.
    by_key: BTreeMap<String, (String, usize)>,
    answers: BTreeMap<String, String>,
}

impl Outside {
    pub fn slow(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// Returns the bodies with the keys that they came under: one, when all is well.
    pub fn keys(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, (body, _)) in &self.seen.lock().unwrap().by_key {
            keys.entry(body.clone()).or_default().insert(key.clone());
        }
        keys
    }

    /// Returns how often requests came whose key had come before.
    pub fn repetitions(&self) -> usize {
        self.seen.lock().unwrap().by_key.values().map(|(_, count)| count - 1).sum()
    }

    pub fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    /// Checks that `count` different things were done, each under one key.
    #[track_caller]
    pub fn did_once(&self, count: usize) {
        let keys = self.keys();
        assert_eq!(keys.len(), count, "{keys:?}");
        assert!(keys.values().all(|keys| keys.len() == 1), "something was done twice: {keys:?}");
    }

    fn answer(&self, request: &HttpRequest) -> String {
        if request.is_safe() {
            self.looks.fetch_add(1, Ordering::SeqCst);
            return json!({ "looked at": request.url.path() }).to_string();
        }
        let key = request.headers.iter().find(|(name, _)| name == "idempotency-key");
        let key = key.map(|(_, key)| String::from_utf8_lossy(key).into_owned()).expect("every POST carries a key");
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let mut seen = self.seen.lock().unwrap();
        let (known, count) = seen.by_key.entry(key.clone()).or_insert((body.clone(), 0));
        assert_eq!(*known, body, "one key stands for one request");
        *count += 1;
        // The answer depends on when it was given, and is the same for a key: whoever forgets it gets found out.
        let number = seen.answers.len();
        seen.answers.entry(key).or_insert_with(|| json!({ "done": number }).to_string()).clone()
    }
}

impl Http for Outside {
    fn send<'a>(
        &'a self,
        request: &'a HttpRequest,
        _: u64,
        may_dial: &'a (dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
    ) -> BoxFuture<'a, Result<HttpResponse, Failure>> {
        Box::pin(async move {
            may_dial(IpAddr::from([93, 184, 216, 34]))?;
            let body = self.answer(request).into_bytes();
            if !self.delay.is_zero() {
                tokio::time::sleep(self.delay).await;
            }
            Ok(HttpResponse { status: 200, headers: Vec::new(), body })
        })
    }
}

pub fn steps_plugin(name: &str) -> PluginSpec {
    PluginSpec::new(name, guests::rust("steps"))
}

/// Begins a host with the agents of these tests.
pub fn stage(outside: &Arc<Outside>) -> Builder {
    let root = AgentSpec::new("root", "steps")
        .grant(grant("tool=*"))
        .grant(grant("agent=*"))
        .grant(grant("http=http://outside.example/*"))
        .grant(grant("log"))
        .grant(grant("human"))
        .grant(grant("event=made.*"))
        .grant(grant("event=go:await"))
        .grant(grant("event=never:await"))
        .grant(grant("sleep"));
    let child = AgentSpec { name: "child".into(), ..root.clone() };
    builder().without_pool().plugin(good()).plugin(steps_plugin("steps")).agent(root).agent(child).http(outside.clone())
}

pub fn host(journal: &Arc<dyn Journal>, outside: &Arc<Outside>, park_after: Option<Duration>) -> Host {
    build(stage(outside).durable(Durability::new(journal.clone()).park_after(park_after)))
}

pub fn root(steps: Value) -> RunSpec {
    RunSpec::agent("root", json(json!({ "looks": true, "steps": steps })))
}

pub fn post(with: &str) -> Value {
    json!({ "do": "post", "url": "http://outside.example/do", "with": with, "random": true })
}

/// Of everything something. It does six things outside, and looks once.
pub fn everything() -> Value {
    let child = |tag: &str| {
        let steps = json!([
            { "do": "tool", "name": "good.add", "with": { "a": 5, "b": 6 } },
            post(tag),
            { "do": "wasi-sleep", "ms": 3 },
        ]);
        json!({ "do": "agent", "name": "child", "with": { "looks": true, "steps": steps } })
    };
    json!([
        { "do": "tool", "name": "good.add", "with": { "a": 1, "b": 2 } },
        post("first"),
        { "do": "sleep", "ms": 21 },
        { "do": "wasi-sleep", "ms": 21 },
        child("of a child"),
        { "do": "all", "steps": [
            { "do": "tool", "name": "good.add", "with": { "a": 3, "b": 4 } },
            child("of a second child"),
            { "do": "sleep", "ms": 10 },
            child("of a third child"),
            { "do": "tool", "name": "good.nothing", "with": {} },
        ] },
        { "do": "log", "text": "a line" },
        { "do": "print", "text": "another line" },
        { "do": "get", "url": "http://outside.example/look" },
        { "do": "get", "url": "http://elsewhere.example/" },
        post("second"),
        post("last"),
    ])
}

/// Reads all events of a run.
pub fn events(journal: &Arc<dyn Journal>, run: RunId) -> Vec<Envelope> {
    block(resume::read_all(journal, run)).unwrap()
}

pub fn state(journal: &Arc<dyn Journal>, run: RunId) -> RunState {
    block(journal.info(run)).unwrap().state
}

pub fn start(host: &Host, spec: RunSpec) -> Started {
    host.start(spec).unwrap_or_else(|failure| panic!("the run does not start: {failure}"))
}

/// Takes a run up and waits until it stands still.
pub fn turn(host: &Host, run: RunId) -> RunEnd {
    block(async { host.resume(run, Arc::new(Silent)).await.unwrap_or_else(|error| panic!("{error}")).wait().await })
}

pub fn reply(journal: &Arc<dyn Journal>, host: &Host, run: RunId, wait: &Wait, value: Value) -> Result<(), Failure> {
    let (question, _) = wait.question().expect("a question");
    let reply = Reply { run, question, value: json(value), by: "ann".into() };
    block(resume::answer(journal, &**host.clock(), reply))
}

/// Waits until a timer is over.
pub fn wait_until(host: &Host, due_unix_ms: u64) {
    while host.clock().unix_ms() < due_unix_ms {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns the end of a run, if it has one.
fn ended(journal: &Arc<dyn Journal>, run: RunId) -> Option<RunEnd> {
    let state = Some(state(journal, run)).filter(|state| state.has_ended())?;
    match events(journal, run).pop()?.event {
        Event::RunEnded { result, usage } => Some(RunEnd { state, result, usage, waits: Vec::new() }),
        other => panic!("a run that has ended ends with {other:?}"),
    }
}

/// Takes a run up until it has ended, unless it has. Whatever it asks, the answer is the question.
pub fn finish(journal: &Arc<dyn Journal>, host: &Host, run: RunId) -> RunEnd {
    if let Some(end) = ended(journal, run) {
        return end;
    }
    for _ in 0..TURNS_MAX {
        let end = turn(host, run);
        if end.state != RunState::Parked {
            return end;
        }
        go_on(journal, host, run, &end.waits);
    }
    panic!("{run} does not come to an end");
}

/// Answers what a parked run asks; if it asks nothing, waits for its next timer.
pub fn go_on(journal: &Arc<dyn Journal>, host: &Host, run: RunId, waits: &[Wait]) {
    assert!(!waits.is_empty(), "a parked run waits for something");
    let asked = waits.iter().find_map(|wait| Some((wait, wait.question()?.1.text.clone())));
    match asked {
        Some((wait, text)) => reply(journal, host, run, wait, json!(text)).unwrap(),
        None => wait_until(host, waits.iter().filter_map(|wait| wait.due_unix_ms).min().unwrap()),
    }
}

/// Makes a journal in which a run is as it was after some of its events, as if the host had been killed then.
pub fn cut(journal: &Arc<dyn Journal>, run: RunId, events: &[Envelope]) -> Arc<dyn Journal> {
    let copy: Arc<dyn Journal> = Arc::new(priory::journal::MemoryJournal::new());
    block(async {
        let (info, pins) = (journal.info(run).await.unwrap(), journal.pins(run).await.unwrap());
        for pin in &pins {
            copy.keep(journal.kept(*pin).await.unwrap()).await.unwrap();
        }
        let (started_unix_ms, program, labels) = (info.started_unix_ms, info.program, info.labels);
        let header = Some(RunHeader { started_unix_ms, program, labels, pins });
        let (events, state) = (events.to_vec(), Some(RunState::Open));
        copy.append(Batch { run, epoch: 0, first_seq: 0, events, header, state, waits: None }).await.unwrap();
    });
    copy
}

/// Checks that a run ended well, that nobody altered its history, that it comes to the same again without the world
/// outside, and that its programs saw the same whenever they looked. Returns what it came to, without what they saw.
pub fn is_sound(journal: &Arc<dyn Journal>, end: &RunEnd, run: RunId) -> Value {
    assert_eq!(end.state, RunState::Done, "{end:?}");
    assert_eq!(state(journal, run), RunState::Done);
    let events = events(journal, run);
    match block(journal.verify(run)).unwrap() {
        Verdict::Intact { events: count, .. } => assert_eq!(count, events.len() as u64),
        altered => panic!("{altered:?}"),
    }
    let mut result = output(end);
    saw_the_same(&events, &mut result);
    // The description is made of this host, which has no way out.
    let nowhere = Arc::new(priory_testkit::ScriptedHttp::new());
    let offline = build(stage(&Arc::default()).http(nowhere.clone()));
    assert_eq!(block(offline.replay(events, Arc::new(Silent))).unwrap(), Replayed::Same, "{end:?}");
    assert!(nowhere.sent().is_empty());
    result
}

/// Checks that what each program says in the end that it saw is what it wrote down when it saw it, and takes that out of
/// the result.
pub fn saw_the_same(events: &[Envelope], result: &mut Value) {
    let mut logged: BTreeMap<FramePath, Vec<Value>> = BTreeMap::new();
    for envelope in events {
        match &envelope.event {
            // A frame that starts again from its beginning says everything again.
            Event::FrameStarted(_) => drop(logged.remove(&envelope.frame)),
            Event::Log { message, .. } => {
                let Ok(value) = serde_json::from_str(message) else { continue };
                logged.entry(envelope.frame.clone()).or_default().push(value);
            }
            _ => {}
        }
    }
    let mut seen = Vec::new();
    take_seen(result, &mut seen);
    let mut logged: Vec<Vec<Value>> = logged.into_values().collect();
    let by_text = |list: &Vec<Value>| Value::from(list.clone()).to_string();
    logged.sort_by_key(by_text);
    seen.sort_by_key(by_text);
    assert_eq!(logged, seen, "left: as it was written down at once; right: as it was told in the end");
    for list in &seen {
        let looks: Vec<(u64, u64)> =
            list.iter().filter_map(|look| Some((look[0].as_u64()?, look[1].as_u64()?))).collect();
        assert!(looks.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "a clock went back: {looks:?}");
    }
}

fn take_seen(value: &mut Value, seen: &mut Vec<Vec<Value>>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Array(list)) = fields.remove("seen") {
                seen.push(list);
            }
            fields.values_mut().for_each(|value| take_seen(value, seen));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| take_seen(value, seen)),
        _ => {}
    }
}
