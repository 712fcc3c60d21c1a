// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures that Priory is held to. `cargo bench` prints them; `cargo bench -- NAME` measures those whose group
//! begins with a name.

#[path = "figures/calls.rs"]
mod calls;
#[path = "figures/cold.rs"]
mod cold;
#[path = "figures/fuel.rs"]
mod fuel;
#[path = "figures/idle.rs"]
mod idle;
#[path = "figures/neighbour.rs"]
mod neighbour;

use std::path::PathBuf;

use priory::core::amounts::BudgetSpec;
use priory::core::{Dimension, GrantSet};
use priory::{AgentSpec, Host, PluginSpec};
use priory_bench::guests;
use priory_bench::summary::Summary;

/// The allocator of the binary `priory`, for the floor and for Priory alike.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What every group of figures is given.
struct Bench {
    /// Where the components are.
    components: PathBuf,
    summary: Summary,
}

impl Bench {
    /// Returns the path of the tool.
    fn tool(&self) -> PathBuf {
        self.components.join("bench_tool.wasm")
    }

    /// Builds a host with the tool and the agent.
    async fn host(&self, frames_max: u32) -> anyhow::Result<Host> {
        let agent = AgentSpec::new("caller", "agent").grant("tool=tool.*".parse()?);
        // So many calls at once are more than the defaults allow.
        let limits = [(Dimension::Pending, 20_000), (Dimension::Calls, 100_000)].into_iter().collect();
        let budget = BudgetSpec { fuel: Some(u64::MAX), memory_bytes: Some(u64::MAX), ..BudgetSpec::default() };
        let host = Host::builder()
            .limits(limits)
            .budget(budget)
            .frames_max(frames_max)
            .plugin(PluginSpec::file("tool", self.tool())?)
            .plugin(PluginSpec::file("agent", self.components.join("bench_agent.wasm"))?)
            .agent(agent);
        Ok(host.build().await?)
    }
}

/// Returns the grants of native code that calls the tool.
fn grants() -> anyhow::Result<GrantSet> {
    let grant: priory::core::Grant = "tool=tool.*".parse()?;
    Ok([grant].into_iter().collect())
}

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` and `cargo bench` pass flags of the standard harness.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if std::env::args().any(|argument| argument == "--test") || cfg!(debug_assertions) {
        println!("benchmarks are measured by `cargo bench`");
        return Ok(());
    }
    let wanted = |group: &str| arguments.is_empty() || arguments.iter().any(|name| group.starts_with(name.as_str()));
    let mut bench = Bench { components: guests::build()?, summary: Summary::default() };
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    if wanted("calls") {
        io.block_on(calls::measure(&mut bench))?;
    }
    if wanted("neighbour") {
        io.block_on(neighbour::measure(&mut bench))?;
    }
    if wanted("cold") {
        cold::measure(&mut bench)?;
    }
    if wanted("idle") {
        io.block_on(idle::measure(&mut bench))?;
    }
    if wanted("fuel") {
        io.block_on(fuel::measure(&mut bench))?;
    }
    bench.summary.write()
}
