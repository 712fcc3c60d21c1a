// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is published for runs to take: its tables, and what is written to and read from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use priory_core::EventRecord;
use priory_core::inbox::{Arrival, Arrived, EventQuery, Inbox, check_note};
use priory_core::journal::{JournalError, RunState, RunWait};
use priory_core::ports::BoxFuture;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::prune::Stepped;
use super::rows::{self, REMOVED, int, uint};
use super::write::Refusal;
use super::writer::Order;
use super::{Reader, SqliteJournal};
use crate::head;
use crate::memory::KEPT_UNPINNED_MS;

/// The first format that has these tables.
const FORMAT: usize = 2;

/// How many events are removed in one step.
const ROWS_MAX: u32 = 512;

impl Inbox for SqliteJournal {
    fn publish(&self, record: EventRecord) -> BoxFuture<'static, Result<Arrival, JournalError>> {
        let head = Arc::clone(&self.head);
        let published = record.check().map(|()| self.order(move |answer| Order::Publish(Box::new(record), answer)));
        Box::pin(async move {
            let arrival = published?.await?;
            head::move_to(&head, arrival.position);
            Ok(arrival)
        })
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn arrival(&self, after: u64) -> BoxFuture<'static, ()> {
        head::beyond(&self.head, after)
    }

    fn events(&self, query: EventQuery) -> BoxFuture<'static, Result<Vec<Arrived>, JournalError>> {
        self.with_reader(move |reader| reader.published(&query))
    }

    fn arrived(&self, after: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>> {
        self.with_reader(move |reader| reader.arrived(after, most))
    }

    fn note(&self, about: String, word: String) -> BoxFuture<'static, Result<(), JournalError>> {
        self.order(move |answer| Order::Note(about, word, answer))
    }

    fn notes(&self) -> BoxFuture<'static, Result<BTreeMap<String, String>, JournalError>> {
        self.with_reader(Reader::notes)
    }
}

/// Writes an event, unless it is there.
pub(super) fn publish(database: &Connection, record: &EventRecord) -> Result<Arrival, Refusal> {
    let mut select = database.prepare_cached("SELECT position, name, data FROM events WHERE id = ?1")?;
    let row = |row: &Row<'_>| {
        let is_same = row.get_ref(1)?.as_str()? == record.name && row.get_ref(2)?.as_str()? == record.data.as_str();
        Ok((uint(row.get(0)?), is_same))
    };
    match select.query_row([&record.id], row).optional()? {
        Some((position, true)) => return Ok(Arrival { position, is_new: false }),
        Some((_, false)) => return Err(Refusal::Batch(JournalError::OtherEvent { id: record.id.clone() })),
        None => {}
    }
    // Plain data can always be written.
    let origin = record.from.as_ref().map(|from| serde_json::to_string(from).unwrap_or_default());
    let mut insert =
        database.prepare_cached("INSERT INTO events (id, name, at, origin, data) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    insert.execute(params![record.id, record.name, int(record.unix_ms), origin, record.data.as_str()])?;
    Ok(Arrival { position: uint(database.last_insert_rowid()), is_new: true })
}

/// Writes a word about something.
pub(super) fn note(database: &Connection, about: &str, word: &str) -> Result<(), Refusal> {
    let count: i64 = database.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))?;
    check_note(about, word, usize::try_from(count).unwrap_or(usize::MAX)).map_err(Refusal::Batch)?;
    let mut insert = database.prepare_cached("INSERT OR REPLACE INTO notes (about, word) VALUES (?1, ?2)")?;
    insert.execute([about, word])?;
    Ok(())
}

/// Returns the position of the last event that was ever published.
pub(super) fn last_position(database: &Connection) -> rusqlite::Result<u64> {
    let last = "SELECT seq FROM sqlite_sequence WHERE name = 'events'";
    Ok(database.query_row(last, [], |row| row.get(0)).optional()?.map_or(0, uint))
}

/// Removes some of what was published before the oldest run that is left began.
pub(super) fn prune(database: &mut Connection, unix_ms: u64) -> rusqlite::Result<Stepped> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let oldest = "SELECT min(started) FROM runs WHERE state <> ?1";
    let oldest: Option<i64> = transaction.query_row(oldest, [REMOVED], |row| row.get(0))?;
    let upto = oldest.map_or(unix_ms, uint).min(unix_ms).saturating_sub(KEPT_UNPINNED_MS);
    // From the first on, up to one that stays, so that positions have no holes.
    let removed = transaction.execute(
        "DELETE FROM events WHERE position IN (SELECT position FROM events WHERE position < coalesce(
           (SELECT position FROM events WHERE at >= ?1 ORDER BY position LIMIT 1), 9223372036854775807)
         ORDER BY position LIMIT ?2)",
        params![int(upto), ROWS_MAX],
    )?;
    transaction.commit()?;
    Ok(Stepped { has_more: removed == ROWS_MAX as usize, ..Stepped::default() })
}

