// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent on a stage.

use priory_sdk::orchestrate::patterns::Roster;
use priory_sdk::stage::{Stage, fits};

use serde_json::json;

use super::*;

fn nothing(_: &str) -> Result<Option<String>, Failure> {
    Ok(None)
}

fn said(status: &str, next: Value, output: &str) -> String {
    json!({ "status": status, "next": next, "output": output }).to_string()
}

fn asked(turn: u32) -> Value {
    json!({
        "task": "a brief", "roster": [{ "name": "writer", "description": "Writes" }],
        "history": [
            { "worker": "writer", "input": "draft", "output": "A draft." },
            { "worker": "writer", "input": "again", "failure": { "kind": "other", "message": "no ink" } },
        ],
        "turn": turn, "turns-max": 3,
    })
}

#[test]
fn it_is_told_all_that_it_has_to_know() {
    let stage = Stage::new([fits(&said("next", json!([{ "worker": "writer", "input": "mend it" }]), ""))]);
    assert!(step::is_asked(&asked(2)));
    let reply = step::decide(&stage, &nothing, &asked(2)).unwrap();
    assert_eq!(reply, json!({ "next": [{ "worker": "writer", "input": "mend it" }] }));
    assert_eq!(step::told(&reply), "Next: writer.");
    let words = stage.asked()[0].messages[1].words();
    for part in [
        "# The task\n\na brief",
        "- `writer`: Writes",
        "turn 2 of 3",
        "It was given:\n\ndraft\n\nIt gave back:\n\nA draft.",
        "It failed: no ink",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert!(!words.contains("last turn"));
}

#[test]
fn in_its_last_turn_it_is_told_so() {
    let stage = Stage::new([fits(&said("done", json!([]), "[1, 2]"))]);
    let reply = step::decide(&stage, &nothing, &asked(3)).unwrap();
    assert_eq!((&reply, step::told(&reply).as_str()), (&json!({ "done": [1, 2] }), "The task is done."));
    assert!(stage.asked()[0].messages[1].words().contains("It is your last turn"));
}

fn team() -> Supervision {
    Supervision { task: json!("a brief"), roster: Roster::named(["writer", "critic"]).unwrap(), turns_max: 3, width: 2 }
}

#[test]
fn it_leads_until_the_task_is_done() {
    let one = |worker: &str, input: &str| json!([{ "worker": worker, "input": input }]);
    let stage = Stage::new([
        fits(&said("next", one("nobody", "x"), "")),
        fits(&said("next", one("writer", "{\"about\": \"bees\"}"), "")),
        fits(&said("done", json!([]), "the brief")),
    ]);
    let work = |worker: String, input: Value| async move { Ok(json!({ "by": worker, "about": input["about"] })) };
    let report = lead(team(), |asked| step::decide(&stage, &nothing, &asked), work).unwrap();
    assert_eq!((report.output, report.summary.as_deref()), (json!("the brief"), Some("Done after 3 decisions.")));
    let asked = stage.asked();
    // Who names nobody is told who is there.
    assert!(asked[1].messages[1].words().contains("cannot be used: there is no `nobody` to turn to"));
    assert!(
        asked[2].messages[1].words().contains("\"by\":\"writer\"")
            || asked[2].messages[1].words().contains("## by\n\nwriter")
    );
}

#[test]
fn it_decides_a_bounded_number_of_times() {
    let more = || fits(&said("next", json!([{ "worker": "writer", "input": "more" }]), ""));
    let stage = Stage::new((0..99).map(|_| more()));
    let work = |_, _| async { Err(Failure::other("no")) };
    let failure = lead(team(), |asked| step::decide(&stage, &nothing, &asked), work).unwrap_err();
    assert_eq!(failure.data::<Value>().unwrap()["stop"], "turns-spent");
    assert_eq!(stage.asked().len(), 3);
}
