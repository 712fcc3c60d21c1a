// SPDX-License-Identifier: MIT OR Apache-2.0
//! Agents that think, with models that a test plays.

use serde_json::{Value, json};

use super::*;
use crate::Kind;
use crate::bindings::priory::agent::types;
use crate::budget::Remaining;
use crate::context::Budgets;
use crate::model::{Choice, Completion, Definition, Message, Part, Request, Role, StopReason, ToolResult};
use crate::stage::{PLENTY, Stage, answered, fits, wants};
use crate::tokens;

fn window() -> Window {
    let mut window = Window::new(Budgets::default());
    window.system("You are an agent.").unwrap();
    window.pin("the task").unwrap();
    window
}

fn thinks(stage: &Stage, rules: &Rules) -> Result<Thought, Failure> {
    think(stage, rules, &mut window())
}

/// A stage with two tools: one gives its arguments back, one fails.
fn tools(answers: impl IntoIterator<Item = Completion>) -> Stage {
    Stage::new(answers).tools(&["a.echo", "a.fail", "b.long"], |call| match call.name.as_str() {
        "a.echo" => Ok(call.arguments.clone()),
        "b.long" => Ok("word ".repeat(20_000)),
        _ => Err(Failure::with_data("it is not there", &json!({ "not-found": "x.md" }))),
    })
}

fn results(request: &Request) -> Vec<&ToolResult> {
    let last = request.messages.iter().rfind(|message| message.role == Role::Tool);
    let parts = last.into_iter().flat_map(|message| &message.parts);
    parts.filter_map(|part| if let Part::ToolResult(result) = part { Some(result) } else { None }).collect()
}

fn echo(number: u32) -> Completion {
    wants(&[(&format!("c{number}"), "a.echo", &format!("{{\"n\":{number}}}"))])
}

#[test]
fn an_answer_without_tools_is_the_answer() {
    let stage = Stage::new([answered("42")]);
    let thought = thinks(&stage, &Rules::default()).unwrap();
    assert_eq!(thought, Thought { text: "42".into(), output: None, ending: Ending::Answered, turns: 1, calls: 0 });
    let asked = &stage.asked()[0];
    assert_eq!((asked.messages.len(), asked.tools.len(), asked.choice == Choice::Auto), (2, 0, true));
}

