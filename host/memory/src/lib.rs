// SPDX-License-Identifier: MIT OR Apache-2.0
//! Remembers facts across runs, finds them by words and by meaning, and forgets them for good.
//!
//! [`Facts`] is the one store, in a file or in memory; both pass the same contract suite (`priory_testkit::memory`).
//!
//! - *By words*: each word of a text stands in an index of SQLite (FTS5) under the number of its scope, without case and
//!   accents; how well a fact fits is its BM25. Scripts without spaces are found by every two characters that follow each
//!   other, so a question of one character finds it wherever it stands.
//! - *By meaning*: the vectors of a scope that one model made are compared with the one that is asked, one after the other
//!   as they are read, so a query holds no more than its best hits in memory.
//! - *Both*: the two lists become one by the places that a fact has in them, whatever their figures mean.
//!
//! What is forgotten is overwritten: in the tables, in the index of words, and in the log of the database.
//!
//! In reading order: `schema` (the tables), `words` and `meaning` (how texts are compared), `write`, `recall`, `threads`
//! (one writes, some read), `facts`.

#![forbid(unsafe_code)]

mod facts;
mod meaning;
mod recall;
mod schema;
mod threads;
mod words;
mod write;

#[cfg(test)]
mod tests;

pub use facts::Facts;
