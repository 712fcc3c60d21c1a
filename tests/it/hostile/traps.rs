// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests that break: in each way that WebAssembly has, by panics, and by exits.

use serde_json::json;

use crate::stage::{agent_misbehaves, misbehaves, output, trap};

#[track_caller]
fn breaks(function: &str, code: &str) {
    let end = misbehaves(&format!("traps.{function}"), json!({}));
    let trap = trap(&end);
    assert_eq!((&*trap.code, &*trap.frame), (code, &*format!("0 tool traps.{function}")));
    assert!(!trap.backtrace.is_empty());
}

macro_rules! breaks {
    ($($test:ident: $function:literal => $code:literal;)*) => {
        $(#[test] pub fn $test() { breaks($function, $code); })*
    };
}

breaks! {
    unreachable: "unreachable" => "wasm `unreachable` instruction executed";
    division_by_zero: "divide-by-zero" => "integer divide by zero";
    remainder_by_zero: "remainder-by-zero" => "integer divide by zero";
    integer_overflow: "integer-overflow" => "integer overflow";
    conversion_of_no_number: "invalid-conversion" => "invalid conversion to integer";
    conversion_of_too_much: "conversion-overflow" => "integer overflow";
    memory_out_of_bounds: "memory-out-of-bounds" => "out of bounds memory access";
    memory_far_out_of_bounds: "memory-far-out-of-bounds" => "out of bounds memory access";
    data_out_of_bounds: "memory-init-out-of-bounds" => "out of bounds memory access";
    table_out_of_bounds: "table-out-of-bounds" => "undefined element: out of bounds table access";
    table_get_out_of_bounds: "table-get-out-of-bounds" => "undefined element: out of bounds table access";
    indirect_call_of_another_type: "indirect-mismatch" => "indirect call type mismatch";
    indirect_call_of_nothing: "indirect-null" => "uninitialized element";
}

#[test]
fn panics() {
    let end = agent_misbehaves("bare", json!({ "do": "panic" }));
    let trap = trap(&end);
    assert_eq!((&*trap.code, &*trap.frame), ("wasm `unreachable` instruction executed", "0 agent bare"));
    assert!(trap.backtrace.iter().any(|name| name.contains("run")), "{trap:?}");
}

#[test]
fn exits_with_success() {
    assert_eq!(output(&misbehaves("wasi.exit", json!({ "status": 0 }))), json!(null));
}

#[test]
fn exits_with_failure() {
    for status in [1, 3] {
        // WASI 0.2 knows success and failure only; the number stays with the guest.
        let end = misbehaves("wasi.exit", json!({ "status": status }));
        assert_eq!(trap(&end).code, "exit with status 1");
    }
}

#[test]
fn an_agent_that_exits_has_no_report() {
    let end = agent_misbehaves("bare", json!({ "do": "exit", "n": 3 }));
    assert_eq!(trap(&end).code, "exit with status 1");
}

#[test]
pub fn bits_of_not_a_number_are_the_same_everywhere() {
    assert_eq!(output(&misbehaves("nan.run", json!({}))), 0x7ff8);
}
