// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a budget is made of: the amounts that frames share and spend together.

use serde::{Deserialize, Serialize};

use crate::limits::Dimension;

/// Amounts of everything that a run spends from one purse.
///
/// Memory is held by a frame while it lives and then given back; everything else is used up.
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
    /// Tokens that models read.
    pub tokens_in: u64,
    /// Tokens that models write.
    pub tokens_out: u64,
    /// Money for models, in micro-dollars.
    pub money_microusd: u64,
}

impl Amounts {
    /// No bound on anything.
    pub const UNBOUNDED: Self = Self {
        fuel: u64::MAX,
        memory_bytes: u64::MAX,
        calls: u64::MAX,
        bytes: u64::MAX,
        tokens_in: u64::MAX,
        tokens_out: u64::MAX,
        money_microusd: u64::MAX,
    };

    /// Returns the sum, or `None` where it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            fuel: self.fuel.checked_add(other.fuel)?,
            memory_bytes: self.memory_bytes.checked_add(other.memory_bytes)?,
            calls: self.calls.checked_add(other.calls)?,
            bytes: self.bytes.checked_add(other.bytes)?,
            tokens_in: self.tokens_in.checked_add(other.tokens_in)?,
            tokens_out: self.tokens_out.checked_add(other.tokens_out)?,
            money_microusd: self.money_microusd.checked_add(other.money_microusd)?,
        })
    }

    /// Returns the difference, nothing below zero.
    pub fn saturating_sub(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }

    /// Returns the sum, nothing above the largest number.
    pub fn saturating_add(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// Returns the smaller of each.
    pub fn min(self, other: Self) -> Self {
        self.each(other, u64::min)
    }

    fn each(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            fuel: of(self.fuel, other.fuel),
            memory_bytes: of(self.memory_bytes, other.memory_bytes),
            calls: of(self.calls, other.calls),
            bytes: of(self.bytes, other.bytes),
            tokens_in: of(self.tokens_in, other.tokens_in),
            tokens_out: of(self.tokens_out, other.tokens_out),
            money_microusd: of(self.money_microusd, other.money_microusd),
        }
    }

    /// Returns the first dimension in which this is more than `other`, with both amounts.
    pub fn first_over(self, other: Self) -> Option<(Dimension, u64, u64)> {
        [
            (Dimension::Fuel, self.fuel, other.fuel),
            (Dimension::MemoryBytes, self.memory_bytes, other.memory_bytes),
            (Dimension::Calls, self.calls, other.calls),
            (Dimension::TotalBytes, self.bytes, other.bytes),
            (Dimension::TokensIn, self.tokens_in, other.tokens_in),
            (Dimension::TokensOut, self.tokens_out, other.tokens_out),
            (Dimension::MoneyMicrousd, self.money_microusd, other.money_microusd),
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
    /// Tokens that models read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_in: Option<u64>,
    /// Tokens that models write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_out: Option<u64>,
    /// Money for models, in micro-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money_microusd: Option<u64>,
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
            tokens_in: self.tokens_in.unwrap_or(u64::MAX),
            tokens_out: self.tokens_out.unwrap_or(u64::MAX),
            money_microusd: self.money_microusd.unwrap_or(u64::MAX),
        }
    }
}

/// What all runs of a data folder may spend on models in one day, which is a day in UTC; what is left out is not bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct QuotaSpec {
    /// Tokens that models read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_in: Option<u64>,
    /// Tokens that models write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_out: Option<u64>,
    /// Money for models, in micro-dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money_microusd: Option<u64>,
}

impl QuotaSpec {
    /// Tells whether it bounds nothing.
    pub fn is_unbounded(&self) -> bool {
        *self == Self::default()
    }
}
