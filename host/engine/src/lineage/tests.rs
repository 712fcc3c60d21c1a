// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values of small runs, written down by hand, and the ways on which they came.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_core::amounts::BudgetSpec;
use priory_core::artifact::{ArtifactOp, ArtifactPart};
use priory_core::event::{Event, FrameStarted, RunStarted};
use priory_core::grant::FileMode;
use priory_core::http::{HttpRequest, HttpResponse};
use priory_core::inbox::{self, EventRecord};
use priory_core::ports::Mount;
use priory_core::question::{Answer, Question};
use priory_core::state::{Merge, StateEntry, StateOp};
use priory_core::{Digest, Effect, Failure, Json, LimitSpec, Limits, Outcome, RunId, Usage, Value as Got};
use serde_json::json;

use super::*;

const SENTENCE: &str = "Honey bees do not hibernate, they shiver.";

/// A run that is written down event by event.
struct Script(Vec<(FramePath, Event)>);

fn agent(name: &str) -> Program {
    Program::Agent(name.into())
}

fn at(path: &str) -> FramePath {
    path.parse().unwrap()
}

fn id() -> RunId {
    RunId::from_parts(1_000, 1)
}

impl Script {
    /// Begins a run of the agent `a`.
    fn new(input: Value) -> Self {
        let started = RunStarted {
            program: agent("a"),
            input: input.into(),
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
        Self(vec![(at("0"), Event::RunStarted(Box::new(started)))]).begins("0", agent("a"), false)
    }

    fn and(mut self, frame: &str, event: Event) -> Self {
        self.0.push((at(frame), event));
        self
    }

    fn begins(self, frame: &str, program: Program, sees_files: bool) -> Self {
        let mount = Mount { host_path: "/docs".into(), guest_path: "/docs".into(), mode: FileMode::Read };
        let mounts = if sees_files { vec![mount] } else { Vec::new() };
        let (limits, env, config) = (Limits::default(), Vec::new(), vec![("tone".to_owned(), "dry".to_owned())]);
        let started = FrameStarted { program, plugin: None, limits, mounts, env, config };
        self.and(frame, Event::FrameStarted(Box::new(started)))
    }

    fn asks(self, frame: &str, step: u32, effect: Effect) -> Self {
        self.and(frame, Event::Intent { step, effect: Arc::new(effect) })
    }

    fn gets(self, frame: &str, step: u32, outcome: Outcome) -> Self {
        self.and(frame, Event::Outcome { step, outcome: Arc::new(outcome) })
    }

    /// Calls a tool that has a frame of its own and sees files, or does not.
    fn calls(self, frame: &str, step: u32, (arguments, result): (Value, Value), sees_files: bool) -> Self {
        let tool = Program::Tool("t.f".into());
        self.asks(frame, step, Effect::tool("t.f", arguments.into()))
            .begins(&format!("{frame}.{step}"), tool, sees_files)
            .gets(frame, step, Ok(Got::Json(result.into())))
    }

    /// Gives an agent a task, which goes on in the frame of the step.
    fn tasks(self, frame: &str, step: u32, name: &str, input: Value) -> Self {
        self.asks(frame, step, Effect::agent(name, input.into(), None)).begins(
            &format!("{frame}.{step}"),
            agent(name),
            false,
        )
    }

    fn reports(self, frame: &str, step: u32, output: Value) -> Self {
        self.gets(frame, step, Ok(Got::Report(report(output))))
    }

    fn ends(self, output: Value) -> Vec<Envelope> {
        self.and("0", Event::RunEnded { result: Ok(report(output)), usage: Usage::default() }).open()
    }

    fn open(self) -> Vec<Envelope> {
        let wrap = |((frame, event), seq)| Envelope { run: id(), seq, frame, unix_ms: seq, fuel: 0, event };
        self.0.into_iter().zip(0..).map(wrap).collect()
    }
}

fn report(output: Value) -> Report {
    Report { output: output.into(), summary: None }
}

fn get(url: &str, body: &str) -> Effect {
    let body = body.as_bytes().to_vec();
    let (method, url) = ("POST".to_owned(), url.parse().unwrap());
    Effect::HttpRequest(HttpRequest { method, url, headers: Vec::new(), body, first_byte_ms: None })
}

fn answer(body: &str) -> Outcome {
    Ok(Got::Http(HttpResponse { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }))
}

/// Writes what was found, a line for each place; sources end with a star.
fn lines(lineage: &Lineage) -> Vec<String> {
    let line = |(position, origin): (usize, &Origin)| {
        let step = origin.step.map_or_else(String::new, |step| format!(" step {step}"));
        let matched = match origin.matched {
            Matched::Equal => "=".to_owned(),
            Matched::Contains { share } => format!("{share}"),
        };
        let place = if origin.at.is_empty() { String::new() } else { format!(" {}", origin.at) };
        let star = if lineage.sources.contains(&position) { " *" } else { "" };
        let Origin { seq, frame, program, how, .. } = origin;
        format!("{seq} {frame}{step} {program} {how:?} {matched}{place}{star}")
    };
    lineage.chain.iter().enumerate().map(line).collect()
}

#[track_caller]
fn check(events: &[Envelope], value: &str, expect: &[&str]) -> Lineage {
    let lineage = trace(events, value).unwrap();
    assert_eq!(lines(&lineage), expect, "{lineage:#?}");
    lineage
}

/// An agent has another one look something up in a file; that one passes on what its tool found.
fn looked_up() -> Script {
    let text = format!("# Winter\n\n{SENTENCE}\nThey eat honey.");
    Script::new(json!({"question": "Do bees hibernate?"}))
        .tasks("0", 0, "b", json!({"topic": "bees"}))
        .calls("0.0", 0, (json!({"path": "winter.md"}), json!({"text": text})), true)
        .reports("0", 0, json!({"facts": [SENTENCE], "pages": 7}))
}

#[test]
fn a_sentence_leads_to_the_file_that_it_was_read_from() {
    let events = looked_up().ends(json!({"answer": {"text": SENTENCE}}));
    let expect = [
        "6 0.0 step 0 agent b Returned 1 /text",
        "6 0.0.0 tool t.f Read = *",
        "7 0 step 0 agent a Returned = /facts/0",
    ];
    let lineage = check(&events, "/answer/text", &expect);
    let occurrence = &lineage.occurrences[0];
    assert_eq!((occurrence.how, &*occurrence.at, occurrence.matched), (How::Result, "/answer/text", Matched::Equal));
    assert_eq!((&*occurrence.from, &*lineage.chain[2].from, &*lineage.chain[0].from), (&[2][..], &[0][..], &[1][..]));
    assert_eq!(lineage.chain[1].asked.as_deref(), Some(r#"tool t.f {"path":"winter.md"}"#));
    assert_eq!(lineage.chain[0].excerpt, format!("# Winter {SENTENCE} They eat honey."));
    // What is typed may be a part of what stands there.
    let typed = trace(&events, "do not  hibernate").unwrap();
    assert_eq!(typed.occurrences[0].matched, Matched::Contains { share: 1.0 });
    assert_eq!(typed.chain.len(), 3);
    assert_eq!(trace(&events, "shiver").unwrap().chain.len(), 3, "what was typed is found where it is short, too");
}

#[test]
fn what_is_not_in_the_result_is_traced_from_where_it_came_to_last() {
    let write = Effect::tool("export.write", json!({"content": format!("- {SENTENCE} [winter.md]")}).into());
    let events = looked_up().asks("0", 1, write).ends(json!(1));
    let lineage = trace(&events, SENTENCE).unwrap();
    let from = &lineage.occurrences[0];
    assert_eq!((from.how, from.seq, from.step, &*from.at), (How::Asked, 8, Some(1), "/content"));
    assert_eq!(lineage.sources.iter().map(|at| lineage.chain[*at].how).collect::<Vec<_>>(), [How::Read]);
    // A run that has not ended has values as well.
    let lineage = trace(&looked_up().open(), "7").unwrap();
    assert_eq!((lineage.value, lineage.occurrences[0].how), (json!(7), How::Returned));
}

#[test]
fn what_was_made_names_what_its_maker_had_seen() {
    let events = looked_up().ends(json!({"count": 42}));
    let lineage = check(&events, "42", &["8 0 agent a Made = *"]);
    assert_eq!((&*lineage.chain[0].seen, lineage.chain[0].seen_count), (&[0, 7][..], 2));
    check(&events, "/count", &["8 0 agent a Made = *"]);
    let pages = looked_up().ends(json!(7.0));
    check(&pages, "", &["7 0 step 0 agent a Returned = /pages", "7 0.0 agent b Made = *"]);
}

#[test]
fn what_comes_from_outside_is_a_source_where_it_was_new() {
    let people = || Answer { value: json!("as soon as possible").into(), by: "ada".to_owned() };
    let question = Effect::AskHuman(Question { text: "When?".into(), ..Default::default() });
    let events = Script::new(json!({"q": "the input of the run"}))
        .asks("0", 0, get("http://x/", r#"{"echo": "the input of the run"}"#))
        .gets("0", 0, answer(r#"{"echo": "the input of the run", "new": "what the server said"}"#))
        .asks("0", 1, question)
        .gets("0", 1, Ok(Got::Answer(people())))
        .ends(json!(["the input of the run", "what the server said", "as soon as possible", "dry"]));
    let echo = ["0 0 agent a Input = /q *", "3 0 step 0 agent a Received = /echo"];
    check(&events, "/0", &echo);
    check(&events, "/1", &["3 0 step 0 agent a Received = /new *"]);
    check(&events, "/2", &["5 0 step 1 agent a Answered = *"]);
    check(&events, "/3", &["1 0 agent a Configured = configuration tone *"]);
}

#[test]
fn an_echo_leads_to_who_sent_it() {
    let sent = "made up by the agent";
    let events =
        Script::new(json!(null)).asks("0", 0, get("http://x/", sent)).gets("0", 0, answer(sent)).ends(json!(sent));
    check(&events, sent, &["2 0 step 0 agent a Made = *", "3 0 step 0 agent a Received = body"]);
}

#[test]
fn a_text_is_followed_by_its_parts() {
    let (first, second) = ("Bees shiver to stay warm.", "A queen lives for years.");
    let both = format!("In short: {first}\nAnd: {second}");
    let events = Script::new(json!({"hint": second}))
        .calls("0", 0, (json!({}), json!({"text": first})), true)
        .ends(json!({"text": both}));
    let lineage = check(
        &events,
        "/text",
        &[
            "0 0 agent a Input 0.369 /hint *",
            "4 0 step 0 agent a Returned 0.384 /text",
            "4 0.0 tool t.f Read 0.384 *",
            "5 0 agent a Made 0.246 *",
        ],
    );
    assert_eq!(lineage.chain[3].from, [0, 1]);
}

#[test]
fn a_part_has_sixteen_characters() {
    let trace = |text: &str| {
        let events = Script::new(json!({"hint": text})).ends(json!(format!("so ({text}) it is")));
        lines(&trace(&events, "").unwrap()).len()
    };
    assert_eq!(trace("abcd efghi jklm"), 1);
    assert_eq!(trace("abcd efghi jklmn"), 2);
    // Words that only begin or end alike are not a part of each other.
    let events = Script::new(json!("unlike the others here")).ends(json!("alike the others heron"));
    assert_eq!(lines(&super::trace(&events, "").unwrap()), ["2 0 agent a Made = *"]);
}

#[test]
fn a_value_with_parts_is_traced_leaf_by_leaf() {
    let events = looked_up().ends(json!({"a": [SENTENCE, true, null, ""], "b~/": {"n": 7}}));
    let lineage = trace(&events, "").unwrap();
    let places: Vec<&str> = lineage.occurrences.iter().map(|occurrence| &*occurrence.at).collect();
    assert_eq!(places, ["/a/0", "/b~0~1/n"]);
    assert_eq!(lineage.sources.len(), 2);
    for nothing in ["/a/1", "/a/3"] {
        assert_eq!(trace(&events, nothing), Err(LineageError::Nothing { pointer: nothing.to_owned() }));
    }
    let pointers = vec!["/a/0".to_owned(), "/b~0~1/n".to_owned()];
    let missing = LineageError::NotFound { value: "/a/9".to_owned(), pointers, more: 0 };
    assert_eq!(trace(&events, "/a/9"), Err(missing));
    assert_eq!(trace(&events[1..], "/a/0"), Err(LineageError::NoStart));
}

#[test]
fn what_another_frame_wrote_is_traced_to_it() {
    let write = |value: &str| StateOp::Write {
        key: "notes".into(),
        value: json!(value).into(),
        merge: Merge::Append,
        expected: None,
    };
    let entry = |list: Value| Ok(Got::State(Some(StateEntry { value: list.into(), revision: 2 })));
    let other = Effect::State(StateOp::Write {
        key: "other".into(),
        value: json!("noted").into(),
        merge: Merge::Last,
        expected: None,
    });
    let events = Script::new(json!(null))
        .asks("0", 0, other)
        .tasks("0", 1, "b", json!({}))
        .asks("0.1", 0, Effect::State(write("noted")))
        .gets("0.1", 0, entry(json!(["noted"])))
        .reports("0", 1, json!(null))
        .asks("0", 2, Effect::State(StateOp::Read { key: "notes".into() }))
        .gets("0", 2, entry(json!(["old", "noted"])))
        .ends(json!("noted"));
    check(
        &events,
        "",
        &["5 0.1 step 0 agent b Asked =", "5 0.1 step 0 agent b Made = *", "9 0 step 2 agent a Kept = /1"],
    );
}

#[test]
fn an_event_of_the_run_itself_leads_to_who_published_it() {
    let publish = || Effect::Emit { name: "n".into(), data: json!({"id": "order 77"}).into(), key: None };
    let wait = || Effect::AwaitEvent { name: "n".into(), matching: None, expires_ms: None };
    let record = |run| {
        let from = Some(inbox::Origin { run, frame: at("0.0"), step: 0 });
        let (id, name) = ("i".to_owned(), "n".to_owned());
        Ok(Got::Event(EventRecord { id, name, data: json!({"id": "order 77"}).into(), unix_ms: 0, from }))
    };
    let events = |run| {
        Script::new(json!(null))
            .tasks("0", 0, "b", json!({}))
            .asks("0.0", 0, publish())
            .asks("0", 1, wait())
            .gets("0", 1, record(run))
            .ends(json!("order 77"))
    };
    let own =
        ["4 0.0 step 0 agent b Asked = /id", "4 0.0 step 0 agent b Made = *", "6 0 step 1 agent a Published = /id"];
    check(&events(id()), "", &own);
    check(&events(RunId::from_parts(1, 2)), "", &["6 0 step 1 agent a Published = /id *"]);
}

#[test]
fn what_is_in_an_artifact_is_read_and_not_made() {
    let digest = Digest::of(b"x");
    let part = |bytes: &str| {
        Ok(Got::ArtifactPart(ArtifactPart { digest, offset: 0, byte_len: 20, bytes: bytes.as_bytes().into() }))
    };
    let events = |bytes: &str| {
        Script::new(json!({"artifact": digest}))
            .asks("0", 0, Effect::Artifact(ArtifactOp::Read { digest, offset: 0, length: 20 }))
            .gets("0", 0, part(bytes))
            .ends(json!("what stood in there"))
    };
    check(&events(""), "", &["4 0 agent a Read = *"]);
    check(&events("what stood in there!"), "", &["3 0 step 0 agent a Kept 1 part *"]);
    // Before it read anything, it made what it asked for.
    check(&events(""), "0", &["2 0 step 0 agent a Made = *", "3 0 step 0 agent a Kept = /offset"]);
    assert_eq!(trace(&events(""), &digest.to_string()).unwrap().sources.len(), 1);
}

#[test]
fn a_failure_is_traced_like_a_result() {
    let events = Script::new(json!(null))
        .tasks("0", 0, "b", json!({}))
        .asks("0.0", 0, get("http://x/", ""))
        .gets("0.0", 0, answer("the paper is empty"))
        .gets("0", 0, Err(Failure::other("the paper is empty")));
    let failed = Event::RunEnded { result: Err(Failure::other("the paper is empty")), usage: Usage::default() };
    let expect = ["5 0.0 step 0 agent b Received = body *", "6 0 step 0 agent a Failed = /detail/message"];
    check(&events.and("0", failed).open(), "the paper is empty", &expect);
}

#[test]
fn what_a_frame_did_before_it_was_started_again_does_not_count() {
    let events = Script::new(json!(null))
        .asks("0", 0, get("http://x/", ""))
        .gets("0", 0, answer("it was said before"))
        .begins("0", agent("a"), false)
        .asks("0", 0, get("http://x/", ""))
        .gets("0", 0, answer("something else"))
        .ends(json!("it was said before"));
    check(&events, "", &["7 0 agent a Made = *"]);
}

#[test]
fn what_is_left_out_is_told() {
    let strings = |count: usize| (0..count).map(|index| format!("number {index} of many")).collect::<Vec<_>>();
    let leaves = |count| trace(&Script::new(json!(null)).ends(json!(strings(count))), "").unwrap();
    let (all, cut) = (leaves(LEAVES_MAX), leaves(LEAVES_MAX + 1));
    assert_eq!((all.occurrences.len(), all.is_whole), (LEAVES_MAX, true));
    assert_eq!((cut.occurrences.len(), cut.is_whole), (LEAVES_MAX, false));

    let places = |count: usize| {
        let calls = (0..count).fold(Script::new(json!(null)), |script, step| {
            script.calls("0", u32::try_from(step).unwrap(), (json!({}), json!("again")), false)
        });
        trace(&calls.ends(json!("again")), "").unwrap().occurrences[0].clone()
    };
    let (all, cut) = (places(PLACES_MAX), places(PLACES_MAX + 1));
    assert_eq!((all.from.len(), all.more, cut.from.len(), cut.more), (PLACES_MAX, 0, PLACES_MAX, 1));

    // As many values, given to as many frames that each give them to another one.
    let list = || json!(strings(LEAVES_MAX));
    let nested = (0..PLACES_MAX).fold(Script::new(list()), |script, step| {
        let (step, inner) = (u32::try_from(step).unwrap(), format!("0.{step}"));
        let script = script.tasks("0", step, "b", list()).calls(&inner, 0, (list(), list()), false);
        script.reports("0", step, list())
    });
    let lineage = trace(&nested.ends(list()), "").unwrap();
    assert_eq!((lineage.chain.len(), lineage.is_whole), (ORIGINS_MAX, false));
}

#[test]
fn the_way_through_a_long_run_is_short() {
    const CALLS: u32 = 50_000;
    let script = (0..CALLS).fold(Script::new(json!(null)), |script, step| {
        let said = json!({"line": step % 7, "text": format!("call {step} said that the weather is fine")});
        script.asks("0", step, Effect::tool("t.f", Json::null())).gets("0", step, Ok(Got::Json(said.into())))
    });
    let last = "call 49999 said that the weather is fine";
    let events = script.ends(json!({"a": format!("It is known that {last}."), "b": last, "c": 3}));
    let run = Run::of(&events).unwrap();
    let mut walk = Walk::new(&run);
    for leaf in run.leaves(Place::Result).found {
        let wanted = Wanted { scalar: leaf.scalar.clone(), is_typed: false };
        walk.begin(Place::Result, &leaf, wanted);
    }
    let spent = walk::WORK_MAX - walk.work.left();
    assert!(spent < 200_000, "{spent} bytes were compared");
    let lineage = walk.finish(Value::Null);
    let returned = "100001 0 step 49999 agent a Returned = /text *";
    assert!(lines(&lineage).iter().any(|line| line == returned), "{lineage:#?}");
    assert!(lineage.is_whole);
}
