// SPDX-License-Identifier: MIT OR Apache-2.0
//! How an event is written (a *line* of JSON), and the chain over the lines of a run. Version 1.
//!
//! The chain starts with the hash of the run's id; each line moves it on to `blake3(chain ‖ blake3(line))`. That the
//! line goes in as its own hash lets large lines be hashed before their place in the queue of the writer is known.

use priory_core::journal::JournalError;
use priory_core::{Envelope, Event, FramePath, RunId};
use serde::{Deserialize, Serialize};

/// How long one line may be.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 20;

/// How many bytes of a line's hash stand beside it, so that a look at the history can name the line that was edited.
pub(crate) const CHECK_BYTES: usize = 4;

/// Sets this chain apart from every other use of the hash.
const CHAIN_DOMAIN: &str = "priory journal 2026-11 chain of a run";

#[derive(Serialize)]
struct WireRef<'a> {
    seq: u64,
    frame: &'a FramePath,
    at: u64,
    fuel: u64,
    event: &'a Event,
}

#[derive(Deserialize)]
struct Wire {
    seq: u64,
    frame: FramePath,
    at: u64,
    fuel: u64,
    event: Event,
}

/// One event as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: Vec<u8>,
    pub(crate) digest: [u8; 32],
}

impl Line {
    /// Takes a text that is one.
    pub(crate) fn new(text: Vec<u8>) -> Self {
        let digest = *blake3::hash(&text).as_bytes();
        Self { text, digest }
    }

    /// Writes an event.
    pub(crate) fn write(envelope: &Envelope) -> Result<Self, JournalError> {
        let Envelope { seq, frame, unix_ms, fuel, event, .. } = envelope;
        let wire = WireRef { seq: *seq, frame, at: *unix_ms, fuel: *fuel, event };
        let text = serde_json::to_vec(&wire)
            .map_err(|error| JournalError::Invalid { what: format!("event {seq} cannot be written: {error}") })?;
        if text.len() > LINE_BYTES_MAX {
            let what = format!("event {seq} of {}", envelope.run);
            return Err(JournalError::TooLarge { what, bytes: text.len() as u64, most: LINE_BYTES_MAX as u64 });
        }
        Ok(Self::new(text))
    }

    /// Reads the event back, which has to be the one at a position; the reason is for people.
    pub(crate) fn read(&self, run: RunId, seq: u64) -> Result<Envelope, String> {
        let wire: Wire = serde_json::from_slice(&self.text).map_err(|error| format!("it cannot be read: {error}"))?;
        if wire.seq != seq {
            return Err(format!("it says that it is event {}", wire.seq));
        }
        let Wire { seq, frame, at, fuel, event } = wire;
        Ok(Envelope { run, seq, frame, unix_ms: at, fuel, event })
    }
}

/// The hash that stands for all lines of a run so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chain(pub(crate) [u8; 32]);

impl Chain {
    /// Returns the chain of a run without lines.
    pub(crate) fn start(run: RunId) -> Self {
        Self(blake3::derive_key(CHAIN_DOMAIN, run.to_string().as_bytes()))
    }

    /// Returns the chain after one more line.
    pub(crate) fn then(self, line: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(line);
        Self(*hasher.finalize().as_bytes())
    }

    /// Returns the chain in hexadecimal.
    pub(crate) fn to_hex(self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

/// Puts lines one after the other: for each its length, some bytes of its hash, and itself.
pub(crate) fn join(lines: &[Line]) -> Vec<u8> {
    let mut body = Vec::with_capacity(lines.iter().map(|line| line.text.len() + 16).sum());
    for line in lines {
        write_number(&mut body, line.text.len() as u64);
        body.extend(line.digest.iter().take(CHECK_BYTES));
        body.extend_from_slice(&line.text);
    }
    body
}

/// Takes lines apart. Fails with the position of the first that is not as it was written, and the reason.
pub(crate) fn split(mut body: &[u8], count: u64) -> Result<Vec<Line>, (u64, String)> {
    let mut lines = Vec::new();
    for index in 0..count {
        let cut = || (index, "its length is not right".to_owned());
        let length = read_number(&mut body).and_then(|length| usize::try_from(length).ok()).ok_or_else(cut)?;
        let check = body.split_off(..CHECK_BYTES).ok_or_else(cut)?;
        let line = Line::new(body.split_off(..length).ok_or_else(cut)?.to_vec());
        if !line.digest.starts_with(check) {
            return Err((index, "it is not what was written".to_owned()));
        }
        lines.push(line);
    }
    match body {
        [] => Ok(lines),
        _ => Err((count.saturating_sub(1), "something was added behind it".to_owned())),
    }
}

/// Writes a number in as few bytes as it needs, seven bits in each.
pub(crate) fn write_number(to: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Reads a number and moves on behind it.
pub(crate) fn read_number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *from.split_off_first()?;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests;
