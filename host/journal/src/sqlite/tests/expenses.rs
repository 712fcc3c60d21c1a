// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is spent and what was answered, where the disk is full, cannot be written, or loses its power.

use priory_core::FramePath;
use priory_core::model::{Expense, ExpenseKey, ExpenseQuery, GroupBy, TokenUsage, day_of};
use priory_core::ports::{Answers, Expenses};
use priory_testkit::journal::sample::START_UNIX_MS;

use super::*;

/// The day of the expenses.
const DAY: u32 = 20_717;

fn expense(step: u32, microusd: u64) -> Expense {
    let key = ExpenseKey { run: run(1), frame: FramePath::root(), step, turn: 0 };
    let usage = TokenUsage { input: microusd, ..TokenUsage::default() };
    let (program, model, provider) = ("agent a".into(), "fast".into(), "openai".into());
    Expense { key, day: DAY, program, model, provider, usage, microusd, is_settled: false }
}

fn noise(seed: u32, parts: u32) -> Json {
    let text = (0..parts).map(|part| blake3::hash(&(seed * parts + part).to_le_bytes()).to_hex().to_string());
    Json::of(&text.collect::<String>()).unwrap()
}

#[tokio::test]
async fn many_note_at_once_and_nothing_is_lost() {
    let folder = folder();
    let journal = Arc::new(SqliteJournal::open(folder.path()).unwrap());
    let tasks: Vec<_> = (0..50)
        .map(|step| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                for microusd in [1_000, u64::from(step)] {
                    Expenses::note(&*journal, expense(step, microusd)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let total = journal.spent_on(DAY).await.unwrap();
    assert_eq!((total.requests, total.microusd, total.usage.input), (50, 49 * 25, 49 * 25));
}

#[tokio::test]
async fn a_full_disk_refuses_what_is_spent() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    Expenses::note(&journal, expense(0, 5)).await.unwrap();
    journal.execute("PRAGMA max_page_count = 60").await;
    let full = JournalError::Full { path: folder.path().into() };
    let mut kept = 0;
    while Answers::keep(&journal, Digest::of(&[kept]), noise(kept.into(), 200), 1, 0).await.is_ok() {
        kept += 1;
    }
    assert!((2..30).contains(&kept), "{kept}");
    let refused = Answers::keep(&journal, Digest::of(&[kept]), noise(kept.into(), 200), 1, 0).await;
    assert_eq!(refused, Err(full.clone()));
    let mut step = 1;
    let error = loop {
        match Expenses::note(&journal, expense(step, 1)).await {
            Ok(()) => step += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, full);
    assert_eq!(journal.spent_on(DAY).await.unwrap().microusd, 4 + u64::from(step), "what was refused is not counted");
    journal.execute("PRAGMA max_page_count = 100000").await;
    Expenses::note(&journal, expense(step, 1)).await.unwrap();
    assert_eq!(journal.spent_on(DAY).await.unwrap().microusd, 5 + u64::from(step));
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_refuses_what_is_spent() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    Expenses::note(&journal, expense(0, 5)).await.unwrap();
    journal.execute("PRAGMA query_only = ON").await;
    assert!(matches!(Expenses::note(&journal, expense(0, 6)).await, Err(JournalError::ReadOnly { .. })));
    let kept = Answers::keep(&journal, Digest::of(b"a"), Json::null(), 1, 0).await;
    assert!(matches!(kept, Err(JournalError::ReadOnly { .. })));
    assert_eq!(journal.spent_on(DAY).await.unwrap().microusd, 5);
    assert_eq!(journal.find(Digest::of(b"a"), 0).await.unwrap(), None);
    journal.execute("PRAGMA query_only = OFF").await;
    Expenses::note(&journal, expense(0, 6)).await.unwrap();
    assert_eq!(journal.spent_on(DAY).await.unwrap().microusd, 6);
}

#[tokio::test]
async fn the_oldest_answer_makes_room_for_the_newest() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let rows = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
         INSERT INTO answers (key, at, bytes, answer) SELECT CAST(n AS BLOB), 1000 - n % 7, 4, 'null' FROM n";
    journal.execute(rows).await;
    let count = async || {
        let count = |reader: &Reader| {
            let gone = "SELECT count(*), (SELECT count(*) FROM answers WHERE at = 994) FROM answers";
            Ok(reader.database.query_row(gone, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap())
        };
        journal.with_reader(count).await.unwrap()
    };
    assert_eq!(count().await, (10_000i64, 1_428i64));
    for number in 0..3u8 {
        Answers::keep(&journal, Digest::of(&[number]), Json::null(), 2_000, 0).await.unwrap();
    }
    assert_eq!(count().await, (10_000, 1_425));
    Answers::keep(&journal, Digest::of(&[9]), Json::null(), 2_000, 1_500).await.unwrap();
    assert_eq!(count().await, (4, 0), "the others were too old");
}

#[tokio::test]
async fn old_expenses_go_in_steps() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let rows = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1500)
         INSERT INTO expenses SELECT zeroblob(16), zeroblob(0), n, 0, {DAY}, 1, 1, 1, 0, 0, 0, 1, 'a', 'b', 'c' FROM n"
    );
    journal.execute(&rows).await;
    assert_eq!(day_of(START_UNIX_MS), DAY);
    let query = ExpenseQuery { since_day: 0, until_day: u32::MAX, by: GroupBy::Model, most: 9 };
    assert_eq!(journal.sum(query).await.unwrap()[0].requests, 1_500);
    journal.prune(Retention::default(), START_UNIX_MS + 401 * 24 * 60 * 60 * 1_000).await.unwrap();
    assert_eq!(journal.sum(query).await.unwrap(), []);
}

