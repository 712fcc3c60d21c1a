// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a collector on the loopback interface is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use priory_core::effect::Terms;
use priory_core::event::{Envelope, Event, FrameStarted, Program, RunStarted};
use priory_core::failure::Denial;
use priory_core::model::{Completion, Delta, Message, ModelRequest, Role, Sampling, Spent, StopReason, TokenUsage};
use priory_core::ports::{BoxFuture, Clock, Heard, Recorder};
use priory_core::{Effect, Failure, FramePath, Json, Limits, Outcome, Report, RunId, Usage, Value};
use prost::Message as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::{Telemetry, TelemetryConfig};

/// One request that a collector got.
#[derive(Debug, Clone)]
struct Got {
    head: String,
    body: Vec<u8>,
}

/// A collector that answers each request with the next status, and with 200 when they are used up.
struct Collector {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Collector {
    async fn start(statuses: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let kept = got.clone();
        tokio::spawn(async move {
            let mut statuses = statuses.iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                while let Some(request) = read(&mut stream).await {
                    kept.lock().push(request);
                    let status = statuses.next().unwrap_or(&"200 OK");
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            }
        });
        Self { url, got }
    }

    fn spans(&self) -> Vec<Span> {
        let traces = self.got.lock().clone().into_iter().filter(|got| got.head.starts_with("POST /v1/traces "));
        let requests = traces.map(|got| ExportTraceServiceRequest::decode(got.body.as_slice()).unwrap());
        let spans = requests.flat_map(|request| request.resource_spans).flat_map(|spans| spans.scope_spans);
        spans.flat_map(|scope| scope.spans).collect()
    }

