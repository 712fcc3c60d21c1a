// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may still be spent.

use crate::bindings::priory::agent::budget;

pub use crate::bindings::priory::agent::budget::Remaining;
pub use crate::bindings::priory::agent::types::Usage;

/// Returns what is left for this agent and everything that it calls.
pub fn left() -> Remaining {
    budget::left()
}

/// Returns what this agent and everything that it called have used so far.
pub fn used() -> Usage {
    budget::used()
}
