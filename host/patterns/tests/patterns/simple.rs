// SPDX-License-Identifier: MIT OR Apache-2.0
//! The small ones: sequence, route, loop, retry, and the watch over progress.

use priory_patterns::progress::{Progress, Stall};
use priory_patterns::repeat::{Rounds, repeat};
use priory_patterns::retry::{Backoff, retry};
use priory_patterns::route::route;
use priory_patterns::sequence::sequence;
use priory_patterns::{Fault, Roster, Stop};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scene::{Ask, Fail, Outcome, own, play};

/// Adds the name of the worker to the list that it gets.
fn adds(ask: &Ask) -> Outcome {
    let mut list = ask.input.as_array().cloned().unwrap_or_default();
    list.push(json!(ask.who));
    Ok(Value::from(list))
}

#[test]
fn each_step_gets_what_the_one_before_gave() {
    let played = play(0, adds, |scene| async move {
        sequence(vec!["a", "b", "c"], json!(["in"]), |step, value| scene.ask(step, value)).await
    });
    assert_eq!(played.result, Ok(json!(["in", "a", "b", "c"])));
    assert_eq!(played.most, 1);
    let none = play(0, adds, |_| sequence(Vec::<&str>::new(), json!(1), async |_, _| Err(own("never"))));
    assert_eq!(none.result, Ok(json!(1)));
}

#[test]
fn a_step_that_fails_is_the_last() {
    let fails = |ask: &Ask| if ask.who == "b" { Err(own("no")) } else { adds(ask) };
    let played = play(0, fails, |scene| async move {
        sequence(vec!["a", "b", "c"], json!([]), |step, value| scene.ask(step, value)).await
    });
    assert_eq!(played.result, Err(own("no")));
    assert_eq!(played.asked().len(), 2);
    let many = play(0, adds, |_| sequence(vec![(); 16_385], Value::Null, async |(), _| Err(own("never"))));
    assert!(matches!(many.result, Err(Fail::Stopped(Stop::TooMany { found: 16_385, .. }))));
}

/// Routes to the first of the numbers that is larger than ten, else to the default.
fn routed(cases: &[i64], default: Option<i64>) -> Outcome {
    let cases = cases.to_vec();
    let holds = |case: &i64| if *case < 0 { Err(own("not a number of cases")) } else { Ok(*case > 10) };
    play(
        0,
        |ask| Ok(ask.input.clone()),
        |scene| async move { route(cases, default, holds, |case| scene.ask("it", json!(case))).await },
    )
    .result
}

#[test]
fn the_first_case_that_holds_is_taken() {
    assert_eq!(routed(&[1, 20, 30, -1], None), Ok(json!(20)));
    assert_eq!(routed(&[1, 2], Some(5)), Ok(json!(5)));
    assert_eq!(routed(&[1, 2], None), Err(Fail::Stopped(Stop::NoRoute { cases: 2 })));
    assert_eq!(routed(&[1, -1, 20], Some(5)), Err(own("not a number of cases")));
}

fn repeated(most: usize, last_is_fine: bool, enough: u64) -> (Outcome, usize) {
    let adds = |ask: &Ask| Ok(json!(ask.input.as_u64().unwrap() + 1));
    let played = play(0, adds, |scene| async move {
        let body = |_, last| scene.ask("it", last);
        repeat(Rounds { most, last_is_fine }, json!(0), body, |_, last| Ok(last.as_u64().unwrap() >= enough)).await
    });
    let rounds = played.asked().len();
    (played.result, rounds)
}

#[test]
fn a_loop_ends_when_it_is_good_or_has_gone_round_often_enough() {
    assert_eq!(repeated(5, false, 3), (Ok(json!(3)), 3));
    assert_eq!(repeated(5, true, 9), (Ok(json!(5)), 5));
    let spent = Stop::TurnsSpent { pattern: "the loop", most: 5 };
    assert_eq!(repeated(5, false, 9), (Err(Fail::Stopped(spent)), 5));
    assert_eq!(repeated(0, true, 0), (Ok(json!(0)), 0));
    assert!(matches!(repeated(10_001, true, 1).0, Err(Fail::Stopped(Stop::TooMany { .. }))));
}

