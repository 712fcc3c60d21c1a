// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only this format has.

use super::case::Case;

pub(crate) fn cases() -> Vec<Case> {
    Vec::new()
}
