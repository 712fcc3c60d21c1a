// SPDX-License-Identifier: MIT OR Apache-2.0
//! What people are asked: while the run is in memory, of every kind, and before each use of a grant that wants it.

use std::sync::Arc;
use std::time::Duration;

use priory::core::effect::Ask;
use priory::core::journal::RunState;
use priory::core::{Dimension, Event, Failure, Journal, LimitSpec, RunId};
use priory::journal::MemoryJournal;
use priory::{AgentSpec, Builder, Durability, Host, Open, RunEnd, RunSpec, Started};
use serde_json::{Value, json};

use super::scene::{self, Outside, post};
use crate::stage::{block, build, builder, good, grant, json, output};

fn journal() -> Arc<dyn Journal> {
    Arc::new(MemoryJournal::new())
}

fn asked(started: &Started) -> Open {
    block(started.next_question(|_| true))
}

#[test]
fn an_answer_reaches_a_run_that_is_in_memory() {
    let (journal, outside) = (journal(), Arc::new(Outside::default()));
    let host = scene::host(&journal, &outside, None);
    let ask = json!({ "do": "ask", "text": "How many?", "schema": { "type": "integer" }, "who": ["ada"] });
    let mut started = scene::start(&host, scene::root(json!([ask, post("after")])));
    let (run, open) = (started.id, asked(&started));
    assert_eq!(open.question.text, "How many?");
    let answer = |value: Value, by: &str| block(host.answer(run, open.id, json(value), by));
    let failure = |result: Result<(), priory::Error>| match result {
        Err(priory::Error::Run(failure)) => failure,
        other => panic!("{other:?}"),
    };
    assert!(matches!(failure(answer(json!("many"), "ada")), Failure::Invalid(_)));
    assert!(matches!(failure(answer(json!(3), "bob")), Failure::Conflict { .. }));
    answer(json!(3), "ada").unwrap();
    // What was taken is durable, although nobody had to park the run.
    let answers = |event: &Event| matches!(event, Event::Outcome { outcome, .. } if matches!(&**outcome, Ok(priory::core::Value::Answer(_))));
    assert_eq!(scene::events(&journal, run).iter().filter(|envelope| answers(&envelope.event)).count(), 1);
    assert!(matches!(failure(answer(json!(4), "ada")), Failure::Unavailable(_)));
    let end = block(started.wait());
    let result = scene::is_sound(&journal, &end, run);
    assert_eq!(result["results"][0], json!([3, "ada"]));
    outside.did_once(1);
}

