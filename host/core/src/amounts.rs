// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a budget is made of: the amounts that frames share and spend together.

use serde::{Deserialize, Serialize};

use crate::limits::Dimension;

/// Amounts of everything that a run spends from one purse.
///
/// Fuel, calls and bytes are used up; memory is held by a frame while it lives and then given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Amounts {
    /// Compute, in fuel.
    pub fuel: u64,
    /// Linear memory held at once, in bytes.
    pub memory_bytes: u64,
    /// Effects.
    pub calls: u64,
    /// Results, in bytes.
    pub bytes: u64,
}

impl Amounts {
    /// No bound on anything.
    pub const UNBOUNDED: Self = Self { fuel: u64::MAX, memory_bytes: u64::MAX, calls: u64::MAX, bytes: u64::MAX };

    /// Returns the sum, or `None` where it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            fuel: self.fuel.checked_add(other.fuel)?,
            memory_bytes: self.memory_bytes.checked_add(other.memory_bytes)?,
            calls: self.calls.checked_add(other.calls)?,
            bytes: self.bytes.checked_add(other.bytes)?,
        })
    }

    /// Returns the difference, nothing below zero.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self {
            fuel: self.fuel.saturating_sub(other.fuel),
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
            calls: self.calls.saturating_sub(other.calls),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    /// Returns the sum, nothing above the largest number.
    pub fn saturating_add(self, other: Self) -> Self {
        Self {
            fuel: self.fuel.saturating_add(other.fuel),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            calls: self.calls.saturating_add(other.calls),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// Returns the smaller of each.
    pub fn min(self, other: Self) -> Self {
        Self {
            fuel: self.fuel.min(other.fuel),
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            calls: self.calls.min(other.calls),
            bytes: self.bytes.min(other.bytes),
        }
    }

    /// Returns the first dimension in which this is more than `other`, with both amounts.
    pub fn first_over(self, other: Self) -> Option<(Dimension, u64, u64)> {
        [
            (Dimension::Fuel, self.fuel, other.fuel),
            (Dimension::MemoryBytes, self.memory_bytes, other.memory_bytes),
            (Dimension::Calls, self.calls, other.calls),
            (Dimension::TotalBytes, self.bytes, other.bytes),
        ]
        .into_iter()
        .find(|(_, have, most)| have > most)
    }
}

/// What a manifest says of a budget; what it leaves out is not bounded by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BudgetSpec {
    /// Compute, in fuel.
    pub fuel: Option<u64>,
    /// Linear memory held at once, in bytes.
    pub memory_bytes: Option<u64>,
    /// Effects.
    pub calls: Option<u64>,
    /// Results, in bytes.
    pub bytes: Option<u64>,
}

impl BudgetSpec {
    /// Tells whether it bounds nothing.
    pub fn is_unbounded(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the amounts, with no bound where nothing is said.
    pub fn amounts(self) -> Amounts {
        Amounts {
            fuel: self.fuel.unwrap_or(u64::MAX),
            memory_bytes: self.memory_bytes.unwrap_or(u64::MAX),
            calls: self.calls.unwrap_or(u64::MAX),
            bytes: self.bytes.unwrap_or(u64::MAX),
        }
    }
}
