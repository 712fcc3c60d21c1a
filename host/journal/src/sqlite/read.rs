// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads events back, and looks whether they are as they were written.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use priory_core::journal::{JournalError, Verdict};
use priory_core::{Envelope, RunId};
use rusqlite::{OptionalExtension, params};

use super::Reader;
use super::pack::CHUNK_BYTES_MAX;
use super::rows::{self, int, uint};
use super::write::{DEPTH_MAX, FORM, LEVELS_MAX};
use super::zip;
use crate::admit::BATCH_BYTES_MAX;
use crate::encode::{self, Chain, Line, read_number};

/// How many bytes of chunks are remembered while a run is read. Beyond, all are forgotten and read again.
const CHUNKS_BYTES_MAX: usize = 16 << 20;

/// How many bytes a body or a list of pieces may have: the lines of a batch, and what stands between them.
const BODY_BYTES_MAX: usize = BATCH_BYTES_MAX + BATCH_BYTES_MAX / 8;

/// One batch as it stands in the table.
pub(super) struct Segment {
    pub(super) seq: u64,
    pub(super) count: u64,
    pub(super) chain: Chain,
    form: u8,
    body: Vec<u8>,
}

/// Why a segment has no lines.
pub(super) enum Unread {
    /// The database failed.
    Database(rusqlite::Error),
    /// What is there was not written so: the position of the first event that is touched, and the reason.
    Altered(u64, String),
}

