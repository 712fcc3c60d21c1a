// SPDX-License-Identifier: MIT OR Apache-2.0
//! What scripts put where all programs of a run see it.

use priory_core::state::{Merge, StateOp};
use priory_core::{Effect, Json};

/// Writes a number that depends on all that was told; into a set, several small ones, of which others write some too.
pub(super) fn write(told: u64, key: &str, merge: Merge, expected: Option<u64>) -> Effect {
    let value = match merge {
        Merge::Union => format!("[{},{},{told}]", told % 7, told % 11),
        Merge::Sum => (told % 1_000).to_string(),
        _ => told.to_string(),
    };
    let value = Json::from_encoder(value);
    Effect::State(StateOp::Write { key: key.to_owned(), value, merge, expected })
}

/// Returns some text that only one frame makes, or, now and then, one that others make too.
pub(super) fn content(told: u64) -> Vec<u8> {
    match told % 5 {
        0 => b"what everybody makes".to_vec(),
        _ => format!("told {told}").into_bytes(),
    }
}
