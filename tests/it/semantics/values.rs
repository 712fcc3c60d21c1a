// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values: every type goes into a sandbox and comes back as it was, or is refused with the place and the reason.

use serde_json::{Value, json};

use crate::stage::{invalid, other, output, shared, tool};

fn echo(function: &str, value: &Value) -> Value {
    output(&tool(shared(), &format!("echo.{function}"), json!({ "v": value })))
}

#[test]
pub fn every_type_comes_back() {
    for (function, value) in [
        ("booleans", json!([true, false, true])),
        ("booleans", json!([])),
        ("small", json!([-128, 255, -32_768, 65_535, i32::MIN, u32::MAX])),
        ("large", json!([i64::MIN, u64::MAX])),
        ("floats", json!([1.5, -2.25e300])),
        ("character", json!("a")),
        ("character", json!("🦀")),
        ("text", json!("")),
        ("text", json!("quotes \" and \\ and \u{0} and ü and \u{2028}")),
        ("record-type", json!({ "x": -1, "y": 0.5, "label": "here" })),
        ("record-type", json!({ "x": -1, "y": 0.5, "label": null })),
        ("enums", json!(["red", "dark-blue"])),
        ("flag-set", json!(["read", "run-it"])),
        ("flag-set", json!([])),
        ("options", json!([1, null, 3])),
        ("bytes", json!("AP8Q")),
        ("bytes", json!("")),
    ] {
        assert_eq!(echo(function, &value), value, "{function}");
    }
}

#[test]
fn variants_and_results_come_back() {
    // Whatever the form, what comes out goes in again and comes out the same.
    let schema = shared();
    let first = tool(schema, "echo.may-fail", json!({ "v": null }));
    let circle = other(&first).data.as_ref().unwrap().to_value();
    assert_eq!(echo("variants", &json!([circle])), json!([circle]));
    let tools = schema.catalog().tool("echo.results").unwrap();
    assert!(
        tools.plugin.plugin.info().functions.iter().all(|function| function.input_schema.as_str().contains("object"))
    );
}

#[test]
pub fn arguments_and_results() {
    assert_eq!(output(&tool(shared(), "good.add", json!({ "b": 2, "a": 1 }))), 3);
    assert_eq!(output(&tool(shared(), "good.add", json!({ "a": u32::MAX, "b": 1 }))), 0);
    assert_eq!(output(&tool(shared(), "echo.nothing", json!({}))), json!(null));
    assert_eq!(output(&tool(shared(), "echo.may-fail", json!({ "v": "well" }))), "well");
}

#[test]
fn the_place_of_a_wrong_value_is_named() {
    for (function, value, pointer) in [
        ("booleans", json!([true, 1]), "/v/1"),
        ("small", json!([128, 0, 0, 0, 0, 0]), "/v/0"),
        ("large", json!([0, -1]), "/v/1"),
        ("character", json!("ab"), "/v"),
        ("record-type", json!({ "x": 1, "y": 1, "label": 5 }), "/v/label"),
        ("enums", json!(["red", "blue"]), "/v/1"),
        ("flag-set", json!(["read", "fly"]), "/v/1"),
        ("bytes", json!("not base64!"), "/v"),
        ("options", json!([1, "two"]), "/v/1"),
    ] {
        let end = tool(shared(), &format!("echo.{function}"), json!({ "v": value }));
        let invalid = invalid(&end);
        assert_eq!((&*invalid.subject, &*invalid.pointer), (&*format!("arguments of echo.{function}"), pointer));
        assert!(!invalid.reason.is_empty());
    }
}

#[test]
fn an_error_of_a_tool_is_data() {
    let end = tool(shared(), "echo.may-fail", json!({ "v": null }));
    let failure = other(&end);
    assert_eq!(failure.message, "echo.may-fail returned an error");
    assert!(failure.data.as_ref().is_some_and(|data| data.as_str().contains("circle") && data.as_str().contains('7')));
}
