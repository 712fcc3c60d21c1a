// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only the store in a folder has to show.

mod damage;
mod expenses;
mod forms;
mod power;
mod size;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Waker};

use priory_core::Json;
use priory_core::journal::RunState;
use priory_testkit::journal::sample::{Script, header, run, sleeps};

use super::*;

impl SqliteJournal {
    /// Has the writer's connection execute something, between two groups.
    async fn execute(&self, sql: &str) {
        let sql = sql.to_owned();
        self.order(|answer| Order::Execute(sql, answer)).await.unwrap();
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Returns the names of the files in a folder, without what the lock says.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_was_written_is_there_after_it_was_shut() {
    let folder = folder();
    let (mut script, value) = (Script::new(1), Json::of(&"x".repeat(9_000)).unwrap());
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let digest = journal.keep(b"component".to_vec()).await.unwrap();
    let pins = vec![digest];
    journal.append(script.begin(priory_core::journal::RunHeader { pins, ..header("writer") })).await.unwrap();
    journal.append(script.step(0, value.clone(), Json::null())).await.unwrap();
    script.epoch = journal.claim(script.run).await.unwrap().epoch;
    journal.append(script.park(vec![sleeps(1, 5)])).await.unwrap();
    let before = (journal.info(script.run).await.unwrap(), journal.read(script.run, 0, 9).await.unwrap());
    drop(journal);
    assert_eq!(names(folder.path()), ["journal.sqlite", "kept", "lock"], "the log is empty when the store is shut");

    let journal = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!((journal.info(script.run).await.unwrap(), journal.read(script.run, 0, 9).await.unwrap()), before);
    assert_eq!(journal.kept(digest).await.unwrap(), b"component");
    assert_eq!(journal.due(5, 9).await.unwrap().len(), 1);
    journal.append(script.step(1, value, Json::null())).await.unwrap();
    assert_eq!(journal.claim(script.run).await.unwrap().epoch, 2);
    assert!(matches!(journal.verify(script.run).await.unwrap(), Verdict::Intact { events: 6, .. }));
}

#[tokio::test]
async fn what_is_queued_is_written_before_it_is_shut() {
    let folder = folder();
    let mut scripts: Vec<Script> = (0..20).map(Script::new).collect();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut appends: Vec<_> = scripts.iter_mut().map(|script| journal.append(script.begin(header("writer")))).collect();
    for append in &mut appends {
        // Whether it is ready yet is the writer's business.
        let _ = append.as_mut().poll(&mut context);
    }
    let late = journal.append(Script::new(99).begin(header("writer")));
    let late_read = journal.info(run(1));
    drop(journal);
    assert_eq!(late.await, Err(JournalError::Shut));
    assert_eq!(late_read.await.map(|_| ()), Err(JournalError::Shut));
    let journal = SqliteJournal::open(folder.path()).unwrap();
    for script in &scripts {
        assert_eq!(journal.info(script.run).await.unwrap().events, 2);
    }
}

#[tokio::test]
async fn many_write_at_once_and_one_that_is_fenced_fails_alone() {
    let folder = folder();
    let journal = Arc::new(SqliteJournal::open(folder.path()).unwrap());
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                let mut script = Script::new(number);
                journal.append(script.begin(header("writer"))).await.unwrap();
                if number % 4 == 0 {
                    let error = journal.append(Script { next_seq: 9, ..script.clone() }.says("gap")).await;
                    assert_eq!(error, Err(JournalError::Fenced { run: script.run }));
                }
                for step in 0..5 {
                    journal.append(script.step(step, Json::null(), Json::null())).await.unwrap();
                }
                script
            })
        })
        .collect();
    for task in tasks {
        let script = task.await.unwrap();
        let intact = journal.verify(script.run).await.unwrap();
        assert!(matches!(intact, Verdict::Intact { events: 12, .. }), "{intact:?}");
    }
}

#[test]
fn one_process_has_a_folder() {
    let folder = folder();
    let first = SqliteJournal::open(folder.path()).unwrap();
    let by = format!(" (process {})", std::process::id());
    let error = SqliteJournal::open(folder.path()).unwrap_err();
    assert_eq!(error, JournalError::Busy { path: folder.path().into(), by });
    drop(first);
    SqliteJournal::open(folder.path()).unwrap();
}

