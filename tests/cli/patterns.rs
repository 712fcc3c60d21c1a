// SPDX-License-Identifier: MIT OR Apache-2.0
//! The examples for the patterns: each comes to what it says, and to the same when it is executed again.

use serde_json::{Value, json};

use crate::stage::{Home, root};

/// A sentence of the text that most of them work on.
const STORES: &str = "A colony needs about twenty kilograms of honey to live through a cold winter.";
/// Another one.
const MIDDLE: &str = "Bees keep the middle of the hive warm in winter.";

/// Runs the example of a pattern, and executes its run again.
#[track_caller]
fn check(pattern: &str, expect: Value) {
    let home = Home::of_example("patterns/plan");
    let folder = root().join("examples/patterns").join(pattern);
    assert_eq!(home.run_in(&folder, &["run", "--no-build"]).exits(0).json(), expect, "{pattern}");
    home.run(&["runs", "replay", "@last"]).exits(0);
}

#[test]
fn those_that_are_decided_by_expressions() {
    check("sequence", json!(["winter", "bees", "cold"]));
    check("parallel", json!({ "best": STORES, "topics": ["bees", "colony", "winter"], "likeness": "invalid" }));
    check("map", json!(["bees", "flight", "fuel", "cold", "bees", "colony"]));
    check("route", json!([{ "first-line": 1, "last-line": 1, "score": 1.0, "text": STORES }]));
    check("loop", json!(format!("{MIDDLE} {STORES}")));
}

#[test]
fn those_in_which_an_agent_says_who_is_next() {
    check("supervisor", json!({ "summary": [MIDDLE, STORES], "topics": ["bees", "colony", "winter"] }));
    let answer = "We have looked at your invoice; it is put right within three days.";
    check("handoff", json!({ "answer": answer, "path": ["reception", "billing"] }));
    check("crew", json!("It is about bees, colony, winter, clean."));
    check("conversation", json!({ "offers": 7, "price": 80 }));
}

#[test]
fn those_in_which_several_do_the_same() {
    check("compete", json!({ "winner": "two", "scores": { "one": -73.0, "two": -24.0, "three": -28.0 } }));
    check("vote", json!("a"));
}

#[test]
fn a_plan_goes_on_without_what_is_not_there() {
    let expect = json!({
        "queen.md": ["queen", "years", "lays"],
        "spring.md": ["first inspections", "three", "combs"],
        "stings.txt": ["stings", "breathing", "venom"],
    });
    check("plan", expect);
}
