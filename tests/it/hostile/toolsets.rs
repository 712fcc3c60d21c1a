// SPDX-License-Identifier: MIT OR Apache-2.0
//! Toolsets that break their own word. The toolset does what its configuration key `behaviour` says.

use priory::core::effect::Value as Outcome;
use priory::core::{Dimension, Effect, Failure};
use priory::{AgentSpec, Host, PluginSpec, RunEnd, RunSpec};
use serde_json::{Value, json};

use crate::guests;
use crate::stage::{
    FUEL, agent, build, builder, good, grant, grants, hits, invalid, json, neighbour_works, output, recorded,
    rogue_plugin, run, tool, trap, unavailable,
};

fn host(behaviour: &str) -> Host {
    limited_host(behaviour, Dimension::OutputBytes.default_max())
}

/// A host whose toolset may return so many bytes at once.
fn limited_host(behaviour: &str, output_bytes: u64) -> Host {
    let toolset = PluginSpec::new("set", guests::rust("toolset-misuse"));
    let mut toolset = toolset.limit(Dimension::OutputBytes, output_bytes);
    toolset.config.insert("behaviour".into(), behaviour.into());
    let agent = AgentSpec::new("rogue", "rogue").grant(grant("tool=set.*")).grant(grant("tool=good.add"));
    build(builder().plugin(good()).plugin(toolset).plugin(rogue_plugin()).agent(agent))
}

/// Calls `set.count`, as the tool of an agent.
fn count(behaviour: &str, arguments: Value) -> RunEnd {
    let host = host(behaviour);
    let end = agent(&host, "rogue", json!({ "do": "call-tool", "name": "set.count", "with": arguments }));
    neighbour_works(&host);
    end
}

#[test]
fn a_good_one_lists_and_calls() {
    let host = host("good");
    assert_eq!(output(&agent(&host, "rogue", json!({ "do": "list-tools" }))), json!(["good.add", "set.count"]));
    let call = |with: Value| agent(&host, "rogue", json!({ "do": "call-tool", "name": "set.count", "with": with }));
    assert_eq!(output(&call(json!({ "n": 7 }))), 7);
    let end = call(json!({ "n": "seven" }));
    assert_eq!((&*invalid(&end).subject, &*invalid(&end).pointer), ("arguments of set.count", "/n"));
    let end = agent(&host, "rogue", json!({ "do": "call-tool", "name": "set.other" }));
    assert_eq!(unavailable(&end).subject, "tool set.other");
}

#[test]
fn a_tool_of_a_toolset_is_called_from_outside() {
    assert_eq!(output(&tool(&host("good"), "set.count", json!({ "n": 7 }))), 7);
}

#[track_caller]
fn refuses_the_list(behaviour: &str, words: &str) {
    let end = count(behaviour, json!({ "n": 1 }));
    let invalid = invalid(&end);
    assert!(invalid.subject.contains("set"), "{invalid:?}");
    assert!(invalid.reason.contains(words), "{behaviour}: {invalid:?}");
}

#[test]
pub fn lists_a_bad_schema() {
    refuses_the_list("bad-schema", "schema");
    refuses_the_list("schema-no-json", "not JSON");
}

#[test]
fn lists_a_schema_that_points_outside() {
    refuses_the_list("schema-outside", "schema");
    refuses_the_list("schema-file", "schema");
}

#[test]
fn lists_a_schema_that_is_too_large() {
    refuses_the_list("schema-huge", "bytes");
    refuses_the_list("schema-pattern", "schema");
}

#[test]
fn lists_a_schema_that_cannot_be_foreseen() {
    refuses_the_list("schema-escaped", "refers to");
    refuses_the_list("schema-unevaluated", "unevaluatedProperties");
}

#[test]
fn lists_schemas_that_are_too_large_together() {
    refuses_the_list("schemas-bytes", "bytes together");
    refuses_the_list("schemas-patterns", "patterns together");
}

#[test]
fn lists_more_words_than_anybody_reads() {
    refuses_the_list("words", "names and descriptions");
}

/// A host with two toolsets that say something else each time that they are asked.
fn random_host() -> Host {
    let set = |name: &str| {
        let mut toolset = PluginSpec::new(name, guests::rust("toolset-misuse"));
        toolset.config.insert("behaviour".into(), "random".into());
        toolset
    };
    build(builder().plugin(set("set-a")).plugin(set("set-b")))
}

#[test]
fn two_that_are_asked_in_one_step_have_seeds_of_their_own() {
    let spec = RunSpec::native("test", grants(&["tool=set-*"]), async |context| {
        let tools = context.tools().await?;
        Ok(json(json!(tools.into_iter().map(|tool| tool.description).collect::<Vec<_>>())))
    });
    let (end, journal) = recorded(&random_host(), spec);
    let descriptions = output(&end);
    assert_ne!(descriptions[0], descriptions[1]);
    let frames = |path: &str| journal.events().iter().any(|envelope| envelope.frame.to_string() == path);
    assert!(frames("0.0.tools0") && frames("0.0.tools1"));
}