#[tokio::test]
async fn others_may_read_what_one_writes() {
    let folder = folder();
    assert!(matches!(SqliteJournal::open_read_only(folder.path()), Err(JournalError::Io { .. })), "nothing is there");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let reader = SqliteJournal::open_read_only(folder.path()).unwrap();
    let mut script = Script::new(1);
    journal.append(script.begin(header("writer"))).await.unwrap();
    assert_eq!(reader.info(script.run).await.unwrap(), journal.info(script.run).await.unwrap());
    journal.append(script.says("more")).await.unwrap();
    assert_eq!(reader.read(script.run, 0, 9).await.unwrap().len(), 3);
    let is_read_only = |error: JournalError| matches!(error, JournalError::ReadOnly { .. });
    assert!(is_read_only(reader.append(script.clone().says("no")).await.unwrap_err()));
    assert!(is_read_only(reader.claim(script.run).await.unwrap_err()));
    assert!(is_read_only(reader.keep(Vec::new()).await.unwrap_err()));
    assert!(is_read_only(reader.prune(Retention::default(), 0).await.unwrap_err()));
    drop(journal);
    assert_eq!(reader.read(script.run, 0, 9).await.unwrap().len(), 3, "the writer has gone");
    drop(reader);
    let reader = SqliteJournal::open_read_only(folder.path()).unwrap();
    assert_eq!(reader.info(script.run).await.unwrap().events, 3);
}

#[test]
fn another_format_is_not_touched() {
    let folder = folder();
    drop(SqliteJournal::open(folder.path()).unwrap());
    let set = |sql: &str| Connection::open(folder.path().join(schema::FILE)).unwrap().execute_batch(sql).unwrap();
    set("PRAGMA user_version = 7");
    let newer = JournalError::Format { path: folder.path().into(), found: 7, newest: 4 };
    assert_eq!(SqliteJournal::open(folder.path()).unwrap_err(), newer);
    assert_eq!(SqliteJournal::open_read_only(folder.path()).unwrap_err(), newer);
    set("PRAGMA user_version = 1; PRAGMA application_id = 5");
    let error = SqliteJournal::open(folder.path()).unwrap_err();
    assert!(matches!(&error, JournalError::Corrupt { what } if what.contains("another program")), "{error}");
    fs::write(folder.path().join(schema::FILE), "not a database, and longer than the head of one ".repeat(99)).unwrap();
    assert!(matches!(SqliteJournal::open(folder.path()), Err(JournalError::Corrupt { .. })));
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let mut script = Script::new(1);
    journal.append(script.begin(header("writer"))).await.unwrap();
    journal.execute("PRAGMA max_page_count = 60").await;
    let full = JournalError::Full { path: folder.path().into() };
    let mut refused = None;
    for step in 0..100u32 {
        let text: String =
            (0..200u32).map(|part| blake3::hash(&(step * 200 + part).to_le_bytes()).to_hex().to_string()).collect();
        let batch = script.clone().step(step, Json::null(), Json::of(&text).unwrap());
        match journal.append(batch.clone()).await {
            Ok(()) => drop(script.step(step, Json::null(), Json::null())),
            Err(error) => {
                assert_eq!(error, full);
                refused = Some(batch);
                break;
            }
        }
    }
    let refused = refused.expect("the disk was never full");
    assert!(script.next_seq > 4, "it was full too early for this to show anything");
    let events = journal.info(script.run).await.unwrap().events;
    assert_eq!(events, script.next_seq, "nothing is there of what was refused");
    assert!(matches!(journal.verify(script.run).await.unwrap(), Verdict::Intact { .. }));
    assert_eq!(journal.append(refused.clone()).await, Err(full));
    journal.execute("PRAGMA max_page_count = 100000").await;
    journal.append(refused).await.unwrap();
    assert!(
        matches!(journal.verify(script.run).await.unwrap(), Verdict::Intact { events, .. } if events == script.next_seq + 2)
    );
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_says_so() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let mut script = Script::new(1);
    journal.append(script.begin(header("writer"))).await.unwrap();
    journal.execute("PRAGMA query_only = ON").await;
    let next = script.says("more");
    assert!(matches!(journal.append(next.clone()).await, Err(JournalError::ReadOnly { .. })));
    assert!(matches!(journal.claim(script.run).await, Err(JournalError::ReadOnly { .. })));
    assert_eq!(journal.info(script.run).await.unwrap().events, 2);
    journal.execute("PRAGMA query_only = OFF").await;
    journal.append(next).await.unwrap();
    assert_eq!(journal.claim(script.run).await.unwrap().epoch, 1, "the claim that failed has changed nothing");
}

