// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workflows from the command line: `run`, `check`, `graph` and `explain`.

use serde_json::json;

use crate::stage::{Home, guest, path, root};

/// A workflow over the tool `tool.add`.
const SUMS: &str = r#"
[workflows.sums]
description = "Adds up"
result = "{'sums': sums, 'all': total}"
limits = { repeats = 3 }

[workflows.sums.nodes]
sums.map = { over = "[1, 2, 3]", do = "twice" }
twice = { tool = "tool.add", with = { a = "item", b = "item" } }
first = { tool = "tool.add", with = { a = "sums[0]", b = "sums[1]" } }
total = { tool = "tool.add", with = { a = "first", b = "sums[2]" } }
"#;

/// Writes a manifest around the workflow.
fn project(home: &Home, workflow: &str) {
    let head = format!("name = \"x\"\n[plugins.tool]\npath = {:?}\n", guest("good"));
    home.write("priory.toml", head + workflow);
}

#[test]
fn a_workflow_runs_as_an_agent_does() {
    let home = Home::new();
    project(&home, SUMS);
    let ended = home.run(&["run"]).exits(0);
    assert_eq!(ended.json(), json!({ "sums": [2, 4, 6], "all": 12 }));
    assert!(ended.err.starts_with("6 frames"), "{}", ended.err);
    let shown = home.run(&["runs", "show", "@last"]).exits(0).out;
    assert!(shown.contains("twice: tool tool.add"), "{shown}");
    home.run(&["runs", "replay", "@last"]).exits(0);
}

#[test]
fn check_compares_nodes_with_what_the_plugins_have() {
    let home = Home::new();
    project(&home, SUMS);
    home.run(&["check"]).exits(0).prints("priory.toml is valid: 1 plugin, 0 agents, 1 workflow.\n").tells_only("");
    project(&home, &SUMS.replace("a = \"first\", b", "a = \"first\", c").replace("'all': total", "'all': totl"));
    let ended = home.run(&["check"]).exits(3).prints("");
    ended.tells(&["priory.toml:7:33: `totl` is not there", "did you mean `total`?"]);
    project(
        &home,
        &SUMS
            .replace("a = \"first\", b", "a = \"first\", c")
            .replace("first = { tool = \"tool.add\"", "first = { tool = \"tool.ad\""),
    );
    let ended = home.run(&["check"]).exits(3).prints("");
    ended.tells(&[
        "priory.toml:13:18: plugin `tool` has no tool `ad`",
        "did you mean `add`?",
        "`tool.add` needs `b`, which is not given",
        "`tool.add` takes no `c`",
    ]);
}

#[test]
fn graph_draws_a_workflow() {
    let home = Home::new();
    project(&home, SUMS);
    let drawn = home.run(&["graph"]).exits(0).tells_only("").out;
    let expected = "\
---
title: \"sums\"
---
flowchart TD
  n0[[\"first<br/>tool tool.add\"]]
  subgraph n1[\"sums<br/>map over [1, 2, 3]\"]
    n2[[\"twice<br/>tool tool.add\"]]
  end
  n3[[\"total<br/>tool tool.add\"]]
  n0 --> n3
  n1 --> n0
  n1 --> n3
";
    assert_eq!(drawn, expected);
    let dot = home.run(&["graph", "--format", "dot"]).exits(0).out;
    assert!(dot.starts_with("digraph"), "{dot}");
    home.run(&["graph", "--format", "svg", "--output", "sums.svg"]).exits(0).prints("").tells_only("");
    let picture = std::fs::read_to_string(home.path().join("sums.svg")).unwrap();
    assert!(picture.starts_with("<svg") && !picture.contains("<script"), "{picture}");
    let (folder, elsewhere) = (path(&home.path()), Home::new());
    assert_eq!(elsewhere.run(&["graph", &folder]).exits(0).out, drawn);
    assert_eq!(elsewhere.run(&["graph", &folder, "sums"]).exits(0).out, drawn);
    assert_eq!(home.run(&["graph", "sums"]).exits(0).out, drawn);
    home.run(&["graph", "sum"]).exits(6).tells(&["has no workflow `sum`", "did you mean `sums`?"]);
}

#[test]
fn nobody_answers_in_time() {
    let home = Home::new();
    let node = "human = { kind = \"approve\", text = \"Go?\", expires-ms = 1 }";
    project(&home, &format!("[workflows.w.nodes.asked]\n{node}\n"));
    let ended = home.run(&["run"]).exits(124).prints("");
    let ended = ended.tells(&[
        "nobody answered within 1 ms\n",
        "hint: raise `expires-ms`, or say what happens then with `on-expiry`",
    ]);
    assert!(!ended.err.contains("time-ms"), "{}", ended.err);
}

#[test]
fn only_check_tells_what_a_run_does_not_start_with() {
    let home = Home::new();
    let more = ["a", "b", "c"].map(|name| format!("[workflows.{name}.nodes.x]\nvalue = \"1\"\n")).concat();
    project(&home, &format!("{SUMS}{more}"));
    let several = "there are 4 workflows, and `entry` does not say which one a run starts";
    home.run(&["check"]).exits(0).tells(&[several]);
    home.run(&["run"]).exits(2).prints("").tells(&["nothing says what is run", "a, b, c, sums"]);
    assert!(!home.run(&["run", "--agent", "sums"]).exits(0).err.contains(several));
    let head = format!("name = \"x\"\nentry = \"sums\"\n[plugins.tool]\npath = {:?}\n", guest("good"));
    home.write("priory.toml", format!("{head}{SUMS}{more}"));
    let folded = "out of reach of `sums`, which a run starts with, are `a`, `b`, `c`";
    home.run(&["check"]).exits(0).tells(&[folded]);
    assert!(!home.run(&["run"]).exits(0).err.contains("out of reach"));
}

#[test]
fn explain_tells_what_a_workflow_may_do() {
    let home = Home::new();
    project(&home, SUMS);
    let explained = home.run(&["explain", "sums", "--json"]).exits(0).json();
    assert_eq!((&explained["kind"], &explained["plugin"]), (&json!("workflow"), &json!(null)));
    assert_eq!(explained["nodes"][3], "twice: tool tool.add");
    assert_eq!(explained["grants"], json!(["tool=tool.add", "log", "artifact=write"]));
    let text = home.run(&["explain", "sums"]).exits(0).out;
    assert!(text.contains("workflow sums\n") && text.contains("is made of\n"), "{text}");
    assert!(text.contains("[workflows.sums.limits]"), "{text}");
    let elsewhere = Home::new();
    assert_eq!(elsewhere.run(&["explain", &path(&home.path())]).exits(0).out, text);
    let plugin = elsewhere.run(&["explain", &path(&home.path().join("priory.toml")), "tool"]).exits(0).out;
    assert!(plugin.starts_with("plugin tool\n"), "{plugin}");
    home.run(&["inspect", "sums"]).exits(6).tells(&["`sums` is a workflow: see `priory explain sums`"]);
}

#[test]
fn the_example_says_what_documents_are_about() {
    let home = Home::of_plugins();
    let folder = root().join("examples/digest");
    home.run_in(&folder, &["check", "--no-build"]).exits(0);
    let digest = home.run_in(&folder, &["run", "--no-build"]).exits(0).json();
    assert_eq!(digest["documents"], 10, "{digest}");
    let about = digest["about"].as_array().unwrap();
    assert!(about.iter().all(|one| !one["gist"].as_str().unwrap().is_empty()), "{digest}");
    assert!(about.iter().any(|one| one["words"].to_string().contains("queen")), "{digest}");
}
