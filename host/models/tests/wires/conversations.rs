// SPDX-License-Identifier: MIT OR Apache-2.0
//! Conversations as programs make them, which every format has to be able to say: the provider holds each to its rules.

use priory_core::json::Json;
use priory_core::model::{Ability, Choice, Effort, Part, Prompt, ProviderKind, Reasoning, Role, Sampling};
use priory_testkit::provider::Act;

use super::case::{Case, called, case, media, message, result, said, tool};

const HELLO: &str = "text \"Hello\"; End; 11+7";

/// Asks after a call that was answered.
pub(crate) fn with_old_call(prompt: &mut Prompt) {
    prompt.messages.extend([
        message(Role::Assistant, vec![called("old", "fs.read", r#"{"path":"x"}"#)]),
        message(Role::Tool, vec![result("old", "fs.read", "words")]),
    ]);
}

/// Asks after some messages.
fn after(name: &str, messages: impl Fn() -> Vec<(Role, Vec<Part>)> + Send + Sync + 'static) -> Case {
    case(name, || vec![Act::text("Hello")])
        .asks(move |prompt| prompt.messages.extend(messages().into_iter().map(|(role, parts)| message(role, parts))))
        .is(HELLO)
}

/// Asks in another way.
fn with(name: &str, ask: impl Fn(&mut Prompt) + Send + Sync + 'static) -> Case {
    case(name, || vec![Act::text("Hello")]).asks(ask).is(HELLO)
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn call(id: &str) -> Part {
    called(id, "fs.read", r#"{"path":"a"}"#)
}

fn thought(text: &str, opaque: Option<&str>) -> Part {
    Part::Reasoning(Reasoning { text: text.to_owned(), opaque: opaque.map(str::to_owned) })
}

pub(crate) fn cases(kind: ProviderKind) -> Vec<Case> {
    let mut cases = orders();
    cases.extend(oddities());
    cases.extend(tools());
    cases.extend(files());
    cases.extend(ways(kind));
    cases
}

fn orders() -> Vec<Case> {
    let failed = || match result("1", "fs.read", "") {
        Part::ToolResult(mut result) => {
            result.is_error = true;
            Part::ToolResult(result)
        }
        part => part,
    };
    vec![
        after("a call and its result", || {
            vec![(Role::Assistant, vec![text("Let me."), call("1")]), (Role::Tool, vec![result("1", "fs.read", "{}")])]
        }),
        after("a result that is a failure without words", move || {
            vec![(Role::Assistant, vec![call("1")]), (Role::Tool, vec![failed()])]
        }),
        after("results in another order, in several messages", || {
            vec![
                (Role::Assistant, vec![call("1"), call("2"), call("3")]),
                (Role::Tool, vec![result("3", "fs.read", "c")]),
                (Role::Tool, vec![result("1", "fs.read", "a"), result("2", "fs.read", "b")]),
                (Role::User, vec![text("And now?")]),
            ]
        }),
        after("several rounds", || {
            vec![
                (Role::Assistant, vec![call("1")]),
                (Role::Tool, vec![result("1", "fs.read", "a")]),
                (Role::Assistant, vec![call("2")]),
                (Role::Tool, vec![result("2", "fs.read", "b")]),
                (Role::Assistant, vec![text("Done.")]),
                (Role::User, vec![text("Thanks.")]),
            ]
        }),
        after("a call without a result", || {
            vec![(Role::Assistant, vec![call("1"), call("2")]), (Role::User, vec![text("Never mind.")])]
        }),
        after("a call at the end", || vec![(Role::Assistant, vec![call("1")])]),
        after("a result without a call", || vec![(Role::Tool, vec![result("9", "fs.read", "words")])]),
        after("a result that comes too late", || {
            vec![
                (Role::Assistant, vec![call("1")]),
                (Role::User, vec![text("Wait.")]),
                (Role::Tool, vec![result("1", "fs.read", "words")]),
            ]
        }),
        after("two users in a row", || vec![(Role::User, vec![text("And")]), (Role::User, vec![text("also")])]),
        after("the model has the last word", || vec![(Role::Assistant, vec![text("Well")])]),
        after("words that are none", || {
            vec![(Role::Assistant, vec![text("  \n")]), (Role::User, vec![text(""), text("Hi again")])]
        }),
        after("system in the middle", || {
            vec![
                (Role::Assistant, vec![text("Yes?")]),
                (Role::System, vec![text("Hurry.")]),
                (Role::User, vec![text("a")]),
            ]
        }),
    ]
}

fn oddities() -> Vec<Case> {
    vec![
        with("the model has the first word", |prompt| {
            prompt.messages = vec![said(Role::Assistant, "Welcome."), said(Role::User, "Hi")];
        }),
        with("nothing but system", |prompt| prompt.messages.truncate(1)),
        after("an id that not everybody takes", || {
            vec![(Role::Assistant, vec![call("call.1|a:b")]), (Role::Tool, vec![result("call.1|a:b", "fs.read", "x")])]
        }),
        after("a very long id", || {
            let id = "x".repeat(200);
            vec![(Role::Assistant, vec![call(&id)]), (Role::Tool, vec![result(&id, "fs.read", "x")])]
        }),
        after("arguments that were no object", || {
            vec![
                (Role::Assistant, vec![called("1", "fs.read", r#""the file""#)]),
                (Role::Tool, vec![result("1", "fs.read", "What?")]),
            ]
        }),
        after("reasoning of others", || {
            let thoughts = ["anthropic:zzz", "gemini:zzz", "chat-field:reasoning", "responses:{}", "zzz"];
            let mut parts = vec![thought("Hm.", None)];
            // What was sealed by another than the one who is asked.
            parts.extend(
                thoughts.iter().filter(|opaque| opaque.starts_with('z')).map(|opaque| thought("", Some(opaque))),
            );
            parts.push(text("Well."));
            vec![(Role::Assistant, parts), (Role::User, vec![text("And?")])]
        }),
    ]
}

fn tools() -> Vec<Case> {
    let names = |prompt: &mut Prompt| {
        let object = r#"{"type":"object","properties":{}}"#;
        let names = ["a.b", "a__b", "a/b", "é", "9lives", "x.y-z", &"long.".repeat(30), "fs.read"];
        prompt.tools = names.iter().map(|name| tool(name, object)).collect();
    };
    let schemas = |prompt: &mut Prompt| {
        let schemas = [
            r#"{"type":"object"}"#,
            "{}",
            r#"{"type":"object","properties":{},"additionalProperties":false}"#,
            r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/d"}},"$defs":{"d":{"type":["string","null"],"minLength":2}}}"##,
            r##"{"type":"object","properties":{"n":{"$ref":"#"},"m":{"type":"object","additionalProperties":{"type":"integer"}}}}"##,
            r#"{"type":"object","properties":{"x":{"oneOf":[{"const":1},{"enum":["a","b"]}]},"l":{"type":"array"}}}"#,
            r#"{"type":"object","properties":{"d":{"type":"string","format":"uri","pattern":"^h"}},"required":["d"]}"#,
            r#"{"allOf":[{"properties":{"a":{"type":"string"}}}],"type":"object","properties":{"b":{"not":{"type":"null"}}}}"#,
        ];
        prompt.tools = schemas.iter().enumerate().map(|(n, schema)| tool(&format!("t{n}"), schema)).collect();
    };
    vec![
        with("no tools", |prompt| prompt.tools.clear()),
        with("tools with names that not everybody takes", names),
        with("tools with schemas that not everybody takes", schemas),
        with("a tool without a description", |prompt| prompt.tools[0].description.clear()),
        with("no tools, after some were called", |prompt| {
            with_old_call(prompt);
            prompt.tools.clear();
        }),
        with("tools that must be called", |prompt| prompt.sampling.choice = Choice::Any),
        with("a tool that must be called", |prompt| prompt.sampling.choice = Choice::Only("fs.read".to_owned())),
        with("tools that must not be called", |prompt| prompt.sampling.choice = Choice::None),
        with("tools that must be called, where there are none", |prompt| {
            prompt.tools.clear();
            prompt.sampling.choice = Choice::Any;
        }),
    ]
}

fn files() -> Vec<Case> {
    let shows = |name: &str, mime: &'static str, bytes: &'static [u8]| {
        with(name, move |prompt| {
            let media = media(prompt, mime, bytes);
            let part = if mime.starts_with("image/") { Part::Image(media) } else { Part::File(media) };
            prompt.messages.push(message(Role::User, vec![text("Look:"), part]));
        })
    };
    vec![
        shows("a picture", "image/png", b"\x89PNG..."),
        shows("a PDF", "application/pdf", b"%PDF-1.7"),
        shows("a file that is a text", "text/csv", b"a,b\n1,2\n"),
        with("a picture that a tool made", |prompt| {
            let media = media(prompt, "image/png", b"\x89PNG...");
            with_old_call(prompt);
            prompt.messages.push(message(Role::Tool, vec![Part::Image(media)]));
        }),
        with("a picture that is not there", |prompt| {
            let media = media(prompt, "image/png", b"\x89PNG...");
            prompt.media.clear();
            prompt.messages.push(message(Role::User, vec![Part::Image(media)]));
        })
        .is("invalid; 0 attempts")
        .plays_nothing(),
    ]
}

fn ways(kind: ProviderKind) -> Vec<Case> {
    let schema = r##"{"type":"object","properties":{"n":{"type":"integer","minimum":1},"d":{"$ref":"#/$defs/d"}},
        "required":["n"],"$defs":{"d":{"type":"string"}}}"##;
    let open = r#"{"type":"object","additionalProperties":{"type":"integer"}}"#;
    let held = |name: &str, schema: &'static str, has_tools: bool| {
        with(name, move |prompt| {
            prompt.sampling.output = Some(Json::parse(schema).unwrap());
            if !has_tools {
                prompt.tools.clear();
            }
        })
    };
    let thinks = |name: &str, effort: Effort| {
        let id = match kind {
            ProviderKind::Openai | ProviderKind::OpenaiResponses => Some("think-1"),
            _ => None,
        };
        with(name, move |prompt| prompt.sampling.effort = Some(effort)).with(move |_, model| {
            let info = std::sync::Arc::make_mut(&mut model.info);
            info.abilities.push(Ability::Reasoning);
            if let Some(id) = id {
                info.id = id.into();
            }
        })
    };
    vec![
        held("an answer held to a schema", schema, false),
        held("an answer held to a schema, beside tools", schema, true),
        held("an answer held to a schema that is open", open, false),
        held("an answer held to a schema that says nothing", "true", false),
        held("an answer held to a schema by the host alone", schema, true)
            .with(|_, model| std::sync::Arc::make_mut(&mut model.info).abilities.retain(|one| *one != Ability::Schema)),
        with("all that can be said of sampling", |prompt| {
            prompt.sampling = Sampling {
                temperature_milli: Some(1_700),
                seed: Some(u64::from(u32::MAX)),
                stop: vec!["END".to_owned(), "\n\nUser:".to_owned()],
                ..Sampling::default()
            };
        }),
        match kind {
            ProviderKind::OpenaiResponses => {
                with("an answer of fifteen tokens", |prompt| prompt.output_tokens_max = 15)
                    .is("invalid; 0 attempts")
                    .plays_nothing()
            }
            _ => with("an answer of one token", |prompt| prompt.output_tokens_max = 1),
        },
        with("a long answer that is thought about", |prompt| prompt.output_tokens_max = 100_000),
        thinks("no thinking", Effort::None),
        thinks("little thinking", Effort::Low),
        thinks("some thinking", Effort::Medium),
        thinks("much thinking", Effort::High),
        with("a prompt that is cached", with_old_call).with(|_, model| model.caches_prompt = true),
    ]
}
