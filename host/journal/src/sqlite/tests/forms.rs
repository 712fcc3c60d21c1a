// SPDX-License-Identifier: MIT OR Apache-2.0
//! A folder that an older version wrote goes on, with all that is in it.

use priory_core::inbox::EventQuery;
use priory_core::model::{Expense, ExpenseKey, ExpenseQuery, GroupBy, TokenUsage};
use priory_core::ports::{Answers, Expenses};
use priory_core::{EventRecord, FramePath, Inbox};

use super::*;

/// Brings a folder to a form that an older version wrote, with nothing in it.
fn old_form(dir: &Path, form: usize) {
    let database = Connection::open(dir.join(schema::FILE)).unwrap();
    database.execute_batch("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;").unwrap();
    database.pragma_update(None, "journal_mode", "WAL").unwrap();
    for migration in &schema::MIGRATIONS[..form] {
        database.execute_batch(migration).unwrap();
    }
    database.execute_batch(&format!("PRAGMA application_id = 1349675375; PRAGMA user_version = {form};")).unwrap();
}

/// Returns the form of a folder.
fn form(dir: &Path) -> usize {
    schema::check(dir, &schema::open_reader(dir).unwrap()).unwrap()
}

/// Puts a parked run into an old form, as the version did that wrote it: its rows hold nothing that came later.
async fn parked(dir: &Path, form: usize) -> Script {
    let scratch = folder();
    let mut script = Script::new(1);
    let journal = SqliteJournal::open(scratch.path()).unwrap();
    journal.append(script.begin(header("writer"))).await.unwrap();
    journal.append(script.step(0, Json::of(&"x".repeat(20_000)).unwrap(), Json::null())).await.unwrap();
    journal.append(script.park(vec![sleeps(1, 5)])).await.unwrap();
    drop(journal);
    let database = Connection::open(dir.join(schema::FILE)).unwrap();
    let other = scratch.path().join(schema::FILE);
    database.execute("ATTACH ?1 AS other", [other.to_str().unwrap()]).unwrap();
    for table in ["pin_sets", "runs", "segments", "chunks", "run_chunks", "labels"] {
        database.execute_batch(&format!("INSERT INTO main.{table} SELECT * FROM other.{table}")).unwrap();
    }
    let columns = if form < 2 { "run, number, due, asks, wait" } else { "*" };
    database.execute_batch(&format!("INSERT INTO main.waits SELECT {columns} FROM other.waits")).unwrap();
    script
}

fn event() -> EventRecord {
    EventRecord { id: "1".into(), name: "paid".into(), data: Json::null(), unix_ms: 1, from: None }
}

#[tokio::test]
async fn the_first_form_is_led_to_the_newest() {
    let folder = folder();
    old_form(folder.path(), 1);
    let script = parked(folder.path(), 1).await;

    let reader = SqliteJournal::open_read_only(folder.path()).unwrap();
    let events = reader.read(script.run, 0, 9).await.unwrap();
    assert_eq!(events.len(), 4);
    let query = EventQuery { most: 9, ..EventQuery::default() };
    assert_eq!((reader.head(), reader.events(query.clone()).await.unwrap().len()), (0, 0), "the old form has none");
    assert!(reader.notes().await.unwrap().is_empty() && reader.arrived(0, 9).await.unwrap().is_empty());
    assert_eq!(reader.due(5, 9).await.unwrap().len(), 1);
    drop(reader);

    let journal = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!(journal.read(script.run, 0, 9).await.unwrap(), events);
    assert!(matches!(journal.verify(script.run).await.unwrap(), Verdict::Intact { events: 4, .. }));
    assert_eq!(journal.due(5, 9).await.unwrap()[0].wait, sleeps(1, 5));
    assert_eq!(journal.waits(script.run).await.unwrap(), [sleeps(1, 5)]);
    assert_eq!(journal.publish(event()).await.unwrap().position, 1);
    Inbox::note(&journal, "trigger daily".into(), "1".into()).await.unwrap();
    let mut script = Script { epoch: journal.claim(script.run).await.unwrap().epoch, ..script };
    journal.append(script.end()).await.unwrap();
    drop(journal);

    let journal = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!((journal.head(), journal.events(query).await.unwrap().len()), (1, 1));
    assert_eq!(journal.info(script.run).await.unwrap().state, RunState::Done);
    assert_eq!(form(folder.path()), 4);
}

fn spent() -> Expense {
    let key = ExpenseKey { run: run(1), frame: FramePath::root(), step: 0, turn: 0 };
    let usage = TokenUsage { input: 9, output: 4, ..TokenUsage::default() };
    let (program, model, provider) = ("agent a".into(), "fast".into(), "openai".into());
    Expense { key, day: 20_717, program, model, provider, usage, microusd: 7, is_settled: false }
}

#[tokio::test]
async fn the_third_form_gets_expenses_and_answers() {
    let folder = folder();
    old_form(folder.path(), 3);
    let script = parked(folder.path(), 3).await;
    {
        let database = Connection::open(folder.path().join(schema::FILE)).unwrap();
        let event = "INSERT INTO events (id, name, at, data) VALUES ('1', 'paid', 1, 'null')";
        database.execute_batch(&format!("{event}; INSERT INTO notes VALUES ('trigger daily', '1');")).unwrap();
    }
    let query = ExpenseQuery { since_day: 0, until_day: u32::MAX, by: GroupBy::Model, most: 9 };
    let reader = SqliteJournal::open_read_only(folder.path()).unwrap();
    assert_eq!(form(folder.path()), 3, "who reads changes nothing");
    assert_eq!(reader.spent_on(20_717).await.unwrap().requests, 0);
    assert_eq!(reader.sum(query).await.unwrap(), []);
    assert_eq!(reader.find(Digest::of(b"a"), 0).await.unwrap(), None);
    assert!(matches!(Expenses::note(&reader, spent()).await, Err(JournalError::ReadOnly { .. })));
    let kept = Answers::keep(&reader, Digest::of(b"a"), Json::null(), 1, 0).await;
    assert!(matches!(kept, Err(JournalError::ReadOnly { .. })));
    drop(reader);

    let journal = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!(form(folder.path()), 4);
    assert_eq!((journal.read(script.run, 0, 9).await.unwrap().len(), journal.head()), (4, 1));
    assert_eq!(journal.notes().await.unwrap().len(), 1);
    Expenses::note(&journal, spent()).await.unwrap();
    Answers::keep(&journal, Digest::of(b"a"), Json::null(), 1, 0).await.unwrap();
    drop(journal);
    let reader = SqliteJournal::open_read_only(folder.path()).unwrap();
    assert_eq!(reader.spent_on(20_717).await.unwrap().microusd, 7);
    assert_eq!(reader.sum(query).await.unwrap()[0].of, "fast");
    assert_eq!(reader.find(Digest::of(b"a"), 1).await.unwrap(), Some(Json::null()));
}

#[tokio::test]
async fn whoever_only_reads_sees_what_is_published() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    journal.publish(event()).await.unwrap();
    let reader = SqliteJournal::open_read_only(folder.path()).unwrap();
    assert_eq!(
        (reader.head(), reader.events(EventQuery { most: 9, ..EventQuery::default() }).await.unwrap().len()),
        (1, 1)
    );
    assert!(matches!(reader.publish(event()).await, Err(JournalError::ReadOnly { .. })));
    assert!(matches!(Inbox::note(&reader, "a".into(), "b".into()).await, Err(JournalError::ReadOnly { .. })));
}
