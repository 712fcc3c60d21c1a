// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events go in whole and in order, from one hand, and come back as they were.

use priory_core::journal::{Batch, JournalError, RunState, Verdict};
use priory_core::{Envelope, Journal, Json};

use super::Make;
use super::sample::{Script, header, log, run};

/// How many events a page has where all of them are read.
const PAGE: usize = 7;

async fn read_all(journal: &dyn Journal, script: &Script) -> Vec<Envelope> {
    let mut events = Vec::new();
    loop {
        let page = journal.read(script.run, events.len() as u64, PAGE).await.unwrap();
        assert!(page.len() <= PAGE, "a page has {} events", page.len());
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// What was appended is read in its order, from any position on, and never more than was asked for.
pub async fn events_read_back_in_order(make: Make<'_>) {
    let journal = make();
    let mut script = Script::new(1);
    let mut written = Vec::new();
    let mut batches = vec![script.begin(header("writer"))];
    for count in 0..5 {
        batches.push(script.batch((0..=count).map(|number| log(&format!("line {number}"))).collect()));
    }
    for batch in batches {
        written.extend(batch.events.clone());
        journal.append(batch).await.unwrap();
    }
    assert_eq!(read_all(&*journal, &script).await, written);
    for (from, most) in [(0, 1), (1, 3), (3, 4), (4, 100), (16, 5)] {
        let expected: Vec<Envelope> = written.iter().skip(from).take(most).cloned().collect();
        assert_eq!(journal.read(script.run, from as u64, most).await.unwrap(), expected, "{most} from {from}");
    }
    for from in [17, 18, u64::MAX] {
        assert_eq!(journal.read(script.run, from, 5).await.unwrap(), [], "behind the end, from {from}");
    }
    assert_eq!(journal.read(run(2), 0, 5).await, Err(JournalError::NoRun(run(2))));
}

/// Values of any size come back as they were, also when one is much like another.
pub async fn large_values_read_back(make: Make<'_>) {
    let journal = make();
    let (mut one, mut two) = (Script::new(1), Script::new(2));
    journal.append(one.begin(header("writer"))).await.unwrap();
    journal.append(two.begin(header("writer"))).await.unwrap();
    let mut items = Vec::new();
    let mut expected = journal.read(one.run, 0, 2).await.unwrap();
    for step in 0..60u32 {
        // The same texts in every run of the test, and no two of them alike.
        let hash = blake3::hash(&step.to_le_bytes()).to_hex();
        items.push(format!("{hash}, \"{step}\"\n").repeat(20));
        let state = Json::of(&items).unwrap();
        let batch = one.step(step, state.clone(), state.clone());
        expected.extend(batch.events.clone());
        journal.append(batch).await.unwrap();
        if step % 20 == 7 {
            journal.append(two.step(step, Json::null(), state)).await.unwrap();
        }
    }
    let many = one.batch((0..2_000).map(|number| log(&format!("line {number} of many"))).collect());
    expected.extend(many.events.clone());
    journal.append(many).await.unwrap();
    assert_eq!(journal.read(one.run, 0, 10_000).await.unwrap(), expected);
    assert_eq!(journal.read(one.run, 100, 10).await.unwrap(), expected[100..110]);
    assert_eq!(journal.read(two.run, 0, 100).await.unwrap().len(), 2 + 3 * 2);
    assert!(matches!(journal.verify(two.run).await.unwrap(), Verdict::Intact { events: 8, .. }));
}

/// A batch that contradicts itself changes nothing.
pub async fn batches_are_whole(make: Make<'_>) {
    let journal = make();
    let mut script = Script::new(1);
    let begin = script.begin(header("writer"));
    journal.append(begin.clone()).await.unwrap();
    let good = script.clone().batch(vec![log("a"), log("b"), log("c")]);
    let mut gap = good.clone();
    gap.events.remove(1);
    let mut stranger = good.clone();
    stranger.events[2].run = run(9);
    let late_header = Batch { header: begin.header.clone(), ..good.clone() };
    let no_events = Batch { events: Vec::new(), run: run(2), ..begin.clone() };
    for (what, batch) in [("gap", gap), ("run", stranger), ("header", late_header), ("nothing", no_events)] {
        let batch = Batch { state: Some(RunState::Failed), ..batch };
        assert!(matches!(journal.append(batch).await, Err(JournalError::Invalid { .. })), "{what}");
    }
    let info = journal.info(script.run).await.unwrap();
    assert_eq!((info.events, info.state), (2, RunState::Open));
    journal.append(good).await.unwrap();
    assert_eq!(journal.info(script.run).await.unwrap().events, 5);
}

/// Only the next position is taken, only in the epoch of the run, and a run begins once.
pub async fn appends_are_fenced(make: Make<'_>) {
    let journal = make();
    let mut script = Script::new(1);
    let fenced = Err(JournalError::Fenced { run: script.run });
    let begin = script.begin(header("writer"));
    assert_eq!(journal.append(script.clone().says("early")).await, Err(JournalError::NoRun(script.run)));
    journal.append(begin.clone()).await.unwrap();
    assert_eq!(journal.append(begin.clone()).await, Err(JournalError::Exists(script.run)));
    assert_eq!(journal.append(Batch { header: None, ..begin }).await, fenced, "a position that is taken");
    let mut ahead = Script { next_seq: 3, ..script.clone() };
    assert_eq!(journal.append(ahead.says("a gap")).await, fenced);
    let mut other = Script { epoch: 1, ..script.clone() };
    assert_eq!(journal.append(other.says("nobody claimed it")).await, fenced);
    let same = script.clone().says("one");
    journal.append(script.says("two")).await.unwrap();
    assert_eq!(journal.append(same).await, fenced, "the second of two who write the same position");
    let events = journal.read(script.run, 0, 10).await.unwrap();
    assert_eq!((events.len(), &events[2].event), (3, &log("two")));
}

/// Whoever claims a run has it alone, whatever its state, and learns where it stands.
pub async fn claims_take_over(make: Make<'_>) {
    let journal = make();
    let mut script = Script::new(1);
    assert_eq!(journal.claim(script.run).await, Err(JournalError::NoRun(script.run)));
    journal.append(script.begin(header("writer"))).await.unwrap();
    let first = journal.claim(script.run).await.unwrap();
    assert_eq!((first.run, first.epoch, first.next_seq, first.state), (script.run, 1, 2, RunState::Open));
    let fenced = Err(JournalError::Fenced { run: script.run });
    assert_eq!(journal.append(script.clone().says("the one before")).await, fenced);
    script.epoch = 1;
    journal.append(script.says("the one who has it")).await.unwrap();
    journal.append(script.park(Vec::new())).await.unwrap();
    let second = journal.claim(script.run).await.unwrap();
    assert_eq!((second.epoch, second.next_seq, second.state), (2, 3, RunState::Parked));
    assert_eq!(journal.append(script.clone().says("the one before")).await, fenced);
    assert_eq!(journal.append(script.clone().park(Vec::new())).await, fenced, "a batch without events, too");
    script.epoch = 2;
    journal.append(script.end()).await.unwrap();
    assert_eq!(journal.claim(script.run).await.unwrap().state, RunState::Done);
}

/// What was written verifies, and its hash depends on every event.
pub async fn verify_finds_nothing(make: Make<'_>) {
    let journal = make();
    let (mut one, mut two) = (Script::new(1), Script::new(1));
    two.run = run(2);
    let mut chains = Vec::new();
    for script in [&mut one, &mut two] {
        journal.append(script.begin(header("writer"))).await.unwrap();
        for message in ["a", "b"] {
            journal.append(script.says(message)).await.unwrap();
            match journal.verify(script.run).await.unwrap() {
                Verdict::Intact { events, chain } => {
                    assert_eq!(events, script.next_seq);
                    chains.push(chain);
                }
                altered @ Verdict::Altered { .. } => panic!("{altered:?}"),
            }
        }
    }
    chains.sort();
    chains.dedup();
    assert_eq!(chains.len(), 4, "other events, or another run, have another hash");
    assert_eq!(journal.verify(run(3)).await, Err(JournalError::NoRun(run(3))));
}
