// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one batch, or one claim, changes in the tables.

use std::collections::HashMap;
use std::ops::Range;

use priory_core::RunId;
use priory_core::journal::{JournalError, Lease, RunHeader, RunState, Wait};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::pack::{Chunk, Packed, Piece, Prepared, cuts};
use super::rows::{self, int, uint};
use super::zip;
use crate::admit::{self, Stand};
use crate::encode::{Chain, write_number};

/// The form of the segments that are written.
pub(super) const FORM: u8 = 1;

/// How many bytes of pieces stay with their segment; a longer list of pieces is cut like a body.
const RECIPE_BYTES_MAX: usize = 4 << 10;

/// How often a list of pieces is cut again: each time it has a small part of its length.
pub(super) const LEVELS_MAX: u8 = 8;

/// How many chunks stand below one, each of which only says what differs from the next. Reading one reads all of them.
pub(super) const DEPTH_MAX: i64 = 24;

/// How many runs a writer remembers. Beyond, it forgets all, and looks up again.
const KNOWN_MAX: usize = 65_536;

/// Why a batch is not written.
pub(super) enum Refusal {
    /// It alone is refused, and has changed nothing.
    Batch(JournalError),
    /// The database failed: the whole transaction is void.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Where the runs stand. It is only a cache of the tables, and empty after a transaction that failed.
#[derive(Debug, Default)]
pub(super) struct Known {
    runs: HashMap<RunId, At>,
}

/// Where one run stands.
#[derive(Debug, Clone, Copy)]
struct At {
    key: i64,
    state: RunState,
    stand: Stand,
    chain: Chain,
    bytes: u64,
    at_unix_ms: u64,
}

impl Known {
    pub(super) fn clear(&mut self) {
        self.runs.clear();
    }

    pub(super) fn forget(&mut self, run: RunId) {
        self.runs.remove(&run);
    }

    fn get(&mut self, database: &Connection, run: RunId) -> Result<Option<At>, Refusal> {
        if let Some(at) = self.runs.get(&run) {
            return Ok(Some(*at));
        }
        let mut select = database.prepare_cached("SELECT key, state, epoch, started FROM runs WHERE id = ?1")?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?));
        let found = select.query_row([rows::run_to_bytes(run)], row).optional()?;
        let Some((key, state, epoch, started)) = found else { return Ok(None) };
        let damaged = || JournalError::Corrupt { what: format!("the state of {run} is not one that there is") };
        let state = rows::state_from_number(state).ok_or_else(damaged).map_err(Refusal::Batch)?;
        let mut select = database.prepare_cached(
            "SELECT seq + count, chain, total, at FROM segments WHERE run = ?1 ORDER BY seq DESC LIMIT 1",
        )?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let last: Option<(i64, [u8; 32], i64, i64)> = select.query_row([key], row).optional()?;
        let (next_seq, chain, bytes, at) = last.unwrap_or((0, Chain::start(run).0, 0, started));
        let stand = Stand { epoch: uint(epoch), next_seq: uint(next_seq) };
        let at = At { key, state, stand, chain: Chain(chain), bytes: uint(bytes), at_unix_ms: uint(at) };
        self.put(run, at);
        Ok(Some(at))
    }

    fn put(&mut self, run: RunId, at: At) {
        if self.runs.len() >= KNOWN_MAX {
            self.runs.clear();
        }
        self.runs.insert(run, at);
    }
}

/// What a batch became: the key of its run, and the numbers of its chunks.
#[derive(Debug, Default)]
pub(super) struct Appended {
    pub(super) key: i64,
    pub(super) chunks: Vec<i64>,
}

/// Writes a batch.
pub(super) fn append(database: &Connection, known: &mut Known, batch: &Prepared) -> Result<Appended, Refusal> {
    let run = batch.run;
    let found = known.get(database, run)?;
    admit::fence(run, batch.header.is_some(), batch.epoch, batch.first_seq, found.map(|at| at.stand))
        .map_err(Refusal::Batch)?;
    let mut at = match (&batch.header, found) {
        (_, Some(at)) => at,
        (Some(header), None) => begin(database, run, header)?,
        (None, None) => return Err(Refusal::Batch(JournalError::NoRun(run))),
    };
    let mut appended = Appended { key: at.key, chunks: Vec::new() };
    if !batch.digests.is_empty() {
        appended.chunks = segment(database, &mut at, batch)?;
    }
    for digest in &batch.artifacts {
        let mut insert = database.prepare_cached("INSERT OR IGNORE INTO artifacts (run, digest) VALUES (?1, ?2)")?;
        insert.execute(params![at.key, digest.as_bytes()])?;
    }
    let ends = batch.state.is_some_and(RunState::has_ended);
    if let Some(state) = batch.state {
        let mut update = database.prepare_cached("UPDATE runs SET state = ?2, ended = ?3, mark = ?4 WHERE key = ?1")?;
        let ended = ends.then_some(int(at.at_unix_ms));
        update.execute(params![at.key, rows::state_to_number(state), ended, int(at.stand.next_seq)])?;
        at.state = state;
    }
    match &batch.waits {
        _ if ends => wait_for(database, at.key, &[])?,
        Some(waits) => wait_for(database, at.key, waits)?,
        None => {}
    }
    known.put(run, at);
    Ok(appended)
}