    /// The metrics by name, as they were told last.
    fn metrics(&self) -> BTreeMap<String, Data> {
        let metrics = self.got.lock().clone().into_iter().rfind(|got| got.head.starts_with("POST /v1/metrics "));
        let request = ExportMetricsServiceRequest::decode(metrics.unwrap().body.as_slice()).unwrap();
        let metrics = request.resource_metrics.into_iter().flat_map(|metrics| metrics.scope_metrics);
        metrics.flat_map(|scope| scope.metrics).map(|metric| (metric.name, metric.data.unwrap())).collect()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase().replacen("post", "POST", 1);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length: usize = length.parse().unwrap();
        let mut body = bytes[end + 4..].to_vec();
        let missing = length - body.len();
        let mut rest = vec![0; missing];
        stream.read_exact(&mut rest).await.ok()?;
        body.extend_from_slice(&rest);
        return Some(Got { head, body });
    }
}

/// A clock whose sleepers wait for a very short time, so that no test waits for a real one.
struct Hasty(priory_testkit::SimClock);

impl Clock for Hasty {
    fn unix_ms(&self) -> u64 {
        self.0.unix_ms()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep_until(&self, until: Duration) -> BoxFuture<'static, ()> {
        // Pauses between attempts are short; the rest waits until somebody asks for everything.
        let is_pause = until.saturating_sub(self.0.elapsed()) < Duration::from_secs(5);
        if is_pause { Box::pin(std::future::ready(())) } else { Box::pin(std::future::pending()) }
    }
}

fn run() -> RunId {
    "run_01JD0000000000000000000000".parse().unwrap()
}

fn envelope(frame: &FramePath, unix_ms: u64, event: Event) -> Envelope {
    Envelope { run: run(), seq: 0, frame: frame.clone(), unix_ms, fuel: 0, event }
}

fn started(program: Program) -> Event {
    let limits = Limits::default();
    let (mounts, env, config) = (vec![], vec![], vec![]);
    Event::FrameStarted(Box::new(FrameStarted { program, plugin: None, limits, mounts, env, config }))
}

fn outcome(step: u32, outcome: Outcome) -> Event {
    Event::Outcome { step, outcome: Arc::new(outcome) }
}

fn ended() -> Event {
    Event::FrameEnded { failure: None, usage: Usage { fuel: 7, ..Usage::default() } }
}

fn completion(words: &str) -> Outcome {
    Ok(Value::Completion(Box::new(Completion {
        message: Message::text(Role::Assistant, words),
        stop: StopReason::End,
        model: "fast".into(),
        usage: TokenUsage::default(),
        microusd: 0,
        output: None,
        problem: None,
        is_cached: false,
    })))
}

/// The events of a run in which a workflow calls an agent, which asks a model and calls a tool, and is refused another.
fn events() -> Vec<Envelope> {
    let root = FramePath::root();
    let agent = root.child(0);
    let tool = agent.child(1);
    let terms = Some(Box::new(Terms { node: Some("draft".into()), ..Terms::default() }));
    let call = Effect::AgentCall {
        agent: "writer".into(),
        input: json!({ "q": "secret question" }).into(),
        feedback: None,
        terms,
    };
    let mut request = ModelRequest::new(vec![
        Message::text(Role::System, "secret order"),
        Message::text(Role::User, "secret question"),
    ]);
    request.sampling = Sampling { temperature_milli: Some(250), output_tokens_max: Some(100), ..Sampling::default() };
    let chat = Effect::ModelCall { request: Box::new(request), is_heard: true, terms: None };
    let spent = Spent {
        model: "fast".into(),
        provider: "openai".into(),
        usage: TokenUsage { input: 1_000, output: 50, cached: 200, ..TokenUsage::default() },
        microusd: 425,
        attempts: 2,
        is_answered: true,
        is_asked_again: false,
        is_paid: true,
    };
    let read =
        Effect::ToolCall { tool: "files.read".into(), arguments: json!({ "path": "secret.txt" }).into(), terms: None };
    let denial = Denial { effect: "tool shell.run".into(), by: "agent writer".into(), remedy: "x".into() };
    let refused = Effect::ToolCall { tool: "shell.run".into(), arguments: json!({}).into(), terms: None };
    let report = Report { output: json!("secret report").into(), summary: None };
    let begun = RunStarted {
        program: Program::Workflow("brief".into()),
        input: Json::from(json!({})),
        seed: String::new(),
        inputs: BTreeMap::new(),
        grants: None,
        limits: Default::default(),
        budget: Default::default(),
        engine: "test".into(),
        catalog: None,
        forked_from: None,
        model: None,
        events_after: None,
    };
    vec![
        envelope(&root, 1_000, Event::RunStarted(Box::new(begun))),
        envelope(&root, 1_000, started(Program::Workflow("brief".into()))),
        envelope(&root, 1_010, Event::Intent { step: 0, effect: Arc::new(call) }),
        envelope(&agent, 1_020, started(Program::Agent("writer".into()))),
        envelope(&agent, 1_030, Event::Intent { step: 0, effect: Arc::new(chat) }),
        envelope(&agent, 1_900, Event::Spent { step: 0, spent }),
        envelope(&agent, 2_030, outcome(0, completion("secret answer"))),
        envelope(&agent, 2_040, Event::Intent { step: 1, effect: Arc::new(read) }),
        envelope(&tool, 2_050, started(Program::Tool("files.read".into()))),
        envelope(&tool, 2_060, ended()),
        envelope(&agent, 2_070, outcome(1, Ok(Value::Json(json!("secret text").into())))),
        envelope(
            &agent,
            2_080,
            Event::Refused { step: 2, effect: Arc::new(refused), failure: Failure::Denied(denial) },
        ),
        envelope(&agent, 2_090, ended()),
        envelope(&root, 2_100, outcome(0, Ok(Value::Report(report.clone())))),
        envelope(&root, 2_110, ended()),
        envelope(&root, 2_120, Event::RunEnded { result: Ok(report), usage: Usage::default() }),
    ]
}

fn shown(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let one = |attribute: &KeyValue| {
        let value = match attribute.value.clone().unwrap().value.unwrap() {
            any_value::Value::StringValue(text) => text,
            any_value::Value::IntValue(number) => number.to_string(),
            any_value::Value::DoubleValue(number) => number.to_string(),
            any_value::Value::BoolValue(value) => value.to_string(),
            other => format!("{other:?}"),
        };
        (attribute.key.clone(), value)
    };
    attributes.iter().map(one).collect()
}

/// Tells a collector what happens in a run, and returns what it got.
async fn told(statuses: &'static [&'static str], content: bool) -> (Collector, crate::Flushed) {
    let collector = Collector::start(statuses).await;
    let mut config = TelemetryConfig::new(collector.url.parse().unwrap()).with_headers("x-team=a%20b").unwrap();
    config.content = content;
    config.models = BTreeMap::from([("fast".into(), "gpt-5-mini".into())]);
    let clock = Arc::new(Hasty(priory_testkit::SimClock::at(1_130)));
    let telemetry = Telemetry::start(config, clock, &tokio::runtime::Handle::current()).unwrap();
    for envelope in events() {
        telemetry.record(&envelope);
        if matches!(&envelope.event, Event::Intent { effect, .. } if matches!(**effect, Effect::ModelCall { .. })) {
            let delta = Delta::Text("secret".into());
            telemetry.hear(&Heard { run: run(), frame: envelope.frame.clone(), step: 0, delta });
        }
    }
    let flushed = telemetry.flush(Duration::from_secs(60)).await;
    (collector, flushed)
}

