// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the store has to show where it is not used as it should be, and what it leaves behind.

mod any_order;
mod left;
mod power;
mod trouble;

use std::fs;
use std::path::{Path, PathBuf};

use priory_core::memory::{Forget, KeptFact, ScopeKey};
use priory_core::ports::{Memory, MemoryError};
use priory_testkit::memory::{NOW_UNIX_MS, about, fact, meaning, query};
use rusqlite::Connection;

use crate::Facts;
use crate::threads::{Order, order};

impl Facts {
    /// Has the writer's connection execute something.
    async fn execute(&self, sql: &str) {
        let sql = sql.to_owned();
        order(self.writes(), |answer| Order::Execute(sql, answer)).await.unwrap();
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("memory.db")
}

fn ann() -> ScopeKey {
    ScopeKey::new("user/ann")
}

/// Returns what a failure says, and whether it may work later.
#[track_caller]
fn said<T: std::fmt::Debug>(result: Result<T, MemoryError>) -> (String, bool) {
    match result {
        Err(MemoryError::Store { what, reason, retriable }) => (format!("{what}: {reason}"), retriable),
        other => panic!("{other:?}"),
    }
}

/// Lets the index of words check itself.
fn check_index(path: &Path) {
    let database = Connection::open(path).unwrap();
    database.execute("INSERT INTO words (words) VALUES ('integrity-check')", []).unwrap();
    let fine: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(fine, "ok");
    let count = |of: &str| database.query_row(&format!("SELECT {of}"), [], |row| row.get::<_, i64>(0)).unwrap();
    let facts = count("count(*) FROM facts");
    assert_eq!(count("count(*) FROM words_docsize"), facts);
    assert_eq!(count("coalesce(sum(facts), 0) FROM scopes"), facts);
    assert_eq!(count("count(*) FROM meanings WHERE fact NOT IN (SELECT key FROM facts)"), 0);
}
