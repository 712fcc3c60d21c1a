// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every event reads back equal, and texts stay as they were written.

mod models;

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_core::amounts::BudgetSpec;
use priory_core::artifact::{ArtifactInfo, ArtifactOp, ArtifactPart, Content};
use priory_core::effect::{Answer, Ask, Effect, Level, Outcome, Question, Remaining, Terms, Value};
use priory_core::event::{FrameStarted, Program, RunStarted};
use priory_core::failure::{Denial, Trap};
use priory_core::grant::FileMode;
use priory_core::http::{HttpRequest, HttpResponse};
use priory_core::ports::Mount;
use priory_core::program::{AgentInfo, ToolInfo};
use priory_core::state::{Merge, StateChange, StateEntry, StateKey, StateOp};
use priory_core::{Digest, Dimension, Failure, Json, LimitSpec, Limits, Report, Usage};
use priory_testkit::journal::sample;

use super::*;

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn usage() -> Usage {
    Usage {
        fuel: u64::MAX,
        memory_bytes: 1,
        compute_us: 2,
        wait_us: 3,
        calls: 4,
        bytes: 5,
        tokens_in: 6,
        tokens_out: 7,
        money_microusd: 8,
    }
}

fn failures() -> Vec<Failure> {
    let (dimension, frame) = (Dimension::Fuel, "0 agent a".to_owned());
    vec![
        Failure::Denied(Denial { effect: "tool x".into(), by: "agent a".into(), remedy: "tool=x".into() }),
        Failure::limit(dimension, 5, 4, frame.clone()),
        Failure::Timeout(priory_core::failure::Timeout { allowed_ms: 5, frame: frame.clone() }),
        Failure::Trap(Trap { code: "unreachable".into(), frame, backtrace: vec!["f".into(), "g".into()] }),
        Failure::invalid("arguments", "/a/0", "not \"this\"\n"),
        Failure::absent("host", "unknown"),
        Failure::Conflict { reason: "taken".into() },
        Failure::Cancelled { by: "operator".into() },
        Failure::InDoubt { effect: "http POST".into() },
        Failure::other("for people"),
        Failure::Other(priory_core::failure::Other {
            message: "m".into(),
            data: Some(json("[1.50, {\"b\": 1, \"a\": 2}]")),
        }),
    ]
}

fn effects() -> Vec<Effect> {
    let request = HttpRequest {
        method: "POST".into(),
        url: "https://example.org/a?b=c%20d".parse().unwrap(),
        headers: vec![("x-raw".into(), vec![0x80, 0xff]), ("x-raw".into(), vec![])],
        body: (0..=255).collect(),
        first_byte_ms: Some(10),
    };
    let question = Question {
        text: "sure?".into(),
        about: Some(json("{\"amount\": 1.50}")),
        kind: Ask::Choose { options: vec!["yes".into(), "no".into()] },
        schema: Some(json("{\"type\": \"string\"}")),
        who: vec!["ann".into()],
        expires_ms: Some(9),
    };
    vec![
        Effect::tool("a.b", json("{\"n\": 18446744073709551615, \"x\": 1.50,\n \"e\": 1E+2}")),
        Effect::AgentCall {
            agent: "b".into(),
            input: Json::null(),
            feedback: None,
            terms: Some(Box::new(Terms {
                node: Some("draft".into()),
                time_ms: Some(7),
                budget: BudgetSpec { fuel: Some(u64::MAX), ..BudgetSpec::default() },
            })),
        },
        Effect::ToolList,
        Effect::agent("a", json("\"\\u00e9\u{1f600}\""), None),
        Effect::agent("a", Json::null(), Some("again".into())),
        Effect::AgentList,
        Effect::HttpRequest(request),
        Effect::Log { level: Level::Warn, message: "m".into() },
        Effect::Sleep { ms: u64::MAX },
        Effect::AskHuman(question),
        Effect::AskHuman(sample::question("free text?")),
        Effect::AwaitCancel,
        Effect::State(StateOp::Read { key: "k".into() }),
        Effect::State(StateOp::Write {
            key: "k".into(),
            value: json("[1.50, 18446744073709551615]"),
            merge: Merge::Append,
            expected: Some(0),
        }),
        Effect::State(StateOp::Keys { prefix: String::new() }),
        Effect::State(StateOp::History { key: "k".into() }),
        Effect::Artifact(ArtifactOp::Put { content: Content::new(b"bytes".to_vec()) }),
        Effect::Artifact(ArtifactOp::Read { digest: Digest::of(b"a"), offset: 1, length: 2 }),
        Effect::Artifact(ArtifactOp::Stat { digest: Digest::of(b"a") }),
        Effect::BudgetLeft,
        Effect::BudgetUsed,
    ]
}

