// SPDX-License-Identifier: MIT OR Apache-2.0
//! Votes: what is decided early is what a full count says.

use std::collections::BTreeMap;

use priory_patterns::Stop;
use priory_patterns::vote::{Ballot, Elected, Majority, Voter, vote};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scene::{Ask, Fail, Outcome, Played, own, play};

type Result = std::result::Result<Elected, Fail>;

/// One voter: its weight, and what it chooses; `None` fails.
type Vote = (u32, Option<u8>);

fn voted(seed: u64, votes: &[Vote], quorum: usize, majority: Majority) -> Played<Result> {
    let name = |at: usize| format!("v{at}");
    let voters = votes.iter().enumerate().map(|(at, (weight, _))| Voter { name: name(at), weight: *weight }).collect();
    let reply = |ask: &Ask| -> Outcome {
        let (_, choice) = votes[ask.who[1..].parse::<usize>().unwrap()];
        choice.map(|choice| json!({ "choice": choice.to_string() })).ok_or_else(|| own("asleep"))
    };
    let choice = |_: &str, reply: &Value| Ok(reply["choice"].as_str().unwrap().to_owned());
    play(seed, reply, |scene| vote(Ballot { voters, quorum, majority }, move |who| scene.ask(who, Value::Null), choice))
}

/// Counts all votes when everybody has replied.
fn counted(votes: &[Vote], quorum: usize, majority: Majority) -> std::result::Result<String, &'static str> {
    let cast: Vec<(u64, u8)> =
        votes.iter().filter_map(|(weight, choice)| Some((u64::from(*weight), (*choice)?))).collect();
    if cast.len() < quorum.max(1) {
        return Err("no-quorum");
    }
    let mut sums: BTreeMap<u8, u64> = BTreeMap::new();
    cast.iter().for_each(|(weight, choice)| *sums.entry(*choice).or_default() += weight);
    let all: u64 = cast.iter().map(|(weight, _)| weight).sum();
    let most = *sums.values().max().unwrap();
    let is_enough = match majority {
        Majority::Over(part) => most as f64 > part * all as f64,
        Majority::Plurality => most > 0,
    };
    let leaders: Vec<u8> = sums.iter().filter(|(_, sum)| **sum == most).map(|(choice, _)| *choice).collect();
    match leaders.as_slice() {
        _ if !is_enough => Err("no-majority"),
        [choice] => Ok(choice.to_string()),
        _ => Err("tie"),
    }
}

fn told(result: &Result) -> std::result::Result<String, &'static str> {
    match result {
        Ok(elected) => Ok(elected.choice.clone()),
        Err(Fail::Stopped(stop)) => Err(stop.kind()),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn it_ends_when_the_rest_cannot_change_it() {
    let votes: Vec<Vote> = vec![(1, Some(1)); 5];
    let played = voted(0, &votes, 1, Majority::default());
    let elected = played.result.as_ref().unwrap();
    assert_eq!((&*elected.choice, elected.voters.len(), played.withdrawn()), ("1", 3, 2));
    assert_eq!(elected.to_value()["votes"], json!({ "1": 3 }));
    // One whose vote weighs more than all others together decides alone.
    let played = voted(0, &[(9, Some(2)), (1, Some(1)), (1, Some(1))], 1, Majority::Plurality);
    assert_eq!(told(&played.result).unwrap(), "2");
    // A quorum waits for voters, however clear it is.
    assert_eq!(voted(0, &votes, 5, Majority::default()).withdrawn(), 0);
}

#[test]
fn it_may_have_no_result() {
    let none = |votes: &[Vote], quorum, majority| voted(0, votes, quorum, majority).result.unwrap_err();
    let votes = [(1, Some(1)), (1, Some(2))];
    let between = vec!["1".to_owned(), "2".to_owned()];
    assert_eq!(none(&votes, 1, Majority::Plurality), Fail::Stopped(Stop::Tie { between }));
    assert!(matches!(none(&votes, 1, Majority::default()), Fail::Stopped(Stop::NoMajority { .. })));
    let failures = vec!["v0: asleep".to_owned()];
    let no_quorum = Stop::NoQuorum { needed: 1, got: 0, failures };
    assert_eq!(none(&[(1, None)], 0, Majority::default()), Fail::Stopped(no_quorum));
    assert!(matches!(none(&[], 0, Majority::default()), Fail::Stopped(Stop::NoQuorum { .. })));
}

fn any_majority() -> impl Strategy<Value = Majority> {
    prop_oneof![
        Just(Majority::Plurality),
        Just(Majority::default()),
        prop::sample::select(vec![0.0, 0.25, 1.0 / 3.0, 0.4, 2.0 / 3.0, 0.75, 1.0]).prop_map(Majority::Over),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_decided_early_is_what_a_full_count_says(
        seed: u64,
        votes in prop::collection::vec((0_u32..4, prop::option::weighted(0.8, 0_u8..3)), 0..9),
        quorum in 0_usize..8,
        majority in any_majority(),
    ) {
        let played = voted(seed, &votes, quorum, majority);
        prop_assert_eq!(told(&played.result), counted(&votes, quorum, majority));
    }
}
