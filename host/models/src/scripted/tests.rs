// SPDX-License-Identifier: MIT OR Apache-2.0
//! What rules answer.

use std::sync::Mutex;

use priory_core::model::{ModelSpec, ProviderKind};
use priory_testkit::SimClock;

use super::*;
use crate::testing::{asks, model, offering, prompt, result, says};
use crate::tokens::Tokens;
use crate::wire::Extra;

const RULES: &str = r#"
[[rule]]
when = { user = "read (?<file>[a-z.]+)", last = "user" }
say.reasoning = "I was asked for {file}."
say.calls = [{ tool = "files.read-text", arguments = { path = "{file}", turn = "{turn}", n = 5 } }]

[[rule]]
when = { result = "files.*", is-error = false }
times = 2
say.text = "It says {result:/text/0}."

[[rule]]
when = { result = "files.*" }
say.json = { all = "{result:/text}", first = "it is {result:/text/0}", user = "{user}" }

[[rule]]
when.user-contains = "tired"
say.failure = { kind = "unavailable", reason = "it is tired", retriable = true }

[[rule]]
when.user-contains = "raw"
say.calls = [{ tool = "a", raw = "{{'a': 1}}" }]

[[rule]]
when.user-contains = "wait"
say.delay-ms = 2000
say.text = "done"
say.usage = { input = 7, output = 3, cached = 2 }

[[rule]]
when.tool = "special"
say.text = "with tools"

[[rule]]
when.system = "poet"
say.text = "{{rhyme}} {turn}"
"#;

fn scripted(rules: &str) -> (Scripted, Model, SimClock) {
    let clock = SimClock::at(0);
    let script = Script::parse(rules).unwrap();
    let scripted = Scripted { path: "rules.toml".into(), script, clock: Arc::new(clock.clone()) };
    let spec: ModelSpec = model("x", &[]);
    let tokens = Tokens::of(&spec);
    (scripted, Model { spec, extra: Extra::default(), tokens }, clock)
}

fn answer(prompt: &Prompt) -> Result<Answered, Box<Unanswered>> {
    let (scripted, model, clock) = scripted(RULES);
    let heard = Mutex::new(Vec::new());
    let hear = |delta| heard.lock().unwrap().push(delta);
    let mut future = Box::pin(scripted.complete(&model, prompt, &hear));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(answered) => {
                if let (true, Ok(answered)) = (prompt.streams, &answered) {
                    let texts = heard.lock().unwrap().iter().fold(String::new(), |all, delta| match delta {
                        Delta::Text(text) => all + text,
                        _ => all,
                    });
                    assert_eq!(texts, answered.message.words());
                }
                return answered.map_err(Box::new);
            }
            std::task::Poll::Pending => clock.advance(Duration::from_millis(100)),
        }
    }
}

use std::future::Future as _;

fn words(prompt: &Prompt) -> String {
    answer(prompt).unwrap().message.words()
}

#[test]
fn calls_are_filled_in() {
    let answered = answer(&asks("please read notes.txt now")).unwrap();
    let [Part::Reasoning(reasoning), Part::ToolCall(call)] = answered.message.parts.as_slice() else {
        panic!("{answered:?}")
    };
    assert_eq!(reasoning.text, "I was asked for notes.txt.");
    assert_eq!((call.id.as_str(), call.name.as_str()), ("call_1_0", "files.read-text"));
    assert_eq!(call.arguments.to_value(), serde_json::json!({"path": "notes.txt", "turn": "1", "n": 5}));
    assert_eq!(answered.stop, StopReason::ToolCalls);
    let Part::ToolCall(raw) = &answer(&asks("raw")).unwrap().message.parts[0] else { panic!() };
    assert!(raw.problem.as_ref().unwrap().contains("not JSON"));
}

