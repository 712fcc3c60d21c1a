// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests that compute without end, or too deep.

use priory::core::Dimension;
use serde_json::json;

use crate::stage::{
    FUEL, agent_misbehaves, build, builder, hits, misbehaves, neighbour_works, output, text_plugin, tool, trap,
};

#[test]
pub fn spins_in_a_call() {
    let end = misbehaves("spin.run", json!({}));
    hits(&end, Dimension::Fuel, FUEL, "0 tool spin.run");
    assert_eq!(end.usage.fuel, FUEL);
}

#[test]
pub fn spins_in_the_start_function() {
    hits(&misbehaves("start-spin.run", json!({})), Dimension::Fuel, FUEL, "0 tool start-spin.run");
}

#[test]
fn spins_in_rust() {
    hits(&agent_misbehaves("bare", json!({ "do": "spin" })), Dimension::Fuel, FUEL, "0 agent bare");
}

#[test]
pub fn breaks_in_the_start_function() {
    let end = misbehaves("start-trap.run", json!({}));
    assert!(trap(&end).code.contains("unreachable"), "{end:?}");
}

#[test]
pub fn spins_after_its_answer_was_read() {
    hits(&misbehaves("post-return.spins", json!({})), Dimension::Fuel, FUEL, "0 tool post-return.spins");
}

#[test]
fn breaks_after_its_answer_was_read() {
    let end = misbehaves("post-return.breaks", json!({}));
    assert!(trap(&end).code.contains("unreachable"), "{end:?}");
}

#[test]
fn spins_when_asked_where_an_argument_goes() {
    let end = misbehaves("realloc-liar.spins", json!({ "words": [1, 2] }));
    hits(&end, Dimension::Fuel, FUEL, "0 tool realloc-liar.spins");
}

#[test]
pub fn burns_by_bulk_instructions() {
    let end = misbehaves("memory-fill.run", json!({}));
    hits(&end, Dimension::Fuel, FUEL, "0 tool memory-fill.run");
    // One instruction that moves four megabytes is not one unit: else this would go on for hours.
    assert!(end.usage.compute_us < 20_000_000, "{end:?}");
}

#[test]
pub fn recurses_without_end() {
    let stack = Dimension::StackBytes.default_max();
    hits(&misbehaves("recursion.run", json!({})), Dimension::StackBytes, stack, "0 tool recursion.run");
}

#[test]
fn recurses_in_rust() {
    assert_eq!(output(&misbehaves("wasi.recurse", json!({ "depth": 100 }))), 100);
    // A guest of Rust has its own stack in its memory, and may reach the end of either first.
    let end = misbehaves("wasi.recurse", json!({ "depth": 100_000_000 }));
    match &end.result {
        Err(priory::core::Failure::Trap(trap)) => assert!(trap.code.contains("out of bounds"), "{trap:?}"),
        _ => hits(&end, Dimension::StackBytes, Dimension::StackBytes.default_max(), "0 tool wasi.recurse"),
    }
}

#[test]
fn spins_in_a_loop_of_host_calls() {
    hits(&misbehaves("wasi.random-loop", json!({})), Dimension::Fuel, FUEL, "0 tool wasi.random-loop");
}

#[test]
pub fn calls_from_the_end_of_its_stack() {
    // The called frame begins on what is left of the stack of its caller; there must always be enough for the host.
    let caller = text_plugin("deep-caller").link("test:math/ops@0.1.0", "callee");
    let host = build(builder().plugin(crate::stage::good()).plugin(text_plugin("callee")).plugin(caller));
    let call = |depth: u32| tool(&host, "deep-caller.run", json!({ "depth": depth }));
    let (mut fits, mut breaks) = (0u32, 1_000_000u32);
    while breaks - fits > 1 {
        let middle = fits.midpoint(breaks);
        let end = call(middle);
        if end.result.is_ok() {
            assert_eq!(output(&end), middle + 42);
            fits = middle;
        } else {
            hits(&end, Dimension::StackBytes, Dimension::StackBytes.default_max(), "0 tool deep-caller.run");
            breaks = middle;
        }
    }
    assert!(fits > 1_000, "{fits}");
    neighbour_works(&host);
}
