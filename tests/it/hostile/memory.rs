// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests that take memory, tables, instances and handles without end.

use priory::core::Dimension;
use priory::{Error, LoadError, PluginSpec, RunSpec};
use serde_json::json;

use crate::stage::{
    MEMORY_BYTES, agent_misbehaves, block, build, builder, good, hits, json as json_of, keeps_no_memory, limit,
    misbehaves, neighbour_works, output, text_plugin, tool, trap,
};

#[test]
pub fn takes_memory_without_end() {
    let mut last = None;
    keeps_no_memory(30, || last = Some(misbehaves("memory-grow.run", json!({}))));
    let end = last.unwrap();
    hits(&end, Dimension::MemoryBytes, MEMORY_BYTES, "0 tool memory-grow.run");
    assert_eq!(limit(&end).used, MEMORY_BYTES + (64 << 10));
    assert_eq!(end.usage.memory_bytes, MEMORY_BYTES);
}

#[test]
pub fn takes_memory_in_several_memories() {
    let end = misbehaves("memory-many.run", json!({}));
    hits(&end, Dimension::MemoryBytes, MEMORY_BYTES, "0 tool memory-many.run");
    assert!(end.usage.memory_bytes <= MEMORY_BYTES);
}

#[test]
pub fn takes_memory_in_the_start_function() {
    hits(&misbehaves("start-grow.run", json!({})), Dimension::MemoryBytes, MEMORY_BYTES, "0 tool start-grow.run");
}

#[test]
pub fn wants_more_memory_at_once_than_it_may_have() {
    let end = misbehaves("memory-minimum.run", json!({}));
    hits(&end, Dimension::MemoryBytes, 64 << 20, "0 tool memory-minimum.run");
    assert_eq!(limit(&end).used, 2_000 << 16);
}

#[test]
pub fn its_own_maximum_is_its_own_affair() {
    assert_eq!(output(&misbehaves("memory-own-maximum.run", json!({}))), u32::MAX);
}

#[test]
fn allocates_without_end_in_rust() {
    keeps_no_memory(10, || {
        let end = agent_misbehaves("bare", json!({ "do": "allocate" }));
        hits(&end, Dimension::MemoryBytes, 32 << 20, "0 agent bare");
    });
}

#[test]
pub fn takes_table_elements_without_end() {
    hits(&misbehaves("table-grow.run", json!({})), Dimension::TableElements, 10_000, "0 tool table-grow.run");
}

#[test]
pub fn wants_a_larger_table_than_it_may_have() {
    let end = misbehaves("table-minimum.run", json!({}));
    hits(&end, Dimension::TableElements, 10_000, "0 tool table-minimum.run");
    assert_eq!(limit(&end).used, 15_000);
}

#[test]
pub fn has_too_many_instances() {
    // A pool does not even load it; without one, it ends where it goes too far.
    let many = || text_plugin("instances-many");
    assert_eq!(too_demanding(many()), "101 core instances (64 are the most)");
    let host = build(builder().without_pool().plugin(good()).plugin(many()));
    let end = tool(&host, "instances-many.run", json!({}));
    hits(&end, Dimension::Instances, 64, "0 tool instances-many.run");
    neighbour_works(&host);
}

/// Loads a plugin into a pool, and returns what it needs too much of.
fn too_demanding(plugin: PluginSpec) -> String {
    match block(builder().plugin(good()).plugin(plugin).build()) {
        Err(Error::Load(LoadError::TooDemanding { what, .. })) => what,
        Err(other) => panic!("refused for another reason: {other:?}"),
        Ok(_) => panic!("it was loaded"),
    }
}

/// A component with so many core instances, so many of them with a memory, and so many with a table.
fn crowd(instances: u32, memories: u32, tables: u32) -> PluginSpec {
    let each = |module: &str, times: u32| format!("(core instance (instantiate ${module}))").repeat(times as usize);
    let text = format!(
        r#"(component
            (core module $memory (memory 1))
            (core module $table (table 10 funcref))
            (core module $plain)
            (core module $m (func (export "run") (result i32) (local $n i32)
                (loop $l
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if $l (i32.lt_u (local.get $n) (i32.const 500000))))
                (local.get $n)))
            {}{}{}
            (core instance $i (instantiate $m))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#,
        each("memory", memories),
        each("table", tables),
        each("plain", instances - memories - tables - 1),
    );
    PluginSpec::new("crowd", wat::parse_str(text).unwrap())
}

#[test]
fn needs_more_than_any_sandbox_of_a_pool_has() {
    assert_eq!(too_demanding(crowd(65, 0, 0)), "65 core instances (64 are the most)");
    assert_eq!(too_demanding(crowd(20, 17, 0)), "17 memories (16 are the most)");
    assert_eq!(too_demanding(crowd(40, 0, 33)), "33 tables (32 are the most)");
    let table = r#"(component (core module $m (table 100001 funcref)) (core instance (instantiate $m)))"#;
    let table = too_demanding(PluginSpec::new("odd", wat::parse_str(table).unwrap()));
    assert_eq!(table, "100001 elements of one table (100000 are the most)");
}

#[test]
fn others_that_take_much_are_waited_for() {
    // Each is given as many turns as all the others, and none is kept for deeper levels: so as many are there at once as
    // there may be.
    let limits = || [(Dimension::Depth, 0)].into_iter().collect();
    for plugin in [crowd(38, 1, 3), crowd(20, 16, 3), crowd(40, 2, 32), crowd(64, 0, 0)] {
        let host = build(builder().frames_max(8).limits(limits()).plugin(good()).plugin(plugin));
        let ends = block(async {
            let start = |_| host.start(RunSpec::tool("crowd.run", json_of(json!({})))).unwrap();
            let started: Vec<_> = (0..40).map(start).collect();
            let mut ends = Vec::new();
            for mut run in started {
                ends.push(run.wait().await);
            }
            ends
        });
        ends.iter().for_each(|end| assert_eq!(output(end), 500_000));
        neighbour_works(&host);
    }
}

