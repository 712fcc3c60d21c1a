// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables, how a file comes to have them, and what the system's refusals mean.

use std::path::{Path, PathBuf};
use std::time::Duration;

use priory_core::ports::MemoryError;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// Says that a database is a memory of Priory: `PriM`.
const APPLICATION_ID: i32 = 0x5072_694d;

/// What leads from each format to the next. The position of the last is the newest format.
const MIGRATIONS: [&str; 1] = [FORMAT_1];

/// The size of a page in bytes: a vector of 1,536 numbers fits into one.
const PAGE_BYTES: u32 = 8_192;

/// How many pages the write-ahead log has before it is copied into the file: 8 MiB.
const CHECKPOINT_PAGES: u32 = 1_024;

/// How long one waits for other connections and other processes, before the memory is busy.
const BUSY: Duration = Duration::from_secs(5);

/// How many statements stay prepared.
const STATEMENTS_MAX: usize = 64;

const FORMAT_1: &str = "
CREATE TABLE scopes (
  -- Never given twice: it stands in front of every word of the index.
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  facts INTEGER NOT NULL,
  bytes INTEGER NOT NULL
);

CREATE TABLE facts (
  key INTEGER PRIMARY KEY,
  scope INTEGER NOT NULL REFERENCES scopes,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  expires INTEGER,
  subject TEXT,
  source TEXT,
  -- Which step of which run remembered it.
  origin TEXT NOT NULL,
  text TEXT NOT NULL,
  data TEXT
);
CREATE UNIQUE INDEX facts_id ON facts (scope, id);
CREATE INDEX facts_newest ON facts (scope, at DESC, id, expires);
CREATE INDEX facts_subject ON facts (scope, subject, at DESC) WHERE subject IS NOT NULL;
CREATE INDEX facts_expires ON facts (expires) WHERE expires IS NOT NULL;

-- The texts stand in the facts; here are only their words. What is removed is overwritten, and not only marked.
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);

CREATE TABLE models (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);
-- Vectors of length one, as 32-bit numbers with the little end first.
CREATE TABLE meanings (
  fact INTEGER PRIMARY KEY REFERENCES facts,
  model INTEGER NOT NULL REFERENCES models,
  vector BLOB NOT NULL
);

-- Has a row when facts were removed since the file was last written anew: pieces of them may still stand in it.
CREATE TABLE unswept (
  one INTEGER PRIMARY KEY
);
";

/// Where a memory is, for what is said about it.
#[derive(Debug, Clone)]
pub(crate) struct Place(Option<PathBuf>);

impl Place {
    /// Returns the place of a memory in a file.
    pub(crate) fn file(path: &Path) -> Self {
        Self(Some(path.into()))
    }

    /// Returns the place of a memory that goes with its process.
    pub(crate) fn process() -> Self {
        Self(None)
    }

    fn name(&self) -> String {
        self.0.as_ref().map_or_else(|| "the memory of this process".to_owned(), |path| path.display().to_string())
    }

    /// Says what an error of the database means, and what can be done about it.
    pub(crate) fn refusal(&self, what: &'static str, error: &rusqlite::Error) -> MemoryError {
        let name = self.name();
        let (reason, retriable) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => (format!("no room is left for {name}: free some, and try again"), true),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                (format!("{name} cannot be written ({error}): allow this user to write it and its folder"), false)
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                (format!("{name} is in use by another process: wait until it has finished, and try again"), true)
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                (format!("{name} is damaged ({error}): put a copy of it back, or move it away to begin anew"), false)
            }
            Some(ErrorCode::CannotOpen) => {
                (format!("{name} cannot be opened ({error}): its folder has to be there, and be this user's"), false)
            }
            _ => (format!("{name} failed ({error}): look at its disk, and try again"), true),
        };
        MemoryError::Store { what, reason, retriable }
    }

    /// Says that no thread can be started.
    pub(crate) fn no_thread(&self, error: &std::io::Error) -> MemoryError {
        let reason =
            format!("no thread can be started for {} ({error}): end other processes, and try again", self.name());
        MemoryError::Store { what: "opened", reason, retriable: true }
    }

    /// Says that a row does not fit its form.
    pub(crate) fn damaged(&self, what: &str) -> MemoryError {
        let name = self.name();
        let reason = format!("{name} is damaged ({what}): put a copy of it back, or move it away to begin anew");
        MemoryError::Store { what: "read", reason, retriable: false }
    }

    /// Opens the connection that writes, and brings its tables to the newest format.
    pub(crate) fn open_writer(&self) -> Result<Connection, MemoryError> {
        let failed = |error| self.refusal("opened", &error);
        let opened = self.0.as_ref().map_or_else(Connection::open_in_memory, Connection::open);
        let mut database = opened.map_err(failed)?;
        database.busy_timeout(BUSY).map_err(failed)?;
        database.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        let found = self.format(&database)?;
        if found == 0 {
            // It only takes effect before the first table is there.
            database.pragma_update(None, "page_size", PAGE_BYTES).map_err(failed)?;
        }
        database.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        database
            .execute_batch(&format!(
                "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;
                 PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
            ))
            .map_err(failed)?;
        migrate(&mut database, found).map_err(failed)?;
        Ok(database)
    }

    /// Opens a connection that only reads; `None` where the one that writes is the only one.
    pub(crate) fn open_reader(&self) -> Result<Option<Connection>, MemoryError> {
        let Some(path) = &self.0 else { return Ok(None) };
        let failed = |error| self.refusal("opened", &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags).map_err(failed)?;
        database.busy_timeout(BUSY).map_err(failed)?;
        database.pragma_update(None, "temp_store", "MEMORY").map_err(failed)?;
        database.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(Some(database))
    }

    /// Returns the format of a database, 0 when it is empty. Fails when it is something else, or too new.
    fn format(&self, database: &Connection) -> Result<usize, MemoryError> {
        let number = |pragma: &str| database.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
        let read = || Ok((number("application_id")?, number("user_version")?, number("schema_version")?));
        let (application, format, schema) = read().map_err(|error| self.refusal("opened", &error))?;
        if schema == 0 && application == 0 {
            return Ok(0);
        }
        let (name, newest) = (self.name(), MIGRATIONS.len());
        let refused = |reason| Err(MemoryError::Store { what: "opened", reason, retriable: false });
        if application != APPLICATION_ID {
            return refused(format!("{name} belongs to another program: move it away"));
        }
        match usize::try_from(format) {
            Ok(format) if format <= newest => Ok(format),
            _ => refused(format!("{name} has format {format}, and this version reads up to {newest}: use a newer one")),
        }
    }
}

/// Leads a database from its format to the newest, in one step or not at all.
fn migrate(database: &mut Connection, found: usize) -> rusqlite::Result<()> {
    if found == MIGRATIONS.len() {
        return Ok(());
    }
    let step = database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for migration in MIGRATIONS.iter().skip(found) {
        step.execute_batch(migration)?;
    }
    step.pragma_update(None, "application_id", APPLICATION_ID)?;
    step.pragma_update(None, "user_version", MIGRATIONS.len() as u32)?;
    step.commit()
}

/// Returns a number as the database holds it; times beyond its range are all the last.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a number that is never below zero.
pub(crate) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
