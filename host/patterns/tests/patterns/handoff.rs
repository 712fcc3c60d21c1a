// SPDX-License-Identifier: MIT OR Apache-2.0
//! Agents that hand a task on.

use std::collections::{BTreeMap, BTreeSet};

use priory_patterns::handoff::{Finished, Handoffs, handoff};
use priory_patterns::{Roster, Stop};
use serde_json::{Map, Value, json};

use crate::scene::{Ask, Fail, Played, play};

type Result = std::result::Result<Finished, Fail>;

fn order(handoffs_max: usize, bounces_max: usize) -> Handoffs {
    let roster = Roster::named(["a", "b", "c"]).unwrap();
    let (first, knows) = ("a".to_owned(), Map::from_iter([("k".to_owned(), json!(0))]));
    Handoffs { task: json!("t"), first, roster, routes: None, knows, handoffs_max, bounces_max }
}

/// Each agent hands on as the table says, and finishes where the table has nothing for it.
fn handed(order: Handoffs, table: &[(&str, Value)]) -> Played<Result> {
    let reply = |ask: &Ask| {
        let says = table.iter().find(|(who, _)| *who == ask.who).map(|(_, says)| says.clone());
        Ok(says.unwrap_or_else(|| json!({ "by": ask.who })))
    };
    play(0, reply, |scene| handoff(order, move |who, input| scene.ask(who, input)))
}

fn to(peer: &str) -> Value {
    json!({ "handoff": { "to": peer } })
}

#[test]
fn what_is_known_goes_along() {
    let on = json!({ "handoff": { "to": "b", "task": "u", "knows": { "x": 1 } } });
    let played = handed(order(5, 3), &[("a", on), ("b", to("c"))]);
    let finished = played.result.as_ref().unwrap();
    assert_eq!(finished.output, json!({ "by": "c" }));
    assert_eq!(finished.path, ["a", "b", "c"]);
    assert_eq!(Value::from(finished.knows.clone()), json!({ "k": 0, "x": 1 }));
    let peers = json!([{ "name": "a", "description": "" }, { "name": "b", "description": "" }]);
    assert_eq!(played.of("c"), [&json!({ "task": "u", "from": "b", "knows": { "k": 0, "x": 1 }, "peers": peers })]);
    assert_eq!(played.of("a")[0]["from"], Value::Null);
}

#[test]
fn back_and_forth_is_stopped() {
    let played = handed(order(50, 3), &[("a", to("b")), ("b", to("a"))]);
    let between = ("b".to_owned(), "a".to_owned());
    assert_eq!(played.result, Err(Fail::Stopped(Stop::Bounced { between, times: 3 })));
    assert_eq!(played.asked().len(), 4);
}

#[test]
fn round_and_round_ends_as_well() {
    let played = handed(order(7, 3), &[("a", to("b")), ("b", to("c")), ("c", to("a"))]);
    assert_eq!(played.result, Err(Fail::Stopped(Stop::TurnsSpent { pattern: "the hand-off", most: 7 })));
    assert_eq!(played.asked().len(), 8);
}

#[test]
fn only_along_its_routes() {
    let peers = BTreeSet::from(["b".to_owned()]);
    let order = Handoffs { routes: Some(BTreeMap::from([("a".to_owned(), peers)])), ..order(5, 3) };
    let played = handed(order.clone(), &[("a", to("b"))]);
    assert_eq!(played.result.unwrap().path, ["a", "b"]);
    let played = handed(order, &[("a", to("c"))]);
    let stop = Stop::UnknownWorker { name: "c".into(), roster: vec!["b".into()] };
    assert_eq!(played.result, Err(Fail::Stopped(stop)));
    assert_eq!(played.of("a").len(), 3);
}

#[test]
fn nobody_hands_to_itself_or_says_what_cannot_be_kept() {
    let played = handed(order(5, 3), &[("a", to("a"))]);
    assert!(matches!(played.result, Err(Fail::Stopped(Stop::UnknownWorker { .. }))));
    let played = handed(order(5, 3), &[("a", json!({ "handoff": { "to": "b", "knows": 7 } }))]);
    assert!(matches!(played.result, Err(Fail::Stopped(Stop::Unreadable { .. }))));
    let stranger = Handoffs { first: "z".into(), ..order(5, 3) };
    assert!(matches!(handed(stranger, &[]).result, Err(Fail::Stopped(Stop::UnknownWorker { .. }))));
}
