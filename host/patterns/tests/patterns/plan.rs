// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plan and execute.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};

use priory_patterns::plan::{Achieved, Planning, plan};
use priory_patterns::{Roster, Stop};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scene::{Ask, Fail, Played, Step, own, play, play_in};

type Result = std::result::Result<Achieved, Fail>;

fn order(rounds_max: usize, tasks_max: usize, width: usize) -> Planning {
    let workers = Roster::named(["w", "bad"]).unwrap();
    Planning { goal: json!("g"), workers, rounds_max, tasks_max, width }
}

fn task(id: &str, worker: &str, needs: &[&str]) -> Value {
    json!({ "id": id, "worker": worker, "input": id, "needs": needs })
}

fn tasks(list: &[Value]) -> Value {
    json!({ "tasks": list })
}

fn done() -> Value {
    json!({ "done": "all" })
}

/// A planner that replies from a list; `bad` fails, `w` gives back what it got. The facts change when so many tasks ended.
fn planned(order: Planning, seed: u64, replies: &[Value], changes_at: &[usize]) -> Played<Result> {
    let mut replies = VecDeque::from(replies.to_vec());
    let reply = move |ask: &Ask| match &*ask.who {
        "planner" => Ok(replies.pop_front().expect("it is not asked more often")),
        "bad" => Err(own("broken")),
        _ => Ok(ask.input.clone()),
    };
    let asked = AtomicUsize::new(0);
    let facts = || {
        let times = asked.fetch_add(1, Ordering::Relaxed);
        let version = changes_at.iter().filter(|at| **at <= times).count();
        async move { Ok(json!({ "weather": version, "place": "here" })) }
    };
    play(seed, reply, |scene| async move {
        plan(order, |question| scene.ask("planner", question), |worker, input| scene.ask(worker, input), facts).await
    })
}