#[test]
fn it_calls_tools_and_sees_what_they_give_back() {
    let stage = tools([wants(&[("1", "a.echo", r#"{"x":1}"#), ("2", "a.echo", r#"{"x":2}"#)]), answered("both")]);
    let thought = thinks(&stage, &Rules::default()).unwrap();
    assert_eq!((thought.text.as_str(), thought.turns, thought.calls), ("both", 2, 2));
    // Side by side, and the results in the order of the calls.
    assert_eq!(stage.called().len(), 1);
    assert_eq!(stage.called()[0].len(), 2);
    let asked = stage.asked();
    let given: Vec<_> = results(&asked[1]).iter().map(|r| (r.id.clone(), r.content.clone(), r.is_error)).collect();
    assert_eq!(given, [("1".into(), r#"{"x":1}"#.into(), false), ("2".into(), r#"{"x":2}"#.into(), false)]);
    // The message of the model stands before them unchanged but for its label, and everything has one.
    assert_eq!(
        asked[1].messages[2].parts,
        wants(&[("1", "a.echo", r#"{"x":1}"#), ("2", "a.echo", r#"{"x":2}"#)]).message.parts
    );
    assert!(asked[1].messages.iter().all(|message| message.label.is_some()));
    let offered: Vec<&str> = asked[0].tools.iter().map(|offer| offer.name()).collect();
    assert_eq!(offered, ["a.echo", "a.fail", "b.long"]);
    assert!(stage.is_over());
}

#[test]
fn only_some_tools_are_offered_where_that_is_configured() {
    let stage = tools([wants(&[("1", "b.long", "{}")]), answered("ok")]);
    let rules = Rules { tools: Some(vec!["a.*".into()]), ..Rules::default() };
    thinks(&stage, &rules).unwrap();
    let asked = stage.asked();
    assert_eq!(asked[0].tools.len(), 2);
    // One that is granted and not offered is not called either.
    assert!(stage.called().is_empty());
    assert_eq!(results(&asked[1])[0].content, "there is no tool `b.long`; there are: a.echo, a.fail");
}

#[test]
fn a_wrong_call_is_given_back_as_an_error() {
    let mut wrong = wants(&[("1", "a.echo", "{}"), ("2", "a.echo", r#"{"x":1}"#)]);
    if let Part::ToolCall(call) = &mut wrong.message.parts[0] {
        call.problem = Some("`x` is missing".into());
    }
    let stage = tools([wrong, answered("ok")]);
    thinks(&stage, &Rules::default()).unwrap();
    let asked = stage.asked();
    let given: Vec<_> = results(&asked[1]).iter().map(|result| (result.content.as_str(), result.is_error)).collect();
    assert_eq!(given, [("`x` is missing", true), (r#"{"x":1}"#, false)]);
    assert_eq!(stage.called()[0].len(), 1, "only the right one is performed");
}

#[test]
fn a_failure_is_told_with_what_the_tool_said() {
    let stage = tools([wants(&[("1", "a.fail", "{}")]), answered("ok")]);
    thinks(&stage, &Rules::default()).unwrap();
    assert_eq!(results(&stage.asked()[1])[0].content, r#"it is not there: {"not-found":"x.md"}"#);
    let denial =
        types::Denial { effect: "http GET https://x".into(), by: "plugin web".into(), remedy: "http = []".into() };
    let stage = Stage::new([wants(&[("1", "web.fetch", "{}")]), answered("ok")])
        .tools(&["web.fetch"], move |_| Err(Failure(Kind::Denied(denial.clone()))));
    thinks(&stage, &Rules::default()).unwrap();
    let content = results(&stage.asked()[1])[0].content.clone();
    assert!(content.starts_with("http GET https://x is denied by plugin web; nothing that you say"), "{content}");
    assert!(!content.contains("http = []"), "what would grant it is not the model's affair");
}

#[test]
fn a_tool_that_fails_again_and_again_is_left_alone() {
    let fail = |number: u32| wants(&[("1", "a.fail", &format!("{{\"n\":{number}}}"))]);
    let stage = tools((0..5).map(fail).chain([answered("without")]));
    let thought = thinks(&stage, &Rules { tool_failures_max: 2, ..Rules::default() }).unwrap();
    assert_eq!((thought.text.as_str(), thought.ending), ("without", Ending::Answered));
    assert_eq!(stage.called().len(), 2);
    assert!(results(&stage.asked()[3])[0].content.contains("failed 2 times and is not called any more"));
}

#[test]
fn too_many_failures_end_it() {
    let fail = |number: u32| wants(&[("1", "a.fail", &format!("{{\"n\":{number}}}"))]);
    let stage = tools((0..3).map(fail).chain([answered("so far")]));
    let rules = Rules { failures_max: 3, tool_failures_max: 9, ..Rules::default() };
    let thought = thinks(&stage, &rules).unwrap();
    assert_eq!((thought.ending, thought.turns), (Ending::Failures, 4));
    let asked = stage.asked();
    let last = asked.last().unwrap();
    assert!(last.choice == Choice::None && !last.tools.is_empty());
    assert_eq!(last.messages.last().unwrap().label.as_deref(), Some("stop-rule"));
}

#[test]
fn the_same_call_is_not_made_for_ever() {
    let same = || wants(&[("1", "a.echo", "{}")]);
    let stage = tools((0..5).map(|_| same()).chain([answered("well")]));
    let thought = thinks(&stage, &Rules::default()).unwrap();
    // Three are made; the fourth is refused with the reason, and after the fifth it has to answer.
    assert_eq!((stage.called().len(), thought.ending, thought.turns), (3, Ending::Repeats, 6));
    assert!(results(&stage.asked()[4])[0].content.contains("came to the same 3 times"));
}

#[test]
fn the_same_call_with_another_result_is_no_repetition() {
    let count = std::cell::Cell::new(0);
    let stage = Stage::new((0..6).map(|_| wants(&[("1", "a.count", "{}")])).chain([answered("six")])).tools(
        &["a.count"],
        move |_| {
            count.set(count.get() + 1);
            Ok(count.get().to_string())
        },
    );
    let thought = thinks(&stage, &Rules::default()).unwrap();
    assert_eq!((stage.called().len(), thought.ending), (6, Ending::Answered));
}

#[test]
fn the_last_turn_is_for_the_answer() {
    let stage = tools((0..2).map(echo).chain([answered("in time")]));
    let thought = thinks(&stage, &Rules { turns_max: 3, ..Rules::default() }).unwrap();
    assert_eq!((thought.ending, thought.turns, thought.text.as_str()), (Ending::Turns, 3, "in time"));
    let last = stage.asked().pop().unwrap();
    assert!(last.messages.last().unwrap().words().starts_with("This is your last turn. No more tools can be called."));
    // With one turn it answers in it, and is told nothing about it.
    let stage = tools([answered("at once")]);
    let thought = thinks(&stage, &Rules { turns_max: 1, ..Rules::default() }).unwrap();
    assert_eq!((thought.ending, stage.asked()[0].messages.len()), (Ending::Answered, 2));
    assert!(stage.asked()[0].choice == Choice::None);
}

#[test]
fn who_calls_tools_to_the_last_has_no_answer() {
    let stage = tools((0..20).map(echo));
    let failure = thinks(&stage, &Rules { turns_max: 2, ..Rules::default() }).unwrap_err();
    assert!(failure.to_string().contains("it calls tools that it was told not to call"), "{failure}");
    assert_eq!(failure.data::<Value>().unwrap()["stop"], "no-answer");
    assert!(stage.asked().len() <= 5, "{}", stage.asked().len());
    assert_eq!(stage.called().len(), 1, "none is performed after that");
}

#[test]
fn when_little_is_left_the_answer_is_asked_for() {
    let little = Remaining { tokens_in: 100, ..PLENTY };
    let stage = tools([echo(0), echo(1), answered("short")]).left([PLENTY, little]);
    let thought = thinks(&stage, &Rules::default()).unwrap();
    assert_eq!((thought.ending, thought.text.as_str()), (Ending::Budget, "short"));
    assert!(stage.asked()[2].messages.last().unwrap().words().starts_with("What you may spend is nearly spent."));
}

#[test]
fn what_is_too_long_is_cut_and_can_be_read_on() {
    let on = |offset: u64| {
        wants(&[("2", "read_more", &json!({ "artifact": format!("blake3:{:064x}", 0), "offset": offset }).to_string())])
    };
    let stage = tools([wants(&[("1", "b.long", "{}")]), on(500), on(9_999_999), answered("read")]);
    let rules = Rules { result_tokens: 300, ..Rules::default() };
    thinks(&stage, &rules).unwrap();
    let asked = stage.asked();
    assert_eq!(
        (asked[0].tools.len(), asked[1].tools.len()),
        (3, 4),
        "it is offered when there is something to be read"
    );
    let first = results(&asked[1])[0].content.clone();
    assert!(first.contains("of 100000 bytes are shown; call read_more with"), "{first}");
    assert!(tokens::estimate(&first) < 500);
    let more = results(&asked[2])[0];
    assert!(
        more.content.starts_with("word ") && more.content.contains("[bytes 500 to") && !more.is_error,
        "{}",
        more.content
    );
    assert!(results(&asked[3])[0].is_error);
    assert_eq!(stage.called().len(), 1, "the loop reads itself");
}

#[test]
fn many_results_share_the_room() {
    let calls: Vec<(String, &str)> = (0..20).map(|at| (at.to_string(), "b.long")).collect();
    let calls: Vec<(&str, &str, &str)> = calls.iter().map(|(id, name)| (id.as_str(), *name, "{}")).collect();
    let stage = tools([wants(&calls), answered("much")]);
    let rules = Rules { calls_max: 4, ..Rules::default() };
    thinks(&stage, &rules).unwrap();
    assert_eq!(stage.called()[0].len(), 4);
    let asked = stage.asked();
    let given = results(&asked[1]);
    assert_eq!(given.len(), 20, "every call has an answer");
    assert!(given[4].is_error && given[4].content.contains("at most 4 calls"));
    let sum: u64 = given.iter().map(|result| tokens::estimate(&result.content)).sum();
    assert!(sum < Budgets::default().recent, "{sum}");
}

#[test]
fn an_answer_that_was_cut_goes_on() {
    let cut = |words: &str| Completion { stop: StopReason::Length, ..answered(words) };
    let stage = Stage::new([cut("one "), cut("two "), answered("three")]);
    assert_eq!(thinks(&stage, &Rules::default()).unwrap().text, "one two three");
    assert_eq!(stage.asked()[1].messages.last().unwrap().label.as_deref(), Some("continue"));
    let stage = Stage::new((0..9).map(|_| cut("more ")));
    let thought = thinks(&stage, &Rules { continues_max: 2, ..Rules::default() }).unwrap();
    assert_eq!(thought.text, "more more more  [the answer was cut here at its length]");
    assert_eq!(stage.asked().len(), 3);
}

#[test]
fn an_empty_answer_is_asked_for_again_a_bounded_number_of_times() {
    let stage = Stage::new([answered(""), answered("here")]);
    assert_eq!(thinks(&stage, &Rules::default()).unwrap().text, "here");
    let stage = Stage::new((0..9).map(|_| answered(" ")));
    let failure = thinks(&stage, &Rules::default()).unwrap_err();
    assert!(failure.to_string().contains("it says nothing"), "{failure}");
    assert_eq!(stage.asked().len(), 4);
}

#[test]
fn an_answer_has_to_fit_its_schema() {
    let rules = Rules { output: Some(json!({ "type": "object" })), ..Rules::default() };
    let problem = Completion { problem: Some("`n` is missing".into()), ..answered("{}") };
    let stage = tools([echo(1), problem, fits("{\"n\":1}")]);
    let thought = thinks(&stage, &rules).unwrap();
    assert_eq!((thought.output.as_deref(), thought.turns), (Some("{\"n\":1}"), 3));
    assert!(stage.asked()[2].messages.last().unwrap().words().contains("`n` is missing"));
    let stage = Stage::new((0..9).map(|_| Completion { stop: StopReason::Length, ..answered("{") }));
    let failure = thinks(&stage, &rules).unwrap_err();
    assert!(failure.to_string().contains("it came to its length; answer shorter"), "{failure}");
    assert_eq!(stage.asked().len(), 3);
}

#[test]
fn a_refusal_is_reported() {
    let stage = Stage::new([Completion { stop: StopReason::Refused, ..answered("I cannot help with that.") }]);
    let failure = thinks(&stage, &Rules::default()).unwrap_err();
    assert_eq!(failure.to_string(), "the model refuses to answer: I cannot help with that.");
    assert_eq!(failure.data::<Value>().unwrap()["stop"], "refused");
}

#[test]
fn the_failure_of_the_model_is_passed_on() {
    let stage = Stage::new([]).then_fails(Failure::unavailable_now("model fast", "busy"));
    assert!(matches!(thinks(&stage, &Rules::default()).unwrap_err().kind(), Kind::Unavailable(_)));
    let stage = Stage::new([wants(&[("1", "a.wait", "{}")])])
        .tools(&["a.wait"], |_| Err(Failure(Kind::Cancelled("the operator".into()))));
    assert!(matches!(thinks(&stage, &Rules::default()).unwrap_err().kind(), Kind::Cancelled(_)));
}

#[test]
fn a_program_performs_tools_of_its_own() {
    let mut noted = Vec::new();
    let definition = Definition::new("note", "Notes something.", &json!({ "type": "object" }));
    let stage = tools([wants(&[("1", "note", r#"{"text":"x"}"#), ("2", "note", r#"{"text":""}"#)]), answered("ok")]);
    let mut custom = [Custom::new(definition, |arguments: &Value| match arguments["text"].as_str() {
        Some("") | None => Err(Failure::other("nothing to note")),
        Some(text) => {
            noted.push(text.to_owned());
            Ok("noted".to_owned())
        }
    })];
    think_with(&stage, &Rules::default(), &mut window(), &mut custom).unwrap();
    let asked = stage.asked();
    let given: Vec<_> = results(&asked[1]).iter().map(|result| (result.content.as_str(), result.is_error)).collect();
    assert_eq!(given, [("noted", false), ("nothing to note", true)]);
    drop(custom);
    assert_eq!(noted, ["x"]);
}

#[test]
fn a_long_work_is_summarised_and_goes_on() {
    let budgets = Budgets { recent: 2_000, ..Budgets::default() };
    let mut window = Window::new(budgets);
    window.pin("the task").unwrap();
    let read = |at: u32| wants(&[("1", "b.long", &format!("{{\"n\":{at}}}"))]);
    // From the third turn on there is no room: the answers between are the summaries.
    let stage = tools([read(0), read(1), answered("notes"), read(2), answered("more notes"), answered("done")]);
    let thought = think(&stage, &Rules::default(), &mut window).unwrap();
    assert_eq!((thought.text.as_str(), thought.turns), ("done", 4));
    let asked = stage.asked();
    let is_compaction = |request: &Request| request.purpose.as_deref() == Some("compaction");
    assert_eq!(asked.iter().map(is_compaction).collect::<Vec<_>>(), [false, false, true, false, true, false]);
    let last = asked.last().unwrap();
    assert!(last.messages.iter().any(|message| message.label.as_deref() == Some("summary")));
    assert!(last.messages.iter().map(tokens::of_message).sum::<u64>() < 3_500);
    assert!(last.tools.iter().any(|offer| offer.name() == "read_more"));
}

#[test]
fn more_tools_than_a_model_can_be_offered_are_refused() {
    let names: Vec<String> = (0..128).map(|at| format!("a.tool-{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let stage = Stage::new([answered("x")]).tools(&names, |_| Ok(String::new()));
    let failure = thinks(&stage, &Rules::default()).unwrap_err().to_string();
    assert!(failure.contains("128 are granted") && failure.contains("configuration key `tools`"), "{failure}");
    let rules = Rules { tools: Some(vec!["a.tool-1*".into()]), ..Rules::default() };
    assert_eq!(thinks(&stage, &rules).unwrap().text, "x");
}

#[test]
fn a_text_is_given_back_without_its_quotes() {
    let stage = Stage::new([wants(&[("1", "a.say", "{}")]), answered("ok")])
        .tools(&["a.say"], |_| Ok("\"two\\nlines\"".to_owned()));
    thinks(&stage, &Rules::default()).unwrap();
    assert_eq!(results(&stage.asked()[1])[0].content, "two\nlines");
    let is_first = stage.asked()[0].messages.first() == Some(&Message::system("You are an agent.").labelled("system"));
    assert!(is_first);
}
