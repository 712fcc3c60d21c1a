// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hearing an answer while it is written.

use priory_core::{Failure, Outcome, Value};

use crate::activity::Parked;
use crate::frame::Frame;

/// Waits for the piece of an answer that begins at a place.
pub(super) async fn next(frame: &Frame, call: u32, part: u32, offset: u64) -> Outcome {
    let hearing = frame.talk.hearing(call);
    let unheard = || Failure::invalid("answer that is heard", "", format!("step {call} asked no model to be heard"));
    let hearing = hearing.ok_or_else(unheard)?;
    let piece = match hearing.at(part, offset) {
        Some(piece) => piece,
        None => {
            let parked = frame.run.activity.park();
            hearing.next(part, offset, Some(Parked::woken(&parked))).await
        }
    };
    if matches!(piece, Ok(None)) {
        hearing.forget();
    }
    piece.map(Value::Delta)
}
