// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a step of a workflow costs beside the same call from a loop in Rust, and how workflows use the machine.

use std::path::Path;
use std::sync::Arc;

use priory::core::{Journal, Json};
use priory::journal::SqliteJournal;
use priory::{AgentSpec, Durability, Host, PluginSpec, RunSpec};
use priory_bench::watch::{median, micros, now};
use serde_json::{Map, Value, json};

use crate::calls::native_calls;
use crate::{Bench, grants};

const ROUNDS: usize = 40;
const STEPS: u32 = 400;
const CHAIN: u32 = 100;
const FANOUT: u32 = 1_000;
const BRANCHES: u32 = 64;
/// Some milliseconds of compute.
const COMPUTE: u64 = 2_000_000;

/// Measures a step, durable chains and fan-outs, and how branches share the processors.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let plain = host(bench, None).await?;
    step(bench, &plain).await?;
    let folder = tempfile::tempdir_in(priory_bench::guests::workspace().join("target"))?;
    let kept = host(bench, Some(folder.path())).await?;
    durable(bench, &plain, &kept).await?;
    share(bench, &plain).await
}

/// Builds a host with the workflows that are measured.
async fn host(bench: &Bench, folder: Option<&Path>) -> anyhow::Result<Host> {
    let chain = |steps: u32| {
        let node = |step: u32| {
            let before = if step == 0 { "0".to_owned() } else { format!("s{}", step - 1) };
            (format!("s{step}"), json!({ "kind": { "tool": "tool.add" }, "with": { "a": before, "b": "1" } }))
        };
        Value::Object((0..steps).map(node).collect::<Map<_, _>>())
    };
    let over = |width: u32, tool: &str, with: Value| {
        json!({
            "all": { "kind": { "map": { "over": "input", "body": "each", "width": width } } },
            "each": { "kind": { "tool": tool }, "with": with },
            "count": { "kind": { "value": "size(all)" } },
        })
    };
    let nothing = json!({ "end": { "kind": { "value": "0" } } });
    let workflows = [
        ("nothing", nothing),
        ("steps", chain(STEPS)),
        ("chain", chain(CHAIN)),
        ("fanout", over(FANOUT, "tool.add", json!({ "a": "item", "b": "1" }))),
        ("compute", over(BRANCHES, "tool.compute", json!({ "rounds": "item" }))),
    ];
    let mut builder = bench.builder(1_100)?;
    for (name, nodes) in workflows {
        let definition = json!({ "name": name, "context-bytes": 65536, "nodes": nodes });
        let agent = grants()?.iter().try_fold(AgentSpec::new(name, name), |agent, held| {
            anyhow::Ok(agent.grant(held.grant.to_string().parse()?))
        })?;
        builder = builder.plugin(PluginSpec::new(name, definition.to_string().into_bytes())).agent(agent);
    }
    if let Some(folder) = folder {
        let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(folder)?);
        builder = builder.durable(Durability::new(journal));
    }
    Ok(builder.build().await?)
}

/// Runs a workflow and returns how long it took, in microseconds.
async fn run(host: &Host, workflow: &str, input: Value) -> anyhow::Result<f64> {
    let began = now();
    host.start(RunSpec::agent(workflow, Json::from(input)))?.wait().await.result?;
    Ok(micros(began.elapsed()))
}

/// A step that calls a tool that only computes, and the same call from native code.
async fn step(bench: &mut Bench, host: &Host) -> anyhow::Result<()> {
    let (mut floor, mut steps) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let native = native_calls(host).await?;
        let empty = run(host, "nothing", Value::Null).await?;
        let all = run(host, "steps", Value::Null).await?;
        if round > 0 {
            floor.push(native);
            steps.push((all - empty) / f64::from(STEPS));
        }
    }
    let (floor, step) = (median(&floor), median(&steps));
    bench.summary.take("workflow_step_us", step, None, format!("of a chain of {STEPS} calls of a compute-only tool"));
    let note = format!("{step:.1} µs a step ÷ {floor:.1} µs the same call from a loop in Rust");
    bench.summary.take("workflow_step_ratio", step / floor, Some(1.3), note);
    Ok(())
}

/// A chain and a fan-out that are kept on disk, as a user waits for them.
async fn durable(bench: &mut Bench, plain: &Host, kept: &Host) -> anyhow::Result<()> {
    let items: Vec<u32> = (0..FANOUT).collect();
    let mut readings = [const { Vec::new() }; 4];
    for round in 0..ROUNDS {
        let took = [
            run(kept, "chain", Value::Null).await?,
            run(plain, "chain", Value::Null).await?,
            run(kept, "fanout", json!(items)).await?,
            run(plain, "fanout", json!(items)).await?,
        ];
        if round > 0 {
            readings.iter_mut().zip(took).for_each(|(readings, took)| readings.push(took / 1e3));
        }
    }
    let [chain, chain_plain, fanout, fanout_plain] = readings.map(|readings| median(&readings));
    let note = format!("ms durable, {chain_plain:.2} not kept; {:.1} µs a step", chain * 1e3 / f64::from(CHAIN));
    bench.summary.take("workflow_100_chain", chain, None, note);
    let note = format!("ms durable, {fanout_plain:.1} not kept; each of them a call of a tool");
    bench.summary.take("workflow_1000_fanout", fanout, None, note);
    Ok(())
}

/// Branches that compute, on all processors.
async fn share(bench: &mut Bench, host: &Host) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    let one = json!([COMPUTE]);
    let all: Vec<u64> = (0..BRANCHES).map(|_| COMPUTE).collect();
    let mut shares = Vec::new();
    for round in 0..12 {
        let alone = run(host, "compute", one.clone()).await?;
        let together = run(host, "compute", json!(all)).await?;
        if round > 0 {
            shares.push(alone * f64::from(BRANCHES) / cores as f64 / together);
        }
    }
    let note = format!("ideal ÷ measured of {BRANCHES} branches of compute on {cores} processors");
    bench.summary.take_at_least("parallel_efficiency", median(&shares), 0.85, note);
    Ok(())
}
