// SPDX-License-Identifier: MIT OR Apache-2.0
//! Agents that ask for what they may not have, or for too much of it.

use priory::core::{Dimension, Event, Failure};
use priory::{AgentSpec, Host, RunSpec};
use priory_testkit::FrameEnd;
use serde_json::{Value, json};

use crate::stage::{
    agent, agent_misbehaves, build, builder, denied, good, grant, hits, invalid, json, keeps_no_memory, limit,
    neighbour_works, other, output, recorded, rogue_plugin, shared, text_plugin, trap, unavailable,
};

#[test]
pub fn calls_what_it_was_not_granted() {
    let end = agent_misbehaves("bare", json!({ "do": "call-tool", "name": "good.add", "with": { "a": 1, "b": 2 } }));
    let denial = denied(&end);
    assert_eq!((&*denial.effect, &*denial.by), ("tool good.add", "agent bare"));
    assert_eq!(denial.remedy, "[agents.bare.grants]\ntools = [\"good.add\"]");
}

#[test]
fn what_is_not_there_is_denied_like_what_is() {
    let ask = |name: &str| {
        let end = agent_misbehaves("bare", json!({ "do": "call-tool", "name": name }));
        let denial = denied(&end).clone();
        (denial.effect.replace(name, "X"), denial.by, denial.remedy.replace(name, "X"))
    };
    assert_eq!(ask("good.add"), ask("good.subtract"));
    assert_eq!(ask("good.add"), ask("nobody.nothing"));
    let ask = |name: &str| {
        let end = agent_misbehaves("bare", json!({ "do": "call-agent", "name": name }));
        denied(&end).effect.replace(name, "X")
    };
    assert_eq!(ask("rogue"), ask("nobody"));
}

#[test]
fn what_is_granted_and_not_there_is_unavailable() {
    let host = build(
        builder()
            .plugin(good())
            .plugin(rogue_plugin())
            .agent(AgentSpec::new("rogue", "rogue").grant(grant("tool=nobody.*")).grant(grant("agent=nobody"))),
    );
    let end = agent(&host, "rogue", json!({ "do": "call-tool", "name": "nobody.nothing" }));
    assert_eq!((&*unavailable(&end).subject, unavailable(&end).retriable), ("tool nobody.nothing", false));
    let end = agent(&host, "rogue", json!({ "do": "call-agent", "name": "nobody" }));
    assert_eq!(unavailable(&end).subject, "agent nobody");
}

#[test]
fn lists_show_only_what_is_granted() {
    assert_eq!(output(&agent_misbehaves("bare", json!({ "do": "list-tools" }))), json!([]));
    assert_eq!(output(&agent_misbehaves("bare", json!({ "do": "list-agents" }))), json!([]));
    let tools = output(&agent_misbehaves("rogue", json!({ "do": "list-tools" })));
    assert_eq!(tools, json!(["good.add", "spin.run"]));
    assert_eq!(output(&agent_misbehaves("ping", json!({ "do": "list-agents" }))), json!(["ping", "pong"]));
}

#[test]
fn recurses_through_others() {
    let end = agent_misbehaves("ping", json!({ "do": "ping-pong", "name": "pong" }));
    let hit = limit(&end);
    assert_eq!((hit.dimension, hit.used, hit.allowed), (Dimension::Depth, 17, 16));
    assert!(hit.frame.starts_with("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 agent "), "{hit:?}");
}

#[test]
fn fans_out_without_end() {
    keeps_no_memory(3, || {
        let end = agent_misbehaves("rogue", json!({ "do": "start-loop", "name": "spin.run" }));
        hits(&end, Dimension::Pending, 1_024, "0 agent rogue");
        assert_eq!(limit(&end).used, 1_025);
    });
}

#[test]
fn asks_in_a_loop_what_is_left() {
    let host = small(|agent| agent.limit(Dimension::Calls, 100));
    let end = agent(&host, "rogue", json!({ "do": "budget-loop" }));
    hits(&end, Dimension::Calls, 100, "0 agent rogue");
    assert_eq!(end.usage.calls, 100);
}

