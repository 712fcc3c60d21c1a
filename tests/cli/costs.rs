// SPDX-License-Identifier: MIT OR Apache-2.0
//! What models have cost: `costs`.

use serde_json::json;

use crate::models::{PROJECT, project};
use crate::stage::Home;

#[test]
fn costs_are_summed_over_runs() {
    let home = Home::new();
    project(&home, PROJECT);
    home.run(&["costs"]).exits(0).prints("").tells(&["no model was paid"]);
    for _ in 0..3 {
        home.run(&["run", "--question", "Why is the sky blue?"]).exits(0);
    }
    home.run(&["run", "--ephemeral", "--question", "Why is the sky blue?"]).exits(0);
    let by = |what: &str| home.run(&["costs", "--by", what, "--json"]).exits(0).json();
    let models = by("model");
    let fast = models["sums"].as_array().unwrap().iter().find(|sum| sum["of"] == "fast").unwrap();
    assert_eq!((&fast["requests"], &fast["microusd"]), (&json!(4), &json!(6_000)), "an ephemeral run is paid too");
    assert_eq!(fast["usage"]["input"], 4_000);
    assert_eq!(by("run")["sums"].as_array().unwrap().len(), 4);
    assert_eq!(home.run(&["runs", "list"]).exits(0).out.matches("run_").count(), 3, "it is kept nowhere");
    assert_eq!(by("program")["sums"][0]["of"], "workflow answer");
    assert_eq!(by("day")["sums"].as_array().unwrap().len(), 1);
    assert_eq!(by("day")["total"]["microusd"], 6_000);

    let text = home.run(&["costs", "--by", "model"]).exits(0).out;
    let line =
        |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}")).to_owned();
    assert!(line("fast").ends_with("0.006") && line("total").ends_with("0.006"), "{text}");
    home.run(&["costs", "--since", "2999-01-01"]).exits(0).prints("").tells(&["no model was paid"]);
    home.run(&["costs", "--by", "week"]).exits(2).tells(&["day, model, program or run is expected"]);
}

#[test]
fn the_quota_of_the_day_holds_where_no_run_is_kept() {
    let home = Home::new();
    project(&home, &format!("{PROJECT}[quota]\nmoney = \"0.05\"\n"));
    let ephemeral = ["run", "--ephemeral", "--question", "Why is the sky blue?"];
    let spent = || home.run(&["costs", "--json"]).exits(0).json()["total"]["microusd"].clone();
    home.run(&ephemeral).exits(0);
    assert_eq!(spent(), 1_500);
    home.run(&["models", "test", "fast"]).exits(0);
    assert_eq!(spent(), 1_560, "a test is paid as well");
    let programs = home.run(&["costs", "--by", "program", "--json"]).exits(0).json();
    assert!(programs["sums"].as_array().unwrap().iter().any(|sum| sum["of"] == "priory models test"), "{programs}");

    // Another process has the folder: nobody knows what it spends meanwhile.
    let data = home.data();
    let held = std::fs::File::open(data.join("lock")).unwrap();
    held.lock().unwrap();
    home.run(&ephemeral).exits(8).tells(&["no model was asked", "in use by another process", "PRIORY_DATA_DIR"]);
    home.run(&["models", "test", "fast"]).exits(8).tells(&["no model was asked"]);
    project(&home, PROJECT);
    home.run(&ephemeral).exits(0).tells(&["what models cost is not noted for `priory costs`"]);
    drop(held);
    assert_eq!(spent(), 1_560);

    project(&home, &format!("{PROJECT}[quota]\nmoney = \"0.0015\"\n"));
    home.run(&ephemeral).exits(5).tells(&["the quota of the day"]);
    home.run(&["models", "test", "fast"]).exits(5).tells(&["nothing is left of the quota"]);
    assert_eq!(spent(), 1_560);
}
