// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs are found by what is known of them, and what waits is found by when it is due.

use priory_core::Journal;
use priory_core::event::Program;
use priory_core::journal::{Awaited, Batch, JournalError, RunHeader, RunQuery, RunState, Wait};

use super::Make;
use super::sample::{START_UNIX_MS, Script, asks, header, run, sleeps};

/// A header gives what a run begins with; states and waits follow the batches; what ended waits for nothing.
pub async fn states_and_waits_follow(make: Make<'_>) {
    let journal = make();
    let mut script = Script::new(1);
    let labels = [("team".to_owned(), "red".to_owned())].into();
    let started_unix_ms = START_UNIX_MS - 5;
    journal.append(script.begin(RunHeader { labels, started_unix_ms, ..header("writer") })).await.unwrap();
    let info = journal.info(script.run).await.unwrap();
    assert_eq!((info.id, info.state, info.events), (script.run, RunState::Open, 2));
    assert_eq!(info.program, Program::Agent("writer".into()));
    assert_eq!(info.labels["team"], "red");
    assert_eq!((info.started_unix_ms, info.updated_unix_ms), (started_unix_ms, START_UNIX_MS + 1));
    assert_eq!((info.due_unix_ms, info.questions), (None, 0));
    assert!(info.bytes > 0);

    let cancel = Wait { due_unix_ms: None, awaited: Awaited::Cancel, ..sleeps(7, 0) };
    let waits = vec![
        asks(script.run, 3, "may it go on?"),
        sleeps(4, 9_000),
        sleeps(5, 7_000),
        asks(script.run, 6, "?"),
        cancel,
    ];
    journal.append(script.park(waits.clone())).await.unwrap();
    assert_eq!(journal.waits(script.run).await.unwrap(), waits);
    let parked = journal.info(script.run).await.unwrap();
    assert_eq!((parked.state, parked.due_unix_ms, parked.questions), (RunState::Parked, Some(7_000), 2));
    assert_eq!(parked.events, 2);

    journal.append(script.says("unchanged")).await.unwrap();
    assert_eq!(journal.waits(script.run).await.unwrap(), waits);
    let opened = Batch { state: Some(RunState::Open), waits: Some(vec![sleeps(4, 9_000)]), ..script.says("on") };
    journal.append(opened).await.unwrap();
    let open = journal.info(script.run).await.unwrap();
    assert_eq!((open.state, open.due_unix_ms, open.questions, open.events), (RunState::Open, None, 0, 4));
    assert!(open.bytes > info.bytes);
    assert_eq!(open.updated_unix_ms, START_UNIX_MS + 3);

    journal.append(script.end()).await.unwrap();
    assert_eq!(journal.waits(script.run).await.unwrap(), []);
    assert_eq!(journal.due(u64::MAX, 10).await.unwrap(), []);
    assert_eq!(journal.info(script.run).await.unwrap().state, RunState::Done);
    assert_eq!(journal.info(run(2)).await, Err(JournalError::NoRun(run(2))));
    assert_eq!(journal.waits(run(2)).await, Err(JournalError::NoRun(run(2))));
}

async fn found(journal: &dyn Journal, query: RunQuery) -> Vec<u64> {
    let numbers = |id| (0..100).find(|number| run(*number) == id).unwrap();
    let runs = journal.list(query).await.unwrap();
    runs.into_iter().map(|info| numbers(info.id)).collect()
}

fn any() -> RunQuery {
    RunQuery { most: 100, ..RunQuery::default() }
}

/// The newest run comes first, however they came, and pages follow each other.
pub async fn runs_are_listed(make: Make<'_>) {
    let journal = make();
    assert_eq!(journal.list(any()).await.unwrap(), []);
    for number in [3, 1, 5, 2, 4] {
        journal.append(Script::new(number).begin(header("writer"))).await.unwrap();
    }
    assert_eq!(found(&*journal, any()).await, [5, 4, 3, 2, 1]);
    assert_eq!(found(&*journal, RunQuery { most: 2, ..any() }).await, [5, 4]);
    assert_eq!(found(&*journal, RunQuery { most: 2, before: Some(run(4)), ..any() }).await, [3, 2]);
    assert_eq!(found(&*journal, RunQuery { most: 2, before: Some(run(2)), ..any() }).await, [1]);
    assert_eq!(found(&*journal, RunQuery { most: 0, ..any() }).await, [0u64; 0]);
    let whole = journal.list(RunQuery { most: 1, ..any() }).await.unwrap();
    assert_eq!(whole[0], journal.info(run(5)).await.unwrap());
}