/// Takes a run over.
pub(super) fn claim(database: &Connection, known: &mut Known, run: RunId) -> Result<Lease, Refusal> {
    let mut at = known.get(database, run)?.ok_or(Refusal::Batch(JournalError::NoRun(run)))?;
    at.stand.epoch += 1;
    let mut update = database.prepare_cached("UPDATE runs SET epoch = ?2 WHERE key = ?1")?;
    update.execute(params![at.key, int(at.stand.epoch)])?;
    known.put(run, at);
    Ok(Lease { run, epoch: at.stand.epoch, next_seq: at.stand.next_seq, state: at.state })
}

fn begin(database: &Connection, run: RunId, header: &RunHeader) -> Result<At, Refusal> {
    let pins = rows::digests_to_bytes(&header.pins);
    let mut select = database.prepare_cached("SELECT id FROM pin_sets WHERE digests = ?1")?;
    let pins: i64 = match select.query_row([&pins], |row| row.get(0)).optional()? {
        Some(id) => id,
        None => {
            database.prepare_cached("INSERT INTO pin_sets (digests) VALUES (?1)")?.execute([&pins])?;
            database.last_insert_rowid()
        }
    };
    let (kind, name) = admit::program_parts(&header.program);
    let mut insert = database.prepare_cached(
        "INSERT INTO runs (id, state, epoch, kind, name, labels, pins, started, mark)
         VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, 0)",
    )?;
    let labels = rows::labels_to_text(&header.labels);
    let state = RunState::Open;
    let started = int(header.started_unix_ms);
    insert.execute(params![
        rows::run_to_bytes(run),
        rows::state_to_number(state),
        kind,
        name,
        labels,
        pins,
        started
    ])?;
    let key = database.last_insert_rowid();
    let mut insert = database.prepare_cached("INSERT INTO labels (name, value, run) VALUES (?1, ?2, ?3)")?;
    for (name, value) in &header.labels {
        insert.execute(params![name, value, key])?;
    }
    let stand = Stand { epoch: 0, next_seq: 0 };
    Ok(At { key, state, stand, chain: Chain::start(run), bytes: 0, at_unix_ms: header.started_unix_ms })
}

fn wait_for(database: &Connection, run: i64, waits: &[Wait]) -> Result<(), Refusal> {
    database.prepare_cached("DELETE FROM waits WHERE run = ?1")?.execute([run])?;
    let mut insert = database.prepare_cached(
        "INSERT INTO waits (run, number, due, asks, wait, event, looked) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (wait, number) in waits.iter().zip(0i64..) {
        insert.execute(params![
            run,
            number,
            wait.due_unix_ms.map(int),
            wait.question().is_some(),
            rows::wait_to_text(wait),
            wait.event().map(|sought| &sought.name),
            wait.event().map(|sought| int(sought.after)),
        ])?;
    }
    Ok(())
}

/// Writes the events of a batch.
fn segment(database: &Connection, at: &mut At, batch: &Prepared) -> Result<Vec<i64>, Refusal> {
    let mut ids = Vec::new();
    let mut added = 0;
    let recipe;
    let body = match &batch.packed {
        Packed::Whole(body) => body,
        Packed::Pieces { body, pieces } => {
            // What was packed against another run of the same id says nothing about this one.
            let is_of_run = batch.recent_key == Some(at.key);
            let mut pieces_to = Pieces { database, run: at.key, is_of_run, added: 0 };
            recipe = pieces_to.write(body, pieces, &mut ids)?;
            added = pieces_to.added;
            &recipe
        }
    };
    at.chain = batch.digests.iter().fold(at.chain, Chain::then);
    at.bytes = at.bytes.saturating_add(added).saturating_add(body.len() as u64);
    at.at_unix_ms = batch.at_unix_ms.unwrap_or(at.at_unix_ms);
    let count = batch.digests.len() as u64;
    let mut insert = database.prepare_cached(
        "INSERT INTO segments (run, seq, count, form, at, total, chain, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let (seq, unix_ms, total) = (int(batch.first_seq), int(at.at_unix_ms), int(at.bytes));
    insert.execute(params![at.key, seq, int(count), FORM, unix_ms, total, at.chain.0, body])?;
    at.stand.next_seq = at.stand.next_seq.saturating_add(count);
    Ok(ids)
}

/// Writes the pieces of a body.
struct Pieces<'a> {
    database: &'a Connection,
    run: i64,
    /// Whether the numbers in the pieces are of this run.
    is_of_run: bool,
    /// Counts the bytes that the run did not have.
    added: u64,
}

