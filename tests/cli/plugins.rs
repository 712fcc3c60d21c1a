// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verbs that say something about plugins: `inspect`, `check`, `explain` and `fit`.

use serde_json::json;

use crate::stage::{Home, guest, path};
use crate::values::MIRROR;

#[test]
fn inspect_tells_what_is_in_a_component() {
    let home = Home::new();
    let mirror = path(&home.write("mirror.wat", MIRROR));
    let info = home.run(&["inspect", &mirror, "--json"]).exits(0).tells_only("").json();
    assert_eq!(info["name"], "mirror");
    assert_eq!((&info["is_agent"], &info["imports"], &info["ceiling"]), (&json!(false), &json!([]), &json!(null)));
    assert!(info["digest"].as_str().unwrap().starts_with("blake3:"), "{info}");
    let function = &info["functions"][0];
    assert_eq!((&function["name"], info["functions"].as_array().unwrap().len()), (&json!("mirror"), 1));
    assert_eq!(function["input_schema"]["required"], json!(["pair", "shape"]));
    let big = &function["input_schema"]["properties"]["pair"]["properties"]["big"];
    assert_eq!((&big["type"], &big["maximum"]), (&json!("integer"), &json!(u64::MAX)));
    let schemas = home.run(&["inspect", &mirror, "--schema", "mirror"]).exits(0).json();
    assert_eq!(schemas["input"], function["input_schema"]);
    assert_eq!(schemas["output"], function["output_schema"]);
    let text = home.run(&["inspect", &mirror]).exits(0).tells_only("").out;
    assert!(text.starts_with("mirror  tools, "), "{text}");
    assert!(text.contains("record { big: u64, on: bool }") && text.contains("variant { empty, side(u32) }"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours where there is no terminal: {text}");
}

#[test]
fn inspect_tells_what_an_author_wrote() {
    let home = Home::of_plugins();
    let example = crate::stage::root().join("examples/brief");
    let text = home.run_in(&example, &["inspect", "files", "--no-build"]).exits(0).tells_only("").out;
    assert!(text.contains("priory:files/files@0.1.0"), "{text}");
    assert!(text.contains("/// Finds the passages of text files that fit a query best"), "{text}");
    let editor = home.run_in(&example, &["inspect", "editor", "--no-build", "--json"]).exits(0).json();
    assert_eq!((&editor["is_agent"], &editor["functions"]), (&json!(true), &json!([])));
}

#[test]
fn check_finds_every_problem_before_anything_runs() {
    let home = Home::new();
    let good = guest("good");
    home.write("priory.toml", format!("name = \"x\"\n[plugins.tool]\npath = {good:?}\n"));
    home.run(&["check"]).exits(0).prints("priory.toml is valid: 1 plugin, 0 agents.\n");
    home.write("junk.wasm", "junk");
    home.write("junk-too.wasm", "junk");
    let two = "[plugins.a]\npath = \"junk.wasm\"\n[plugins.b]\npath = \"junk-too.wasm\"\n";
    home.write("priory.toml", format!("name = \"x\"\n[plugins.tool]\npath = {good:?}\n{two}"));
    let ended = home.run(&["check"]).exits(3).prints("");
    ended.tells(&["priory.toml has 2 problems", "`a` is not a WebAssembly component", "`b` is not"]);
    home.write("priory.toml", "name = \"x\"\n[plugins.tool]\npath = \"nowhere.wasm\"\n");
    let ended = home.run(&["check"]).prints("");
    assert!(matches!(ended.code, Some(3 | 6)), "{ended:#?}");
    ended.tells(&["nowhere.wasm"]);
}

#[test]
fn check_compares_a_plugin_with_its_next_version() {
    let home = Home::new();
    let old = path(&home.write("old.wasm", wat::parse_str(MIRROR).unwrap()));
    let wider = MIRROR.replace("(field \"on\" bool)", "(field \"on\" u8)");
    let new = path(&home.write("new.wasm", wat::parse_str(wider).unwrap()));
    home.run(&["check", "--against", &old, &old]).exits(0).prints("It is the same component.\n").tells_only("");
    let ended = home.run(&["check", "--against", &old, &new]).exits(3).tells(&["1 change would break callers"]);
    assert!(ended.out.starts_with("changed function: mirror\n  was mirror: func("), "{}", ended.out);
    let ended = home.run(&["check", "--against", &old, &guest("good")]).exits(3);
    ended.prints("added function: add\nremoved function: mirror\n");
    home.run(&["check", "--against", "nowhere.wasm", &new]).exits(6).tells(&["nowhere.wasm is not a file"]);
}

#[test]
fn explain_tells_where_each_limit_comes_from() {
    let home = Home::new();
    let text = format!(
        "name = \"x\"\n[limits]\nfuel = 5_000\n[plugins.tool]\npath = {:?}\ngrants = {{ log = true }}\n\
         breaker = {{ failures = 3 }}\nrate = {{ concurrency = 2 }}\n\
         [plugins.tool.limits]\nmemory-bytes = 131_072\n",
        guest("good")
    );
    home.write("priory.toml", text);
    let explained = home.run(&["explain", "tool", "--json"]).exits(0).json();
    assert_eq!((&explained["kind"], &explained["grants"]), (&json!("plugin"), &json!(["log"])));
    let limit = |name: &str| {
        let found = explained["limits"].as_array().unwrap().iter().find(|limit| limit["limit"] == name);
        let found = found.unwrap_or_else(|| panic!("no `{name}` in {explained}"));
        (found["value"].as_u64().unwrap(), found["from"].as_str().unwrap().to_owned())
    };
    assert_eq!(limit("fuel"), (5_000, "[limits]".to_owned()));
    assert_eq!(limit("memory-bytes"), (131_072, "[plugins.tool.limits]".to_owned()));
    assert_eq!(limit("time-ms"), (30_000, "default".to_owned()));
    assert_eq!((&explained["breaker"]["failures"], &explained["breaker"]["open-ms"]), (&json!(3), &json!(30_000)));
    assert_eq!(explained["rate"], json!({ "concurrency": 2, "wait-ms-max": 0 }));
    let text = home.run(&["explain", "tool"]).exits(0).tells_only("").out;
    assert!(text.starts_with("plugin tool\n\nmay\n  log\n"), "{text}");
    let held = "has each of its tools held back\n  breaker: opens for 30000 ms after 3 failures in a row (unavailable, \
                timeout, trap, limit); then tried by 1 call\n  rate: 2 go on at once; a call without a turn fails at once\n";
    assert!(text.contains(held), "{text}");
}

#[test]
fn fit_proposes_limits_that_hold() {
    let home = Home::new();
    let work = guest("work");
    home.write("samples.jsonl", "{\"steps\": 100}\n\n{\"steps\": 2000}\n");
    let ended = home.run(&["fit", &work, "run", "--samples", "samples.jsonl"]).exits(0).tells_only("");
    let (_, block) = ended.out.split_once("\n\n").unwrap();
    assert!(block.starts_with("# 2 times the most of 2 samples\n[plugins.work.limits]\n"), "{block}");
    let parsed: toml::Table = block.parse().unwrap();
    let limits = &parsed["plugins"]["work"]["limits"];
    let limit = |name: &str| limits[name].as_integer().unwrap();
    assert!(limit("fuel") > 2_000 && limit("memory-bytes") >= 2 * 4 * 65_536, "{block}");
    assert!(limit("time-ms") >= 1_000 && limit("output-bytes") >= 1_024, "{block}");
    home.write("priory.toml", format!("name = \"x\"\n[plugins.work]\npath = {work:?}\n{block}"));
    home.run(&["call", "work", "run", "--args", r#"{"steps":2000}"#]).exits(0);
    let ended = home.run(&["call", "work", "run", "--args", r#"{"steps":20000}"#]).exits(5).prints("");
    ended.tells(&["reached its limit of fuel", "raise `fuel` in priory.toml"]);
    home.run(&["fit", &work, "run"]).exits(2).tells(&["--args"]);
    home.run(&["fit", &guest("traps"), "unreachable", "--args", "{}"]).exits(1).tells(&["broke", "it was sample 1"]);
}
