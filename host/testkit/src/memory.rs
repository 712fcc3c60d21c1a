// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every memory has to show: one clause of the contract each, and all of them in [`memory_contract`].
//!
//! Each clause is given a function that makes an empty memory, and ends the test where the contract is broken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what surprises a test ends it"
)]

mod find;
mod keep;

use std::sync::Arc;

use priory_core::FramePath;
use priory_core::inbox::Origin;
use priory_core::memory::{Fact, FactId, FactQuery, KeptFact, Meaning, RECALL_MAX, ScopeKey};
use priory_core::model::Vector;
use priory_core::ports::{Ids, Memory};

use crate::SeededIds;

pub use find::{any_text_may_be_asked, both_find_more_than_one, meaning_finds_facts, words_find_facts};
pub use keep::{
    a_fact_is_remembered_once, facts_are_given_back_as_they_were, scopes_are_apart, scopes_are_listed, subjects_narrow,
    the_newest_come_first, what_has_expired_is_gone, what_is_forgotten_is_gone,
};

/// When the facts of tests are remembered, in milliseconds since 1970.
pub const NOW_UNIX_MS: u64 = 1_790_000_000_000;

/// Makes an empty memory. What it needs, such as a folder, lives as long as the one who makes it.
pub type Make<'a> = &'a dyn Fn() -> Arc<dyn Memory>;

/// Returns a fact of the user `ann` with a number; each is remembered a second after the one before.
pub fn fact(number: u32, text: &str) -> KeptFact {
    let run = SeededIds::new(number.into()).run(NOW_UNIX_MS);
    let from = Origin { run, frame: FramePath::root().child(number), step: number };
    let fact = Fact {
        id: FactId::of(run, &from.frame, from.step),
        text: text.to_owned(),
        data: None,
        subject: None,
        source: None,
        unix_ms: NOW_UNIX_MS + u64::from(number) * 1_000,
        expires_unix_ms: None,
        from,
        score_ppm: 0,
    };
    KeptFact { scope: ScopeKey::new("user/ann"), fact, meaning: None }
}

/// Returns the meaning that a model found.
pub fn meaning(model: &str, numbers: &[f32]) -> Option<Meaning> {
    Some(Meaning { model: model.to_owned(), vector: Vector(numbers.into()) })
}

/// Returns a query for everything of the user `ann`.
pub fn query() -> FactQuery {
    let scope = ScopeKey::new("user/ann");
    FactQuery { scope, words: None, meaning: None, subject: None, now_unix_ms: NOW_UNIX_MS, most: RECALL_MAX }
}

/// Returns a query for words.
pub fn about(words: &str) -> FactQuery {
    FactQuery { words: Some(words.to_owned()), ..query() }
}

async fn texts(memory: &dyn Memory, query: FactQuery) -> Vec<String> {
    memory.recall(query).await.unwrap().into_iter().map(|fact| fact.text).collect()
}

async fn remember_all(memory: &dyn Memory, texts: &[&str]) {
    for (number, text) in (0..).zip(texts) {
        memory.remember(fact(number, text)).await.unwrap();
    }
}

/// Holds a memory to every clause.
pub async fn memory_contract(make: Make<'_>) {
    facts_are_given_back_as_they_were(make).await;
    a_fact_is_remembered_once(make).await;
    the_newest_come_first(make).await;
    words_find_facts(make).await;
    any_text_may_be_asked(make).await;
    meaning_finds_facts(make).await;
    both_find_more_than_one(make).await;
    scopes_are_apart(make).await;
    subjects_narrow(make).await;
    what_has_expired_is_gone(make).await;
    what_is_forgotten_is_gone(make).await;
    scopes_are_listed(make).await;
}
