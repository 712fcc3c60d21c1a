// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that are damaged, full, locked, read-only or of somebody else, and stores that are shut.

use std::sync::Arc;
use std::task::{Context, Waker};

use priory_core::memory::FACTS_MAX;

use super::*;

#[tokio::test]
async fn what_was_remembered_is_there_after_it_was_shut() {
    let folder = folder();
    let memory = Facts::open(&file(&folder)).unwrap();
    let kept = KeptFact { meaning: meaning("m", &[1.0, 2.0]), ..fact(1, "tea") };
    memory.remember(kept.clone()).await.unwrap();
    drop(memory);
    assert!(!folder.path().join("memory.db-wal").exists(), "the log is gone when the store is shut");
    let memory = Facts::open(&file(&folder)).unwrap();
    assert_eq!(memory.recall(query()).await.unwrap(), [kept.fact]);
    assert_eq!(memory.recall(about("TEA")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_queued_is_done_before_it_is_shut() {
    let folder = folder();
    let memory = Facts::open(&file(&folder)).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut futures: Vec<_> = (0..20).map(|number| memory.remember(fact(number, "tea"))).collect();
        for future in &mut futures {
            // Whether it is ready yet is the writer's business.
            let _ = future.as_mut().poll(&mut context);
        }
    }
    let late = memory.writes();
    drop(memory);
    let (said, retriable) = said(order(late, |answer| Order::Expire(0, answer)).await);
    assert!(said.contains("going down") && retriable, "{said}");
    let memory = Facts::open(&file(&folder)).unwrap();
    assert_eq!(memory.recall(query()).await.unwrap().len(), 20);
}

#[tokio::test]
async fn many_remember_and_recall_at_once() {
    let folder = folder();
    let memory = Arc::new(Facts::open(&file(&folder)).unwrap());
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let memory = Arc::clone(&memory);
            tokio::spawn(async move {
                memory.remember(fact(number, &format!("tea{number}"))).await.unwrap();
                assert_eq!(memory.recall(about(&format!("tea{number}"))).await.unwrap().len(), 1);
                if number % 2 == 0 {
                    let id = fact(number, "").fact.id;
                    assert_eq!(memory.forget(ann(), Forget::Ids(vec![id])).await.unwrap(), 1);
                    assert_eq!(memory.recall(about(&format!("tea{number}"))).await.unwrap(), []);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(memory.recall(query()).await.unwrap().len(), 20);
    drop(memory);
    check_index(&file(&folder));
}

#[tokio::test]
async fn several_have_one_file() {
    let folder = folder();
    let (one, other) = (Facts::open(&file(&folder)).unwrap(), Facts::open(&file(&folder)).unwrap());
    for number in 0..10 {
        let (from, to) = if number % 2 == 0 { (&one, &other) } else { (&other, &one) };
        from.remember(fact(number, "tea")).await.unwrap();
        assert_eq!(to.recall(about("tea")).await.unwrap().len() as u32, number + 1);
    }
    assert_eq!(one.forget(ann(), Forget::All).await.unwrap(), 10);
    assert_eq!(other.recall(query()).await.unwrap(), []);
}

#[tokio::test]
async fn one_fact_more_than_a_scope_may_have_is_refused() {
    let memory = Facts::in_memory().unwrap();
    let mut soon = fact(1, "soon gone");
    soon.fact.expires_unix_ms = Some(NOW_UNIX_MS + 5_000);
    memory.remember(soon).await.unwrap();
    memory.execute(&format!("UPDATE scopes SET facts = {}", FACTS_MAX - 1)).await;
    memory.remember(fact(2, "the last")).await.unwrap();
    let full = MemoryError::Full { scope: "user/ann".into(), facts: FACTS_MAX };
    let (said, full) = (full.to_string(), Err(full));
    assert_eq!(memory.remember(fact(3, "one more")).await, full);
    memory.remember(fact(2, "in the place of the last")).await.unwrap();
    let elsewhere = KeptFact { scope: ScopeKey::new("user/bob"), ..fact(3, "elsewhere") };
    memory.remember(elsewhere).await.unwrap();
    memory.remember(fact(5, "later")).await.unwrap();
    let found = memory.recall(query()).await.unwrap();
    let texts: Vec<&str> = found.iter().map(|fact| fact.text.as_str()).collect();
    assert_eq!(texts, ["later", "in the place of the last"], "what has expired makes room");
    assert_eq!(memory.remember(fact(6, "one more")).await, full);
    assert_eq!(said, "the memory of user/ann has 100000 facts, and may have no more; forget some");
}

#[tokio::test]
async fn a_full_disk_loses_nothing() {
    let folder = folder();
    let memory = Facts::open(&file(&folder)).unwrap();
    memory.execute("PRAGMA max_page_count = 60").await;
    let long = |number: u32| fact(number, &format!("tea{number} {}", "x ".repeat(9_000)));
    let mut number = 0;
    let error = loop {
        match memory.remember(long(number)).await {
            Ok(()) => number += 1,
            error => break error,
        }
    };
    let (said, retriable) = said(error);
    assert!(said.contains("no room is left") && said.contains("free some") && retriable, "{said}");
    assert!((2..40).contains(&number), "{number}");
    assert_eq!(memory.recall(query()).await.unwrap().len() as u32, number);
    assert_eq!(memory.recall(about(&format!("tea{number}"))).await.unwrap(), [], "nothing of what was refused");
    memory.execute("PRAGMA max_page_count = 100000").await;
    memory.remember(long(number)).await.unwrap();
    assert_eq!(memory.recall(about(&format!("tea{number}"))).await.unwrap().len(), 1);
    drop(memory);
    check_index(&file(&folder));
}

#[tokio::test]
async fn what_cannot_be_swept_is_swept_the_next_time() {
    let folder = folder();
    let path = file(&folder);
    let memory = Facts::open(&path).unwrap();
    for number in 0..50 {
        memory.remember(fact(number, &format!("secretword{number} {}", "x ".repeat(2_000)))).await.unwrap();
    }
    memory.execute("PRAGMA wal_checkpoint(TRUNCATE); CREATE TEMP TRIGGER stop BEFORE DELETE ON unswept BEGIN SELECT raise(ABORT, 'stop'); END").await;
    let (text, retriable) = said(memory.forget(ann(), Forget::Ids(vec![fact(1, "").fact.id])).await);
    assert!(text.contains("pieces of it are left") && text.contains("forget it again") && retriable, "{text}");
    assert_eq!(memory.recall(about("secretword1")).await.unwrap(), [], "it is forgotten all the same");
    drop(memory);
    let unswept = || {
        let database = Connection::open(&path).unwrap();
        database.query_row("SELECT count(*) FROM unswept", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(unswept(), 1);
    let memory = Facts::open(&path).unwrap();
    assert_eq!(memory.forget(ScopeKey::new("user/bob"), Forget::All).await.unwrap(), 0);
    assert_eq!(unswept(), 0);
    assert_eq!(memory.recall(query()).await.unwrap().len(), 49);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_says_so() {
    let folder = folder();
    let memory = Facts::open(&file(&folder)).unwrap();
    memory.remember(fact(1, "tea")).await.unwrap();
    memory.execute("PRAGMA query_only = ON").await;
    for error in [
        memory.remember(fact(2, "milk")).await.map(|()| 0),
        memory.forget(ann(), Forget::All).await,
        memory.expire(u64::MAX).await,
    ] {
        let (said, retriable) = said(error);
        assert!(said.contains("cannot be written") && said.contains("allow this user") && !retriable, "{said}");
    }
    assert_eq!(memory.recall(query()).await.unwrap().len(), 1);
    memory.execute("PRAGMA query_only = OFF").await;
    memory.remember(fact(2, "milk")).await.unwrap();
}

#[tokio::test]
async fn a_file_that_another_process_writes_is_busy() {
    let folder = folder();
    let memory = Facts::open(&file(&folder)).unwrap();
    memory.execute("PRAGMA busy_timeout = 10").await;
    let other = Connection::open(file(&folder)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (said, retriable) = said(memory.remember(fact(1, "tea")).await);
    assert!(said.contains("in use by another process") && said.contains("try again") && retriable, "{said}");
    assert_eq!(memory.recall(query()).await.unwrap(), [], "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    memory.remember(fact(1, "tea")).await.unwrap();
}

#[tokio::test]
async fn another_file_is_not_touched() {
    let folder = folder();
    let path = file(&folder);
    let (text, retriable) = said(Facts::open(&folder.path().join("missing/memory.db")));
    assert!(text.contains("cannot be opened") && text.contains("folder") && !retriable, "{text}");
    drop(Facts::open(&path).unwrap());
    let set = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    set("PRAGMA user_version = 7");
    assert!(said(Facts::open(&path)).0.contains("format 7, and this version reads up to 1"));
    set("PRAGMA user_version = 1; PRAGMA application_id = 5");
    assert!(said(Facts::open(&path)).0.contains("belongs to another program"));
    let other = "not a database, and longer than the head of one ".repeat(99);
    fs::write(&path, &other).unwrap();
    let (text, retriable) = said(Facts::open(&path));
    assert!(text.contains("is damaged") && text.contains("put a copy of it back") && !retriable, "{text}");
    assert_eq!(fs::read(&path).unwrap(), other.as_bytes());
}

#[tokio::test]
async fn a_damaged_page_is_an_error_and_no_more() {
    let folder = folder();
    let path = file(&folder);
    let memory = Facts::open(&path).unwrap();
    for number in 0..60 {
        memory.remember(KeptFact { meaning: meaning("m", &[1.0; 500]), ..fact(number, "tea and milk") }).await.unwrap();
    }
    drop(memory);
    let good = fs::read(&path).unwrap();
    let (mut errors, pages) = (0, good.len() / 8_192);
    assert!(pages > 10, "{pages} pages");
    // The first page says what the database is; each other one is damaged as a whole.
    for page in 1..pages {
        let mut changed = good.clone();
        changed[page * 8_192..(page + 1) * 8_192].fill(0xa5);
        fs::write(&path, &changed).unwrap();
        let Ok(memory) = Facts::open(&path) else { continue };
        let like = priory_core::memory::FactQuery { meaning: meaning("m", &[1.0; 500]), ..about("tea") };
        for result in [
            memory.recall(query()).await.map(|_| ()),
            memory.recall(like).await.map(|_| ()),
            memory.remember(fact(99, "tea")).await,
            memory.forget(ann(), Forget::All).await.map(|_| ()),
        ] {
            if let Err(error) = result {
                errors += 1;
                let (said, _) = said::<()>(Err(error));
                assert!(said.contains("is damaged") || said.contains("failed"), "page {page}: {said}");
            }
        }
    }
    assert!(errors > 10, "{errors} errors");
    // A row that does not fit its form is named.
    fs::write(&path, &good).unwrap();
    for (column, value) in [("origin", "'nobody'"), ("data", "'{'"), ("id", "'fact_x'")] {
        fs::write(&path, &good).unwrap();
        let sql = format!("UPDATE facts SET {column} = {value} WHERE key = 7");
        Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
        let memory = Facts::open(&path).unwrap();
        let (said, retriable) = said(memory.recall(query()).await);
        assert!(said.contains("does not fit its form") && !retriable, "{said}");
    }
}