impl From<rusqlite::Error> for Unread {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// One chunk as it stands in the table.
struct Stored {
    base: Option<i64>,
    digest: [u8; 32],
    size: i64,
    body: Vec<u8>,
}

/// Chunks that were read for one run.
#[derive(Default)]
struct Chunks {
    known: HashMap<i64, Arc<[u8]>>,
    bytes: usize,
}

impl Reader {
    /// Returns the key of a run, and how many events it had when its state last changed.
    pub(super) fn key(&self, run: RunId) -> Result<(i64, u64), JournalError> {
        let select = self.database.prepare_cached("SELECT key, mark FROM runs WHERE id = ?1");
        let found = select.and_then(|mut select| {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?));
            select.query_row([rows::run_to_bytes(run)], row).optional()
        });
        let found = found.map_err(|error| self.refusal(&error))?;
        found.map(|(key, mark)| (key, uint(mark))).ok_or(JournalError::NoRun(run))
    }

    /// Reads events in order.
    pub(super) fn events(&self, run: RunId, from: u64, most: usize) -> Result<Vec<Envelope>, JournalError> {
        // One view of the run, whatever is written meanwhile.
        let _view = self.database.unchecked_transaction().map_err(|error| self.refusal(&error))?;
        let (key, _) = self.key(run)?;
        let mut events = Vec::new();
        let damaged = |seq: u64, why: &str| JournalError::Corrupt { what: format!("event {seq} of {run}: {why}") };
        let walked = self.walk(key, from, |segment, lines| {
            for (line, seq) in lines.iter().zip(segment.seq..) {
                if seq < from {
                    continue;
                }
                if events.len() >= most {
                    return Ok(ControlFlow::Break(()));
                }
                events.push(line.read(run, seq).map_err(|why| Unread::Altered(seq, why))?);
            }
            Ok(if events.len() >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        match walked {
            Ok(_) => Ok(events),
            Err(Unread::Database(error)) => Err(self.refusal(&error)),
            Err(Unread::Altered(seq, why)) => Err(damaged(seq, &why)),
        }
    }

    /// Reads the whole history of a run and checks its chain.
    pub(super) fn verify(&self, run: RunId) -> Result<Verdict, JournalError> {
        let _view = self.database.unchecked_transaction().map_err(|error| self.refusal(&error))?;
        let (key, mark) = self.key(run)?;
        let mut chain = Chain::start(run);
        let walked = self.walk(key, 0, |segment, lines| {
            for (line, seq) in lines.iter().zip(segment.seq..) {
                line.read(run, seq).map_err(|why| Unread::Altered(seq, why))?;
                chain = chain.then(&line.digest);
            }
            if chain != segment.chain {
                let last = segment.seq.saturating_add(segment.count).saturating_sub(1);
                let why = format!("the chain does not fit behind event {last}");
                return Err(Unread::Altered(segment.seq, why));
            }
            Ok(ControlFlow::Continue(()))
        });
        match walked {
            Ok(events) if events < mark => {
                Ok(Verdict::Altered { seq: events, reason: format!("it is gone: there were {mark} events") })
            }
            Ok(events) => Ok(Verdict::Intact { events, chain: chain.to_hex() }),
            Err(Unread::Altered(seq, reason)) => Ok(Verdict::Altered { seq, reason }),
            Err(Unread::Database(error)) => Err(self.refusal(&error)),
        }
    }

    /// Goes through the segments of a run, from the one that holds a position on. Returns the position behind the last.
    fn walk(
        &self,
        run: i64,
        from: u64,
        mut visit: impl FnMut(&Segment, &[Line]) -> Result<ControlFlow<()>, Unread>,
    ) -> Result<u64, Unread> {
        let mut chunks = Chunks::default();
        let mut select = self.database.prepare_cached(
            "SELECT seq, count, chain, form, body FROM segments WHERE run = ?1
             AND seq >= (SELECT coalesce(max(seq), 0) FROM segments WHERE run = ?1 AND seq <= ?2) ORDER BY seq",
        )?;
        let mut rows = select.query(params![run, int(from)])?;
        let mut next = None;
        while let Some(row) = rows.next()? {
            let seq = uint(row.get(0)?);
            let segment = Segment {
                seq,
                count: uint(row.get(1)?),
                chain: Chain(row.get(2)?),
                form: row.get(3)?,
                body: row.get(4)?,
            };
            let expected = next.unwrap_or(if from == 0 { 0 } else { seq });
            if seq != expected {
                return Err(Unread::Altered(expected, "it is gone".into()));
            }
            let lines = self.lines(&segment, &mut chunks)?;
            next = Some(seq.saturating_add(segment.count));
            if visit(&segment, &lines)?.is_break() {
                break;
            }
        }
        Ok(next.unwrap_or(0))
    }

    fn lines(&self, segment: &Segment, chunks: &mut Chunks) -> Result<Vec<Line>, Unread> {
        let altered = |why: String| Unread::Altered(segment.seq, why);
        if segment.form != FORM {
            return Err(altered(format!("its form {} is not known", segment.form)));
        }
        let (levels, mut bytes) = zip::open(&segment.body, BODY_BYTES_MAX).map_err(altered)?;
        if levels > LEVELS_MAX {
            return Err(altered(format!("its form with {levels} levels is not known")));
        }
        for _ in 0..levels {
            bytes = self.expand(&bytes, chunks).map_err(|unread| match unread {
                Unread::Altered(_, why) => altered(why),
                database => database,
            })?;
        }
        encode::split(&bytes, segment.count)
            .map_err(|(index, why)| Unread::Altered(segment.seq.saturating_add(index), why))
    }

    /// Puts the pieces of a list together. The position in what it fails with means nothing.
    fn expand(&self, mut recipe: &[u8], chunks: &mut Chunks) -> Result<Vec<u8>, Unread> {
        let altered = |why: &str| Unread::Altered(0, why.to_owned());
        let (mut bytes, mut last) = (Vec::new(), 0);
        while !recipe.is_empty() {
            let number = read_number(&mut recipe).ok_or_else(|| altered("its list of pieces is cut short"))?;
            if number & 1 == 1 {
                last = rows::number_after(last, number >> 1);
                bytes.extend_from_slice(&self.chunk(last, chunks)?);
            } else {
                let length = usize::try_from(number >> 1).unwrap_or(usize::MAX);
                let literal = recipe.split_off(..length).ok_or_else(|| altered("its list of pieces is cut short"))?;
                bytes.extend_from_slice(literal);
            }
            if bytes.len() > BODY_BYTES_MAX {
                return Err(altered("its pieces are larger than a batch may be"));
            }
        }
        Ok(bytes)
    }

    fn chunk(&self, id: i64, chunks: &mut Chunks) -> Result<Arc<[u8]>, Unread> {
        let altered = |why: &str| Unread::Altered(0, format!("its chunk {id}: {why}"));
        let mut above = Vec::new();
        let (mut wanted, mut bytes) = (Some(id), None);
        while let Some(id) = wanted {
            if let Some(known) = chunks.known.get(&id) {
                bytes = Some(Arc::clone(known));
                break;
            }
            let stored = self.stored(id)?.ok_or_else(|| altered("it is gone"))?;
            wanted = stored.base;
            above.push((id, stored));
            if above.len() as u64 > uint(DEPTH_MAX) + 1 {
                return Err(altered("too many others stand below it"));
            }
        }
        for (id, stored) in above.into_iter().rev() {
            let size = usize::try_from(stored.size).ok().filter(|size| *size <= CHUNK_BYTES_MAX);
            let size = size.ok_or_else(|| altered("its length is not right"))?;
            let restored = zip::restore(&stored.body, bytes.as_deref(), size).map_err(|why| altered(&why))?;
            if *blake3::hash(&restored).as_bytes() != stored.digest {
                return Err(altered("it is not what was written"));
            }
            let restored: Arc<[u8]> = restored.into();
            chunks.put(id, Arc::clone(&restored));
            bytes = Some(restored);
        }
        bytes.ok_or_else(|| altered("it is gone"))
    }

    fn stored(&self, id: i64) -> rusqlite::Result<Option<Stored>> {
        let mut select = self.database.prepare_cached("SELECT base, digest, size, body FROM chunks WHERE id = ?1")?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Stored { base: row.get(0)?, digest: row.get(1)?, size: row.get(2)?, body: row.get(3)? })
        };
        select.query_row([id], row).optional()
    }
}

impl Chunks {
    fn put(&mut self, id: i64, bytes: Arc<[u8]>) {
        if self.bytes > CHUNKS_BYTES_MAX {
            self.known.clear();
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.known.insert(id, bytes);
    }
}
