// SPDX-License-Identifier: MIT OR Apache-2.0
//! A supervisor and its roster.

use std::collections::VecDeque;

use priory_patterns::supervisor::{Supervision, supervisor};
use priory_patterns::{Entry, Roster, Stop};
use serde_json::{Value, json};

use crate::scene::{Ask, Fail, Outcome, Played, own, play};

/// Lets a supervisor reply from a list; `bad` fails, every other worker doubles its input.
fn supervised(turns_max: usize, replies: &[Value]) -> Played<Outcome> {
    let mut replies = VecDeque::from(replies.to_vec());
    let reply = move |ask: &Ask| match &*ask.who {
        "chief" => Ok(replies.pop_front().expect("it is not asked more often")),
        "bad" => Err(own("broken")),
        _ => Ok(json!(ask.input.as_i64().unwrap_or_default() * 2)),
    };
    let roster = Roster::new([Entry::new("good", "doubles"), Entry::new("bad", "breaks")]).unwrap();
    let order = Supervision { task: json!("do it"), roster, turns_max, width: 2 };
    play(3, reply, |scene| async move {
        supervisor(order, |question| scene.ask("chief", question), |worker, input| scene.ask(worker, input)).await
    })
}

#[test]
fn it_sees_what_was_done_and_ends_when_it_says_so() {
    let replies = [
        json!({ "next": "good", "input": 4 }),
        json!({ "next": [{ "worker": "bad" }, { "worker": "good", "input": 1 }] }),
        json!("```json\n{\"done\": [1]}\n```"),
    ];
    let played = supervised(5, &replies);
    assert_eq!(played.result, Ok(json!([1])));
    let failure = json!({ "kind": "own", "message": "broken" });
    let expected = json!({
        "task": "do it",
        "roster": [{ "name": "good", "description": "doubles" }, { "name": "bad", "description": "breaks" }],
        "history": [
            { "worker": "good", "input": 4, "output": 8 },
            { "worker": "bad", "input": null, "failure": failure },
            { "worker": "good", "input": 1, "output": 2 },
        ],
        "turn": 3,
        "turns-max": 5,
    });
    assert_eq!(played.of("chief")[2], &expected);
}

#[test]
fn the_last_turn_can_only_be_done() {
    let next = json!({ "next": "good", "input": 1 });
    let played = supervised(2, &[next.clone(), next.clone()]);
    assert_eq!(played.result, Err(Fail::Stopped(Stop::TurnsSpent { pattern: "the supervisor", most: 2 })));
    assert_eq!(played.of("good").len(), 1);
    assert_eq!(supervised(2, &[next, json!({ "done": null })]).result, Ok(Value::Null));
}

#[test]
fn what_it_cannot_mean_is_told_to_it_and_ends_it_in_the_end() {
    let played = supervised(5, &[json!({ "next": "nobody" }), json!({ "done": 1 })]);
    assert_eq!(played.result, Ok(json!(1)));
    assert_eq!(played.of("chief")[1]["feedback"], "there is no `nobody` to turn to; name one of: good, bad");
    assert_eq!(played.of("chief")[1]["turn"], 1);
    let played = supervised(5, &vec![json!(7); 3]);
    assert!(matches!(played.result, Err(Fail::Stopped(Stop::Unreadable { .. }))), "{:?}", played.result);
    let played = supervised(5, &vec![json!({ "next": "x" }); 3]);
    assert!(matches!(played.result, Err(Fail::Stopped(Stop::UnknownWorker { .. }))), "{:?}", played.result);
}
