// SPDX-License-Identifier: MIT OR Apache-2.0
//! How facts are found. Every statement is about one scope.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

use priory_core::Json;
use priory_core::inbox::Origin;
use priory_core::memory::{Fact, FactQuery, RECALL_MAX, ScopeInfo};
use priory_core::model::Vector;
use priory_core::ports::MemoryError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::schema::{Place, int, uint};
use crate::{meaning, words};

/// How many hits of each kind are looked at when two lists become one: some times as many as are asked for.
const HITS_MAX: usize = 5 * RECALL_MAX as usize;

/// What the place in a list counts: the reciprocal of the place and this. The larger it is, the less do the first places
/// outweigh the others; 60 is what the method was published with.
const PLACE_WEIGHT: f64 = 60.0;

/// How many scopes are listed.
const SCOPES_MAX: u32 = 1_000;

/// A fact that was found.
#[derive(Debug, Clone, PartialEq)]
struct Hit {
    score: f64,
    at: i64,
    id: String,
    key: i64,
}

impl Eq for Hit {}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Hit {
    /// The better is the greater; of two that are as good the newer, and then the one with the lower id.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_time = || self.at.cmp(&other.at).then_with(|| other.id.cmp(&self.id));
        self.score.total_cmp(&other.score).then_with(by_time)
    }
}

/// Finds facts, the best first.
pub(crate) fn recall(place: &Place, database: &mut Connection, query: &FactQuery) -> Result<Vec<Fact>, MemoryError> {
    let failed = |error| place.refusal("read", &error);
    // All statements see the same facts.
    let database = database.transaction().map_err(failed)?;
    let Some(search) = Search::new(&database, query).map_err(failed)? else { return Ok(Vec::new()) };
    let most = query.most.min(RECALL_MAX) as usize;
    let hits = match (&query.words, &query.meaning) {
        (None, None) => search.newest(most).map_err(failed)?,
        (words, meaning) => {
            let by_words = words.as_ref().map(|text| search.words(text)).transpose().map_err(failed)?;
            let by_meaning = meaning
                .as_ref()
                .map(|meaning| search.meaning(&meaning.model, &meaning.vector))
                .transpose()
                .map_err(failed)?;
            match (by_words, by_meaning) {
                (Some(by_words), Some(by_meaning)) => united(by_words, by_meaning),
                (by_words, by_meaning) => by_words.or(by_meaning).unwrap_or_default(),
            }
        }
    };
    let best = hits.first().map_or(0.0, |hit| hit.score);
    hits.iter().take(most).map(|hit| fact(place, &database, hit, best)).collect()
}

/// Returns the scopes that begin with some text.
pub(crate) fn scopes(database: &Connection, prefix: &str) -> rusqlite::Result<Vec<ScopeInfo>> {
    // Everything that begins with a text stands between it and it with the last of all characters.
    let mut select = database.prepare_cached(
        "SELECT name, facts, bytes FROM scopes WHERE name >= ?1 AND name <= ?2 ORDER BY name LIMIT ?3",
    )?;
    let row = |row: &Row<'_>| Ok(ScopeInfo { scope: row.get(0)?, facts: uint(row.get(1)?), bytes: uint(row.get(2)?) });
    let last = format!("{prefix}{}", char::MAX);
    select.query_map(params![prefix, last, SCOPES_MAX], row)?.collect()
}

/// A query, with its scope looked up.
struct Search<'a> {
    database: &'a Connection,
    query: &'a FactQuery,
    scope: i64,
}

impl<'a> Search<'a> {
    /// Begins a search; `None` where the scope has no facts.
    fn new(database: &'a Connection, query: &'a FactQuery) -> rusqlite::Result<Option<Self>> {
        let mut select = database.prepare_cached("SELECT key FROM scopes WHERE name = ?1")?;
        let scope = select.query_row([query.scope.as_str()], |row| row.get(0)).optional()?;
        Ok(scope.map(|scope| Self { database, query, scope }))
    }

    /// Returns the newest facts.
    fn newest(&self, most: usize) -> rusqlite::Result<Vec<Hit>> {
        let text = format!(
            "SELECT f.key, f.at, f.id, 0.0 FROM facts f WHERE {} ORDER BY f.at DESC, f.id LIMIT ?4",
            self.conditions()
        );
        let mut select = self.database.prepare_cached(&text)?;
        let (now, most) = (int(self.query.now_unix_ms), int(most as u64));
        select.query_map(params![self.scope, now, self.query.subject, most], hit)?.collect()
    }

    /// Returns the facts that have words in common with a text.
    fn words(&self, text: &str) -> rusqlite::Result<Vec<Hit>> {
        let Some(asked) = words::asked(self.scope, text) else { return Ok(Vec::new()) };
        // The index goes first, whatever the planner thinks of it.
        let text = format!(
            "SELECT f.key, f.at, f.id, -bm25(words) AS score FROM words CROSS JOIN facts f ON f.key = words.rowid
             WHERE words MATCH ?5 AND {} ORDER BY score DESC, f.at DESC, f.id LIMIT ?4",
            self.conditions()
        );
        let mut select = self.database.prepare_cached(&text)?;
        let (now, most) = (int(self.query.now_unix_ms), int(HITS_MAX as u64));
        select.query_map(params![self.scope, now, self.query.subject, most, asked], hit)?.collect()
    }