#[test]
fn what_it_said_first_holds_for_the_whole_run() {
    let spec = RunSpec::native("test", grants(&["tool=set-*"]), async |context| {
        let started = (0..16).map(|_| context.start(Effect::ToolList)).collect::<Result<Vec<_>, _>>()?;
        let mut seen = Vec::new();
        for number in started {
            match context.take(number).await? {
                Outcome::Tools(tools) => seen.push(tools),
                other => panic!("{other:?}"),
            }
        }
        Ok(json(json!(seen.iter().all(|tools| tools == &seen[0]))))
    });
    assert_eq!(output(&run(&random_host(), spec)), true);
}

#[test]
fn lists_a_schema_that_is_its_own_definition() {
    refuses_the_list("schema-loop", "means itself");
}

#[test]
fn lists_a_schema_that_is_as_deep_as_json_may_be() {
    // One hundred and twenty denials of nothing: it is checked on the stack of the guest that asked.
    let end = count("schema-deep", json!({ "n": 1 }));
    assert!(matches!(&end.result, Ok(_) | Err(Failure::Invalid(_))), "{end:?}");
}

#[test]
fn lists_a_pattern_that_would_take_for_ever() {
    refuses_the_list("schema-backtracking", "schema");
}

#[test]
fn lists_a_tool_twice() {
    refuses_the_list("twice", "twice");
}

#[test]
fn lists_names_that_are_none() {
    refuses_the_list("bad-name", "lower-case");
    refuses_the_list("foreign-name", "lower-case");
}

#[test]
fn lists_too_many() {
    refuses_the_list("many", "1025 tools");
}

#[test]
fn lists_more_than_a_result_may_have() {
    // Its list, and the failure that it returns instead, are results like any other.
    for (behaviour, over) in [("good", false), ("schema-huge", true), ("list-fails", true)] {
        let host = limited_host(behaviour, 1_024);
        let end = agent(&host, "rogue", json!({ "do": "list-tools" }));
        match over {
            true => hits(&end, Dimension::OutputBytes, 1_024, "0.0.tools0 tool set.list-tools"),
            false => assert_eq!(output(&end), json!(["good.add", "set.count"])),
        }
        neighbour_works(&host);
    }
}

#[test]
fn breaks_when_it_is_asked() {
    assert_eq!(trap(&count("list-breaks", json!({ "n": 1 }))).frame, "0.0.tools0 tool set.list-tools");
    hits(&count("list-spins", json!({ "n": 1 })), Dimension::Fuel, FUEL, "0.0.tools0 tool set.list-tools");
}

#[test]
fn breaks_its_own_schema() {
    let end = count("breaks-output", json!({ "n": 1 }));
    assert_eq!(invalid(&end).subject, "result of set.count");
}

#[test]
fn returns_what_is_no_json() {
    assert_eq!(invalid(&count("no-json", json!({ "n": 1 }))).subject, "result of set.count");
    assert!(invalid(&count("deep-json", json!({ "n": 1 }))).reason.contains("more than 100 levels"));
}

#[test]
fn breaks_in_a_call() {
    assert_eq!(trap(&count("call-breaks", json!({ "n": 1 }))).frame, "0.0 tool set.count");
}

#[test]
fn lists_a_schema_that_takes_for_ever_to_check() {
    // Twenty levels that each look at the next one twice: the host must not walk through all of them.
    refuses_the_list("schema-exponential", "parts");
}

#[test]
fn lists_a_schema_that_takes_the_stack() {
    refuses_the_list("schema-chain", "nested");
}

#[test]
fn asks_for_what_takes_for_ever_to_check() {
    let host = host("schema-doubling");
    let call = |depth: u32| agent(&host, "rogue", json!({ "do": "call-tool-nested", "name": "set.count", "n": depth }));
    let end = call(60);
    assert!(invalid(&end).reason.contains("steps"), "{end:?}");
    neighbour_works(&host);
}

#[test]
fn asks_for_what_takes_the_stack_to_check() {
    let host = host("schema-recursive-deep");
    // It is checked on what is left of the stack of the guest that asks: every depth ends in a value or a failure.
    for depth in [1, 30, 60, 61, 62, 63, 64, 70, 80, 100, 120] {
        let end = agent(&host, "rogue", json!({ "do": "call-tool-nested", "name": "set.count", "n": depth }));
        assert!(matches!(&end.result, Ok(_) | Err(Failure::Invalid(_))), "{depth}: {end:?}");
    }
    neighbour_works(&host);
}

#[test]
fn asks_for_what_is_nested_as_deep_as_json_may_be() {
    let host = host("schema-recursive");
    let end = agent(&host, "rogue", json!({ "do": "call-tool-nested", "name": "set.count", "n": 120 }));
    assert!(matches!(&end.result, Ok(_) | Err(Failure::Invalid(_))), "{end:?}");
    neighbour_works(&host);
}

#[test]
fn asks_for_a_long_list_without_doubles() {
    let host = host("schema-unique");
    let end = agent(&host, "rogue", json!({ "do": "call-tool-with-list", "name": "set.count", "n": 30_000 }));
    assert!(end.usage.compute_us < 20_000_000, "{} ms", end.usage.compute_us / 1_000);
    neighbour_works(&host);
}
