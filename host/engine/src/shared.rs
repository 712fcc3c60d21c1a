// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the events of a run make of that which its frames share.

use std::collections::HashMap;
use std::sync::Arc;

use priory_core::artifact::ArtifactOp;
use priory_core::state::StateOp;
use priory_core::{Effect, FramePath, Outcome, Value};

use crate::artifacts::Artifacts;
use crate::resume::Replayed;
use crate::state::{Origin, Space};
use crate::tape::Stamp;

/// What is known of what the frames of a run share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) space: Space,
    pub(crate) artifacts: Artifacts,
    /// What frames wrote that start again from their beginning: they write it again, and it counts once.
    repeated: HashMap<(FramePath, u32), (Arc<Effect>, Arc<Outcome>)>,
    /// The first outcome that is not what the writes before it make of it.
    pub(crate) deviation: Option<Deviation>,
}

/// An outcome that does not follow from the events before it.
#[derive(Debug, Clone)]
pub(crate) struct Deviation {
    pub(crate) seq: u64,
    pub(crate) effect: Arc<Effect>,
    pub(crate) recorded: Arc<Outcome>,
    pub(crate) now: Outcome,
}

/// Tells whether an effect changes what the frames of a run share.
pub(crate) fn gives(effect: &Effect) -> bool {
    matches!(effect, Effect::State(StateOp::Write { .. }) | Effect::Artifact(ArtifactOp::Put { .. }))
}

impl Deviation {
    /// Tells a trial of it.
    pub(crate) fn into_replayed(self) -> Replayed {
        let at = format!("event {}, the outcome of {}", self.seq, self.effect.summary());
        Replayed::Diverged { at, recorded: format!("{:?}", self.recorded), now: format!("{:?}", self.now) }
    }
}

impl Shared {
    /// Takes what an effect came to.
    pub(crate) fn take(
        &mut self,
        frame: &FramePath,
        step: u32,
        effect: &Arc<Effect>,
        outcome: &Arc<Outcome>,
        at: Stamp,
    ) {
        let now = match (&**effect, &**outcome) {
            (Effect::State(op), Ok(value)) => {
                self.space.again(op, value, Origin { frame: frame.clone(), step, unix_ms: at.unix_ms })
            }
            (Effect::Artifact(ArtifactOp::Put { content }), Ok(Value::Artifact(info))) => {
                self.artifacts.add(*info);
                (content.info() != *info).then(|| Ok(Value::Artifact(content.info())))
            }
            _ => None,
        };
        if let Some(now) = now {
            let (effect, recorded) = (effect.clone(), outcome.clone());
            self.deviation.get_or_insert(Deviation { seq: at.seq, effect, recorded, now });
        }
    }

    /// Notes a step of a frame that starts again from its beginning.
    pub(crate) fn repeat(&mut self, frame: &FramePath, step: u32, effect: &Arc<Effect>, outcome: &Arc<Outcome>) {
        if gives(effect) && outcome.is_ok() {
            self.repeated.insert((frame.clone(), step), (effect.clone(), outcome.clone()));
        }
    }

    /// Returns what a write came to that its frame did before it started again.
    pub(crate) fn repeated(&self, frame: &FramePath, step: u32, op: &StateOp) -> Option<Value> {
        if self.repeated.is_empty() {
            return None;
        }
        let (effect, outcome) = self.repeated.get(&(frame.clone(), step))?;
        match &**effect {
            Effect::State(known) if known == op => outcome.as_ref().as_ref().ok().cloned(),
            _ => None,
        }
    }
}
