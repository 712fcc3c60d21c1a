// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a frame takes that is parked in a host call.

use std::time::Duration;

use priory::core::{Dimension, Effect, Failure, Json};
use priory::{Host, RunSpec};
use priory_bench::watch::resident_bytes;

use crate::{Bench, grants};

const FRAMES: u32 = 10_000;

pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let host = bench.host(FRAMES + 50).await?;
    park(&host, 10).await?;
    let before = resident_bytes();
    let parked = park(&host, FRAMES).await?;
    let per_frame = parked.saturating_sub(before) as f64 / f64::from(FRAMES);
    bench.summary.take(
        "idle_frame_bytes",
        per_frame,
        Some(65_536.0),
        format!("{FRAMES} frames asleep in a host call, resident memory"),
    );
    Ok(())
}

/// Parks frames and returns the resident memory while they are parked.
async fn park(host: &Host, frames: u32) -> anyhow::Result<u64> {
    let program = move |context: priory::Context| async move {
        let mut numbers = Vec::new();
        for _ in 0..frames {
            let arguments = Json::from_encoder(r#"{"milliseconds":25000}"#.to_owned());
            numbers.push(context.start(Effect::tool("tool.sleep", arguments))?);
        }
        for number in numbers {
            context.take(number).await?;
        }
        Ok::<_, Failure>(Json::null())
    };
    let limits = [(Dimension::TimeMs, 60_000)].into_iter().collect();
    let mut run = host.start(RunSpec::native("park", grants()?, program).limits(limits))?;
    tokio::time::sleep(Duration::from_secs(if frames > 100 { 12 } else { 1 })).await;
    let resident = resident_bytes();
    if frames > 100 {
        run.wait().await.result?;
    }
    Ok(resident)
}
