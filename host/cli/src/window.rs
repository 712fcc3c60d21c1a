// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the window of a request was made of: its messages, by why they were there.

use std::collections::HashMap;
use std::sync::Arc;

use priory::core::FramePath;
use priory::core::model::{Message, ModelRequest};
use serde_json::{Value, json};

use crate::amount::show_bytes;
use crate::ui::text::printable;

/// How many kinds of messages are told apart; the rest stands together.
const KINDS_MAX: usize = 16;

/// What the window of a request was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// By label, or by who speaks where there is none, in the order in which they first come.
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kind {
    label: String,
    messages: u64,
    bytes: u64,
}

/// The messages of the requests of a run: later ones point at earlier ones of the same frame.
#[derive(Debug, Default)]
pub(crate) struct Windows(HashMap<(FramePath, u32), Vec<Arc<Message>>>);

impl Windows {
    /// Finds out what a request was made of; `None` where an earlier one is missing to which it points.
    pub(crate) fn of(&mut self, frame: &FramePath, step: u32, request: &ModelRequest) -> Option<Window> {
        let earlier = |step: u32| self.0.get(&(frame.clone(), step)).map(Vec::as_slice);
        let whole = request.messages.whole(earlier)?;
        let mut window = Window::default();
        whole.iter().for_each(|message| window.add(message));
        self.0.insert((frame.clone(), step), whole);
        Some(window)
    }
}

impl Window {
    fn add(&mut self, message: &Message) {
        let label = message.label.as_deref().unwrap_or(message.role.as_str());
        let known = self.kinds.iter().position(|kind| kind.label == label);
        let place = known.unwrap_or_else(|| {
            let is_full = self.kinds.len() >= KINDS_MAX;
            if !is_full {
                self.kinds.push(Kind { label: label.to_owned(), messages: 0, bytes: 0 });
            }
            self.kinds.len().saturating_sub(1)
        });
        if let Some(kind) = self.kinds.get_mut(place) {
            kind.messages += 1;
            kind.bytes = kind.bytes.saturating_add(message.byte_len());
        }
    }

    /// Says it on a part of a line.
    pub(crate) fn words(&self) -> String {
        let bytes = self.kinds.iter().fold(0_u64, |sum, kind| sum.saturating_add(kind.bytes));
        let kinds: Vec<_> = self.kinds.iter().map(|kind| format!("{} {}", kind.messages, kind.label)).collect();
        printable(&format!("{} ({})", kinds.join(", "), show_bytes(bytes)))
    }

    /// Writes it for programs.
    pub(crate) fn as_json(&self) -> Value {
        let kind = |kind: &Kind| json!({ "label": kind.label, "messages": kind.messages, "bytes": kind.bytes });
        self.kinds.iter().map(kind).collect()
    }
}

#[cfg(test)]
mod tests {
    use priory::core::model::{Role, Transcript};

    use super::*;

    #[test]
    fn messages_are_counted_by_why_they_are_there() {
        let message = |role, text: &str, label: Option<&str>| {
            Arc::new(Message { label: label.map(str::to_owned), ..Message::text(role, text) })
        };
        let first = vec![message(Role::System, "be brief", None), message(Role::User, "one", Some("pinned"))];
        let mut second = first.clone();
        second.push(message(Role::User, "two", Some("recent")));
        second.push(message(Role::Assistant, "three", Some("recent")));
        let frame = FramePath::root();
        let mut windows = Windows::default();
        let request = |messages: Transcript| ModelRequest::new(messages);
        let folded = Transcript::folded(&mut second.clone(), 0, &first);
        assert_eq!(windows.of(&frame, 1, &request(folded.clone())), None, "what it points at is missing");
        let one = windows.of(&frame, 0, &request(first.iter().cloned().collect())).unwrap();
        assert_eq!(one.words(), "1 system, 1 pinned (17 B)");
        let two = windows.of(&frame, 1, &request(folded)).unwrap();
        assert_eq!(two.words(), "1 system, 1 pinned, 2 recent (37 B)");
        assert_eq!(two.as_json()[2], json!({ "label": "recent", "messages": 2, "bytes": 20 }));
    }
}
