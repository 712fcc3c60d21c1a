// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversations as programs make them, which every format has to be able to say.

use priory_core::model::{Prompt, Role};

use super::case::{called, message, result, said};

/// Asks after a call that was answered.
pub(crate) fn with_old_call(prompt: &mut Prompt) {
    prompt.messages.extend([
        message(Role::Assistant, vec![called("old", "fs.read", r#"{"path":"x"}"#)]),
        message(Role::Tool, vec![result("old", "fs.read", "words")]),
    ]);
    let _ = said;
}
