// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was spent on models, by whom.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::completion::TokenUsage;
use crate::id::{FramePath, IdError, RunId};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What one step of a frame spent on a model: an event of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Spent {
    /// The model, by its name in the manifest.
    pub model: Arc<str>,
    /// Who provides it.
    pub provider: Arc<str>,
    /// What the answer took, and what attempts took that gave none.
    pub usage: TokenUsage,
    /// What that cost, in micro-dollars.
    pub microusd: u64,
    /// How many attempts there were.
    pub attempts: u32,
    /// Whether there was an answer.
    pub is_answered: bool,
    /// Whether the answer was lost on the way, and the same model is asked again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_asked_again: bool,
    /// Whether somebody has to be paid: not for what comes from a recorded run.
    pub is_paid: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Names what one step of a frame spends on one model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExpenseKey {
    /// The run.
    pub run: RunId,
    /// The frame.
    pub frame: FramePath,
    /// The position among the effects of the frame.
    pub step: u32,
    /// Which of the models that the step asked, from 0.
    pub turn: u32,
}

/// An amount that is kept across runs: set aside before a provider is asked, and put right afterwards. An expense with the
/// same key takes the place of the one before, so nothing is counted twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expense {
    /// What it is for.
    pub key: ExpenseKey,
    /// On which day, counted from 1970 in UTC.
    pub day: u32,
    /// What the frame executes, such as `agent researcher`.
    pub program: String,
    /// The model.
    pub model: Arc<str>,
    /// Who provides it.
    pub provider: Arc<str>,
    /// Tokens.
    pub usage: TokenUsage,
    /// Micro-dollars.
    pub microusd: u64,
    /// Whether it is known, and no longer set aside.
    pub is_settled: bool,
}

/// By what expenses are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupBy {
    /// By day.
    Day,
    /// By model.
    Model,
    /// By what the frames execute.
    Program,
    /// By run.
    Run,
}

/// Which expenses are summed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpenseQuery {
    /// From this day on.
    pub since_day: u32,
    /// Up to this day.
    pub until_day: u32,
    /// By what.
    pub by: GroupBy,
    /// How many sums at most, the dearest first.
    pub most: usize,
}

/// A sum of expenses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExpenseTotal {
    /// Of what: a day as `2026-11-21`, a model, a program, or a run.
    pub of: String,
    /// How many requests.
    pub requests: u64,
    /// Tokens.
    pub usage: TokenUsage,
    /// Micro-dollars.
    pub microusd: u64,
}

/// Returns the day of a time in milliseconds since 1970, in UTC.
pub fn day_of(unix_ms: u64) -> u32 {
    u32::try_from(unix_ms / DAY_MS).unwrap_or(u32::MAX)
}

// === impl GroupBy ===

impl GroupBy {
    /// Every way, with its name.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Day, "day"), (Self::Model, "model"), (Self::Program, "program"), (Self::Run, "run")];
}

impl fmt::Display for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(by, _)| by == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for GroupBy {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(by, _)| *by).ok_or_else(|| IdError {
            text: text.chars().take(80).collect(),
            kind: "way to sum expenses",
            expected: "day, model, program or run",
        })
    }
}
