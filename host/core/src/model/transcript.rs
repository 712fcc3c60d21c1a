// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a request, written down so that a conversation takes as much room as was said in it.
//!
//! A program sends the whole conversation with each of its requests. Written down, the messages that an earlier request of
//! the same frame had already are only pointed at. Which they are follows from the requests alone, so a replay comes to the
//! same text.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{Message, Part, Role};

/// How many messages of one shape are looked at where one stands elsewhere than before: more would only save room, and a
/// program could make very many of them.
const ALIKE_MAX: usize = 8;

/// Messages of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transcript(Vec<Slice>);

/// Some messages in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// A slice as it is written: JSON within an enum without a tag could not be read back, so this takes both.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Written {
    step: Option<u32>,
    from: Option<u32>,
    count: Option<u32>,
    role: Option<Role>,
    parts: Option<Vec<Part>>,
    label: Option<String>,
}

// === impl Slice ===

impl<'de> Deserialize<'de> for Slice {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let Written { step, from, count, role, parts, label } = Written::deserialize(d)?;
        match (step, from, count, role, parts) {
            (Some(step), Some(from), Some(count), None, None) => Ok(Self::Earlier { step, from, count }),
            (None, None, None, Some(role), Some(parts)) => Ok(Self::New(Arc::new(Message { role, parts, label }))),
            _ => Err(serde::de::Error::custom("a message, or the place of earlier messages, is expected")),
        }
    }
}

/// What is cheap to know of a message: those of different shapes are different.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape(Role, usize, u64);

// === impl Shape ===

impl Shape {
    fn of(message: &Message) -> Self {
        Self(message.role, message.parts.len(), message.byte_len())
    }

    /// Returns where the messages of each shape stand, the first of them.
    fn places(messages: &[Arc<Message>]) -> HashMap<Self, Vec<usize>> {
        let mut places: HashMap<Self, Vec<usize>> = HashMap::new();
        for (place, message) in messages.iter().enumerate() {
            let alike = places.entry(Self::of(message)).or_default();
            if alike.len() < ALIKE_MAX {
                alike.push(place);
            }
        }
        places
    }
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
        // Only where a message stands elsewhere than before: a conversation that goes on is not looked through.
        let mut places: Option<HashMap<Shape, Vec<usize>>> = None;
        let (mut slices, mut at, mut is_rearranged) = (Vec::new(), 0, false);
        while let Some(message) = messages.get(at) {
            // A conversation goes on, so what stands at the same place is the same most of the time.
            let same = earlier.get(at).filter(|known| *known == message).map(|_| at);
            // What is put behind all of it is new, unless something before it was: then it was put together anew.
            let may_be_elsewhere = at < earlier.len() || is_rearranged;
            let found = || {
                let places = places.get_or_insert_with(|| Shape::places(earlier));
                let alike = places.get(&Shape::of(message))?;
                alike.iter().copied().find(|place| earlier.get(*place) == Some(message))
            };
            let Some(from) = same.or_else(|| may_be_elsewhere.then(found).flatten()) else {
                is_rearranged |= at < earlier.len();
                slices.push(Slice::New(message.clone()));
                at += 1;
                continue;
            };
            let rest = messages.get_mut(at..).unwrap_or_default();
            let known = earlier.get(from..).unwrap_or_default();
            let count = rest.iter().zip(known).take_while(|(message, known)| message == known).count();
            rest.iter_mut().zip(known).take(count).for_each(|(message, known)| *message = known.clone());
            let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            is_rearranged |= from != at;
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
        assert_eq!(fold(&["x", "x", "x"], &["x", "x", "x", "x"]).0, "0+3 x");
        assert_eq!(fold(&["a", "b", "c"], &["c", "new", "b", "a", "c"]).0, "2+1 new 1+1 0+1 2+1");
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
