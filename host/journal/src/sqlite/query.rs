// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of runs without reading their events.

use priory_core::journal::{JournalError, Retention, RunInfo, RunQuery, RunState, RunWait, Wait};
use priory_core::{Digest, RunId};
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

use super::Reader;
use super::rows::{self, REMOVED, int, uint};
use crate::admit;

/// The first format that has the table of artifacts.
const ARTIFACTS_FORMAT: usize = 3;

/// What [`info`] reads of a run and its last segment.
const INFO: &str = "
SELECT r.id, r.state, r.kind, r.name, r.labels, r.started, s.seq + s.count, s.total, s.at,
  (SELECT min(due) FROM waits WHERE run = r.key),
  (SELECT count(*) FROM waits WHERE run = r.key AND asks)
FROM runs r LEFT JOIN segments s ON s.run = r.key AND s.seq = (SELECT max(seq) FROM segments WHERE run = r.key)
";

impl Reader {
    /// Returns what is known of a run.
    pub(super) fn info(&self, run: RunId) -> Result<RunInfo, JournalError> {
        let read = || {
            let mut select = self.database.prepare_cached(&format!("{INFO} WHERE r.id = ?1"))?;
            let mut rows = select.query([rows::run_to_bytes(run)])?;
            rows.next()?.map(info).transpose()
        };
        match read().map_err(|error| self.refusal(&error))? {
            None => Err(JournalError::NoRun(run)),
            Some(info) => info.ok_or_else(|| damaged(run)),
        }
    }

    /// Returns what is known of the runs that fit, the newest first.
    pub(super) fn list(&self, query: &RunQuery) -> Result<Vec<RunInfo>, JournalError> {
        let (condition, values) = condition(query);
        let text = format!("{INFO} WHERE {condition} ORDER BY r.id DESC LIMIT ?");
        let read = || {
            let mut select = self.database.prepare_cached(&text)?;
            let mut rows = select.query(params_from_iter(values))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(info(row)?.ok_or_else(|| row.get(0).map(rows::run_from_bytes)));
            }
            Ok(found)
        };
        let found: Vec<Result<RunInfo, rusqlite::Result<RunId>>> = read().map_err(|error| self.refusal(&error))?;
        let whole = |info: Result<RunInfo, rusqlite::Result<RunId>>| match info {
            Ok(info) => Ok(info),
            Err(Ok(run)) => Err(damaged(run)),
            Err(Err(error)) => Err(self.refusal(&error)),
        };
        found.into_iter().map(whole).collect()
    }

    /// Returns what a run waits for.
    pub(super) fn waits(&self, run: RunId) -> Result<Vec<Wait>, JournalError> {
        let (key, _) = self.key(run)?;
        let read = || {
            let mut select =
                self.database.prepare_cached("SELECT wait, due FROM waits WHERE run = ?1 ORDER BY number")?;
            let wait = |row: &Row<'_>| Ok(rows::wait_from_text(row.get_ref(0)?.as_str()?, row.get(1)?));
            select.query_map([key], wait)?.collect::<rusqlite::Result<Option<Vec<Wait>>>>()
        };
        read().map_err(|error| self.refusal(&error))?.ok_or_else(|| damaged(run))
    }

    /// Returns what is due at a time, the earliest first.
    pub(super) fn due(&self, unix_ms: u64, most: usize) -> Result<Vec<RunWait>, JournalError> {
        let read = || {
            let mut select = self.database.prepare_cached(
                "SELECT r.id, w.wait, w.due FROM waits w JOIN runs r ON r.key = w.run
                 WHERE w.due <= ?1 ORDER BY w.due, r.id LIMIT ?2",
            )?;
            let due = |row: &Row<'_>| {
                let run = rows::run_from_bytes(row.get(0)?);
                let wait = rows::wait_from_text(row.get_ref(1)?.as_str()?, row.get(2)?);
                Ok(wait.map(|wait| RunWait { run, wait }).ok_or(run))
            };
            let due = select.query_map(params![int(unix_ms), int(most as u64)], due)?;
            due.collect::<rusqlite::Result<Vec<Result<RunWait, RunId>>>>()
        };
        let due = read().map_err(|error| self.refusal(&error))?;
        due.into_iter().map(|due| due.map_err(damaged)).collect()
    }

    /// Returns when the next wait is due after a time.
    pub(super) fn next_due(&self, after_unix_ms: u64) -> Result<Option<u64>, JournalError> {
        let read = || {
            let mut select = self.database.prepare_cached("SELECT min(due) FROM waits WHERE due > ?1")?;
            select.query_row([int(after_unix_ms)], |row| row.get::<_, Option<i64>>(0))
        };
        Ok(read().map_err(|error| self.refusal(&error))?.map(uint))
    }

    /// Returns what a run pins.
    pub(super) fn pins(&self, run: RunId) -> Result<Vec<Digest>, JournalError> {
        let (key, _) = self.key(run)?;
        let read = || {
            let mut select = self
                .database
                .prepare_cached("SELECT p.digests FROM runs r JOIN pin_sets p ON p.id = r.pins WHERE r.key = ?1")?;
            let pins = select.query_row([key], |row| Ok(rows::digests_from_bytes(row.get_ref(0)?.as_blob()?)))?;
            if self.format < ARTIFACTS_FORMAT {
                return Ok((pins, Some(Vec::new())));
            }
            let mut select =
                self.database.prepare_cached("SELECT digest FROM artifacts WHERE run = ?1 ORDER BY digest")?;
            let made = select.query_map([key], |row| Ok(rows::digests_from_bytes(row.get_ref(0)?.as_blob()?)))?;
            Ok((pins, made.collect::<rusqlite::Result<Option<Vec<_>>>>()?))
        };
        let (pins, made) = read().map_err(|error: rusqlite::Error| self.refusal(&error))?;
        let (mut pins, made) = pins.zip(made).ok_or_else(|| damaged(run))?;
        for digest in made.into_iter().flatten() {
            if !pins.contains(&digest) {
                pins.push(digest);
            }
        }
        Ok(pins)
    }

    /// Chooses the runs that are beyond what is to be kept.
    pub(super) fn beyond(&self, retention: Retention, unix_ms: u64) -> Result<Vec<RunId>, JournalError> {
        let read = || {
            let mut select = self.database.prepare_cached(
                "SELECT ended, id, coalesce((SELECT total FROM segments WHERE run = key ORDER BY seq DESC LIMIT 1), 0)
                 FROM runs WHERE state IN (?1, ?2, ?3) ORDER BY ended DESC, id DESC",
            )?;
            let states = [RunState::Done, RunState::Failed, RunState::Cancelled].map(rows::state_to_number);
            let row = |row: &Row<'_>| {
                let ended = row.get::<_, Option<i64>>(0)?.map_or(0, uint);
                Ok((ended, rows::run_from_bytes(row.get(1)?), uint(row.get(2)?)))
            };
            select.query_map(states, row)?.collect::<rusqlite::Result<Vec<(u64, RunId, u64)>>>()
        };
        let ended = read().map_err(|error| self.refusal(&error))?;
        Ok(admit::beyond(retention, unix_ms, ended).into_iter().map(|(run, _)| run).collect())
    }
}