#[test]
fn asks_in_a_loop_for_what_it_may_not() {
    let host = small(|agent| agent.limit(Dimension::Calls, 100));
    let spec = RunSpec::agent("rogue", json(json!({ "do": "call-denied-loop" })));
    let (end, journal) = recorded(&host, spec);
    hits(&end, Dimension::Fuel, crate::stage::FUEL, "0 agent rogue");
    // Refusals are written down like everything else, so they must have an end of their own.
    let is_end = |event: &Event| matches!(event, Event::Outcome { .. } | Event::Refused { .. });
    let outcomes = journal.events().iter().filter(|e| is_end(&e.event)).count();
    assert!(outcomes <= 101, "{outcomes} refusals were written down");
}

/// A host with an agent `rogue`, which may do little.
fn small(change: impl FnOnce(AgentSpec) -> AgentSpec) -> Host {
    let agent = AgentSpec::new("rogue", "rogue").grant(grant("tool=good.add"));
    build(builder().plugin(good()).plugin(rogue_plugin()).agent(change(agent)))
}

#[test]
fn leaves_a_call_behind() {
    for _ in 0..20 {
        let order = json(json!({ "do": "start-and-forget", "name": "spin.run" }));
        // It checks that nothing happens after the end of the run.
        let (end, journal) = recorded(shared(), RunSpec::agent("rogue", order));
        assert_eq!(output(&end), "left");
        // The call may not have begun at all; if it had, it was withdrawn.
        let is_spin = |frame: &FrameEnd| frame.program.to_string() == "tool spin.run";
        let begun = journal.events().iter().filter(|e| matches!(e.event, Event::FrameStarted { .. })).count();
        assert_eq!(journal.frames().len(), begun, "every frame that began has ended");
        if let Some(spin) = journal.frames().into_iter().find(is_spin) {
            assert_eq!(spin.failure, Some(Failure::Cancelled { by: "its caller".into() }));
            assert!(spin.usage.fuel < crate::stage::FUEL);
        }
    }
    neighbour_works(shared());
}

#[test]
fn starts_and_drops_without_end() {
    keeps_no_memory(3, || {
        let end = agent_misbehaves("rogue", json!({ "do": "start-and-drop", "name": "spin.run", "n": 5_000 }));
        assert_eq!(output(&end), "dropped");
    });
}

#[test]
fn withdraws_a_call() {
    let end = agent_misbehaves("rogue", json!({ "do": "cancel", "name": "spin.run" }));
    assert_eq!(end.result, Err(Failure::Cancelled { by: "its caller".into() }));
}

#[test]
fn takes_a_result_twice() {
    let end = agent_misbehaves("rogue", json!({ "do": "wait-twice", "name": "good.add", "with": { "a": 1, "b": 2 } }));
    assert!(matches!(end.result, Err(Failure::Conflict { .. })), "{end:?}");
}