#[test]
fn a_branch_goes_on_while_another_waits_for_a_person() {
    let (journal, outside) = (journal(), Arc::new(Outside::default()));
    let host = scene::host(&journal, &outside, Some(Duration::from_millis(2)));
    let add = json!({ "do": "tool", "name": "good.add", "with": { "a": 1, "b": 2 } });
    let steps = json!([{ "do": "all", "steps": [{ "do": "ask", "text": "Go on?" }, add] }]);
    let mut started = scene::start(&host, scene::root(steps));
    let run = started.id;
    // Whether it is still in memory or parked by now, the answer is taken once.
    let open = loop {
        assert!(!block(journal.info(run)).is_ok_and(|info| info.state.has_ended()), "it asks nothing");
        let live = started.questions().into_iter().next().map(|open| open.id);
        let kept = block(journal.waits(run)).unwrap_or_default().first().and_then(|wait| Some(wait.question()?.0));
        if let Some(id) = live.or(kept) {
            break id;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    block(host.answer(run, open, json(json!("yes")), "ann")).unwrap();
    let end = block(started.wait());
    let end = if end.state == RunState::Parked { scene::turn(&host, run) } else { end };
    let result = scene::is_sound(&journal, &end, run);
    assert_eq!(result["results"][0], json!(["yes", 3]));
}

#[test]
fn each_kind_of_question_takes_its_answers() {
    let (journal, outside) = (journal(), Arc::new(Outside::default()));
    let host = scene::host(&journal, &outside, None);
    let steps = json!([
        { "do": "ask", "kind": "approve", "text": "May it?", "about": { "price": 5 } },
        { "do": "ask", "kind": "choose", "text": "Which?", "options": ["tea", "coffee"] },
        { "do": "ask", "kind": "edit", "text": "Fine?", "about": 5, "schema": { "type": "integer" } },
        { "do": "ask", "kind": "edit", "text": "Nothing to edit" },
    ]);
    let mut started = scene::start(&host, scene::root(steps));
    let answers =
        [json!({ "decision": "reject", "reason": "dear" }), json!("tea"), json!({ "decision": "edit", "value": 7 })];
    for (answer, wrong) in
        answers.iter().zip([json!("yes"), json!("milk"), json!({ "decision": "edit", "value": "x" })])
    {
        let open = asked(&started);
        let refused = block(host.answer(started.id, open.id, json(wrong), "ann"));
        assert!(matches!(refused, Err(priory::Error::Run(Failure::Invalid(_)))), "{refused:?}");
        block(host.answer(started.id, open.id, json(answer.clone()), "ann")).unwrap();
    }
    let end = block(started.wait());
    let results = scene::is_sound(&journal, &end, started.id)["results"].clone();
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!(results[at], json!([answer, "ann"]));
    }
    assert!(results[3]["failure"].as_str().unwrap().contains("/about"), "{results}");
}

/// Begins a host with an agent of which a person approves each request and each call of a tool.
fn careful(outside: &Arc<Outside>) -> Builder {
    let root = AgentSpec::new("root", "steps")
        .grant(grant("ask http=http://outside.example/*"))
        .grant(grant("ask tool=good.*"))
        .grant(grant("tool=good.nothing"))
        .grant(grant("log"));
    let steps = scene::steps_plugin("steps");
    builder().without_pool().plugin(good()).plugin(steps).agent(root).http(outside.clone())
}

fn careful_host(journal: &Arc<dyn Journal>, outside: &Arc<Outside>) -> Host {
    build(careful(outside).durable(Durability::new(journal.clone()).park_after(Some(Duration::from_millis(2)))))
}

fn careful_run(steps: Value) -> RunSpec {
    RunSpec::agent("root", json(json!({ "steps": steps })))
}

/// Goes on with a run to its end; `decide` says whether what a question is about may be done.
fn decided(
    journal: &Arc<dyn Journal>,
    host: &Host,
    run: RunId,
    mut end: RunEnd,
    decide: impl Fn(&Value) -> bool,
) -> RunEnd {
    while end.state == RunState::Parked {
        for wait in &end.waits {
            let question = wait.question().expect("a question").1;
            assert_eq!(question.kind, Ask::Approve);
            let answer = match decide(&question.about.as_ref().unwrap().to_value()) {
                true => json!({ "decision": "approve" }),
                false => json!({ "decision": "reject", "reason": "not today" }),
            };
            scene::reply(journal, host, run, wait, answer).unwrap();
        }
        end = scene::turn(host, run);
    }
    end
}

#[test]
pub fn each_use_is_approved() {
    let (journal, outside) = (journal(), Arc::new(Outside::default()));
    let host = careful_host(&journal, &outside);
    let add = |a: u32| json!({ "do": "tool", "name": "good.add", "with": { "a": a, "b": 1 } });
    let steps = json!([post("yes"), post("no"), add(1), add(2), { "do": "tool", "name": "good.nothing", "with": {} }]);
    let mut started = host.start(careful_run(steps)).unwrap();
    let run = started.id;
    let end = block(started.wait());
    assert_eq!(end.state, RunState::Parked);
    outside.did_once(0);
    let about = end.waits[0].question().unwrap().1.about.clone().unwrap().to_value();
    assert_eq!((&about["method"], &about["url"]), (&json!("POST"), &json!("http://outside.example/do")));
    assert!(about["body"].as_str().unwrap().contains("yes"), "{about}");
    let decide = |about: &Value| match about["tool"].as_str() {
        Some(_) => about["arguments"]["a"] == 1,
        None => about["body"].as_str().unwrap().contains("yes"),
    };
    let end = decided(&journal, &host, run, end, decide);
    let results = output(&end);
    outside.did_once(1);
    // Nobody is asked where another grant of the same holder allows it.
    assert_eq!((&results[2], &results[4]["failure"]), (&json!(2), &json!("tool good.nothing: no plugin has it")));
    // Of a request, WASI has but a code to tell.
    let failure = |at: usize| results[at]["failure"].as_str().unwrap();
    assert_eq!(failure(1), "ErrorCode::HttpRequestDenied");
    assert_eq!(failure(3), "tool good.add is denied by ann (not today)");
    // Wherever the host goes away, before, while and after a person decides, it comes to the same, once.
    let events = scene::events(&journal, run);
    for count in 1..events.len() {
        let copy = scene::cut(&journal, run, &events[..count]);
        let host = careful_host(&copy, &outside);
        let end = scene::turn(&host, run);
        let end = decided(&copy, &host, run, end, decide);
        assert_eq!(output(&end), results, "after {count} events, which end with {:?}", events[count - 1]);
        outside.did_once(1);
    }
}

#[test]
fn a_program_that_gets_nowhere_is_stopped() {
    let outside = Arc::new(Outside::default());
    let host = build(scene::stage(&outside));
    let fails = || json!({ "do": "tool", "name": "nobody.work", "with": {} });
    let limited = |steps: Vec<Value>, most: u64| {
        let limits: LimitSpec = [(Dimension::Repeats, most)].into_iter().collect();
        let spec = RunSpec::agent("root", json(json!({ "steps": steps }))).limits(limits);
        block(host.start(spec).unwrap().wait())
    };
    let end = limited(std::iter::repeat_with(fails).take(100).collect(), 5);
    crate::stage::hits(&end, Dimension::Repeats, 5, "0 agent root");
    assert_eq!(end.usage.calls, 6, "the sixth is the last");
    let other = json!({ "do": "tool", "name": "good.nothing", "with": {} });
    let end = limited([vec![fails(); 5], vec![other], vec![fails(); 5]].concat(), 5);
    assert_eq!(output(&end).as_array().map(Vec::len), Some(11));
}
