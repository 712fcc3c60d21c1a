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
    assert_eq!((&fast["requests"], &fast["microusd"]), (&json!(3), &json!(4_500)), "an ephemeral run is noted nowhere");
    assert_eq!(fast["usage"]["input"], 3_000);
    assert_eq!(by("run")["sums"].as_array().unwrap().len(), 3);
    assert_eq!(by("program")["sums"][0]["of"], "workflow answer");
    assert_eq!(by("day")["sums"].as_array().unwrap().len(), 1);
    assert_eq!(by("day")["total"]["microusd"], 4_500);

    let text = home.run(&["costs", "--by", "model"]).exits(0).out;
    let line =
        |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}")).to_owned();
    assert!(line("fast").ends_with("0.0045") && line("total").ends_with("0.0045"), "{text}");
    home.run(&["costs", "--since", "2999-01-01"]).exits(0).prints("").tells(&["no model was paid"]);
    home.run(&["costs", "--by", "week"]).exits(2).tells(&["day, model, program or run is expected"]);
}
