// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same component, input, fuel and seed come to the same end, whatever happens beside them.

use priory::core::{Dimension, Failure, LimitSpec};
use priory::{Host, RunSpec};
use serde_json::{Value, json};

use crate::stage::{block, build, builder, good, json, output, run, shared, text_plugin, wasi_plugin};

/// How often the same is done.
const TIMES: usize = 1_000;

fn host() -> Host {
    build(builder().plugin(good()).plugin(text_plugin("work")).plugin(text_plugin("spin")))
}

fn work(fuel: u64) -> RunSpec {
    let limits: LimitSpec = [(Dimension::Fuel, fuel)].into_iter().collect();
    RunSpec::tool("work.run", json(json!({ "steps": 2_000 }))).limits(limits)
}

#[test]
pub fn stops_at_the_same_instruction() {
    let hosts = [host(), host()];
    let whole = run(&hosts[0], work(50_000_000));
    let (fuel, result) = (whole.usage.fuel, output(&whole));
    // Somewhere in the middle of everything.
    let part = fuel / 2 + 7;
    // Guests that keep both hosts busy meanwhile.
    let busy: Vec<_> =
        hosts.iter().map(|host| host.start(RunSpec::tool("spin.run", json(json!({})))).unwrap()).collect();
    for turn in 0..TIMES {
        let host = &hosts[turn % 2];
        let cut = run(host, work(part));
        match &cut.result {
            Err(Failure::Limit(hit)) => {
                assert_eq!((hit.dimension, hit.used, hit.allowed), (Dimension::Fuel, part, part))
            }
            other => panic!("{other:?}"),
        }
        assert_eq!((cut.usage.fuel, cut.usage.memory_bytes), (part, 4 << 16));
        if turn % 10 == 0 {
            let end = run(host, work(fuel));
            assert_eq!((end.usage.fuel, output(&end)), (fuel, result.clone()), "turn {turn}");
        }
    }
    busy.into_iter().for_each(|mut started| drop(block(started.wait())));
}

fn seeded(host: &Host, function: &str, arguments: &Value, seed: u8) -> Value {
    output(&run(host, RunSpec::tool(function, json(arguments.clone())).seed([seed; 32])))
}

#[test]
fn random_numbers_come_from_the_seed() {
    let other_host = build(builder().plugin(wasi_plugin()));
    let random = |host: &Host, seed| seeded(host, "wasi.random", &json!({ "count": 32 }), seed);
    let first = random(shared(), 1);
    assert_eq!(first, random(shared(), 1));
    assert_eq!(first, random(&other_host, 1));
    assert_ne!(first, random(shared(), 2));
    // Without a seed, each run has another.
    let unseeded = || output(&run(shared(), RunSpec::tool("wasi.random", json(json!({ "count": 32 })))));
    assert_ne!(unseeded(), unseeded());
}

#[test]
fn the_monotonic_clock_goes_by_fuel() {
    let clocks = || seeded(shared(), "wasi.clocks", &json!({}), 1);
    let (first, second) = (clocks(), clocks());
    assert_eq!((&first[1], &first[2]), (&second[1], &second[2]));
    assert!(first[1].as_u64().unwrap() < first[2].as_u64().unwrap(), "{first}");
    // The wall clock is near that of the host.
    assert!(first[0].as_u64().unwrap() > 1_700_000_000, "{first}");
}