#[tokio::test]
async fn what_was_pruned_gives_its_room_back() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let count = async |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        journal
            .with_reader(move |reader| Ok(reader.database.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()))
            .await
            .unwrap()
    };
    for number in 0..3u64 {
        let mut script = Script::new(number);
        journal.append(script.begin(header("writer"))).await.unwrap();
        for step in 0..150u32 {
            let text: String =
                (0..150u32).map(|part| blake3::hash(&(step * 150 + part).to_le_bytes()).to_hex().to_string()).collect();
            journal.append(script.step(step, Json::null(), Json::of(&text).unwrap())).await.unwrap();
        }
        let last = if number == 2 { script.park(Vec::new()) } else { script.end() };
        journal.append(last).await.unwrap();
    }
    let (chunks, of_runs) = (count("chunks").await, count("run_chunks").await);
    assert!(chunks > 300 && of_runs == 3 * chunks, "runs share their chunks: {chunks}, {of_runs}");
    let none = Retention { count: Some(0), ..Retention::default() };
    journal.prune(none, 0).await.unwrap();
    assert_eq!((count("chunks").await, count("run_chunks").await, count("runs").await), (chunks, chunks, 1));
    let last = Batch { state: Some(RunState::Done), ..Script { next_seq: 302, ..Script::new(2) }.says("end") };
    journal.append(last).await.unwrap();
    let size = || fs::metadata(folder.path().join(schema::FILE)).unwrap().len();
    let before = size();
    journal.prune(none, 0).await.unwrap();
    for table in ["runs", "segments", "chunks", "run_chunks", "waits", "labels", "pin_sets"] {
        assert_eq!(count(table).await, 0, "{table}");
    }
    let after = size();
    assert!(after < before / 2 && after <= 2 << 20, "{before} bytes before, {after} after");
    assert_eq!(fs::metadata(folder.path().join("journal.sqlite-wal")).unwrap().len(), 0);
}

#[tokio::test]
async fn a_removal_that_was_cut_short_goes_on_the_next_time() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let mut script = Script::new(1);
    journal.append(script.begin(header("writer"))).await.unwrap();
    journal.append(script.end()).await.unwrap();
    let marked = journal.order(|answer| Order::Prune(Step::Mark(vec![run(1)]), answer)).await.unwrap();
    assert_eq!(marked.pruned.runs, 1);
    drop(journal);
    let journal = SqliteJournal::open(folder.path()).unwrap();
    assert_eq!(journal.info(run(1)).await, Err(JournalError::NoRun(run(1))));
    assert_eq!(journal.list(RunQuery { most: 9, ..RunQuery::default() }).await.unwrap(), []);
    journal.prune(Retention::default(), 0).await.unwrap();
    let left = journal.with_reader(|reader| {
        Ok(reader.database.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).unwrap())
    });
    assert_eq!(left.await, Ok(0i64));
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_cannot_be_written_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let dir = folder.path().join("with space, % and ?");
    let mut script = Script::new(1);
    let journal = SqliteJournal::open(&dir).unwrap();
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    journal.append(script.begin(header("writer"))).await.unwrap();
    drop(journal);
    let allow = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
    fs::set_permissions(dir.join("lock"), fs::Permissions::from_mode(0o400)).unwrap();
    allow(0o500);
    // Some users may write everywhere: for them there is no such folder.
    if File::create(dir.join("probe")).is_err() {
        assert!(matches!(SqliteJournal::open(&dir), Err(JournalError::ReadOnly { .. })));
        let reader = SqliteJournal::open_read_only(&dir).unwrap();
        assert_eq!(reader.read(script.run, 0, 9).await.unwrap().len(), 2);
    }
    allow(0o700);
}

#[tokio::test]
async fn a_run_that_comes_back_is_not_taken_for_the_one_that_went() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let text: String = (0..200u32).map(|part| blake3::hash(&part.to_le_bytes()).to_hex().to_string()).collect();
    let value = Json::of(&text).unwrap();
    for _ in 0..2 {
        let mut script = Script::new(1);
        journal.append(script.begin(header("writer"))).await.unwrap();
        journal.append(script.end()).await.unwrap();
        // What comes behind the end is remembered like what comes before.
        journal.append(script.step(0, value.clone(), Json::null())).await.unwrap();
        journal.append(script.step(1, value.clone(), Json::null())).await.unwrap();
        assert_eq!(journal.read(script.run, 0, 99).await.unwrap().len(), 7);
        journal.prune(Retention { count: Some(0), ..Retention::default() }, 0).await.unwrap();
    }
}

#[test]
fn steps_between_numbers_read_back() {
    let numbers = [0, 1, 5, 4, 4, 1_000_000, 999_998, i64::from(u32::MAX), 1];
    let mut last = 0;
    for next in numbers {
        let step = rows::step_to_number(last, next);
        assert_eq!(rows::number_after(last, step), next, "from {last}");
        last = next;
    }
    assert_eq!([0, -1, 1, -2, 2].map(|step| rows::step_to_number(9, 9 + step)), [0, 1, 2, 3, 4]);
}
