// SPDX-License-Identifier: MIT OR Apache-2.0
//! The agent on a stage.

use std::cell::RefCell;

use priory_sdk::orchestrate::patterns::Roster;
use priory_sdk::stage::{Stage, answered, fits};

use super::*;

fn nothing(_: &str) -> Result<Option<String>, Failure> {
    Ok(None)
}

fn asked() -> Value {
    json!({
        "goal": "a brief about bees", "workers": [{ "name": "reader", "description": "Reads documents" }],
        "done": [{ "id": "winter", "worker": "reader", "output": "They form a cluster." }],
        "running": [{ "id": "summer", "worker": "reader" }],
        "failed": [{ "id": "spring", "worker": "reader", "message": "no such file" }],
        "facts": { "season": "autumn" }, "changed": ["season"], "round": 2,
    })
}

fn said(status: &str, tasks: Value, output: &str) -> String {
    json!({ "status": status, "tasks": tasks, "output": output }).to_string()
}

#[test]
fn it_is_told_all_that_it_has_to_know() {
    let tasks = json!([{ "id": "autumn", "worker": "reader", "input": "{\"path\":\"a.md\"}", "needs": ["winter"] }]);
    let stage = Stage::new([fits(&said("plan", tasks, ""))]);
    assert!(step::is_asked(&asked()));
    let reply = step::plan(&stage, &nothing, &asked()).unwrap();
    let task = json!({ "id": "autumn", "worker": "reader", "input": { "path": "a.md" }, "needs": ["winter"] });
    assert_eq!(reply, json!({ "tasks": [task] }));
    assert_eq!(step::told(&reply), "Planned 1 tasks: autumn.");
    let request = &stage.asked()[0];
    let words = request.messages[1].words();
    for part in [
        "# The goal\n\na brief about bees",
        "- `reader`: Reads documents",
        "plan number 2",
        "season",
        "changed since the last plan: season",
        "- `spring` by `reader`: no such file",
        "# Running\n\n`summer`",
        "## `winter` by `reader`\n\nThey form a cluster.",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert_eq!(request.purpose.as_deref(), Some("plan"));
    assert!(request.output.is_some());
}

#[test]
fn it_says_when_it_is_done() {
    let stage = Stage::new([fits(&said("done", json!([]), "{\"brief\":\"b.md\"}"))]);
    let reply = step::plan(&stage, &nothing, &asked()).unwrap();
    assert_eq!(reply, json!({ "done": { "brief": "b.md" } }));
    assert_eq!(step::told(&reply), "The goal is achieved.");
}

#[test]
fn what_was_wrong_with_its_plan_is_told() {
    let mut asked = asked();
    asked["feedback"] = json!("there is no `writer` to turn to");
    let stage = Stage::new([fits(&said("done", json!([]), "x"))]);
    step::plan(&stage, &nothing, &asked).unwrap();
    assert!(stage.asked()[0].messages[1].words().contains("cannot be used: there is no `writer` to turn to"));
    // An answer that is no plan goes back by itself.
    let stage = Stage::new([answered("well"), fits(&said("done", json!([]), "x"))]);
    step::plan(&stage, &nothing, &asked).unwrap();
    assert_eq!(stage.asked().len(), 2);
}

#[test]
fn long_outputs_share_the_room() {
    let mut asked = asked();
    let done = |id: u32| json!({ "id": format!("t{id}"), "worker": "reader", "output": "word ".repeat(20_000) });
    asked["done"] = (0..10).map(done).collect();
    let stage = Stage::new([fits(&said("done", json!([]), "x"))]);
    step::plan(&stage, &nothing, &asked).unwrap();
    let words = stage.asked()[0].messages[1].words();
    assert_eq!(words.matches("of 100000 bytes are shown; the whole is in the artifact").count(), 10, "{}", words.len());
}

fn planning(goal: Value) -> Planning {
    Planning { goal, workers: Roster::named(["reader", "writer"]).unwrap(), rounds_max: 4, tasks_max: 9, width: 2 }
}

#[test]
fn it_has_its_plan_carried_out_and_plans_again_when_a_task_fails() {
    let task =
        |id: &str, worker: &str, needs: Value| json!({ "id": id, "worker": worker, "input": id, "needs": needs });
    let stage = Stage::new([
        fits(&said("plan", json!([task("a", "reader", json!([])), task("b", "writer", json!(["a"]))]), "")),
        fits(&said("plan", json!([task("c", "reader", json!([])), task("d", "writer", json!(["c"]))]), "")),
        fits(&said("done", json!([]), "brief")),
    ]);
    let worked = RefCell::new(Vec::new());
    let report = pursue(
        planning(json!("a brief")),
        |asked| step::plan(&stage, &nothing, &asked),
        |worker, order| {
            worked.borrow_mut().push((worker, order["needs"].clone()));
            async move {
                if order["input"] == "a" { Err(Failure::other("no such file")) } else { Ok(order["input"].clone()) }
            }
        },
    )
    .unwrap();
    assert_eq!(report.output, json!({ "output": "brief", "tasks": { "c": "c", "d": "d" } }));
    assert_eq!(
        worked.into_inner(),
        [("reader".into(), json!({})), ("reader".into(), json!({})), ("writer".into(), json!({ "c": "c" }))]
    );
    assert!(stage.asked()[1].messages[1].words().contains("- `a` by `reader`: no such file"));
}

#[test]
fn it_plans_a_bounded_number_of_times() {
    let plan = |id: u32| {
        fits(&said("plan", json!([{ "id": id.to_string(), "worker": "reader", "input": "x", "needs": [] }]), ""))
    };
    let stage = Stage::new((0..99).map(plan));
    let fails = |_, _| async { Err(Failure::other("no")) };
    let failure = pursue(planning(json!("x")), |asked| step::plan(&stage, &nothing, &asked), fails).unwrap_err();
    assert_eq!(failure.data::<Value>().unwrap()["stop"], "turns-spent");
    assert_eq!(stage.asked().len(), 4);
}
