// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is spent on models is counted once, and stays when its run goes.

use priory_core::FramePath;
use priory_core::journal::{Retention, RunQuery};
use priory_core::model::{Expense, ExpenseKey, ExpenseQuery, ExpenseTotal, GroupBy, TokenUsage, day_of};
use priory_core::ports::Expenses;

use super::sample::{START_UNIX_MS, Script, header, run};
use super::{MakeStore, Store};

/// The day on which the runs of tests begin: 2026-09-21.
const DAY: u32 = 20_717;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Returns an expense of the root frame of a run with a number.
fn expense(number: u64, step: u32, microusd: u64) -> Expense {
    Expense {
        key: ExpenseKey { run: run(number), frame: FramePath::root(), step, turn: 0 },
        day: DAY,
        program: format!("agent a{number}"),
        model: "fast".into(),
        provider: "openai".into(),
        usage: TokenUsage { input: microusd * 2, output: microusd, cached: 1, cache_written: 2, reasoning: 3 },
        microusd,
        is_settled: true,
    }
}

async fn note(store: &dyn Store, expense: Expense) {
    Expenses::note(store, expense).await.unwrap();
}

/// Returns what is summed: of what, how many requests, and micro-dollars.
async fn sums(store: &dyn Store, by: GroupBy, since_day: u32, until_day: u32, most: usize) -> Vec<(String, u64, u64)> {
    let sums = store.sum(ExpenseQuery { since_day, until_day, by, most }).await.unwrap();
    sums.into_iter().map(|sum| (sum.of, sum.requests, sum.microusd)).collect()
}

fn total(of: &str, requests: u64, microusd: u64) -> ExpenseTotal {
    let TokenUsage { input, output, cached, cache_written, reasoning } = expense(0, 0, microusd).usage;
    let (cached, cache_written, reasoning) = (cached * requests, cache_written * requests, reasoning * requests);
    let usage = TokenUsage { input, output, cached, cache_written, reasoning };
    ExpenseTotal { of: of.to_owned(), requests, usage, microusd }
}

/// An expense takes the place of the one with the same key, whatever else it says.
pub async fn expenses_are_counted_once(make: MakeStore<'_>) {
    assert_eq!(DAY, day_of(START_UNIX_MS));
    let store = make();
    let store = &*store;
    assert_eq!(store.spent_on(DAY).await.unwrap(), total("2026-09-21", 0, 0));
    let aside = Expense { is_settled: false, ..expense(1, 0, 900) };
    note(store, aside.clone()).await;
    note(store, aside).await;
    assert_eq!(store.spent_on(DAY).await.unwrap(), total("2026-09-21", 1, 900));
    note(store, expense(1, 0, 40)).await;
    assert_eq!(store.spent_on(DAY).await.unwrap(), total("2026-09-21", 1, 40));

    // What differs in the key is another expense.
    let key = expense(1, 0, 0).key;
    for key in [
        ExpenseKey { run: run(2), ..key.clone() },
        ExpenseKey { frame: key.frame.child(0), ..key.clone() },
        ExpenseKey { step: 1, ..key.clone() },
        ExpenseKey { turn: 1, ..key.clone() },
    ] {
        note(store, Expense { key, ..expense(1, 0, 100) }).await;
    }
    assert_eq!(store.spent_on(DAY).await.unwrap(), total("2026-09-21", 5, 440));

    // A day that is over gives what was set aside on it to the day on which it was spent.
    note(store, Expense { day: DAY + 1, ..expense(1, 0, 30) }).await;
    assert_eq!(store.spent_on(DAY).await.unwrap(), total("2026-09-21", 4, 400));
    assert_eq!(store.spent_on(DAY + 1).await.unwrap(), total("2026-09-22", 1, 30));
    // What no request can take is no sum.
    note(store, Expense { day: DAY + 2, ..expense(3, 0, 0) }).await;
    for step in 1..4 {
        let wrong = TokenUsage { input: u64::MAX, output: u64::MAX, ..TokenUsage::default() };
        note(store, Expense { day: DAY + 2, usage: wrong, microusd: u64::MAX, ..expense(3, step, 0) }).await;
    }
    let wrong = store.spent_on(DAY + 2).await.unwrap();
    assert_eq!((wrong.requests, wrong.microusd, wrong.usage.input), (4, 3 << 40, 3 << 40));
    for step in 1..4 {
        note(store, Expense { day: DAY + 2, ..expense(3, step, 10) }).await;
    }
    assert_eq!(store.spent_on(DAY + 2).await.unwrap(), total("2026-09-23", 4, 30));
}