#[tokio::test]
async fn a_run_is_a_tree_of_spans() {
    let (collector, flushed) = told(&[], false).await;
    assert_eq!((flushed.sent, flushed.dropped, flushed.is_complete), (5, 0, true));
    let spans = collector.spans();
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (span.span_id.clone(), span)).collect();
    let mut lines: Vec<String> = spans
        .iter()
        .map(|span| {
            let parent = by_id.get(&span.parent_span_id).map_or("-", |parent| parent.name.as_str());
            let ms = |nanos: u64| nanos / 1_000_000;
            format!("{parent} > {} {}..{}", span.name, ms(span.start_time_unix_nano), ms(span.end_time_unix_nano))
        })
        .collect();
    lines.sort();
    let expected = [
        "- > invoke_workflow brief 1000..2110",
        "invoke_agent writer > chat gpt-5-mini 1030..2030",
        "invoke_agent writer > execute_tool files.read 2040..2070",
        "invoke_agent writer > execute_tool shell.run 2080..2080",
        "invoke_workflow brief > invoke_agent writer 1010..2100",
    ];
    assert_eq!(lines, expected);
    assert!(spans.iter().all(|span| span.trace_id == run().to_bytes()), "one trace");

    let of = |name: &str| shown(&spans.iter().find(|span| span.name.starts_with(name)).unwrap().attributes);
    let chat = of("chat");
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "gpt-5-mini"),
        ("gen_ai.request.max_tokens", "100"),
        ("gen_ai.request.temperature", "0.25"),
        ("gen_ai.request.stream", "true"),
        ("gen_ai.response.model", "gpt-5-mini"),
        ("gen_ai.response.time_to_first_chunk", "0.1"),
        ("gen_ai.usage.input_tokens", "1000"),
        ("gen_ai.usage.output_tokens", "50"),
        ("gen_ai.usage.cache_read.input_tokens", "200"),
        ("priory.cost_microusd", "425"),
        ("priory.attempts", "2"),
        ("priory.frame", "0.0.0"),
    ] {
        assert_eq!(chat.get(key).map(String::as_str), Some(value), "{key} of {chat:?}");
    }
    let agent = of("invoke_agent");
    assert_eq!((agent["gen_ai.agent.name"].as_str(), agent["priory.node"].as_str()), ("writer", "draft"));
    assert_eq!(agent["priory.fuel"], "7");
    let refused = spans.iter().find(|span| span.name.ends_with("shell.run")).unwrap();
    assert_eq!(shown(&refused.attributes)["error.type"], "denied");
    assert_eq!(refused.status.as_ref().unwrap().code, 2);
    let heads: Vec<String> = collector.got.lock().iter().map(|got| got.head.clone()).collect();
    assert!(heads.iter().all(|head| head.contains("x-team: a b")), "{heads:?}");
    assert!(heads.iter().all(|head| head.contains("content-type: application/x-protobuf")), "{heads:?}");
}

