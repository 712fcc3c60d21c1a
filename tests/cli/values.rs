// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values on their way from the command line into a component and back.

use serde_json::json;

use crate::stage::{Home, guest, path};

/// Gives back what it was given, as one record.
pub const MIRROR: &str = r#"
(component
  (type $pair0 (record (field "big" u64) (field "on" bool)))
  (export $pair "pair" (type $pair0))
  (type $shape0 (variant (case "empty") (case "side" u32)))
  (export $shape "shape" (type $shape0))
  (type $both0 (record (field "pair" $pair) (field "shape" $shape)))
  (export $both "both" (type $both0))
  (core module $m
    (memory (export "mem") 1)
    (func (export "mirror") (param $big i64) (param $on i32) (param $case i32) (param $side i32) (result i32)
      (i64.store (i32.const 8) (local.get $big))
      (i32.store8 (i32.const 16) (local.get $on))
      (i32.store8 (i32.const 24) (local.get $case))
      (i32.store (i32.const 28) (local.get $side))
      (i32.const 8)))
  (core instance $i (instantiate $m))
  (func (export "mirror") (param "pair" $pair) (param "shape" $shape) (result $both)
    (canon lift (core func $i "mirror") (memory (core memory $i "mem")))))
"#;

fn check(arguments: &str, expect: &str) {
    let home = Home::new();
    let mirror = path(&home.write("mirror.wat", MIRROR));
    home.run(&["call", &mirror, "mirror", "--args", arguments]).exits(0).tells_only("").prints(&format!("{expect}\n"));
}

#[test]
fn records_variants_and_large_numbers_come_back_exactly() {
    check(
        r#"{"pair":{"big":18446744073709551615,"on":true},"shape":{"side":7}}"#,
        r#"{"pair":{"big":18446744073709551615,"on":true},"shape":{"side":7}}"#,
    );
    check(
        r#"{ "shape": "empty", "pair": {"on": false, "big": 9007199254740993} }"#,
        r#"{"pair":{"big":9007199254740993,"on":false},"shape":"empty"}"#,
    );
}

#[test]
fn arguments_of_the_wrong_form_are_refused_with_their_place() {
    let home = Home::new();
    let mirror = path(&home.write("mirror.wat", MIRROR));
    for (arguments, place) in [
        (r#"{"pair":{"big":18446744073709551616,"on":true},"shape":"empty"}"#, "/pair/big"),
        (r#"{"pair":{"big":-1,"on":true},"shape":"empty"}"#, "/pair/big"),
        (r#"{"pair":{"big":1,"on":1},"shape":"empty"}"#, "/pair/on"),
        (r#"{"pair":{"big":1,"on":true},"shape":"round"}"#, "/shape"),
        (r#"{"pair":{"big":1,"on":true},"shape":{"side":4294967296}}"#, "/shape/side"),
        (r#"{"pair":{"big":1,"on":true}}"#, "shape"),
        (r#"{"pair":{"big":1,"on":true},"shape":"empty","more":1}"#, "more"),
        ("[]", "object"),
    ] {
        let ended = home.run(&["call", &mirror, "mirror", "--args", arguments]).prints("");
        ended.exits(2).tells(&["error: arguments of mirror.mirror", place]);
    }
    let ended = home.run(&["call", &mirror, "mirror", "--json"]).exits(2).tells_only("");
    let last = ended.json_lines().pop().unwrap();
    assert_eq!((&last["exit"], &last["failure"]["kind"]), (&json!(2), &json!("invalid")));
}

#[test]
fn arguments_may_come_from_a_file_or_from_standard_input() {
    let home = Home::new();
    let file = path(&home.write("args.json", "{\"a\": 40,\n \"b\": 2}\n"));
    home.run(&["call", &guest("good"), "add", "--args-file", &file]).exits(0).prints("42\n");
    let good = guest("good");
    let arguments = ["call", &good, "add", "--args-file", "-"];
    let stdin = std::fs::File::open(&file).unwrap();
    let output = home.command(&home.path(), &arguments).stdin(stdin).output().unwrap();
    crate::stage::Ended::of(&arguments, &output).exits(0).prints("42\n");
    home.run(&["call", &good, "add", "--args-file", "nowhere.json"]).exits(6).tells(&["nowhere.json cannot be read"]);
}

#[test]
fn a_call_can_be_told_in_lines_of_json() {
    let home = Home::new();
    let ended = home.run(&["call", &guest("good"), "add", "--json", "--args", r#"{"a":1,"b":1}"#]).exits(0);
    let lines = ended.tells_only("").json_lines();
    assert_eq!(lines[0]["event"], "run-started");
    let last = lines.last().unwrap();
    assert_eq!((&last["exit"], &last["report"]["output"]), (&json!(0), &json!(2)));
    let ended = home.run(&["call", &guest("traps"), "unreachable", "--json"]).exits(1).tells_only("");
    let last = ended.json_lines().pop().unwrap();
    assert_eq!((&last["exit"], &last["failure"]["kind"]), (&json!(1), &json!("trap")));
}
