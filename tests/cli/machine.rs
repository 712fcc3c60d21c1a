// SPDX-License-Identifier: MIT OR Apache-2.0
//! The verbs that say something about the program and the machine: `completions`, `schema`, `doctor` and the help.

use serde_json::Value;

use crate::stage::{Home, root};

const VERBS: [&str; 15] = [
    "serve",
    "emit",
    "events",
    "triggers",
    "run",
    "call",
    "build",
    "check",
    "inspect",
    "explain",
    "fit",
    "new",
    "doctor",
    "completions",
    "schema",
];

#[test]
fn the_help_names_every_verb_and_every_exit_code() {
    let home = Home::new();
    let help = home.run(&["--help"]).exits(0).tells_only("").out;
    for verb in VERBS {
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{verb} "))), "{verb}: {help}");
        let own = home.run(&[verb, "--help"]).exits(0).tells_only("").out;
        assert!(own.contains(&format!("Usage: priory {verb}")), "{own}");
    }
    for code in ["0", "1", "2", "3", "4", "5", "6", "124", "130"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))), "{code}: {help}");
    }
    let version = home.run(&["--version"]).exits(0).tells_only("").out;
    assert_eq!(version, format!("priory {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_know_the_verbs() {
    let home = Home::new();
    let script = home.run(&["completions", "bash"]).exits(0).tells_only("").out;
    assert!(script.contains("_priory()") && VERBS.iter().all(|verb| script.contains(verb)), "{script}");
    home.run(&["completions", "morse"]).exits(2).prints("").tells(&["'morse'", "bash"]);
}

#[test]
fn the_schema_is_the_one_that_is_published() {
    let home = Home::new();
    let printed = home.run(&["schema"]).exits(0).tells_only("").json();
    let published = std::fs::read_to_string(root().join("host/manifest/priory.schema.json")).unwrap();
    assert_eq!(printed, serde_json::from_str::<Value>(&published).unwrap());
}

#[test]
fn doctor_says_how_to_mend_what_it_finds() {
    let home = Home::new();
    let ended = home.run(&["doctor", "--json"]).tells_only("");
    let checks = ended.json()["checks"].as_array().unwrap().clone();
    let names: Vec<&str> = checks.iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert!(["sandbox", "cache", "cargo", "wasm32-wasip2"].iter().all(|name| names.contains(name)), "{names:?}");
    for check in &checks {
        let is_ok = check["state"] == "ok";
        assert!(is_ok || check["state"] == "note" || check["state"] == "missing", "{check}");
        assert_eq!(is_ok, check["remedy"].is_null(), "{check}");
    }
    let state = |name: &str| checks.iter().find(|check| check["check"] == name).unwrap()["state"].clone();
    // Whatever this machine lacks, the tests themselves run on it.
    assert_eq!((state("sandbox"), state("cache"), state("cargo")), ("ok".into(), "ok".into(), "ok".into()));
    let is_missing = checks.iter().any(|check| check["state"] == "missing");
    let ended = ended.exits(if is_missing { 1 } else { 0 });
    assert!(ended.out.ends_with("}\n"));
}

#[cfg(unix)]
#[test]
fn doctor_tells_of_a_cache_that_cannot_be_written() {
    let home = Home::new();
    // A file stands where the folder would be.
    std::fs::write(home.cache(), "").unwrap();
    let ended = home.run(&["doctor", "--json"]).exits(1);
    let checks = ended.json()["checks"].clone();
    let cache = checks.as_array().unwrap().iter().find(|check| check["check"] == "cache").unwrap();
    assert_eq!(cache["state"], "missing");
    assert!(cache["remedy"].as_str().unwrap().contains("PRIORY_CACHE_DIR"), "{cache}");
}

#[test]
fn the_manifest_can_be_named() {
    let home = Home::new();
    let text = format!("name = \"x\"\n[plugins.tool]\npath = {:?}\n", crate::stage::guest("good"));
    let elsewhere = home.write("elsewhere/other.toml", text);
    let valid = |path: &str| format!("{path} is valid: 1 plugin, 0 agents.\n");
    home.run(&["check", "elsewhere/other.toml"]).exits(0).prints(&valid("elsewhere/other.toml"));
    let output = home.command(&home.path(), &["check"]).env("PRIORY_CONFIG", &elsewhere).output().unwrap();
    let ended = crate::stage::Ended::of(&["check"], &output).exits(0);
    ended.prints(&valid(elsewhere.to_str().unwrap()));
    // The nearest one above is taken where none is named.
    home.write("project/priory.toml", std::fs::read(&elsewhere).unwrap());
    home.write("project/src/deep/file.txt", "");
    let deep = home.path().join("project/src/deep");
    home.run_in(&deep, &["call", "tool", "add", "--args", r#"{"a":1,"b":1}"#]).exits(0).prints("2\n");
}

#[test]
fn nobody_who_reads_is_no_failure() {
    let home = Home::new();
    let mut child = home.command(&home.path(), &["schema"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
