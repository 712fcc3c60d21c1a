// SPDX-License-Identifier: MIT OR Apache-2.0
//! A crew: in order, and under a lead.

use priory_patterns::Stop;
use priory_patterns::crew::{Crew, Made, Role, Task, hierarchical, sequential};
use serde_json::{Value, json};

use crate::scene::{Ask, Fail, Outcome, Played, play};

type Result = std::result::Result<Made, Fail>;

fn role(name: &str) -> Role {
    Role { name: name.into(), goal: format!("goal of {name}"), description: "good".into() }
}

fn task(name: &str, role: Option<&str>, needs: &[&str]) -> Task {
    let needs = needs.iter().map(|need| (*need).to_owned()).collect();
    Task { name: name.into(), what: json!(format!("do {name}")), role: role.map(str::to_owned), needs }
}

fn crew(tasks: Vec<Task>) -> Crew {
    Crew { goal: json!("a book"), roles: vec![role("writer"), role("editor")], tasks }
}

fn in_order(tasks: Vec<Task>) -> Played<Result> {
    let reply = |ask: &Ask| Ok(json!([ask.who, ask.input["task"]]));
    play(0, reply, |scene| sequential(crew(tasks), move |role, input| scene.ask(role, input)))
}

fn led(tasks: Vec<Task>, revisions_max: usize, lead: impl Fn(&Value) -> Value) -> Played<Result> {
    let reply = |ask: &Ask| -> Outcome {
        if ask.who == "lead" { Ok(lead(&ask.input)) } else { Ok(json!([ask.who, ask.input["feedback"]])) }
    };
    play(0, reply, |scene| async move {
        let ask = |question| scene.ask("lead", question);
        hierarchical(crew(tasks), revisions_max, ask, |role, input| scene.ask(role, input)).await
    })
}

#[test]
fn each_gets_what_it_needs() {
    let tasks = vec![
        task("two", Some("editor"), &["one"]),
        task("one", Some("writer"), &[]),
        task("three", Some("writer"), &[]),
        task("four", Some("editor"), &["three"]),
    ];
    let played = in_order(tasks);
    let asked: Vec<&Value> = played.asked().into_iter().map(|ask| &ask.input).collect();
    let order: Vec<&str> = asked.iter().filter_map(|input| input["task"].as_str()).collect();
    assert_eq!(order, ["do one", "do two", "do three", "do four"]);
    assert_eq!(
        asked[1],
        &json!({
            "role": "editor", "goal": "goal of editor", "description": "good", "task": "do two",
            "context": { "one": ["writer", "do one"] },
        })
    );
    // Who needs nothing by name gets all that was done before.
    assert_eq!(asked[2]["context"].as_object().unwrap().len(), 2);
    assert_eq!(asked[3]["context"], json!({ "three": ["writer", "do three"] }));
    let made = played.result.unwrap();
    assert_eq!((made.output, made.tasks.len()), (json!(["editor", "do four"]), 4));
}

#[test]
fn a_crew_that_cannot_work_is_refused_before_it_begins() {
    let stop = |tasks| match in_order(tasks) {
        Played { result: Err(Fail::Stopped(stop)), steps, .. } if steps.is_empty() => stop.kind(),
        played => panic!("{played:?}"),
    };
    assert_eq!(stop(vec![task("a", None, &[])]), "unassigned");
    assert_eq!(stop(vec![task("a", Some("cook"), &[])]), "unknown-worker");
    assert_eq!(stop(vec![task("a", Some("writer"), &[]), task("a", Some("writer"), &[])]), "twice");
    assert_eq!(stop(vec![task("a", Some("writer"), &["a"])]), "circular-needs");
    assert_eq!(stop(vec![task("a", Some("writer"), &["b"])]), "unknown-need");
}

#[test]
fn a_lead_assigns_and_sends_back() {
    let lead = |question: &Value| match question["phase"].as_str().unwrap() {
        "assign" => json!({ "assign": "editor" }),
        _ if question["output"][1].is_null() => json!({ "accept": false, "feedback": "more" }),
        _ => json!({ "accept": true }),
    };
    let played = led(vec![task("a", None, &[]), task("b", Some("writer"), &[])], 2, lead);
    let made = played.result.as_ref().unwrap();
    assert_eq!(json!(made.tasks), json!({ "a": ["editor", "more"], "b": ["writer", "more"] }));
    assert_eq!(played.of("editor")[1]["previous"], json!(["editor", null]));
    let phases: Vec<_> = played.of("lead").iter().map(|question| question["phase"].clone()).collect();
    assert_eq!(phases, ["assign", "review", "review", "review", "review"]);
    assert_eq!(played.of("lead")[4]["done"], json!({ "a": ["editor", "more"] }));
}

#[test]
fn what_is_never_good_enough_ends_it() {
    let played = led(vec![task("a", Some("writer"), &[])], 2, |_| json!({ "accept": false, "feedback": "no" }));
    let stop = Stop::Rejected { task: "a".into(), times: 3, feedback: "no".into() };
    assert_eq!(played.result, Err(Fail::Stopped(stop)));
    assert_eq!(played.of("writer").len(), 3);
    let played = led(vec![task("a", None, &[])], 2, |_| json!({ "assign": "cook" }));
    assert!(matches!(played.result, Err(Fail::Stopped(Stop::UnknownWorker { .. }))));
}
