// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every way in which the binary can end has a case here. What an agent is denied, with the lines of the manifest that
//! would allow it, is in [`crate::brief`]; runs that are parked (7) and folders that cannot be used (8) are in
//! [`crate::runs`].

use crate::stage::{Home, guest, path};

/// A function that returns what its argument says: 0 is all well, 1 is an error of its own.
const FALLIBLE: &str = r#"
(component
  (type $error0 (variant (case "empty") (case "too-long" u32)))
  (export $error "error" (type $error0))
  (core module $m
    (memory (export "mem") 1)
    (func (export "try") (param $fails i32) (result i32)
      (i32.store (i32.const 8) (local.get $fails))
      (i32.store (i32.const 12) (i32.const 1))
      (i32.store (i32.const 16) (i32.const 77))
      (i32.const 8)))
  (core instance $i (instantiate $m))
  (func (export "try") (param "fails" bool) (result (result (error $error)))
    (canon lift (core func $i "try") (memory (core memory $i "mem")))))
"#;

#[test]
fn code_0_it_worked() {
    let home = Home::new();
    let ended = home.run(&["call", &guest("good"), "add", "--args", r#"{"a":2,"b":3}"#]);
    ended.exits(0).prints("5\n").tells_only("");
}

#[test]
fn code_1_a_tool_returned_an_error() {
    let home = Home::new();
    let fallible = path(&home.write("fallible.wat", FALLIBLE));
    home.run(&["call", &fallible, "try", "--args", r#"{"fails":false}"#]).exits(0).tells_only("");
    let ended = home.run(&["call", &fallible, "try", "--args", r#"{"fails":true}"#]);
    ended.exits(1).prints("").tells(&["error: fallible.try returned an error: ", r#"{"too-long":77}"#]);
}

#[test]
fn code_1_a_guest_broke() {
    let home = Home::new();
    let ended = home.run(&["call", &guest("traps"), "unreachable"]).exits(1).prints("");
    ended.tells(&["error: 0 tool traps.unreachable broke: wasm `unreachable` instruction executed", "--grant log"]);
}

#[test]
fn code_2_an_option_that_is_not_there() {
    let home = Home::new();
    home.run(&["check", "--nope"]).exits(2).prints("").tells(&["unexpected argument '--nope'", "Usage: priory check"]);
    home.run(&["run", "--nope"]).exits(2).prints("").tells(&["unexpected argument '--nope'", "Usage: priory run"]);
    home.run(&["fly"]).exits(2).prints("").tells(&["unrecognized subcommand 'fly'"]);
    home.run(&["call", &guest("spin"), "run", "--fuel", "lots"]).exits(2).prints("").tells(&["'lots'", "--fuel"]);
    home.run(&["call", &guest("spin"), "run", "--grant", "moon=full"]).exits(2).prints("").tells(&["moon"]);
    home.run(&[]).exits(2).prints("").tells(&["Usage: priory"]);
}

#[test]
fn code_2_arguments_that_are_not_json() {
    let home = Home::new();
    let ended = home.run(&["call", &guest("good"), "add", "--args", "{a:1}"]).exits(2).prints("");
    ended.tells(&["error: the arguments are not JSON: ", "line 1 column 2", "hint: an object"]);
}

#[test]
fn code_2_an_input_that_is_not_declared() {
    let home = Home::new();
    home.write("priory.toml", manifest("[inputs.folder]\n"));
    let ended = home.run(&["run", "--foldr", "docs"]).exits(2).prints("");
    ended.tells(&["error: ", "foldr", "folder"]);
    home.run(&["run"]).exits(2).prints("").tells(&["error: ", "`folder`"]);
}

#[test]
fn code_3_a_manifest_with_a_mistake() {
    let home = Home::new();
    home.write("priory.toml", "name = \"x\"\n\n[plugins.tool]\n  paht = \"good.wat\"\n");
    for verb in ["check", "build", "run"] {
        let ended = home.run(&[verb]).exits(3).prints("");
        ended.tells(&["priory.toml has ", "priory.toml:4:3: unknown key `paht`", "hint: did you mean `path`?"]);
    }
    home.write("priory.toml", "name = \"x\"\n[plugins.tool\n");
    home.run(&["check"]).exits(3).prints("").tells(&["priory.toml:2:14: unclosed table"]);
}

#[test]
fn code_3_what_is_not_a_component() {
    let home = Home::new();
    let junk = path(&home.write("junk.wasm", "this is no WebAssembly"));
    let ended = home.run(&["inspect", &junk]).exits(3).prints("");
    ended.tells(&["error: `junk` is not a WebAssembly component"]);
    let whole = wat::parse_file(guest("good")).unwrap();
    for cut in [8, whole.len() / 2, whole.len() - 1] {
        let corrupt = path(&home.write("corrupt.wasm", &whole[..cut]));
        home.run(&["call", &corrupt, "add"]).exits(3).prints("").tells(&["error: ", "`corrupt`"]);
    }
    let text = path(&home.write("text.wat", "(component (func"));
    home.run(&["inspect", &text]).exits(3).prints("").tells(&["text.wat is not WebAssembly text"]);
    let ended = home.run(&["call", &guest("core-module"), "run"]).exits(3).prints("");
    ended.tells(&["error: `core-module` is not a WebAssembly component: it is a core module", "wasm32-wasip2"]);
}

#[test]
fn code_4_a_grant_is_missing() {
    let home = Home::new();
    let (caller, callee) = (guest("caller"), guest("callee"));
    home.write(
        "priory.toml",
        format!(
            "name = \"x\"\n[plugins.callee]\npath = {callee:?}\n[plugins.user]\npath = {caller:?}\n\
             links = {{ \"test:math/ops@0.1.0\" = \"callee\" }}\n"
        ),
    );
    let call = ["call", "user", "twice", "--args", r#"{"x":4}"#];
    home.run(&call).exits(0).prints("8\n");
    let ended = home.run(&[&call[..], &["--grant", "log"]].concat()).exits(4).prints("");
    ended.tells_only(
        "error: tool callee.add is not granted: the caller does not allow it\n\
         hint: to allow it, add --grant \"tool=callee.add\"\n",
    );
    home.run(&[&call[..], &["--grant", "tool=callee.add"]].concat()).exits(0).prints("8\n");
}

#[test]
fn code_5_a_limit_was_reached() {
    let home = Home::new();
    let work = guest("work");
    let call = ["call", &work, "run", "--args", r#"{"steps":100000}"#];
    let ended = home.run(&[&call[..], &["--fuel", "1000"]].concat()).exits(5).prints("");
    ended.tells_only(
        "error: 0 tool work.run reached its limit of fuel: 1000 of 1000 allowed\n\
         hint: if it may take more, add --fuel 2000\n",
    );
    home.run(&call).exits(0).tells_only("");
    let ended = home.run(&[&call[..], &["--memory", "64KiB"]].concat()).exits(5).prints("");
    ended.tells(&["its limit of memory-bytes", "hint: if it may take more, add --memory "]);
}

#[test]
fn code_6_there_is_no_manifest() {
    let home = Home::new();
    for verb in ["run", "check", "build"] {
        let ended = home.run(&[verb]).exits(6).prints("");
        ended.tells(&["error: there is no priory.toml here or in a folder above", "hint: ", "priory new agent"]);
    }
    home.run(&["run", "nowhere"]).exits(6).prints("").tells(&["error: ", "nowhere"]);
    home.run(&["call", "./nowhere.wasm", "x"]).exits(6).prints("").tells(&["error: ./nowhere.wasm cannot be read"]);
}

#[test]
fn code_6_a_name_that_nothing_has() {
    let home = Home::new();
    home.write("priory.toml", manifest(""));
    home.run(&["call", "tol", "add"]).exits(6).prints("").tells(&["has no plugin `tol`", "did you mean `tool`?"]);
    home.run(&["call", "tool", "ad"]).exits(6).prints("").tells(&["no function `ad`", "did you mean `add`?"]);
    home.run(&["explain", "tol"]).exits(6).prints("").tells(&["`tol`", "did you mean `tool`?"]);
    home.run(&["build", "tol"]).exits(6).prints("").tells(&["has no plugin `tol`", "did you mean `tool`?"]);
    let ended = home.run(&["run", "--agent", "tol"]).exits(6).prints("");
    ended.tells(&["has no agent `tol`"]);
    let ended = home.run(&["call", &guest("good"), "zzz"]).exits(6).prints("");
    ended.tells(&["good has no function `zzz`", "hint: its functions are `add`"]);
}

#[test]
fn code_124_time_ran_out() {
    let home = Home::new();
    let ended = home.run(&["call", &guest("spin"), "run", "--fuel", "9000000G", "--timeout", "100ms"]);
    ended.exits(124).prints("").tells_only(
        "error: 0 tool spin.run did not end within 100 ms\nhint: if it may take more, add --timeout 200ms\n",
    );
}

/// Starts a guest that never ends, interrupts the binary once the guest runs, and checks how both end.
#[cfg(unix)]
#[test]
fn code_130_it_was_interrupted() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    let home = Home::new();
    let spin = guest("spin");
    let arguments = ["call", &spin, "run", "--json", "--fuel", "9000000G", "--timeout", "10m"];
    let mut command = home.command(&home.path(), &arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    let mut started = String::new();
    while !started.contains(r#""event":"frame-started""#) {
        assert!(events.read_line(&mut started).unwrap() > 0, "it ended by itself: {started}");
    }
    let killed = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}{err}");
    let last: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "result");
    assert_eq!(last["exit"], 130);
    assert_eq!(last["failure"]["kind"], "cancelled");
}

/// A manifest with one tool and whatever else it says.
fn manifest(rest: &str) -> String {
    let (tool, rest) = (guest("good"), if rest.is_empty() { String::new() } else { format!("{rest}\n{AGENT}") });
    format!("name = \"x\"\n[plugins.tool]\npath = {tool:?}\n{rest}")
}

/// An agent, so that there is something to run. It never gets so far as to be loaded.
const AGENT: &str = "[agents.nobody]\nplugin = \"tool\"\n";
