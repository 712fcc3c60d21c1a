// SPDX-License-Identifier: MIT OR Apache-2.0
//! Somebody or something changes what was written.

use priory_core::journal::Verdict;

use super::*;

/// Writes a run with small and large events, and shuts its store.
async fn written(dir: &Path) -> Script {
    let journal = SqliteJournal::open(dir).unwrap();
    let mut script = Script::new(1);
    journal.append(script.begin(header("writer"))).await.unwrap();
    let text: String = (0..90u32).map(|part| blake3::hash(&part.to_le_bytes()).to_hex().to_string()).collect();
    for step in 0..6 {
        let value = if step == 4 { Json::of(&text).unwrap() } else { Json::of(&step).unwrap() };
        journal.append(script.step(step, value, Json::null())).await.unwrap();
    }
    journal.append(script.end()).await.unwrap();
    script
}

async fn verdict(dir: &Path, run: RunId) -> Result<Verdict, JournalError> {
    SqliteJournal::open(dir)?.verify(run).await
}

fn execute(dir: &Path, sql: &str) {
    let changed = Connection::open(dir.join(schema::FILE)).unwrap().execute(sql, []).unwrap();
    assert!(changed > 0, "{sql} changes nothing");
}

#[tokio::test]
async fn a_flipped_bit_is_found_and_its_event_is_named() {
    let folder = folder();
    let script = written(folder.path()).await;
    let path = folder.path().join(schema::FILE);
    let good = fs::read(&path).unwrap();
    let database = Connection::open(&path).unwrap();
    let mut select = database.prepare("SELECT seq, count, body FROM segments").unwrap();
    let row =
        |row: &rusqlite::Row<'_>| Ok((rows::uint(row.get(0)?), rows::uint(row.get(1)?), row.get::<_, Vec<u8>>(2)?));
    let bodies: Vec<_> = select.query_map([], row).unwrap().map(Result::unwrap).collect();
    drop(select);
    drop(database);
    let find = |body: &[u8]| good.windows(body.len()).position(|window| window == body).unwrap();
    let (mut found, mut same) = (0, 0);
    for (seq, count, body) in bodies {
        let start = find(&body);
        for place in (start..start + body.len()).step_by(5) {
            let mut changed = good.clone();
            changed[place] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            match verdict(folder.path(), script.run).await {
                Ok(Verdict::Altered { seq: altered, .. }) => {
                    assert!((seq..seq + count).contains(&altered), "byte {place}: event {altered}, not {seq}");
                    found += 1;
                }
                // A frame of zstd has some bits that mean nothing; then every event is as it was, by its hash.
                Ok(Verdict::Intact { .. }) => same += 1,
                other => panic!("byte {place} of {seq}: {other:?}"),
            }
        }
    }
    assert!(same * 20 <= found, "{same} of {found} were not found");
    assert!(found > 100, "only {found} bytes were tried");
    fs::write(&path, &good).unwrap();
    assert!(matches!(verdict(folder.path(), script.run).await.unwrap(), Verdict::Intact { .. }));
}

#[tokio::test]
async fn an_event_that_is_edited_or_gone_is_named() {
    for (sql, seq) in [
        ("DELETE FROM segments WHERE seq = 4", 4),
        ("DELETE FROM segments WHERE seq = 0", 0),
        ("DELETE FROM segments WHERE seq = 14", 14),
        ("UPDATE segments SET chain = zeroblob(32) WHERE seq = 6", 6),
        ("UPDATE segments SET body = (SELECT body FROM segments WHERE seq = 4) WHERE seq = 6", 6),
        ("UPDATE segments SET form = 2 WHERE seq = 8", 8),
        ("UPDATE chunks SET body = zeroblob(length(body)) WHERE id = 1", 10),
        ("DELETE FROM chunks WHERE id = 2", 10),
    ] {
        let folder = folder();
        let script = written(folder.path()).await;
        execute(folder.path(), sql);
        match verdict(folder.path(), script.run).await {
            Ok(Verdict::Altered { seq: altered, reason }) => assert_eq!(altered, seq, "{sql}: {reason}"),
            other => panic!("{sql}: {other:?}"),
        }
        let journal = SqliteJournal::open(folder.path()).unwrap();
        if seq != 14 && !sql.contains("chain") {
            let error = journal.read(script.run, 0, 99).await.unwrap_err();
            assert!(
                matches!(&error, JournalError::Corrupt { what } if what.contains(&format!("event {seq} of"))),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_damaged_page_is_an_error_and_no_more() {
    let folder = folder();
    let script = written(folder.path()).await;
    let path = folder.path().join(schema::FILE);
    let good = fs::read(&path).unwrap();
    // The first page says what the database is; each other one is damaged as a whole.
    for page in 1..good.len() / 4096 {
        let mut changed = good.clone();
        changed[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&path, &changed).unwrap();
        let _ = fs::remove_file(folder.path().join("journal.sqlite-wal"));
        match SqliteJournal::open(folder.path()) {
            Ok(journal) => {
                let verdict = journal.verify(script.run).await;
                let fits = matches!(verdict, Ok(_) | Err(JournalError::Corrupt { .. } | JournalError::NoRun(_)));
                assert!(fits, "page {page}: {verdict:?}");
            }
            Err(error) => assert!(matches!(error, JournalError::Corrupt { .. }), "page {page}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let folder = folder();
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let digest = journal.keep(b"component".repeat(100)).await.unwrap();
    let path = folder.path().join("kept").join(format!("{}.zst", digest.to_hex()));
    let good = fs::read(&path).unwrap();
    for place in 0..good.len() {
        let mut changed = good.clone();
        changed[place] ^= 0x04;
        fs::write(&path, &changed).unwrap();
        match journal.kept(digest).await {
            Err(JournalError::Corrupt { what }) => assert!(what.contains(&digest.to_hex()), "{what}"),
            // Some bits of the frame do not change what is in it.
            Ok(bytes) => assert_eq!(Digest::of(&bytes), digest),
            Err(other) => panic!("{other}"),
        }
    }
    fs::write(&path, &good[..good.len() - 3]).unwrap();
    assert!(matches!(journal.kept(digest).await, Err(JournalError::Corrupt { .. })));
}
