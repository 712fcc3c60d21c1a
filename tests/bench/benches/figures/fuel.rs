// SPDX-License-Identifier: MIT OR Apache-2.0
//! What fuel and canonical NaNs cost a guest that only computes.

use priory_bench::bare::Bare;
use priory_bench::watch::{median, micros, now};
use priory_sandbox::config::engine_config;

use crate::Bench;

const ROUNDS: usize = 15;
const WORK: u64 = 2_000_000;

pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let tool = bench.tool();
    let ours = Bare::with_config(&engine_config(), &tool, true)?;
    let mut free = engine_config();
    free.consume_fuel(false).cranelift_nan_canonicalization(false);
    let free = Bare::with_config(&free, &tool, false)?;
    let (mut floors, mut metered) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floors.push(time(&free).await?);
        metered.push(time(&ours).await?);
    }
    let (floor, metered) = (median(&floors), median(&metered));
    let note = format!(
        "{:.1} ms with fuel and canonical NaNs ÷ {:.1} ms without; epochs are not used",
        metered / 1e3,
        floor / 1e3
    );
    bench.summary.take("fuel_overhead_ratio", metered / floor, None, note);
    Ok(())
}

async fn time(bare: &Bare) -> anyhow::Result<f64> {
    let began = now();
    bare.compute(WORK).await?;
    Ok(micros(began.elapsed()))
}
