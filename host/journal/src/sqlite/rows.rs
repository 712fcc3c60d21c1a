// SPDX-License-Identifier: MIT OR Apache-2.0
//! How nouns stand in columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_core::effect::Question;
use priory_core::event::Program;
use priory_core::inbox::Sought;
use priory_core::journal::{Awaited, RunState, Wait};
use priory_core::{Digest, FramePath, RunId};
use serde::{Deserialize, Serialize};

/// The state of a run that is being removed: nobody sees it any more.
pub(super) const REMOVED: u8 = 9;

const ULID_RANDOM_BITS: u32 = 80;

/// Returns the bytes of an id; they sort as the ids do.
pub(super) fn run_to_bytes(run: RunId) -> [u8; 16] {
    let text = run.to_string();
    let ulid = text.split_once('_').and_then(|(_, ulid)| ulid::Ulid::from_string(ulid).ok());
    // An id always shows itself as a prefix and a ULID.
    ulid.unwrap_or_default().to_bytes()
}

/// Reads an id.
pub(super) fn run_from_bytes(bytes: [u8; 16]) -> RunId {
    let number = u128::from_be_bytes(bytes);
    let random = number & ((1 << ULID_RANDOM_BITS) - 1);
    RunId::from_parts((number >> ULID_RANDOM_BITS) as u64, random)
}

/// Returns a number as the database holds it; times beyond its range are all the last.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a number that is never below zero.
pub(super) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Returns how to get from one number of a chunk to the next. Most steps are small, since chunks that follow each other
/// in a body came one after the other.
pub(super) fn step_to_number(last: i64, next: i64) -> u64 {
    let step = next.wrapping_sub(last);
    (step.unsigned_abs() << 1).saturating_sub(u64::from(step < 0))
}

/// Takes [`step_to_number`] back.
pub(super) fn number_after(last: i64, step: u64) -> i64 {
    let length = int(step.div_ceil(2));
    if step & 1 == 1 { last.wrapping_sub(length) } else { last.wrapping_add(length) }
}

pub(super) fn state_to_number(state: RunState) -> u8 {
    match state {
        RunState::Open => 0,
        RunState::Parked => 1,
        RunState::Done => 2,
        RunState::Failed => 3,
        RunState::Cancelled => 4,
    }
}

pub(super) fn state_from_number(number: u8) -> Option<RunState> {
    RunState::ALL.into_iter().find(|state| state_to_number(*state) == number)
}

pub(super) fn program(kind: u8, name: &str) -> Option<Program> {
    let name = Arc::from(name);
    match kind {
        0 => Some(Program::Agent(name)),
        1 => Some(Program::Tool(name)),
        2 => Some(Program::Native(name)),
        3 => Some(Program::Workflow(name)),
        _ => None,
    }
}

pub(super) fn labels_to_text(labels: &BTreeMap<String, String>) -> Option<String> {
    // Texts by texts can always be written.
    (!labels.is_empty()).then(|| serde_json::to_string(labels).unwrap_or_default())
}

pub(super) fn labels_from_text(text: Option<String>) -> Option<BTreeMap<String, String>> {
    text.map_or_else(|| Some(BTreeMap::new()), |text| serde_json::from_str(&text).ok())
}

pub(super) fn digests_to_bytes(digests: &[Digest]) -> Vec<u8> {
    digests.iter().flat_map(|digest| *digest.as_bytes()).collect()
}

pub(super) fn digests_from_bytes(bytes: &[u8]) -> Option<Vec<Digest>> {
    let (digests, []) = bytes.as_chunks::<32>() else { return None };
    digests.iter().map(|bytes| format!("blake3:{}", blake3::Hash::from_bytes(*bytes).to_hex()).parse().ok()).collect()
}

/// A wait as it is written; when it is due stands in a column of its own.
#[derive(Serialize, Deserialize)]
struct WireWait {
    frame: FramePath,
    step: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question: Option<(String, Question)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Box<Sought>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cancel: bool,
}

pub(super) fn wait_to_text(wait: &Wait) -> String {
    let question = wait.question().map(|(id, question)| (id.to_string(), question.clone()));
    let event = wait.event().map(|sought| Box::new(sought.clone()));
    let wire = WireWait { frame: wait.frame.clone(), step: wait.step, question, event, cancel: wait.is_for_cancel() };
    // Plain data can always be written.
    serde_json::to_string(&wire).unwrap_or_default()
}

pub(super) fn wait_from_text(text: &str, due: Option<i64>) -> Option<Wait> {
    let WireWait { frame, step, question, event, cancel } = serde_json::from_str(text).ok()?;
    let awaited = match (question, event) {
        (Some((id, question)), _) => Awaited::Answer(id.parse().ok()?, Box::new(question)),
        (None, Some(sought)) => Awaited::Event(sought),
        (None, None) if cancel => Awaited::Cancel,
        (None, None) => Awaited::Timer,
    };
    Some(Wait { frame, step, due_unix_ms: due.map(uint), awaited })
}
