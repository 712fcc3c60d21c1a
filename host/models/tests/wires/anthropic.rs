// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only Anthropic's messages have.

use std::sync::Arc;

use priory_core::model::{Ability, Choice, Effort, ModelSpec, Part, Prompt, ProviderSpec, Reasoning, Role};
use priory_testkit::provider::{Act, Answer, Event, Place, Say, Tokens, UsageForm};
use serde_json::{Value, json};

use super::case::{Case, called, case, message, result};

const HELLO: &str = "text \"Hello\"; End; 11+7";

/// Configures a model that thinks.
fn thinking(id: &'static str) -> impl Fn(&mut ProviderSpec, &mut ModelSpec) + Send + Sync + 'static {
    move |_, model| {
        let info = Arc::make_mut(&mut model.info);
        info.id = id.into();
        info.abilities.push(Ability::Reasoning);
    }
}

/// Asks while a tool is answering, after the model thought.
fn after_thinking(prompt: &mut Prompt) {
    let seal = |text: &str, opaque: &str| {
        Part::Reasoning(Reasoning { text: text.to_owned(), opaque: Some(format!("anthropic:{opaque}")) })
    };
    prompt.messages.extend([
        message(
            Role::Assistant,
            vec![seal("Hm.", "seal-1"), seal("", "hidden seal-2"), called("c1", "fs.read", r#"{"path":"a"}"#)],
        ),
        message(Role::Tool, vec![result("c1", "fs.read", "words")]),
    ]);
}

fn hello() -> Vec<Act> {
    vec![Act::text("Hello")]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = thoughts();
    cases.extend(requests());
    cases.extend(streams());
    cases
}

fn thoughts() -> Vec<Case> {
    let thought = || {
        let says = vec![
            Say::Reasoning("Hm, é.".to_owned(), Some("seal-1".to_owned())),
            Say::Hidden("seal-2".to_owned()),
            Say::call("c1", "fs__read", "{}"),
        ];
        vec![Act::answer(Answer::of(says))]
    };
    vec![
        case("what was thought is sealed", thought)
            .is("thought \"Hm, é.\" <anthropic:seal-1> | thought \"\" <anthropic:hidden seal-2> | call c1 fs.read {}; ToolCalls; 11+7"),
        case("what was thought goes back as it came", hello).asks(after_thinking).is(HELLO).sends(|asked| {
            assert_eq!(asked[0].body["messages"][1]["content"], json!([
                {"type": "thinking", "thinking": "Hm.", "signature": "seal-1"},
                {"type": "redacted_thinking", "data": "seal-2"},
                {"type": "tool_use", "id": "c1", "name": "fs__read", "input": {"path": "a"}},
            ]));
        }),
        case("thinking by tokens", hello)
            .with(thinking("claude-sonnet-4-5"))
            .asks(|prompt| prompt.sampling.effort = Some(Effort::High))
            .asks(|prompt| prompt.sampling.temperature_milli = Some(500))
            .is(HELLO)
            .sends(|asked| {
                assert_eq!(asked[0].body["thinking"], json!({"type": "enabled", "budget_tokens": 2_048}));
                assert_eq!(asked[0].body.get("temperature"), None);
            }),
        case("thinking while a tool answers that nobody thought about", hello)
            .with(thinking("claude-sonnet-4-5"))
            .asks(super::conversations::with_old_call)
            .asks(|prompt| prompt.sampling.effort = Some(Effort::High))
            .is(HELLO)
            .sends(|asked| assert_eq!(asked[0].body.get("thinking"), None)),
        case("thinking while a tool answers", hello)
            .with(thinking("claude-sonnet-4-5"))
            .asks(after_thinking)
            .asks(|prompt| prompt.sampling.effort = Some(Effort::Low))
            .is(HELLO)
            .sends(|asked| assert_eq!(asked[0].body["thinking"]["budget_tokens"], 1_024)),
        case("thinking as the model likes", hello)
            .with(thinking("claude-opus-4-7"))
            .asks(|prompt| prompt.sampling.effort = Some(Effort::Medium))
            .asks(|prompt| prompt.sampling.temperature_milli = Some(500))
            .is(HELLO)
            .sends(|asked| {
                assert_eq!(asked[0].body["thinking"], json!({"type": "adaptive", "display": "summarized"}));
                assert_eq!(asked[0].body["output_config"], json!({"effort": "medium"}));
                assert_eq!(asked[0].body.get("temperature"), None);
            }),
        case("thinking while a tool has to be called", hello)
            .with(thinking("claude-opus-4-7"))
            .asks(|prompt| prompt.sampling.effort = Some(Effort::High))
            .asks(|prompt| prompt.sampling.choice = Choice::Any)
            .is(HELLO)
            .sends(|asked| {
                assert_eq!(asked[0].body["tool_choice"], json!({"type": "any"}));
                assert_eq!(asked[0].body.get("thinking"), None, "it would be refused");
            }),
        case("thinking that cannot be turned off", hello)
            .with(thinking("claude-opus-5-5"))
            .asks(after_thinking)
            .asks(|prompt| prompt.sampling.effort = Some(Effort::None))
            .is(HELLO)
            .sends(|asked| {
                let binding = json!({"prefix_mismatch_behavior": "drop_block"});
                assert_eq!(asked[0].body["thinking"]["block_binding"], binding);
                assert_eq!(asked[0].header("anthropic-beta"), Some("thinking-binding-controls-2026-08-01"));
                assert_eq!(asked[0].body["output_config"], json!({"effort": "low"}));
            }),
    ]
}

fn requests() -> Vec<Case> {
    let marks = |value: &Value| value.to_string().matches("cache_control").count();
    vec![
        case("what is cached is marked", hello)
            .asks(super::conversations::with_old_call)
            .with(|_, model| model.caches_prompt = true)
            .is(HELLO)
            .sends(move |asked| {
                let body = &asked[0].body;
                assert_eq!(marks(&body["tools"][0]), 1);
                assert_eq!(marks(&body["system"][0]), 1);
                let messages: Vec<usize> = body["messages"].as_array().unwrap().iter().map(marks).collect();
                assert_eq!(messages, [1, 0, 1]);
            }),
        case("who cannot be told to call is asked to", hello)
            .with(thinking("claude-opus-5-5"))
            .asks(|prompt| prompt.sampling.choice = Choice::Only("fs.read".to_owned()))
            .is(HELLO)
            .sends(|asked| {
                assert_eq!(asked[0].body.get("tool_choice"), None);
                assert_eq!(asked[0].body["system"][1]["text"], "Call the tool `fs__read` now.");
            }),
        case("who can be told to call is told to", hello)
            .asks(|prompt| prompt.sampling.choice = Choice::Only("fs.read".to_owned()))
            .is(HELLO)
            .sends(|asked| assert_eq!(asked[0].body["tool_choice"], json!({"type": "tool", "name": "fs__read"}))),
        case("a stop sequence of spaces", Vec::new)
            .asks(|prompt| prompt.sampling.stop = vec![" \n".to_owned()])
            .is("invalid; 0 attempts")
            .says("stop sequence"),
        case("a file that it does not take", Vec::new)
            .asks(|prompt| {
                let media = super::case::media(prompt, "audio/mp3", b"...");
                prompt.messages.push(message(Role::User, vec![Part::File(media)]));
            })
            .is("invalid; 0 attempts")
            .says("audio/mp3"),
        case("usage of the cache", || {
            let tokens = Tokens { input: 100, output: 9, cached: 60, cache_written: 30, reasoning: 0 };
            vec![Act::answer(Answer::text("Hello").took(UsageForm::Right(tokens)))]
        })
        .is("text \"Hello\"; End; 100+9 cached 60 written 30"),
    ]
}

fn streams() -> Vec<Case> {
    let ended = |word: &'static str| move || vec![Act::answer(Answer::text("Hello").stopped(word))];
    let overloaded = |at: usize| {
        move |events: &mut Vec<Event>| {
            let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
            events.truncate(at);
            events.push(Event::typed(&error));
        }
    };
    let whole_input = |events: &mut Vec<Event>| {
        events.retain(|event| !event.data.contains("input_json_delta"));
        for event in events.iter_mut() {
            event.data = event.data.replace("\"input\":{}", "\"input\":{\"path\":\"a\"}");
        }
    };
    let without =
        |word: &'static str| move |events: &mut Vec<Event>| events.retain(|event| event.name.as_deref() != Some(word));
    let unnamed = |events: &mut Vec<Event>| events.iter_mut().for_each(|event| event.name = None);
    vec![
        case("a refusal", || vec![Act::answer(Answer::of(vec![Say::Refusal("No.".to_owned())]))])
            .is("text \"No.\"; Refused; 11+7"),
        case("a turn that was paused", ended("pause_turn")).is("text \"Hello\"; Length; 11+7"),
        case("a window that is full", ended("model_context_window_exceeded")).is("text \"Hello\"; Length; 11+7"),
        case("a stop sequence", ended("stop_sequence")).is("text \"Hello\"; StopSequence; 11+7"),
        case("an error before anything was said", move || {
            vec![Act::text("Hello").events_edited(overloaded(2)), Act::text("Hello")]
        })
        .stream("text \"Hello\"; End; 11+7; lost 11+0; 2 attempts"),
        case("an error after something was said", move || vec![Act::text("Hello").events_edited(overloaded(4))])
            .stream("unavailable retriable; lost 11+1")
            .says("Overloaded"),
        case("arguments that come with the call", move || {
            vec![Act::answer(Answer::call("c1", "fs__read", "{}")).events_edited(whole_input)]
        })
        .stream(r#"call c1 fs.read {"path":"a"}; ToolCalls; 11+7"#),
        case("blocks without an end", move || {
            let says =
                vec![Say::text("a"), Say::call("c1", "fs__read", r#"{"path":"a"}"#), Say::call("c2", "fs__read", "{}")];
            vec![Act::answer(Answer::of(says)).events_edited(without("content_block_stop"))]
        })
        .stream(r#"text "a" | call c1 fs.read {"path":"a"} | call c2 fs.read {}; ToolCalls; 11+7"#),
        case("a message without its last event", move || {
            vec![Act::text("Hello").events_edited(without("message_stop"))]
        })
        .stream(HELLO),
        case("a message that does not say why it ends", move || {
            vec![Act::text("Hello").events_edited(without("message_delta"))]
        })
        .stream("text \"Hello\"; End; 11+1"),
        case("a message without its first event", move || {
            vec![Act::text("Hello").events_edited(without("message_start"))]
        })
        .stream("text \"Hello\"; End; 89+7"),
        case("events without names", move || vec![Act::text("Hello").events_edited(unnamed)]).stream(HELLO),
        case("a pause in the middle of the header", || vec![Act::text("Hello").hold_at(Place::InHead)]).is(HELLO),
    ]
}
