// SPDX-License-Identifier: MIT OR Apache-2.0
//! Serves the provider of the benchmarks on a port of loopback, for the scripts of the peers: `provider PORT`.

use anyhow::Context;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).context("a port is expected")?.parse::<u16>().context("a port is expected")?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}/v1", listener.local_addr()?);
    priory_bench::provider::serve(listener).await?;
    Ok(())
}
