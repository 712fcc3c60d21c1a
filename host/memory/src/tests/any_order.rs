// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever is remembered, recalled, forgotten and expired, in any order: the store does what a list would do.

use std::collections::BTreeMap;

use priory_core::memory::{Fact, FactQuery, ScopeInfo};
use proptest::prelude::*;

use super::*;

const WORDS: [&str; 8] = ["tea", "milk", "Café", "ann", "猫", "order", "late", "4711"];
const SCOPES: [&str; 3] = ["user/a", "user/ab", "tenant"];
const SUBJECTS: [&str; 2] = ["x", "y"];
const IDS: u32 = 12;

#[derive(Debug, Clone)]
enum Op {
    Remember {
        scope: usize,
        id: u32,
        words: Vec<usize>,
        subject: Option<usize>,
        expires: Option<u64>,
        angle: Option<u8>,
    },
    Recall {
        scope: usize,
        words: Option<Vec<usize>>,
        angle: Option<u8>,
        subject: Option<usize>,
        now: u64,
        most: u32,
    },
    ForgetIds {
        scope: usize,
        ids: Vec<u32>,
    },
    ForgetSubject {
        scope: usize,
        subject: usize,
    },
    ForgetAll {
        scope: usize,
    },
    Expire {
        now: u64,
    },
    Scopes {
        prefix: &'static str,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let words = || prop::collection::vec(0..WORDS.len(), 0..5);
    let subject = || prop::option::of(0..SUBJECTS.len());
    let angle = || prop::option::of(0..8_u8);
    let scope = || 0..SCOPES.len();
    prop_oneof![
        8 => (scope(), 0..IDS, words(), subject(), prop::option::of(0..20_u64), angle()).prop_map(
            |(scope, id, words, subject, expires, angle)| Op::Remember { scope, id, words, subject, expires, angle }
        ),
        8 => (scope(), prop::option::of(words()), angle(), subject(), 0..20_u64, 0..6_u32).prop_map(
            |(scope, words, angle, subject, now, most)| Op::Recall { scope, words, angle, subject, now, most }
        ),
        2 => (scope(), prop::collection::vec(0..IDS, 0..3)).prop_map(|(scope, ids)| Op::ForgetIds { scope, ids }),
        1 => (scope(), 0..SUBJECTS.len()).prop_map(|(scope, subject)| Op::ForgetSubject { scope, subject }),
        1 => scope().prop_map(|scope| Op::ForgetAll { scope }),
        1 => (0..20_u64).prop_map(|now| Op::Expire { now }),
        1 => prop::sample::select(vec!["", "user/", "user/a", "t", "z"]).prop_map(|prefix| Op::Scopes { prefix }),
    ]
}

/// A fact, with its words and its direction.
type Known = (Fact, Vec<usize>, Option<u8>);

/// Facts by their scope and number.
#[derive(Default)]
struct Naive(BTreeMap<(usize, u32), Known>);

fn direction(angle: u8) -> [f32; 2] {
    let radians = f32::from(angle) * std::f32::consts::FRAC_PI_4 + 0.3;
    [radians.cos(), radians.sin()]
}

fn cosine(a: u8, b: u8) -> f32 {
    direction(a).into_iter().zip(direction(b)).map(|(a, b)| a * b).sum()
}

fn text(words: &[usize]) -> String {
    words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(", ")
}

impl Naive {
    fn remove(&mut self, fits: impl Fn(usize, &Fact) -> bool) -> u64 {
        let before = self.0.len();
        self.0.retain(|(scope, _), (fact, ..)| !fits(*scope, fact));
        (before - self.0.len()) as u64
    }

