// SPDX-License-Identifier: MIT OR Apache-2.0
//! Budgets: what frames spend together is never more than what their run was given.

use priory::core::{Dimension, Effect, LimitSpec, Usage, Value};
use priory::{AgentSpec, Host, RunSpec};
use serde_json::json;

use crate::stage::{
    agent, budget, build, builder, good, grant, grants, json, limit, output, recorded, rogue_plugin, run, shared,
    text_plugin, tool,
};

#[test]
fn usage_is_reported_and_adds_up() {
    let order = json!({ "do": "times", "name": "good.add", "with": { "a": 1, "b": 1 }, "n": 3 });
    let (end, journal) = recorded(shared(), RunSpec::agent("rogue", json(order)));
    let mut sum = Usage::default();
    journal.frames().iter().for_each(|frame| sum.absorb(frame.usage));
    assert_eq!((sum.fuel, sum.calls, sum.bytes), (end.usage.fuel, end.usage.calls, end.usage.bytes));
    // Of each call: the name of the tool, the arguments, and the result of one digit.
    let bytes = ("good.add".len() + r#"{"a":1,"b":1}"#.len() + 1) as u64;
    assert_eq!((end.usage.calls, end.usage.bytes), (3, 3 * bytes));
    assert!(end.usage.fuel > 0 && end.usage.memory_bytes > 0);
}

#[test]
fn an_agent_sees_what_is_left() {
    let left = output(&agent(shared(), "rogue", json!({ "do": "budget" })));
    let own = left["fuel-own"].as_u64().unwrap();
    assert!(own < crate::stage::FUEL && own > 0, "{left}");
    assert_eq!((&left["depth"], &left["used-calls"]), (&json!(16), &json!(2)));
}

/// A host on which work takes 10 million units at most for each frame.
fn host() -> Host {
    let worker = |name: &str| text_plugin(name).limit(Dimension::Fuel, 10_000_000);
    build(builder().plugin(good()).plugin(worker("spin")).plugin(worker("work")))
}

/// Starts some calls at once under a budget of fuel, and returns how many ended well, with what was used.
fn fan_out(host: &Host, tool: &'static str, arguments: serde_json::Value, count: u32, fuel: u64) -> (u64, Usage) {
    let spec = RunSpec::native("fan-out", grants(&["tool=*"]), async move |context| {
        let mut numbers = Vec::new();
        for _ in 0..count {
            let arguments = json(arguments.clone());
            numbers.push(context.start(Effect::tool(tool, arguments))?);
        }
        let mut done = 0;
        for number in numbers {
            done += u64::from(matches!(context.take(number).await, Ok(Value::Json(_))));
        }
        Ok(json(json!(done)))
    });
    let end = run(host, spec.budget(budget(&[(Dimension::Fuel, fuel)])));
    (output(&end).as_u64().unwrap(), end.usage)
}

#[test]
fn concurrent_children_never_overspend() {
    let host = host();
    for (count, fuel) in [(1, 1), (3, 9_999_999), (10, 25_000_000), (40, 100_000_000), (7, 10_000_001)] {
        let (done, usage) = fan_out(&host, "spin.run", json!({}), count, fuel);
        assert_eq!(done, 0);
        assert!(usage.fuel <= fuel, "{count} spins used {} of {fuel}", usage.fuel);
        // What they may spend they do spend.
        assert_eq!(usage.fuel, fuel.min(u64::from(count) * 10_000_000));
    }
}

#[test]
fn those_who_wait_get_the_rest() {
    let host = host();
    let one = tool(&host, "work.run", json!({ "steps": 1_000 })).usage.fuel;
    // Each wants ten million and needs little; two fit at once, and yet all of them are done.
    let (done, usage) = fan_out(&host, "work.run", json!({ "steps": 1_000 }), 50, 20_000_000);
    assert_eq!((done, usage.fuel), (50, 50 * one));
    // When there is only enough for thirty, thirty are done: the others get the limit.
    let (done, usage) = fan_out(&host, "work.run", json!({ "steps": 1_000 }), 50, 30 * one);
    assert_eq!(done, 30);
    assert_eq!(usage.fuel, 30 * one);
}

#[test]
fn a_run_without_fuel_does_not_begin() {
    let spec = RunSpec::tool("good.add", json(json!({ "a": 1, "b": 1 })));
    let end = run(shared(), spec.budget(budget(&[(Dimension::Fuel, 0)])));
    assert_eq!((limit(&end).dimension, limit(&end).allowed), (Dimension::Fuel, 0));
}

#[test]
fn a_budget_of_calls_holds_for_the_whole_run() {
    let order = json!({ "do": "times", "name": "good.add", "with": { "a": 1, "b": 1 }, "n": 4 });
    let spec = RunSpec::agent("rogue", json(order)).budget(budget(&[(Dimension::Calls, 3)]));
    let end = run(shared(), spec);
    assert_eq!((output(&end), end.usage.calls), (json!([2, 2, 2, "limit"]), 3));
}

#[test]
fn an_agents_budget_holds_for_what_it_calls() {
    let limits: LimitSpec = [(Dimension::Fuel, 20_000_000)].into_iter().collect();
    let child =
        AgentSpec::new("child", "rogue").grant(grant("tool=spin.run")).budget(budget(&[(Dimension::Fuel, 50_000_000)]));
    let root = AgentSpec::new("root", "rogue").grant(grant("agent=child")).lend(grant("tool=spin.run"));
    let host = build(
        builder()
            .limits(limits)
            .plugin(good())
            .plugin(text_plugin("spin"))
            .plugin(rogue_plugin())
            .agent(child)
            .agent(root),
    );
    let order = json!({ "do": "times", "name": "spin.run", "n": 10 });
    let (end, journal) =
        recorded(&host, RunSpec::agent("root", json(json!({ "do": "call-agent", "name": "child", "with": order }))));
    assert_eq!(output(&end), json!(vec!["limit"; 10]));
    let frames = journal.frames();
    let below = frames.iter().filter(|frame| frame.program.to_string() != "agent root");
    let spent: u64 = below.map(|frame| frame.usage.fuel).sum();
    assert!(spent <= 50_000_000, "{spent}");
}

#[test]
fn memory_is_given_back() {
    let host = host();
    let spec = RunSpec::native("in-turn", grants(&["tool=*"]), async move |context| {
        for _ in 0..20 {
            context.call_tool("work.run", json(json!({ "steps": 1 }))).await?;
        }
        Ok(json(json!("done")))
    });
    let end = run(&host, spec.budget(budget(&[(Dimension::MemoryBytes, 64 << 20)])));
    assert_eq!(output(&end), "done");
}
