// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the state of a run has to be: every write in its place, none lost, none done twice.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use priory_core::state::{CHANGES_MAX, Merge, StateEntry, StateOp};
use priory_core::{Effect, Envelope, Event, Failure, FramePath, Outcome, Value};
use serde_json::json;

type Json = serde_json::Value;
type Place = (FramePath, u32);

/// What every key holds, worked out from what was asked, in the plainest way.
#[derive(Default)]
pub struct State {
    keys: BTreeMap<String, Held>,
    asked: HashMap<Place, Arc<Effect>>,
    /// What each write came to.
    told: HashMap<Place, (StateOp, StateEntry)>,
}

struct Held {
    rule: Merge,
    value: Json,
    writes: Vec<Place>,
}

impl State {
    /// Reads events, or says where an outcome is not what it has to be.
    pub fn read(events: &[Envelope]) -> Result<Self, String> {
        let mut state = Self::default();
        for Envelope { seq, frame, event, .. } in events {
            match event {
                Event::Intent { step, effect } => {
                    state.asked.insert((frame.clone(), *step), effect.clone());
                }
                Event::Outcome { step, outcome } => {
                    let place = (frame.clone(), *step);
                    if let Some(Effect::State(op)) = state.asked.get(&place).map(|effect| (**effect).clone()) {
                        let wrong = |why: String| format!("event {seq} (frame {frame}): {op:?}: {why}");
                        state.take(place, &op, outcome).map_err(wrong)?;
                    }
                }
                _ => {}
            }
        }
        Ok(state)
    }

    /// Returns what each key holds; lists in no order.
    pub fn without_order(&self) -> BTreeMap<&str, Vec<String>> {
        let parts = |held: &Held| {
            let mut parts = match &held.value {
                Json::Array(elements) => elements.iter().map(Json::to_string).collect(),
                value => vec![value.to_string()],
            };
            parts.sort();
            parts
        };
        self.keys.iter().map(|(key, held)| (key.as_str(), parts(held))).collect()
    }

    fn take(&mut self, place: Place, op: &StateOp, outcome: &Outcome) -> Result<(), String> {
        let differs = |known: Json| Err(format!("it came to {outcome:?}, and has to be {known}"));
        match (op, outcome) {
            (StateOp::Write { .. }, Ok(Value::State(Some(entry)))) => self.write(place, op, entry),
            (StateOp::Write { key, merge, expected, .. }, Err(Failure::Conflict { .. })) => {
                let held = self.keys.get(key);
                let is_other_rule = held.is_some_and(|held| held.rule != *merge);
                let revision = held.map_or(0, |held| held.writes.len() as u64);
                match is_other_rule || expected.is_some_and(|expected| expected != revision) {
                    true => Ok(()),
                    false => Err(format!("it is refused, and nothing is against it: {outcome:?}")),
                }
            }
            (StateOp::Read { key }, Ok(Value::State(entry))) => {
                let known = self.keys.get(key).map(|held| (held.value.clone(), held.writes.len() as u64));
                let read = entry.as_ref().map(|entry| (entry.value.to_value(), entry.revision));
                if read == known { Ok(()) } else { differs(json!(known)) }
            }
            (StateOp::Keys { .. }, Ok(Value::StateKeys(keys))) => {
                let known = self.keys.iter().map(|(key, held)| (key.clone(), held.writes.len() as u64));
                let known: Vec<_> = known.collect();
                let read: Vec<_> = keys.iter().map(|key| (key.key.clone(), key.revision)).collect();
                // Who may read nothing sees nothing.
                if read == known || read.is_empty() { Ok(()) } else { differs(json!(known)) }
            }
            (StateOp::History { key }, Ok(Value::StateHistory(changes))) => {
                let writes = self.keys.get(key).map(|held| held.writes.as_slice()).unwrap_or_default();
                let first = writes.len().saturating_sub(CHANGES_MAX);
                let known = writes.iter().zip(1..).skip(first).map(|((frame, step), at)| (at, frame.clone(), *step));
                let known: Vec<(u64, FramePath, u32)> = known.collect();
                let read: Vec<_> = changes.iter().map(|one| (one.revision, one.by.clone(), one.step)).collect();
                if read == known { Ok(()) } else { differs(json!(known)) }
            }
            (_, Err(_)) => Ok(()),
            _ => Err(format!("it came to something of another kind: {outcome:?}")),
        }
    }

    fn write(&mut self, place: Place, op: &StateOp, entry: &StateEntry) -> Result<(), String> {
        let StateOp::Write { key, value, merge, expected } = op else { return Ok(()) };
        let value = value.to_value();
        let revision = self.keys.get(key).map_or(0, |held| held.writes.len() as u64);
        if entry.revision <= revision {
            // A frame that started again from its beginning says it again.
            return match self.told.get(&place) {
                Some((before, told)) if before == op && told == entry => Ok(()),
                _ => Err(format!("it came to revision {}, and revision {revision} was there", entry.revision)),
            };
        }
        let held = self.keys.entry(key.clone()).or_insert_with(|| Held {
            rule: *merge,
            value: if merge.grows() { json!([]) } else { Json::Null },
            writes: Vec::new(),
        });
        if entry.revision != revision + 1 || held.rule != *merge || expected.is_some_and(|wanted| wanted != revision) {
            return Err(format!("it came to revision {} after {revision} by {}", entry.revision, held.rule));
        }
        let told = merged(held, value);
        held.writes.push(place.clone());
        if told != entry.value.to_value() {
            return Err(format!("it came to {}, and has to be {told}", entry.value));
        }
        self.told.insert(place, (op.clone(), entry.clone()));
        Ok(())
    }
}

/// Merges a value, and returns what whoever writes has to be told. Scripts write small numbers and lists of them.
fn merged(held: &mut Held, written: Json) -> Json {
    let (new, old) = (written.as_u64(), held.value.as_u64());
    let told = match held.rule {
        Merge::Append => vec![written],
        Merge::Union => {
            let mut known = held.value.as_array().cloned().unwrap_or_default();
            let mut told = Vec::new();
            for element in written.as_array().cloned().unwrap_or_default() {
                if !known.contains(&element) {
                    known.push(element.clone());
                    told.push(element);
                }
            }
            told
        }
        Merge::Sum => return replace(held, json!(old.unwrap_or(0) + new.unwrap_or(0))),
        Merge::Max => return replace(held, json!(old.max(new))),
        Merge::Min => return replace(held, json!(old.map_or(new, |old| new.map(|new| new.min(old))))),
        Merge::Last => return replace(held, written),
    };
    if let Json::Array(elements) = &mut held.value {
        elements.extend(told.iter().cloned());
    }
    Json::Array(told)
}

fn replace(held: &mut Held, value: Json) -> Json {
    held.value = value.clone();
    value
}
