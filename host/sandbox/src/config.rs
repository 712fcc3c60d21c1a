// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the runtime is set up: the same for every frame of a host.

use std::path::PathBuf;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::Error;

/// Bytes of WebAssembly stack of every frame.
pub const STACK_BYTES: usize = 512 << 10;
/// Bytes of native stack that a frame's fiber has: its WebAssembly stack and room for host calls.
const FIBER_BYTES: usize = STACK_BYTES + (512 << 10);
/// Address space of one memory. With all 4 GiB reserved, compiled code needs no bounds checks.
const MEMORY_RESERVATION: u64 = 4 << 30;
/// Elements of one pooled table; JavaScript guests need 7,690.
const TABLE_ELEMENTS: usize = 20_000;
/// Core instances for each frame, on average: a Rust guest takes up to four, a Python guest up to 38.
const CORE_INSTANCES_PER_FRAME: u32 = 6;
/// Memories for each frame, on average.
const MEMORIES_PER_FRAME: u32 = 1;
/// Tables for each frame, on average.
const TABLES_PER_FRAME: u32 = 4;
/// Slack for the few guests that take more than the average.
const SLACK: u32 = 64;
/// Memory of a slot that stays resident from one frame to the next, so that a small guest costs no page fault.
const MEMORY_KEPT: usize = 2 << 20;
/// Table of a slot that stays resident.
const TABLE_KEPT: usize = 64 << 10;

/// How a sandbox is set up.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// How many frames may have a sandbox at once; more wait.
    pub frames_max: u32,
    /// Whether sandboxes come from a pool: setting it up costs time and address space once, and makes every frame cheap.
    /// A process that runs few frames is faster without.
    pub has_pool: bool,
    /// How deep frames may be nested, at most; the room for deeper frames is kept free for them.
    pub depth_max: u32,
    /// How large a component may be, in bytes.
    pub component_bytes_max: u64,
    /// How many components are compiled at once: compiling strangers' code is work that strangers make.
    pub compilations_max: usize,
    /// Where compiled code is kept; `None` keeps none.
    pub cache_dir: Option<PathBuf>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            frames_max: 1_000,
            has_pool: true,
            depth_max: 16,
            component_bytes_max: 64 << 20,
            compilations_max: 2,
            cache_dir: None,
        }
    }
}

/// Makes the settings under which code is compiled and run. They decide what compiled code is compatible with.
///
/// Guests are interrupted by fuel alone: epochs would be a second check at every loop that decides nothing, since a
/// guest that yields by fuel is cut by its deadline at the next slice.
pub fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .consume_fuel(true)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .max_wasm_stack(STACK_BYTES)
        .async_stack_size(FIBER_BYTES)
        .memory_reservation(MEMORY_RESERVATION);
    config
}

/// Makes the engine: with a pool of sandboxes where the machine has the address space, without where it has not.
pub(crate) fn engine(config: &SandboxConfig) -> Result<Engine, Error> {
    if !config.has_pool {
        return Engine::new(&engine_config()).map_err(Error::Runtime);
    }
    let mut pooled = engine_config();
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config.frames_max)));
    match Engine::new(&pooled) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            tracing::warn!(%error, "no pool of sandboxes on this machine, each is allocated when it is needed");
            Engine::new(&engine_config()).map_err(Error::Runtime)
        }
    }
}

/// Returns the pool of sandboxes for a number of frames.
pub fn pool(frames_max: u32) -> PoolingAllocationConfig {
    let per_frame = |count: u32| frames_max.saturating_mul(count).saturating_add(SLACK);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(frames_max)
        .total_stacks(frames_max)
        .total_core_instances(per_frame(CORE_INSTANCES_PER_FRAME))
        .total_memories(per_frame(MEMORIES_PER_FRAME))
        .total_tables(per_frame(TABLES_PER_FRAME))
        .max_tables_per_module(8)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(MEMORY_RESERVATION as usize)
        .linear_memory_keep_resident(MEMORY_KEPT)
        .table_keep_resident(TABLE_KEPT)
        .pagemap_scan(Enabled::Auto);
    pool
}
