// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent on a stage.

use priory_sdk::model::Completion;
use priory_sdk::stage::{Stage, answered, fits, wants};
use serde_json::json;

use super::*;

fn nothing(_: &str) -> Result<Option<String>, Failure> {
    Ok(None)
}

fn task(input: Value, feedback: Option<&str>) -> Task<Value> {
    Task { name: "react".into(), input, feedback: feedback.map(str::to_owned) }
}

fn files(answers: impl IntoIterator<Item = Completion>) -> Stage {
    Stage::new(answers).tools(&["files.read"], |_| Ok("\"Bees form a cluster.\"".to_owned()))
}

#[test]
fn it_reads_and_answers() {
    let stage = files([wants(&[("1", "files.read", r#"{"path":"a.md"}"#)]), answered("A cluster [a.md].")]);
    let report = work(&stage, nothing, task(json!("How do bees survive the winter?"), None)).unwrap();
    assert_eq!(report.output, json!("A cluster [a.md]."));
    assert_eq!(report.summary.as_deref(), Some("Answered in 2 turns with 1 call."));
    let asked = &stage.asked()[0];
    assert_eq!(asked.messages[0].words(), SYSTEM);
    assert_eq!(asked.messages[1].words(), "How do bees survive the winter?");
}

#[test]
fn it_is_told_what_was_refused_and_what_belongs_to_the_task() {
    let stage = files([answered("ok")]);
    let input = json!({ "input": "Sum it up.", "needs": { "first": "one", "second": "two" } });
    work(&stage, nothing, task(input, Some("too long"))).unwrap();
    let asked = stage.asked();
    let words = asked[0].messages[1].words();
    let parts = [
        "# What belongs to the task\n\n## first\n\none\n\n## second\n\ntwo\n\n# The task\n\nSum it up.",
        "refused\n\ntoo long",
    ];
    assert!(words.starts_with(parts[0]) && words.contains(parts[1]), "{words}");
    assert_eq!(asked[0].messages.len(), 2);
}

#[test]
fn its_answer_fits_the_schema_of_the_input_or_of_the_operator() {
    let schema = json!({ "type": "object" });
    let stage = files([fits("{\"n\":1}")]);
    let input = json!({ "task": "count", "output-schema": schema });
    assert_eq!(work(&stage, nothing, task(input, None)).unwrap().output, json!({ "n": 1 }));
    assert_eq!(stage.asked()[0].output.as_deref(), Some("{\"type\":\"object\"}"));
    let stage = files([fits("[2]")]);
    let get = |key: &str| Ok((key == "output-schema").then(|| "{\"type\":\"array\"}".to_owned()));
    assert_eq!(work(&stage, get, task(json!("count"), None)).unwrap().output, json!([2]));
    let wrong = |key: &str| Ok((key == "output-schema").then(|| "{".to_owned()));
    work(&files([]), wrong, task(json!("count"), None)).unwrap_err();
}

#[test]
fn an_empty_task_is_refused() {
    for input in [json!(""), json!({ "task": " " })] {
        let failure = work(&files([]), nothing, task(input, None)).unwrap_err();
        assert!(failure.to_string().contains("there is nothing to do"), "{failure}");
    }
}

#[test]
fn its_prompt_can_be_replaced() {
    let stage = files([answered("ok")]);
    let get = |key: &str| Ok((key == "prompt.system").then(|| "You are a poet.".to_owned()));
    work(&stage, get, task(json!("bees"), None)).unwrap();
    assert_eq!(stage.asked()[0].messages[0].words(), "You are a poet.");
}

#[test]
fn why_it_had_to_end_is_told() {
    let stage = files([wants(&[("1", "files.read", "{}")]), answered("so far")]);
    let get = |key: &str| Ok((key == "turns-max").then(|| "2".to_owned()));
    let report = work(&stage, get, task(json!("bees"), None)).unwrap();
    assert_eq!(report.summary.as_deref(), Some("Answered in 2 turns with 1 call; its turns were taken."));
}

#[test]
fn a_context_that_is_too_long_can_be_read_on() {
    let stage = files([wants(&[("1", "read_more", "{}")]), answered("ok")]);
    let input = json!({ "task": "sum it up", "context": "word ".repeat(50_000) });
    work(&stage, nothing, task(input, None)).unwrap();
    let asked = stage.asked();
    assert!(asked[0].messages[1].words().contains("the whole is in the artifact blake3:"));
    assert!(asked[0].tools.iter().any(|offer| offer.name() == "read_more"));
}
