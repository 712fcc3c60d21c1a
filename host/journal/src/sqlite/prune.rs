// SPDX-License-Identifier: MIT OR Apache-2.0
//! Removes runs in steps, between which others write.
//!
//! A run that is to be removed gets another id first, so that nobody sees it half removed, then loses its rows. A host
//! that is killed on the way goes on with it when it removes something the next time.

use std::collections::BTreeSet;
use std::path::Path;

use priory_core::RunId;
use priory_core::journal::{JournalError, Pruned, RunState};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::kept::Kept;
use super::rows::{self, REMOVED, uint};
use super::schema::refusal;
use super::write::Known;
use super::{expenses, inbox};

/// How many runs are marked in one step.
pub(super) const MARKED_MAX: usize = 256;

/// How many rows are removed in one step.
const ROWS_MAX: u32 = 512;

/// How many pages are given back in one step.
const PAGES_MAX: u32 = 256;

/// How many free pages are left for what comes next: 1 MiB.
const PAGES_FREE: i64 = 256;

/// A part of the work.
#[derive(Debug)]
pub(super) enum Step {
    /// Mark runs, where they have ended: nobody sees them any more.
    Mark(Vec<RunId>),
    /// Remove some rows of marked runs.
    Rows,
    /// Remove some of what was published before the oldest run that is left, as of a time.
    Events(u64),
    /// Remove some of the expenses that are too old, as of a time.
    Expenses(u64),
    /// Remove what is kept and no run pins, as of a time.
    Kept(Kept, u64),
    /// Give some pages back.
    Pages,
    /// Empty the write-ahead log.
    Log,
}

/// What a step did.
#[derive(Debug, Default)]
pub(super) struct Stepped {
    /// What was removed.
    pub(super) pruned: Pruned,
    /// Whether the same step has more to do.
    pub(super) has_more: bool,
}

/// Does one step.
pub(super) fn step(
    dir: &Path,
    database: &mut Connection,
    known: &mut Known,
    step: Step,
) -> Result<Stepped, JournalError> {
    let failed = |error| refusal(dir, &error);
    match step {
        Step::Mark(runs) => mark(database, known, &runs).map_err(failed),
        Step::Rows => remove_rows(database).map_err(failed),
        Step::Events(unix_ms) => inbox::prune(database, unix_ms).map_err(failed),
        Step::Expenses(unix_ms) => expenses::prune(database, unix_ms).map_err(failed),
        Step::Kept(kept, unix_ms) => {
            let pinned = pinned(database).map_err(failed)?;
            kept.prune(&pinned, unix_ms)?;
            Ok(Stepped::default())
        }
        Step::Pages => give_back(database).map_err(failed),
        Step::Log => {
            // A reader of another process may still need the log: then it stays until the next time.
            database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
            Ok(Stepped::default())
        }
    }
}

fn mark(database: &mut Connection, known: &mut Known, runs: &[RunId]) -> rusqlite::Result<Stepped> {
    let mut pruned = Pruned::default();
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for run in runs {
        known.forget(*run);
        let states = [RunState::Done, RunState::Failed, RunState::Cancelled].map(rows::state_to_number);
        let mut select = transaction.prepare_cached(
            "SELECT key, coalesce((SELECT total FROM segments WHERE run = key ORDER BY seq DESC LIMIT 1), 0)
             FROM runs WHERE id = ?1 AND state IN (?2, ?3, ?4)",
        )?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?));
        let [done, ended, cancelled] = states;
        let found = select.query_row(params![rows::run_to_bytes(*run), done, ended, cancelled], row).optional()?;
        let Some((key, bytes)): Option<(i64, i64)> = found else { continue };
        // Its id is free at once: the same run may be imported again.
        let mut update =
            transaction.prepare_cached("UPDATE runs SET state = ?2, id = 'removed ' || key WHERE key = ?1")?;
        update.execute(params![key, REMOVED])?;
        pruned.runs += 1;
        pruned.bytes += uint(bytes);
    }
    transaction.commit()?;
    Ok(Stepped { pruned, has_more: false })
}

fn remove_rows(database: &mut Connection) -> rusqlite::Result<Stepped> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut select = transaction.prepare_cached("SELECT key FROM runs WHERE state = ?1 LIMIT 1")?;
    let run: Option<i64> = select.query_row([REMOVED], |row| row.get(0)).optional()?;
    drop(select);
    let Some(run) = run else { return Ok(Stepped::default()) };
    let mut delete = transaction.prepare_cached(
        "DELETE FROM segments WHERE id IN (SELECT id FROM segments WHERE run = ?1 ORDER BY seq DESC LIMIT ?2)",
    )?;
    let mut removed = delete.execute(params![run, ROWS_MAX])?;
    drop(delete);
    if removed == 0 {
        removed = remove_chunks(&transaction, run)?;
    }
    if removed == 0 {
        transaction.prepare_cached("DELETE FROM runs WHERE key = ?1")?.execute([run])?;
        transaction
            .execute("DELETE FROM pin_sets WHERE NOT EXISTS (SELECT 1 FROM runs WHERE pins = pin_sets.id)", [])?;
    }
    transaction.commit()?;
    Ok(Stepped { has_more: true, ..Stepped::default() })
}

/// Takes some chunks from a run; those that no other run has are removed. Returns how many.
fn remove_chunks(database: &Connection, run: i64) -> rusqlite::Result<usize> {
    // The newest first: a chunk is never removed before those that need it, which are all newer.
    let mut select =
        database.prepare_cached("SELECT chunk FROM run_chunks WHERE run = ?1 ORDER BY chunk DESC LIMIT ?2")?;
    let chunks = select.query_map(params![run, ROWS_MAX], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut delete = database.prepare_cached("DELETE FROM run_chunks WHERE run = ?1 AND chunk = ?2")?;
    let mut delete_chunk = database.prepare_cached(
        "DELETE FROM chunks WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM run_chunks WHERE chunk = ?1)",
    )?;
    for chunk in &chunks {
        delete.execute([run, *chunk])?;
        delete_chunk.execute([*chunk])?;
    }
    Ok(chunks.len())
}

fn pinned(database: &Connection) -> rusqlite::Result<BTreeSet<priory_core::Digest>> {
    let mut select = database.prepare_cached("SELECT digests FROM pin_sets")?;
    let sets = select.query_map([], |row| Ok(rows::digests_from_bytes(row.get_ref(0)?.as_blob()?)))?;
    let sets = sets.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut pinned: BTreeSet<_> = sets.into_iter().flatten().flatten().collect();
    let mut select = database.prepare_cached("SELECT DISTINCT digest FROM artifacts")?;
    let made = select.query_map([], |row| Ok(rows::digests_from_bytes(row.get_ref(0)?.as_blob()?)))?;
    pinned.extend(made.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().flatten());
    Ok(pinned)
}

fn give_back(database: &Connection) -> rusqlite::Result<Stepped> {
    let free = || database.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let before = free()?;
    if before <= PAGES_FREE {
        return Ok(Stepped::default());
    }
    let mut vacuum = database.prepare(&format!("PRAGMA incremental_vacuum({PAGES_MAX})"))?;
    let mut rows = vacuum.query([])?;
    // Each row is a page that was given back.
    while rows.next()?.is_some() {}
    drop(rows);
    Ok(Stepped { has_more: free()? < before, ..Stepped::default() })
}
