// SPDX-License-Identifier: MIT OR Apache-2.0
//! Facts are kept as they were, each in its scope, until they expire or are forgotten.

use priory_core::Json;
use priory_core::memory::{Fact, FactQuery, Forget, KeptFact, RECALL_MAX, ScopeInfo, ScopeKey};

use super::{Make, NOW_UNIX_MS, about, fact, meaning, query, remember_all, texts};

/// Everything of a fact comes back.
pub async fn facts_are_given_back_as_they_were(make: Make<'_>) {
    let memory = make();
    assert_eq!(memory.recall(query()).await.unwrap(), []);
    let whole = Fact {
        data: Some(Json::parse(r#"{"b": 1.50, "a": 18446744073709551615, "t": "\u0000"}"#).unwrap()),
        subject: Some("Ann's \"tea\" \u{1f375}\0".into()),
        source: Some("a mail\nof Monday".into()),
        expires_unix_ms: Some(NOW_UNIX_MS + 1),
        text: "Tee, bitte \u{1f375} \0 'quoted' \"twice\" שלום".into(),
        ..fact(1, "").fact
    };
    memory.remember(KeptFact { fact: whole.clone(), ..fact(1, "") }).await.unwrap();
    memory.remember(fact(0, "")).await.unwrap();
    assert_eq!(memory.recall(query()).await.unwrap(), [whole.clone(), fact(0, "").fact]);
    assert_eq!(memory.recall(about("bitte")).await.unwrap(), [Fact { score_ppm: 1_000_000, ..whole }]);
}

/// Who remembers something again says nothing new, and who says something else under its id replaces it.
pub async fn a_fact_is_remembered_once(make: Make<'_>) {
    let memory = make();
    for text in ["tea with milk", "tea with milk", "coffee"] {
        memory.remember(KeptFact { meaning: meaning("m", &[1.0, 0.0]), ..fact(1, text) }).await.unwrap();
    }
    assert_eq!(texts(&*memory, query()).await, ["coffee"]);
    assert_eq!(texts(&*memory, about("tea milk")).await, [""; 0]);
    assert_eq!(texts(&*memory, about("coffee")).await, ["coffee"]);
    memory.remember(fact(1, "water")).await.unwrap();
    let found = memory.recall(FactQuery { meaning: meaning("m", &[1.0, 0.0]), ..query() }).await.unwrap();
    assert_eq!(found, [], "the meaning of what was replaced is gone");
    let info = ScopeInfo { scope: "user/ann".into(), facts: 1, bytes: 5 };
    assert_eq!(memory.scopes(String::new()).await.unwrap(), [info]);
}

/// Where nothing is searched, the newest come first, and of those of one moment the one with the lowest id.
pub async fn the_newest_come_first(make: Make<'_>) {
    let memory = make();
    remember_all(&*memory, &["a", "b", "c", "d", "e"]).await;
    let mut same = Vec::new();
    for number in 10..14 {
        let mut kept = fact(number, "same");
        kept.fact.unix_ms = NOW_UNIX_MS + 2_500;
        same.push(kept.fact.id);
        memory.remember(kept).await.unwrap();
    }
    same.sort();
    let found = memory.recall(query()).await.unwrap();
    let order: Vec<&str> = found.iter().map(|fact| fact.text.as_str()).collect();
    assert_eq!(order, ["e", "d", "same", "same", "same", "same", "c", "b", "a"]);
    assert_eq!(found[2..6].iter().map(|fact| fact.id).collect::<Vec<_>>(), same);
    assert!(found.iter().all(|fact| fact.score_ppm == 0), "nothing was searched");
    assert_eq!(texts(&*memory, FactQuery { most: 2, ..query() }).await, ["e", "d"]);
    assert_eq!(texts(&*memory, FactQuery { most: 0, ..query() }).await, [""; 0]);
    // The same words fit the same, so the order is the same.
    let found = memory.recall(about("same")).await.unwrap();
    assert_eq!(found.iter().map(|fact| fact.id).collect::<Vec<_>>(), same);
    assert!(found.iter().all(|fact| fact.score_ppm == 1_000_000));

    for number in 100..100 + RECALL_MAX {
        memory.remember(fact(number, "same")).await.unwrap();
    }
    for query in [query(), about("same")] {
        let found = memory.recall(FactQuery { most: u32::MAX, ..query }).await.unwrap();
        assert_eq!(found.len(), RECALL_MAX as usize, "no more are recalled at once");
    }
}

/// No scope sees what another has: not by words, by meaning, by subject, nor by id.
pub async fn scopes_are_apart(make: Make<'_>) {
    let memory = make();
    let names = ["user/ann", "user/an", "user/anna", "agent/ann", "tenant", "run/1"];
    for name in names {
        let mut kept = fact(1, &format!("tea of {}", name.replace('/', " ")));
        kept.scope = ScopeKey::new(name);
        kept.fact.subject = Some("tea".into());
        kept.meaning = meaning("m", &[1.0, 0.0]);
        memory.remember(kept).await.unwrap();
    }
    let id = fact(1, "").fact.id;
    for name in names {
        let scope = ScopeKey::new(name);
        for query in [
            query(),
            about("tea ann an anna agent tenant run user"),
            FactQuery { meaning: meaning("m", &[1.0, 0.0]), ..query() },
            FactQuery { subject: Some("tea".into()), ..query() },
            FactQuery { meaning: meaning("m", &[1.0, 0.0]), subject: Some("tea".into()), ..about("tea") },
        ] {
            let found = texts(&*memory, FactQuery { scope: scope.clone(), ..query }).await;
            assert_eq!(found, [format!("tea of {}", name.replace('/', " "))]);
        }
    }
    for (at, which) in [Forget::Ids(vec![id]), Forget::Subject("tea".into()), Forget::All].into_iter().enumerate() {
        assert_eq!(memory.forget(ScopeKey::new(names[at]), which).await.unwrap(), 1);
        let left = memory.scopes(String::new()).await.unwrap();
        assert_eq!(left.len(), names.len() - at - 1, "{left:?}");
    }
    assert_eq!(texts(&*memory, FactQuery { scope: ScopeKey::new("agent/ann"), ..about("tea") }).await.len(), 1);
    let other = FactQuery { scope: ScopeKey::new("user/bob"), ..about("tea") };
    assert_eq!(memory.recall(other).await.unwrap(), []);
}

/// A subject narrows every search.
pub async fn subjects_narrow(make: Make<'_>) {
    let memory = make();
    for (number, subject) in [(0, Some("ann")), (1, Some("bob")), (2, None), (3, Some("ann"))] {
        let mut kept = fact(number, &format!("tea {number}"));
        kept.fact.subject = subject.map(str::to_owned);
        kept.meaning = meaning("m", &[1.0, f32::from(u8::try_from(number).unwrap())]);
        memory.remember(kept).await.unwrap();
    }
    let on = |subject: &str, query: FactQuery| FactQuery { subject: Some(subject.to_owned()), ..query };
    let like = FactQuery { meaning: meaning("m", &[1.0, 0.0]), ..query() };
    assert_eq!(texts(&*memory, on("ann", query())).await, ["tea 3", "tea 0"]);
    assert_eq!(texts(&*memory, on("ann", about("tea"))).await, ["tea 3", "tea 0"]);
    assert_eq!(texts(&*memory, on("ann", like.clone())).await, ["tea 0", "tea 3"]);
    assert_eq!(texts(&*memory, on("bob", FactQuery { words: Some("tea".into()), ..like })).await, ["tea 1"]);
    for subject in ["", "an", "Ann", "ann "] {
        assert_eq!(texts(&*memory, on(subject, query())).await, [""; 0], "{subject:?}");
    }
    assert_eq!(texts(&*memory, query()).await.len(), 4);
}

/// What has expired is not found, and it is gone when somebody clears up.
pub async fn what_has_expired_is_gone(make: Make<'_>) {
    let memory = make();
    for (number, expires) in [(0, Some(10)), (1, Some(20)), (2, None)] {
        let mut kept = fact(number, &format!("tea {number}"));
        kept.fact.expires_unix_ms = expires.map(|ms| NOW_UNIX_MS + ms);
        kept.meaning = meaning("m", &[1.0]);
        memory.remember(kept).await.unwrap();
    }
    let like = FactQuery { meaning: meaning("m", &[1.0]), ..query() };
    for query in [query(), about("tea"), like.clone(), FactQuery { words: Some("tea".into()), ..like }] {
        for (after, left) in [(9, 3), (10, 2), (19, 2), (20, 1), (1_000_000, 1)] {
            let now_unix_ms = NOW_UNIX_MS + after;
            let found = memory.recall(FactQuery { now_unix_ms, ..query.clone() }).await.unwrap();
            assert_eq!(found.len(), left, "after {after} ms");
        }
    }
    for (after, gone) in [(9, 0), (10, 1), (10, 0), (1_000, 1)] {
        assert_eq!(memory.expire(NOW_UNIX_MS + after).await.unwrap(), gone, "after {after} ms");
    }
    assert_eq!(texts(&*memory, query()).await, ["tea 2"]);
}

/// Facts are forgotten by id, by subject, and all of a scope; whoever forgets again forgets nothing.
pub async fn what_is_forgotten_is_gone(make: Make<'_>) {
    let memory = make();
    let ann = || ScopeKey::new("user/ann");
    for number in 0..6 {
        let mut kept = fact(number, &format!("tea {number}"));
        kept.fact.subject = (number % 2 == 0).then(|| "even".to_owned());
        memory.remember(kept).await.unwrap();
    }
    let ids = |numbers: &[u32]| Forget::Ids(numbers.iter().map(|number| fact(*number, "").fact.id).collect());
    assert_eq!(memory.forget(ann(), ids(&[1, 1, 99])).await.unwrap(), 1);
    assert_eq!(memory.forget(ann(), ids(&[1])).await.unwrap(), 0);
    assert_eq!(memory.forget(ann(), ids(&[])).await.unwrap(), 0);
    assert_eq!(memory.forget(ann(), Forget::Subject("odd".into())).await.unwrap(), 0);
    assert_eq!(memory.forget(ann(), Forget::Subject("even".into())).await.unwrap(), 3);
    for query in [query(), about("tea 0 1 2 3 4 5")] {
        let mut left = texts(&*memory, query).await;
        left.sort();
        assert_eq!(left, ["tea 3", "tea 5"]);
    }
    assert_eq!(memory.forget(ScopeKey::new("user/bob"), Forget::All).await.unwrap(), 0);
    assert_eq!(memory.forget(ann(), Forget::All).await.unwrap(), 2);
    assert_eq!(memory.forget(ann(), Forget::All).await.unwrap(), 0);
    assert_eq!(memory.recall(query()).await.unwrap(), []);
    memory.remember(fact(1, "tea again")).await.unwrap();
    assert_eq!(texts(&*memory, about("tea")).await, ["tea again"]);
}

/// Scopes are listed with what they have, by how they begin.
pub async fn scopes_are_listed(make: Make<'_>) {
    let memory = make();
    for (number, name) in (0..).zip(["user/bob", "agent/a", "user/ann", "user/ann", "tenant"]) {
        let mut kept = fact(number, "añb");
        kept.scope = ScopeKey::new(name);
        kept.fact.data = (number == 3).then(Json::null);
        memory.remember(kept).await.unwrap();
    }
    let info = |scope: &str, facts, bytes| ScopeInfo { scope: scope.to_owned(), facts, bytes };
    let all = [info("agent/a", 1, 4), info("tenant", 1, 4), info("user/ann", 2, 12), info("user/bob", 1, 4)];
    assert_eq!(memory.scopes(String::new()).await.unwrap(), all);
    assert_eq!(memory.scopes("user/".into()).await.unwrap(), all[2..]);
    assert_eq!(memory.scopes("user/ann".into()).await.unwrap(), all[2..3]);
    for none in ["User", "user/c", "%", "user_", "\0", "z"] {
        assert_eq!(memory.scopes(none.into()).await.unwrap(), [], "{none}");
    }
    memory.forget(ScopeKey::new("tenant"), Forget::All).await.unwrap();
    assert_eq!(memory.scopes("ten".into()).await.unwrap(), [], "an empty one is none");
}
