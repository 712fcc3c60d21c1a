// SPDX-License-Identifier: MIT OR Apache-2.0
//! Deadlines and withdrawals: what waits is cut, whatever it waits for.

use std::time::Duration;

use priory::RunSpec;
use priory::core::{Dimension, Event, Failure, LimitSpec};
use serde_json::{Value, json};

use crate::stage::{FUEL, block, json, neighbour_works, output, recorded, run, runtime, shared, timeout, tool};

fn within(ms: u64, name: &str, arguments: Value) -> RunSpec {
    let limits: LimitSpec = [(Dimension::TimeMs, ms)].into_iter().collect();
    RunSpec::tool(name, json(arguments)).limits(limits)
}

#[test]
fn a_sleep_is_slept() {
    let end = tool(shared(), "wasi.sleep", json!({ "ms": 20 }));
    assert_eq!(output(&end), 1);
    assert!(end.usage.wait_us >= 15_000, "{end:?}");
}

#[test]
fn a_sleep_past_the_deadline_is_cut() {
    for (name, arguments) in [("wasi.sleep-for-ever", json!({})), ("wasi.sleep", json!({ "ms": 3_600_000 }))] {
        let end = run(shared(), within(50, name, arguments));
        let cut = timeout(&end);
        assert_eq!((cut.allowed_ms, &*cut.frame), (50, &*format!("0 tool {name}")));
        assert!(end.usage.fuel < FUEL);
    }
    neighbour_works(shared());
}

#[test]
fn a_spin_past_the_deadline_is_cut() {
    let limits: LimitSpec = [(Dimension::Fuel, u64::MAX / 4), (Dimension::TimeMs, 100)].into_iter().collect();
    let host = crate::stage::build(
        crate::stage::builder().limits(limits).plugin(crate::stage::good()).plugin(crate::stage::text_plugin("spin")),
    );
    let started = host.start(RunSpec::tool("spin.run", json(json!({})))).map_err(|failure| failure.to_string());
    // Nothing of it is free for the run's budget of fuel, unless it is asked for less.
    let end = block(started.unwrap().wait());
    match &end.result {
        Err(Failure::Timeout(cut)) => assert_eq!(cut.allowed_ms, 100),
        other => panic!("{other:?}"),
    }
    neighbour_works(&host);
}

#[test]
fn a_child_has_no_more_time_than_its_parent() {
    let limits: LimitSpec = [(Dimension::TimeMs, 100)].into_iter().collect();
    let order = json!({ "do": "call-tool", "name": "wasi.sleep-for-ever" });
    let host = crate::stage::build(
        crate::stage::builder()
            .plugin(crate::stage::good())
            .plugin(crate::stage::wasi_plugin())
            .plugin(crate::stage::rogue_plugin())
            .agent(priory::AgentSpec::new("rogue", "rogue").grant(crate::stage::grant("tool=wasi.*"))),
    );
    let end = run(&host, RunSpec::agent("rogue", json(order)).limits(limits));
    assert!(timeout(&end).allowed_ms <= 100, "{end:?}");
    neighbour_works(&host);
}

#[test]
fn a_run_is_withdrawn() {
    for name in ["wasi.sleep-for-ever", "spin.run", "wasi.random-loop"] {
        let mut started = shared().start(RunSpec::tool(name, json(json!({})))).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        started.cancel();
        let end = block(started.wait());
        assert_eq!(end.result, Err(Failure::Cancelled { by: "whoever started the run".into() }), "{name}");
    }
    neighbour_works(shared());
}

#[test]
fn a_run_that_is_withdrawn_before_its_first_step_has_an_end() {
    for _ in 0..50 {
        let recorder = std::sync::Arc::new(priory_testkit::MemoryRecorder::new());
        let spec = RunSpec::tool("wasi.sleep-for-ever", json(json!({}))).recorder(recorder.clone());
        let mut started = shared().start(spec).unwrap();
        started.cancel();
        let end = block(started.wait());
        assert_eq!(end.result, Err(Failure::Cancelled { by: "whoever started the run".into() }));
        assert!(recorder.is_complete());
    }
}

#[test]
fn a_run_that_nobody_waits_for_is_withdrawn() {
    for _ in 0..50 {
        drop(shared().start(RunSpec::tool("wasi.sleep-for-ever", json(json!({})))).unwrap());
    }
    // There are 64 sandboxes: if those fifty kept theirs, this would not end.
    for _ in 0..50 {
        neighbour_works(shared());
    }
}

#[test]
fn a_withdrawn_run_has_a_complete_journal() {
    let recorder = std::sync::Arc::new(priory_testkit::MemoryRecorder::new());
    let spec = RunSpec::tool("wasi.sleep-for-ever", json(json!({}))).recorder(recorder.clone());
    let mut started = shared().start(spec).unwrap();
    while !recorder.events().iter().any(|e| matches!(e.event, Event::FrameStarted { .. })) {
        runtime().block_on(tokio::task::yield_now());
    }
    started.cancel();
    assert!(block(started.wait()).result.is_err());
    assert!(recorder.is_complete());
    assert_eq!(recorder.frames().len(), 1);
}

#[test]
fn more_runs_than_sandboxes_wait_for_their_turn() {
    let runs: Vec<_> = (0..200u32)
        .map(|n| (n, shared().start(RunSpec::tool("good.add", json(json!({ "a": n, "b": 1 })))).unwrap()))
        .collect();
    for (n, mut started) in runs {
        assert_eq!(output(&block(started.wait())), n + 1);
    }
}

#[test]
fn a_short_call_overtakes_those_that_spin() {
    let spins: Vec<_> = (0..20).map(|_| shared().start(RunSpec::tool("spin.run", json(json!({})))).unwrap()).collect();
    let (end, _) = recorded(shared(), RunSpec::tool("good.add", json(json!({ "a": 1, "b": 1 }))));
    assert_eq!(output(&end), 2);
    drop(spins);
}

#[test]
fn chains_of_calls_do_not_wait_for_each_other_for_ever() {
    // Each of forty goes seventeen sandboxes deep, and there are sixty-four: whoever is deepest always goes on.
    let order = json!({ "do": "ping-pong", "name": "pong" });
    let runs: Vec<_> = (0..40).map(|_| shared().start(RunSpec::agent("ping", json(order.clone()))).unwrap()).collect();
    for mut started in runs {
        let end = block(async move { tokio::time::timeout(Duration::from_secs(60), started.wait()).await });
        let end = end.expect("the chains wait for each other");
        assert_eq!(crate::stage::limit(&end).dimension, Dimension::Depth);
    }
    neighbour_works(shared());
}
