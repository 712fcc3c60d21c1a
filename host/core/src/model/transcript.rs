// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a request, written down so that a conversation takes as much room as was said in it.
//!
//! A program sends the whole conversation with each of its requests. Written down, the messages that an earlier request of
//! the same frame had already are only pointed at. Which they are follows from the requests alone, so a replay comes to the
//! same text.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::Message;

/// Messages of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transcript(Vec<Slice>);

/// Some messages in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Slice {
    /// Messages of an earlier request of the same frame.
    Earlier {
        /// The step of that request.
        step: u32,
        /// The position of the first of them.
        from: u32,
        /// How many.
        count: u32,
    },
    /// A message that is new.
    New(Arc<Message>),
}

// === impl Transcript ===

impl<M: Into<Arc<Message>>> FromIterator<M> for Transcript {
    fn from_iter<I: IntoIterator<Item = M>>(messages: I) -> Self {
        Self(messages.into_iter().map(|message| Slice::New(message.into())).collect())
    }
}

impl<M: Into<Arc<Message>>> From<Vec<M>> for Transcript {
    fn from(messages: Vec<M>) -> Self {
        messages.into_iter().collect()
    }
}

impl Transcript {
    /// Returns what it is made of.
    pub fn slices(&self) -> &[Slice] {
        &self.0
    }

    /// Returns how many messages it has.
    pub fn len(&self) -> usize {
        let count = |slice: &Slice| match slice {
            Slice::Earlier { count, .. } => *count as usize,
            Slice::New(_) => 1,
        };
        self.0.iter().map(count).fold(0, usize::saturating_add)
    }

    /// Tells whether it has no messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the messages that are new.
    pub fn new_messages(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.0.iter().filter_map(|slice| match slice {
            Slice::New(message) => Some(message),
            Slice::Earlier { .. } => None,
        })
    }

    /// Returns how long the texts of the new messages are, in bytes.
    pub fn byte_len(&self) -> u64 {
        self.new_messages().fold(self.0.len() as u64, |sum, message| sum.saturating_add(message.byte_len()))
    }

    /// Returns all messages, those of earlier requests too; `None` where `earlier` does not have them.
    ///
    /// `earlier` returns the messages of the request at a step.
    pub fn whole<'a>(&self, earlier: impl Fn(u32) -> Option<&'a [Arc<Message>]>) -> Option<Vec<Arc<Message>>> {
        let mut whole = Vec::new();
        for slice in &self.0 {
            match slice {
                Slice::New(message) => whole.push(message.clone()),
                Slice::Earlier { step, from, count } => {
                    let (from, count) = (*from as usize, *count as usize);
                    whole.extend_from_slice(earlier(*step)?.get(from..from.checked_add(count)?)?);
                }
            }
        }
        Some(whole)
    }

    /// Points at an earlier request for what that had already. `earlier` are the messages of the request at `step`.
    ///
    /// The messages that it points at become those of the earlier request, so that they are in memory once.
    pub fn folded(messages: &mut [Arc<Message>], step: u32, earlier: &[Arc<Message>]) -> Self {
        let places: HashMap<&Message, usize> =
            earlier.iter().enumerate().rev().map(|(place, message)| (&**message, place)).collect();
        let mut slices = Vec::new();
        let mut at = 0;
        while let Some(message) = messages.get(at) {
            // A conversation goes on, so what stands at the same place is the same most of the time.
            let same = earlier.get(at).filter(|known| *known == message).map(|_| at);
            let Some(from) = same.or_else(|| places.get(&**message).copied()) else {
                slices.push(Slice::New(message.clone()));
                at += 1;
                continue;
            };
            let rest = messages.get_mut(at..).unwrap_or_default();
            let known = earlier.get(from..).unwrap_or_default();
            let count = rest.iter().zip(known).take_while(|(message, known)| message == known).count();
            rest.iter_mut().zip(known).take(count).for_each(|(message, known)| *message = known.clone());
            let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            slices.push(Slice::Earlier { step, from: narrow(from), count: narrow(count) });
            at += count;
        }
        Self(slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    fn said(words: &[&str]) -> Vec<Arc<Message>> {
        words.iter().map(|word| Arc::new(Message::text(Role::User, *word))).collect()
    }

    fn fold(earlier: &[&str], now: &[&str]) -> (String, Vec<Arc<Message>>) {
        let (earlier, mut now) = (said(earlier), said(now));
        let folded = Transcript::folded(&mut now, 7, &earlier);
        assert_eq!(folded.len(), now.len());
        let whole = folded.whole(|step| (step == 7).then_some(&earlier[..])).unwrap();
        assert_eq!(whole, now);
        let shape = |slice: &Slice| match slice {
            Slice::Earlier { from, count, .. } => format!("{from}+{count}"),
            Slice::New(message) => message.words(),
        };
        (folded.slices().iter().map(shape).collect::<Vec<_>>().join(" "), whole)
    }

    #[test]
    fn what_was_said_before_is_pointed_at() {
        assert_eq!(fold(&["a", "b"], &["a", "b", "c"]).0, "0+2 c");
        assert_eq!(fold(&[], &["a", "b"]).0, "a b");
        assert_eq!(fold(&["a", "b", "c", "d"], &["a", "summary", "c", "d", "e"]).0, "0+1 summary 2+2 e");
        assert_eq!(fold(&["a", "b", "a"], &["a", "a", "b"]).0, "0+1 0+2");
        assert_eq!(fold(&["x", "x", "x"], &["x", "x", "x", "x"]).0, "0+3 0+1");
    }

    #[test]
    fn what_is_pointed_at_is_in_memory_once() {
        let earlier = said(&["a", "b"]);
        let mut now = said(&["b", "c"]);
        Transcript::folded(&mut now, 0, &earlier);
        assert!(Arc::ptr_eq(&now[0], &earlier[1]));
    }

    #[test]
    fn what_points_at_nothing_is_not_whole() {
        let earlier = said(&["a"]);
        let mut now = said(&["a", "b"]);
        let folded = Transcript::folded(&mut now, 3, &earlier);
        assert!(folded.whole(|_| None).is_none());
        assert!(folded.whole(|_| Some(&[])).is_none());
    }

    #[test]
    fn it_reads_back_equal() {
        let earlier = said(&["a", "b"]);
        let mut now = said(&["a", "c"]);
        let folded = Transcript::folded(&mut now, 3, &earlier);
        let text = serde_json::to_string(&folded).unwrap();
        assert_eq!(text, r#"[{"step":3,"from":0,"count":1},{"role":"user","parts":[{"text":"c"}]}]"#);
        assert_eq!(serde_json::from_str::<Transcript>(&text).unwrap(), folded);
    }
}