impl Pieces<'_> {
    /// Returns what the segment holds. The numbers of the chunks are added to `ids`.
    fn write(&mut self, body: &[u8], pieces: &[Piece], ids: &mut Vec<i64>) -> Result<Vec<u8>, Refusal> {
        let part = |range: &Range<usize>| body.get(range.clone()).unwrap_or_default();
        let (mut recipe, mut last) = (Vec::new(), 0);
        for piece in pieces {
            match piece {
                Piece::Literal(range) => {
                    write_number(&mut recipe, (range.len() as u64) << 1);
                    recipe.extend_from_slice(part(range));
                }
                Piece::Chunk(chunk) => {
                    let id = match chunk.known.filter(|_| self.is_of_run) {
                        Some(id) => id,
                        None => self.chunk(chunk, part(&chunk.range))?,
                    };
                    ids.push(id);
                    write_number(&mut recipe, rows::step_to_number(last, id) << 1 | 1);
                    last = id;
                }
            }
        }
        for level in 1..LEVELS_MAX {
            let sealed = zip::seal(level, &recipe);
            if sealed.len() <= RECIPE_BYTES_MAX {
                return Ok(sealed);
            }
            let (mut shorter, mut last) = (Vec::new(), 0);
            for range in cuts(&recipe) {
                let bytes = recipe.get(range.clone()).unwrap_or_default();
                let digest = *blake3::hash(bytes).as_bytes();
                let chunk = Chunk { digest, range, known: None, delta: None, alone: None };
                let id = self.chunk(&chunk, bytes)?;
                write_number(&mut shorter, rows::step_to_number(last, id) << 1 | 1);
                last = id;
            }
            recipe = shorter;
        }
        Ok(zip::seal(LEVELS_MAX, &recipe))
    }

    /// Writes a chunk unless it is there, and notes that the run has it. Returns its number.
    fn chunk(&mut self, chunk: &Chunk, bytes: &[u8]) -> Result<i64, Refusal> {
        let mut select = self.database.prepare_cached("SELECT id, base, length(body) FROM chunks WHERE digest = ?1")?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let found: Option<(i64, Option<i64>, i64)> = select.query_row([chunk.digest], row).optional()?;
        if let Some((id, mut base, length)) = found {
            self.note(id, length)?;
            // What is needed to read the chunk has to live as long as the run, too.
            for _ in 0..=DEPTH_MAX {
                let Some(id) = base else { break };
                let mut select = self.database.prepare_cached("SELECT base, length(body) FROM chunks WHERE id = ?1")?;
                let (below, length): (Option<i64>, i64) =
                    select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
                self.note(id, length)?;
                base = below;
            }
            return Ok(id);
        }
        let mut base = None;
        if let Some((id, delta)) = chunk.delta.as_ref().filter(|_| self.is_of_run) {
            let mut select = self.database.prepare_cached("SELECT depth FROM chunks WHERE id = ?1")?;
            let depth: Option<i64> = select.query_row([id], |row| row.get(0)).optional()?;
            base = depth.filter(|depth| *depth < DEPTH_MAX).map(|depth| (*id, depth + 1, delta));
        }
        let alone;
        let (base, depth, body) = match (base, &chunk.alone) {
            (Some((id, depth, delta)), _) => (Some(id), depth, delta),
            (None, Some(body)) => (None, 0, body),
            (None, None) => {
                alone = zip::alone(bytes);
                (None, 0, &alone)
            }
        };
        let mut insert = self
            .database
            .prepare_cached("INSERT INTO chunks (digest, base, depth, size, body) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        insert.execute(params![chunk.digest, base, depth, int(bytes.len() as u64), body])?;
        let id = self.database.last_insert_rowid();
        self.note(id, int(body.len() as u64))?;
        Ok(id)
    }

    /// Notes that the run has a chunk.
    fn note(&mut self, chunk: i64, length: i64) -> Result<(), Refusal> {
        let mut insert =
            self.database.prepare_cached("INSERT OR IGNORE INTO run_chunks (run, chunk) VALUES (?1, ?2)")?;
        if insert.execute([self.run, chunk])? > 0 {
            self.added = self.added.saturating_add(uint(length));
        }
        Ok(())
    }
}