#[test]
fn waits_for_any_of_nothing() {
    let end = agent_misbehaves("rogue", json!({ "do": "wait-any-nothing" }));
    match &end.result {
        Err(Failure::Invalid(invalid)) => assert_eq!(invalid.subject, "calls of wait-any"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn waits_for_any() {
    let end = agent_misbehaves("rogue", json!({ "do": "wait-any", "name": "spin.run" }));
    assert_eq!(output(&end), json!([1, 3, 1]));
}

#[test]
fn hands_over_what_is_no_json() {
    let end = agent_misbehaves("rogue", json!({ "do": "call-tool-raw", "name": "good.add" }));
    assert_eq!(invalid(&end).subject, "arguments of good.add");
    let end = agent_misbehaves("rogue", json!({ "do": "call-tool-deep", "name": "good.add" }));
    assert!(invalid(&end).reason.contains("more than 100 levels"), "{end:?}");
}

#[test]
fn reports_what_is_no_json() {
    let end = agent_misbehaves("bare", json!({ "do": "say-no-json" }));
    assert_eq!(invalid(&end).subject, "report of bare");
    let end = agent_misbehaves("bare", json!({ "do": "say-deep-json" }));
    assert!(invalid(&end).reason.contains("more than 100 levels"), "{end:?}");
}

#[test]
fn hands_over_too_much() {
    let host = small(|agent| agent.limit(Dimension::CallBytes, 100_000));
    keeps_no_memory(5, || {
        let end = agent(&host, "rogue", json!({ "do": "call-tool-huge", "name": "good.add", "n": 200_000 }));
        hits(&end, Dimension::CallBytes, 100_000, "0 agent rogue");
    });
    neighbour_works(&host);
}

#[test]
fn smuggles_in_a_name() {
    let spec = RunSpec::agent("bare", json(json!({ "do": "call-huge-name", "n": 1_000_000 })));
    let (end, journal) = recorded(shared(), spec);
    assert_eq!(invalid(&end).subject, "name of a tool");
    let written = format!("{:?}", journal.events()).len();
    assert!(written < 100_000, "{written} bytes were written down about a name that nobody has");
    neighbour_works(shared());
}

#[test]
fn fails_with_a_value() {
    let end = agent_misbehaves("bare", json!({ "do": "fail", "with": { "late": true } }));
    assert_eq!(other(&end).message, "it is too late");
    assert_eq!(other(&end).data.as_ref().map(|data| data.to_value()), Some(json!({ "late": true })));
    let end = agent_misbehaves("bare", json!({ "do": "fail-with-no-json" }));
    assert_eq!((&*other(&end).message, &other(&end).data), ("odd", &None));
}

#[test]
fn a_failure_below_is_the_callers_to_handle() {
    let spin = json!({ "do": "tell", "name": "spin.run" });
    let told = output(&agent_misbehaves("rogue", spin));
    assert!(told.as_str().is_some_and(|text| text.contains("Limit") && text.contains("spin.run")), "{told}");
    let host = build(
        builder()
            .plugin(good())
            .plugin(text_plugin("traps"))
            .plugin(rogue_plugin())
            .agent(AgentSpec::new("rogue", "rogue").grant(grant("tool=traps.unreachable"))),
    );
    let end = agent(&host, "rogue", json!({ "do": "times", "name": "traps.unreachable", "n": 3 }));
    assert_eq!(output(&end), json!(["trap", "trap", "trap"]));
    let end = agent(&host, "rogue", json!({ "do": "call-tool", "name": "traps.unreachable" }));
    assert_eq!(trap(&end).frame, "0.0 tool traps.unreachable");
}

#[test]
fn calls_one_that_holds_more() {
    let host = |lends: bool| {
        let parent = AgentSpec::new("parent", "rogue").grant(grant("agent=child"));
        let parent = if lends { parent.lend(grant("tool=good.add")) } else { parent };
        let child = AgentSpec::new("child", "rogue").grant(grant("tool=good.add"));
        build(builder().plugin(good()).plugin(rogue_plugin()).agent(parent).agent(child))
    };
    let order = |with: Value| json!({ "do": "call-agent", "name": "child", "with": with });
    let add = json!({ "do": "call-tool", "name": "good.add", "with": { "a": 1, "b": 2 } });

    let end = agent(&host(false), "parent", order(add.clone()));
    let denial = denied(&end);
    assert_eq!((&*denial.effect, &*denial.by), ("tool good.add", "agent parent"));
    assert_eq!(denial.remedy, "[agents.parent.lends]\ntools = [\"good.add\"]");

    let lending = host(true);
    assert_eq!(output(&agent(&lending, "parent", order(add.clone()))), 3);
    // What it only lends, it cannot use.
    let end = agent(&lending, "parent", add);
    assert_eq!(denied(&end).remedy, "[agents.parent.grants]\ntools = [\"good.add\"]");
}