impl Reader {
    /// Reads events in order.
    fn published(&self, query: &EventQuery) -> Result<Vec<Arrived>, JournalError> {
        if self.format < FORMAT {
            return Ok(Vec::new());
        }
        let order = if query.is_newest_first { "DESC" } else { "ASC" };
        let name = if query.name.is_some() { "name = ?3 AND" } else { "?3 IS NULL AND" };
        let text = format!(
            "SELECT position, id, name, at, origin, data FROM events WHERE {name} position > ?1
             ORDER BY position {order} LIMIT ?2"
        );
        let read = || {
            let mut select = self.database.prepare_cached(&text)?;
            let rows = select.query_map(params![int(query.after), int(query.most as u64), query.name], arrived)?;
            rows.collect::<rusqlite::Result<Vec<Result<Arrived, u64>>>>()
        };
        let found = read().map_err(|error| self.refusal(&error))?;
        found.into_iter().map(|arrived| arrived.map_err(damaged)).collect()
    }

    /// Returns what parked runs wait for that an event fits.
    fn arrived(&self, after: u64, most: usize) -> Result<Vec<RunWait>, JournalError> {
        if self.format < FORMAT {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let mut read = || {
            let mut select = self.database.prepare_cached(
                "SELECT w.run, w.number, r.id, w.wait, w.due, e.position, e.id, e.name, e.at, e.origin, e.data
                 FROM waits w JOIN runs r ON r.key = w.run
                 JOIN events e ON e.name = w.event AND e.position > max(w.looked, ?1)
                 WHERE w.event IS NOT NULL AND r.state = ?2 ORDER BY e.position, r.id",
            )?;
            let mut rows = select.query(params![int(after), rows::state_to_number(RunState::Parked)])?;
            let mut seen = BTreeSet::new();
            while let Some(row) = rows.next()? {
                let wait: (i64, i64) = (row.get(0)?, row.get(1)?);
                if found.len() >= most {
                    break;
                }
                if seen.contains(&wait) {
                    continue;
                }
                let run = rows::run_from_bytes(row.get(2)?);
                let read = rows::wait_from_text(row.get_ref(3)?.as_str()?, row.get(4)?);
                let fits = read.as_ref().and_then(|read| {
                    let data = priory_core::Json::parse(row.get_ref(10).ok()?.as_str().ok()?).ok()?;
                    let record = EventRecord { id: String::new(), name: String::new(), data, unix_ms: 0, from: None };
                    Some(record.fits(read.event()?.matching.as_ref()))
                });
                if fits != Some(false) {
                    seen.insert(wait);
                    found.push(read.map(|wait| RunWait { run, wait }).ok_or(run));
                }
            }
            Ok(())
        };
        read().map_err(|error: rusqlite::Error| self.refusal(&error))?;
        let damaged = |run| JournalError::Corrupt { what: format!("what {run} waits for does not fit its form") };
        found.into_iter().map(|wait| wait.map_err(damaged)).collect()
    }

    fn notes(&self) -> Result<BTreeMap<String, String>, JournalError> {
        if self.format < FORMAT {
            return Ok(BTreeMap::new());
        }
        let read = || {
            let mut select = self.database.prepare_cached("SELECT about, word FROM notes")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<BTreeMap<String, String>>>()
        };
        read().map_err(|error| self.refusal(&error))
    }

    /// Returns the position of the last event that was ever published.
    pub(super) fn last_position(&self) -> Result<u64, JournalError> {
        if self.format < FORMAT {
            return Ok(0);
        }
        last_position(&self.database).map_err(|error| self.refusal(&error))
    }
}

/// Reads a row; the position of one that does not fit its form.
fn arrived(row: &Row<'_>) -> rusqlite::Result<Result<Arrived, u64>> {
    let position = uint(row.get(0)?);
    let origin: Option<String> = row.get(4)?;
    let from = match origin.map(|origin| serde_json::from_str(&origin)) {
        None => None,
        Some(Ok(origin)) => Some(origin),
        Some(Err(_)) => return Ok(Err(position)),
    };
    let Ok(data) = priory_core::Json::parse(row.get_ref(5)?.as_str()?) else { return Ok(Err(position)) };
    let record = EventRecord { id: row.get(1)?, name: row.get(2)?, data, unix_ms: uint(row.get(3)?), from };
    Ok(Ok(Arrived { position, record }))
}

fn damaged(position: u64) -> JournalError {
    JournalError::Corrupt { what: format!("the published event {position} does not fit its form") }
}
