// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only chat completions have, and what the servers that imitate them make of it.

use priory_testkit::provider::{Act, Answer, Event, Say};
use serde_json::{Value, json};

use super::case::{Case, case};

const HELLO: &str = "text \"Hello\"; End; 11+7";

/// Changes what the model says, whole or in a piece.
fn sayings(edit: impl Fn(&mut Value) + Send + Sync + Clone + 'static) -> impl Fn(&mut Value) + Send + Sync + 'static {
    move |body| {
        for choice in body["choices"].as_array_mut().into_iter().flatten() {
            for key in ["message", "delta"] {
                if choice.get(key).is_some() {
                    edit(&mut choice[key]);
                }
            }
        }
    }
}

fn renamed(from: &'static str, to: &'static str) -> impl Fn(&mut Value) + Send + Sync + Clone + 'static {
    move |saying| {
        if let Some(value) = saying.as_object_mut().unwrap().remove(from) {
            saying[to] = value;
        }
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = servers();
    cases.extend(ends());
    cases
}

fn servers() -> Vec<Case> {
    let thought = || Act::answer(Answer::of(vec![Say::Reasoning("Hm.".to_owned(), None), Say::text("Hello")]));
    let listed = |saying: &mut Value| {
        if let Some(text) = saying["content"].as_str().map(str::to_owned) {
            saying["content"] = json!([{"type": "text", "text": text}]);
        }
    };
    let without_index = |saying: &mut Value| {
        for call in saying["tool_calls"].as_array_mut().into_iter().flatten() {
            call.as_object_mut().unwrap().remove("index");
        }
    };
    let as_object = |saying: &mut Value| {
        for call in saying["tool_calls"].as_array_mut().into_iter().flatten() {
            call["function"]["arguments"] = json!({"path": "a"});
        }
    };
    let calls = || {
        let says = vec![Say::call("c1", "fs__read", r#"{"path":"a"}"#), Say::call("c2", "fs__read", "{}")];
        Act::answer(Answer::of(says))
    };
    vec![
        case("reasoning in another field", move || {
            vec![thought().edited(sayings(renamed("reasoning_content", "reasoning")))]
        })
        .is("thought \"Hm.\" <chat-field:reasoning> | text \"Hello\"; End; 11+7"),
        case("reasoning in the words", || vec![Act::text("<think>Hm.</think>\n\nHello")])
            .is("thought \"Hm.\" | text \"Hello\"; End; 11+7"),
        case("words as a list of parts", move || vec![Act::text("Hello").edited(sayings(listed))]).is(HELLO),
        case("calls without an index", move || vec![calls().edited(sayings(without_index))])
            .is(r#"call c1 fs.read {"path":"a"} | call c2 fs.read {}; ToolCalls; 11+7"#),
        case("arguments that are an object", move || {
            vec![Act::answer(Answer::call("c1", "fs__read", "{}")).edited(sayings(as_object))]
        })
        .whole(r#"call c1 fs.read {"path":"a"}; ToolCalls; 11+7"#),
        case("more than one choice", || {
            vec![Act::text("Hello").edited(|body| {
                let choices = body["choices"].as_array_mut().unwrap();
                if let Some(mut other) = choices.first().cloned() {
                    other["index"] = json!(1);
                    choices.push(other);
                }
            })]
        })
        .is(HELLO),
        case("a server that streams nothing", || {
            let body = json!({"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 11, "completion_tokens": 7}});
            vec![Act::body(200, "application/json", body.to_string())]
        })
        .is(HELLO),
        case("usage that counts reasoning in the sum alone", || {
            vec![Act::text("Hello").edited(|body| {
                if body["usage"].is_object() {
                    body["usage"]["total_tokens"] = json!(111);
                }
            })]
        })
        .is("text \"Hello\"; End; 11+100"),
        case("an id for each piece", || {
            let mut n = 0;
            let acts = vec![Act::text("Hello").edited(move |body| body["id"] = json!(n))];
            n += 1;
            let _ = n;
            acts
        })
        .is(HELLO),
    ]
}

fn ends() -> Vec<Case> {
    let without = |word: &'static str| move |events: &mut Vec<Event>| events.retain(|event| !event.data.contains(word));
    let failing = |at: usize| {
        move |events: &mut Vec<Event>| {
            events.truncate(at);
            let error = json!({"error": {"message": "The server had an error.", "type": "server_error", "code": null}});
            events.push(Event::plain(error.to_string()));
        }
    };
    let early = |events: &mut Vec<Event>| {
        // The usage comes beside the last piece.
        let usage = events.remove(events.len() - 2);
        let usage: Value = serde_json::from_str(&usage.data).unwrap();
        let at = events.len() - 2;
        let mut last: Value = serde_json::from_str(&events[at].data).unwrap();
        last["usage"] = usage["usage"].clone();
        events[at].data = last.to_string();
    };
    vec![
        case("a refusal", || vec![Act::answer(Answer::of(vec![Say::Refusal("No.".to_owned())]))])
            .is("text \"No.\"; Refused; 11+7"),
        case("a filter", || vec![Act::answer(Answer::text("Hel").stopped("content_filter"))])
            .is("text \"Hel\"; Refused; 11+7"),
        case("an old word for a call", || {
            vec![Act::answer(Answer::call("c1", "fs__read", "{}").stopped("function_call"))]
        })
        .is("call c1 fs.read {}; ToolCalls; 11+7"),
        case("a stream without its last mark", move || vec![Act::text("Hello").events_edited(without("[DONE]"))])
            .stream(HELLO),
        case("a stream that does not say why it ends", move || {
            vec![Act::text("Hello").events_edited(without("\"finish_reason\":\"stop\""))]
        })
        .stream(HELLO),
        case("a stream with its usage in the last piece", move || vec![Act::text("Hello").events_edited(early)])
            .stream(HELLO),
        case("an error before anything was said", move || {
            vec![Act::text("Hello").events_edited(failing(1)), Act::text("Hello")]
        })
        .stream("text \"Hello\"; End; 11+7; lost 89+0; 2 attempts"),
        case("an error after something was said", move || vec![Act::text("Hello").events_edited(failing(3))])
            .stream("unavailable retriable; lost 89+1")
            .says("The server had an error."),
        case("the key is on its header alone", || vec![Act::text("Hello")]).is(HELLO).sends(|asked| {
            assert_eq!(asked[0].header("authorization"), Some(&*format!("Bearer {}", super::run::KEY)));
            assert!(!asked[0].body.to_string().contains(super::run::KEY));
            assert_eq!(asked[0].header("idempotency-key"), Some("key-of-step-1"));
        }),
    ]
}