fn damaged(run: RunId) -> JournalError {
    JournalError::Corrupt { what: format!("what is known of {run} does not fit its form") }
}

/// Reads a row of [`INFO`]; `None` when it does not fit its form.
fn info(row: &Row<'_>) -> rusqlite::Result<Option<RunInfo>> {
    let state = rows::state_from_number(row.get(1)?);
    let program = rows::program(row.get(2)?, row.get_ref(3)?.as_str()?);
    let (Some(state), Some(program), Some(labels)) = (state, program, rows::labels_from_text(row.get(4)?)) else {
        return Ok(None);
    };
    let started_unix_ms = uint(row.get(5)?);
    let number = |index: usize| row.get::<_, Option<i64>>(index).map(|number| number.map(uint));
    Ok(Some(RunInfo {
        id: rows::run_from_bytes(row.get(0)?),
        state,
        program,
        started_unix_ms,
        updated_unix_ms: number(8)?.unwrap_or(started_unix_ms),
        labels,
        events: number(6)?.unwrap_or(0),
        bytes: number(7)?.unwrap_or(0),
        due_unix_ms: number(9)?.filter(|_| state == RunState::Parked),
        questions: row.get(10)?,
    }))
}

/// Returns what a query asks for as a condition, and the values that belong into it; the last is how many.
fn condition(query: &RunQuery) -> (String, Vec<Value>) {
    let mut conditions = vec![format!("r.state <> {REMOVED}")];
    let mut values = Vec::new();
    if !query.states.is_empty() {
        let states: Vec<String> = query.states.iter().map(|state| rows::state_to_number(*state).to_string()).collect();
        conditions.push(format!("r.state IN ({})", states.join(", ")));
    }
    let mut add = |condition: &str, value: Value| {
        conditions.push(condition.to_owned());
        values.push(value);
    };
    if let Some(name) = &query.program {
        add("r.name = ?", Value::Text(name.clone()));
    }
    if let Some(since) = query.since_unix_ms {
        add("r.started >= ?", Value::Integer(int(since)));
    }
    if let Some(until) = query.until_unix_ms {
        add("r.started < ?", Value::Integer(int(until)));
    }
    if let Some(since) = query.ended_since_unix_ms {
        add("r.ended >= ?", Value::Integer(int(since)));
    }
    if let Some(before) = query.before {
        add("r.id < ?", Value::Blob(rows::run_to_bytes(before).to_vec()));
    }
    for (name, value) in &query.labels {
        values.extend([Value::Text(name.clone()), Value::Text(value.clone())]);
        conditions.push("EXISTS (SELECT 1 FROM labels l WHERE l.name = ? AND l.value = ? AND l.run = r.key)".into());
    }
    values.push(Value::Integer(int(query.most as u64)));
    (conditions.join(" AND "), values)
}
