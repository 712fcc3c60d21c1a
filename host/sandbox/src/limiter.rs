// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a store may allocate, summed over everything in it.

use std::sync::Arc;

use priory_core::event::Label;
use priory_core::usage::Meter;
use priory_core::{Dimension, Failure, Limits};
use wasmtime::ResourceLimiter;

use crate::config::TABLE_ELEMENTS_MAX;
use crate::failure::Kill;

/// Counts the memories, tables and instances of one store.
///
/// A limit that is reached ends the frame instead of being told to the guest: few guests can do anything sensible
/// without memory, and what they do instead hides the cause.
pub(crate) struct Limiter {
    label: Label,
    meter: Arc<Meter>,
    memory: u64,
    memory_max: u64,
    tables: u64,
    tables_max: u64,
    instances_max: usize,
}

impl Limiter {
    pub(crate) fn new(label: Label, limits: &Limits, meter: Arc<Meter>) -> Self {
        Self {
            label,
            meter,
            memory: 0,
            memory_max: limits.get(Dimension::MemoryBytes),
            tables: 0,
            tables_max: limits.get(Dimension::TableElements),
            instances_max: limits.get_usize(Dimension::Instances),
        }
    }

    fn over(&self, dimension: Dimension, used: u64, allowed: u64) -> wasmtime::Error {
        Kill(Failure::limit(dimension, used, allowed, &self.label)).into()
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // What the module itself does not allow to itself is the module's own affair.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let total = self.memory.saturating_add((desired as u64).saturating_sub(current as u64));
        if total > self.memory_max {
            return Err(self.over(Dimension::MemoryBytes, total, self.memory_max));
        }
        self.memory = total;
        self.meter.set_memory(total.max(self.meter.memory()));
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // In a pool, what is told as a table's own maximum is never more than ours.
        if maximum.is_some_and(|maximum| desired > maximum && maximum < TABLE_ELEMENTS_MAX) {
            return Ok(false);
        }
        let total = self.tables.saturating_add((desired as u64).saturating_sub(current as u64));
        if total > self.tables_max {
            return Err(self.over(Dimension::TableElements, total, self.tables_max));
        }
        // Tables of the pool are no larger, and what is refused there could not be told from a guest's own maximum.
        if desired > TABLE_ELEMENTS_MAX {
            return Err(self.over(Dimension::TableElements, desired as u64, TABLE_ELEMENTS_MAX as u64));
        }
        self.tables = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.instances_max
    }

    fn memories(&self) -> usize {
        self.instances_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use priory_core::event::Program;
    use priory_core::{FramePath, LimitSpec};

    #[test]
    fn one_table_has_a_maximum_whatever_the_limit_is() {
        let limits: LimitSpec = [(Dimension::TableElements, 1_000_000)].into_iter().collect();
        let label = Label { path: FramePath::root(), program: Program::Native("test".into()) };
        let mut limiter = Limiter::new(label, &limits.over_defaults(), Arc::default());
        assert!(limiter.table_growing(0, TABLE_ELEMENTS_MAX, None).unwrap());
        assert!(limiter.table_growing(0, TABLE_ELEMENTS_MAX, None).unwrap());
        for maximum in [None, Some(TABLE_ELEMENTS_MAX), Some(TABLE_ELEMENTS_MAX + 1)] {
            let error = limiter.table_growing(0, TABLE_ELEMENTS_MAX + 1, maximum).unwrap_err();
            let Some(Kill(Failure::Limit(hit))) = error.downcast_ref() else { panic!("{error}") };
            assert_eq!((hit.dimension, hit.used, hit.allowed), (Dimension::TableElements, 100_001, 100_000));
        }
        assert!(!limiter.table_growing(0, TABLE_ELEMENTS_MAX + 1, Some(10)).unwrap(), "the guest's own affair");
    }
}
