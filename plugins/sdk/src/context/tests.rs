// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stays in a window, what goes, and what is said of it.

use super::*;
use crate::model::{Completion, Message, Part, Request, Role, StopReason, ToolCall};
use crate::outside::Outside;
use crate::stage::{Stage, answered};
use crate::tokens;

const SMALL: Budgets = Budgets { system: 50, pinned: 50, recent: 200, retrieved: 40, summary: 50 };

fn call(id: &str) -> Message {
    let part = ToolCall {
        id: id.to_owned(),
        name: "files.read".to_owned(),
        arguments: "{}".to_owned(),
        problem: None,
        opaque: None,
    };
    Message { parts: vec![Part::ToolCall(part)], ..Message::assistant("") }
}

fn result(id: &str, content: &str) -> Message {
    let Part::ToolCall(call) = call(id).parts.remove(0) else { unreachable!() };
    Message::results([call.answered(content)])
}

fn words(count: usize) -> String {
    "word ".repeat(count)
}

fn labels(window: &Window) -> Vec<&str> {
    window.messages().iter().map(|message| message.label.as_deref().unwrap()).collect()
}

fn artifact(stage: &Stage, place: usize) -> serde_json::Value {
    serde_json::from_slice(stage.kept().values().nth(place).unwrap()).unwrap()
}

#[test]
fn every_message_says_why_it_is_there() {
    let mut window = Window::new(SMALL);
    window.system("be brief").unwrap();
    window.pin("the task").unwrap();
    window.begin_with("what was before");
    window.said(Message::assistant("hello"));
    window.said(Message::user("no").labelled("feedback"));
    window.retrieved(&Stage::new([]), "Found:", &["a fact".into()]);
    assert_eq!(labels(&window), ["system", "pinned", "summary", "recent", "feedback", "retrieved"]);
    let counted: u64 = window.messages().iter().map(tokens::of_message).sum();
    assert_eq!(window.tokens(), counted);
}

#[test]
fn what_must_stay_and_does_not_fit_is_refused() {
    let mut window = Window::new(SMALL);
    let failure = window.pin(words(60)).unwrap_err().to_string();
    assert!(
        failure.contains("part `pinned`") && failure.contains("64 tokens") && failure.contains("window.pinned"),
        "{failure}"
    );
    window.system(words(40)).unwrap();
    window.system(words(40)).unwrap_err();
    assert_eq!(window.messages().len(), 1);
}

#[test]
fn nothing_goes_while_there_is_room() {
    let mut window = Window::new(SMALL);
    window.said(Message::user(words(190)));
    let stage = Stage::new([]);
    assert_eq!(window.fit(&stage, &ByModel::default()), None);
    assert!(stage.asked().is_empty() && stage.kept().is_empty());
}

#[test]
fn the_oldest_go_whole_into_an_artifact_and_into_the_summary() {
    let mut window = Window::new(SMALL);
    window.system("be brief").unwrap();
    window.pin("the task").unwrap();
    for number in 0..4 {
        window.said(Message::user(format!("{number} {}", words(60))));
    }
    let stage = Stage::new([answered("they counted")]);
    let compacted = window.fit(&stage, &ByModel::default()).unwrap();
    // Half of the budget is free: one message is left.
    assert_eq!((compacted.messages, compacted.summary.as_str(), &compacted.problem), (3, "they counted", &None));
    assert_eq!(labels(&window), ["system", "pinned", "summary", "recent"]);
    let kept = artifact(&stage, 0);
    assert_eq!(kept["messages"].as_array().unwrap().len(), 3);
    assert_eq!(kept["messages"][0]["parts"][0]["text"].as_str().unwrap(), format!("0 {}", words(60)));
    let summary = window.messages()[2].words();
    let reference = compacted.artifact.unwrap().artifact;
    assert!(
        summary.contains("they counted") && summary.contains(&reference) && summary.contains("3 messages"),
        "{summary}"
    );
    assert!(stage.told()[0].contains("3 messages are summarised"));
    let asked = &stage.asked()[0];
    assert_eq!((asked.purpose.as_deref(), asked.output_tokens_max), (Some("compaction"), Some(50)));
    assert!(asked.messages[1].words().contains("[user] 2 word"), "{}", asked.messages[1].words());
}