#[tokio::test]
async fn the_log_may_end_anywhere_between_expenses() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    journal.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let database = fs::read(folder.path().join(schema::FILE)).unwrap();
    let log = folder.path().join("journal.sqlite-wal");
    // How long the log was when each was acknowledged, what was spent by then, and how many answers there were.
    let mut acknowledged = vec![(0, (0, 0), 0)];
    let (mut spent, mut answers) = ((0, 0), 0);
    for step in 0..8u32 {
        // Set aside first, and then put right: the second takes the place of the first.
        let (place, microusd) = (step / 2, if step % 2 == 0 { 1_000 } else { 10 + u64::from(step) });
        Expenses::note(&journal, expense(place, microusd)).await.unwrap();
        spent = if step % 2 == 0 { (spent.0 + 1, spent.1 + 1_000) } else { (spent.0, spent.1 - 1_000 + microusd) };
        acknowledged.push((fs::metadata(&log).unwrap().len() as usize, spent, answers));
        if step % 4 == 3 {
            Answers::keep(&journal, Digest::of(&[answers]), noise(step, 100), 1, 0).await.unwrap();
            answers += 1;
            acknowledged.push((fs::metadata(&log).unwrap().len() as usize, spent, answers));
        }
    }
    let bytes = fs::read(&log).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for length in (0..=bytes.len()).filter(|length| {
        let place = length.saturating_sub(32) % (4096 + 24);
        acknowledged.iter().any(|(end, ..)| end.abs_diff(*length) < 3) || place < 3 || place % 997 == 0
    }) {
        for name in names(copy.path()) {
            fs::remove_file(copy.path().join(name)).unwrap();
        }
        fs::write(copy.path().join(schema::FILE), &database).unwrap();
        fs::write(copy.path().join("journal.sqlite-wal"), &bytes[..length]).unwrap();
        let database = schema::open_writer(copy.path()).unwrap();
        let number = |sql: &str| rows::uint(database.query_row(sql, [], |row| row.get(0)).unwrap());
        let (_, spent, answers) = acknowledged.iter().rfind(|(end, ..)| *end <= length).unwrap();
        let day =
            ["requests", "microusd"].map(|of| number(&format!("SELECT coalesce(sum({of}), 0) FROM expense_days")));
        let rows = ["count(*)", "coalesce(sum(microusd), 0)"].map(|of| number(&format!("SELECT {of} FROM expenses")));
        assert_eq!((day, rows), ([spent.0, spent.1], [spent.0, spent.1]), "the log ends at {length}");
        assert_eq!(number("SELECT count(*) FROM answers"), u64::from(*answers), "the log ends at {length}");
    }
}
