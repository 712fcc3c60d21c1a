// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a hundred spinning guests do to a well-behaved call beside them.

use std::time::Duration;

use priory::core::{Dimension, Json, LimitSpec};
use priory::{Host, RunSpec};
use priory_bench::watch::{micros, now, quantile};

use crate::Bench;

const SPINNERS: usize = 100;
const CALLS: usize = 600;
/// Rounds of the well-behaved call: about a millisecond of compute.
const ROUNDS: u64 = 100_000;

pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let host = bench.host(256).await?;
    let alone = latencies(&host).await?;
    let mut spinners =
        (0..SPINNERS).map(|_| host.start(spin()?).map_err(anyhow::Error::from)).collect::<anyhow::Result<Vec<_>>>()?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let beside = latencies(&host).await?;
    let mut burnt = 0;
    for spinner in &mut spinners {
        spinner.cancel();
        burnt += spinner.wait().await.usage.fuel;
    }
    let (p99_alone, p99_beside) = (quantile(&alone, 0.99), quantile(&beside, 0.99));
    let (p50_alone, p50_beside) = (quantile(&alone, 0.5), quantile(&beside, 0.5));
    let note = format!(
        "p99 {p99_beside:.0} µs beside {SPINNERS} spinners ÷ {p99_alone:.0} µs alone, not adjusted (median {p50_beside:.0} ÷ {p50_alone:.0}); they burnt {burnt} fuel meanwhile"
    );
    bench.summary.take("neighbour_p99_ratio", p99_beside / p99_alone, Some(3.0), note);
    Ok(())
}

fn spin() -> anyhow::Result<RunSpec> {
    let limits: LimitSpec = [(Dimension::TimeMs, 60_000)].into_iter().collect();
    Ok(RunSpec::tool("tool.compute", Json::parse(r#"{"rounds": 18446744073709551615}"#)?).limits(limits))
}

async fn latencies(host: &Host) -> anyhow::Result<Vec<f64>> {
    let mut readings = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let arguments = Json::from_encoder(format!("{{\"rounds\":{ROUNDS}}}"));
        let began = now();
        host.start(RunSpec::tool("tool.compute", arguments))?.wait().await.result?;
        readings.push(micros(began.elapsed()));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(readings)
}
