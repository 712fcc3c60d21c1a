// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which batch may be appended: the same answer in every store.

use priory_core::event::Program;
use priory_core::journal::{Batch, JournalError, LABELS_MAX, Retention};
use priory_core::{Digest, RunId};

use crate::encode::Line;

/// How many events one batch may have.
pub(crate) const BATCH_EVENTS_MAX: usize = 65_536;

/// How many bytes the lines of one batch may have.
pub(crate) const BATCH_BYTES_MAX: usize = 256 << 20;

/// How many things one run may wait for at once.
pub(crate) const WAITS_MAX: usize = 16_384;

/// How many digests one run may pin.
pub(crate) const PINS_MAX: usize = 4_096;

/// How long a label may be, name and value each, in bytes.
pub(crate) const LABEL_BYTES_MAX: usize = 1_024;

/// The position that no event of a run may reach.
pub(crate) const SEQ_MAX: u64 = 1 << 48;

/// Returns the artifacts that the events of a batch make their run need.
pub(crate) fn artifacts(batch: &Batch) -> Vec<Digest> {
    batch.events.iter().flat_map(|envelope| envelope.event.artifacts()).collect()
}

/// Checks what can be known of a batch without knowing its run, and writes its lines.
pub(crate) fn lines(batch: &Batch) -> Result<Vec<Line>, JournalError> {
    let run = batch.run;
    let invalid = |what: String| Err(JournalError::Invalid { what: format!("a batch of {run}: {what}") });
    let too_large = |what: &str, bytes: usize, most: usize| JournalError::TooLarge {
        what: what.to_owned(),
        bytes: bytes as u64,
        most: most as u64,
    };
    if batch.header.is_some() && (batch.first_seq != 0 || batch.events.is_empty() || batch.epoch != 0) {
        return invalid("what the run is comes with its first event, once".into());
    }
    if batch.events.len() > BATCH_EVENTS_MAX || batch.first_seq > SEQ_MAX {
        return invalid(format!("{} events from {} on are too many", batch.events.len(), batch.first_seq));
    }
    if batch.waits.as_ref().is_some_and(|waits| waits.len() > WAITS_MAX) {
        return invalid(format!("more than {WAITS_MAX} things are waited for"));
    }
    if let Some(header) = &batch.header {
        let long = |text: &String| text.len() > LABEL_BYTES_MAX;
        if header.labels.len() > LABELS_MAX || header.labels.iter().any(|(name, value)| long(name) || long(value)) {
            return invalid(format!("{LABELS_MAX} labels of {LABEL_BYTES_MAX} bytes are the most"));
        }
        if header.pins.len() > PINS_MAX {
            return invalid(format!("more than {PINS_MAX} digests are pinned"));
        }
    }
    let mut bytes = 0usize;
    let mut lines = Vec::with_capacity(batch.events.len());
    for (envelope, seq) in batch.events.iter().zip(batch.first_seq..) {
        if envelope.seq != seq || envelope.run != run {
            return invalid(format!("event {} of {} stands where event {seq} belongs", envelope.seq, envelope.run));
        }
        let line = Line::write(envelope)?;
        bytes = bytes.saturating_add(line.text.len());
        if bytes > BATCH_BYTES_MAX {
            return Err(too_large(&format!("a batch of {run}"), bytes, BATCH_BYTES_MAX));
        }
        lines.push(line);
    }
    Ok(lines)
}

/// Where a run stands, as far as it decides who may append.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand {
    pub(crate) epoch: u64,
    pub(crate) next_seq: u64,
}

/// Tells whether a batch may be appended to a run, which is `None` when there is no such run.
pub(crate) fn fence(
    run: RunId,
    begins: bool,
    epoch: u64,
    first_seq: u64,
    stand: Option<Stand>,
) -> Result<(), JournalError> {
    match stand {
        None if begins => Ok(()),
        None => Err(JournalError::NoRun(run)),
        Some(_) if begins => Err(JournalError::Exists(run)),
        Some(stand) if stand.epoch == epoch && stand.next_seq == first_seq => Ok(()),
        Some(_) => Err(JournalError::Fenced { run }),
    }
}

/// Returns the kind of a program as a number, and its name.
pub(crate) fn program_parts(program: &Program) -> (u8, &str) {
    match program {
        Program::Agent(name) => (0, name),
        Program::Tool(name) => (1, name),
        Program::Native(name) => (2, name),
        Program::Workflow(name) => (3, name),
    }
}

/// Chooses which runs are beyond what is to be kept. `ended` holds when each ended, its id and its bytes, the newest
/// first.
pub(crate) fn beyond(retention: Retention, unix_ms: u64, ended: Vec<(u64, RunId, u64)>) -> Vec<(RunId, u64)> {
    let (mut count, mut sum) = (0u64, 0u64);
    let mut full = false;
    let mut gone = Vec::new();
    for (ended_unix_ms, run, bytes) in ended {
        let sum_with = sum.saturating_add(bytes);
        // Once a run did not fit no older one stays: what is left is always the newest part.
        full |=
            retention.count.is_some_and(|most| count >= most) || retention.bytes.is_some_and(|most| sum_with > most);
        let old = retention.age_ms.is_some_and(|most| unix_ms.saturating_sub(ended_unix_ms) > most);
        match full || old {
            true => gone.push((run, bytes)),
            false => (count, sum) = (count + 1, sum_with),
        }
    }
    gone
}
