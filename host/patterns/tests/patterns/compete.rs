// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several that attempt the same.

use priory_patterns::compete::{Won, first, judged, scored};
use priory_patterns::{Roster, Stop};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scene::{Ask, Fail, Outcome, Played, Step, own, play, play_in};

type Result = std::result::Result<Won, Fail>;

fn roster(count: usize) -> Roster {
    Roster::named((0..count).map(|at| format!("c{at}"))).unwrap()
}

/// A contender gives the number of its place in a list; below zero it fails.
fn gives(numbers: &[i64]) -> impl Fn(&Ask) -> Outcome {
    move |ask| {
        let number = numbers[ask.who[1..].parse::<usize>().unwrap()];
        if number < 0 { Err(own("gave up")) } else { Ok(json!(number)) }
    }
}

fn is_even(_: &str, output: &Value) -> std::result::Result<bool, Fail> {
    Ok(output.as_i64().unwrap() % 2 == 0)
}

fn score(_: &str, output: &Value) -> std::result::Result<f64, Fail> {
    match output.as_f64().unwrap() {
        13.0 => Err(own("unlucky")),
        17.0 => Ok(f64::NAN),
        score => Ok(score),
    }
}

fn first_of(seed: u64, numbers: &[i64]) -> Played<Result> {
    let roster = roster(numbers.len());
    play(seed, gives(numbers), |scene| first(roster, move |who| scene.ask(who, Value::Null), is_even))
}

fn best_of(numbers: &[i64]) -> Result {
    let roster = roster(numbers.len());
    play(5, gives(numbers), |scene| scored(roster, move |who| scene.ask(who, Value::Null), score)).result
}

fn judge(numbers: &[i64], verdict: Value) -> Played<Result> {
    let (roster, reply) = (roster(numbers.len()), gives(numbers));
    let reply = |ask: &Ask| if ask.who == "judge" { Ok(verdict.clone()) } else { reply(ask) };
    play(5, reply, |scene| async move {
        judged(json!("t"), roster, |who| scene.ask(who, Value::Null), |question| scene.ask("judge", question)).await
    })
}

#[test]
fn the_highest_score_wins_and_of_equal_ones_the_earlier() {
    let won = best_of(&[3, 13, 8, -1, 8, 17]).unwrap();
    let scores = json!({ "c0": 3.0, "c2": 8.0, "c4": 8.0 });
    assert_eq!(won.to_value(), json!({ "winner": "c2", "output": 8, "scores": scores }));
    let failures = ["c2: gave up", "c0: unlucky", "c1: its score is not a number"].map(str::to_owned).to_vec();
    assert_eq!(best_of(&[13, 17, -1]), Err(Fail::Stopped(Stop::NoWinner { failures })));
}

#[test]
fn a_judge_sees_those_that_are_left() {
    let played = judge(&[3, -1, 5], json!({ "winner": "c2", "why": "more" }));
    assert_eq!(played.result.as_ref().unwrap().to_value(), json!({ "winner": "c2", "output": 5, "why": "more" }));
    let candidates = json!([{ "name": "c0", "output": 3 }, { "name": "c2", "output": 5 }]);
    assert_eq!(played.of("judge"), [&json!({ "task": "t", "candidates": candidates })]);
    let played = judge(&[3, -1, 5], json!({ "winner": "c1" }));
    assert!(matches!(played.result, Err(Fail::Stopped(Stop::UnknownWorker { .. }))));
    assert_eq!(played.of("judge").len(), 3);
    let played = judge(&[-1, 4], Value::Null);
    assert_eq!((played.result.unwrap().winner.as_str(), played.steps.len()), ("c1", 4));
    assert!(matches!(judge(&[-1], Value::Null).result, Err(Fail::Stopped(Stop::NoWinner { .. }))));
}

#[test]
fn the_winner_is_the_first_to_end_and_not_the_first_in_the_list() {
    let last = |outstanding: &[(_, Ask)]| outstanding.len() - 1;
    let played =
        play_in(last, gives(&[2, 4, 6, 7]), |scene| first(roster(4), move |who| scene.ask(who, Value::Null), is_even));
    assert_eq!(played.result.as_ref().unwrap().winner, "c2");
    assert_eq!(played.withdrawn(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_goes_on_when_somebody_has_won(seed: u64, numbers in proptest::collection::vec(-3_i64..4, 0..30)) {
        let played = first_of(seed, &numbers);
        let is_valid = |number: &i64| *number >= 0 && number % 2 == 0;
        match &played.result {
            Ok(won) => {
                prop_assert!(is_valid(&won.output.as_i64().unwrap()));
                let ended = played.steps.iter().filter(|step| matches!(step, Step::Ended(..))).count();
                prop_assert_eq!(ended + played.withdrawn(), numbers.len());
                // Only the last to end was valid.
                let valid = |step: &&Step| matches!(step, Step::Ended(_, Ok(output)) if is_valid(&output.as_i64().unwrap()));
                prop_assert_eq!(played.steps.iter().filter(valid).count(), 1);
            }
            Err(Fail::Stopped(Stop::NoWinner { failures })) => {
                prop_assert!(!numbers.iter().any(is_valid));
                prop_assert_eq!(failures.len(), numbers.len().min(16));
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
