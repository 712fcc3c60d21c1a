// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is remembered and forgotten, in the tables.

use priory_core::memory::{FACTS_MAX, Forget, KeptFact, Meaning, ScopeKey};
use priory_core::ports::MemoryError;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use crate::schema::{int, uint};
use crate::{meaning, words};

/// How many facts are removed with one look at the table.
const ROWS_MAX: u32 = 256;

/// How many facts are taken out of the index one by one, so that no word of them is left: that costs time for each word.
const MANY: u64 = 200;

/// Why a fact is not remembered.
pub(crate) enum Refusal {
    /// It alone is refused, and has changed nothing.
    Fact(MemoryError),
    /// The database failed: the whole transaction is void.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Writes a fact in the place of the one with the same scope and id.
pub(crate) fn remember(database: &Connection, kept: &KeptFact) -> Result<(), Refusal> {
    let (name, fact) = (kept.scope.as_str(), &kept.fact);
    let id = fact.id.to_string();
    if let Some((scope, facts)) = find_scope(database, name)? {
        let removal = Removal::begin(database, 1)?;
        let replaced = removal.some("scope = ?1 AND id = ?2", &[&scope, &id])?;
        if replaced == 0
            && facts >= FACTS_MAX
            && removal.some("scope = ?1 AND expires <= ?2", &[&scope, &int(fact.unix_ms)])? == 0
        {
            return Err(Refusal::Fact(MemoryError::Full { scope: name.to_owned(), facts }));
        }
    }
    // What was removed may have been the last of the scope.
    let scope = match find_scope(database, name)? {
        Some((scope, _)) => scope,
        None => {
            let insert = "INSERT INTO scopes (name, facts, bytes) VALUES (?1, 0, 0)";
            database.prepare_cached(insert)?.execute([name])?;
            database.last_insert_rowid()
        }
    };
    let mut insert = database.prepare_cached(
        "INSERT INTO facts (scope, id, at, expires, subject, source, origin, text, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    insert.execute(params![
        scope,
        id,
        int(fact.unix_ms),
        fact.expires_unix_ms.map(int),
        fact.subject,
        fact.source,
        // Plain data can always be written.
        serde_json::to_string(&fact.from).unwrap_or_default(),
        fact.text,
        fact.data.as_ref().map(|data| data.as_str()),
    ])?;
    let key = database.last_insert_rowid();
    index(database, key, scope, &fact.text)?;
    if let Some(meaning) = &kept.meaning {
        mean(database, key, meaning)?;
    }
    let bytes = fact.text.len() as u64 + fact.data.as_ref().map_or(0, |data| data.byte_len());
    let mut update =
        database.prepare_cached("UPDATE scopes SET facts = facts + 1, bytes = bytes + ?2 WHERE key = ?1")?;
    update.execute([scope, int(bytes)])?;
    Ok(())
}

/// Writes which words a fact has.
fn index(database: &Connection, key: i64, scope: i64, text: &str) -> rusqlite::Result<()> {
    let mut insert = database.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?;
    insert.execute(params![key, words::indexed(scope, text)])?;
    Ok(())
}

/// Writes what a fact means.
fn mean(database: &Connection, key: i64, meaning: &Meaning) -> rusqlite::Result<()> {
    let Some(vector) = meaning::normal(&meaning.vector) else { return Ok(()) };
    database.prepare_cached("INSERT OR IGNORE INTO models (name) VALUES (?1)")?.execute([&meaning.model])?;
    let mut insert = database
        .prepare_cached("INSERT INTO meanings (fact, model, vector) SELECT ?1, key, ?3 FROM models WHERE name = ?2")?;
    insert.execute(params![key, meaning.model, vector.to_bytes()])?;
    Ok(())
}

/// Removes facts of a scope, and returns how many there were.
pub(crate) fn forget(database: &Connection, scope: &ScopeKey, which: &Forget) -> rusqlite::Result<u64> {
    let Some((scope, _)) = find_scope(database, scope.as_str())? else { return Ok(0) };
    match which {
        Forget::Ids(ids) => {
            let some = |removal: &Removal<'_>| {
                let ids = ids.iter().map(|id| removal.some("scope = ?1 AND id = ?2", &[&scope, &id.to_string()]));
                ids.sum()
            };
            Removal::begin(database, ids.len() as u64)?.end(some)
        }
        Forget::Subject(subject) => remove_all(database, "scope = ?1 AND subject = ?2", &[&scope, subject]),
        Forget::All => remove_all(database, "scope = ?1", &[&scope]),
    }
}

/// Removes what has expired, and returns how much that was.
pub(crate) fn expire(database: &Connection, now_unix_ms: u64) -> rusqlite::Result<u64> {
    remove_all(database, "expires <= ?1", &[&int(now_unix_ms)])
}

/// Notes that facts were removed, of which pieces may still stand in the file.
pub(crate) fn leave_unswept(database: &Connection) -> rusqlite::Result<()> {
    database.execute("INSERT OR IGNORE INTO unswept (one) VALUES (1)", []).map(|_| ())
}

