// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables, how a database comes to have them, and what the system's refusals mean.

use std::path::Path;
use std::time::Duration;

use priory_core::journal::JournalError;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// The name of the database in its folder.
pub(super) const FILE: &str = "journal.sqlite";

/// Says that a database is a journal of Priory: `Prio`.
const APPLICATION_ID: i32 = 0x5072_696f;

/// What leads from each format to the next. The position of the last is the newest format.
pub(super) const MIGRATIONS: [&str; 4] = [FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4];

/// How many pages the write-ahead log has before it is copied into the database: 16 MiB.
const CHECKPOINT_PAGES: u32 = 4_096;

/// How large the write-ahead log stays on the disk once it was larger, in bytes.
const LOG_BYTES_KEPT: u32 = 64 << 20;

/// How long the writer waits for readers of other processes before it goes on without them.
const BUSY: Duration = Duration::from_millis(100);

/// How long a reader waits, such as for another process that repairs the log after a crash.
const BUSY_READER: Duration = Duration::from_secs(5);

/// How many statements stay prepared.
const STATEMENTS_MAX: usize = 64;

// Numbers stand for runs and chunks everywhere but at one place, since ids and hashes are many times as long.
const FORMAT_1: &str = "
CREATE TABLE runs (
  -- Never given twice, so that what is remembered of a removed run is not taken for another.
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE,
  state INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  labels TEXT,
  pins INTEGER NOT NULL REFERENCES pin_sets,
  started INTEGER NOT NULL,
  ended INTEGER,
  -- How many events there were when the state last changed: fewer later means that some were taken away.
  mark INTEGER NOT NULL
);
CREATE INDEX runs_state ON runs (state, id);
CREATE INDEX runs_pins ON runs (pins);

-- One row is one batch. Rows follow each other as they came, whatever their run.
CREATE TABLE segments (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  count INTEGER NOT NULL,
  form INTEGER NOT NULL,
  at INTEGER NOT NULL,
  -- Bytes of the run up to here.
  total INTEGER NOT NULL,
  chain BLOB NOT NULL,
  body BLOB NOT NULL
);
CREATE UNIQUE INDEX segments_run ON segments (run, seq);

CREATE TABLE chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  digest BLOB NOT NULL UNIQUE,
  -- The chunk from which this one differs by little; it lives in every run that this one lives in.
  base INTEGER,
  depth INTEGER NOT NULL,
  size INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE TABLE run_chunks (
  run INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  PRIMARY KEY (run, chunk)
) WITHOUT ROWID;
CREATE INDEX run_chunks_chunk ON run_chunks (chunk);