/// Runs are found by state, program, time and labels, and by all of them together.
pub async fn runs_are_found(make: Make<'_>) {
    let journal = make();
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    for number in 0..8u64 {
        let program = match number % 3 {
            0 => Program::Agent("writer".into()),
            1 => Program::Tool("notes.append".into()),
            _ => Program::Native("writer".into()),
        };
        let even = if number % 2 == 0 { "yes" } else { "no" };
        let labels = [label("even", even), label("number", &number.to_string())].into();
        let started_unix_ms = START_UNIX_MS + number * 10;
        let mut script = Script::new(number);
        journal.append(script.begin(RunHeader { started_unix_ms, program, labels, pins: Vec::new() })).await.unwrap();
        match number {
            0 | 1 => journal.append(script.end()).await.unwrap(),
            2 => journal.append(script.park(Vec::new())).await.unwrap(),
            3 => {
                let ended = Batch { state: Some(RunState::Cancelled), ..script.end() };
                journal.append(ended).await.unwrap();
            }
            _ => {}
        }
    }
    let of = |states: &[RunState]| RunQuery { states: states.to_vec(), ..any() };
    assert_eq!(found(&*journal, of(&[RunState::Open])).await, [7, 6, 5, 4]);
    assert_eq!(found(&*journal, of(&[RunState::Parked, RunState::Done])).await, [2, 1, 0]);
    assert_eq!(found(&*journal, of(&[RunState::Failed])).await, [0u64; 0]);
    let named = |name: &str| RunQuery { program: Some(name.into()), ..any() };
    assert_eq!(found(&*journal, named("writer")).await, [6, 5, 3, 2, 0]);
    assert_eq!(found(&*journal, named("Writer")).await, [0u64; 0]);
    let since = RunQuery { since_unix_ms: Some(START_UNIX_MS + 20), until_unix_ms: Some(START_UNIX_MS + 50), ..any() };
    assert_eq!(found(&*journal, since.clone()).await, [4, 3, 2]);
    let labels = [label("even", "yes")].into();
    assert_eq!(found(&*journal, RunQuery { labels, ..any() }).await, [6, 4, 2, 0]);
    let both = [label("even", "yes"), label("number", "3")].into();
    assert_eq!(found(&*journal, RunQuery { labels: both, ..any() }).await, [0u64; 0]);
    let all = RunQuery {
        states: vec![RunState::Open, RunState::Parked],
        program: Some("notes.append".into()),
        labels: [label("even", "yes")].into(),
        before: Some(run(7)),
        ..since
    };
    assert_eq!(found(&*journal, all).await, [4]);
}

/// What is due comes the earliest first, of all runs, and what is not due does not.
pub async fn due_comes_in_order(make: Make<'_>) {
    let journal = make();
    assert_eq!(journal.next_due(0).await.unwrap(), None);
    let mut scripts: Vec<Script> = (0..3).map(Script::new).collect();
    for script in &mut scripts {
        journal.append(script.begin(header("writer"))).await.unwrap();
    }
    let expiring = |number: u64, step, due| {
        let mut wait = asks(run(number), step, "yes or no?");
        wait.due_unix_ms = Some(due);
        wait
    };
    let waits =
        [vec![sleeps(1, 300), asks(run(0), 2, "?")], vec![expiring(1, 1, 100), sleeps(2, 400)], vec![sleeps(1, 200)]];
    for (script, waits) in scripts.iter_mut().zip(waits) {
        journal.append(script.park(waits)).await.unwrap();
    }
    let due = async |unix_ms, most| {
        let due = journal.due(unix_ms, most).await.unwrap();
        due.into_iter().map(|due| (due.run, due.wait.due_unix_ms.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(due(99, 10).await, []);
    assert_eq!(due(200, 10).await, [(run(1), 100), (run(2), 200)]);
    assert_eq!(due(1_000, 3).await, [(run(1), 100), (run(2), 200), (run(0), 300)]);
    assert_eq!(journal.due(100, 1).await.unwrap()[0].wait, expiring(1, 1, 100));
    for (after, next) in [(0, Some(100)), (100, Some(200)), (399, Some(400)), (400, None)] {
        assert_eq!(journal.next_due(after).await.unwrap(), next, "after {after}");
    }
    let woken = Batch { state: Some(RunState::Open), waits: Some(Vec::new()), ..scripts[1].says("awake") };
    journal.append(woken).await.unwrap();
    assert_eq!(due(1_000, 10).await, [(run(2), 200), (run(0), 300)]);
    assert_eq!(journal.next_due(0).await.unwrap(), Some(200));
}
