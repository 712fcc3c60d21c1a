// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the frames of a run share: values under keys. It is the fold of the run's events.
//!
//! An operation is decided, recorded and done while one lock is held, so the order of the outcomes in the sequence is the
//! order in which writes took place. When a run is taken up again, all writes whose outcomes are known take place in that
//! order before any frame goes on ([`Space::again`]).

mod merge;
mod shown;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use priory_core::state::{
    CHANGES_MAX, EXCERPT_BYTES_MAX, KEY_BYTES_MAX, KEYS_MAX, Merge, STATE_BYTES_MAX, StateChange, StateEntry, StateKey,
    StateOp, VALUE_BYTES_MAX,
};
use priory_core::{Failure, FramePath, Json, Value};

use merge::Holding;

pub use shown::{KeyState, state_of};

/// How many writes of all keys are remembered together; beyond it a key that is written forgets its oldest.
const ALL_CHANGES_MAX: usize = 65_536;

/// Where a write comes from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) frame: FramePath,
    pub(crate) step: u32,
    pub(crate) unix_ms: u64,
}

/// The state of one run.
#[derive(Debug)]
pub(crate) struct Space {
    slots: BTreeMap<Arc<str>, Slot>,
    /// Bytes of all keys and values.
    bytes: u64,
    /// Writes that are remembered.
    changes: usize,
    most: Most,
}

/// What a run may have.
#[derive(Debug, Clone, Copy)]
struct Most {
    keys: usize,
    bytes: u64,
    changes: usize,
}

/// One key.
#[derive(Debug)]
struct Slot {
    rule: Merge,
    revision: u64,
    holding: Holding,
    changes: VecDeque<StateChange>,
}

// === impl Space ===

impl Default for Space {
    fn default() -> Self {
        let most = Most { keys: KEYS_MAX, bytes: STATE_BYTES_MAX, changes: ALL_CHANGES_MAX };
        Self { slots: BTreeMap::new(), bytes: 0, changes: 0, most }
    }
}

impl Space {
    /// Finds out what an operation comes to, and changes nothing. `may_read` says which keys stand in lists.
    pub(crate) fn decide(&self, op: &StateOp, may_read: impl Fn(&str) -> bool) -> Result<Value, Failure> {
        match op {
            StateOp::Read { key } => {
                check_key(key)?;
                let entry = |slot: &Slot| StateEntry { value: slot.holding.value(), revision: slot.revision };
                Ok(Value::State(self.slots.get(key.as_str()).map(entry)))
            }
            StateOp::Write { key, value, merge, expected } => {
                self.write(key, value, *merge, *expected).map(|entry| Value::State(Some(entry)))
            }
            StateOp::Keys { prefix } => {
                let from = self.slots.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
                let found = from.take_while(|(key, _)| key.starts_with(prefix.as_str()));
                let keys = found
                    .filter(|(key, _)| may_read(key))
                    .map(|(key, slot)| StateKey { key: key.to_string(), revision: slot.revision });
                Ok(Value::StateKeys(keys.collect()))
            }
            StateOp::History { key } => {
                check_key(key)?;
                let changes = self.slots.get(key.as_str()).map(|slot| slot.changes.iter().cloned().collect());
                Ok(Value::StateHistory(changes.unwrap_or_default()))
            }
        }
    }

    /// Does what was decided about an operation.
    pub(crate) fn apply(&mut self, op: &StateOp, decided: &Value, origin: Origin) {
        let (StateOp::Write { key, value, merge, .. }, Value::State(Some(entry))) = (op, decided) else { return };
        let slot = self.slots.get_mut(key.as_str());
        let before = slot.as_ref().map_or(0, |slot| key.len() as u64 + slot.holding.byte_len());
        let slot = match slot {
            Some(slot) => slot,
            None => self.slots.entry(Arc::from(key.as_str())).or_insert_with(|| Slot {
                rule: *merge,
                revision: 0,
                holding: Holding::new(*merge),
                changes: VecDeque::new(),
            }),
        };
        slot.revision = entry.revision;
        slot.holding.take(&entry.value);
        self.bytes = (self.bytes + key.len() as u64 + slot.holding.byte_len()).saturating_sub(before);
        slot.changes.push_back(change(value, entry.revision, origin));
        self.changes += 1;
        if slot.changes.len() > CHANGES_MAX || (self.changes > self.most.changes && slot.changes.len() > 1) {
            slot.changes.pop_front();
            self.changes -= 1;
        }
    }

