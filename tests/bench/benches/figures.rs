// SPDX-License-Identifier: MIT OR Apache-2.0
//! The figures that Priory is held to. `cargo bench` prints them; `cargo bench -- NAME` measures those whose group
//! begins with a name.

#[path = "figures/calls.rs"]
mod calls;
#[path = "figures/cold.rs"]
mod cold;
#[path = "figures/durable.rs"]
mod durable;
#[path = "figures/fuel.rs"]
mod fuel;
#[path = "figures/idle.rs"]
mod idle;
#[path = "figures/models.rs"]
mod models;
#[path = "figures/neighbour.rs"]
mod neighbour;
#[path = "figures/parked.rs"]
mod parked;
#[path = "figures/raw.rs"]
mod raw;
#[path = "figures/resumed.rs"]
mod resumed;
#[path = "figures/workflow.rs"]
mod workflow;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use priory::core::amounts::BudgetSpec;
use priory::core::http::{HttpRequest, HttpResponse};
use priory::core::ports::{BoxFuture, Http};
use priory::core::{Dimension, Failure, GrantSet};
use priory::{AgentSpec, Builder, Host, PluginSpec};
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
        Ok(self.builder(frames_max)?.build().await?)
    }

    /// Begins a host with the tool and the agent.
    fn builder(&self, frames_max: u32) -> anyhow::Result<Builder> {
        let grants = ["tool=tool.*", "http=POST http://service.example/*", "human", "sleep"];
        let agent = AgentSpec::new("caller", "agent");
        let agent = grants.into_iter().try_fold(agent, |agent, grant| anyhow::Ok(agent.grant(grant.parse()?)))?;
        // So many calls at once are more than the defaults allow.
        let more = [(Dimension::Pending, 20_000), (Dimension::Calls, 100_000), (Dimension::Fuel, 1_000_000_000_000)];
        let limits = more.into_iter().chain([(Dimension::TimeMs, 120_000)]).collect();
        let budget = BudgetSpec { fuel: Some(u64::MAX), memory_bytes: Some(u64::MAX), ..BudgetSpec::default() };
        Ok(Host::builder()
            .limits(limits)
            .budget(budget)
            .frames_max(frames_max)
            .plugin(PluginSpec::file("tool", self.tool())?)
            .plugin(PluginSpec::file("agent", self.components.join("bench_agent.wasm"))?)
            .agent(agent)
            .cache_dir(guests::workspace().join("target/bench/cache"))
            .http(Arc::new(Service)))
    }
}

/// The service that the agent posts to: it answers at once, so that only the host is measured.
struct Service;

impl Http for Service {
    fn send<'a>(
        &'a self,
        _: &'a HttpRequest,
        _: u64,
        _: &'a (dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
    ) -> BoxFuture<'a, Result<HttpResponse, Failure>> {
        Box::pin(async { Ok(HttpResponse { status: 200, headers: Vec::new(), body: b"{\"ok\":true}".to_vec() }) })
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
    if let Some(folder) = std::env::var_os(resumed::CHILD) {
        return resumed::child(folder.as_ref());
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
    if wanted("durable-inside") {
        io.block_on(durable::inside(&mut bench))?;
    }
    if wanted("durable-external") {
        io.block_on(durable::external(&mut bench))?;
    }
    if wanted("resumed") {
        io.block_on(resumed::measure(&mut bench))?;
    }
    if wanted("parked") {
        io.block_on(parked::measure(&mut bench))?;
    }
    if wanted("workflow") {
        io.block_on(workflow::measure(&mut bench))?;
    }
    if wanted("models") {
        io.block_on(models::measure(&mut bench))?;
    }
    if wanted("fuel") {
        io.block_on(fuel::measure(&mut bench))?;
    }
    bench.summary.write()
}