fn values() -> Vec<Value> {
    let tool =
        ToolInfo { name: "a.b".into(), description: String::new(), input_schema: json("{}"), output_schema: None };
    let remaining = Remaining {
        fuel_own: 1,
        fuel_calls: 2,
        calls: 3,
        bytes: 4,
        time_ms: 5,
        depth: 6,
        tokens_in: 7,
        tokens_out: 8,
        money_microusd: u64::MAX,
    };
    vec![
        Value::Json(json("[ -0.0 , 1e400 ]")),
        Value::Report(Report { output: json("1.0"), summary: Some("done".into()) }),
        Value::Tools(vec![ToolInfo { output_schema: Some(json("true")), ..tool.clone() }, tool]),
        Value::Agents(vec![AgentInfo { name: "a".into(), description: "d".into() }]),
        Value::Http(HttpResponse {
            status: 200,
            headers: vec![("a".into(), b"b\n".to_vec())],
            body: vec![0, 159, 146, 150],
        }),
        Value::Answer(Answer { value: json("{\"yes\": true}"), by: "ann".into() }),
        Value::State(None),
        Value::State(Some(StateEntry { value: json("[ 1.50 ]"), revision: 3 })),
        Value::StateKeys(vec![StateKey { key: "k".into(), revision: 3 }]),
        Value::StateHistory(vec![StateChange {
            revision: 3,
            text: "[".into(),
            byte_len: 9,
            by: FramePath::root(),
            step: 4,
            unix_ms: 5,
        }]),
        Value::Artifact(ArtifactInfo { digest: Digest::of(b"a"), byte_len: 9 }),
        Value::ArtifactPart(ArtifactPart {
            digest: Digest::of(b"a"),
            offset: 1,
            byte_len: 2,
            bytes: Arc::from([1, 2].as_slice()),
        }),
        Value::Remaining(remaining),
        Value::Usage(usage()),
        Value::Unit,
    ]
}

fn starts() -> [Event; 4] {
    let program = Program::Native("embedder".into());
    let mut limits = LimitSpec::default();
    limits.set(Dimension::Depth, 3);
    let started = RunStarted {
        program: program.clone(),
        input: json("{\"b\": 1, \"a\": [1.50, 18446744073709551615]}"),
        seed: "0f".repeat(32),
        inputs: BTreeMap::from([("folder".to_owned(), "/srv/docs".to_owned())]),
        grants: Some(
            ["tool=files.read", "log"].into_iter().map(|grant| grant.parse::<priory_core::Grant>().unwrap()).collect(),
        ),
        limits: limits.clone(),
        budget: BudgetSpec { fuel: Some(9), ..BudgetSpec::default() },
        engine: "wasm 1".into(),
        catalog: Some(Digest::of(b"catalog")),
        forked_from: Some((sample::run(7), 12)),
        events_after: Some(41),
        model: Some("fast".into()),
    };
    let mount = Mount { host_path: "/srv/docs".into(), guest_path: "/docs".into(), mode: FileMode::Read };
    let frame = FrameStarted {
        program: Program::Tool("a.b".into()),
        plugin: Some(Digest::of(b"plugin")),
        limits: limits.over_defaults(),
        mounts: vec![mount],
        env: vec![("LANG".into(), "C".into())],
        config: vec![("k".into(), "v".into())],
    };
    let least =
        FrameStarted { program, plugin: None, limits: Limits::default(), mounts: vec![], env: vec![], config: vec![] };
    [
        Event::RunStarted(Box::new(started)),
        sample::run_started(&Program::Agent("writer".into())),
        Event::FrameStarted(Box::new(frame)),
        Event::FrameStarted(Box::new(least)),
    ]
}

/// Returns events of every kind, with everything in them that there is.
fn events() -> Vec<Event> {
    let mut events = starts().to_vec();
    let report = Report { output: json("{ }"), summary: None };
    events.push(Event::RunResumed { engine: "wasm 2".into() });
    events.push(models::spent());
    for effect in effects().into_iter().chain(models::effects()).map(Arc::new) {
        events.push(Event::Intent { step: 1, effect: Arc::clone(&effect) });
        events.push(Event::Refused { step: u32::MAX, effect, failure: Failure::other("no") });
    }
    let outcomes: Vec<Outcome> =
        values().into_iter().chain(models::values()).map(Ok).chain(failures().into_iter().map(Err)).collect();
    events.extend(outcomes.into_iter().map(|outcome| Event::Outcome { step: 2, outcome: Arc::new(outcome) }));
    events.push(Event::Log { level: Level::Trace, message: "a\u{0}b\n\"\\".into() });
    for failure in [None, Some(Failure::other("broken"))] {
        events.push(Event::FrameEnded { failure: failure.clone(), usage: usage() });
        let result = failure.map_or_else(|| Ok(report.clone()), Err);
        events.push(Event::RunEnded { result, usage: usage() });
    }
    events
}

