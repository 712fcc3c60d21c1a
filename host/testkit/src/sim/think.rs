// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a script talks to models: it keeps a conversation, which goes on with each answer, and is cut short now and then.

use std::sync::Arc;

use priory_core::Effect;
use priory_core::memory::{Forget, MemoryOp, NewFact, Scope, Search};
use priory_core::model::{Delta, Message, ModelRequest, Role};

/// From how many messages on a conversation is cut.
const MESSAGES_MAX: usize = 9;

/// Asks a model for more, with all that was said before.
pub(super) fn ask(told: u64, said: &mut Vec<Arc<Message>>, model: &str, is_heard: bool) -> Effect {
    if said.len() >= MESSAGES_MAX {
        // The beginning stays, and what was in the middle is said in short.
        let (begin, rest) = (said.first().cloned(), said.split_off(said.len() - 3));
        let summary = Arc::new(Message::text(Role::User, format!("in short: {:x}", told % 1_000)));
        *said = begin.into_iter().chain([summary]).chain(rest).collect();
    }
    said.push(Arc::new(Message::text(Role::User, format!("told {told:x}, what now?"))));
    let request = ModelRequest { model: Some(model.to_owned()), ..ModelRequest::new(said.clone()) };
    Effect::ModelCall { request: Box::new(request), is_heard, terms: None }
}

/// Makes vectors of a few words.
pub(super) fn vectors(told: u64) -> Effect {
    let texts = (0..1 + told % 3).map(|at| format!("{:x}", told.rotate_left(8 * at as u32))).collect();
    Effect::Embed { model: Some("vectors".to_owned()), texts }
}

/// Remembers something, now and then for a short time.
pub(super) fn remember(told: u64, scope: Scope) -> Effect {
    let fact = NewFact {
        text: format!("told {told:x}"),
        data: None,
        subject: told.is_multiple_of(3).then(|| "something".to_owned()),
        source: None,
        expires_ms: told.is_multiple_of(5).then_some(1_000),
    };
    Effect::Memory(MemoryOp::Remember { scope, fact })
}

/// Recalls what was remembered last.
pub(super) fn recall(scope: Scope) -> Effect {
    Effect::Memory(MemoryOp::Recall { scope, text: String::new(), subject: None, search: Search::Newest, most: 3 })
}

/// Forgets what is about something.
pub(super) fn forget(scope: Scope) -> Effect {
    Effect::Memory(MemoryOp::Forget { scope, which: Forget::Subject("something".to_owned()) })
}

/// Where the next piece of an answer begins.
#[derive(Default)]
pub(super) struct Place {
    pub(super) part: u32,
    pub(super) offset: u64,
    is_words: Option<bool>,
}

impl Place {
    /// Moves on behind a piece.
    pub(super) fn move_on(&mut self, delta: &Delta) {
        let (text, is_words) = match delta {
            Delta::Text(text) => (text, true),
            Delta::Reasoning(text) => (text, false),
            Delta::ToolCall(_) => {
                self.part += 1 + u32::from(self.is_words.is_some());
                (self.offset, self.is_words) = (0, None);
                return;
            }
        };
        if self.is_words.is_some_and(|kind| kind != is_words) {
            (self.part, self.offset) = (self.part + 1, 0);
        }
        self.is_words = Some(is_words);
        self.offset += text.len() as u64;
    }
}
