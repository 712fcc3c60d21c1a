// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every limit, exactly at it and one step beyond.

use priory::core::{Dimension, LimitSpec};
use priory::{AgentSpec, Builder, Error, Host, RunEnd, RunSpec};
use serde_json::{Value, json};

use crate::stage::{
    agent, block, build, builder, good, grant, hits, json, limit, output, rogue_plugin, run, shared, text_plugin, tool,
};

/// More fuel than one turn of the loop of the guest `work` takes.
const TURN_FUEL: u64 = 60;

/// Calls a tool of the shared host under one lower limit.
fn limited(name: &str, arguments: Value, dimension: Dimension, value: u64) -> RunEnd {
    let limits: LimitSpec = [(dimension, value)].into_iter().collect();
    run(shared(), RunSpec::tool(name, json(arguments)).limits(limits))
}

fn limited_agent(input: Value, dimension: Dimension, value: u64) -> RunEnd {
    let limits: LimitSpec = [(dimension, value)].into_iter().collect();
    run(shared(), RunSpec::agent("rogue", json(input)).limits(limits))
}

#[test]
fn fuel() {
    let work = json!({ "steps": 1_000 });
    let needed = tool(shared(), "work.run", work.clone()).usage.fuel;
    assert!(limited("work.run", work.clone(), Dimension::Fuel, needed).result.is_ok());
    // The runtime looks at the fuel where code loops or calls, so the straight line to the end is not looked at again:
    // what is cut is cut at the last turn of the loop.
    let end = limited("work.run", work, Dimension::Fuel, needed - TURN_FUEL);
    hits(&end, Dimension::Fuel, needed - TURN_FUEL, "0 tool work.run");
    assert_eq!(end.usage.fuel, needed - TURN_FUEL);
}

#[test]
fn memory() {
    let work = json!({ "steps": 1 });
    assert!(limited("work.run", work.clone(), Dimension::MemoryBytes, 4 << 16).result.is_ok());
    let end = limited("work.run", work, Dimension::MemoryBytes, (4 << 16) - 1);
    hits(&end, Dimension::MemoryBytes, (4 << 16) - 1, "0 tool work.run");
}

#[test]
fn table_elements() {
    let call = |most| limited("traps.indirect-null", json!({}), Dimension::TableElements, most);
    assert!(matches!(call(2).result, Err(priory::core::Failure::Trap(_))));
    hits(&call(1), Dimension::TableElements, 1, "0 tool traps.indirect-null");
}

#[test]
fn instances() {
    assert_eq!(output(&limited("good.add", json!({ "a": 1, "b": 1 }), Dimension::Instances, 1)), 2);
    let end = limited("good.add", json!({ "a": 1, "b": 1 }), Dimension::Instances, 0);
    hits(&end, Dimension::Instances, 0, "0 tool good.add");
}

#[test]
fn handles() {
    assert_eq!(output(&limited("handles.open", json!({ "count": 10 }), Dimension::Handles, 10)), 10);
    hits(
        &limited("handles.open", json!({ "count": 11 }), Dimension::Handles, 10),
        Dimension::Handles,
        10,
        "0 tool handles.open",
    );
}

#[test]
fn output_bytes() {
    // Two bytes are the quotes.
    let text = |length: u64| limited("huge-result.text", json!({ "length": length }), Dimension::OutputBytes, 100);
    assert_eq!(output(&text(98)).as_str().map(str::len), Some(98));
    hits(&text(99), Dimension::OutputBytes, 100, "0 tool huge-result.text");
}

#[test]
fn log_bytes() {
    let log = |length: u64| limited_agent(json!({ "do": "log-huge", "n": length }), Dimension::LogBytes, 100);
    // The end of the line is one byte.
    assert!(log(99).result.is_ok());
    hits(&log(100), Dimension::LogBytes, 100, "0 agent rogue");
}

#[test]
fn call_bytes() {
    let call = |length: u64| {
        limited_agent(json!({ "do": "call-tool-huge", "name": "x", "n": length }), Dimension::CallBytes, 100_000)
    };
    // Far below, it is the grant that is missing; above, it is not even looked at.
    assert!(matches!(call(90_000).result, Err(priory::core::Failure::Denied(_))));
    hits(&call(100_001), Dimension::CallBytes, 100_000, "0 agent rogue");
}

#[test]
fn calls() {
    let times = |n: u64| {
        limited_agent(
            json!({ "do": "times", "name": "good.add", "with": { "a": 1, "b": 1 }, "n": n }),
            Dimension::Calls,
            5,
        )
    };
    assert_eq!(output(&times(5)), json!([2, 2, 2, 2, 2]));
    // The call that is one too many fails, and its caller goes on.
    assert_eq!(output(&times(6)), json!([2, 2, 2, 2, 2, "limit"]));
}

#[test]
fn pending() {
    let start = |n: u64| {
        let order = json!({ "do": "start-tools", "name": "good.add", "with": { "a": 1, "b": 1 }, "n": n });
        limited_agent(order, Dimension::Pending, 3)
    };
    assert_eq!(output(&start(3)), json!([2, 2, 2]));
    let end = start(4);
    assert_eq!((limit(&end).dimension, limit(&end).used, limit(&end).allowed), (Dimension::Pending, 4, 3));
}

