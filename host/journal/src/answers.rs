// SPDX-License-Identifier: MIT OR Apache-2.0
//! What both stores know of kept answers: how many there may be.

use priory_core::Json;
use priory_core::journal::JournalError;

/// How many answers are kept. Beyond, the oldest go.
pub(crate) const COUNT_MAX: u64 = 10_000;

/// How many bytes the kept answers have together. Beyond, the oldest go.
pub(crate) const BYTES_MAX: u64 = 64 << 20;

/// How long one answer may be, in bytes: the longest that a model gives today has a quarter of it.
pub(crate) const ANSWER_BYTES_MAX: u64 = 2 << 20;

/// Refuses an answer that is too long to be kept.
pub(crate) fn check(answer: &Json) -> Result<(), JournalError> {
    match answer.byte_len() {
        bytes if bytes > ANSWER_BYTES_MAX => {
            Err(JournalError::TooLarge { what: "an answer of a model".into(), bytes, most: ANSWER_BYTES_MAX })
        }
        _ => Ok(()),
    }
}
