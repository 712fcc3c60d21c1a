// SPDX-License-Identifier: MIT OR Apache-2.0
//! The power goes at any instant: the write-ahead log ends anywhere. Every byte of every frame's head and about every
//! border is tried, and one in 97 of the bytes between, since opening a database takes milliseconds.

use std::collections::BTreeMap;

use priory_core::RunId;

use super::*;

/// How many batches are written.
const BATCHES: u32 = 12;

/// What a database says of its runs: how many events, each of which is whole, and where it stands.
fn look(dir: &Path) -> BTreeMap<RunId, (u64, RunState, usize)> {
    let reader =
        Reader { dir: dir.into(), database: schema::open_writer(dir).unwrap(), format: schema::MIGRATIONS.len() };
    let runs = reader.list(&RunQuery { most: 99, ..RunQuery::default() }).unwrap();
    let of = |info: RunInfo| {
        let events = reader.events(info.id, 0, 999).unwrap();
        assert_eq!(events.len() as u64, info.events);
        let verdict = reader.verify(info.id).unwrap();
        assert!(matches!(verdict, Verdict::Intact { .. }), "{verdict:?}");
        (info.id, (info.events, info.state, reader.waits(info.id).unwrap().len()))
    };
    runs.into_iter().map(of).collect()
}

#[tokio::test]
async fn the_log_may_end_anywhere() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    journal.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let database = fs::read(folder.path().join(schema::FILE)).unwrap();
    let log = folder.path().join("journal.sqlite-wal");
    let mut scripts = [Script::new(1), Script::new(2)];
    // How long the log was when each batch was acknowledged, and what there was then.
    let mut acknowledged = vec![(0, BTreeMap::new())];
    let mut stand = BTreeMap::new();
    for number in 0..BATCHES {
        let script = &mut scripts[number as usize % 2];
        let text: String =
            (0..90u32).map(|part| blake3::hash(&(number / 6 * 90 + part).to_le_bytes()).to_hex().to_string()).collect();
        let (batch, state, waits) = match number {
            0 | 1 => (script.begin(header("writer")), RunState::Open, 0),
            4 => (script.park(vec![sleeps(1, 5)]), RunState::Parked, 1),
            5 => (script.step(number, Json::of(&text).unwrap(), Json::of(&text).unwrap()), RunState::Open, 0),
            10 | 11 => (script.end(), RunState::Done, 0),
            6 | 8 => (script.says("parked"), RunState::Parked, 1),
            _ => (script.step(number, Json::null(), Json::null()), RunState::Open, 0),
        };
        journal.append(batch).await.unwrap();
        stand.insert(script.run, (script.next_seq, state, waits));
        acknowledged.push((fs::metadata(&log).unwrap().len() as usize, stand.clone()));
    }
    let bytes = fs::read(&log).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let mut cuts = 0;
    let stride = std::env::var("PRIORY_CUT_STRIDE").map_or(97, |stride| stride.parse().unwrap());
    for length in 0..=bytes.len() {
        // Most bytes are in the middle of a page, and one of these is like the next; `PRIORY_CUT_STRIDE=1` cuts at all.
        let place = length.saturating_sub(32) % (4096 + 24);
        let is_border = acknowledged.iter().any(|(end, _)| end.abs_diff(length) < 3);
        if !(is_border || length < 40 || place < 26 || place % stride == 0) {
            continue;
        }
        cuts += 1;
        for name in names(copy.path()) {
            fs::remove_file(copy.path().join(name)).unwrap();
        }
        fs::write(copy.path().join(schema::FILE), &database).unwrap();
        fs::write(copy.path().join("journal.sqlite-wal"), &bytes[..length]).unwrap();
        let found = look(copy.path());
        let (_, expected) = acknowledged.iter().rfind(|(end, _)| *end <= length).unwrap();
        assert_eq!(&found, expected, "the log ends at {length} of {}", bytes.len());
    }
    assert!(cuts > 1_000, "only {cuts} cuts");
}
