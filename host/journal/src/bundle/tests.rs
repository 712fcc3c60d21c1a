// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run is the same on the other machine, and a file that was touched is refused.

use priory_core::Json;
use priory_core::journal::RunQuery;
use priory_testkit::journal::sample::{Script, header, sleeps};

use super::*;
use crate::MemoryJournal;

/// Writes a run that pins something, and returns its journal.
async fn written(script: &mut Script, ends: bool) -> MemoryJournal {
    let journal = MemoryJournal::new();
    let pins = vec![journal.keep(b"component".repeat(50)).await.unwrap(), journal.keep(Vec::new()).await.unwrap()];
    let labels = [("team".to_owned(), "red".to_owned())].into();
    journal.append(script.begin(RunHeader { pins, labels, ..header("writer") })).await.unwrap();
    for step in 0..4 {
        let value = Json::parse("{\"big\": 18446744073709551615, \"exact\": 1.50}").unwrap();
        journal.append(script.step(step, value.clone(), value)).await.unwrap();
    }
    let last = if ends { script.end() } else { script.park(vec![sleeps(5, 9_000)]) };
    journal.append(last).await.unwrap();
    journal
}

async fn file(script: &mut Script) -> (Bundle, Vec<u8>) {
    let journal = written(script, true).await;
    let bundle = export(&journal, script.run).await.unwrap();
    let mut file = Vec::new();
    bundle.write(&mut file).unwrap();
    (bundle, file)
}

#[tokio::test]
async fn a_run_arrives_as_it_was() {
    let mut script = Script::new(1);
    let here = written(&mut script, true).await;
    let bundle = export(&here, script.run).await.unwrap();
    let mut file = Vec::new();
    bundle.write(&mut file).unwrap();
    let read = Bundle::read(&mut file.as_slice()).unwrap();
    assert_eq!(read, bundle);

    let there = MemoryJournal::new();
    assert_eq!(import(&there, read.clone()).await.unwrap(), script.run);
    assert_eq!(there.info(script.run).await.unwrap(), here.info(script.run).await.unwrap());
    assert_eq!(there.verify(script.run).await.unwrap(), here.verify(script.run).await.unwrap());
    assert_eq!(there.read(script.run, 0, 100).await.unwrap(), here.read(script.run, 0, 100).await.unwrap());
    for digest in here.pins(script.run).await.unwrap() {
        assert_eq!(there.kept(digest).await.unwrap(), here.kept(digest).await.unwrap());
    }
    assert!(matches!(import(&there, read).await, Err(BundleError::Journal(JournalError::Exists(_)))));
}

#[tokio::test]
async fn a_run_of_many_pages_arrives_whole() {
    let mut script = Script::new(1);
    let here = MemoryJournal::new();
    here.append(script.begin(header("writer"))).await.unwrap();
    for number in 0..(2 * PAGE) {
        here.append(script.says(&format!("line {number}"))).await.unwrap();
    }
    let bundle = export(&here, script.run).await.unwrap();
    let there = MemoryJournal::new();
    import(&there, bundle).await.unwrap();
    assert_eq!(there.verify(script.run).await.unwrap(), here.verify(script.run).await.unwrap());
}

#[tokio::test]
async fn a_run_that_goes_on_arrives_parked() {
    let mut script = Script::new(1);
    let here = written(&mut script, false).await;
    let there = MemoryJournal::new();
    import(&there, export(&here, script.run).await.unwrap()).await.unwrap();
    assert_eq!(there.info(script.run).await.unwrap().state, RunState::Parked);
    assert_eq!(there.due(u64::MAX, 10).await.unwrap(), [], "nothing wakes it by itself");
}

#[tokio::test]
async fn a_file_that_is_cut_short_is_refused() {
    let (_, file) = file(&mut Script::new(1)).await;
    for length in 0..file.len() {
        let error = Bundle::read(&mut &file[..length]).unwrap_err();
        let expected = match length {
            0..9 => matches!(error, BundleError::Foreign),
            _ => matches!(error, BundleError::Altered { .. }),
        };
        assert!(expected, "{length} of {} bytes: {error}", file.len());
    }
    let longer = [file.as_slice(), b"x"].concat();
    assert!(matches!(Bundle::read(&mut longer.as_slice()), Err(BundleError::Altered { .. })));
}

#[tokio::test]
async fn a_file_with_one_bit_changed_is_refused() {
    let (_, file) = file(&mut Script::new(1)).await;
    for place in 0..file.len() {
        let mut changed = file.clone();
        changed[place] ^= 1 << (place % 8);
        let error = Bundle::read(&mut changed.as_slice()).unwrap_err();
        let expected = match place {
            0..9 => matches!(error, BundleError::Foreign),
            9 => matches!(error, BundleError::Format { .. }),
            _ => matches!(error, BundleError::Altered { .. } | BundleError::TooLarge { .. }),
        };
        assert!(expected, "byte {place}: {error}");
    }
}

#[tokio::test]
async fn a_bundle_that_contradicts_itself_is_not_imported() {
    let (bundle, _) = file(&mut Script::new(1)).await;
    let mut edited = bundle.clone();
    edited.events[1].unix_ms += 1;
    let mut fewer = bundle.clone();
    fewer.events.pop();
    let mut plugin = bundle.clone();
    plugin.pins[0].1.push(0);
    let mut bare = bundle.clone();
    bare.pins.clear();
    let mut renamed = bundle;
    renamed.header.run = priory_testkit::journal::sample::run(2);
    for (what, bundle) in [("event", edited), ("end", fewer), ("plugin", plugin), ("pins", bare), ("run", renamed)] {
        let journal = MemoryJournal::new();
        // What a program made of it is held to the same as what was read from a file.
        assert!(matches!(import(&journal, bundle).await, Err(BundleError::Altered { .. })), "{what}");
        assert_eq!(journal.list(RunQuery { most: 9, ..RunQuery::default() }).await.unwrap(), []);
    }
}
