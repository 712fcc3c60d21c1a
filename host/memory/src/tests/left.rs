// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is forgotten is gone from the files, too.

use std::collections::HashMap;

use super::*;

/// Returns the bytes of a memory, with those of its log.
fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    bytes.extend(fs::read(path.with_extension("db-wal")).unwrap_or_default());
    bytes
}

/// How many of the last bytes of a word are looked for.
const END: usize = 8;

/// Returns one of some words that stands in the bytes of a memory, in any case of its letters.
fn find<'a>(path: &Path, words: &'a [String]) -> Option<&'a String> {
    let by_end: HashMap<&[u8], &String> =
        words.iter().map(|word| (&word.as_bytes()[word.len() - END..], word)).collect();
    let text: Vec<u8> = bytes(path).iter().map(u8::to_ascii_lowercase).collect();
    let candidates = text.windows(END).enumerate().filter_map(|(place, end)| Some((place + END, *by_end.get(end)?)));
    candidates.into_iter().find(|(place, word)| text[..*place].ends_with(word.as_bytes())).map(|(_, word)| word)
}

/// Returns a word that stands for a number: it begins like no other.
fn word(number: u32) -> String {
    let hash = number.wrapping_mul(0x9e37_79b9).rotate_left(7) ^ 0x5bd1_e995;
    format!("{hash:08x}").chars().map(|c| char::from(b'g' + u8::try_from(c.to_digit(16).unwrap()).unwrap())).collect()
}

fn secret(number: u32) -> KeptFact {
    let mut kept = fact(number, &format!("{} {}", word(number), word(number + 100_000)));
    kept.fact.subject = Some(format!("about{}", word(number + 200_000)));
    kept.fact.source = Some(word(number + 300_000));
    kept.fact.data = Some(priory_core::Json::of(&word(number + 400_000)).unwrap());
    kept.fact.expires_unix_ms = Some(NOW_UNIX_MS + u64::from(number));
    kept
}

/// Returns all words of a fact, as far as they are its own, and its id.
fn words(number: u32) -> Vec<String> {
    let mut words: Vec<String> = (0..5).map(|part| word(number + part * 100_000)).collect();
    words.push(secret(number).fact.id.to_string());
    words
}

#[tokio::test]
async fn nothing_is_left_of_what_is_forgotten() {
    let folder = folder();
    let path = file(&folder);
    let memory = Facts::open(&path).unwrap();
    for number in 0..40 {
        memory.remember(secret(number)).await.unwrap();
    }
    assert!(find(&path, &words(5)).is_some());
    let one = |number: u32| secret(number).fact;
    assert_eq!(memory.forget(ann(), Forget::Ids(vec![one(5).id])).await.unwrap(), 1);
    assert_eq!(find(&path, &words(5)), None);
    assert!(find(&path, &words(6)).is_some());
    assert_eq!(memory.forget(ann(), Forget::Subject(one(6).subject.unwrap())).await.unwrap(), 1);
    assert_eq!(find(&path, &words(6)), None);
    assert_eq!(memory.expire(NOW_UNIX_MS + 4).await.unwrap(), 5);
    for number in 0..7 {
        assert_eq!(find(&path, &words(number)), None, "{number}");
    }
    check_index(&path);
    assert_eq!(memory.forget(ann(), Forget::All).await.unwrap(), 33);
    let gone: Vec<String> = (0..40).flat_map(words).chain(["user/ann".to_owned()]).collect();
    assert_eq!(find(&path, &gone), None);
    check_index(&path);
}

#[tokio::test]
async fn nothing_is_left_where_there_is_much() {
    let folder = folder();
    let path = file(&folder);
    let memory = Facts::open(&path).unwrap();
    let keep: Vec<u32> = (0..3_000).collect();
    for number in &keep {
        let mut kept = secret(*number);
        kept.scope = ScopeKey::new(if number % 3 == 0 { "user/bob" } else { "user/ann" });
        kept.meaning = meaning("m", &[f32::from(u16::try_from(*number).unwrap()) + 0.25; 9]);
        if number % 2 == 0 {
            kept.fact.subject = Some("even".into());
        }
        memory.remember(kept).await.unwrap();
    }
    // One by one, from an index of many pages.
    let some: Vec<u32> = keep.iter().copied().filter(|number| number % 29 == 1 && number % 3 != 0).collect();
    let ids = some.iter().map(|number| secret(*number).fact.id).collect();
    assert_eq!(memory.forget(ann(), Forget::Ids(ids)).await.unwrap(), some.len() as u64);
    let gone: Vec<String> = some.iter().flat_map(|number| words(*number)).collect();
    assert_eq!(find(&path, &gone), None, "of {}", some.len());
    check_index(&path);
    // Many at once, of one scope of two: some of them less than half of all facts, and some more.
    let forgotten = memory.forget(ScopeKey::new("user/bob"), Forget::Subject("even".into())).await.unwrap();
    assert_eq!(forgotten, 500);
    assert_eq!(memory.forget(ann(), Forget::All).await.unwrap(), 2_000 - some.len() as u64);
    let gone: Vec<String> = keep.iter().filter(|n| *n % 3 != 0 || *n % 6 == 0).flat_map(|n| words(*n)).collect();
    assert_eq!(find(&path, &gone), None);
    check_index(&path);
    drop(memory);
    let memory = Facts::open(&path).unwrap();
    let left = memory.recall(priory_core::memory::FactQuery { scope: ScopeKey::new("user/bob"), ..about(&word(3)) });
    assert_eq!(left.await.unwrap().len(), 1, "others are still there");
    let vector = (1.25_f32 / (9.0 * 1.25 * 1.25_f32).sqrt()).to_le_bytes();
    assert!(bytes(&path).windows(4).any(|window| window == vector), "their vectors, too");
}

#[tokio::test]
async fn whoever_reads_is_waited_for_and_then_it_is_said() {
    let folder = folder();
    let path = file(&folder);
    let memory = Facts::open(&path).unwrap();
    memory.remember(secret(1)).await.unwrap();
    memory.execute("PRAGMA busy_timeout = 10").await;
    // Another process reads, and needs what was there when it began.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM facts").unwrap();
    let (said, retriable) = said(memory.forget(ann(), Forget::All).await);
    assert!(said.contains("forget it again") && retriable, "{said}");
    assert_eq!(memory.recall(query()).await.unwrap(), [], "it is forgotten all the same");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(memory.forget(ann(), Forget::All).await.unwrap(), 0);
    assert_eq!(find(&path, &words(1)), None);
}
