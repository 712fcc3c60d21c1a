// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run of an agent that calls a tool, asks a person and sends a request.

use std::collections::BTreeMap;

use priory_core::amounts::BudgetSpec;
use priory_core::artifact::Content;
use priory_core::effect::Question;
use priory_core::event::{FrameStarted, RunStarted};
use priory_core::http::HttpRequest;
use priory_core::state::{Merge, StateEntry};
use priory_core::{FramePath, LimitSpec, Limits, Usage};

use super::*;

const PARENT: u128 = 7;

fn id(number: u128) -> RunId {
    RunId::from_parts(1_000, number)
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn started(program: Program) -> Event {
    let limits = Limits::default();
    let (plugin, mounts, env, config) = (None, Vec::new(), Vec::new(), Vec::new());
    Event::FrameStarted(Box::new(FrameStarted { program, plugin, limits, mounts, env, config }))
}

fn intent(step: u32, effect: Effect) -> Event {
    Event::Intent { step, effect: Arc::new(effect) }
}

fn outcome(step: u32, value: Value) -> Event {
    Event::Outcome { step, outcome: Arc::new(Ok(value)) }
}

fn ended() -> Event {
    Event::FrameEnded { failure: None, usage: Usage::default() }
}

fn question() -> Question {
    let schema = Some(json(r#"{"type":"boolean"}"#));
    Question { schema, ..Question::new("Go on?") }
}

fn request() -> HttpRequest {
    let url = "http://example.org/".parse().unwrap();
    HttpRequest { method: "POST".into(), url, headers: Vec::new(), body: Vec::new(), first_byte_ms: None }
}

/// The events of the run. The tool is event 4 to 6, and its outcome 7; the outcomes of the others are 9, 11, and 13.
fn run() -> Vec<Envelope> {
    let root = FramePath::root();
    let program = Program::Agent("a".into());
    let tool = Effect::tool("t.f", json("{}"));
    let response = HttpResponse { status: 200, headers: Vec::new(), body: Vec::new() };
    let start = RunStarted {
        program: program.clone(),
        input: json("1"),
        seed: String::new(),
        inputs: BTreeMap::new(),
        grants: None,
        limits: LimitSpec::default(),
        budget: BudgetSpec::default(),
        engine: "e".into(),
        catalog: None,
        forked_from: None,
        model: None,
        events_after: None,
    };
    let events = vec![
        (root.clone(), Event::RunStarted(Box::new(start))),
        (root.clone(), started(program)),
        (root.clone(), Event::RunResumed { engine: "e".into() }),
        (root.clone(), intent(0, tool)),
        (root.child(0), started(Program::Tool("t.f".into()))),
        (root.child(0).child(2), started(Program::Tool("u.f".into()))),
        (root.child(0), ended()),
        (root.clone(), outcome(0, Value::Json(json("1")))),
        (root.clone(), intent(1, Effect::AskHuman(question()))),
        (root.clone(), outcome(1, Value::Answer(Answer { value: json("true"), by: "ann".into() }))),
        (root.clone(), intent(2, Effect::HttpRequest(request()))),
        (root.clone(), outcome(2, Value::Http(response))),
        (root.clone(), intent(3, Effect::Sleep { ms: 1 })),
        (root.clone(), outcome(3, Value::Unit)),
        (root.clone(), ended()),
        (root.clone(), Event::RunEnded { result: Err(Failure::other("x")), usage: Usage::default() }),
    ];
    let at = |((frame, event), seq)| Envelope { run: id(PARENT), seq, frame, unix_ms: 1_000 + seq, fuel: seq, event };
    events.into_iter().zip(0..).map(at).collect()
}

fn forked(turn: &Turn) -> Result<Vec<Envelope>, ForkError> {
    let copied = copy(run(), id(8), turn)?;
    for (envelope, seq) in copied.iter().zip(0..) {
        assert_eq!((envelope.run, envelope.seq), (id(8), seq));
    }
    Ok(copied)
}

fn start_of(events: &[Envelope]) -> &RunStarted {
    match &events[0].event {
        Event::RunStarted(started) => started,
        other => panic!("{other:?}"),
    }
}

fn set(seq: u64, value: &str) -> Turn {
    Turn::Outcome { seq, said: Said::Value(json(value)) }
}

fn last_value(events: &[Envelope]) -> &Outcome {
    match &events.last().unwrap().event {
        Event::Outcome { outcome, .. } => outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_before_is_copied_as_it_was() {
    for at in 1..=15 {
        let copied = forked(&Turn::Before(at)).unwrap();
        assert_eq!(copied.len() as u64, at);
        assert_eq!(start_of(&copied).forked_from, Some((id(PARENT), at)));
        for (before, now) in run().iter().zip(&copied).skip(1) {
            assert_eq!((&before.frame, before.unix_ms, before.fuel), (&now.frame, now.unix_ms, now.fuel));
            assert_eq!(before.event, now.event);
        }
    }
}

#[test]
fn there_is_nothing_to_fork_before_the_start_and_behind_the_end() {
    for at in [0, 16, 17, u64::MAX] {
        assert_eq!(forked(&Turn::Before(at)), Err(ForkError::Beyond { run: id(PARENT), seq: at, last: 15 }));
    }
    assert!(matches!(forked(&set(u64::MAX, "1")), Err(ForkError::Beyond { .. })));
    let open: Vec<Envelope> = run().into_iter().take(9).collect();
    assert_eq!(copy(open, id(8), &Turn::Before(9)).unwrap().len(), 9, "a run that goes on can be forked where it is");
    assert!(copy(Vec::new(), id(8), &Turn::Before(1)).is_err());
}

#[test]
fn another_input_starts_all_anew() {
    let copied = forked(&Turn::Input(json("2"))).unwrap();
    assert_eq!(copied.len(), 1);
    assert_eq!((start_of(&copied).input.as_str(), start_of(&copied).forked_from), ("2", Some((id(PARENT), 1))));
}

#[test]
fn another_result_of_a_tool_is_not_from_its_frames() {
    let copied = forked(&set(7, "5")).unwrap();
    assert_eq!(last_value(&copied), &Ok(Value::Json(json("5"))));
    // The frames of the tool and what it called are gone; they gave another result.
    assert!(copied.iter().all(|envelope| envelope.frame == FramePath::root()));
    assert_eq!(copied.len(), 5);
    assert_eq!(start_of(&copied).forked_from, Some((id(PARENT), 7)));
    let failed = Turn::Outcome { seq: 7, said: Said::Failure("no".into()) };
    assert_eq!(last_value(&forked(&failed).unwrap()), &Err(Failure::other("no")));
}

#[test]
fn what_a_frame_gave_to_all_stays_where_its_result_is_another_one() {
    let write = StateOp::Write { key: "k".into(), value: json("1"), merge: Merge::Sum, expected: None };
    let wrote = Value::State(Some(StateEntry { value: json("1"), revision: 1 }));
    let content = Content::new(b"x".to_vec());
    let made = Value::Artifact(content.info());
    let frame = FramePath::root().child(0);
    let between = [
        intent(0, Effect::State(write)),
        outcome(0, wrote),
        intent(1, Effect::State(StateOp::Read { key: "k".into() })),
        outcome(1, Value::State(None)),
        intent(3, Effect::Artifact(ArtifactOp::Put { content })),
        outcome(3, made),
    ];
    let mut events = run();
    let at = |event: &Event| Envelope { frame: frame.clone(), event: event.clone(), ..events[4].clone() };
    let between: Vec<Envelope> = between.iter().map(at).collect();
    events.splice(5..5, between);
    for (envelope, seq) in events.iter_mut().zip(0..) {
        envelope.seq = seq;
    }
    let copied = copy(events, id(8), &set(13, "5")).unwrap();
    let below: Vec<&Event> =
        copied.iter().filter(|envelope| envelope.frame == frame).map(|envelope| &envelope.event).collect();
    assert!(matches!(
        below[..],
        [
            Event::Intent { step: 0, .. },
            Event::Outcome { step: 0, .. },
            Event::Intent { step: 3, .. },
            Event::Outcome { step: 3, .. }
        ]
    ));
    let (past, _) = crate::past::Past::read(copied, false).unwrap();
    let space = std::mem::take(&mut past.shared.lock().space);
    let read = space.decide(&StateOp::Read { key: "k".into() }, |_| true).unwrap();
    assert_eq!(read, Value::State(Some(StateEntry { value: json("1"), revision: 1 })));
    assert_eq!(past.shared.lock().artifacts.check_known(Digest::of(b"x")), Ok(Some(1)));
}

#[test]
fn an_outcome_has_the_form_of_its_effect() {
    let answer = forked(&set(9, "false")).unwrap();
    assert_eq!(last_value(&answer), &Ok(Value::Answer(Answer { value: json("false"), by: "fork".into() })));
    assert_eq!(answer.len(), 10, "what is no call has no frames below it");
    let response = forked(&set(11, r#"{"status":503,"headers":{"Retry-After":"1"},"body":"later"}"#)).unwrap();
    let headers = vec![("retry-after".to_owned(), b"1".to_vec())];
    let expected = HttpResponse { status: 503, headers, body: b"later".to_vec() };
    assert_eq!(last_value(&response), &Ok(Value::Http(expected)));
    for (seq, value, why) in [
        (9, "\"yes\"", "question to a person"),
        (11, "{}", "http POST http://example.org/"),
        (13, "null", "it gives nothing back"),
    ] {
        let error = forked(&set(seq, value)).unwrap_err();
        assert!(matches!(error, ForkError::Unfit { .. }) && error.to_string().contains(why), "{error}");
    }
}

#[test]
fn only_an_outcome_can_be_another_one() {
    let near = |seq| match forked(&set(seq, "1")) {
        Err(ForkError::NoOutcome { near, .. }) => near,
        other => panic!("{other:?}"),
    };
    assert_eq!(near(1), "7");
    assert_eq!(near(8), "7 and 9");
    assert_eq!(near(14), "13");
}

#[test]
fn what_was_approved_for_the_parent_is_approved_anew() {
    let ask = || Question { kind: priory_core::effect::Ask::Approve, ..question() };
    let yes = || Value::Answer(Answer { value: json(r#"{"decision":"approve"}"#), by: "ann".into() });
    let place = FramePath::root().child(2);
    let mut events = run();
    let at = |event: Event| Envelope { frame: place.clone(), event, ..events[10].clone() };
    let approval = [at(intent(APPROVAL, Effect::AskHuman(ask()))), at(outcome(APPROVAL, yes()))];
    // The request is event 10, what approves it 11 and 12, and its outcome 13.
    events.splice(11..11, approval);
    for (envelope, seq) in events.iter_mut().zip(0..) {
        envelope.seq = seq;
    }
    let approvals = |before: u64| {
        let copied = copy(events.clone(), id(8), &Turn::Before(before)).unwrap();
        assert!(copied.iter().zip(0..).all(|(envelope, seq)| envelope.seq == seq));
        copied.iter().filter(|envelope| envelope.frame == place).count()
    };
    assert_eq!([11, 12, 13].map(approvals), [0; 3], "nobody approved that the fork sends it");
    assert_eq!([14, 15].map(approvals), [2; 2], "what was sent is not sent again");
}
