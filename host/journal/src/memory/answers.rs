// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers of models that need not be paid again, in memory.

use std::collections::{BTreeMap, HashMap};

use priory_core::journal::JournalError;
use priory_core::ports::{Answers, BoxFuture};
use priory_core::{Digest, Json};

use super::MemoryJournal;
use crate::answers::{BYTES_MAX, COUNT_MAX, check};

/// When an answer was given, and the how manieth it was.
type Age = (u64, u64);

/// Answers, by their key and by their age.
#[derive(Debug, Default)]
pub(super) struct Given {
    by_key: HashMap<Digest, (Age, Json)>,
    by_age: BTreeMap<Age, Digest>,
    bytes: u64,
    count: u64,
}

impl Answers for MemoryJournal {
    fn find(&self, key: Digest, since_unix_ms: u64) -> BoxFuture<'_, Result<Option<Json>, JournalError>> {
        self.with(move |state| {
            let found = state.given.by_key.get(&key).filter(|((unix_ms, _), _)| *unix_ms >= since_unix_ms);
            Ok(found.map(|(_, answer)| answer.clone()))
        })
    }

    fn keep(
        &self,
        key: Digest,
        answer: Json,
        unix_ms: u64,
        forget_unix_ms: u64,
    ) -> BoxFuture<'_, Result<(), JournalError>> {
        self.with(move |state| {
            check(&answer)?;
            let given = &mut state.given;
            while given.by_age.first_key_value().is_some_and(|((unix_ms, _), _)| *unix_ms < forget_unix_ms) {
                given.remove_oldest();
            }
            given.insert(key, answer, unix_ms);
            while given.by_key.len() as u64 > COUNT_MAX || given.bytes > BYTES_MAX {
                given.remove_oldest();
            }
            Ok(())
        })
    }
}

impl Given {
    fn insert(&mut self, key: Digest, answer: Json, unix_ms: u64) {
        self.count += 1;
        let age = (unix_ms, self.count);
        self.bytes += answer.byte_len();
        if let Some((before, answer)) = self.by_key.insert(key, (age, answer)) {
            self.bytes = self.bytes.saturating_sub(answer.byte_len());
            self.by_age.remove(&before);
        }
        self.by_age.insert(age, key);
    }

    fn remove_oldest(&mut self) {
        let Some((_, key)) = self.by_age.pop_first() else { return };
        if let Some((_, answer)) = self.by_key.remove(&key) {
            self.bytes = self.bytes.saturating_sub(answer.byte_len());
        }
    }
}
