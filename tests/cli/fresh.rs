// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `priory new` writes builds and runs as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stage::{Ended, Home, path, root};

/// Writes a project into a folder that stays the same from one test run to the next, so that cargo has little to do.
fn written(home: &Home, kind: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-new-{kind}"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let ended = home.run(&["new", kind, &format!("my-{kind}"), "--path", &path(&folder)]).exits(0).prints("");
    ended.tells(&["Wrote ", "Try it:", "priory "]);
    // The versions that this repository has: they are there without a network.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

fn offline(home: &Home, folder: &Path, arguments: &[&str]) -> Ended {
    let mut command: Command = home.command(folder, arguments);
    Ended::of(arguments, &command.env("CARGO_NET_OFFLINE", "true").output().unwrap())
}

#[test]
fn a_new_tool_can_be_called() {
    let home = Home::new();
    let folder = written(&home, "tool");
    let ended = offline(&home, &folder, &["call", "my-tool", "greet", "--args", r#"{"name": "Ada"}"#]).exits(0);
    ended.prints("\"Hello, Ada!\"\n").tells(&["Built my-tool."]);
    // The second time there is nothing to build, and nothing is said.
    let ended = offline(&home, &folder, &["call", "my-tool", "greet", "--args", r#"{"name": " "}"#]).exits(1);
    ended.prints("").tells_only("error: my-tool.greet returned an error: \"nameless\"\n");
    let text = offline(&home, &folder, &["inspect", "my-tool"]).exits(0).tells_only("").out;
    assert!(text.contains("/// Greets somebody by name."), "{text}");
    // The folder of a crate can be named without a manifest.
    let ended =
        offline(&home, &home.path(), &["call", &path(&folder), "greet", "--args", r#"{"name": "Bo"}"#]).exits(0);
    ended.prints("\"Hello, Bo!\"\n");
    std::fs::write(folder.join("src/lib.rs"), "this is no Rust").unwrap();
    let ended = offline(&home, &folder, &["call", "my-tool", "greet"]).exits(3).prints("");
    ended.tells(&["error: building my-tool failed", "src/lib.rs:1:"]);
}

#[test]
fn a_new_agent_can_be_run() {
    let home = Home::new();
    let folder = written(&home, "agent");
    let ended = offline(&home, &folder, &["run", "--input", "name=Ada"]).exits(0);
    ended.prints("{\"greeting\":\"Hello, Ada!\"}\n").tells(&["agent my-agent: greeting Ada", "1 frame · "]);
    offline(&home, &folder, &["run"]).exits(0).prints("{\"greeting\":\"Hello, world!\"}\n");
    offline(&home, &folder, &["check"]).exits(0).tells_only("").prints("priory.toml is valid: 1 plugin, 1 agent.\n");
}

#[test]
fn nothing_is_overwritten_and_no_name_is_taken_that_cargo_refuses() {
    let home = Home::new();
    home.write("mine/notes.txt", "mine");
    let ended = home.run(&["new", "tool", "mine"]).exits(1).prints("");
    ended.tells(&["error: mine is there already, and is not empty", "hint: "]);
    assert_eq!(std::fs::read_dir(home.path().join("mine")).unwrap().count(), 1);
    for name in ["Mine", "my--tool", "../mine", "fn", "test", ""] {
        home.run(&["new", "tool", name]).exits(2).prints("").tells(&["cannot be a name"]);
    }
}
