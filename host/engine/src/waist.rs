// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one path of every effect of every program.
//!
//! authorize (grants) → reserve (ledger) → record intent → perform (port) → record outcome → settle (ledger)

use std::sync::Arc;

use priory_core::effect::Level;
use priory_core::event::Event;
use priory_core::grant::Access;
use priory_core::limits::Dimension;
use priory_core::{Effect, Failure, Outcome, Value};

use crate::authorize::authorize;
use crate::frame::{Frame, byte_len};
use crate::perform::perform;

/// Passes one effect of a frame.
///
/// `step` is its number in the frame, taken when it was asked for; `fuel` is what the frame had burnt then; `inline`
/// says that the frame waits for it. What a frame that is opened here reserves is settled where that frame ends, and
/// what it yields is charged to the frame that asked before it is shown.
pub(crate) async fn pass(frame: &Arc<Frame>, step: u32, effect: Effect, fuel: u64, inline: bool) -> Outcome {
    let effect = Arc::new(effect);
    // What is refused counts as well: it is written down, and without end it would fill the journal.
    let charged = frame.charge_call();
    if charged.is_err() && !frame.first_over_calls() {
        return charged.map(|()| Value::Unit);
    }
    let admitted = charged.and_then(|()| authorize(frame, &effect));
    let outcome = match admitted {
        Ok(plan) => {
            frame.record(fuel, Event::Intent { step, effect: effect.clone() });
            perform(frame, step, plan, fuel, inline).await
        }
        Err(failure) => Err(failure),
    };
    let outcome = outcome.and_then(|value| frame.charge_bytes(byte_len(&value)).map(|()| value));
    frame.record(fuel, Event::Outcome { step, effect, outcome: Arc::new(outcome.clone()) });
    outcome
}

/// Starts an effect on a task of its own and returns its number.
pub(crate) fn start(frame: &Arc<Frame>, effect: Effect, fuel: u64) -> Result<u32, Failure> {
    let step = frame.next_step();
    let allowed = frame.given.limits.get(Dimension::Pending);
    frame
        .pending
        .open(step, allowed)
        .map_err(|count| frame.over(Dimension::Pending, count.saturating_add(1), allowed))?;
    frame.pending.entered();
    let ending = Ending { frame: frame.clone(), step };
    let task = frame.run.ports.compute.spawn(Box::pin(async move {
        let outcome = pass(&ending.frame, step, effect, fuel, false).await;
        ending.frame.pending.end(step, outcome);
    }));
    frame.pending.attach(step, task);
    Ok(step)
}

/// Makes sure that whoever waits for a started effect is told of its end, even when its task breaks.
struct Ending {
    frame: Arc<Frame>,
    step: u32,
}

impl Drop for Ending {
    fn drop(&mut self) {
        // It changes nothing where the effect has ended, or was withdrawn and forgotten.
        self.frame.pending.end(self.step, Err(Failure::Cancelled { by: "the host".into() }));
        self.frame.pending.left();
    }
}

/// Passes a line of log. It has no outcome: without the grant it is dropped.
pub(crate) fn log(frame: &Arc<Frame>, level: Level, message: &str, fuel: u64) {
    if frame.allow(&Access::Log).is_ok() {
        frame.record(fuel, Event::Log { level, message: Arc::from(message) });
    }
}
