// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the lines of a batch become few bytes: small ones are compressed, large ones are cut where their content says so.
//!
//! A chunk that is not known is kept as what differs from the chunk that stood at its place in the batch before. So a
//! state that grows by little in each step costs little in each step.

use std::ops::Range;

use priory_core::RunId;

use super::recent::Recent;
use super::zip;
use crate::encode::{Line, join, write_number};

/// Bodies up to this size stay in one piece, in bytes.
pub(super) const INLINE_BYTES_MAX: usize = 4 << 10;

/// Bodies of small lines up to this size stay in one piece as well, in bytes: they are all new, so cutting them wins nothing.
pub(super) const WHOLE_BYTES_MAX: usize = 256 << 10;

/// How many bytes at the beginning of a large line are never part of a chunk: position, time and fuel change from event
/// to event, and would make a new chunk of the beginning of each.
const HEAD_BYTES: usize = 128;

/// The sizes of chunks, in bytes.
const CHUNK_BYTES_MIN: usize = 1 << 10;
const CHUNK_BYTES: usize = 4 << 10;
pub(super) const CHUNK_BYTES_MAX: usize = 16 << 10;

/// The lines of a batch, ready to be written.
#[derive(Debug)]
pub(super) enum Packed {
    /// A body that is small enough for one piece, as it is stored.
    Whole(Vec<u8>),
    /// A body in pieces.
    Pieces { body: Vec<u8>, pieces: Vec<Piece> },
}

/// A part of a body.
#[derive(Debug)]
pub(super) enum Piece {
    /// Bytes that stay with the segment.
    Literal(Range<usize>),
    /// Bytes that are kept once for all runs.
    Chunk(Chunk),
}

/// A part of a body that is kept once for all runs.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) digest: [u8; 32],
    pub(super) range: Range<usize>,
    /// Its number, when the run had it in its last large batch.
    pub(super) known: Option<i64>,
    /// What differs from another chunk of the run, and the number of that chunk.
    pub(super) delta: Option<(i64, Vec<u8>)>,
    /// The chunk by itself, unless `known` or `delta` is there.
    pub(super) alone: Option<Vec<u8>>,
}

/// Packs the lines of a batch. `recent` is the last large batch of the run.
pub(super) fn pack(lines: &[Line], recent: Option<&Recent>) -> Packed {
    let body = join(lines);
    let are_small = || lines.iter().all(|line| line.text.len() <= INLINE_BYTES_MAX);
    if body.len() <= INLINE_BYTES_MAX || (body.len() <= WHOLE_BYTES_MAX && are_small()) {
        return Packed::Whole(whole(&body));
    }
    let mut cutter = Cutter { body: &body, pieces: Vec::new(), recent, place: 0 };
    let (mut at, mut small) = (0, 0..0);
    for line in lines {
        let from = at;
        at = from + framed_len(line);
        if at - from <= INLINE_BYTES_MAX {
            small = small.start..at;
            continue;
        }
        cutter.small(small);
        let head = (from + HEAD_BYTES).min(at);
        cutter.pieces.push(Piece::Literal(from..head));
        cutter.cut(head..at);
        small = at..at;
    }
    cutter.small(small);
    let pieces = cutter.pieces;
    Packed::Pieces { body, pieces }
}

/// Returns the stored form of a body that stays in one piece.
pub(super) fn whole(body: &[u8]) -> Vec<u8> {
    zip::seal(0, body)
}

/// Cuts bytes where their content says so.
pub(super) fn cuts(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let cutter = fastcdc::v2020::FastCDC::new(bytes, CHUNK_BYTES_MIN, CHUNK_BYTES, CHUNK_BYTES_MAX);
    cutter.map(|chunk| chunk.offset..chunk.offset + chunk.length)
}

fn framed_len(line: &Line) -> usize {
    let mut number = Vec::with_capacity(10);
    write_number(&mut number, line.text.len() as u64);
    number.len() + crate::encode::CHECK_BYTES + line.text.len()
}

struct Cutter<'a> {
    body: &'a [u8],
    pieces: Vec<Piece>,
    recent: Option<&'a Recent>,
    /// Where in the recent batch this one goes on, as far as they are alike.
    place: usize,
}

impl Cutter<'_> {
    /// Adds small lines: they stay with the segment unless they are many.
    fn small(&mut self, range: Range<usize>) {
        match range.len() {
            0 => {}
            length if length <= INLINE_BYTES_MAX => self.pieces.push(Piece::Literal(range)),
            _ => self.cut(range),
        }
    }

    fn cut(&mut self, range: Range<usize>) {
        let Some(bytes) = self.body.get(range.clone()) else { return };
        for cut in cuts(bytes) {
            let range = range.start + cut.start..range.start + cut.end;
            let Some(bytes) = self.body.get(range.clone()) else { return };
            let chunk = self.chunk(bytes, range);
            self.pieces.push(Piece::Chunk(chunk));
        }
    }

    fn chunk(&mut self, bytes: &[u8], range: Range<usize>) -> Chunk {
        let digest = *blake3::hash(bytes).as_bytes();
        let mut chunk = Chunk { digest, range, known: None, delta: None, alone: None };
        if let Some(recent) = self.recent {
            if let Some((place, id)) = recent.find(&digest, self.place) {
                (self.place, chunk.known) = (place + 1, Some(id));
                return chunk;
            }
            if let Some((id, base)) = recent.at(self.place) {
                chunk.delta = zip::delta(bytes, base).map(|delta| (id, delta));
            }
        }
        if chunk.delta.is_none() {
            chunk.alone = Some(zip::alone(bytes));
        }
        chunk
    }
}

/// What a writer is given of one batch.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) run: RunId,
    pub(super) epoch: u64,
    pub(super) first_seq: u64,
    /// The hashes of the lines.
    pub(super) digests: Vec<[u8; 32]>,
    /// The time of the last event.
    pub(super) at_unix_ms: Option<u64>,
    pub(super) packed: Packed,
    /// The key of the run of the batch that this one was packed against.
    pub(super) recent_key: Option<i64>,
    /// What the events make their run need.
    pub(super) artifacts: Vec<priory_core::Digest>,
    pub(super) header: Option<priory_core::journal::RunHeader>,
    pub(super) state: Option<priory_core::journal::RunState>,
    pub(super) waits: Option<Vec<priory_core::journal::Wait>>,
}
