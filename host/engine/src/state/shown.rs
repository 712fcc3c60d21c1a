// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of a run as it is told from its events, for people.

use std::collections::HashMap;
use std::sync::Arc;

use priory_core::state::{Merge, StateChange};
use priory_core::{Effect, Envelope, Event, FramePath, Json};
use serde::Serialize;

use super::{Origin, Space};

/// What a key holds, and how that came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct KeyState {
    /// The key.
    pub key: String,
    /// How writes to it are merged.
    pub merge: Merge,
    /// How many writes there were.
    pub revision: u64,
    /// What it holds.
    pub value: Json,
    /// The writes that are remembered, the newest last.
    pub changes: Vec<StateChange>,
}

/// Returns what the keys of a run's state hold after some of its events, by key.
pub fn state_of(events: &[Envelope]) -> Vec<KeyState> {
    let mut space = Space::default();
    let mut asked: HashMap<(&FramePath, u32), &Arc<Effect>> = HashMap::new();
    for Envelope { frame, unix_ms, event, .. } in events {
        match event {
            Event::Intent { step, effect } if matches!(**effect, Effect::State(_)) => {
                asked.insert((frame, *step), effect);
            }
            Event::Outcome { step, outcome } => {
                let op = asked.remove(&(frame, *step)).map(|effect| &**effect);
                if let (Some(Effect::State(op)), Ok(value)) = (op, &**outcome) {
                    // What does not follow from the writes before it is told by a replay.
                    let _ = space.again(op, value, Origin { frame: frame.clone(), step: *step, unix_ms: *unix_ms });
                }
            }
            _ => {}
        }
    }
    let shown = space.slots.iter().map(|(key, slot)| KeyState {
        key: key.to_string(),
        merge: slot.rule,
        revision: slot.revision,
        value: slot.holding.value(),
        changes: slot.changes.iter().cloned().collect(),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use priory_core::state::{StateEntry, StateOp};
    use priory_core::{RunId, Value};

    use super::*;

    #[test]
    fn each_key_says_who_wrote_it() {
        let run = RunId::from_parts(1, 1);
        let at = |seq, step, event: fn(u32) -> Event| Envelope {
            run,
            seq,
            frame: FramePath::root().child(step),
            unix_ms: seq,
            fuel: 0,
            event: event(step),
        };
        let write = |step: u32| {
            let value = Json::from(serde_json::json!(step));
            let op = StateOp::Write { key: "sum".into(), value, merge: Merge::Sum, expected: None };
            Event::Intent { step, effect: Arc::new(Effect::State(op)) }
        };
        let wrote = |step: u32| {
            let value = Json::from(serde_json::json!(if step == 2 { 5 } else { 3 }));
            let entry = StateEntry { value, revision: if step == 2 { 2 } else { 1 } };
            Event::Outcome { step, outcome: Arc::new(Ok(Value::State(Some(entry)))) }
        };
        // The second frame asks first and is written second.
        let events = [at(0, 2, write), at(1, 3, write), at(2, 3, wrote), at(3, 2, wrote)];
        let shown = state_of(&events);
        let [key] = shown.as_slice() else { panic!("{shown:?}") };
        assert_eq!((key.key.as_str(), key.revision, key.value.as_str()), ("sum", 2, "5"));
        let by: Vec<String> = key.changes.iter().map(|change| change.by.to_string()).collect();
        assert_eq!(by, ["0.3", "0.2"]);
    }
}