/// Expenses are summed by what they are for, the dearest first.
pub async fn expenses_are_summed(make: MakeStore<'_>) {
    let store = make();
    let store = &*store;
    for (number, step, day, model, microusd) in [
        (1, 0, DAY, "fast", 5),
        (1, 1, DAY, "good", 70),
        (2, 0, DAY + 1, "fast", 20),
        (2, 1, DAY + 2, "fast", 30),
        (3, 0, DAY + 2, "free", 0),
        (4, 0, DAY + 9, "free", 0),
    ] {
        note(store, Expense { day, model: model.into(), ..expense(number, step, microusd) }).await;
    }
    let all = async |by| sums(store, by, 0, u32::MAX, 99).await;
    let expect =
        |rows: &[(&str, u64, u64)]| rows.iter().map(|(of, n, sum)| ((*of).to_owned(), *n, *sum)).collect::<Vec<_>>();
    let by_day = [("2026-09-21", 2, 75), ("2026-09-23", 2, 30), ("2026-09-22", 1, 20), ("2026-09-30", 1, 0)];
    assert_eq!(all(GroupBy::Day).await, expect(&by_day));
    assert_eq!(all(GroupBy::Model).await, expect(&[("good", 1, 70), ("fast", 3, 55), ("free", 2, 0)]));
    let by_program = [("agent a1", 2, 75), ("agent a2", 2, 50), ("agent a3", 1, 0), ("agent a4", 1, 0)];
    assert_eq!(all(GroupBy::Program).await, expect(&by_program));
    let runs = [1, 2, 3, 4].map(|number| run(number).to_string());
    assert_eq!(
        all(GroupBy::Run).await,
        expect(&[(&runs[0], 2, 75), (&runs[1], 2, 50), (&runs[2], 1, 0), (&runs[3], 1, 0)])
    );

    assert_eq!(sums(store, GroupBy::Model, DAY + 1, DAY + 2, 99).await, expect(&[("fast", 2, 50), ("free", 1, 0)]));
    assert_eq!(sums(store, GroupBy::Day, DAY + 1, DAY + 1, 99).await, expect(&[("2026-09-22", 1, 20)]));
    assert_eq!(sums(store, GroupBy::Day, DAY + 2, DAY + 1, 99).await, expect(&[]));
    assert_eq!(sums(store, GroupBy::Program, 0, u32::MAX, 1).await, expect(&[("agent a1", 2, 75)]));
    assert_eq!(sums(store, GroupBy::Day, 0, u32::MAX, 0).await, expect(&[]));
    let fast = ExpenseQuery { since_day: DAY, until_day: DAY, by: GroupBy::Model, most: 99 };
    assert_eq!(store.sum(fast).await.unwrap(), [total("good", 1, 70), total("fast", 1, 5)], "with its tokens");
}

/// A run that is removed was paid all the same. Expenses of long ago are no longer listed; what their days came to is.
pub async fn expenses_outlive_their_runs(make: MakeStore<'_>) {
    let store = make();
    let store = &*store;
    let mut script = Script::new(1);
    store.append(script.begin(header("writer"))).await.unwrap();
    store.append(script.end()).await.unwrap();
    note(store, expense(1, 0, 50)).await;
    note(store, Expense { day: DAY + 1, ..expense(1, 1, 7) }).await;
    let (none, now) = (Retention { count: Some(0), ..Retention::default() }, START_UNIX_MS + DAY_MS);
    store.prune(none, now).await.unwrap();
    assert!(store.list(RunQuery { most: 9, ..RunQuery::default() }).await.unwrap().is_empty());
    assert_eq!(store.spent_on(DAY).await.unwrap(), total("2026-09-21", 1, 50));
    assert_eq!(sums(store, GroupBy::Run, 0, u32::MAX, 9).await, [(run(1).to_string(), 2, 57)]);

    store.prune(none, START_UNIX_MS + 400 * DAY_MS).await.unwrap();
    assert_eq!(sums(store, GroupBy::Run, 0, u32::MAX, 9).await, [(run(1).to_string(), 2, 57)], "400 days stay");
    store.prune(none, START_UNIX_MS + 401 * DAY_MS).await.unwrap();
    assert_eq!(sums(store, GroupBy::Run, 0, u32::MAX, 9).await, [(run(1).to_string(), 1, 7)]);
    assert_eq!(store.spent_on(DAY).await.unwrap(), total("2026-09-21", 1, 50), "what a day came to stays");
    assert_eq!(sums(store, GroupBy::Day, 0, u32::MAX, 9).await.len(), 2);
}
