// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a call costs beside the bare runtime: from native code, from an agent, and a thousand at once.

use std::future::Future;

use priory::core::Json;
use priory::{Host, RunSpec};
use priory_bench::bare::Bare;
use priory_bench::watch::{median, micros, now};
use tokio::sync::oneshot;

use crate::{Bench, grants};

const ROUNDS: usize = 60;
const CALLS: u32 = 400;
const FANOUT: u32 = 1_000;
const FANOUT_ROUNDS: usize = 25;

pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let host = bench.host(1_100).await?;
    let bare = Bare::pooled(&bench.tool(), 1_100)?;
    let (mut floor, mut fresh, mut agent) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let readings = (bare_calls(&host, &bare).await?, native_calls(&host).await?, agent_calls(&host).await?);
        // The first round warms the caches of all three.
        if round > 0 {
            floor.push(readings.0);
            fresh.push(readings.1);
            agent.push(readings.2);
        }
    }
    let (floor, fresh, agent) = (median(&floor), median(&fresh), median(&agent));
    let note = format!("{fresh:.1} µs routed and fresh ÷ {floor:.1} µs bare");
    bench.summary.take("tool_call_fresh_ratio", fresh / floor, Some(1.5), note);
    bench.summary.take("tool_call_fresh_us", fresh, None, "grants, ledger and events included");
    let note = format!("{agent:.1} µs from inside an agent, JSON both ways ÷ {floor:.1} µs bare");
    bench.summary.take("agent_tool_call_ratio", agent / floor, Some(3.0), note);

    let (mut floor, mut fanout) = (Vec::new(), Vec::new());
    for round in 0..FANOUT_ROUNDS {
        let readings = (bare_fanout(&host, &bare).await?, agent_fanout(&host).await?);
        if round > 0 {
            floor.push(readings.0);
            fanout.push(readings.1);
        }
    }
    let (floor, fanout) = (median(&floor), median(&fanout));
    let note =
        format!("{:.1} ms for 1,000 calls of an agent ÷ {:.1} ms bare on the same threads", fanout / 1e3, floor / 1e3);
    bench.summary.take("fanout_1000_ratio", fanout / floor, Some(2.0), note);
    Ok(())
}

/// Runs something on a thread for guests, as the calls of a run are.
async fn on_compute<T: Send + 'static>(
    host: &Host,
    future: impl Future<Output = T> + Send + 'static,
) -> anyhow::Result<T> {
    let (sender, result) = oneshot::channel();
    let _task = host.compute().spawn(Box::pin(async move {
        // The receiver waits below.
        let _ = sender.send(future.await);
    }));
    Ok(result.await?)
}

async fn bare_calls(host: &Host, bare: &Bare) -> anyhow::Result<f64> {
    let bare = bare.clone();
    on_compute(host, async move {
        let began = now();
        for n in 0..CALLS {
            bare.add(n, 1).await?;
        }
        Ok(micros(began.elapsed()) / f64::from(CALLS))
    })
    .await?
}

pub(crate) async fn native_calls(host: &Host) -> anyhow::Result<f64> {
    let program = |context: priory::Context| async move {
        let began = now();
        for n in 0..CALLS {
            context.call_tool("tool.add", Json::from_encoder(format!("{{\"a\":{n},\"b\":1}}"))).await?;
        }
        let per_call = micros(began.elapsed()) / f64::from(CALLS);
        Json::of(&per_call).map_err(|error| priory::core::Failure::other(error.to_string()))
    };
    let end = host.start(RunSpec::native("bench", grants()?, program))?.wait().await;
    Ok(end.result?.output.read()?)
}

async fn run_agent(host: &Host, calls: u32, at_once: bool) -> anyhow::Result<f64> {
    let input = Json::from_encoder(format!("{{\"calls\":{calls},\"at_once\":{at_once}}}"));
    let began = now();
    host.start(RunSpec::agent("caller", input))?.wait().await.result?;
    Ok(micros(began.elapsed()))
}

/// What one more call costs an agent: the run with calls less the run without.
async fn agent_calls(host: &Host) -> anyhow::Result<f64> {
    let empty = run_agent(host, 0, false).await?;
    Ok((run_agent(host, CALLS, false).await? - empty) / f64::from(CALLS))
}

async fn agent_fanout(host: &Host) -> anyhow::Result<f64> {
    run_agent(host, FANOUT, true).await
}

async fn bare_fanout(host: &Host, bare: &Bare) -> anyhow::Result<f64> {
    let began = now();
    let mut calls = Vec::with_capacity(FANOUT as usize);
    for n in 0..FANOUT {
        let (bare, (sender, result)) = (bare.clone(), oneshot::channel());
        let task = host.compute().spawn(Box::pin(async move {
            let _ = sender.send(bare.add(n, 1).await);
        }));
        calls.push((task, result));
    }
    for (_task, result) in calls {
        result.await??;
    }
    Ok(micros(began.elapsed()))
}
