// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values that the frames of one run share.
//!
//! Each key merges what is written by one rule, which its first write fixes: [`put`] replaces, [`append`] and [`insert`]
//! add to a list and to a set, [`add`] counts, [`raise`] and [`lower`] keep the greatest and the smallest.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;
use crate::bindings::priory::agent::state;
use crate::tools::read;

pub use crate::bindings::priory::agent::state::{Change, KeyInfo, Merge};

/// A value with its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// The value.
    pub value: T,
    /// How many writes there were.
    pub revision: u64,
}

/// Reads what a key holds; `None` where nothing was written.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<Entry<T>>, Failure> {
    state::read(key)?.map(|entry| typed(key, entry)).transpose()
}

/// Writes a value in place of what is there, and returns its revision.
pub fn put(key: &str, value: &(impl Serialize + ?Sized)) -> Result<u64, Failure> {
    Ok(write(key, value, Merge::Last, None)?.revision)
}

/// Writes a value in place of what is there, unless somebody else has written meanwhile: then it is
/// `failure.conflict`. `expected` is the revision that was read; 0 where nothing was there.
pub fn replace(key: &str, value: &(impl Serialize + ?Sized), expected: u64) -> Result<u64, Failure> {
    Ok(write(key, value, Merge::Last, Some(expected))?.revision)
}

/// Reads a value, changes it, and writes it back, again from the beginning when somebody else has written meanwhile; at
/// most `attempts` times. Returns what was written.
pub fn update<T: Serialize + DeserializeOwned>(
    key: &str,
    attempts: u32,
    mut change: impl FnMut(Option<T>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut last = Failure::other("no attempt was allowed");
    for _ in 0..attempts {
        let (held, revision) = match get(key)? {
            Some(Entry { value, revision }) => (Some(value), revision),
            None => (None, 0),
        };
        let value = change(held)?;
        match replace(key, &value, revision) {
            Ok(_) => return Ok(value),
            Err(failure) if matches!(failure.kind(), crate::Kind::Conflict(_)) => last = failure,
            Err(failure) => return Err(failure),
        }
    }
    Err(last)
}

/// Adds an element at the end of a list, and returns the revision.
pub fn append(key: &str, element: &(impl Serialize + ?Sized)) -> Result<u64, Failure> {
    Ok(write(key, element, Merge::Append, None)?.revision)
}

/// Adds elements to a set, and returns those that were not there yet.
pub fn insert<T: Serialize + DeserializeOwned>(key: &str, elements: &[T]) -> Result<Vec<T>, Failure> {
    Ok(typed(key, write(key, elements, Merge::Union, None)?)?.value)
}

/// Adds to a number, and returns the sum. No two writers are told the same sum of a counter that only grows.
pub fn add<T: Serialize + DeserializeOwned>(key: &str, number: T) -> Result<T, Failure> {
    Ok(typed(key, write(key, &number, Merge::Sum, None)?)?.value)
}

/// Keeps the greatest of what was written, and returns it.
pub fn raise<T: Serialize + DeserializeOwned>(key: &str, value: &T) -> Result<T, Failure> {
    Ok(typed(key, write(key, value, Merge::Max, None)?)?.value)
}

/// Keeps the smallest of what was written, and returns it.
pub fn lower<T: Serialize + DeserializeOwned>(key: &str, value: &T) -> Result<T, Failure> {
    Ok(typed(key, write(key, value, Merge::Min, None)?)?.value)
}

/// Lists the keys that begin like this and may be read.
pub fn keys(prefix: &str) -> Result<Vec<KeyInfo>, Failure> {
    Ok(state::keys(prefix)?)
}

/// Lists the writes of a key, the newest last.
pub fn history(key: &str) -> Result<Vec<Change>, Failure> {
    Ok(state::history(key)?)
}

fn write(
    key: &str,
    value: &(impl Serialize + ?Sized),
    merge: Merge,
    expected: Option<u64>,
) -> Result<state::Entry, Failure> {
    Ok(state::write(key, &serde_json::to_string(value)?, merge, expected)?)
}

fn typed<T: DeserializeOwned>(key: &str, entry: state::Entry) -> Result<Entry<T>, Failure> {
    Ok(Entry { value: read(&format!("the state key {key}"), &entry.value)?, revision: entry.revision })
}