    /// Returns what may be found, the newest first, with how many words of the question it has and how alike it is.
    fn found(
        &self,
        scope: usize,
        query: &FactQuery,
        words: Option<&[usize]>,
        angle: Option<u8>,
    ) -> Vec<(Fact, bool, f32)> {
        let mut found: Vec<(Fact, bool, f32)> = Vec::new();
        for ((of, _), (fact, has, points)) in &self.0 {
            let is_there = *of == scope && fact.expires_unix_ms.is_none_or(|at| at > query.now_unix_ms);
            if is_there && (query.subject.is_none() || fact.subject == query.subject) {
                let has_word = words.is_some_and(|words| words.iter().any(|word| has.contains(word)));
                let alike = angle.zip(*points).map_or(-1.0, |(a, b)| cosine(a, b));
                found.push((fact.clone(), has_word, alike));
            }
        }
        found.sort_by_key(|(fact, ..)| (std::cmp::Reverse(fact.unix_ms), fact.id));
        found
    }
}

async fn recall(
    memory: &Facts,
    naive: &Naive,
    scope: usize,
    query: FactQuery,
    words: Option<&[usize]>,
    angle: Option<u8>,
) {
    let expected = naive.found(scope, &query, words, angle);
    let found = memory.recall(query.clone()).await.unwrap();
    let whole = memory.recall(FactQuery { most: 200, ..query.clone() }).await.unwrap();
    assert_eq!(found, whole[..whole.len().min(query.most as usize)], "fewer are the first of more");
    if words.is_none() && angle.is_none() {
        assert_eq!(whole, expected.into_iter().map(|(fact, ..)| fact).collect::<Vec<_>>());
        return;
    }
    let of = |fact: &Fact| expected.iter().find(|(other, ..)| other.id == fact.id).expect("it is not there");
    let hits = expected.iter().filter(|(_, has_word, alike)| *has_word || *alike > 0.0).count();
    assert_eq!(whole.len(), hits, "{whole:?}");
    for fact in &whole {
        let (other, has_word, alike) = of(fact);
        assert_eq!(Fact { score_ppm: 0, ..fact.clone() }, *other);
        assert!(*has_word || *alike > 0.0);
        assert!(fact.score_ppm > 0);
    }
    assert!(whole.first().is_none_or(|best| best.score_ppm == 1_000_000));
    for pair in whole.windows(2) {
        assert!(pair[0].score_ppm >= pair[1].score_ppm);
        let ((_, a_word, a_alike), (_, b_word, b_alike)) = (of(&pair[0]), of(&pair[1]));
        if words.is_none() {
            assert!(a_alike + 1e-4 > *b_alike, "{pair:?}");
        }
        // What only is like the question in one way never comes before what is at least as like it in both.
        let dominates = *b_word && !*a_word && b_alike > &(a_alike + 1e-4) && *b_alike > 0.0;
        assert!(!dominates, "{pair:?}");
        if pair[0].score_ppm == pair[1].score_ppm && pair[0].text == pair[1].text && angle.is_none() {
            assert!((pair[1].unix_ms, pair[0].id) <= (pair[0].unix_ms, pair[1].id), "{pair:?}");
        }
    }
}

async fn perform(memory: &Facts, naive: &mut Naive, at: u64, op: Op) {
    match op {
        Op::Remember { scope, id, words, subject, expires, angle } => {
            let mut kept = fact(id, &text(&words));
            kept.scope = ScopeKey::new(SCOPES[scope]);
            kept.fact.subject = subject.map(|subject| SUBJECTS[subject].to_owned());
            kept.fact.expires_unix_ms = expires.map(|ms| NOW_UNIX_MS + ms);
            // Some are of the same moment.
            kept.fact.unix_ms = NOW_UNIX_MS + at / 3;
            kept.meaning = angle.and_then(|angle| meaning("m", &direction(angle)));
            naive.0.insert((scope, id), (kept.fact.clone(), words, angle));
            memory.remember(kept).await.unwrap();
        }
        Op::Recall { scope, words, angle, subject, now, most } => {
            let query = FactQuery {
                scope: ScopeKey::new(SCOPES[scope]),
                words: words.as_deref().map(text),
                meaning: angle.and_then(|angle| meaning("m", &direction(angle))),
                subject: subject.map(|subject| SUBJECTS[subject].to_owned()),
                now_unix_ms: NOW_UNIX_MS + now,
                most,
            };
            recall(memory, naive, scope, query, words.as_deref(), angle).await;
        }
        Op::ForgetIds { scope, ids } => {
            let ids: Vec<_> = ids.into_iter().map(|id| fact(id, "").fact.id).collect();
            let expected = naive.remove(|of, fact| of == scope && ids.contains(&fact.id));
            assert_eq!(memory.forget(ScopeKey::new(SCOPES[scope]), Forget::Ids(ids)).await, Ok(expected));
        }
        Op::ForgetSubject { scope, subject } => {
            let subject = SUBJECTS[subject].to_owned();
            let expected = naive.remove(|of, fact| of == scope && fact.subject.as_ref() == Some(&subject));
            assert_eq!(memory.forget(ScopeKey::new(SCOPES[scope]), Forget::Subject(subject)).await, Ok(expected));
        }
        Op::ForgetAll { scope } => {
            let expected = naive.remove(|of, _| of == scope);
            assert_eq!(memory.forget(ScopeKey::new(SCOPES[scope]), Forget::All).await, Ok(expected));
        }
        Op::Expire { now } => {
            let expected = naive.remove(|_, fact| fact.expires_unix_ms.is_some_and(|at| at <= NOW_UNIX_MS + now));
            assert_eq!(memory.expire(NOW_UNIX_MS + now).await, Ok(expected));
        }
        Op::Scopes { prefix } => {
            let mut infos: BTreeMap<&str, ScopeInfo> = BTreeMap::new();
            for ((scope, _), (fact, ..)) in &naive.0 {
                let scope = SCOPES[*scope];
                let info = infos.entry(scope).or_insert(ScopeInfo { scope: scope.to_owned(), facts: 0, bytes: 0 });
                info.facts += 1;
                info.bytes += fact.text.len() as u64;
            }
            let expected: Vec<_> = infos.into_values().filter(|info| info.scope.starts_with(prefix)).collect();
            assert_eq!(memory.scopes(prefix.to_owned()).await, Ok(expected));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_a_list_would_do(ops in prop::collection::vec(op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let memory = Facts::in_memory().unwrap();
            let mut naive = Naive::default();
            for (at, op) in (0..).zip(ops) {
                perform(&memory, &mut naive, at, op).await;
            }
            memory.execute("INSERT INTO words (words) VALUES ('integrity-check')").await;
        });
    }

    #[test]
    fn any_text_is_a_question(text in ".{0,80}", other in "[ \"'*()^:{}+\\-a-c\u{0}\u{301}\u{202e}猫🍵]{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let memory = Facts::in_memory().unwrap();
            memory.remember(fact(1, &text)).await.unwrap();
            memory.remember(fact(2, &other)).await.unwrap();
            for words in [&text, &other] {
                let found = memory.recall(about(words)).await.unwrap();
                let has_words = words.chars().any(char::is_alphanumeric);
                // Whoever asks for the words of a fact finds it, and perhaps the other.
                assert!(!has_words || found.iter().any(|fact| fact.text == *words), "{words:?}: {found:?}");
            }
            assert_eq!(memory.forget(ann(), Forget::All).await, Ok(2));
        });
    }
}
