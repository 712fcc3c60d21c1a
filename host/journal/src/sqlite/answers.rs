// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers of models that need not be paid again.

use priory_core::journal::JournalError;
use priory_core::ports::{Answers, BoxFuture};
use priory_core::{Digest, Json};
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{int, uint};
use super::write::Refusal;
use super::writer::Order;
use super::{Reader, SqliteJournal};
use crate::answers::{BYTES_MAX, COUNT_MAX, check};

/// The first format that has this table.
const FORMAT: usize = 4;

/// An answer on its way to the writer.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) key: Digest,
    pub(super) answer: Json,
    pub(super) unix_ms: u64,
    pub(super) forget_unix_ms: u64,
}

impl Answers for SqliteJournal {
    fn find(&self, key: Digest, since_unix_ms: u64) -> BoxFuture<'_, Result<Option<Json>, JournalError>> {
        self.with_reader(move |reader| reader.answer(key, since_unix_ms))
    }

    fn keep(
        &self,
        key: Digest,
        answer: Json,
        unix_ms: u64,
        forget_unix_ms: u64,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        if let Err(error) = check(&answer) {
            return Box::pin(std::future::ready(Err(error)));
        }
        let given = Box::new(Given { key, answer, unix_ms, forget_unix_ms });
        self.order(move |answer| Order::Answer(given, answer))
    }
}

/// Writes an answer, and removes what is too old or too much.
pub(super) fn keep(database: &Connection, given: &Given) -> Result<(), Refusal> {
    database.prepare_cached("DELETE FROM answers WHERE at < ?1")?.execute([int(given.forget_unix_ms)])?;
    let mut insert =
        database.prepare_cached("INSERT OR REPLACE INTO answers (key, at, bytes, answer) VALUES (?1, ?2, ?3, ?4)")?;
    let (bytes, text) = (int(given.answer.byte_len()), given.answer.as_str());
    insert.execute(params![given.key.as_bytes(), int(given.unix_ms), bytes, text])?;
    // The index holds all that is asked, so this reads some hundred KiB at most.
    let sum = "SELECT count(*), coalesce(sum(bytes), 0) FROM answers";
    let (mut count, mut bytes): (u64, u64) =
        database.prepare_cached(sum)?.query_row([], |row| Ok((uint(row.get(0)?), uint(row.get(1)?))))?;
    while count > COUNT_MAX || bytes > BYTES_MAX {
        let oldest = "SELECT id, bytes FROM answers ORDER BY at, id LIMIT 1";
        let (id, length): (i64, i64) =
            database.prepare_cached(oldest)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        database.prepare_cached("DELETE FROM answers WHERE id = ?1")?.execute([id])?;
        (count, bytes) = (count.saturating_sub(1), bytes.saturating_sub(uint(length)));
    }
    Ok(())
}

impl Reader {
    fn answer(&self, key: Digest, since_unix_ms: u64) -> Result<Option<Json>, JournalError> {
        if self.format < FORMAT {
            return Ok(None);
        }
        let read = || {
            let mut select = self.database.prepare_cached("SELECT answer FROM answers WHERE key = ?1 AND at >= ?2")?;
            select.query_row(params![key.as_bytes(), int(since_unix_ms)], |row| row.get::<_, String>(0)).optional()
        };
        let found = read().map_err(|error| self.refusal(&error))?;
        let damaged = |_| JournalError::Corrupt { what: format!("the answer that is kept under {key} is no JSON") };
        // What the host wrote may be deeper than what comes from outside.
        found.map(|text| serde_json::from_str(&text).map_err(damaged)).transpose()
    }
}
