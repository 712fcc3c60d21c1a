// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notices a program that asks the same thing again and again, and is told the same each time.
//!
//! What counts is what the program is told, in the order in which it is told, so a program that is executed again comes to
//! its end at the same place.

use std::collections::HashMap;

use parking_lot::Mutex;
use priory_core::limits::{Dimension, Limits};
use priory_core::{Effect, Failure, Outcome};
use serde::Serialize;
use tokio::sync::Notify;

/// What was asked and told, as far as it is compared: 128 bits of its hash.
type Mark = [u8; 16];

/// Counts how often in a row one frame was told the same on the same.
pub(crate) struct Repeats {
    most: u64,
    state: Mutex<State>,
    is_over: Notify,
}

#[derive(Default)]
struct State {
    /// What was asked and not told yet.
    asked: HashMap<u32, Mark>,
    last: Option<(Mark, Mark)>,
    count: u64,
    over: Option<Failure>,
}

impl Repeats {
    /// Begins to count, where that is bounded: it costs a look at all that passes.
    pub(crate) fn new(limits: &Limits) -> Option<Self> {
        let most = limits.get(Dimension::Repeats);
        (most != u64::MAX).then(|| Self { most, state: Mutex::default(), is_over: Notify::new() })
    }

    /// Notes what is asked.
    pub(crate) fn ask(&self, step: u32, effect: &Effect) {
        let mark = mark(effect);
        self.state.lock().asked.insert(step, mark);
    }

    /// Notes that nobody will be told what came of it.
    pub(crate) fn forget(&self, step: u32) {
        self.state.lock().asked.remove(&step);
    }

    /// Counts what is about to be told. Returns whether it may be: what would be once too often ends the frame instead.
    pub(crate) fn tell(&self, step: u32, outcome: &Outcome, over: impl FnOnce(u64, u64) -> Failure) -> bool {
        let told = match outcome {
            Ok(value) => mark(value),
            Err(failure) => mark(failure),
        };
        let mut state = self.state.lock();
        let Some(asked) = state.asked.remove(&step) else { return true };
        match state.last == Some((asked, told)) {
            true => state.count = state.count.saturating_add(1),
            false => (state.last, state.count) = (Some((asked, told)), 1),
        }
        if state.count <= self.most {
            return true;
        }
        let count = state.count;
        state.over.get_or_insert_with(|| over(count, self.most));
        drop(state);
        self.is_over.notify_one();
        false
    }

    /// Waits until something was once too often.
    pub(crate) async fn over(&self) -> Failure {
        loop {
            let is_over = self.is_over.notified();
            if let Some(failure) = self.state.lock().over.clone() {
                return failure;
            }
            is_over.await;
        }
    }
}

fn mark(what: &impl Serialize) -> Mark {
    let mut hasher = blake3::Hasher::new();
    // All of it is plain data, and a hasher takes what it is given.
    let _ = serde_json::to_writer(&mut hasher, what);
    let mut mark = Mark::default();
    hasher.finalize_xof().fill(&mut mark);
    mark
}

#[cfg(test)]
mod tests {
    use priory_core::limits::LimitSpec;
    use priory_core::{Json, Value};

    use super::*;

    fn within(most: u64) -> Repeats {
        let limits: LimitSpec = [(Dimension::Repeats, most)].into_iter().collect();
        Repeats::new(&limits.over_defaults()).unwrap()
    }

    fn tell(repeats: &Repeats, ms: u64, outcome: &Outcome) -> bool {
        let effect = Effect::Sleep { ms };
        repeats.ask(7, &effect);
        repeats.tell(7, outcome, |used, allowed| Failure::limit(Dimension::Repeats, used, allowed, "0 agent a"))
    }

    #[test]
    fn the_same_may_come_as_often_as_is_allowed() {
        let (one, other) = (Ok(Value::Unit), Err(Failure::other("broken")));
        let repeats = within(2);
        let told = [(1, &one), (1, &one), (1, &other), (1, &one), (2, &one), (1, &one), (1, &one), (1, &one)];
        let may = told.map(|(ms, outcome)| tell(&repeats, ms, outcome));
        assert_eq!(may, [true, true, true, true, true, true, true, false]);
        let over = repeats.state.lock().over.clone();
        assert_eq!(over, Some(Failure::limit(Dimension::Repeats, 3, 2, "0 agent a")));
    }

    #[test]
    fn none_may_be_allowed_and_nothing_is_counted_without_a_bound() {
        assert!(!tell(&within(0), 1, &Ok(Value::Unit)));
        assert!(Repeats::new(&Limits::default()).is_none());
        let repeats = within(1);
        let value = |n: u32| Ok(Value::Json(Json::parse(&n.to_string()).unwrap()));
        assert!((0..100).all(|n| tell(&repeats, 1, &value(n))));
        repeats.ask(3, &Effect::ToolList);
        repeats.forget(3);
        assert!(repeats.state.lock().asked.is_empty());
    }
}
