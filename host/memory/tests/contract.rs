// SPDX-License-Identifier: MIT OR Apache-2.0
//! The store keeps the contract, in a file and in memory.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use priory_core::ports::Memory;
use priory_memory::Facts;
use priory_testkit::memory::{self, Make};

macro_rules! clauses {
    ($($clause:ident)*) => {
        mod in_memory {
            use super::*;
            $(#[tokio::test] async fn $clause() { in_memory(async |make| memory::$clause(make).await).await })*
        }
        mod in_files {
            use super::*;
            $(#[tokio::test] async fn $clause() { in_files(async |make| memory::$clause(make).await).await })*
        }
    };
}

clauses! {
    facts_are_given_back_as_they_were a_fact_is_remembered_once the_newest_come_first words_find_facts
    any_text_may_be_asked meaning_finds_facts both_find_more_than_one scopes_are_apart subjects_narrow
    what_has_expired_is_gone what_is_forgotten_is_gone scopes_are_listed memory_contract
}

async fn in_memory(clause: impl AsyncFn(Make<'_>)) {
    clause(&|| Arc::new(Facts::in_memory().unwrap()) as Arc<dyn Memory>).await;
}

async fn in_files(clause: impl AsyncFn(Make<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    let made = AtomicU32::new(0);
    clause(&|| {
        let name = format!("{}.db", made.fetch_add(1, Ordering::Relaxed));
        Arc::new(Facts::open(&folder.path().join(name)).unwrap()) as Arc<dyn Memory>
    })
    .await;
}
