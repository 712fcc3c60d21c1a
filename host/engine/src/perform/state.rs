// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading and writing the state of the run.

use priory_core::Outcome;
use priory_core::grant::{Access, Mode};
use priory_core::state::StateOp;

use crate::frame::Frame;
use crate::state::Origin;
use crate::tape::Stamp;

/// Performs an operation and has it recorded, as one: else the order of the outcomes would not be the order of the writes.
pub(crate) fn perform(
    frame: &Frame,
    step: u32,
    op: &StateOp,
    record: impl FnOnce(Outcome) -> (Outcome, Stamp),
) -> (Outcome, Stamp) {
    let (run, path) = (&frame.run, &frame.given.path);
    let mut space = run.space.lock();
    if let Some(known) = run.past.shared.lock().repeated(path, step, op) {
        return record(Ok(known));
    }
    let may_read = |key: &str| frame.check(&Access::State { key, mode: Mode::Read }).is_ok();
    let (outcome, stamp) = record(space.decide(op, may_read));
    // What could not be paid for did not take place either.
    if let Ok(decided) = &outcome {
        space.apply(op, decided, Origin { frame: path.clone(), step, unix_ms: stamp.unix_ms });
    }
    (outcome, stamp)
}
