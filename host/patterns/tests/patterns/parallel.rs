// SPDX-License-Identifier: MIT OR Apache-2.0
//! Branches and maps: their order, their width, and what becomes of those that fail.

use priory_patterns::parallel::{Settle, branches, map, values};
use priory_patterns::{Settled, Stop};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scene::{Ask, Fail, Outcome, Played, own, play, play_in};

type Result = std::result::Result<Vec<Settled<Fail>>, Fail>;

/// Maps over the numbers below `count`; those in `bad` fail.
fn mapped(seed: u64, count: usize, width: usize, bad: &[usize], settle: Settle) -> Played<Result> {
    let items: Vec<Value> = (0..count).map(Value::from).collect();
    play(
        seed,
        |ask| fails_if(ask, bad),
        |scene| async move { map(items, width, |place, item| scene.ask(place.to_string(), item), settle).await },
    )
}

fn fails_if(ask: &Ask, bad: &[usize]) -> Outcome {
    let place = usize::try_from(ask.input.as_u64().unwrap()).unwrap();
    if bad.contains(&place) { Err(own(&format!("{place} broke"))) } else { Ok(json!(place * 10)) }
}

fn places(result: &Result) -> Vec<usize> {
    result.as_ref().unwrap().iter().map(|one| one.place).collect()
}

#[test]
fn a_slot_is_taken_again_at_once() {
    let items = vec![json!(0), json!(1), json!(2), json!(3)];
    // The first never ends before the others: with rounds the third would not begin before it.
    let last = |outstanding: &[(_, Ask)]| outstanding.len() - 1;
    let played = play_in(
        last,
        |ask| fails_if(ask, &[]),
        |scene| async move { map(items, 2, |_, item| scene.ask("it", item), Settle::All).await },
    );
    assert_eq!(values(played.result.unwrap()), [json!(0), json!(10), json!(20), json!(30)]);
    assert_eq!(played.most, 2);
}

#[test]
fn the_first_that_fails_fails_all() {
    let last = |outstanding: &[(_, Ask)]| outstanding.len() - 1;
    let played = play_in(
        last,
        |ask| fails_if(ask, &[0, 2]),
        |scene| async move { branches((0..3).map(|at| scene.ask("it", json!(at))).collect(), Settle::All).await },
    );
    assert_eq!(played.result, Err(own("2 broke")));
    assert_eq!(played.withdrawn(), 2);
}

#[test]
fn failures_stand_in_their_places() {
    let played = mapped(1, 3, 3, &[1], Settle::Keep);
    let kept = json!({ "failure": { "kind": "own", "message": "1 broke" } });
    assert_eq!(values(played.result.unwrap()), [json!(0), kept, json!(20)]);
}

#[test]
fn a_quorum_that_cannot_be_reached_fails_at_once() {
    let first = |_: &[(_, Ask)]| 0;
    let played = play_in(
        first,
        |ask| fails_if(ask, &[0, 1]),
        |scene| async move { branches((0..4).map(|at| scene.ask("it", json!(at))).collect(), Settle::Quorum(3)).await },
    );
    let failures = vec!["0: 0 broke".to_owned(), "1: 1 broke".to_owned()];
    assert_eq!(played.result, Err(Fail::Stopped(Stop::NoQuorum { needed: 3, got: 0, failures })));
    assert_eq!(played.withdrawn(), 2);
    let played = mapped(0, 2, 1, &[], Settle::Quorum(3));
    assert!(matches!(played.result, Err(Fail::Stopped(Stop::NoQuorum { needed: 3, .. }))));
    assert_eq!(played.steps, []);
}

#[test]
fn nothing_is_nothing_and_too_much_is_refused() {
    assert_eq!(mapped(0, 0, 0, &[], Settle::All).result, Ok(Vec::new()));
    assert_eq!(mapped(0, 0, 1, &[], Settle::Quorum(0)).result, Ok(Vec::new()));
    let stop = Stop::TooMany { what: "items", found: 100_001, most: 100_000 };
    assert_eq!(mapped(0, 100_001, 1, &[], Settle::All).result, Err(Fail::Stopped(stop)));
    let played = play(
        0,
        |_| Ok(Value::Null),
        |scene| async move { branches((0..1_025).map(|_| scene.ask("it", Value::Null)).collect(), Settle::All).await },
    );
    assert!(matches!(played.result, Err(Fail::Stopped(Stop::TooMany { most: 1_024, .. }))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_more_than_the_width_are_outstanding(seed: u64, count in 0_usize..60, width in 0_usize..20) {
        let played = mapped(seed, count, width, &[], Settle::All);
        prop_assert_eq!(played.most, width.max(1).min(count));
        let expected: Vec<Value> = (0..count).map(|place| json!(place * 10)).collect();
        prop_assert_eq!(values(played.result.unwrap()), expected);
    }

    #[test]
    fn how_it_settles_is_a_law(
        seed: u64,
        count in 0_usize..40,
        width in 1_usize..12,
        bad in proptest::collection::vec(0_usize..40, 0..10),
        needed in 0_usize..45,
    ) {
        let is_bad = |place: &usize| bad.contains(place);
        let good = (0..count).filter(|place| !is_bad(place)).count();
        let all = mapped(seed, count, width, &bad, Settle::All);
        prop_assert_eq!(all.result.is_ok(), good == count);
        let dropped = mapped(seed, count, width, &bad, Settle::Drop);
        prop_assert_eq!(places(&dropped.result), (0..count).filter(|place| !is_bad(place)).collect::<Vec<_>>());
        let kept = mapped(seed, count, width, &bad, Settle::Keep);
        prop_assert_eq!(places(&kept.result), (0..count).collect::<Vec<_>>());
        prop_assert!(kept.result.unwrap().iter().all(|one| one.result.is_err() == is_bad(&one.place)));
        let quorum = mapped(seed, count, width, &bad, Settle::Quorum(needed));
        prop_assert_eq!(quorum.result.is_ok(), good >= needed);
        if let Ok(settled) = &quorum.result {
            prop_assert_eq!(settled.len(), needed);
            prop_assert!(settled.windows(2).all(|pair| pair[0].place < pair[1].place));
        }
    }
}
