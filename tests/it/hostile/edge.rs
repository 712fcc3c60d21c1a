// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests that lie at the edge of their sandbox: pointers, lengths, discriminants and texts that cannot be.

use serde_json::json;

use crate::stage::{invalid, misbehaves, output, trap};

#[track_caller]
fn lies(function: &str, words: &str) {
    let end = misbehaves(&format!("liar.{function}"), json!({}));
    let trap = trap(&end);
    assert!(trap.code.contains(words), "{function}: {trap:?}");
    assert_eq!(trap.frame, format!("0 tool liar.{function}"));
}

macro_rules! lies {
    ($($test:ident: $function:literal => $words:literal;)*) => {
        $(#[test] pub fn $test() { lies($function, $words); })*
    };
}

lies! {
    a_text_beyond_its_memory: "string-beyond-memory" => "out of bounds";
    a_text_of_all_lengths: "string-length-overflow" => "out of bounds";
    a_text_that_is_not_utf8: "string-not-utf8" => "utf-8";
    a_result_beyond_its_memory: "result-pointer-beyond-memory" => "out of bounds";
    a_result_at_an_odd_place: "result-pointer-misaligned" => "aligned";
    a_list_whose_length_overflows: "list-length-overflow" => "out of bounds";
    a_list_at_an_odd_place: "list-misaligned" => "aligned";
    a_list_beyond_its_memory: "list-beyond-memory" => "out of bounds";
    half_a_character: "char-surrogate" => "char";
    a_character_after_the_last: "char-too-large" => "char";
    a_case_that_an_enum_has_not: "enum-discriminant" => "discriminant";
    a_case_that_a_variant_has_not: "variant-discriminant" => "discriminant";
    an_option_that_is_neither: "option-discriminant" => "discriminant";
    a_result_that_is_neither: "result-discriminant" => "discriminant";
}

#[track_caller]
fn misplaces(function: &str, words: &str) {
    let end = misbehaves(&format!("realloc-liar.{function}"), json!({ "words": [1, 2, 3] }));
    assert!(trap(&end).code.contains(words), "{end:?}");
}

#[test]
pub fn puts_an_argument_beyond_its_memory() {
    misplaces("beyond-memory", "beyond end of memory");
}

#[test]
fn puts_an_argument_at_an_odd_place() {
    misplaces("misaligned", "aligned");
}

#[test]
fn puts_an_argument_half_outside() {
    misplaces("last-bytes", "aligned");
}

#[test]
fn breaks_when_asked_where_an_argument_goes() {
    misplaces("breaks", "unreachable");
}

#[test]
fn is_not_even_asked_for_an_empty_list() {
    let end = misbehaves("realloc-liar.misaligned", json!({ "words": [] }));
    // The runtime asks nevertheless; either way the guest cannot do harm.
    match &end.result {
        Ok(_) => assert_eq!(output(&end), 0),
        Err(_) => assert!(trap(&end).code.contains("aligned")),
    }
}

#[test]
fn arguments_of_the_wrong_form_cost_no_sandbox() {
    for (arguments, pointer, words) in [
        (json!({ "a": 1 }), "", "b"),
        (json!({ "a": 1, "b": -1 }), "/b", "u32"),
        (json!({ "a": 1, "b": 4_294_967_296u64 }), "/b", ""),
        (json!({ "a": 1, "b": 1.5 }), "/b", ""),
        (json!({ "a": 1, "b": "1" }), "/b", ""),
        (json!({ "a": 1, "b": null }), "/b", ""),
        (json!({ "a": 1, "b": 2, "c": 3 }), "", "c"),
        (json!([1, 2]), "", "object"),
        (json!(null), "", "object"),
    ] {
        let end = misbehaves("good.add", arguments.clone());
        let invalid = invalid(&end);
        assert_eq!(invalid.subject, "arguments of good.add");
        assert!(invalid.pointer.starts_with(pointer), "{arguments}: {invalid:?}");
        assert!(invalid.reason.contains(words), "{arguments}: {invalid:?}");
        assert_eq!((end.usage.fuel, end.usage.memory_bytes), (0, 0));
    }
}
