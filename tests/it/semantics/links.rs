// SPDX-License-Identifier: MIT OR Apache-2.0
//! Imports of one plugin that another satisfies: each call crosses two sandboxes, as an effect.

use priory::core::{Dimension, Event};
use priory::{Builder, Error, Host, LoadError, PluginSpec, RunSpec};
use serde_json::json;

use crate::stage::{FUEL, block, build, builder, hits, json, output, recorded, run, text_plugin, tool};

const OPS: &str = "test:math/ops@0.1.0";

fn linked() -> Host {
    build(builder().plugin(text_plugin("callee")).plugin(text_plugin("caller").link(OPS, "callee")))
}

#[test]
pub fn a_link_is_a_call() {
    let (end, journal) = recorded(&linked(), RunSpec::tool("caller.twice", json(json!({ "x": 21 }))));
    assert_eq!(output(&end), 42);
    assert_eq!(end.usage.calls, 1);
    let frames: Vec<String> = journal.frames().iter().map(|frame| frame.program.to_string()).collect();
    assert_eq!(frames, ["tool callee.add", "tool caller.twice"]);
    let intents = journal.events().iter().filter(|e| matches!(e.event, Event::Intent { .. })).count();
    assert_eq!(intents, 1);
}

#[test]
fn an_error_crosses_as_a_value() {
    let host = linked();
    assert_eq!(output(&tool(&host, "caller.half", json!({ "x": 10 }))), 5);
    assert_eq!(output(&tool(&host, "caller.half", json!({ "x": 11 }))), 1_005);
}

#[test]
fn a_failure_of_the_callee_ends_the_caller() {
    let end = tool(&linked(), "caller.spin", json!({}));
    hits(&end, Dimension::Fuel, FUEL, "0.0 tool callee.spin");
}

#[test]
fn a_link_is_a_grant_that_a_caller_may_narrow() {
    let spec = RunSpec::tool("caller.twice", json(json!({ "x": 1 }))).narrowed(crate::stage::grants(&[]));
    let end = run(&linked(), spec);
    assert_eq!(crate::stage::denied(&end).by, "the caller");
}

#[track_caller]
fn refused(builder: Builder) -> Error {
    match block(builder.build()) {
        Err(error) => error,
        Ok(_) => panic!("it was loaded"),
    }
}

#[track_caller]
fn refused_import(plugins: [PluginSpec; 2], words: &str) {
    let [one, two] = plugins;
    match refused(builder().plugin(one).plugin(two)) {
        Error::Load(LoadError::Import { reason, .. }) => assert!(reason.contains(words), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
pub fn other_types_are_refused() {
    let caller = text_plugin("caller").link(OPS, "callee");
    let callee = PluginSpec { name: "callee".into(), ..text_plugin("callee-other-types") };
    refused_import([callee, caller], "differs");
}

#[test]
pub fn an_import_without_a_link_is_refused() {
    refused_import([text_plugin("callee"), text_plugin("caller")], "[plugins.caller.links]");
    refused_import([text_plugin("good"), text_plugin("caller").link(OPS, "good")], "does not export");
    let odd = text_plugin("good").link(OPS, "callee");
    refused_import([text_plugin("callee"), odd], "not imported");
}

#[test]
fn a_link_to_nobody_is_refused() {
    let error = refused(builder().plugin(text_plugin("caller").link(OPS, "nobody")));
    assert!(matches!(&error, Error::UnknownPlugin { plugin, .. } if plugin == "nobody"), "{error:?}");
}

#[test]
pub fn a_circle_is_refused() {
    let a = text_plugin("circle-a").link("test:circle/b@0.1.0", "circle-b");
    let b = text_plugin("circle-b").link("test:circle/a@0.1.0", "circle-a");
    let error = refused(builder().plugin(a).plugin(b));
    assert!(matches!(&error, Error::LinkedInCircle(names) if names == "circle-a, circle-b"), "{error:?}");
}
