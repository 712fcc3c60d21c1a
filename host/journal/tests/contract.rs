// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both stores keep the contract.

#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use priory_core::Journal;
use priory_journal::{MemoryJournal, SqliteJournal};
use priory_testkit::journal::{self, Make, MakeStore, Store};

macro_rules! clauses {
    ($($clause:ident)*) => {
        mod memory {
            use super::*;
            $(#[tokio::test] async fn $clause() { in_memory(async |make| journal::$clause(make).await).await })*
        }
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $clause() { in_folders(async |make| journal::$clause(make).await).await })*
        }
    };
}

clauses! {
    events_read_back_in_order large_values_read_back batches_are_whole appends_are_fenced claims_take_over
    verify_finds_nothing states_and_waits_follow runs_are_listed runs_are_found due_comes_in_order
    kept_bytes_stay_while_pinned artifacts_are_pinned_by_events prune_keeps_the_newest prune_leaves_what_goes_on
    runs_are_found_by_their_end events_are_published_once events_are_read_in_order arrivals_are_told
    awaited_events_are_found notes_are_kept events_stay_while_runs_do journal_contract
}

macro_rules! store_clauses {
    ($($clause:ident)*) => {
        mod memory_store {
            use super::*;
            $(#[tokio::test] async fn $clause() {
                let make: MakeStore<'_> = &|| Arc::new(MemoryJournal::new()) as Arc<dyn Store>;
                journal::$clause(make).await;
            })*
        }
        mod sqlite_store {
            use super::*;
            $(#[tokio::test] async fn $clause() {
                let folder = tempfile::tempdir().unwrap();
                let made = AtomicU32::new(0);
                let make: MakeStore<'_> = &|| {
                    let name = made.fetch_add(1, Ordering::Relaxed).to_string();
                    Arc::new(SqliteJournal::open(&folder.path().join(name)).unwrap()) as Arc<dyn Store>
                };
                journal::$clause(make).await;
            })*
        }
    };
}

store_clauses! {
    expenses_are_counted_once expenses_are_summed expenses_outlive_their_runs answers_are_kept_for_a_time
    answers_are_bounded store_contract
}

async fn in_memory(clause: impl AsyncFn(Make<'_>)) {
    clause(&|| Arc::new(MemoryJournal::new()) as Arc<dyn Journal>).await;
}

async fn in_folders(clause: impl AsyncFn(Make<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    let made = AtomicU32::new(0);
    clause(&|| {
        let name = made.fetch_add(1, Ordering::Relaxed).to_string();
        Arc::new(SqliteJournal::open(&folder.path().join(name)).unwrap()) as Arc<dyn Journal>
    })
    .await;
}