#[test]
fn tasks_wait_for_what_they_need() {
    let list = [task("c", "w", &["a", "b"]), task("a", "w", &[]), task("b", "w", &["a"])];
    let played = planned(order(3, 9, 4), 0, &[tasks(&list), done()], &[]);
    let achieved = played.result.as_ref().unwrap();
    assert_eq!(achieved.output, "all");
    let a = json!({ "input": "a", "needs": {} });
    let b = json!({ "input": "b", "needs": { "a": a } });
    assert_eq!(played.of("w"), [&a, &b, &json!({ "input": "c", "needs": { "a": a, "b": b } })]);
    assert_eq!(achieved.tasks.len(), 3);
    let told = played.of("planner");
    assert_eq!(told[0]["workers"][0]["name"], "w");
    assert_eq!((&told[0]["round"], &told[0]["facts"]), (&json!(1), &json!({ "weather": 0, "place": "here" })));
    let ids: Vec<_> = told[1]["done"].as_array().unwrap().iter().map(|done| done["id"].clone()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

#[test]
fn a_failure_is_planned_around_and_what_runs_goes_on() {
    let first = [task("x", "bad", &[]), task("a", "w", &[]), task("b", "w", &[]), task("late", "w", &["x"])];
    let second = [task("a", "w", &[]), task("y", "w", &["a"])];
    // What fails ends first, then the planner; `a` ends after it.
    let pick = |outstanding: &[(_, Ask)]| {
        let place = |who: &str| outstanding.iter().position(|(_, ask)| ask.who == who);
        place("bad").or(place("planner")).unwrap_or(0)
    };
    let mut replies = VecDeque::from([tasks(&first), tasks(&second), done()]);
    let reply = move |ask: &Ask| match &*ask.who {
        "planner" => Ok(replies.pop_front().unwrap()),
        "bad" => Err(own("broken")),
        _ => Ok(ask.input.clone()),
    };
    let played = play_in(pick, reply, |scene| async move {
        let facts = || async { Ok(Value::Null) };
        plan(order(3, 9, 4), |q| scene.ask("planner", q), |worker, input| scene.ask(worker, input), facts).await
    });
    let achieved = played.result.as_ref().unwrap();
    assert_eq!(achieved.tasks.keys().collect::<Vec<_>>(), ["a", "y"]);
    let told = played.of("planner")[1];
    assert_eq!(told["failed"], json!([{ "id": "x", "worker": "bad", "message": "broken" }]));
    assert_eq!(told["running"], json!([{ "id": "a", "worker": "w" }, { "id": "b", "worker": "w" }]));
    // `a` was begun once, `b` was withdrawn, `late` never began.
    let inputs: Vec<_> = played.of("w").iter().map(|input| input["input"].clone()).collect();
    assert_eq!((inputs, played.withdrawn()), (vec![json!("a"), json!("b"), json!("y")], 1));
}

#[test]
fn what_ends_while_it_plans_is_not_lost() {
    let first = [task("x", "bad", &[]), task("a", "w", &[])];
    let last = |outstanding: &[(_, Ask)]| {
        outstanding
            .iter()
            .position(|(_, ask)| ask.who == "bad")
            .unwrap_or(outstanding.len() - 1 - usize::from(outstanding.len() > 1))
    };
    let mut replies = VecDeque::from([tasks(&first), tasks(&[task("a", "w", &[]), task("b", "w", &["a"])]), done()]);
    let reply = move |ask: &Ask| match &*ask.who {
        "planner" => Ok(replies.pop_front().unwrap()),
        "bad" => Err(own("broken")),
        _ => Ok(ask.input["input"].clone()),
    };
    let played = play_in(last, reply, |scene| async move {
        let facts = || async { Ok(Value::Null) };
        plan(order(3, 9, 4), |q| scene.ask("planner", q), |worker, input| scene.ask(worker, input), facts).await
    });
    let ended = |step: &Step| matches!(step, Step::Ended(_, Ok(output)) if output == "a");
    let second =
        played.steps.iter().position(|step| matches!(step, Step::Asked(_, ask) if ask.input["round"] == 2)).unwrap();
    let a = played.steps.iter().position(ended).unwrap();
    let planned = played.steps.iter().skip(second).position(|step| matches!(step, Step::Ended(..))).unwrap() + second;
    assert_eq!(a, planned, "`a` ends while the planner plans");
    assert_eq!(json!(played.result.as_ref().unwrap().tasks), json!({ "a": "a", "b": "b" }));
    assert_eq!(played.of("w").len(), 2);
}

#[test]
fn what_was_done_under_an_id_is_not_replaced() {
    let other = json!({ "id": "a", "worker": "w", "input": "other", "needs": [] });
    let mut replies = VecDeque::from([
        tasks(&[task("x", "bad", &[]), task("a", "w", &[])]),
        tasks(&[other, task("b", "w", &["a"])]),
        tasks(&[task("c", "w", &["a"])]),
        done(),
    ]);
    let reply = move |ask: &Ask| match &*ask.who {
        "planner" => Ok(replies.pop_front().unwrap()),
        "bad" => Err(own("broken")),
        _ => Ok(ask.input["input"].clone()),
    };
    // What fails ends first, then `a`, and only then the planner has another plan for it.
    let pick = |outstanding: &[(_, Ask)]| {
        let place = |who: &str| outstanding.iter().position(|(_, ask)| ask.who == who);
        place("bad").or(place("w")).unwrap_or(0)
    };
    let played = play_in(pick, reply, |scene| async move {
        let facts = || async { Ok(Value::Null) };
        plan(order(4, 9, 4), |q| scene.ask("planner", q), |worker, input| scene.ask(worker, input), facts).await
    });
    assert_eq!(json!(played.result.as_ref().unwrap().tasks), json!({ "a": "a", "c": "c" }));
    assert_eq!(played.of("planner")[2]["done"], json!([{ "id": "a", "worker": "w", "output": "a" }]));
}

#[test]
fn changed_facts_are_planned_for() {
    let list = [task("a", "w", &[]), task("b", "w", &["a"])];
    let played = planned(order(4, 9, 4), 0, &[tasks(&list), tasks(&list), done()], &[1]);
    assert!(played.result.is_ok(), "{:?}", played.result);
    let told = played.of("planner");
    assert_eq!((&told[1]["changed"], &told[1]["facts"]["weather"]), (&json!(["weather"]), &json!(1)));
    assert_eq!(told[2]["changed"], json!([]));
    assert_eq!(played.of("w").len(), 2);
}

#[test]
fn a_plan_that_cannot_be_carried_out_goes_back() {
    let stopped = |reply: Value| {
        let played = planned(order(3, 2, 4), 0, &[reply.clone(), reply.clone(), reply], &[]);
        assert_eq!((played.of("planner").len(), played.of("w").len()), (3, 0));
        assert!(played.of("planner")[2]["feedback"].is_string());
        match played.result {
            Err(Fail::Stopped(stop)) => stop.kind(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(stopped(tasks(&[task("a", "w", &["b"]), task("b", "w", &["a"])])), "circular-needs");
    assert_eq!(stopped(tasks(&[task("a", "w", &["z"])])), "unknown-need");
    assert_eq!(stopped(tasks(&[task("a", "nobody", &[])])), "unknown-worker");
    assert_eq!(stopped(tasks(&[task("a", "w", &[]), task("a", "w", &[])])), "twice");
    assert_eq!(stopped(tasks(&[task("a", "w", &[]), task("b", "w", &[]), task("c", "w", &[])])), "too-many");
    assert_eq!(stopped(tasks(&[])), "unreadable");
    assert_eq!(stopped(json!({ "tasks": [7] })), "unreadable");
    assert_eq!(stopped(json!([])), "unreadable");
    let right = [tasks(&[task("a", "nobody", &[])]), tasks(&[task("a", "w", &[])]), done()];
    assert!(planned(order(3, 2, 4), 0, &right, &[]).result.is_ok());
}

#[test]
fn rounds_and_tasks_are_counted() {
    let again = tasks(&[task("x", "bad", &[])]);
    let played = planned(order(3, 9, 4), 0, &vec![again.clone(); 3], &[]);
    assert_eq!(played.result, Err(Fail::Stopped(Stop::TurnsSpent { pattern: "the plan", most: 3 })));
    assert_eq!(played.of("bad").len(), 2);
    let played = planned(order(9, 2, 4), 0, &vec![again; 5], &[]);
    assert_eq!(played.result, Err(Fail::Stopped(Stop::TooMany { what: "tasks", found: 3, most: 2 })));
}

/// Plans of tasks `t0` to `t5`, each of which needs some before it.
fn any_plan() -> impl Strategy<Value = Value> {
    let one = (any::<bool>(), prop::collection::vec(any::<bool>(), 6), prop::bool::weighted(0.2), 0_u8..2);
    prop::collection::vec(one, 6).prop_map(|list| {
        let id = |at: usize| format!("t{at}");
        let there: Vec<bool> = list.iter().map(|(there, ..)| *there).collect();
        let tasks: Vec<Value> = list
            .iter()
            .enumerate()
            .filter(|(_, (there, ..))| *there)
            .map(|(at, (_, needs, is_bad, input))| {
                let needs: Vec<String> = (0..at).filter(|need| needs[*need] && there[*need]).map(id).collect();
                let worker = if *is_bad { "bad" } else { "w" };
                json!({ "id": id(at), "worker": worker, "input": [id(at), input], "needs": needs })
            })
            .collect();
        json!({ "tasks": tasks })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_begins_before_what_it_needs_or_again_when_it_is_done(
        seed: u64,
        plans in prop::collection::vec(any_plan(), 1..8),
        width in 1_usize..4,
        changes in prop::collection::vec(1_usize..8, 0..3),
    ) {
        // Each may be refused, so there is more at the end than rounds.
        let many: Vec<Value> = plans.iter().cloned().chain(std::iter::repeat_n(done(), 12)).collect();
        let played = planned(order(8, 40, width), seed, &many, &changes);
        prop_assert!(played.most <= width + 1, "the planner and {} workers", width);
        let (mut begun, mut done) = (BTreeMap::new(), BTreeSet::new());
        for step in &played.steps {
            match step {
                Step::Asked(ticket, ask) if ask.who != "planner" => {
                    let id = ask.input["input"][0].as_str().unwrap().to_owned();
                    prop_assert!(!done.contains(&id), "{id} is done already");
                    for need in ask.input["needs"].as_object().unwrap().keys() {
                        prop_assert!(done.contains(need), "{id} needs {need}");
                    }
                    begun.insert(*ticket, id);
                }
                Step::Asked(..) | Step::Withdrawn(_) => {}
                Step::Ended(ticket, outcome) => {
                    done.extend(begun.get(ticket).filter(|_| outcome.is_ok()).cloned());
                }
            }
        }
        // No outcome is lost.
        if let Ok(achieved) = &played.result {
            prop_assert_eq!(achieved.tasks.keys().cloned().collect::<BTreeSet<_>>(), done);
        }
    }
}
