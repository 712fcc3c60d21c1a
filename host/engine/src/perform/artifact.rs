// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making and reading artifacts.

use std::sync::Arc;

use priory_core::artifact::{ArtifactInfo, ArtifactOp, ArtifactPart, Content, PART_BYTES_MAX};
use priory_core::{Digest, Effect, Failure, JournalError, Outcome, Value};

use crate::frame::Frame;
use crate::tape::Stamp;

/// Keeps the bytes of an artifact, before anybody is told of it. Where the journal fails, the run stops as it does elsewhere.
pub(crate) async fn keep(frame: &Frame, content: &Content) -> Result<(), Failure> {
    let run = &frame.run;
    let Some(journal) = &run.store else { return run.artifacts.lock().hold(content) };
    run.artifacts.lock().check_room(content.info(), false)?;
    let lost = || Failure::other("the bytes of an artifact that is to be kept are not there");
    let bytes = content.bytes().ok_or_else(lost)?;
    match journal.keep(bytes.to_vec()).await {
        Ok(_) => Ok(()),
        Err(error) => run.halt(error.into()).await,
    }
}

/// Notes an artifact that was kept and has that recorded, as one: who may read it is told after it is written down.
pub(crate) fn note(
    frame: &Frame,
    content: &Content,
    kept: Result<(), Failure>,
    record: impl FnOnce(Outcome) -> (Outcome, Stamp),
) -> (Outcome, Stamp) {
    let mut artifacts = frame.run.artifacts.lock();
    let info = content.info();
    // Others may have taken the room meanwhile.
    let room = kept.and_then(|()| artifacts.check_room(info, false));
    let (outcome, stamp) = record(room.map(|()| Value::Artifact(info)));
    if outcome.is_ok() {
        artifacts.add(info);
    }
    (outcome, stamp)
}

/// Holds the bytes of an artifact that a trial makes again, where it has no other place to read them from.
pub(crate) fn hold_again(frame: &Frame, effect: &Effect) {
    if let Effect::Artifact(ArtifactOp::Put { content }) = effect
        && frame.run.store.is_none()
    {
        // Where there is no room, a read of it will say that it is not there.
        let _ = frame.run.artifacts.lock().hold(content);
    }
}

/// Reads a part.
pub(super) async fn read(frame: &Frame, step: u32, digest: Digest, offset: u64, length: u64) -> Outcome {
    let refuse = |reason: String| Err(Failure::invalid(format!("part of artifact {digest}"), "", reason));
    if length > PART_BYTES_MAX {
        return refuse(format!("{length} bytes are asked for, and {PART_BYTES_MAX} are the most at once"));
    }
    let bytes = whole(frame, step, digest).await?;
    let Some(rest) = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)) else {
        return refuse(format!("it begins at {offset}, and there are {} bytes", bytes.len()));
    };
    let part = rest.get(..rest.len().min(usize::try_from(length).unwrap_or(usize::MAX))).unwrap_or(rest);
    let (byte_len, bytes) = (part.len() as u64, Arc::from(part));
    Ok(Value::ArtifactPart(ArtifactPart { digest, offset, byte_len, bytes }))
}

/// Finds out how long one is.
pub(super) async fn stat(frame: &Frame, step: u32, digest: Digest) -> Outcome {
    let known = frame.run.artifacts.lock().check_known(digest)?;
    let byte_len = match known {
        Some(byte_len) => byte_len,
        None => whole(frame, step, digest).await?.len() as u64,
    };
    Ok(Value::Artifact(ArtifactInfo { digest, byte_len }))
}

/// Returns all bytes of an artifact that the run may read. Who has them read from where they are kept is charged for all of
/// them, however small the part that it wants; but not on the way back to where it was, for what was charged then.
pub(super) async fn whole(frame: &Frame, step: u32, digest: Digest) -> Result<Arc<[u8]>, Failure> {
    let run = &frame.run;
    let held = {
        let mut artifacts = run.artifacts.lock();
        artifacts.check_known(digest)?;
        artifacts.held(digest)
    };
    if let Some(bytes) = held {
        return Ok(bytes);
    }
    let gone = || Failure::absent(format!("artifact {digest}"), "it is not kept any more");
    let bytes: Arc<[u8]> = match run.store.as_ref().ok_or_else(gone)?.kept(digest).await {
        Ok(bytes) => Arc::from(bytes),
        Err(JournalError::NotKept(_)) => return Err(gone()),
        Err(error) => return run.halt(error.into()).await,
    };
    run.artifacts.lock().remember(digest, bytes.clone());
    if frame.past_step(step).is_none_or(|known| known.end.is_none()) {
        frame.charge_bytes(bytes.len() as u64)?;
    }
    Ok(bytes)
}