#[test]
fn a_summary_is_extended_from_the_one_before_and_what_goes() {
    let mut window = Window::new(SMALL);
    let stage = Stage::new([answered("first notes"), answered("second notes")]);
    for round in 0..2 {
        for _ in 0..4 {
            window.said(Message::user(format!("round {round} {}", words(60))));
        }
        window.fit(&stage, &ByModel::default()).unwrap();
    }
    let asked = stage.asked()[1].messages[1].words();
    assert!(asked.contains("<notes>\nfirst notes\n</notes>") && asked.contains("[user] round 1"), "{asked}");
    assert!(labels(&window).iter().filter(|label| **label == "summary").count() == 1);
    assert_eq!(window.summary(), Some("second notes"));
    // Each artifact says where the one before is, so all of it is found.
    assert_eq!(artifact(&stage, 0)["before"], serde_json::Value::Null);
    assert_eq!(artifact(&stage, 1)["before"], stage.kept().keys().next().unwrap().as_str());
}

#[test]
fn a_call_and_its_result_are_never_torn_apart() {
    for first in 1..80 {
        let mut window = Window::new(SMALL);
        window.said(Message::user(words(first)));
        for id in ["1", "2", "3"] {
            window.said(call(id));
            window.said(result(id, &words(60)));
        }
        let stage = Stage::new([answered("notes")]);
        window.fit(&stage, &ByModel::default()).unwrap();
        for pair in window.messages().windows(2) {
            if pair[1].role == Role::Tool {
                assert!(pair[0].calls().count() == 1);
            }
        }
        let calls = window.messages().iter().filter(|message| message.calls().count() > 0).count();
        let results = window.messages().iter().filter(|message| message.role == Role::Tool).count();
        assert_eq!(calls, results);
        assert!(calls >= 1, "the newest stay");
    }
}

#[test]
fn what_is_pinned_between_stays_where_it_is() {
    let mut window = Window::new(SMALL);
    window.said(Message::user(words(90)));
    window.pin("the question").unwrap();
    window.said(Message::assistant(words(90)));
    window.said(Message::assistant(words(90)));
    window.fit(&Stage::new([answered("notes")]), &ByModel::default()).unwrap();
    assert_eq!(labels(&window), ["pinned", "summary", "recent"]);
    // The newest stays even where it alone is too much, and then nothing is done.
    let mut window = Window::new(SMALL);
    window.said(Message::assistant(words(500)));
    assert_eq!(window.fit(&Stage::new([]), &Headlines), None);
}

#[test]
fn without_a_summary_there_are_headlines_and_the_reason() {
    let fill = |window: &mut Window| (0..4).for_each(|at| window.said(Message::user(format!("{at} {}", words(60)))));
    let mut window = Window::new(SMALL);
    fill(&mut window);
    let stage = Stage::new([]).then_fails(Failure::unavailable_now("model fast", "busy"));
    let compacted = window.fit(&stage, &ByModel::default()).unwrap();
    assert_eq!(compacted.problem.as_deref(), Some("model fast: busy"));
    let summary = window.messages()[0].words();
    assert!(summary.contains("only headlines") && summary.contains("model fast: busy"), "{summary}");
    assert!(compacted.summary.contains("[user] 2 word"), "{}", compacted.summary);
    // A model that refuses or says nothing has made no summary either.
    for answer in [answered(" "), Completion { stop: StopReason::Refused, ..answered("no") }] {
        let mut window = Window::new(SMALL);
        fill(&mut window);
        assert!(window.fit(&Stage::new([answer]), &ByModel::default()).unwrap().problem.is_some());
    }
}

#[test]
fn headlines_are_bounded_and_say_what_is_not_there() {
    let dropped: Vec<Message> = (0..50).map(|at| Message::user(format!("line {at}\nmore of it"))).collect();
    let text = Headlines.extend(&Stage::new([]), Some("[user] older"), &dropped, 30).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let shown = rest.lines().count();
    assert_eq!(first, format!("({} older lines are only in the artifacts)", 51 - shown));
    assert!(rest.ends_with("[user] line 49") && tokens::estimate(rest) <= 40, "{rest}");
}

#[test]
fn a_summary_has_a_bounded_length_and_what_is_cut_is_kept() {
    let mut window = Window::new(SMALL);
    (0..4).for_each(|_| window.said(Message::user(words(60))));
    let stage = Stage::new([answered(&words(500))]);
    let compacted = window.fit(&stage, &ByModel::default()).unwrap();
    assert!(tokens::estimate(&compacted.summary) < 200, "{}", compacted.summary);
    assert!(compacted.summary.contains("[cut here; the whole is in the artifact blake3:"), "{}", compacted.summary);
    assert!(stage.kept().values().any(|kept| kept == words(500).trim().as_bytes()));
    let cut = Completion { stop: StopReason::Length, ..answered("half of") };
    let mut window = Window::new(SMALL);
    (0..4).for_each(|_| window.said(Message::user(words(60))));
    let compacted = window.fit(&Stage::new([cut]), &ByModel::default()).unwrap();
    assert_eq!(compacted.summary, "half of [the notes were cut here at their length]");
}