#[test]
fn a_table_may_be_as_large_as_its_limit() {
    let plugin = || text_plugin("table-minimum").limit(Dimension::TableElements, 15_000);
    let large = r#"(component
        (core module $m (table 90000 funcref) (func (export "run") (result i32) (table.grow (ref.null func) (i32.const 10000))))
        (core instance $i (instantiate $m))
        (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;
    let large = || PluginSpec::new("large", wat::parse_str(large).unwrap());
    for builder in [builder(), builder().without_pool()] {
        let host = build(builder.plugin(good()).plugin(plugin()).plugin(large()));
        assert_eq!(output(&tool(&host, "table-minimum.run", json!({}))), 1);
        assert_eq!(output(&tool(&host, "large.run", json!({}))), 90_000);
        neighbour_works(&host);
    }
    // The host allows more than one table may have.
    let limits = || [(Dimension::TableElements, 1_000_000)].into_iter().collect();
    for builder in [builder(), builder().without_pool()] {
        let host = build(builder.limits(limits()).plugin(good()).plugin(text_plugin("table-grow")));
        let end = tool(&host, "table-grow.run", json!({}));
        hits(&end, Dimension::TableElements, 100_000, "0 tool table-grow.run");
        neighbour_works(&host);
    }
}

#[test]
pub fn opens_handles_of_its_own_without_end() {
    let most = Dimension::Handles.default_max();
    assert_eq!(output(&misbehaves("handles.open", json!({ "count": 1_000 }))), 1_000);
    hits(&misbehaves("handles.open", json!({ "count": 1_000_000 })), Dimension::Handles, most, "0 tool handles.open");
}

#[test]
fn drops_a_handle_twice() {
    assert!(trap(&misbehaves("handles.drop-twice", json!({}))).code.contains("handle"));
}

#[test]
pub fn forges_a_handle() {
    assert!(trap(&misbehaves("handles.forge", json!({}))).code.contains("handle"));
}

#[test]
fn opens_pollables_without_end() {
    let most = Dimension::Handles.default_max();
    keeps_no_memory(5, || {
        let end = misbehaves("wasi.open-pollables", json!({ "count": 1_000_000 }));
        hits(&end, Dimension::Handles, most, "0 tool wasi.open-pollables");
    });
}

#[test]
fn opens_streams_without_end() {
    let end = misbehaves("wasi.open-streams", json!({ "count": 1_000_000 }));
    hits(&end, Dimension::Handles, Dimension::Handles.default_max(), "0 tool wasi.open-streams");
}

#[test]
pub fn returns_more_text_than_it_may() {
    let most = Dimension::OutputBytes.default_max();
    let text = output(&misbehaves("huge-result.text", json!({ "length": 100_000 })));
    assert_eq!(text.as_str().map(str::len), Some(100_000));
    keeps_no_memory(10, || {
        let end = misbehaves("huge-result.text", json!({ "length": most }));
        hits(&end, Dimension::OutputBytes, most, "0 tool huge-result.text");
    });
    // What is larger than one call may carry is not even copied.
    let end = misbehaves("huge-result.text", json!({ "length": 30_000_000 }));
    hits(&end, Dimension::CallBytes, Dimension::CallBytes.default_max(), "0 tool huge-result.text");
}

#[test]
fn returns_a_list_whose_elements_cost_the_host_more_than_the_guest() {
    for function in ["bytes", "nothings", "empty-lists"] {
        let end = misbehaves(&format!("huge-result.{function}"), json!({ "length": 4_000_000 }));
        let grown = crate::stage::resident_bytes();
        assert!(grown < 4 << 30, "{} MiB are resident after {function}", grown >> 20);
        assert!(matches!(limit(&end).dimension, Dimension::CallBytes | Dimension::OutputBytes), "{end:?}");
    }
}

#[test]
fn asks_for_too_many_random_bytes() {
    assert_eq!(output(&misbehaves("wasi.random-much", json!({ "count": 1_000_000 }))), 1_000_000);
    let end = misbehaves("wasi.random-much", json!({ "count": 4_000_000_000u64 }));
    assert!(trap(&end).code.contains("exceeds limit"), "{end:?}");
}

#[test]
fn an_agent_says_more_than_it_may() {
    // The agent `brief` has a limit of a kilobyte.
    let end = agent_misbehaves("brief", json!({ "do": "say-much", "n": 1_024 - 2 }));
    assert_eq!(output(&end).as_str().map(str::len), Some(1_022));
    let end = agent_misbehaves("brief", json!({ "do": "say-much", "n": 1_024 - 1 }));
    hits(&end, Dimension::OutputBytes, 1_024, "0 agent brief");
    assert_eq!(limit(&end).used, 1_025);
}

#[test]
fn an_agent_says_too_much_beside_its_report() {
    for order in ["summarise-much", "fail-much"] {
        let end = agent_misbehaves("brief", json!({ "do": order, "n": 800 }));
        assert!(!matches!(end.result, Err(priory::core::Failure::Limit(_))), "{end:?}");
        let end = agent_misbehaves("brief", json!({ "do": order, "n": 2_000 }));
        hits(&end, Dimension::OutputBytes, 1_024, "0 agent brief");
    }
}