#[test]
fn a_rule_matches_as_often_as_it_may_in_one_conversation() {
    let mut messages = vec![Message::text(Role::User, "read a")];
    let mut said = Vec::new();
    for turn in 0..4 {
        messages.push(says(Role::Assistant, vec![Part::Text(format!("turn {turn}"))]));
        messages.push(says(Role::Tool, vec![result("c", "files.read-text", r#"{"text": ["A", 1]}"#)]));
        said.push(words(&prompt(messages.clone())));
    }
    let json = r#"{"all":["A",1],"first":"it is A","user":"read a"}"#;
    assert_eq!(said, ["It says A.", "It says A.", json, json]);
    assert_eq!(words(&prompt(messages.clone())), json, "the same request has the same answer");
}

#[test]
fn conditions_hold_together() {
    let poem = prompt(vec![Message::text(Role::System, "You are a poet."), Message::text(Role::User, "hi")]);
    assert_eq!(words(&poem), "{rhyme} 1");
    assert_eq!(words(&offering(&["special"])), "with tools");
}

#[test]
fn what_no_rule_matches_fails_and_says_where_to_add_one() {
    let failure = answer(&asks("who are you?")).unwrap_err().failure;
    let text =
        "model m is not available: no rule of its script matches; add one for the last message, of user: who are you?";
    assert_eq!(failure.to_string(), text);
    let bad = says(Role::Tool, vec![result("c", "files.read-text", "no json")]);
    let failure = answer(&prompt(vec![Message::text(Role::User, "x"), bad])).unwrap_err().failure;
    assert!(failure.to_string().contains("rule 2 of its script"), "{failure}");
}

#[test]
fn failures_times_and_usage_are_pretended() {
    let failure = answer(&asks("are you tired")).unwrap_err().failure;
    assert!(failure.is_retriable() && failure.to_string().contains("it is tired"));
    let answered = answer(&asks("wait")).unwrap();
    assert_eq!((answered.usage.input, answered.usage.output, answered.usage.cached), (7, 3, 2));
    let short = Prompt { time_ms: 500, ..asks("wait") };
    assert_eq!(answer(&short).unwrap_err().failure.kind(), "timeout");
}

#[test]
fn a_stream_has_the_same_words() {
    let poem = prompt(vec![Message::text(Role::System, "poet"), Message::text(Role::User, &*"long ".repeat(50))]);
    assert_eq!(words(&Prompt { streams: true, ..poem }), "{rhyme} 1");
}

#[test]
fn an_answer_has_no_more_tokens_than_it_may() {
    let (scripted, model, _) = scripted(&format!("[[rule]]\nsay.text = \"{}\"", "word ".repeat(500)));
    let prompt = Prompt { output_tokens_max: 20, ..asks("hi") };
    let mut future = Box::pin(scripted.complete(&model, &prompt, &|_| ()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Ok(answered)) = future.as_mut().poll(&mut context) else { panic!() };
    assert_eq!(answered.stop, StopReason::Length);
    assert!(answered.usage.output <= 20 && answered.usage.output > 5, "{:?}", answered.usage);
}

#[test]
fn vectors_of_the_same_words_are_near() {
    let (scripted, model, _) = scripted("[[rule]]\nsay.text = \"x\"");
    let texts = ["The cat sat.", "the CAT sat", "stock markets fell"].map(str::to_owned).to_vec();
    let order = EmbedOrder { model: "m".into(), texts, key: String::new(), spare_input: 0, time_ms: 1 };
    let vectors = scripted.embed(&model, &order).vectors;
    let dot = |a: &Vector, b: &Vector| a.0.iter().zip(b.0.iter()).map(|(a, b)| a * b).sum::<f32>();
    assert!(dot(&vectors[0], &vectors[1]) > 0.99);
    assert!(dot(&vectors[0], &vectors[2]) < 0.5);
}

#[test]
fn what_is_wrong_with_rules_is_told() {
    for (rules, expected) in [
        ("", "needs 1 to"),
        ("[[rule]]\nsay.text = \"{file}\"", "rule 1: `{file}` names `file`, and there are only `user`"),
        ("[[rule]]\nsay.text = \"a } b\"", "brace alone"),
        ("[[rule]]\nwhen.user = \"(\"\nsay.text = \"a\"", "no regular expression"),
        ("[[rule]]\nwhen.usr = \"a\"\nsay.text = \"a\"", "unknown field `usr`"),
        ("[[rule]]\nsay.text = \"a\"\nsay.json = 1", "both `text` and `json`"),
        ("[[rule]]\nsay.calls = [{ tool = \"a\", raw = \"\", arguments = {} }]", "both `arguments` and `raw`"),
    ] {
        let error = Script::parse(rules).unwrap_err();
        assert!(error.contains(expected), "{rules}: {error}");
    }
    let provider = crate::testing::provider(ProviderKind::Scripted, None);
    assert!(crate::wire::of(&provider).is_none());
}