#[test]
fn what_cannot_be_kept_is_said_to_be_in_the_record() {
    let mut window = Window::new(SMALL);
    (0..4).for_each(|_| window.said(Message::user(words(60))));
    let compacted = window.fit(&Stage::new([answered("notes")]).keeps_nothing(), &ByModel::default()).unwrap();
    assert_eq!(compacted.artifact, None);
    let summary = window.messages()[0].words();
    assert!(summary.contains("only in the record of the run") && summary.contains("denied"), "{summary}");
}

#[test]
fn what_was_looked_up_is_replaced_and_what_does_not_fit_is_kept() {
    let stage = Stage::new([]);
    let mut window = Window::new(SMALL);
    window.retrieved(&stage, "Found:", &["old".into()]);
    window.said(Message::user("then"));
    let facts: Vec<String> = (0..9).map(|at| format!("fact {at} {}", words(5))).collect();
    window.retrieved(&stage, "Found:", &facts);
    assert_eq!(labels(&window), ["recent", "retrieved"]);
    let shown = window.messages()[1].words();
    assert!(shown.contains("- fact 0") && !shown.contains("fact 8"), "{shown}");
    let count = shown.matches("- fact").count();
    assert!(
        shown.contains(&format!("({} more were found and do not fit; they are in the artifact blake3:", 9 - count)),
        "{shown}"
    );
    let kept = stage.kept();
    let rest = std::str::from_utf8(kept.values().next().unwrap()).unwrap();
    assert_eq!(rest.matches("fact").count(), 9 - count);
    window.retrieved(&stage, "Found:", &[]);
    assert_eq!(labels(&window), ["recent"]);
}

#[test]
fn a_long_text_stays_as_far_as_there_is_room() {
    let (stage, mut window) = (Stage::new([]), Window::new(Budgets { pinned: 400, ..SMALL }));
    window.pin("the task").unwrap();
    window.pin_long(&stage, "short").unwrap();
    assert!(window.readable().is_empty());
    window.pin_long(&stage, &words(500)).unwrap();
    let shown = window.messages()[2].words();
    assert!(shown.contains("of 2500 bytes are shown; the whole is in the artifact blake3:"), "{shown}");
    assert!(window.tokens() <= 400, "{}", window.tokens());
    assert_eq!((window.readable().len(), window.readable()[0].bytes), (1, 2_500));
    // Where there is hardly any room there is only where it is, and in the end it is refused.
    assert!((0..9).any(|_| window.pin_long(&stage, &words(500)).is_err()));
}

#[test]
fn asking_leaves_the_window_as_it_is() {
    let mut window = Window::new(SMALL);
    window.pin("the task").unwrap();
    let before = window.messages().to_vec();
    let stage = Stage::new([answered("done")]).then_fails(Failure::other("no"));
    let mut request = Request::new([Message::user("not sent")]);
    assert_eq!(window.ask(&stage, &mut request).unwrap().words(), "done");
    assert_eq!((window.messages(), &stage.asked()[0].messages), (&before[..], &before));
    window.ask(&stage, &mut request).unwrap_err();
    assert_eq!((window.messages(), request.messages.len()), (&before[..], 0));
}

#[test]
fn budgets_are_read_by_part() {
    let get = |key: &str| Ok((key == "window.recent").then(|| "1000".to_owned()));
    assert_eq!(Budgets::read(get).unwrap(), Budgets { recent: 1_000, ..Budgets::default() });
    let wrong = Budgets::read(|_| Ok(Some("x".into()))).unwrap_err().to_string();
    assert!(wrong.contains("configuration key window.system"), "{wrong}");
}

#[test]
fn budgets_fit_the_model() {
    let budgets = Budgets { system: 100, pinned: 200, recent: 400, retrieved: 200, summary: 100 };
    assert_eq!((budgets.within(None), budgets.within(Some(1_000))), (budgets, budgets));
    let half = Budgets { system: 50, pinned: 100, recent: 200, retrieved: 100, summary: 50 };
    assert_eq!(budgets.within(Some(500)), half);
    let huge = Budgets { recent: u64::MAX, ..budgets };
    assert!(huge.within(Some(1_000)).recent <= 1_000);
}

#[test]
fn a_stage_reads_what_it_keeps() {
    let stage = Stage::new([]);
    let reference = stage.keep(b"abc").unwrap();
    assert_eq!(stage.read(&reference.artifact, 1, 9).unwrap(), b"bc");
}