CREATE TABLE waits (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  number INTEGER NOT NULL,
  due INTEGER,
  -- Whether a person is asked; if not it is a timer.
  asks INTEGER NOT NULL,
  wait TEXT NOT NULL,
  PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE INDEX waits_due ON waits (due) WHERE due IS NOT NULL;

CREATE TABLE labels (
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  PRIMARY KEY (name, value, run)
) WITHOUT ROWID;
CREATE INDEX labels_run ON labels (run);

-- Most runs pin what the run before them pinned.
CREATE TABLE pin_sets (
  id INTEGER PRIMARY KEY,
  digests BLOB NOT NULL UNIQUE
);
";

// What is published for runs to take, how far those have come who take it, and who waits for what.
const FORMAT_2: &str = "
CREATE TABLE events (
  -- Never given twice, so that whoever has come to one misses nothing that comes later.
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  at INTEGER NOT NULL,
  -- Which effect published it, where one did.
  origin TEXT,
  data TEXT NOT NULL
);
CREATE INDEX events_name ON events (name, position);

CREATE TABLE notes (
  about TEXT NOT NULL PRIMARY KEY,
  word TEXT NOT NULL
) WITHOUT ROWID;

-- The name of the event that is waited for, and up to which position nothing was found.
ALTER TABLE waits ADD COLUMN event TEXT;
ALTER TABLE waits ADD COLUMN looked INTEGER;
CREATE INDEX waits_event ON waits (event) WHERE event IS NOT NULL;
";

// What runs made and were given on the way, beside what they pin from their beginning.
const FORMAT_3: &str = "
CREATE TABLE artifacts (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  digest BLOB NOT NULL,
  PRIMARY KEY (run, digest)
) WITHOUT ROWID;
";

// What was spent on models, and what they answered. Neither belongs to a run: one that is removed was paid all the same.
const FORMAT_4: &str = "
CREATE TABLE expenses (
  run BLOB NOT NULL,
  frame BLOB NOT NULL,
  step INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  day INTEGER NOT NULL,
  -- Whether it is known what was spent; if not it is set aside.
  settled INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  cached INTEGER NOT NULL,
  cache_written INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  microusd INTEGER NOT NULL,
  program TEXT NOT NULL,
  model TEXT NOT NULL,
  provider TEXT NOT NULL,
  PRIMARY KEY (run, frame, step, turn)
) WITHOUT ROWID;
CREATE INDEX expenses_day ON expenses (day);

-- The sums of the rows above, since every request asks for that of its day. They stay when the rows go.
CREATE TABLE expense_days (
  day INTEGER PRIMARY KEY,
  requests INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  cached INTEGER NOT NULL,
  cache_written INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  microusd INTEGER NOT NULL
);

CREATE TABLE answers (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  answer TEXT NOT NULL
);
-- It holds all that is needed to find out which of them have to go.
CREATE INDEX answers_at ON answers (at, bytes);
";

/// Opens the database for the one who writes, and brings it to the newest format.
pub(super) fn open_writer(dir: &Path) -> Result<Connection, JournalError> {
    let failed = |error| refusal(dir, &error);
    let mut database = Connection::open(dir.join(FILE)).map_err(failed)?;
    database.busy_timeout(BUSY).map_err(failed)?;
    database.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let found = check(dir, &database)?;
    if found == 0 {
        // Both only take effect before the first table is there.
        database.execute_batch("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;").map_err(failed)?;
    }
    database.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    database
        .execute_batch(&format!(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
             PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA journal_size_limit = {LOG_BYTES_KEPT};"
        ))
        .map_err(failed)?;
    migrate(&mut database, found).map_err(failed)?;
    Ok(database)
}

/// Opens the database for one who only reads.
pub(super) fn open_reader(dir: &Path) -> Result<Connection, JournalError> {
    let failed = |error| refusal(dir, &error);
    let path = dir.join(FILE);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut database = Connection::open_with_flags(&path, flags).map_err(failed)?;
    // A log needs an index beside it. Where none can be made and there is no log, the file is all that there is.
    let is_readable = database.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0)).is_ok();
    if !is_readable && !dir.join(format!("{FILE}-wal")).exists() {
        let uri = format!("file:{}?immutable=1", escaped(&path));
        database = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI).map_err(failed)?;
    }
    database.busy_timeout(BUSY_READER).map_err(failed)?;
    database.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(database)
}

/// Writes a path so that it can stand in a URI.
fn escaped(path: &Path) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    let escape = |byte: &u8| if is_plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    path.as_os_str().as_encoded_bytes().iter().map(escape).collect()
}

/// Returns the format of a database, 0 when it is empty. Fails when it is not a journal, or too new a one.
pub(super) fn check(dir: &Path, database: &Connection) -> Result<usize, JournalError> {
    let number = |pragma: &str| database.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let read = || Ok((number("application_id")?, number("user_version")?, number("schema_version")?));
    let (application, format, schema) = read().map_err(|error| refusal(dir, &error))?;
    if schema == 0 && application == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        let path = dir.join(FILE);
        return Err(JournalError::Corrupt { what: format!("{} belongs to another program", path.display()) });
    }
    let newest = MIGRATIONS.len();
    match usize::try_from(format) {
        Ok(format) if format <= newest => Ok(format),
        _ => Err(JournalError::Format { path: dir.into(), found: format.unsigned_abs(), newest: newest as u32 }),
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

/// Says what an error of the database means.
pub(super) fn refusal(dir: &Path, error: &rusqlite::Error) -> JournalError {
    let (path, reason) = (dir.to_path_buf(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => JournalError::Full { path },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => JournalError::ReadOnly { path, reason },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => JournalError::Busy { path, by: String::new() },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            JournalError::Corrupt { what: format!("{}: {reason}", dir.join(FILE).display()) }
        }
        _ => JournalError::Io { path, reason },
    }
}

/// Says what an error of the file system means.
pub(super) fn io_refusal(dir: &Path, error: &std::io::Error) -> JournalError {
    use std::io::ErrorKind;
    let (path, reason) = (dir.to_path_buf(), error.to_string());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => JournalError::Full { path },
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => JournalError::ReadOnly { path, reason },
        _ => JournalError::Io { path, reason },
    }
}