fn envelopes() -> Vec<Envelope> {
    let root = FramePath::root();
    let frames = [root.clone(), root.child(3).child(0), root.child(FramePath::list(2))];
    let of = |(event, seq): (Event, u64)| {
        let frame = frames[seq as usize % frames.len()].clone();
        Envelope { run: sample::run(1), seq, frame, unix_ms: sample::START_UNIX_MS + seq, fuel: u64::MAX - seq, event }
    };
    events().into_iter().zip(0..).map(of).collect()
}

#[test]
fn every_event_reads_back_equal() {
    for envelope in envelopes() {
        let line = Line::write(&envelope).unwrap();
        let text = String::from_utf8(line.text.clone()).unwrap();
        assert_eq!(line.read(envelope.run, envelope.seq).as_ref(), Ok(&envelope), "{text}");
        let again = Line::write(&line.read(envelope.run, envelope.seq).unwrap()).unwrap();
        assert_eq!(again, line, "writing it again gives the same text");
    }
}

#[test]
fn json_is_kept_as_it_was_written() {
    for text in ["1.50", "18446744073709551615", "1E+2", "{\"b\": 1,\n\t\"a\": 2}", "\"\\u00e9\\/\"", "-0.0"] {
        let event = Event::Outcome { step: 0, outcome: Arc::new(Ok(Value::Json(json(text)))) };
        let envelope = Envelope { event, ..envelopes().remove(0) };
        let line = Line::write(&envelope).unwrap();
        assert!(String::from_utf8(line.text.clone()).unwrap().contains(text), "{text}");
        match line.read(envelope.run, 0).unwrap().event {
            Event::Outcome { outcome, .. } => assert_eq!(*outcome, Ok(Value::Json(json(text)))),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_line_at_another_place_is_not_read() {
    let line = Line::write(&envelopes()[3]).unwrap();
    assert!(line.read(sample::run(1), 3).is_ok());
    assert!(line.read(sample::run(1), 4).unwrap_err().contains("event 3"));
    assert!(Line::new(b"{\"seq\":3}".to_vec()).read(sample::run(1), 3).is_err());
}

#[test]
fn the_form_is_fixed() {
    // What stands in journals: a change here is a change of the format, and needs a migration.
    let mut envelope = envelopes().remove(0);
    envelope.event = sample::log("hello");
    let line = Line::write(&envelope).unwrap();
    let text = r#"{"seq":0,"frame":"0","at":1790000000000,"fuel":18446744073709551615,"event":{"event":"log","data":{"level":"info","message":"hello"}}}"#;
    assert_eq!(String::from_utf8(line.text.clone()).unwrap(), text);
    let start = Chain::start(sample::run(1));
    let chain = [start, start.then(&line.digest)].map(Chain::to_hex);
    let bytes = [start.0.as_slice(), blake3::hash(text.as_bytes()).as_bytes()].concat();
    assert_eq!(chain[1], blake3::hash(&bytes).to_hex().to_string());
    assert_ne!(chain[0], Chain::start(sample::run(2)).to_hex());
}

#[test]
fn lines_are_taken_apart_as_they_were_put_together() {
    let lines: Vec<Line> = envelopes().iter().map(|envelope| Line::write(envelope).unwrap()).collect();
    let (body, count) = (join(&lines), lines.len() as u64);
    assert_eq!(split(&body, count), Ok(lines.clone()));
    assert_eq!(split(&[], 0), Ok(Vec::new()));
    let (last, longer) = (count - 1, [body.as_slice(), b"x"].concat());
    assert_eq!(split(&longer, count).unwrap_err().0, last);
    assert_eq!(split(&body[..body.len() - 1], count).unwrap_err().0, last);
    assert_eq!(split(&body, count + 1).unwrap_err().0, count);
    let small = join(&lines[..2]);
    let first = join(&lines[..1]).len();
    for place in 0..small.len() {
        let mut changed = small.clone();
        changed[place] ^= 0x20;
        let (index, _) = split(&changed, 2).unwrap_err();
        // A length that was changed makes nonsense of what follows, too.
        assert_eq!(index, u64::from(place >= first), "byte {place}");
    }
}

#[test]
fn numbers_read_back() {
    for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
        let mut bytes = Vec::new();
        write_number(&mut bytes, number);
        let mut rest = bytes.as_slice();
        assert_eq!((read_number(&mut rest), rest), (Some(number), [].as_slice()));
        assert_eq!(read_number(&mut &bytes[..bytes.len() - 1]), None, "{number} cut short");
    }
    assert_eq!(read_number(&mut [0xff; 11].as_slice()), None);
}