/// Writes the file anew, where facts were removed from it, and empties the log. Removed rows are overwritten at once, but
/// not the copies that stay behind in a page when its rows move to another. Tells whether that was possible: nobody may be
/// reading what was there before.
pub(crate) fn sweep(database: &Connection) -> rusqlite::Result<bool> {
    let is_swept: bool = database.query_row("SELECT NOT EXISTS (SELECT 1 FROM unswept)", [], |row| row.get(0))?;
    if is_swept {
        return Ok(true);
    }
    database.execute("VACUUM", [])?;
    let is_busy = database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))?;
    if is_busy == 0 {
        database.execute("DELETE FROM unswept", [])?;
    }
    Ok(is_busy == 0)
}

/// Returns the key of a scope and how many facts it has.
fn find_scope(database: &Connection, name: &str) -> rusqlite::Result<Option<(i64, u64)>> {
    let mut select = database.prepare_cached("SELECT key, facts FROM scopes WHERE name = ?1")?;
    select.query_row([name], |row| Ok((row.get(0)?, uint(row.get(1)?)))).optional()
}

/// Removes all facts of which something holds.
fn remove_all(database: &Connection, condition: &str, parameters: &[&dyn ToSql]) -> rusqlite::Result<u64> {
    let text = format!("SELECT count(*) FROM facts WHERE {condition}");
    let count: i64 = database.prepare_cached(&text)?.query_row(parameters, |row| row.get(0))?;
    Removal::begin(database, uint(count))?.end(|removal| {
        let mut removed = 0;
        loop {
            // It ends, since each time there are fewer.
            match removal.some(condition, parameters)? {
                0 => return Ok(removed),
                count => removed += count,
            }
        }
    })
}

/// How facts are taken out of the index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each of their words at once.
    OneByOne,
    /// Their words are marked, and then the index is written without what is marked.
    Marked,
    /// The index is made anew from the facts that are left.
    Anew,
}

/// The removal of facts from the tables and from the index.
struct Removal<'a> {
    database: &'a Connection,
    way: Way,
}

impl<'a> Removal<'a> {
    /// Begins to remove about so many facts.
    fn begin(database: &'a Connection, count: u64) -> rusqlite::Result<Self> {
        let all = "SELECT coalesce(sum(facts), 0) FROM scopes";
        let way = match uint(database.prepare_cached(all)?.query_row([], |row| row.get(0))?) {
            _ if count <= MANY => Way::OneByOne,
            all if all.saturating_sub(count) > count => Way::Marked,
            _ => Way::Anew,
        };
        if way == Way::Marked {
            database.execute("INSERT INTO words (words, rank) VALUES ('secure-delete', 0)", [])?;
        }
        Ok(Self { database, way })
    }

    /// Removes, and leaves nothing in the index of what was removed.
    fn end(self, remove: impl FnOnce(&Self) -> rusqlite::Result<u64>) -> rusqlite::Result<u64> {
        let removed = remove(&self)?;
        match self.way {
            Way::OneByOne => {}
            Way::Marked => {
                self.database.execute("INSERT INTO words (words) VALUES ('optimize')", [])?;
                self.database.execute("INSERT INTO words (words, rank) VALUES ('secure-delete', 1)", [])?;
            }
            Way::Anew => {
                self.database.execute("INSERT INTO words (words) VALUES ('delete-all')", [])?;
                let mut left = self.database.prepare("SELECT key, scope, text FROM facts")?;
                let mut left = left.query([])?;
                while let Some(row) = left.next()? {
                    index(self.database, row.get(0)?, row.get(1)?, row.get_ref(2)?.as_str()?)?;
                }
            }
        }
        Ok(removed)
    }

    /// Removes some of the facts of which something holds, with all that belongs to them. Returns how many.
    fn some(&self, condition: &str, parameters: &[&dyn ToSql]) -> rusqlite::Result<u64> {
        let text = format!(
            "SELECT key, scope, text, coalesce(octet_length(data), 0) FROM facts WHERE {condition} LIMIT {ROWS_MAX}"
        );
        let mut select = self.database.prepare_cached(&text)?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let found: Vec<(i64, i64, String, i64)> =
            select.query_map(parameters, row)?.collect::<rusqlite::Result<_>>()?;
        for (key, scope, text, data_bytes) in &found {
            self.one(*key, *scope, text, *data_bytes)?;
        }
        Ok(found.len() as u64)
    }

    fn one(&self, key: i64, scope: i64, text: &str, data_bytes: i64) -> rusqlite::Result<()> {
        let execute = |sql: &str, parameters: &[&dyn ToSql]| self.database.prepare_cached(sql)?.execute(parameters);
        if self.way != Way::Anew {
            // The index knows no texts: it has to be told again which words it had.
            let indexed = words::indexed(scope, text);
            execute("INSERT INTO words (words, rowid, text) VALUES ('delete', ?1, ?2)", &[&key, &indexed])?;
        }
        execute("DELETE FROM meanings WHERE fact = ?1", &[&key])?;
        execute("DELETE FROM facts WHERE key = ?1", &[&key])?;
        let bytes = int(text.len() as u64).saturating_add(data_bytes);
        execute("UPDATE scopes SET facts = facts - 1, bytes = bytes - ?2 WHERE key = ?1", &[&scope, &bytes])?;
        // The name of a user is not kept either.
        execute("DELETE FROM scopes WHERE key = ?1 AND facts = 0", &[&scope])?;
        Ok(())
    }
}
