// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is kept across runs, as a process sees it that may go away at any moment: expenses, and facts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use priory_core::JournalError;
use priory_core::memory::{Fact, FactQuery, Forget, KeptFact, ScopeInfo, ScopeKey};
use priory_core::model::{Expense, ExpenseKey, ExpenseQuery, ExpenseTotal, TokenUsage};
use priory_core::ports::{BoxFuture, Expenses, Memory, MemoryError};

use super::{SimRng, pause};

/// For how many steps something lasts, at most.
const STEPS_MAX: u64 = 4;

/// What is kept across runs. Clones are the same, and outlive every process.
#[derive(Clone, Default)]
pub struct SimKept {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    expenses: Mutex<BTreeMap<ExpenseKey, Expense>>,
    facts: Mutex<BTreeMap<ScopeKey, Vec<Fact>>>,
}

impl SimKept {
    /// Returns the expenses.
    pub fn expenses(&self) -> BTreeMap<ExpenseKey, Expense> {
        self.shared.expenses.lock().clone()
    }

    /// Returns the facts of all scopes.
    pub fn facts(&self) -> Vec<Fact> {
        self.shared.facts.lock().values().flatten().cloned().collect()
    }
}

/// What is kept across runs, as one process sees it.
#[derive(Clone)]
pub struct KeptLine {
    kept: SimKept,
    rng: SimRng,
    is_cut: Arc<AtomicBool>,
}

impl KeptLine {
    /// Makes the view of a process.
    pub fn new(kept: SimKept, rng: SimRng) -> Self {
        Self { kept, rng, is_cut: Arc::default() }
    }

    /// Ends the process: what is not kept by now never will be.
    pub fn crash(&self) {
        self.is_cut.store(true, Ordering::Release);
    }

    async fn delay(&self) {
        pause(self.rng.below(STEPS_MAX)).await;
        if self.is_cut.load(Ordering::Acquire) {
            std::future::pending().await
        }
    }

    /// Does something at one moment, of which nobody is told at once.
    async fn at_some_moment<T>(&self, act: impl FnOnce(&Shared) -> T) -> T {
        self.delay().await;
        let done = act(&self.kept.shared);
        self.delay().await;
        done
    }
}

impl Expenses for KeptLine {
    fn note(&self, expense: Expense) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            self.at_some_moment(|shared| _ = shared.expenses.lock().insert(expense.key.clone(), expense)).await;
            Ok(())
        })
    }

    fn spent_on(&self, day: u32) -> BoxFuture<'_, Result<ExpenseTotal, JournalError>> {
        Box::pin(async move {
            let sum = |shared: &Shared| {
                let expenses = shared.expenses.lock();
                let of_day = expenses.values().filter(|expense| expense.day == day);
                of_day.fold((0, TokenUsage::default(), 0), |(requests, usage, microusd), expense| {
                    (requests + 1, usage.saturating_add(expense.usage), microusd + expense.microusd)
                })
            };
            let (requests, usage, microusd) = self.at_some_moment(sum).await;
            Ok(ExpenseTotal { of: day.to_string(), requests, usage, microusd })
        })
    }

    fn sum(&self, _: ExpenseQuery) -> BoxFuture<'_, Result<Vec<ExpenseTotal>, JournalError>> {
        Box::pin(async { Err(JournalError::Invalid { what: "the simulation sums nothing".to_owned() }) })
    }
}

impl Memory for KeptLine {
    fn remember(&self, kept: KeptFact) -> BoxFuture<'_, Result<(), MemoryError>> {
        Box::pin(async move {
            let keep = |shared: &Shared| {
                let mut facts = shared.facts.lock();
                let of_scope = facts.entry(kept.scope).or_default();
                of_scope.retain(|fact| fact.id != kept.fact.id);
                of_scope.push(kept.fact);
            };
            self.at_some_moment(keep).await;
            Ok(())
        })
    }

    fn recall(&self, query: FactQuery) -> BoxFuture<'_, Result<Vec<Fact>, MemoryError>> {
        Box::pin(async move {
            let find = |shared: &Shared| {
                let facts = shared.facts.lock();
                let of_scope = facts.get(&query.scope).into_iter().flatten().rev();
                let is_there = |fact: &&Fact| fact.expires_unix_ms.is_none_or(|until| until > query.now_unix_ms);
                of_scope.filter(is_there).take(query.most as usize).cloned().collect()
            };
            Ok(self.at_some_moment(find).await)
        })
    }

    fn forget(&self, scope: ScopeKey, which: Forget) -> BoxFuture<'_, Result<u64, MemoryError>> {
        Box::pin(async move {
            let forget = |shared: &Shared| {
                let mut facts = shared.facts.lock();
                let of_scope = facts.entry(scope).or_default();
                let before = of_scope.len();
                of_scope.retain(|fact| match &which {
                    Forget::Ids(ids) => !ids.contains(&fact.id),
                    Forget::Subject(subject) => fact.subject.as_ref() != Some(subject),
                    Forget::All => false,
                });
                (before - of_scope.len()) as u64
            };
            Ok(self.at_some_moment(forget).await)
        })
    }

    fn expire(&self, _: u64) -> BoxFuture<'_, Result<u64, MemoryError>> {
        Box::pin(async { Ok(0) })
    }

    fn scopes(&self, _: String) -> BoxFuture<'_, Result<Vec<ScopeInfo>, MemoryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
