// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent on a stage.

use priory_sdk::stage::{Stage, fits};
use serde_json::json;

use super::*;

fn nothing(_: &str) -> Result<Option<String>, Failure> {
    Ok(None)
}

fn task(input: Value) -> Task<Value> {
    Task { name: "judge".into(), input, feedback: None }
}

fn two() -> Value {
    json!({
        "task": "Count the bees.", "criteria": ["true"],
        "candidates": [{ "name": "ada", "output": "Forty." }, { "name": "bob", "output": "Many." }],
    })
}

/// A verdict: a score for each letter, by one criterion.
fn verdict(criterion: &str, scores: &[(&str, f64)]) -> Completion {
    let one = |(letter, score): &(&str, f64)| json!({ "candidate": letter, "reason": format!("why {letter}"), "scores": { criterion: score } });
    fits(&json!({ "verdicts": scores.iter().map(one).collect::<Vec<_>>() }).to_string())
}

#[test]
fn both_orders_are_asked_without_names() {
    // The second time the letters stand for the others.
    let stage = Stage::new([verdict("true", &[("A", 8.0), ("B", 5.0)]), verdict("true", &[("A", 4.0), ("B", 9.0)])]);
    let report = judge(&stage, &nothing, task(two())).unwrap();
    assert_eq!(
        report.output,
        json!({
            "winner": "ada", "why": "why A", "agreed": true, "margin": 4.0,
            "scores": { "ada": { "true": 8.5, "total": 8.5 }, "bob": { "true": 4.5, "total": 4.5 } },
            "reasons": { "ada": "why A", "bob": "why B" },
        })
    );
    assert_eq!(report.summary.as_deref(), Some("The best is ada, by 4.0."));
    let asked = stage.asked();
    let words: Vec<String> = asked.iter().map(|request| request.messages[1].words()).collect();
    assert!(words.iter().all(|words| !words.contains("ada") && words.contains("Count the bees.")));
    assert!(words[0].find("Forty.") < words[0].find("Many.") && words[1].find("Forty.") > words[1].find("Many."));
}

#[test]
fn a_judge_who_prefers_the_first_place_is_found_out() {
    let first = || verdict("true", &[("A", 9.0), ("B", 6.0)]);
    let stage = Stage::new([first(), first()]);
    let report = judge(&stage, &nothing, task(two())).unwrap();
    assert_eq!((&report.output["agreed"], &report.output["margin"]), (&json!(false), &json!(0.0)));
    // Of equals the first of the input wins, as good as any.
    assert_eq!(report.output["winner"], "ada");
    assert!(report.summary.unwrap().contains("the two orders disagree"));
}

#[test]
fn weights_decide_and_candidates_need_no_names() {
    let both = |a: [f64; 2], b: [f64; 2]| {
        let one =
            |letter: &str, [x, y]: [f64; 2]| json!({ "candidate": letter, "reason": "", "scores": { "x": x, "y": y } });
        fits(&json!({ "verdicts": [one("A", a), one("B", b)] }).to_string())
    };
    let stage = Stage::new([both([10.0, 0.0], [0.0, 8.0]), both([0.0, 8.0], [10.0, 0.0])]);
    let criteria = json!([{ "name": "x", "weight": 1 }, { "name": "y", "weight": 3, "description": "what counts" }]);
    let input = json!({ "candidates": ["one", { "n": 2 }], "criteria": criteria });
    let output = judge(&stage, &nothing, task(input)).unwrap().output;
    assert_eq!((&output["winner"], &output["scores"]["2"]["total"]), (&json!("2"), &json!(6.0)));
    assert!(stage.asked()[0].messages[1].words().contains("- `y`: what counts"));
}

#[test]
fn one_alone_is_judged_once() {
    let stage = Stage::new([verdict("true", &[("A", 3.0)])]);
    let input = json!({ "candidates": { "draft": "x" }, "criteria": ["true"] });
    let output = judge(&stage, &nothing, task(input)).unwrap().output;
    assert_eq!(
        (&output["winner"], &output["scores"]["draft"]["total"], stage.asked().len()),
        (&json!("draft"), &json!(3.0), 1)
    );
}

#[test]
fn a_verdict_that_cannot_be_read_goes_back_with_the_reason() {
    for (wrong, reason) in [
        (verdict("true", &[("A", 8.0)]), "there is no verdict on candidate B"),
        (verdict("true", &[("A", 8.0), ("A", 8.0)]), "two verdicts on candidate A"),
        (verdict("true", &[("A", 8.0), ("C", 8.0)]), "no candidate `C`"),
        (verdict("true", &[("A", 11.0), ("B", 8.0)]), "not from 0 to 10"),
        (verdict("other", &[("A", 1.0), ("B", 8.0)]), "no score for `true`"),
    ] {
        let right = || verdict("true", &[("A", 8.0), ("B", 5.0)]);
        let stage = Stage::new([wrong, right(), right()]);
        judge(&stage, &nothing, task(two())).unwrap();
        let asked = stage.asked();
        assert_eq!(asked.len(), 3);
        let feedback = asked[2].messages.last().unwrap().words();
        assert!(feedback.contains(reason), "{feedback}");
    }
}

#[test]
fn criteria_are_of_the_input_or_of_the_operator_or_the_usual() {
    let names = |input: Value, named: Option<&str>| {
        let case = Case::read(input, config::words(named.map(str::to_owned))).unwrap();
        case.criteria.into_iter().map(|criterion| criterion.name).collect::<Vec<_>>()
    };
    assert_eq!(names(two(), Some("a, b")), ["true"]);
    assert_eq!(names(json!({ "candidates": ["x"] }), Some("a, b")), ["a", "b"]);
    assert_eq!(names(json!({ "candidates": ["x"], "criteria": [] }), None), ["correct", "complete", "clear"]);
}

#[test]
fn what_cannot_be_judged_is_refused() {
    for (input, pointer) in [
        (json!({}), "/candidates"),
        (json!("x"), "/candidates"),
        (json!({ "candidates": [] }), "/candidates"),
        (json!({ "candidates": vec!["x"; 27] }), "/candidates"),
        (json!({ "candidates": [{ "name": "a", "output": 1 }, { "name": "a", "output": 2 }] }), "/candidates"),
        (json!({ "candidates": ["x"], "criteria": "y" }), "/criteria"),
        (json!({ "candidates": ["x"], "criteria": ["a", "a"] }), "/criteria"),
        (json!({ "candidates": ["x"], "criteria": [{ "name": "a", "weight": -1 }] }), "/criteria"),
        (json!({ "candidates": ["x"], "criteria": ["total"] }), "/criteria"),
    ] {
        let failure = Case::read(input.clone(), None).map(|_| ()).unwrap_err().to_string();
        assert!(failure.contains(&format!("is invalid at {pointer}")), "{input}: {failure}");
    }
}
