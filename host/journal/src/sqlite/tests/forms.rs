// SPDX-License-Identifier: MIT OR Apache-2.0
//! A folder that an older version wrote goes on, with all that is in it.

use priory_core::inbox::EventQuery;
use priory_core::{EventRecord, Inbox};

use super::*;

/// Brings a folder to the form that the first version wrote, with nothing in it.
fn first_form(dir: &Path) {
    let database = Connection::open(dir.join(schema::FILE)).unwrap();
    database.execute_batch("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;").unwrap();
    database.pragma_update(None, "journal_mode", "WAL").unwrap();
    database.execute_batch(schema::FORMAT_1).unwrap();
    database.execute_batch("PRAGMA application_id = 1349675375; PRAGMA user_version = 1;").unwrap();
}

/// Puts a parked run into the first form, as the first version did: its rows hold nothing that came later.
async fn parked(dir: &Path) -> Script {
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
    let waits = "INSERT INTO main.waits SELECT run, number, due, asks, wait FROM other.waits";
    database.execute_batch(waits).unwrap();
    script
}

fn event() -> EventRecord {
    EventRecord { id: "1".into(), name: "paid".into(), data: Json::null(), unix_ms: 1, from: None }
}

#[tokio::test]
async fn the_first_form_is_led_to_the_newest() {
    let folder = folder();
    first_form(folder.path());
    let script = parked(folder.path()).await;

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
    journal.note("trigger daily".into(), "1".into()).await.unwrap();
    let mut script = Script { epoch: journal.claim(script.run).await.unwrap().epoch, ..script };
    journal.append(script.end()).await.unwrap();
    drop(journal);

    let journal = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!((journal.head(), journal.events(query).await.unwrap().len()), (1, 1));
    assert_eq!(journal.info(script.run).await.unwrap().state, RunState::Done);
    let version = |pragma: &str| {
        let database = schema::open_reader(folder.path()).unwrap();
        database.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((version("user_version"), version("application_id")), (3, 0x5072_696f));
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
    assert!(matches!(reader.note("a".into(), "b".into()).await, Err(JournalError::ReadOnly { .. })));
}