#[test]
fn depth() {
    let host = |depth: u64| -> Host {
        let child = AgentSpec::new("child", "rogue").limit(Dimension::Depth, depth);
        build(
            builder()
                .plugin(rogue_plugin())
                .agent(AgentSpec::new("root", "rogue").grant(grant("agent=child")))
                .agent(child),
        )
    };
    let order = json!({ "do": "call-agent", "name": "child", "with": { "do": "echo", "with": 1 } });
    assert_eq!(output(&agent(&host(1), "root", order.clone())), 1);
    hits(&agent(&host(0), "root", order), Dimension::Depth, 0, "0.0 agent child");
}

/// A host in which two agents call each other.
fn ping_pong(builder: Builder) -> Builder {
    let agent = |name| AgentSpec::new(name, "rogue").grant(grant("agent=ping")).grant(grant("agent=pong"));
    builder.plugin(rogue_plugin()).agent(agent("ping")).agent(agent("pong"))
}

#[test]
fn depth_is_less_than_the_sandboxes_that_there_are() {
    let limits = |depth: u64| [(Dimension::Depth, depth)].into_iter().collect::<LimitSpec>();
    for (frames_max, depth) in [(4, 4), (4, 17), (0, 0), (64, 1 << 40)] {
        match block(builder().frames_max(frames_max).limits(limits(depth)).build()) {
            Err(Error::Depth { depth: told, frames_max: frames }) => assert_eq!((told, frames), (depth, frames_max)),
            Err(other) => panic!("refused for another reason: {other:?}"),
            Ok(_) => panic!("{frames_max} frames are too few for a depth of {depth}"),
        }
    }
    // Where nobody says anything, it is what the sandboxes allow.
    for builder in [builder().frames_max(4), builder().frames_max(4).limits(limits(3))] {
        let end = agent(&build(ping_pong(builder)), "ping", json!({ "do": "ping-pong", "name": "pong" }));
        assert_eq!((limit(&end).dimension, limit(&end).used, limit(&end).allowed), (Dimension::Depth, 4, 3));
    }
}

#[test]
fn sandboxes_are_left_for_the_deepest_level() {
    let limits = [(Dimension::Depth, 22), (Dimension::TimeMs, 60_000)].into_iter().collect();
    let host = build(ping_pong(builder().frames_max(24).limits(limits)));
    // Were they only left for the sixteen levels of the default, these would wait for each other.
    let ends = block(async {
        let order = json(json!({ "do": "ping-pong", "name": "pong" }));
        let started: Vec<_> = (0..12).map(|_| host.start(RunSpec::agent("ping", order.clone())).unwrap()).collect();
        let mut ends = Vec::new();
        for mut run in started {
            ends.push(run.wait().await);
        }
        ends
    });
    for end in ends {
        assert_eq!((limit(&end).dimension, limit(&end).used, limit(&end).allowed), (Dimension::Depth, 23, 22));
    }
}

#[test]
fn total_bytes() {
    let host = |most: u64| {
        let agent = AgentSpec::new("rogue", "rogue").grant(grant("tool=huge-result.text"));
        build(
            builder()
                .plugin(text_plugin("huge-result"))
                .plugin(rogue_plugin())
                .agent(agent.limit(Dimension::TotalBytes, most)),
        )
    };
    // Of each call: the name of the tool, the arguments, and a result of ten characters and two quotes.
    let each = ("huge-result.text".len() + r#"{"length":10}"#.len() + 12) as u64;
    let order = json!({ "do": "times", "name": "huge-result.text", "with": { "length": 10 }, "n": 2 });
    let ten = "a".repeat(10);
    assert_eq!(output(&agent(&host(2 * each), "rogue", order.clone())), json!([ten, ten]));
    assert_eq!(output(&agent(&host(2 * each - 1), "rogue", order)), json!([ten, "limit"]));
}

#[test]
fn stack_is_the_same_for_all() {
    // It is a property of the runtime, not of a frame: a lower wish changes nothing.
    let end = limited("recursion.run", json!({}), Dimension::StackBytes, 1_024);
    assert_eq!(limit(&end).dimension, Dimension::StackBytes);
}

#[test]
fn a_limit_of_the_host_may_be_above_the_default() {
    let more: LimitSpec = [(Dimension::MemoryBytes, 200 << 20)].into_iter().collect();
    let host = build(builder().limits(more).plugin(good()).plugin(text_plugin("memory-minimum")));
    assert_eq!(output(&tool(&host, "memory-minimum.run", json!({}))), 1);
}

#[test]
fn nobody_raises_a_limit() {
    let limits: LimitSpec = [(Dimension::Fuel, u64::MAX)].into_iter().collect();
    let end = run(shared(), RunSpec::tool("spin.run", json(json!({}))).limits(limits));
    hits(&end, Dimension::Fuel, crate::stage::FUEL, "0 tool spin.run");
}
