// SPDX-License-Identifier: MIT OR Apache-2.0
//! The power goes at any instant: the write-ahead log ends anywhere.

use super::*;

#[tokio::test]
async fn the_log_may_end_anywhere() {
    let folder = folder();
    let path = file(&folder);
    let memory = Facts::open(&path).unwrap();
    memory.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let database = fs::read(&path).unwrap();
    let log = folder.path().join("memory.db-wal");
    // How long the log was when each fact was acknowledged.
    let mut acknowledged = vec![0];
    for number in 0..6 {
        memory.remember(KeptFact { meaning: meaning("m", &[1.0; 300]), ..fact(number, "tea") }).await.unwrap();
        acknowledged.push(fs::metadata(&log).unwrap().len() as usize);
    }
    let bytes = fs::read(&log).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for length in (0..=bytes.len()).filter(|length| {
        let place = length.saturating_sub(32) % (8_192 + 24);
        acknowledged.iter().any(|end| end.abs_diff(*length) < 3) || place < 2 || place % 2_039 == 0
    }) {
        for name in ["memory.db-shm", "memory.db-wal"] {
            let _ = fs::remove_file(copy.path().join(name));
        }
        fs::write(copy.path().join("memory.db"), &database).unwrap();
        fs::write(copy.path().join("memory.db-wal"), &bytes[..length]).unwrap();
        let expected = acknowledged.iter().rposition(|end| *end <= length).unwrap();
        let memory = Facts::open(&copy.path().join("memory.db")).unwrap();
        for query in [query(), about("tea")] {
            assert_eq!(memory.recall(query).await.unwrap().len(), expected, "the log ends at {length}");
        }
        drop(memory);
        check_index(&copy.path().join("memory.db"));
    }
}
