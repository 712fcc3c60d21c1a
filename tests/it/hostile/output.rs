// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests that write without end: log, standard output, and lines that never end.

use priory::core::effect::Level;
use priory::core::grant::GrantTemplate;
use priory::core::{Dimension, Event, Failure};
use priory::{AgentSpec, Host, PluginSpec, RunSpec};
use serde_json::json;

use crate::stage::{
    agent_misbehaves, build, builder, good, grant, hits, json, limit, neighbour_works, output, recorded, rogue_plugin,
    shared, tool, wasi_plugin,
};

fn plugin(grants: &[&str]) -> Host {
    let give = |plugin: PluginSpec, text: &&str| plugin.grant(text.parse::<GrantTemplate>().unwrap());
    let plugin = grants.iter().fold(wasi_plugin(), give).limit(Dimension::LogBytes, 100_000);
    build(builder().plugin(good()).plugin(plugin))
}

#[test]
fn logs_without_end() {
    for name in ["bare", "loud"] {
        let most = Dimension::LogBytes.default_max();
        let end = agent_misbehaves(name, json!({ "do": "log-loop" }));
        hits(&end, Dimension::LogBytes, most, &format!("0 agent {name}"));
    }
}

#[test]
fn logs_nothing_without_end() {
    let host = build(
        builder()
            .plugin(good())
            .plugin(rogue_plugin())
            .agent(AgentSpec::new("rogue", "rogue").grant(grant("log")).limit(Dimension::LogBytes, 1_000)),
    );
    let (end, journal) = recorded(&host, RunSpec::agent("rogue", json(json!({ "do": "log-nothing-loop" }))));
    let lines = journal.events().iter().filter(|e| matches!(e.event, Event::Log { .. })).count();
    assert!(lines <= 1_000, "{lines} empty lines were written down");
    hits(&end, Dimension::LogBytes, 1_000, "0 agent rogue");
}

#[test]
fn logs_one_line_that_is_too_long() {
    let most = Dimension::LogBytes.default_max();
    let end = agent_misbehaves("loud", json!({ "do": "log-huge", "n": most + 1 }));
    hits(&end, Dimension::LogBytes, most, "0 agent loud");
}

#[test]
fn prints_without_end_and_without_lines() {
    for grants in [&[][..], &["log"]] {
        let host = plugin(grants);
        let end = tool(&host, "wasi.print-loop", json!({}));
        hits(&end, Dimension::LogBytes, 100_000, "0 tool wasi.print-loop");
        neighbour_works(&host);
    }
}

#[test]
fn a_line_of_log_needs_the_grant() {
    let log = |name: &str| {
        let order = json!({ "do": "log", "name": "a line" });
        let (end, journal) = recorded(shared(), RunSpec::agent(name, json(order)));
        assert_eq!(output(&end), json!(null));
        journal.log()
    };
    assert_eq!(log("bare"), []);
    assert_eq!(log("loud"), [(Level::Warn, "a line".to_owned())]);
}

#[test]
fn standard_output_is_log_line_by_line() {
    let host = plugin(&["log"]);
    let print = |text: &str, times: u32| {
        let arguments = json!({ "text": text, "times": times });
        let (end, journal) = recorded(&host, RunSpec::tool("wasi.print", json(arguments)));
        assert_eq!(output(&end), json!(null));
        journal.log().into_iter().map(|(level, line)| (level == Level::Info, line)).collect::<Vec<_>>()
    };
    assert_eq!(print("one\ntwo\n", 1), [(true, "one".to_owned()), (true, "two".to_owned())]);
    assert_eq!(print("no end", 1), [(true, "no end".to_owned())]);
    // A line without end is cut into pieces that are bounded.
    let lines = print("0123456789", 2_000);
    assert_eq!(lines.iter().map(|(_, line)| line.len()).sum::<usize>(), 20_000);
    assert!(lines.iter().all(|(_, line)| line.len() <= 8 << 10));
}

#[test]
fn one_byte_over_the_limit_of_log() {
    let host = plugin(&["log"]);
    let print = |bytes: usize| tool(&host, "wasi.print", json!({ "text": "x".repeat(bytes), "times": 1 }));
    assert!(print(90_000).result.is_ok());
    let end = print(100_001);
    // The rest of a line is written when the frame has ended already: then there is nobody left to end.
    assert!(end.result.is_ok() || matches!(end.result, Err(Failure::Limit(_))), "{end:?}");
    let end = print(200_000);
    assert_eq!(limit(&end).dimension, Dimension::LogBytes);
}
