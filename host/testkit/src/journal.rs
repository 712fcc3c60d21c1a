// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every journal has to show: one clause of the contract each, and all of them in [`journal_contract`].
//!
//! Each clause is given a function that makes an empty journal, and ends the test where the contract is broken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what surprises a test ends it"
)]

mod answers;
mod append;
mod expenses;
mod find;
mod inbox;
mod keep;
pub mod sample;

use std::sync::Arc;

use priory_core::Journal;
use priory_core::ports::{Answers, Expenses};

pub use answers::{answers_are_bounded, answers_are_kept_for_a_time};
pub use append::{
    appends_are_fenced, batches_are_whole, claims_take_over, events_read_back_in_order, large_values_read_back,
    verify_finds_nothing,
};
pub use expenses::{expenses_are_counted_once, expenses_are_summed, expenses_outlive_their_runs};
pub use find::{due_comes_in_order, runs_are_found, runs_are_listed, states_and_waits_follow};
pub use inbox::{
    arrivals_are_told, awaited_events_are_found, events_are_published_once, events_are_read_in_order,
    events_stay_while_runs_do, notes_are_kept, runs_are_found_by_their_end,
};
pub use keep::{
    artifacts_are_pinned_by_events, kept_bytes_stay_while_pinned, prune_keeps_the_newest, prune_leaves_what_goes_on,
};

/// Makes an empty journal. What it needs, such as a folder, lives as long as the one who makes it.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Journal>;

/// A journal that keeps what is spent on models and what they answered, too.
pub trait Store: Journal + Expenses + Answers {}

impl<T: Journal + Expenses + Answers> Store for T {}

/// Makes an empty journal that is a [`Store`].
pub type MakeStore<'a> = &'a dyn Fn() -> Arc<dyn Store>;

/// Holds a store to every clause about what is spent on models and what they answered.
pub async fn store_contract(make: MakeStore<'_>) {
    expenses_are_counted_once(make).await;
    expenses_are_summed(make).await;
    expenses_outlive_their_runs(make).await;
    answers_are_kept_for_a_time(make).await;
    answers_are_bounded(make).await;
}

/// Holds a journal to every clause.
pub async fn journal_contract(make: Make<'_>) {
    events_read_back_in_order(make).await;
    large_values_read_back(make).await;
    batches_are_whole(make).await;
    appends_are_fenced(make).await;
    claims_take_over(make).await;
    verify_finds_nothing(make).await;
    states_and_waits_follow(make).await;
    runs_are_listed(make).await;
    runs_are_found(make).await;
    due_comes_in_order(make).await;
    kept_bytes_stay_while_pinned(make).await;
    artifacts_are_pinned_by_events(make).await;
    prune_keeps_the_newest(make).await;
    prune_leaves_what_goes_on(make).await;
    runs_are_found_by_their_end(make).await;
    events_are_published_once(make).await;
    events_are_read_in_order(make).await;
    arrivals_are_told(make).await;
    awaited_events_are_found(make).await;
    notes_are_kept(make).await;
    events_stay_while_runs_do(make).await;
}
