// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only Responses have.

use std::sync::Arc;

use priory_core::model::{Ability, Part, Reasoning, Role};
use priory_testkit::provider::{Act, Answer, Event, Say};
use serde_json::{Value, json};

use super::case::{Case, called, case, message, result};

const LOST: &str = "text \"Hello\"; End; 11+7; lost 89+0; 2 attempts";
const HELLO: &str = "text \"Hello\"; End; 11+7";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = thoughts();
    cases.extend(ends());
    cases
}

fn sealed() -> Answer {
    let says = vec![
        Say::Reasoning("Hm, é.".to_owned(), Some("seal-1".to_owned())),
        Say::text("Let me see."),
        Say::call("c1", "fs__read", r#"{"path":"a"}"#),
    ];
    Answer::of(says)
}

fn thoughts() -> Vec<Case> {
    vec![
        case("what was thought is sealed", || vec![Act::answer(sealed())]).is(concat!(
            r#"thought "Hm, é." <responses:{"id":"rs_0","encrypted_content":"seal-1"}> | text "Let me see." | "#,
            r#"call c1 fs.read {"path":"a"}; ToolCalls; 11+7"#
        )),
        case("what was thought in secret is sealed", || {
            vec![Act::answer(Answer::of(vec![Say::Hidden("seal-2".to_owned()), Say::call("c1", "fs__read", "{}")]))]
        })
        .is(r#"thought "" <responses:{"id":"rs_0","encrypted_content":"seal-2"}> | call c1 fs.read {}; ToolCalls; 11+7"#),
        case("what was thought goes back as it came", || vec![Act::text("Hello")])
            .with(|_, model| {
                let info = Arc::make_mut(&mut model.info);
                info.id = "think-1".into();
                info.abilities.push(Ability::Reasoning);
            })
            .asks(|prompt| {
                let sealed = |id: &str| {
                    let opaque = format!(r#"responses:{{"id":"{id}","encrypted_content":"seal-1"}}"#);
                    Part::Reasoning(Reasoning { text: "Hm.".to_owned(), opaque: Some(opaque) })
                };
                prompt.messages.extend([
                    message(Role::Assistant, vec![sealed("rs_1"), called("c1", "fs.read", "{}")]),
                    message(Role::Tool, vec![result("c1", "fs.read", "words")]),
                    // One that came to its length before it said anything.
                    message(Role::Assistant, vec![sealed("rs_2")]),
                    message(Role::User, vec![Part::Text("And?".to_owned())]),
                ]);
            })
            .is(HELLO)
            .sends(|asked| {
                let items = asked[0].body["input"].as_array().unwrap();
                let sealed: Vec<&Value> = items.iter().filter(|item| item["type"] == "reasoning").collect();
                assert_eq!(sealed.len(), 1);
                assert_eq!((&sealed[0]["id"], &sealed[0]["encrypted_content"]), (&json!("rs_1"), &json!("seal-1")));
            }),
        case("a conversation is kept by nobody else", || vec![Act::text("Hello")]).is(HELLO).sends(|asked| {
            assert_eq!(asked[0].body["store"], json!(false));
            assert_eq!(asked[0].header("authorization"), Some(&*format!("Bearer {}", super::run::KEY)));
        }),
        case("a call goes back with its result", || vec![Act::text("Hello")])
            .asks(|prompt| {
                prompt.messages.extend([
                    message(Role::Assistant, vec![Part::Text("Well.".to_owned()), called("c1", "fs.read", "{}")]),
                    message(Role::Tool, vec![result("c1", "fs.read", "words")]),
                ]);
            })
            .is(HELLO)
            .sends(|asked| {
                let items = asked[0].body["input"].as_array().unwrap();
                let kinds: Vec<&str> = items.iter().map(|item| item["type"].as_str().unwrap_or("message")).collect();
                assert_eq!(kinds[kinds.len() - 2..], ["function_call", "function_call_output"]);
            }),
    ]
}

fn ends() -> Vec<Case> {
    let without =
        |word: &'static str| move |events: &mut Vec<Event>| events.retain(|event| event.name.as_deref() != Some(word));
    let failing = |at: usize| {
        move |events: &mut Vec<Event>| {
            events.truncate(at);
            let error = json!({"type": "error", "code": "server_error", "message": "It broke.", "param": null});
            events.push(Event::typed(&error));
        }
    };
    let emptied = |events: &mut Vec<Event>| {
        if let Some(last) = events.last_mut() {
            let mut data: Value = serde_json::from_str(&last.data).unwrap();
            data["response"]["output"] = json!([]);
            last.data = data.to_string();
        }
    };
    let unnamed = |events: &mut Vec<Event>| events.iter_mut().for_each(|event| event.name = None);
    vec![
        case("a refusal", || vec![Act::answer(Answer::of(vec![Say::Refusal("No.".to_owned())]))])
            .is("text \"No.\"; Refused; 11+7"),
        case("a filter", || vec![Act::answer(Answer::text("Hel").stopped("content_filter"))])
            .is("text \"Hel\"; Refused; 11+7"),
        case("a response that failed", || vec![Act::answer(Answer::of(vec![]).stopped("failed")), Act::text("Hello")])
            .is(LOST),
        case("a response that failed after something was said", || {
            vec![Act::answer(Answer::text("Hel").stopped("failed"))]
        })
        .stream("unavailable retriable; lost 89+1")
        .says("failed to generate"),
        case("an error before anything was said", move || {
            vec![Act::text("Hello").events_edited(failing(2)), Act::text("Hello")]
        })
        .stream(LOST),
        case("an error after something was said", move || vec![Act::text("Hello").events_edited(failing(6))])
            .stream("unavailable retriable; lost 89+1")
            .says("It broke."),
        case("a stream without its last event", move || {
            vec![Act::text("Hello").events_edited(without("response.completed"))]
        })
        .stream("unavailable retriable; lost 89+1"),
        case("a stream without its first events", move || {
            vec![Act::text("Hello").events_edited(without("response.created"))]
        })
        .stream(HELLO),
        case("a last event that leaves out what was said", move || vec![Act::text("Hello").events_edited(emptied)])
            .stream(HELLO),
        case("pieces that come only at the end", move || {
            vec![Act::text("Hello").events_edited(without("response.output_text.delta"))]
        })
        .stream(HELLO),
        case("arguments that come only at the end", move || {
            let act = Act::answer(Answer::call("c1", "fs__read", r#"{"path":"a"}"#));
            vec![act.events_edited(without("response.function_call_arguments.delta"))]
        })
        .stream(r#"call c1 fs.read {"path":"a"}; ToolCalls; 11+7"#),
        case("items that are not said to end", move || {
            let act = Act::answer(Answer::call("c1", "fs__read", r#"{"path":"a"}"#));
            vec![act.events_edited(without("response.output_item.done"))]
        })
        .stream(r#"call c1 fs.read {"path":"a"}; ToolCalls; 11+7"#),
        case("events without names", move || vec![Act::text("Hello").events_edited(unnamed)]).stream(HELLO),
    ]
}
