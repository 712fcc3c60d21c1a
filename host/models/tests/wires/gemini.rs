// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only Gemini has.

use std::sync::Arc;

use priory_core::json::Json;
use priory_core::model::{Ability, Choice, Effort, ModelSpec, ProviderSpec, Role};
use priory_testkit::provider::{Act, Answer, Event, Say, Tokens, UsageForm};
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

fn hello() -> Vec<Act> {
    vec![Act::text("Hello")]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = signatures();
    cases.extend(requests());
    cases.extend(ends());
    cases
}

fn signatures() -> Vec<Case> {
    vec![
        case("a call that is signed", || {
            let says = vec![
                Say::Reasoning("Hm.".to_owned(), None),
                Say::Call(Some("seal-1".to_owned()), "fs__read".to_owned(), "{}".to_owned()),
                Say::Call(None, "fs__read".to_owned(), "{}".to_owned()),
            ];
            vec![Act::answer(Answer::of(says))]
        })
        .is("thought \"Hm.\" | call call_2_0 fs.read {} <gemini:seal-1> | call call_2_1 fs.read {}; ToolCalls; 11+7"),
        case("words that are signed", || {
            vec![Act::answer(Answer::of(vec![Say::text("Hello"), Say::Hidden("seal-2".to_owned())]))]
        })
        .is("text \"Hello\" | thought \"\" <gemini:seal-2>; End; 11+7"),
        case("what was signed goes back as it came", hello)
            .with(thinking("gemini-3-flash-preview"))
            .asks(|prompt| {
                let mut signed = called("call_2_0", "fs.read", "{}");
                let mut own = called("own", "fs.read", "{}");
                for (part, opaque) in [(&mut signed, "gemini:seal-1"), (&mut own, "gemini:id seal-2")] {
                    if let priory_core::model::Part::ToolCall(call) = part {
                        call.opaque = Some(opaque.to_owned());
                    }
                }
                prompt.messages.extend([
                    message(Role::Assistant, vec![signed, own]),
                    message(
                        Role::Tool,
                        vec![result("own", "fs.read", "b"), result("call_2_0", "fs.read", r#"{"a":1}"#)],
                    ),
                ]);
            })
            .is(HELLO)
            .sends(|asked| {
                assert_eq!(
                    asked[0].body["contents"][1]["parts"],
                    json!([
                        {"functionCall": {"name": "fs__read", "args": {}}, "thoughtSignature": "seal-1"},
                        {"functionCall": {"id": "own", "name": "fs__read", "args": {}}, "thoughtSignature": "seal-2"},
                    ])
                );
                assert_eq!(
                    asked[0].body["contents"][2]["parts"],
                    json!([
                        {"functionResponse": {"name": "fs__read", "response": {"a": 1}}},
                        {"functionResponse": {"id": "own", "name": "fs__read", "response": {"result": "b"}}},
                    ])
                );
            }),
        case("a call of another model, without a signature", hello)
            .with(thinking("gemini-3-pro-preview"))
            .asks(super::conversations::with_old_call)
            .is(HELLO)
            .sends(|asked| {
                let part = &asked[0].body["contents"][1]["parts"][0];
                assert_eq!(part["thoughtSignature"], "skip_thought_signature_validator");
            }),
    ]
}

fn requests() -> Vec<Case> {
    let config = |asked: &[priory_testkit::provider::Asked]| asked[0].body["generationConfig"].clone();
    let thinks = move |id: &'static str, effort: Effort, expected: Value| {
        case(&format!("thinking of {id}, {effort:?}"), hello)
            .with(thinking(id))
            .asks(move |prompt| prompt.sampling.effort = Some(effort))
            .is(HELLO)
            .sends(move |asked| assert_eq!(config(asked)["thinkingConfig"], expected))
    };
    vec![
        thinks("gemini-2.5-flash", Effort::None, json!({"includeThoughts": false, "thinkingBudget": 0})),
        thinks("gemini-2.5-pro", Effort::None, json!({"includeThoughts": false, "thinkingBudget": 128})),
        thinks("gemini-2.5-pro", Effort::High, json!({"includeThoughts": true, "thinkingBudget": 2_048})),
        thinks("gemini-3-flash-preview", Effort::None, json!({"includeThoughts": false, "thinkingLevel": "minimal"})),
        thinks("gemini-3-pro-preview", Effort::Medium, json!({"includeThoughts": true, "thinkingLevel": "high"})),
        thinks("gemini-3.1-pro-preview", Effort::Medium, json!({"includeThoughts": true, "thinkingLevel": "medium"})),
        case("a schema beside tools, where that can be", hello)
            .with(thinking("gemini-3-flash-preview"))
            .asks(|prompt| prompt.sampling.output = Some(Json::parse(r#"{"type":"integer"}"#).unwrap()))
            .is(HELLO)
            .sends(move |asked| assert_eq!(config(asked)["responseJsonSchema"], json!({"type": "integer"}))),
        case("a schema beside tools, where that cannot be", hello)
            .asks(|prompt| prompt.sampling.output = Some(Json::parse(r#"{"type":"integer"}"#).unwrap()))
            .is(HELLO)
            .sends(move |asked| {
                assert_eq!(config(asked).get("responseJsonSchema"), None);
                let words = asked[0].body["systemInstruction"]["parts"][1]["text"].as_str().unwrap();
                assert!(words.ends_with(r#"{"type":"integer"}"#), "{words}");
            }),
        case("a tool that must be called, by its name here", hello)
            .asks(|prompt| prompt.sampling.choice = Choice::Only("fs.read".to_owned()))
            .is(HELLO)
            .sends(|asked| {
                let config = &asked[0].body["toolConfig"]["functionCallingConfig"];
                assert_eq!(*config, json!({"mode": "ANY", "allowedFunctionNames": ["fs__read"]}));
            }),
        case("the key is in no URL", hello).is(HELLO).sends(|asked| {
            assert!(!asked[0].path.contains(super::run::KEY) && !asked[0].path.contains("key="));
            assert_eq!(asked[0].header("x-goog-api-key"), Some(super::run::KEY));
        }),
    ]
}

fn ends() -> Vec<Case> {
    let ended = |word: &'static str| move || vec![Act::answer(Answer::text("Hel").stopped(word))];
    let failed = |word: &'static str| move || vec![Act::answer(Answer::of(vec![]).stopped(word)), Act::text("Hello")];
    let blocked = || {
        let body =
            json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 11}});
        body.to_string()
    };
    let tokens = Tokens { input: 100, output: 30, cached: 40, cache_written: 0, reasoning: 10 };
    let without_usage = |events: &mut Vec<Event>| {
        for event in events {
            let mut data: Value = serde_json::from_str(&event.data).unwrap();
            data.as_object_mut().unwrap().remove("usageMetadata");
            event.data = data.to_string();
        }
    };
    let failing = |events: &mut Vec<Event>| {
        let error = json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}});
        events.truncate(1);
        events.push(Event::plain(error.to_string()));
    };
    vec![
        case("safety", ended("SAFETY")).is("text \"Hel\"; Refused; 11+7"),
        case("recitation", ended("RECITATION")).is("text \"Hel\"; Refused; 11+7"),
        case("a prompt that is blocked", move || vec![Act::body(200, "application/json", blocked())])
            .whole("; Refused; 11+0"),
        case("a prompt that is blocked, in a stream", move || {
            vec![Act::body(200, "text/event-stream", format!("data: {}\r\n\r\n", blocked()))]
        })
        .stream("; Refused; 11+0"),
        case("a call that the model did not write well", failed("MALFORMED_FUNCTION_CALL"))
            .whole("text \"Hello\"; End; 11+7; lost 89+0; 2 attempts")
            .stream("text \"Hello\"; End; 11+7; lost 11+7; 2 attempts"),
        case("an end for another reason", failed("OTHER"))
            .whole("text \"Hello\"; End; 11+7; lost 89+0; 2 attempts")
            .stream("text \"Hello\"; End; 11+7; lost 11+7; 2 attempts"),
        case("a candidate without content", || {
            vec![Act::text("x").edited(|body| {
                body["candidates"][0].as_object_mut().unwrap().remove("content");
            })]
        })
        .is("; End; 11+7"),
        case("usage of a tool of the provider", move || {
            vec![Act::answer(Answer::text("Hello").took(UsageForm::Right(tokens))).edited(|body| {
                body["usageMetadata"]["toolUsePromptTokenCount"] = json!(5);
            })]
        })
        .is("text \"Hello\"; End; 105+30 cached 40 reasoning 10"),
        case("a stream that says nothing of what it took", move || {
            vec![Act::text("Hello").events_edited(without_usage)]
        })
        .stream("text \"Hello\"; End; 89+1"),
        case("an error after something was said", move || vec![Act::text("Hello").events_edited(failing)])
            .stream("unavailable retriable; lost 11+1")
            .says("overloaded"),
        case("an error that is a list", || {
            let body = json!([{"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}]);
            vec![Act::body(429, "application/json", body.to_string()), Act::text("Hello")]
        })
        .is("text \"Hello\"; End; 11+7; 2 attempts"),
        case("a key that is not valid", || {
            let reason = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
            vec![Act::error_detailed(400, "API key not valid. Please pass a valid API key.", reason)]
        })
        .is("unavailable")
        .says("refuses the key"),
    ]
}