    /// Returns the facts whose meaning is like another. What points the other way is not like it.
    fn meaning(&self, model: &str, vector: &Vector) -> rusqlite::Result<Vec<Hit>> {
        let Some(vector) = meaning::normal(vector) else { return Ok(Vec::new()) };
        let text = format!(
            "SELECT f.key, f.at, f.id, m.vector FROM facts f CROSS JOIN meanings m ON m.fact = f.key
             WHERE {} AND m.model = (SELECT key FROM models WHERE name = ?4)",
            self.conditions()
        );
        let mut select = self.database.prepare_cached(&text)?;
        let now = int(self.query.now_unix_ms);
        let mut rows = select.query(params![self.scope, now, self.query.subject, model])?;
        let mut best: BinaryHeap<Reverse<Hit>> = BinaryHeap::with_capacity(HITS_MAX + 1);
        while let Some(row) = rows.next()? {
            let found = meaning::cosine(row.get_ref(3)?.as_blob()?, &vector.0).map(f64::from);
            let Some(score) = found.filter(|score| *score > 0.0) else { continue };
            let is_full = best.len() >= HITS_MAX;
            if is_full && best.peek().is_some_and(|Reverse(last)| score < last.score) {
                continue;
            }
            best.push(Reverse(Hit { score, at: row.get(1)?, id: row.get(2)?, key: row.get(0)? }));
            if is_full {
                best.pop();
            }
        }
        Ok(best.into_sorted_vec().into_iter().map(|Reverse(hit)| hit).collect())
    }

    /// Returns what every fact has to be: of the scope, not expired, and about the subject.
    fn conditions(&self) -> &'static str {
        match self.query.subject {
            Some(_) => "f.scope = ?1 AND (f.expires IS NULL OR f.expires > ?2) AND f.subject = ?3",
            None => "f.scope = ?1 AND (f.expires IS NULL OR f.expires > ?2) AND ?3 IS NULL",
        }
    }
}

/// Makes one list of two, by the places that a fact has in them.
fn united(by_words: Vec<Hit>, by_meaning: Vec<Hit>) -> Vec<Hit> {
    let mut hits: HashMap<i64, Hit> = HashMap::new();
    for list in [by_words, by_meaning] {
        for (place, hit) in (1_u32..).zip(list) {
            let hit = hits.entry(hit.key).or_insert(Hit { score: 0.0, ..hit });
            hit.score += 1.0 / (PLACE_WEIGHT + f64::from(place));
        }
    }
    let mut hits: Vec<Hit> = hits.into_values().collect();
    hits.sort_unstable_by(|a, b| b.cmp(a));
    hits
}

/// Reads a hit.
fn hit(row: &Row<'_>) -> rusqlite::Result<Hit> {
    Ok(Hit { key: row.get(0)?, at: row.get(1)?, id: row.get(2)?, score: row.get(3)? })
}

/// Reads the fact that was found.
fn fact(place: &Place, database: &Connection, hit: &Hit, best: f64) -> Result<Fact, MemoryError> {
    let read = || {
        let mut select =
            database.prepare_cached("SELECT expires, subject, source, origin, text, data FROM facts WHERE key = ?1")?;
        let row = |row: &Row<'_>| {
            let (expires, subject, source): (Option<i64>, _, _) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (origin, text, data): (String, _, Option<String>) = (row.get(3)?, row.get(4)?, row.get(5)?);
            Ok((expires, subject, source, origin, text, data))
        };
        select.query_row([hit.key], row)
    };
    let (expires, subject, source, origin, text, data) = read().map_err(|error| place.refusal("read", &error))?;
    let damaged = || place.damaged(&format!("{} does not fit its form", hit.id));
    let from: Origin = serde_json::from_str(&origin).map_err(|_| damaged())?;
    let data: Option<Json> = data.map(|data| serde_json::from_str(&data)).transpose().map_err(|_| damaged())?;
    let id = hit.id.parse().map_err(|_| damaged())?;
    let (unix_ms, expires_unix_ms) = (uint(hit.at), expires.map(uint));
    Ok(Fact { id, text, data, subject, source, unix_ms, expires_unix_ms, from, score_ppm: ppm(hit.score, best) })
}

/// Returns how well a fact fits, in millionths of the best: 0 only where nothing was searched.
fn ppm(score: f64, best: f64) -> u32 {
    if best <= 0.0 {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between one and a million")]
    let ppm = (score / best * 1_000_000.0).round().clamp(1.0, 1_000_000.0) as u32;
    ppm
}
