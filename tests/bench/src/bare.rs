// SPDX-License-Identifier: MIT OR Apache-2.0
//! The floor: wasmtime with the same engine settings, and nothing around it.

use std::path::Path;

use priory_sandbox::SandboxConfig;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// What a bare store carries: WASI, which the guest imports.
pub struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl Default for State {
    fn default() -> Self {
        Self { wasi: WasiCtx::builder().build(), table: ResourceTable::new() }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The tool of the benchmarks, ready to be instantiated.
#[derive(Clone)]
pub struct Bare {
    engine: Engine,
    pre: InstancePre<State>,
    add: ComponentExportIndex,
    compute: ComponentExportIndex,
    has_fuel: bool,
}

impl Bare {
    /// Makes the tool ready on an engine of the host's own settings, with a pool for some frames.
    pub fn pooled(tool: &Path, frames_max: u32) -> wasmtime::Result<Self> {
        let mut config = priory_sandbox::config::engine_config();
        let sandbox = SandboxConfig { frames_max, ..SandboxConfig::default() };
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(priory_sandbox::config::pool(&sandbox)));
        Self::with_config(&config, tool, true)
    }

    /// Makes the tool ready on an engine of any settings.
    pub fn with_config(config: &Config, tool: &Path, has_fuel: bool) -> wasmtime::Result<Self> {
        let engine = Engine::new(config)?;
        let component = Component::from_file(&engine, tool)?;
        Self::new(&engine, &component, has_fuel)
    }

    /// Makes a component ready.
    pub fn new(engine: &Engine, component: &Component, has_fuel: bool) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        let interface = component.get_export_index(None, "bench:tool/tool@0.1.0");
        let function = |name| {
            let index = component.get_export_index(interface.as_ref(), name);
            index.ok_or_else(|| wasmtime::format_err!("the guest does not export `{name}`"))
        };
        let (add, compute) = (function("add")?, function("compute")?);
        Ok(Self { engine: engine.clone(), pre: linker.instantiate_pre(component)?, add, compute, has_fuel })
    }

    fn store(&self) -> wasmtime::Result<Store<State>> {
        let mut store = Store::new(&self.engine, State::default());
        if self.has_fuel {
            store.set_fuel(1_000_000_000_000)?;
            store.fuel_async_yield_interval(Some(100_000))?;
        }
        Ok(store)
    }

    /// Instantiates and calls `add`.
    pub async fn add(&self, a: u32, b: u32) -> wasmtime::Result<u32> {
        let mut store = self.store()?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let add = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, self.add)?;
        Ok(add.call_async(&mut store, (a, b)).await?.0)
    }

    /// Instantiates and calls `compute`.
    pub async fn compute(&self, rounds: u64) -> wasmtime::Result<u64> {
        let mut store = self.store()?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let compute = instance.get_typed_func::<(u64,), (u64,)>(&mut store, self.compute)?;
        Ok(compute.call_async(&mut store, (rounds,)).await?.0)
    }
}
