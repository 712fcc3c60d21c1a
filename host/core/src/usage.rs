// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a frame has used.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::amounts::Amounts;

/// What a frame, or a whole subtree of frames, has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Usage {
    /// Fuel burnt.
    pub fuel: u64,
    /// The largest number of bytes of linear memory that one frame held at once.
    pub memory_bytes: u64,
    /// Time spent computing, in microseconds.
    pub compute_us: u64,
    /// Time spent not computing (waiting for the host or for a processor), in microseconds.
    pub wait_us: u64,
    /// Effects performed.
    pub calls: u64,
    /// Bytes of results.
    pub bytes: u64,
    /// Tokens that models read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tokens_in: u64,
    /// Tokens that models wrote.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tokens_out: u64,
    /// What models cost, in micro-dollars.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub money_microusd: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Usage {
    /// Returns what of it is spent from a budget; memory was given back.
    pub fn amounts(self) -> Amounts {
        Amounts {
            fuel: self.fuel,
            memory_bytes: 0,
            calls: self.calls,
            bytes: self.bytes,
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
            money_microusd: self.money_microusd,
        }
    }

    /// Adds what a child used. Memory is a peak; waiting is not added, since a parent waits anyway.
    pub fn absorb(&mut self, child: Self) {
        self.fuel = self.fuel.saturating_add(child.fuel);
        self.memory_bytes = self.memory_bytes.max(child.memory_bytes);
        self.compute_us = self.compute_us.saturating_add(child.compute_us);
        self.calls = self.calls.saturating_add(child.calls);
        self.bytes = self.bytes.saturating_add(child.bytes);
        self.tokens_in = self.tokens_in.saturating_add(child.tokens_in);
        self.tokens_out = self.tokens_out.saturating_add(child.tokens_out);
        self.money_microusd = self.money_microusd.saturating_add(child.money_microusd);
    }
}

/// What a sandbox writes while a frame runs and its host reads at any time.
///
/// The sandbox is the only writer; the engine and whoever shows progress read. It outlives the sandbox, so
/// a frame that is cut still has a usage.
#[derive(Debug, Default)]
pub struct Meter {
    fuel: AtomicU64,
    memory_bytes: AtomicU64,
    compute_ns: AtomicU64,
}

impl Meter {
    /// Sets the fuel burnt so far.
    pub fn set_fuel(&self, fuel: u64) {
        self.fuel.store(fuel, Ordering::Relaxed);
    }

    /// Returns the fuel burnt so far.
    pub fn fuel(&self) -> u64 {
        self.fuel.load(Ordering::Relaxed)
    }

    /// Sets the peak of memory.
    pub fn set_memory(&self, bytes: u64) {
        self.memory_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Returns the peak of memory.
    pub fn memory(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Adds time spent computing.
    pub fn add_compute_ns(&self, ns: u64) {
        self.compute_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Returns the time spent computing, in nanoseconds.
    pub fn compute_ns(&self) -> u64 {
        self.compute_ns.load(Ordering::Relaxed)
    }
}
