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
//! What is forgotten is overwritten in the tables and in the index of words, and then the file is written anew, so that no
//! piece of it is left anywhere. That takes as long as copying the file twice: a tenth of a second for 1,000 facts with
//! vectors of 1,536 numbers, and five seconds for 100,000 of them, which take 835 MB. To find the nearest of these takes less
//! than half a second, and to find them by words some hundredths of one.
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