#[test]
fn what_passes_is_done_again_after_a_while() {
    let backoff = Backoff { times: 3, base_ms: 100, factor: 2.0, max_ms: 300, jitter: 0.0, seed: 0 };
    let again = |fault: &Fail| *fault == own("busy");
    let tried = |good: usize, failure: &'static str| {
        let mut calls = 0;
        let reply = move |ask: &Ask| {
            calls += usize::from(ask.who == "it");
            if ask.who == "timer" || calls >= good { Ok(Value::from(calls)) } else { Err(own(failure)) }
        };
        let played = play(0, reply, |scene| async move {
            let timer = scene.clone();
            let wait = |ms: u64| {
                let asked = timer.ask("timer", json!(ms));
                async move { asked.await.map(drop) }
            };
            retry(backoff, |attempt| scene.ask("it", json!(attempt)), again, wait).await
        });
        let waits: Vec<u64> = played.of("timer").iter().filter_map(|ms| ms.as_u64()).collect();
        (played.result, waits)
    };
    assert_eq!(tried(1, "busy"), (Ok(json!(1)), vec![]));
    assert_eq!(tried(3, "busy"), (Ok(json!(3)), vec![100, 200]));
    assert_eq!(tried(4, "busy"), (Ok(json!(4)), vec![100, 200, 300]));
    assert_eq!(tried(5, "busy"), (Err(own("busy")), vec![100, 200, 300]));
    assert_eq!(tried(3, "gone"), (Err(own("gone")), vec![]));
}

#[test]
fn a_schedule_is_the_same_for_the_same_seed() {
    let backoff = Backoff { jitter: 0.5, seed: 7, ..Backoff::default() };
    let waits = |backoff: Backoff| (1..=4).map(|attempt| backoff.delay(attempt)).collect::<Vec<_>>();
    assert_eq!(waits(backoff), waits(backoff));
    assert_ne!(waits(backoff), waits(Backoff { seed: 8, ..backoff }));
    assert_eq!(waits(backoff)[3], None);
    assert_eq!(backoff.delay(0), None);
}

#[test]
fn the_same_again_and_one_by_one_are_no_progress() {
    let seen = |keys: &str, repeats, bounces| {
        let mut progress = Progress::new(repeats, bounces);
        keys.chars().map(|key| progress.saw(key)).position(|stall| stall.is_some())
    };
    assert_eq!(seen("aabbbb", 3, 9), Some(4));
    assert_eq!(seen("aabbaabb", 3, 1), None);
    assert_eq!(seen("abab", 9, 2), Some(3));
    assert_eq!(seen("abcabcabc", 9, 1), None);
    assert_eq!(seen("abacab", 9, 2), None);
    let mut progress = Progress::new(usize::MAX, 1);
    progress.saw("a");
    progress.saw("b");
    assert_eq!(progress.saw("a"), Some(Stall::Bounced { times: 1 }));
}

#[test]
fn a_roster_has_each_name_once() {
    assert!(matches!(Roster::named(["a", "b", "a"]), Err(Stop::Twice { .. })));
    assert!(matches!(Roster::named((0..2_000).map(|n| n.to_string())), Err(Stop::TooMany { .. })));
    let stop = Roster::named(["a", "b"]).unwrap().check("c").unwrap_err();
    assert_eq!(Fail::stopped(stop).message(), "there is no `c` to turn to; name one of: a, b");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wait_is_never_longer_than_the_longest(
        times: u32, base_ms: u64, factor: f64, max_ms in 0_u64..1 << 50, jitter: f64, seed: u64, attempt in 0_u32..200,
    ) {
        let backoff = Backoff { times, base_ms, factor, max_ms, jitter, seed };
        match backoff.delay(attempt) {
            Some(ms) => prop_assert!(ms <= max_ms && attempt <= times && attempt <= 100),
            None => prop_assert!(attempt == 0 || attempt > times || attempt > 100),
        }
    }
}
