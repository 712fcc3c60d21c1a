// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers of models are found again for a time, and there are never too many.

use priory_core::journal::JournalError;
use priory_core::ports::Answers;
use priory_core::{Digest, Json};

use super::{MakeStore, Store};

/// How many bytes the kept answers may have together.
const BYTES_MAX: usize = 64 << 20;
/// How long one may be, in bytes.
const ANSWER_BYTES_MAX: usize = 2 << 20;

fn key(number: u32) -> Digest {
    Digest::of(&number.to_le_bytes())
}

async fn keep(store: &dyn Store, number: u32, text: &str, unix_ms: u64, forget_unix_ms: u64) {
    Answers::keep(store, key(number), Json::of(text).unwrap(), unix_ms, forget_unix_ms).await.unwrap();
}

/// An answer is found under its key, in the form in which it was given, unless it is too old.
pub async fn answers_are_kept_for_a_time(make: MakeStore<'_>) {
    let store = make();
    let store = &*store;
    assert_eq!(store.find(key(1), 0).await.unwrap(), None);
    let answer = Json::parse(r#"{"b": 18446744073709551615, "a": -0.0, "t": "é\u0000"}"#).unwrap();
    Answers::keep(store, key(1), answer.clone(), 100, 0).await.unwrap();
    for (since, found) in [(0, Some(&answer)), (100, Some(&answer)), (101, None)] {
        assert_eq!(store.find(key(1), since).await.unwrap().as_ref(), found, "since {since}");
    }
    assert_eq!(store.find(key(2), 0).await.unwrap(), None);

    keep(store, 1, "second", 200, 0).await;
    assert_eq!(store.find(key(1), 101).await.unwrap(), Some(Json::of("second").unwrap()), "it takes the place");
    keep(store, 2, "other", 300, 200).await;
    assert!(store.find(key(1), 0).await.unwrap().is_some(), "what is as old as that stays");
    keep(store, 3, "third", 400, 201).await;
    assert_eq!(store.find(key(1), 0).await.unwrap(), None);
    assert!(store.find(key(2), 0).await.unwrap().is_some());

    // What the host writes may be deeper than what a guest says.
    let deep = (0..120).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    let deep = Json::of(&deep).unwrap();
    Answers::keep(store, key(4), deep.clone(), 500, 0).await.unwrap();
    assert_eq!(store.find(key(4), 0).await.unwrap(), Some(deep));
}

/// Where there are too many answers, or too many bytes of them, the oldest go.
pub async fn answers_are_bounded(make: MakeStore<'_>) {
    let store = make();
    let store = &*store;
    let has = async |number: u32| store.find(key(number), 0).await.unwrap().is_some();
    let long = "x".repeat(ANSWER_BYTES_MAX - 2);
    let too_long = Answers::keep(store, key(0), Json::of(&format!("{long}x")).unwrap(), 1, 0).await;
    assert!(matches!(too_long, Err(JournalError::TooLarge { .. })), "{too_long:?}");
    let count = u32::try_from(BYTES_MAX / ANSWER_BYTES_MAX).unwrap();
    for number in 0..count {
        keep(store, number, &long, (1_000 - number).into(), 0).await;
    }
    assert!(has(0).await && has(count - 1).await);
    keep(store, 0, &long, 2_000, 0).await;
    assert!(has(count - 1).await, "what takes the place of another needs no room");
    keep(store, count, "short", 2_001, 0).await;
    assert!(!has(count - 1).await, "it was given before the others");
    assert!(has(count - 2).await && has(0).await && has(count).await);
}
