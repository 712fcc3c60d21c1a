// SPDX-License-Identifier: MIT OR Apache-2.0
//! An answer that is heard while it is written.
//!
//! Words that follow on words are one stretch, and so is reasoning; the call of a tool is one of its own. Where the next
//! piece begins is said by whoever hears, as a stretch and a place in it: so a program that is executed again asks for the
//! same. What has come since is told at once, however many pieces it came in.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use priory_core::model::{ANSWER_BYTES_MAX, Delta, Message, Part};
use priory_core::{Failure, Outcome, Value};

use crate::activity::Woken;

/// An answer that is heard while it is written.
#[derive(Debug, Default)]
pub(crate) struct Hearing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    stretches: Vec<Delta>,
    bytes: u64,
    /// Whether something came from whoever writes.
    was_heard: bool,
    end: Option<Result<(), Failure>>,
    waiters: Vec<(Waker, Option<Woken>)>,
}

/// A piece that is there, or why none will be.
pub(crate) type Piece = Result<Option<Delta>, Failure>;

impl Hearing {
    /// Adds a piece. What is longer than any answer may be is not told.
    pub(crate) fn add(&self, delta: Delta) {
        let mut state = self.0.lock();
        state.was_heard = true;
        state.push(delta);
        state.wake();
    }

    /// Tells whether something came from whoever writes.
    pub(crate) fn was_heard(&self) -> bool {
        self.0.lock().was_heard
    }

    /// Returns what has come so far.
    pub(crate) fn so_far(&self) -> Vec<Delta> {
        self.0.lock().stretches.clone()
    }

    /// Says what the answer came to; the second time nothing happens. What was not heard while it was written is heard now.
    pub(crate) fn end(&self, outcome: &Outcome) {
        let mut state = self.0.lock();
        if state.end.is_some() {
            return;
        }
        match outcome {
            Ok(Value::Completion(completion)) if !state.was_heard => {
                deltas(&completion.message).for_each(|delta| state.push(delta));
            }
            _ => {}
        }
        state.end = Some(outcome.as_ref().map(|_| ()).map_err(Clone::clone));
        state.wake();
    }

    /// Forgets what was heard to its end.
    pub(crate) fn forget(&self) {
        let mut state = self.0.lock();
        if state.end.is_some() {
            state.stretches = Vec::new();
        }
    }

    /// Returns the piece at a place, where it is there.
    pub(crate) fn at(&self, part: u32, offset: u64) -> Option<Piece> {
        self.0.lock().at(part, offset)
    }

    /// Waits for the piece at a place. `woken` is told when it is there.
    pub(crate) async fn next(&self, part: u32, offset: u64, woken: Option<Woken>) -> Piece {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if let Some(piece) = state.at(part, offset) {
                return Poll::Ready(piece);
            }
            state.waiters.push((cx.waker().clone(), woken.clone()));
            Poll::Pending
        })
        .await
    }
}

impl State {
    fn push(&mut self, delta: Delta) {
        let length = match &delta {
            Delta::Text(text) | Delta::Reasoning(text) if text.is_empty() => return,
            Delta::Text(text) | Delta::Reasoning(text) => text.len() as u64,
            Delta::ToolCall(call) => call.arguments.byte_len().saturating_add((call.id.len() + call.name.len()) as u64),
        };
        let bytes = self.bytes.saturating_add(length);
        if bytes > ANSWER_BYTES_MAX {
            return;
        }
        self.bytes = bytes;
        match (self.stretches.last_mut(), delta) {
            (Some(Delta::Text(last)), Delta::Text(more)) | (Some(Delta::Reasoning(last)), Delta::Reasoning(more)) => {
                last.push_str(&more);
            }
            (_, delta) => self.stretches.push(delta),
        }
    }

    fn at(&self, part: u32, offset: u64) -> Option<Piece> {
        let rest = |text: &str| {
            let offset = usize::try_from(offset).ok()?;
            text.get(offset..).filter(|rest| !rest.is_empty()).map(str::to_owned)
        };
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        let here = self.stretches.get(part).and_then(|stretch| match stretch {
            Delta::Text(text) => rest(text).map(Delta::Text),
            Delta::Reasoning(text) => rest(text).map(Delta::Reasoning),
            Delta::ToolCall(call) => (offset == 0).then(|| Delta::ToolCall(call.clone())),
        });
        // Behind the end of a stretch begins the next one.
        let is_behind = offset > 0 && self.stretches.len() > part.saturating_add(1);
        let next = || self.stretches.get(part.saturating_add(1)).filter(|_| is_behind).cloned();
        match here.or_else(next) {
            Some(delta) => Some(Ok(Some(delta))),
            None => self.end.clone().map(|end| end.map(|()| None)),
        }
    }

    fn wake(&mut self) {
        for (waker, woken) in std::mem::take(&mut self.waiters) {
            // Before whoever writes is counted off.
            woken.iter().for_each(Woken::tell);
            waker.wake();
        }
    }
}

/// Returns an answer as the pieces that it is made of.
fn deltas(message: &Message) -> impl Iterator<Item = Delta> + '_ {
    message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(Delta::Text(text.clone())),
        Part::Reasoning(reasoning) => Some(Delta::Reasoning(reasoning.text.clone())),
        Part::ToolCall(call) => Some(Delta::ToolCall(call.clone())),
        Part::Image(_) | Part::File(_) | Part::ToolResult(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use priory_core::Json;
    use priory_core::model::CalledTool;

    use super::*;

    fn call() -> Delta {
        let (id, name) = ("1".to_owned(), "a.b".to_owned());
        Delta::ToolCall(CalledTool { id, name, arguments: Json::null(), problem: None, opaque: None })
    }

    #[test]
    fn what_has_come_is_told_from_a_place_on() {
        let hearing = Hearing::default();
        let text = |text: &str| Delta::Text(text.into());
        assert_eq!(hearing.at(0, 0), None);
        hearing.add(text("ab"));
        hearing.add(text(""));
        hearing.add(text("cü"));
        assert_eq!(hearing.at(0, 0), Some(Ok(Some(text("abcü")))));
        assert_eq!(hearing.at(0, 2), Some(Ok(Some(text("cü")))));
        assert_eq!(hearing.at(0, 5), None, "more may come");
        hearing.add(call());
        hearing.add(Delta::Reasoning("hm".into()));
        assert_eq!(hearing.at(0, 5), Some(Ok(Some(call()))));
        assert_eq!(hearing.at(2, 0), Some(Ok(Some(Delta::Reasoning("hm".into())))));
        hearing.end(&Err(Failure::other("cut")));
        assert_eq!(hearing.at(2, 2), Some(Err(Failure::other("cut"))));
        assert_eq!(hearing.at(2, 1), Some(Ok(Some(Delta::Reasoning("m".into())))));
        hearing.end(&Ok(Value::Unit));
        assert_eq!(hearing.at(3, 0), Some(Err(Failure::other("cut"))), "it ends once");
    }
}