#[tokio::test]
async fn content_is_told_only_where_it_is_switched_on() {
    let (collector, _) = told(&[], false).await;
    let all = format!("{:?}", collector.spans());
    assert!(!all.contains("secret"), "{all}");
    let (collector, _) = told(&[], true).await;
    let spans = collector.spans();
    let of = |name: &str| shown(&spans.iter().find(|span| span.name.starts_with(name)).unwrap().attributes);
    assert!(of("chat")["gen_ai.input.messages"].contains("secret question"));
    assert!(!of("chat")["gen_ai.input.messages"].contains("secret order"));
    assert!(of("chat")["gen_ai.system_instructions"].contains("secret order"));
    assert!(of("chat")["gen_ai.output.messages"].contains("secret answer"));
    assert_eq!(of("execute_tool files")["gen_ai.tool.call.arguments"], r#"{"path":"secret.txt"}"#);
    assert_eq!(of("execute_tool files")["gen_ai.tool.call.result"], r#""secret text""#);
}

#[tokio::test]
async fn figures_are_told() {
    let (collector, _) = told(&[], false).await;
    let metrics = collector.metrics();
    let names: Vec<&str> = metrics.keys().map(String::as_str).collect();
    let expected = [
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
        "gen_ai.execute_tool.duration",
        "gen_ai.invoke_agent.duration",
        "gen_ai.workflow.duration",
        "priory.model.cost",
        "priory.telemetry.dropped",
    ];
    assert_eq!(names, expected);
    let Data::Histogram(tokens) = &metrics["gen_ai.client.token.usage"] else { panic!("{metrics:?}") };
    let sums: BTreeMap<String, f64> = tokens
        .data_points
        .iter()
        .map(|point| (shown(&point.attributes)["gen_ai.token.type"].clone(), point.sum.unwrap()))
        .collect();
    assert_eq!(sums, BTreeMap::from([("input".to_owned(), 1_000.0), ("output".to_owned(), 50.0)]));
    let Data::Histogram(duration) = &metrics["gen_ai.client.operation.duration"] else { panic!("{metrics:?}") };
    assert_eq!(duration.data_points[0].sum, Some(1.0));
}

#[tokio::test]
async fn what_may_pass_is_sent_again_and_what_may_not_is_dropped() {
    let (collector, flushed) = told(&["503 Service Unavailable", "429 Too Many Requests"], false).await;
    assert_eq!((flushed.sent, flushed.dropped), (5, 0));
    assert_eq!(collector.spans().len(), 15, "the same request came three times");
    let (_, flushed) = told(&["400 Bad Request"], false).await;
    assert_eq!((flushed.sent, flushed.dropped), (0, 5));
    let failing = &["503 x", "503 x", "503 x", "503 x", "503 x", "503 x"];
    let (_, flushed) = told(failing, false).await;
    assert_eq!((flushed.sent, flushed.dropped, flushed.is_complete), (0, 5, true));
}

#[tokio::test]
async fn a_collector_that_is_slow_holds_nobody_up() {
    // Nobody accepts, and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = TelemetryConfig::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    let clock = Arc::new(Hasty(priory_testkit::SimClock::at(1_000)));
    let telemetry = Telemetry::start(config, clock, &tokio::runtime::Handle::current()).unwrap();
    let root = FramePath::root();
    let count = crate::export::QUEUE_MAX as u32 + 100;
    for step in 0..count {
        let effect = Effect::ToolCall { tool: "t.f".into(), arguments: json!({}).into(), terms: None };
        telemetry.record(&envelope(&root, 1, Event::Intent { step, effect: Arc::new(effect) }));
        telemetry.record(&envelope(&root, 2, outcome(step, Ok(Value::Json(json!(1).into())))));
    }
    let flushed = telemetry.flush(Duration::from_millis(1)).await;
    assert!(!flushed.is_complete);
    assert_eq!((flushed.sent, flushed.dropped), (0, 100), "the queue is full, and what is beyond it is counted");
}

#[tokio::test]
async fn what_waits_is_bounded_by_its_bytes() {
    // Nobody accepts, and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = TelemetryConfig::new(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    config.content = true;
    let clock = Arc::new(Hasty(priory_testkit::SimClock::at(1_000)));
    let telemetry = Telemetry::start(config, clock, &tokio::runtime::Handle::current()).unwrap();
    let (root, long) = (FramePath::root(), "x".repeat(crate::content::TEXT_BYTES_MAX / 2));
    let fitting = crate::export::QUEUE_BYTES_MAX / long.len();
    for step in 0..fitting as u32 + 10 {
        let effect = Effect::ToolCall { tool: "t.f".into(), arguments: json!(long).into(), terms: None };
        telemetry.record(&envelope(&root, 1, Event::Intent { step, effect: Arc::new(effect) }));
        telemetry.record(&envelope(&root, 2, outcome(step, Ok(Value::Json(json!(1).into())))));
    }
    let flushed = telemetry.flush(Duration::from_millis(1)).await;
    assert_eq!(flushed.sent, 0);
    // Each holds a little more than its text.
    assert!((10..40).contains(&flushed.dropped), "{flushed:?}");
}

#[tokio::test]
async fn what_is_open_is_bounded_by_its_bytes() {
    let collector = Collector::start(&[]).await;
    let mut config = TelemetryConfig::new(collector.url.parse().unwrap());
    config.content = true;
    let clock = Arc::new(Hasty(priory_testkit::SimClock::at(1_000)));
    let telemetry = Telemetry::start(config, clock, &tokio::runtime::Handle::current()).unwrap();
    let (root, long) = (FramePath::root(), "x".repeat(crate::content::TEXT_BYTES_MAX / 2));
    let fitting = crate::following::OPEN_BYTES_MAX / long.len();
    for step in 0..fitting as u32 + 10 {
        let effect = Effect::ToolCall { tool: "t.f".into(), arguments: json!(long).into(), terms: None };
        telemetry.record(&envelope(&root, 1, Event::Intent { step, effect: Arc::new(effect) }));
    }
    let flushed = telemetry.flush(Duration::from_secs(60)).await;
    assert_eq!((flushed.sent, flushed.is_complete), (0, true));
    assert!((10..60).contains(&flushed.dropped), "{flushed:?}");
}

#[tokio::test]
async fn what_was_open_at_the_end_of_a_run_is_told() {
    let collector = Collector::start(&[]).await;
    let config = TelemetryConfig::new(collector.url.parse().unwrap());
    let clock = Arc::new(Hasty(priory_testkit::SimClock::at(0)));
    let telemetry = Telemetry::start(config, clock, &tokio::runtime::Handle::current()).unwrap();
    let root = FramePath::root();
    let effect = Effect::ToolCall { tool: "t.slow".into(), arguments: json!({}).into(), terms: None };
    telemetry.record(&envelope(&root, 1, started(Program::Agent("a".into()))));
    telemetry.record(&envelope(&root, 2, Event::Intent { step: 0, effect: Arc::new(effect) }));
    let result = Err(Failure::Cancelled { by: "ann".into() });
    telemetry.record(&envelope(&root, 9, Event::RunEnded { result, usage: Usage::default() }));
    telemetry.flush(Duration::from_secs(60)).await;
    let mut names: Vec<_> = collector.spans().into_iter().map(|span| span.name).collect();
    names.sort();
    assert_eq!(names, ["execute_tool t.slow", "invoke_agent a"]);
}
