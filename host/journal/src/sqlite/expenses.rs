// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was spent on models: a row for each request, and what each day came to.
//!
//! The rows belong to no run: a run that is removed was paid all the same.

use priory_core::journal::JournalError;
use priory_core::model::{Expense, ExpenseQuery, ExpenseTotal, GroupBy, TokenUsage};
use priory_core::ports::{BoxFuture, Expenses};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::prune::Stepped;
use super::rows::{self, int, uint};
use super::write::Refusal;
use super::writer::Order;
use super::{Reader, SqliteJournal};
use crate::expenses::{bounded, date, first_day, nothing};

/// The first format that has these tables.
const FORMAT: usize = 4;

/// How many rows are removed in one step.
const ROWS_MAX: u32 = 512;

/// The statement that sums expenses by a column.
macro_rules! by_column {
    ($column:literal) => {
        concat!(
            "SELECT ",
            $column,
            ", count(*), sum(input), sum(output), sum(cached), sum(cache_written), sum(reasoning), sum(microusd)
             FROM expenses WHERE day BETWEEN ?1 AND ?2 GROUP BY 1 ORDER BY 8 DESC, sum(input + output) DESC, 1 LIMIT ?3"
        )
    };
}

impl Expenses for SqliteJournal {
    fn note(&self, expense: Expense) -> BoxFuture<'_, Result<(), JournalError>> {
        let expense = Box::new(bounded(expense));
        self.order(move |answer| Order::Expense(expense, answer))
    }

    fn spent_on(&self, day: u32) -> BoxFuture<'_, Result<ExpenseTotal, JournalError>> {
        self.with_reader(move |reader| reader.spent_on(day))
    }

    fn sum(&self, query: ExpenseQuery) -> BoxFuture<'_, Result<Vec<ExpenseTotal>, JournalError>> {
        self.with_reader(move |reader| reader.sum(query))
    }
}

/// Writes an expense in the place of the one with the same key, and changes what its day came to.
pub(super) fn note(database: &Connection, expense: &Expense) -> Result<(), Refusal> {
    let key = &expense.key;
    let (run, frame) = (rows::run_to_bytes(key.run), key.frame.to_bytes());
    let mut select = database.prepare_cached(
        "SELECT day, input, output, cached, cache_written, reasoning, microusd FROM expenses
         WHERE run = ?1 AND frame = ?2 AND step = ?3 AND turn = ?4",
    )?;
    let before = |row: &Row<'_>| {
        let mut numbers = [0_i64; 6];
        for (at, number) in (1..).zip(&mut numbers) {
            *number = row.get(at)?;
        }
        Ok((row.get(0)?, numbers))
    };
    let before: Option<(i64, [i64; 6])> =
        select.query_row(params![run, frame, key.step, key.turn], before).optional()?;
    if let Some((day, numbers)) = before {
        change(database, day, -1, numbers.map(|number| -number))?;
    }
    let TokenUsage { input, output, cached, cache_written, reasoning } = expense.usage;
    let numbers = [input, output, cached, cache_written, reasoning, expense.microusd].map(int);
    change(database, expense.day.into(), 1, numbers)?;
    let [input, output, cached, cache_written, reasoning, microusd] = numbers;
    let mut insert = database.prepare_cached(
        "INSERT OR REPLACE INTO expenses (run, frame, step, turn, day, settled, input, output, cached, cache_written,
           reasoning, microusd, program, model, provider)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    insert.execute(params![
        run,
        frame,
        key.step,
        key.turn,
        expense.day,
        expense.is_settled,
        input,
        output,
        cached,
        cache_written,
        reasoning,
        microusd,
        expense.program,
        &*expense.model,
        &*expense.provider,
    ])?;
    Ok(())
}

/// Adds to what a day came to.
fn change(database: &Connection, day: i64, requests: i64, numbers: [i64; 6]) -> rusqlite::Result<()> {
    let [input, output, cached, cache_written, reasoning, microusd] = numbers;
    let mut upsert = database.prepare_cached(
        "INSERT INTO expense_days (day, requests, input, output, cached, cache_written, reasoning, microusd)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (day) DO UPDATE SET requests = requests + ?2, input = input + ?3, output = output + ?4,
           cached = cached + ?5, cache_written = cache_written + ?6, reasoning = reasoning + ?7, microusd = microusd + ?8",
    )?;
    upsert.execute(params![day, requests, input, output, cached, cache_written, reasoning, microusd])?;
    Ok(())
}

/// Removes some of the expenses that are too old to be listed one by one; what their days came to stays.
pub(super) fn prune(database: &mut Connection, unix_ms: u64) -> rusqlite::Result<Stepped> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let removed = transaction.execute(
        "DELETE FROM expenses WHERE (run, frame, step, turn) IN
           (SELECT run, frame, step, turn FROM expenses WHERE day < ?1 LIMIT ?2)",
        params![first_day(unix_ms), ROWS_MAX],
    )?;
    transaction.commit()?;
    Ok(Stepped { has_more: removed == ROWS_MAX as usize, ..Stepped::default() })
}

impl Reader {
    fn spent_on(&self, day: u32) -> Result<ExpenseTotal, JournalError> {
        if self.format < FORMAT {
            return Ok(nothing(date(day)));
        }
        let read = || {
            let mut select = self.database.prepare_cached(
                "SELECT day, requests, input, output, cached, cache_written, reasoning, microusd
                 FROM expense_days WHERE day = ?1",
            )?;
            select.query_row([day], |row| total(row, GroupBy::Day)).optional()
        };
        Ok(read().map_err(|error| self.refusal(&error))?.unwrap_or_else(|| nothing(date(day))))
    }

    fn sum(&self, query: ExpenseQuery) -> Result<Vec<ExpenseTotal>, JournalError> {
        if self.format < FORMAT {
            return Ok(Vec::new());
        }
        let text = match query.by {
            GroupBy::Day => {
                "SELECT day, requests, input, output, cached, cache_written, reasoning, microusd FROM expense_days
                 WHERE day BETWEEN ?1 AND ?2 AND requests > 0 ORDER BY microusd DESC, input + output DESC, day LIMIT ?3"
            }
            GroupBy::Model => by_column!("model"),
            GroupBy::Program => by_column!("program"),
            GroupBy::Run => by_column!("run"),
        };
        let read = || {
            let mut select = self.database.prepare_cached(text)?;
            let range = params![query.since_day, query.until_day, int(query.most as u64)];
            select.query_map(range, |row| total(row, query.by))?.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.refusal(&error))
    }
}

/// Reads a sum.
fn total(row: &Row<'_>, by: GroupBy) -> rusqlite::Result<ExpenseTotal> {
    let number = |at| row.get(at).map(uint);
    let of = match (by, row.get_ref(0)?) {
        (GroupBy::Day, ValueRef::Integer(day)) => date(u32::try_from(day).unwrap_or(u32::MAX)),
        (GroupBy::Run, _) => rows::run_from_bytes(row.get(0)?).to_string(),
        _ => row.get(0)?,
    };
    let (input, output, cached) = (number(2)?, number(3)?, number(4)?);
    let usage = TokenUsage { input, output, cached, cache_written: number(5)?, reasoning: number(6)? };
    Ok(ExpenseTotal { of, requests: number(1)?, usage, microusd: number(7)? })
}