    /// Does a write again whose outcome is known. One that is done already is one that a frame repeated which started again
    /// from its beginning. Returns what it would come to now where that is something else.
    pub(crate) fn again(&mut self, op: &StateOp, known: &Value, origin: Origin) -> Option<Result<Value, Failure>> {
        let (StateOp::Write { key, value, merge, expected }, Value::State(Some(entry))) = (op, known) else {
            return None;
        };
        if self.slots.get(key.as_str()).is_some_and(|slot| entry.revision <= slot.revision) {
            return None;
        }
        let now = self.write(key, value, *merge, *expected).map(|entry| Value::State(Some(entry)));
        self.apply(op, known, origin);
        (now.as_ref() != Ok(known)).then_some(now)
    }

    /// Finds out what a write comes to.
    fn write(&self, key: &str, value: &Json, merge: Merge, expected: Option<u64>) -> Result<StateEntry, Failure> {
        check_key(key)?;
        let slot = self.slots.get(key);
        let revision = slot.map_or(0, |slot| slot.revision);
        if let Some(slot) = slot.filter(|slot| slot.rule != merge) {
            let reason = format!(
                "the state key {key} merges by `{}`, as its first write said, and this write says `{merge}`",
                slot.rule
            );
            return Err(Failure::Conflict { reason });
        }
        if let Some(expected) = expected.filter(|expected| *expected != revision) {
            let reason = format!(
                "the state key {key} is at revision {revision}, and revision {expected} was expected: read it and try again"
            );
            return Err(Failure::Conflict { reason });
        }
        let empty = Holding::new(merge);
        let holding = slot.map_or(&empty, |slot| &slot.holding);
        let merged = holding.merged(value).map_err(|why| Failure::invalid(subject(key), "", why))?;
        if merged.byte_len > VALUE_BYTES_MAX {
            let reason = format!(
                "it would have {} bytes, and {VALUE_BYTES_MAX} are the most: put it into an artifact",
                merged.byte_len
            );
            return Err(Failure::invalid(subject(key), "", reason));
        }
        let (before, beside) = slot.map_or((0, key.len() as u64), |slot| (slot.holding.byte_len(), 0));
        self.check_room(slot.is_none(), (self.bytes + beside + merged.byte_len).saturating_sub(before))?;
        Ok(StateEntry { value: merged.told, revision: revision.saturating_add(1) })
    }

    /// Refuses a write for which there is no room.
    fn check_room(&self, is_new: bool, bytes: u64) -> Result<(), Failure> {
        let full = |reason: String| Err(Failure::invalid("state of the run", "", reason));
        if is_new && self.slots.len() >= self.most.keys {
            return full(format!("it has {} keys, which are the most", self.most.keys));
        }
        if bytes > self.most.bytes {
            return full(format!("it would have {bytes} bytes, and {} are the most", self.most.bytes));
        }
        Ok(())
    }
}

fn subject(key: &str) -> String {
    format!("value of the state key {key}")
}

/// Refuses a key that could not stand in a grant or on a line.
fn check_key(key: &str) -> Result<(), Failure> {
    let refuse = |reason: String| Err(Failure::invalid("key of the state", "", reason));
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return refuse(format!("it has {} bytes, and 1 to {KEY_BYTES_MAX} are allowed", key.len()));
    }
    match key.chars().find(|c| c.is_control() || c.is_whitespace()) {
        Some(odd) => refuse(format!("it has {odd:?} in it: printable characters without spaces are allowed")),
        None => Ok(()),
    }
}

fn change(value: &Json, revision: u64, origin: Origin) -> StateChange {
    let text = value.as_str();
    let cut = text.get(..text.floor_char_boundary(EXCERPT_BYTES_MAX)).unwrap_or(text);
    let Origin { frame, step, unix_ms } = origin;
    StateChange { revision, text: cut.to_owned(), byte_len: value.byte_len(), by: frame, step, unix_ms }
}

#[cfg(test)]
mod tests;
