// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run costs on the disk: linear in what happened, never its square.

use priory_core::Event;
use priory_core::effect::Effect;
use priory_testkit::journal::sample::{START_UNIX_MS, asks, question};

use super::*;

/// Returns a text of letters and digits that nothing compresses below three quarters.
fn noise(length: usize, seed: u32) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes.iter().map(|byte| LETTERS[usize::from(byte & 63)] as char).collect()
}

/// Returns the bytes that a store has on the disk, beyond those that it has when it is empty.
fn disk(dir: &Path) -> u64 {
    let empty = folder();
    drop(SqliteJournal::open(empty.path()).unwrap());
    let bytes = |dir: &Path| fs::metadata(dir.join(schema::FILE)).unwrap().len();
    bytes(dir) - bytes(empty.path())
}

/// Returns the bytes on the disk of a run whose state grows by one part a step, and the bytes of the parts.
async fn grown(steps: u32, part_bytes: usize) -> (u64, u64) {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let mut script = Script::new(1);
    journal.append(script.begin(header("writer"))).await.unwrap();
    let (mut state, mut parts) = (String::from("["), 0);
    for step in 0..steps {
        let part = noise(part_bytes, step);
        parts += part.len() as u64;
        state.push_str(&format!("{}\"{part}\"", if step == 0 { "" } else { "," }));
        let value = Json::from_encoder(format!("{state}]"));
        journal.append(script.step(step, value, Json::null())).await.unwrap();
    }
    let verdict = journal.verify(script.run).await.unwrap();
    assert!(matches!(verdict, Verdict::Intact { .. }), "{verdict:?}");
    drop(journal);
    (disk(folder.path()), parts)
}

#[tokio::test]
async fn a_state_that_grows_costs_what_it_grows_by() {
    let (half, _) = grown(500, 100).await;
    let (whole, parts) = grown(1_000, 100).await;
    // All states written out would be 50 MB; each step has an event and a hash of its own, too.
    assert!(whole <= parts * 7, "{whole} bytes for parts of {parts}");
    assert!(whole * 100 <= half * 2 * 105, "{half} bytes for half of the steps, {whole} for all");
    let (large, parts) = grown(200, 2_000).await;
    assert!(large * 10 <= parts * 13, "{large} bytes for parts of {parts}");
}

#[tokio::test]
async fn a_value_that_comes_again_costs_nothing() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let value = Json::of(&noise(200_000, 1)).unwrap();
    for number in 0..5 {
        let mut script = Script::new(number);
        journal.append(script.begin(header("writer"))).await.unwrap();
        for step in 0..5 {
            journal.append(script.step(step, value.clone(), value.clone())).await.unwrap();
        }
    }
    drop(journal);
    let bytes = disk(folder.path());
    assert!(bytes < 220_000, "{bytes} bytes");
}

#[tokio::test]
async fn a_run_that_waits_is_small() {
    const RUNS: u64 = 500;
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    for number in 0..RUNS {
        let mut script = Script::new(number);
        let mut begin = script.begin(header("approver"));
        let question = question(&format!("May order {number} be sent to customer {}?", number * 7_919 % 10_007));
        let effect = Arc::new(Effect::AskHuman(question.clone()));
        let look_up = Effect::tool("orders.look-up", Json::of(&number).unwrap());
        let intents = vec![Event::Intent { step: 0, effect: Arc::new(look_up) }, Event::Intent { step: 1, effect }];
        begin.events.extend(script.batch(intents).events);
        let mut wait = asks(script.run, 1, &question.text);
        wait.due_unix_ms = Some(START_UNIX_MS + number);
        let parked = Batch { state: Some(RunState::Parked), waits: Some(vec![wait]), ..begin };
        journal.append(parked).await.unwrap();
    }
    drop(journal);
    let bytes = disk(folder.path()) / RUNS;
    assert!(bytes <= 2 << 10, "{bytes} bytes a run");
}
