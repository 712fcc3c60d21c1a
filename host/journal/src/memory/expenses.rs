// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was spent on models, in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use priory_core::journal::JournalError;
use priory_core::model::{Expense, ExpenseKey, ExpenseQuery, ExpenseTotal, GroupBy};
use priory_core::ports::{BoxFuture, Expenses};

use super::MemoryJournal;
use crate::expenses::{bounded, date, first_day, nothing};

/// What was spent, one by one and by day.
#[derive(Debug, Default)]
pub(super) struct Spending {
    by_key: BTreeMap<ExpenseKey, Expense>,
    by_day: BTreeMap<u32, ExpenseTotal>,
}

impl Expenses for MemoryJournal {
    fn note(&self, expense: Expense) -> BoxFuture<'_, Result<(), JournalError>> {
        self.with(move |state| {
            state.spending.note(bounded(expense));
            Ok(())
        })
    }

    fn spent_on(&self, day: u32) -> BoxFuture<'_, Result<ExpenseTotal, JournalError>> {
        self.with(move |state| Ok(state.spending.by_day.get(&day).cloned().unwrap_or_else(|| nothing(date(day)))))
    }

    fn sum(&self, query: ExpenseQuery) -> BoxFuture<'_, Result<Vec<ExpenseTotal>, JournalError>> {
        self.with(move |state| Ok(state.spending.sum(query)))
    }
}

impl Spending {
    fn note(&mut self, expense: Expense) {
        if let Some(before) = self.by_key.get(&expense.key)
            && let Some(day) = self.by_day.get_mut(&before.day)
        {
            take(day, before);
        }
        add(self.by_day.entry(expense.day).or_insert_with(|| nothing(date(expense.day))), &expense);
        self.by_key.insert(expense.key.clone(), expense);
    }

    fn sum(&self, query: ExpenseQuery) -> Vec<ExpenseTotal> {
        let is_asked = |day: u32| (query.since_day..=query.until_day).contains(&day);
        let mut sums: Vec<ExpenseTotal> = match query.by {
            GroupBy::Day => {
                let asked = self.by_day.iter().filter(|(day, sum)| is_asked(**day) && sum.requests > 0);
                asked.map(|(_, sum)| sum.clone()).collect()
            }
            GroupBy::Model | GroupBy::Program | GroupBy::Run => {
                let mut sums: BTreeMap<String, ExpenseTotal> = BTreeMap::new();
                for expense in self.by_key.values().filter(|expense| is_asked(expense.day)) {
                    let of = match query.by {
                        GroupBy::Model => expense.model.to_string(),
                        GroupBy::Program => expense.program.clone(),
                        _ => expense.key.run.to_string(),
                    };
                    add(sums.entry(of.clone()).or_insert_with(|| nothing(of)), expense);
                }
                sums.into_values().collect()
            }
        };
        // Those that cost the same are in the order of their names.
        sums.sort_by_key(|sum| Reverse((sum.microusd, sum.usage.input.saturating_add(sum.usage.output))));
        sums.truncate(query.most);
        sums
    }

    /// Removes the expenses that are too old to be listed one by one; what their days came to stays.
    pub(super) fn prune(&mut self, unix_ms: u64) {
        let first = first_day(unix_ms);
        self.by_key.retain(|_, expense| expense.day >= first);
    }
}

fn add(sum: &mut ExpenseTotal, expense: &Expense) {
    sum.requests = sum.requests.saturating_add(1);
    sum.usage = sum.usage.saturating_add(expense.usage);
    sum.microusd = sum.microusd.saturating_add(expense.microusd);
}

fn take(sum: &mut ExpenseTotal, expense: &Expense) {
    let (usage, less) = (&mut sum.usage, expense.usage);
    sum.requests = sum.requests.saturating_sub(1);
    usage.input = usage.input.saturating_sub(less.input);
    usage.output = usage.output.saturating_sub(less.output);
    usage.cached = usage.cached.saturating_sub(less.cached);
    usage.cache_written = usage.cache_written.saturating_sub(less.cache_written);
    usage.reasoning = usage.reasoning.saturating_sub(less.reasoning);
    sum.microusd = sum.microusd.saturating_sub(expense.microusd);
}
