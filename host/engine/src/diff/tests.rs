// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of an agent that calls a tool through another agent, written down by hand.

use std::sync::Arc;

use priory_core::effect::{Level, Value};
use priory_core::event::{Event, FrameStarted};
use priory_core::grant::rule::FileMode;
use priory_core::ports::Mount;
use priory_core::{Effect, Failure, Json, Limits, Report, RunId, Usage};

use super::*;

/// Events with their frames; the rest is filled in.
fn run(number: u128, events: Vec<(FramePath, Event)>) -> Vec<Envelope> {
    let run = RunId::from_parts(1_000, number);
    let offset = u64::try_from(number).unwrap();
    let at = |((frame, event), seq)| Envelope { run, seq, frame, unix_ms: offset + seq, fuel: seq, event };
    events.into_iter().zip(0..).map(at).collect()
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn began(program: Program) -> Event {
    sees(program, Vec::new())
}

fn sees(program: Program, mounts: Vec<Mount>) -> Event {
    let (limits, plugin) = (Limits::default(), None);
    let (env, config) = (Vec::new(), Vec::new());
    Event::FrameStarted(Box::new(FrameStarted { program, plugin, limits, mounts, env, config }))
}

fn asks(step: u32, tool: &str) -> Event {
    let effect = Effect::tool(tool, json("{}"));
    Event::Intent { step, effect: Arc::new(effect) }
}

fn gets(step: u32, value: &str) -> Event {
    Event::Outcome { step, outcome: Arc::new(Ok(Value::Json(json(value)))) }
}

fn ends(fuel: u64) -> Event {
    Event::FrameEnded { failure: None, usage: Usage { fuel, wait_us: fuel, ..Usage::default() } }
}

fn result(value: &str) -> Event {
    let result = Ok(Report { output: json(value), summary: None });
    Event::RunEnded { result, usage: Usage::default() }
}

/// An agent whose tool calls another tool; that one gives `inner`, and all above follows from it.
fn nested(inner: &str) -> Vec<(FramePath, Event)> {
    let root = FramePath::root();
    let below = root.child(0);
    vec![
        (root.clone(), began(Program::Agent("a".into()))),
        (root.clone(), asks(0, "t.f")),
        (below.clone(), began(Program::Tool("t.f".into()))),
        (below.clone(), asks(0, "u.f")),
        (below.clone(), gets(0, inner)),
        (below, ends(10)),
        (root.clone(), gets(0, inner)),
        (root.clone(), ends(20)),
        (root, result(inner)),
    ]
}

/// Names what differs.
fn names(diff: &Diff) -> Vec<String> {
    let name = |difference: &Difference| {
        let step = difference.step.map_or_else(String::new, |step| format!(" step {step}"));
        format!("{:?} {}{step}: {}", difference.part, difference.frame, difference.what)
    };
    diff.differences.iter().map(name).collect()
}

#[test]
fn equal_runs_are_the_same_whenever_they_were() {
    let diff = diff(&run(1, nested("1")), &run(2, nested("1")));
    assert!(diff.is_same(), "{diff:?}");
    assert_eq!(diff.counts[&Part::Effect], Counts { same: 2, ..Counts::default() });
    assert_eq!(diff.counts[&Part::Frame].same, 2);
}

#[test]
fn the_cause_stands_first() {
    let diff = diff(&run(1, nested("1")), &run(2, nested("2")));
    let expected =
        ["Effect 0.0 step 0: another outcome", "Effect 0 step 0: another outcome", "Result 0: another result"];
    assert_eq!(names(&diff), expected);
    let first = &diff.differences[0];
    assert_eq!(first.program, Some(Program::Tool("t.f".into())));
    let side = |side: &Option<Side>| side.clone().map(|side| (side.seq, side.text)).unwrap();
    assert_eq!(side(&first.a), (4, r#"tool u.f → {"type":"json","value":1}"#.to_owned()));
    assert_eq!(side(&first.b), (4, r#"tool u.f → {"type":"json","value":2}"#.to_owned()));
}

#[test]
fn what_only_one_has_is_counted_on_its_side() {
    let root = FramePath::root();
    let short = run(1, nested("1").into_iter().take(3).collect());
    let mut events = nested("1");
    events.push((root.clone(), asks(1, "t.g")));
    events.push((root, Event::Log { level: Level::Info, message: "x".into() }));
    let long = run(2, events);
    let forth = diff(&short, &long);
    assert_eq!(forth.counts[&Part::Effect], Counts { changed: 1, only_b: 2, ..Counts::default() });
    assert_eq!(forth.counts[&Part::Log], Counts { only_b: 1, ..Counts::default() });
    let back = diff(&long, &short);
    assert_eq!(back.counts[&Part::Effect], Counts { changed: 1, only_a: 2, ..Counts::default() });
    assert!(names(&back).contains(&"Effect 0 step 1: only in A".to_owned()), "{:?}", names(&back));
}

#[test]
fn what_follows_from_a_difference_is_only_counted() {
    // As after a fork that let the call have given something else.
    let root = FramePath::root();
    let without_frames = |value| {
        let events = nested(value).into_iter().filter(|(frame, _)| *frame == root);
        run(2, events.collect())
    };
    let changed = diff(&run(1, nested("1")), &without_frames("2"));
    assert_eq!(names(&changed), ["Effect 0 step 0: another outcome", "Result 0: another result"]);
    assert_eq!(changed.counts[&Part::Frame], Counts { same: 1, only_a: 1, ..Counts::default() });
    assert_eq!(changed.counts[&Part::Effect], Counts { changed: 1, only_a: 1, ..Counts::default() });
    let same = diff(&run(1, nested("1")), &without_frames("1"));
    assert_eq!(names(&same), ["Frame 0.0: only in A"]);
    let mut other = nested("1");
    other[1] = (root.clone(), asks(0, "v.f"));
    other[2] = (root.child(0), began(Program::Tool("v.f".into())));
    other[3] = (root.child(0), asks(0, "w.f"));
    let other = diff(&run(1, nested("1")), &run(2, other));
    assert_eq!(names(&other), ["Effect 0 step 0: another effect"]);
    assert_eq!(other.counts[&Part::Effect].changed, 2);
}

#[test]
fn a_refusal_is_not_an_outcome() {
    let root = FramePath::root();
    let effect = Arc::new(Effect::tool("t.f", json("{}")));
    let refused = Event::Refused { step: 0, effect, failure: Failure::other("no") };
    let a = run(1, vec![(root.clone(), began(Program::Agent("a".into()))), (root.clone(), refused)]);
    let b = run(2, vec![(root.clone(), began(Program::Agent("a".into()))), (root.clone(), asks(0, "t.f"))]);
    let found = diff(&a, &b);
    assert_eq!(names(&found), ["Effect 0 step 0: refused in one"]);
    assert_eq!(found.differences[0].a.as_ref().unwrap().text, "tool t.f was refused: no");
    assert_eq!(found.differences[0].b.as_ref().unwrap().text, "tool t.f {} was allowed");
}

#[test]
fn a_frame_that_was_started_again_counts_once() {
    let root = FramePath::root();
    let mut events: Vec<_> = nested("9").into_iter().take(5).collect();
    events.extend(nested("1"));
    assert!(diff(&run(1, events), &run(2, nested("1"))).is_same());
    let mut fuel = nested("1");
    fuel[7] = (root.clone(), ends(21));
    assert_eq!(names(&diff(&run(1, nested("1")), &run(2, fuel))), ["Frame 0: another end"]);
}

#[test]
fn the_fuel_of_what_saw_files_is_its_own() {
    let root = FramePath::root();
    let mount = Mount { host_path: "/x".into(), guest_path: "/x".into(), mode: FileMode::Read };
    let with_files = |number, fuel| {
        let tool = sees(Program::Tool("t.f".into()), vec![mount.clone()]);
        run(number, vec![(root.clone(), tool), (root.clone(), ends(fuel))])
    };
    assert!(diff(&with_files(1, 10), &with_files(2, 20)).is_same());
}
