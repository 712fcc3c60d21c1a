// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever the agents reply: a pattern ends within its maxima, and the same play comes to the same again.

use std::fmt::Debug;

use priory_patterns::conversation::{Conversation, Said, moderated};
use priory_patterns::crew::{Crew, Role, Task, hierarchical};
use priory_patterns::handoff::{Handoffs, handoff};
use priory_patterns::plan::{Planning, plan};
use priory_patterns::supervisor::{Supervision, supervisor};
use priory_patterns::{Roster, compete};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::scene::{Ask, Outcome, Played, Scene, own, play};

/// The words that patterns look for, and those that agents would mean.
const WORDS: [&str; 24] = [
    "next",
    "input",
    "worker",
    "done",
    "handoff",
    "to",
    "task",
    "knows",
    "assign",
    "accept",
    "feedback",
    "stop",
    "says",
    "result",
    "winner",
    "why",
    "tasks",
    "id",
    "needs",
    "a",
    "b",
    "c",
    "{\"done\": 1}",
    "```{\"next\": \"a\"}```",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        prop::sample::select(&WORDS[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let field = (prop::sample::select(&WORDS[..]), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(field, 0..4).prop_map(|fields| {
                Value::from(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
            }),
        ]
    })
}

/// What somebody says who knows the forms, or does not.
fn any_reply() -> impl Strategy<Value = Outcome> {
    let name = || prop::sample::select(vec!["a", "b", "c", "x"]);
    let needs = prop::collection::vec(name(), 0..2);
    let task =
        (name(), name(), needs).prop_map(|(id, worker, needs)| json!({ "id": id, "worker": worker, "needs": needs }));
    prop_oneof![
        4 => any_json().prop_map(Ok),
        1 => Just(Err(own("broken"))),
        2 => name().prop_map(|name| Ok(json!({ "next": name, "assign": name, "winner": name, "accept": name == "a" }))),
        2 => name().prop_map(|name| Ok(json!({ "handoff": { "to": name, "knows": { name: 1 } } }))),
        2 => name().prop_map(|name| Ok(json!({ "accept": false, "feedback": name, "assign": "a", "next": "b" }))),
        2 => prop::collection::vec(task, 0..4).prop_map(|tasks| Ok(json!({ "tasks": tasks }))),
    ]
}

/// Plays twice, and sees that it is the same both times and asks no more than it may.
fn ends<T: Debug + PartialEq, Fut: Future<Output = T> + Send>(
    seed: u64,
    replies: &[Outcome],
    most: usize,
    root: impl Fn(Scene) -> Fut,
) -> Result<(), TestCaseError> {
    let once = || -> Played<T> {
        let mut at = 0;
        let reply = move |_: &Ask| {
            at += 1;
            replies[at % replies.len()].clone()
        };
        play(seed, reply, &root)
    };
    let (first, second) = (once(), once());
    prop_assert!(first.asked().len() <= most, "{} asked, {} allowed", first.asked().len(), most);
    prop_assert_eq!(first.result, second.result);
    prop_assert_eq!(first.steps, second.steps);
    Ok(())
}

fn roster() -> Roster {
    Roster::named(["a", "b", "c"]).unwrap()
}

/// A reply that cannot be used is asked for this often.
const ASKS: usize = 3;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_supervisor(seed: u64, replies in prop::collection::vec(any_reply(), 1..12)) {
        ends(seed, &replies, 6 * ASKS + 5 * 4, |scene| async move {
            let order = Supervision { task: Value::Null, roster: roster(), turns_max: 6, width: 2 };
            supervisor(order, |question| scene.ask("chief", question), |worker, input| scene.ask(worker, input)).await
        })?;
    }

    #[test]
    fn a_handoff(seed: u64, replies in prop::collection::vec(any_reply(), 1..12)) {
        ends(seed, &replies, 8 * ASKS, |scene| {
            let first = "a".to_owned();
            let order = Handoffs {
                task: Value::Null, first, roster: roster(), routes: None, knows: Map::new(), handoffs_max: 7, bounces_max: 2,
            };
            handoff(order, move |worker, input| scene.ask(worker, input))
        })?;
    }

    #[test]
    fn a_crew(seed: u64, replies in prop::collection::vec(any_reply(), 1..12)) {
        ends(seed, &replies, 3 * (ASKS + 3 * (1 + ASKS)), |scene| async move {
            let role = |name: &str| Role { name: name.into(), goal: "g".into(), description: "d".into() };
            let task = |name: &str| Task { name: name.into(), what: Value::Null, role: None, needs: Vec::new() };
            let tasks = ["x", "y", "z"].map(task).to_vec();
            let crew = Crew { goal: Value::Null, roles: vec![role("a"), role("b")], tasks };
            let lead = |question| scene.ask("lead", question);
            hierarchical(crew, 2, lead, |worker, input| scene.ask(worker, input)).await
        })?;
    }

    #[test]
    fn a_conversation(seed: u64, replies in prop::collection::vec(any_reply(), 1..12)) {
        ends(seed, &replies, 7 * (ASKS + 1), |scene| async move {
            let topic = Value::Null;
            let order = Conversation { topic, speakers: roster(), turns_max: 7, window: 2, turns_are_enough: false };
            let is_over = |_: &[Said]| Ok(false);
            moderated(order, |view| scene.ask("mo", view), |who, input| scene.ask(who, input), is_over).await
        })?;
    }

    #[test]
    fn a_competition(seed: u64, replies in prop::collection::vec(any_reply(), 1..12)) {
        ends(seed, &replies, 3 + ASKS, |scene| async move {
            let judge = |question| scene.ask("judge", question);
            compete::judged(Value::Null, roster(), |who| scene.ask(who, Value::Null), judge).await
        })?;
    }

    #[test]
    fn a_plan(seed: u64, replies in prop::collection::vec(any_reply(), 1..12), facts: bool) {
        ends(seed, &replies, 6 * ASKS + 10 + 17, |scene| async move {
            let order = Planning { goal: Value::Null, workers: roster(), rounds_max: 6, tasks_max: 10, width: 2 };
            let asked = scene.clone();
            let look = || {
                let asked = facts.then(|| asked.ask("facts", Value::Null));
                async move {
                    match asked {
                        // What cannot be known is as good as unknown.
                        Some(asked) => Ok(asked.await.unwrap_or_default()),
                        None => Ok(Value::Null),
                    }
                }
            };
            plan(order, |question| scene.ask("planner", question), |who, input| scene.ask(who, input), look).await
        })?;
    }
}
