// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several on one transcript.

use priory_patterns::conversation::{Conversation, Ended, Said, Talk, chosen, moderated, round_robin};
use priory_patterns::{Roster, Stop};
use serde_json::{Value, json};

use crate::scene::{Ask, Fail, Outcome, Played, play};

type Result = std::result::Result<Talk, Fail>;

fn order(turns_max: usize, turns_are_enough: bool) -> Conversation {
    let speakers = Roster::named(["ann", "bob", "cy"]).unwrap();
    Conversation { topic: json!("tea"), speakers, turns_max, window: 2, turns_are_enough }
}

/// Each says which turn it is; a turn that the table names says something else.
fn says(table: &[(u64, Value)]) -> impl Fn(&Ask) -> Outcome {
    move |ask| {
        let turn = ask.input["turn"].as_u64().unwrap();
        Ok(table.iter().find(|(at, _)| *at == turn).map_or(json!(turn), |(_, says)| says.clone()))
    }
}

fn never(_: &[Said]) -> std::result::Result<bool, Fail> {
    Ok(false)
}

fn robin(order: Conversation, table: &[(u64, Value)]) -> Played<Result> {
    play(0, says(table), |scene| round_robin(order, move |who, input| scene.ask(who, input), never))
}

fn speakers(talk: &Talk) -> Vec<&str> {
    talk.transcript.iter().map(|said| &*said.speaker).collect()
}

#[test]
fn by_turns_until_the_turns_are_spent() {
    let played = robin(order(4, true), &[]);
    let talk = played.result.as_ref().unwrap();
    assert_eq!(speakers(talk), ["ann", "bob", "cy", "ann"]);
    assert_eq!((talk.ended, &talk.result), (Ended::Turns, &json!(4)));
    let shown = played.of("ann")[1];
    assert_eq!(shown["transcript"], json!([{ "speaker": "bob", "says": 2 }, { "speaker": "cy", "says": 3 }]));
    assert_eq!((&shown["before"], &shown["turns-max"], &shown["speaker"]), (&json!(1), &json!(4), &json!("ann")));
    let stop = Stop::TurnsSpent { pattern: "the conversation", most: 4 };
    assert_eq!(robin(order(4, false), &[]).result, Err(Fail::Stopped(stop)));
}

#[test]
fn a_speaker_ends_it() {
    let talk = robin(order(9, false), &[(2, json!({ "says": "bye", "stop": true }))]).result.unwrap();
    assert_eq!((talk.ended, talk.result, talk.transcript.len()), (Ended::Speaker, json!("bye"), 2));
    let talk = robin(order(9, false), &[(1, json!({ "stop": true }))]).result.unwrap();
    assert_eq!(talk.ended, Ended::Speaker);
}

#[test]
fn rules_choose_and_end() {
    let next = |said: &[Said]| Ok(Some(if said.len().is_multiple_of(2) { "cy".to_owned() } else { "ann".to_owned() }));
    let is_over = |said: &[Said]| Ok(said.len() == 3);
    let talk =
        play(0, says(&[]), |scene| chosen(order(9, false), move |who, input| scene.ask(who, input), next, is_over));
    let talk = talk.result.unwrap();
    assert_eq!((speakers(&talk), talk.ended), (vec!["cy", "ann", "cy"], Ended::Rule));
    let nobody = |said: &[Said]| Ok((said.is_empty()).then(|| "bob".to_owned()));
    let talk =
        play(0, says(&[]), |scene| chosen(order(9, false), move |who, input| scene.ask(who, input), nobody, never));
    assert_eq!(talk.result.unwrap().ended, Ended::Moderator);
    let stranger = |_: &[Said]| Ok(Some("zed".to_owned()));
    let talk =
        play(0, says(&[]), |scene| chosen(order(9, false), move |who, input| scene.ask(who, input), stranger, never));
    assert!(matches!(talk.result, Err(Fail::Stopped(Stop::UnknownWorker { .. }))));
}

fn with_moderator(replies: &[Value]) -> Played<Result> {
    let mut at = 0;
    let reply = move |ask: &Ask| {
        if ask.who != "mo" {
            return Ok(json!("hm"));
        }
        at += 1;
        Ok(replies[at - 1].clone())
    };
    play(0, reply, |scene| async move {
        let moderate = |view| scene.ask("mo", view);
        moderated(order(9, false), moderate, |who, input| scene.ask(who, input), never).await
    })
}

#[test]
fn a_moderator_gives_the_word_and_the_result() {
    let played = with_moderator(&[json!({ "next": "bob" }), json!({ "stop": true, "result": 42 })]);
    let talk = played.result.as_ref().unwrap();
    assert_eq!((speakers(talk), talk.ended, &talk.result), (vec!["bob"], Ended::Moderator, &json!(42)));
    assert_eq!(played.of("mo")[1].get("speaker"), None);
    let played = with_moderator(&[json!({ "next": "zed" }), json!({ "stop": true })]);
    assert_eq!(played.result.unwrap().result, Value::Null);
    let played = with_moderator(&vec![json!("well"); 3]);
    assert!(matches!(played.result, Err(Fail::Stopped(Stop::Unreadable { .. }))));
}
