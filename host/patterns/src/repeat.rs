// SPDX-License-Identifier: MIT OR Apache-2.0
//! Again and again until it is good: the loop.

use serde_json::Value;

use crate::fault::Fault;
use crate::stop::{Stop, at_most};

/// Rounds of a loop.
pub const ROUNDS_MAX: usize = 10_000;

/// How often a loop may go round, and what it is worth when that was not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// How often at most.
    pub most: usize,
    /// Whether what the last round gave is the result when the condition never held.
    pub last_is_fine: bool,
}

/// Repeats `body` until `until` holds of what it gave.
///
/// `body` gets the number of the round, from 0, and what the round before gave: `first` in the beginning. `until` gets the
/// number of the round and what it gave.
pub async fn repeat<F, Body, Fut>(
    rounds: Rounds,
    first: Value,
    body: Body,
    mut until: impl FnMut(usize, &Value) -> Result<bool, F>,
) -> Result<Value, F>
where
    F: Fault,
    Body: Fn(usize, Value) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    at_most("rounds", rounds.most, ROUNDS_MAX).map_err(F::stopped)?;
    let mut last = first;
    for round in 0..rounds.most {
        last = body(round, last).await?;
        if until(round, &last)? {
            return Ok(last);
        }
    }
    if rounds.last_is_fine {
        Ok(last)
    } else {
        Err(F::stopped(Stop::TurnsSpent { pattern: "the loop", most: rounds.most }))
    }
}
