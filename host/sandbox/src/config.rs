// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the runtime is set up: the same for every frame of a host.

use std::path::PathBuf;

use wasmtime::component::Component;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::error::Error;

/// Bytes of WebAssembly stack of every frame.
pub const STACK_BYTES: usize = 512 << 10;
/// Bytes of native stack that a frame's fiber has: its WebAssembly stack and room for host calls.
const FIBER_BYTES: usize = STACK_BYTES + (512 << 10);
/// Address space of one memory. With all 4 GiB reserved, compiled code needs no bounds checks.
const MEMORY_RESERVATION: u64 = 4 << 30;
/// Elements that one table may ever have: what is asked of a frame's tables together where nobody says anything.
/// JavaScript guests need 7,690.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Core instances of one component of the pool; a Rust guest takes up to four, a Python guest up to 38.
pub const INSTANCES_MAX: u32 = 64;
/// Memories of one component of the pool: one for each program that was composed into it.
pub const MEMORIES_MAX: u32 = 16;
/// Tables of one component of the pool.
pub const TABLES_MAX: u32 = 32;
/// Memories of every slot. Address space is what they cost, so those that need more take a large place too.
const MEMORIES_PER_SLOT: u32 = 1;
/// Tables of every slot.
const TABLES_PER_SLOT: u32 = 4;
/// One of so many slots, at least, may be of a frame that has a large place.
const SLOTS_PER_LARGE: u32 = 16;
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
    /// How deep frames may be nested, at most, and less than `frames_max`; the room for deeper frames is kept free for
    /// them.
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

impl SandboxConfig {
    /// Returns how many frames at once may need more of the pool than a slot has: at least one for each level, so that
    /// they never wait in a circle.
    pub(crate) fn large_max(&self) -> u32 {
        let levels = self.depth_max.saturating_add(1);
        self.frames_max.div_euclid(SLOTS_PER_LARGE).max(levels).min(self.frames_max)
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

/// Makes the engine, and tells whether it has a pool of sandboxes: where that is wanted and the machine has the
/// address space.
pub(crate) fn engine(config: &SandboxConfig) -> Result<(Engine, bool), Error> {
    if config.has_pool {
        let mut pooled = engine_config();
        pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
        match Engine::new(&pooled) {
            Ok(engine) => return Ok((engine, true)),
            Err(error) => {
                tracing::warn!(%error, "no pool of sandboxes on this machine, each is allocated when it is needed");
            }
        }
    }
    Ok((Engine::new(&engine_config()).map_err(Error::Runtime)?, false))
}

/// Returns the pool of sandboxes. It has all that the frames could take that have a slot, those with a large place
/// included: so nobody fails because others were there first.
pub fn pool(config: &SandboxConfig) -> PoolingAllocationConfig {
    let frames = config.frames_max;
    let total = |per_slot: u32, most: u32| {
        frames.saturating_mul(per_slot).saturating_add(config.large_max().saturating_mul(most.saturating_sub(per_slot)))
    };
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(frames)
        .total_stacks(frames)
        // Only a number: it costs nothing to have as many as could be taken.
        .total_core_instances(frames.saturating_mul(INSTANCES_MAX))
        .total_memories(total(MEMORIES_PER_SLOT, MEMORIES_MAX))
        .total_tables(total(TABLES_PER_SLOT, TABLES_MAX))
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(8)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(MEMORY_RESERVATION as usize)
        .linear_memory_keep_resident(MEMORY_KEPT)
        .table_keep_resident(TABLE_KEPT)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Tells whether the frames of a component need more of the pool than a slot has.
pub(crate) fn is_large(component: &Component) -> bool {
    // What cannot be known is taken to be much.
    component
        .resources_required()
        .is_none_or(|needs| needs.num_memories > MEMORIES_PER_SLOT || needs.num_tables > TABLES_PER_SLOT)
}

/// Returns what a component wants too much of, where that is why it was refused. The runtime has no type for it;
/// `tests/it` holds the texts to it.
pub(crate) fn demand(refusal: &str) -> Option<String> {
    if !refusal.contains("in the pooling allocator") && !refusal.contains("pooling allocator requirements") {
        return None;
    }
    let counted = [
        ("contains", " core module instances", "core instances", u64::from(INSTANCES_MAX)),
        ("contains", " Wasm linear memories", "memories", u64::from(MEMORIES_MAX)),
        ("contains", " tables", "tables", u64::from(TABLES_MAX)),
        ("minimum element size of", " which", "elements of one table", TABLE_ELEMENTS_MAX as u64),
    ];
    let found = counted.into_iter().find_map(|(before, after, what, most)| {
        let number = refusal.split_once(before)?.1.split_once(after)?.0.trim().parse::<u64>().ok()?;
        Some(format!("{number} {what} ({most} are the most)"))
    });
    Some(found.unwrap_or_else(|| format!("more at once ({refusal})")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use priory_core::Dimension;

    #[test]
    fn what_a_frame_may_have_by_default_is_there() {
        assert!(Dimension::TableElements.default_max() <= TABLE_ELEMENTS_MAX as u64);
        assert_eq!(Dimension::Instances.default_max(), u64::from(INSTANCES_MAX));
    }

    #[test]
    fn large_places_are_left_for_every_level() {
        for (frames_max, depth_max, large_max) in [(1_000, 16, 62), (64, 16, 17), (8, 7, 8), (1, 0, 1)] {
            let config = SandboxConfig { frames_max, depth_max, ..SandboxConfig::default() };
            assert_eq!(config.large_max(), large_max);
        }
    }
}
