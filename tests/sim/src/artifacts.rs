// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has to hold of the artifacts of a run: each that is said to be made is kept and pinned, and nothing else is read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use priory_core::artifact::ArtifactOp;
use priory_core::{Digest, Effect, Envelope, Event, FramePath, Journal, RunId, Value};

use crate::world::now;

/// Looks at the artifacts of a run and where they are kept.
pub fn check(journal: &Arc<dyn Journal>, run: RunId, events: &[Envelope]) -> Result<(), String> {
    let pins = now(journal.pins(run))?.map_err(|error| error.to_string())?;
    let mut asked: HashMap<(&FramePath, u32), &Effect> = HashMap::new();
    let mut made: BTreeMap<Digest, u64> = BTreeMap::new();
    for Envelope { seq, frame, event, .. } in events {
        let wrong = |why: &str| Err(format!("event {seq} (frame {frame}): {why}"));
        let (step, outcome) = match event {
            Event::Intent { step, effect } => {
                asked.insert((frame, *step), &**effect);
                continue;
            }
            Event::Outcome { step, outcome } => (*step, outcome),
            _ => continue,
        };
        match (asked.get(&(frame, step)), &**outcome) {
            (Some(Effect::Artifact(ArtifactOp::Put { content })), Ok(Value::Artifact(info))) => {
                if content.info() != *info {
                    return wrong("another artifact was made than was asked for");
                }
                let kept = now(journal.kept(info.digest))?;
                let is_whole = kept.is_ok_and(|bytes| bytes.len() as u64 == info.byte_len);
                if !is_whole || !pins.contains(&info.digest) {
                    return wrong("an artifact is said to be made, and is not kept");
                }
                made.insert(info.digest, info.byte_len);
            }
            (Some(Effect::Artifact(ArtifactOp::Read { digest, offset, length })), Ok(Value::ArtifactPart(part))) => {
                let Some(byte_len) = made.get(digest) else { return wrong("an artifact was read before it was made") };
                let expected = byte_len.saturating_sub(*offset).min(*length);
                if (part.digest, part.offset, part.byte_len) != (*digest, *offset, expected) {
                    return wrong("another part was read than was asked for");
                }
            }
            (Some(Effect::Artifact(ArtifactOp::Stat { digest })), Ok(Value::Artifact(info)))
                if made.get(digest) != Some(&info.byte_len) =>
            {
                return wrong("an artifact has another length than it was made with");
            }
            _ => {}
        }
    }
    Ok(())
}
