// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is written to servers of chat completions, and what is read from them.

use std::sync::Arc;

use priory_core::Digest;
use priory_core::model::{Delta, Media, Message, Part, Reasoning, Sampling, StopReason};
use serde_json::json;

use super::super::FaultKind;
use super::*;
use crate::sse::Events;
use crate::testing::{asks, body, call, json as raw, model, offering, prompt, provider, result, says};
use priory_core::model::ProviderKind;

fn wire(url: &str) -> OpenAi {
    OpenAi::new(&provider(ProviderKind::Openai, Some(url.parse().unwrap())))
}

fn local() -> OpenAi {
    wire("http://127.0.0.1:1/v1/")
}

fn read(answer: &serde_json::Value) -> Result<Said, WireError> {
    let prompt = offering(&["files.read"]);
    local().whole(answer.to_string().as_bytes(), &Names::of(&prompt))
}

fn message(message: serde_json::Value, finish: &str) -> serde_json::Value {
    json!({"id": "c1", "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}})
}

/// Reads a stream; what was said, and what was heard.
fn stream(chunks: &[serde_json::Value], done: bool) -> (Result<Said, WireError>, Vec<Delta>) {
    let prompt = offering(&["files.read"]);
    let names = Names::of(&prompt);
    let mut events = Events::default();
    for chunk in chunks {
        events.push(format!("data: {chunk}\n\n").as_bytes());
    }
    if done {
        events.push(b"data: [DONE]\n\n");
    }
    let mut heard = Vec::new();
    let mut hear = |delta| heard.push(delta);
    let mut ear = Ear::new(&mut hear);
    let mut reader = local().reader();
    let mut read = Ok(());
    while let (Ok(()), Some(event)) = (&read, events.next().unwrap()) {
        read = reader.event(&event, &names, &mut ear).map(|_| ());
    }
    let said = read.and_then(|()| reader.finish(&names, &mut ear));
    (said, heard)
}

fn delta(delta: serde_json::Value) -> serde_json::Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> serde_json::Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn calls(said: &Said) -> Vec<(String, String, String)> {
    let calls = said.parts.iter().filter_map(|part| match part {
        Part::ToolCall(call) => Some((call.id.clone(), call.name.clone(), call.arguments.to_string())),
        _ => None,
    });
    calls.collect()
}

fn owned(calls: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    calls.iter().map(|(id, name, arguments)| (id.to_string(), name.to_string(), arguments.to_string())).collect()
}

#[test]
fn a_conversation_is_written() {
    let mut prompt = prompt(vec![
        Message::text(Role::System, "be brief"),
        Message::text(Role::User, "read a"),
        says(Role::Assistant, vec![call("c1", "files.read", r#"{"path": "a"}"#), call("c2", "files.read", "\"oops\"")]),
        says(Role::Tool, vec![result("c1", "files.read", "A"), result("c2", "files.read", "no")]),
    ]);
    prompt.tools = offering(&["files.read"]).tools;
    prompt.sampling = Sampling {
        choice: Choice::Only("files.read".to_owned()),
        temperature_milli: Some(700),
        seed: Some(5),
        stop: vec!["END".to_owned()],
        ..Sampling::default()
    };
    prompt.streams = true;
    let written = body(&local(), &model("llama", &[Ability::Tools]), &prompt);
    let tool = json!({"type": "function", "function":
        {"name": "files__read", "description": "does it", "parameters": {"type": "object"}}});
    let called = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "files__read", "arguments": arguments}});
    let expected = json!({
        "model": "llama",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "read a"},
            {"role": "assistant", "content": null,
                "tool_calls": [called("c1", r#"{"path": "a"}"#), called("c2", "oops")]},
            {"role": "tool", "tool_call_id": "c1", "content": "A"},
            {"role": "tool", "tool_call_id": "c2", "content": "no"},
        ],
        "tools": [tool],
        "tool_choice": {"type": "function", "function": {"name": "files__read"}},
        "max_tokens": 100,
        "temperature": 0.7,
        "stop": ["END"],
        "seed": 5,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(written, expected);
}

#[test]
fn the_limit_has_the_name_that_is_taken() {
    let limit = |url: &str, extra: Option<&str>| {
        let mut spec = model("gpt-5", &[]);
        spec.extra = extra.map(raw);
        let written = body(&wire(url), &spec, &asks("hi"));
        let names = ["max_tokens", "max_completion_tokens"];
        names.into_iter().filter(|name| written.get(*name) == Some(&json!(100))).collect::<Vec<_>>()
    };
    assert_eq!(limit("https://api.openai.com/v1/", None), ["max_completion_tokens"]);
    assert_eq!(limit("https://x.openai.azure.com/openai/v1/", None), ["max_completion_tokens"]);
    assert_eq!(limit("https://evil-api.openai.com.example.org/", None), ["max_tokens"]);
    assert_eq!(limit("http://localhost/", Some(r#"{"max_tokens": ""}"#)), ["max_completion_tokens"]);
    assert_eq!(limit("https://api.openai.com/v1/", Some(r#"{"max_completion_tokens": null}"#)), ["max_tokens"]);
}

#[test]
fn pictures_and_files_are_written() {
    let media = |mime: &str, bytes: &[u8], name: &str| Media {
        mime: mime.to_owned(),
        artifact: Digest::of(bytes),
        name: Some(name.to_owned()),
    };
    let (png, pdf, text) =
        (media("image/png", b"png", "a"), media("application/pdf", b"pdf", "b"), media("text/csv", b"1,2", "c"));
    let parts = vec![Part::Text("see".to_owned()), Part::Image(png), Part::File(pdf), Part::File(text)];
    let mut prompt = prompt(vec![says(Role::User, parts)]);
    for bytes in [b"png".as_slice(), b"pdf", b"1,2"] {
        prompt.media.insert(Digest::of(bytes), bytes.into());
    }
    let written = body(&local(), &model("x", &[]), &prompt);
    let expected = json!([
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
        {"type": "file", "file": {"filename": "b", "file_data": "data:application/pdf;base64,cGRm"}},
        {"type": "text", "text": "File `c`:\n\n1,2"},
    ]);
    assert_eq!(written["messages"][0]["content"], expected);

    prompt.media.clear();
    let (names, extra, spec) = (Names::of(&prompt), Extra::default(), model("x", &[]));
    let failure = local().request(&Asked { spec: &spec, extra: &extra, prompt: &prompt, names: &names }).unwrap_err();
    assert_eq!(failure.kind(), "invalid");
}

#[test]
fn a_schema_is_held_or_told() {
    let mut prompt = asks("hi");
    prompt.sampling.output = Some(raw(r#"{"type":"object","properties":{},"additionalProperties":false}"#));
    let held = body(&local(), &model("x", &[Ability::Schema]), &prompt);
    assert_eq!(held["response_format"]["json_schema"]["strict"], true);
    assert_eq!(held["messages"].as_array().unwrap().len(), 1);
    let told = body(&local(), &model("x", &[]), &prompt);
    assert!(told.get("response_format").is_none());
    let words = |body: &serde_json::Value, at: usize| body["messages"][at]["content"].as_str().unwrap().to_owned();
    let (text, last) = (words(&told, 0), told["messages"].as_array().unwrap().len() - 1);
    assert!(text.starts_with("hi\n\n") && text.contains("additionalProperties") && text.contains("nothing else"));
    assert_eq!((last, &told["messages"][0]["role"]), (0, &json!("user")), "no system message behind the first");
    prompt.messages.insert(0, Arc::new(Message::text(Role::System, "be brief")));
    prompt.tools = offering(&["files.read"]).tools;
    let told = body(&local(), &model("x", &[]), &prompt);
    let text = words(&told, 0);
    assert!(text.starts_with("be brief\n\n") && text.contains("When you have the answer"), "{text}");
    assert!(!text.contains("nothing else"), "who may write nothing else calls no tools");
    assert_eq!(words(&told, 1), "hi");
}

#[test]
fn a_later_system_message_is_sent_to_openai_alone() {
    let messages =
        || vec![Message::text(Role::User, "a"), Message::text(Role::System, "b"), Message::text(Role::User, "c")];
    let roles = |wire: &OpenAi| {
        let written = body(wire, &model("x", &[]), &prompt(messages()));
        let messages = written["messages"].as_array().unwrap().iter();
        messages.map(|message| message["role"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(roles(&local()), ["system", "user", "user"]);
    assert_eq!(roles(&OpenAi { is_original: true }), ["user", "system", "user"]);
}

#[test]
fn models_that_think_are_sent_no_stop_sequence_by_openai() {
    let mut prompt = asks("hi");
    (prompt.sampling.stop, prompt.sampling.temperature_milli) = (vec!["END".to_owned()], Some(500));
    for (is_original, abilities, is_sent) in
        [(true, &[Ability::Reasoning][..], false), (true, &[], true), (false, &[Ability::Reasoning], true)]
    {
        let written = body(&OpenAi { is_original }, &model("o3", abilities), &prompt);
        let sent = (written.get("stop").is_some(), written.get("temperature").is_some());
        assert_eq!(sent, (is_sent, is_sent), "{is_original} {abilities:?}");
    }
}

#[test]
fn reasoning_goes_back_where_it_came_from_and_only_while_tools_are_called() {
    let thought =
        |opaque: Option<&str>| Part::Reasoning(Reasoning { text: "hm".to_owned(), opaque: opaque.map(str::to_owned) });
    let turn = |opaque| {
        vec![
            Message::text(Role::User, "go"),
            says(Role::Assistant, vec![thought(opaque), call("c1", "a", "{}")]),
            says(Role::Tool, vec![result("c1", "a", "x")]),
        ]
    };
    let written = |messages| body(&local(), &model("x", &[]), &prompt(messages));
    let field = |value: &serde_json::Value, name: &str| value["messages"][1].get(name).cloned();
    let now = written(turn(Some("chat-field:reasoning_content")));
    assert_eq!(field(&now, "reasoning_content"), Some(json!("hm")));
    assert_eq!(field(&now, "reasoning"), None);
    let mut later = turn(Some("chat-field:reasoning_content"));
    later.push(Message::text(Role::User, "more"));
    assert_eq!(field(&written(later), "reasoning_content"), None);
    for opaque in [None, Some("anthropic:reasoning_content"), Some("reasoning_content")] {
        assert_eq!(field(&written(turn(opaque)), "reasoning_content"), None);
    }
}

#[test]
fn how_much_to_think_is_said_in_the_words_of_the_model() {
    for (id, effort, expected) in [
        ("gpt-5-mini", Effort::None, "minimal"),
        ("gpt-5.1", Effort::None, "none"),
        ("openai/o3-mini", Effort::None, "low"),
        ("qwen3", Effort::High, "high"),
    ] {
        assert_eq!(effort_name(effort, id), expected, "{id}");
    }
    let mut prompt = asks("hi");
    prompt.sampling.effort = Some(Effort::Low);
    assert_eq!(body(&local(), &model("x", &[Ability::Reasoning]), &prompt)["reasoning_effort"], "low");
    assert!(body(&local(), &model("x", &[]), &prompt).get("reasoning_effort").is_none());
}

#[test]
fn a_whole_answer_is_read() {
    let said = read(&message(json!({"role": "assistant", "content": "Hi", "refusal": null}), "stop")).unwrap();
    assert_eq!(said.parts, [Part::Text("Hi".to_owned())]);
    assert_eq!(said.stop, StopReason::End);
    assert_eq!(said.usage, Reported { input: Some(9), output: Some(3), ..Reported::default() });
    let call = json!({"id": "c1", "type": "function", "function": {"name": "files__read", "arguments": "{\"a\":1}"}});
    let said = read(&message(json!({"content": null, "tool_calls": [call]}), "tool_calls")).unwrap();
    assert_eq!((calls(&said), said.stop), (owned(&[("c1", "files.read", "{\"a\":1}")]), StopReason::ToolCalls));
}

#[test]
fn what_other_servers_write_is_read() {
    let texts = |content| read(&message(json!({ "content": content }), "stop")).unwrap().parts;
    assert_eq!(texts(json!(null)), []);
    assert_eq!(texts(json!("")), []);
    assert_eq!(
        texts(json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])),
        [Part::Text("ab".to_owned())]
    );
    let thought = Part::Reasoning(Reasoning { text: "hm".to_owned(), opaque: None });
    assert_eq!(texts(json!("<think>hm</think>\na")), [thought.clone(), Part::Text("a".to_owned())]);
    let mistral =
        json!([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}]);
    assert_eq!(texts(mistral), [thought, Part::Text("a".to_owned())]);
    for field in ["reasoning", "reasoning_content"] {
        let said = read(&message(json!({ "content": "a", field: "hm" }), "stop")).unwrap();
        let opaque = Some(format!("chat-field:{field}"));
        assert_eq!(said.parts[0], Part::Reasoning(Reasoning { text: "hm".to_owned(), opaque }));
    }
    let ollama = json!({"function": {"name": "files__read", "arguments": {"a": 1}}});
    let said = read(&message(json!({"content": "", "tool_calls": [ollama, ollama]}), "stop")).unwrap();
    let expected = owned(&[("call_1_0", "files.read", "{\"a\":1}"), ("call_1_1", "files.read", "{\"a\":1}")]);
    assert_eq!((calls(&said), said.stop), (expected, StopReason::ToolCalls));
    let bare = read(&json!({"choices": [{"message": {"content": "a"}}]})).unwrap();
    assert_eq!((bare.stop, bare.usage), (StopReason::End, Reported::default()));
}

#[test]
fn why_it_stopped_is_read() {
    let stop = |reason: &str| read(&message(json!({"content": "a"}), reason)).unwrap().stop;
    assert_eq!(stop("length"), StopReason::Length);
    assert_eq!(stop("content_filter"), StopReason::Refused);
    assert_eq!(stop("eos"), StopReason::End);
    assert_eq!(read(&message(json!({"refusal": "no"}), "stop")).unwrap().stop, StopReason::Refused);
    let vllm = json!({"choices": [{"message": {"content": "a"}, "finish_reason": "stop", "stop_reason": "END"}]});
    assert_eq!(read(&vllm).unwrap().stop, StopReason::StopSequence);
}

#[test]
fn usage_is_read_as_far_as_it_is_one() {
    let usage = |usage| read(&json!({"choices": [{"message": {"content": "a"}}], "usage": usage})).unwrap().usage;
    let full = json!({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 40}, "completion_tokens_details": {"reasoning_tokens": 30}});
    let expected =
        Reported { input: Some(100), output: Some(50), cached: Some(40), reasoning: Some(30), cache_written: None };
    assert_eq!(usage(full), expected);
    let beside = json!({"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 155});
    assert_eq!(usage(beside).output, Some(55));
    assert_eq!(usage(json!("none")), Reported::default());
    assert_eq!(
        usage(json!({"prompt_tokens": -5, "completion_tokens": "7"})),
        Reported { output: Some(7), ..Reported::default() }
    );
}

#[test]
fn what_is_no_answer_is_none() {
    assert!(matches!(read(&json!({"choices": []})), Err(WireError::Malformed(_))));
    assert!(matches!(read(&json!([])), Err(WireError::Malformed(_))));
    assert!(matches!(local().whole(b"{\"choices\": [", &Names::of(&asks("x"))), Err(WireError::Malformed(_))));
    let failed = read(&json!({"error": {"message": "overloaded", "code": 503}}));
    assert!(matches!(failed, Err(WireError::Provider(fault)) if fault.kind == FaultKind::Failed));
    let odd = read(&json!({"error": {"message": "no", "type": "invalid_request_error"}, "choices": "none"}));
    assert!(matches!(odd, Err(WireError::Provider(fault)) if fault.kind == FaultKind::Invalid));
}

#[test]
fn a_stream_is_heard_and_read() {
    let call = |index: u64, id: Option<&str>, name: Option<&str>, arguments: &str| {
        delta(json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}))
    };
    let chunks = [
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": "I "})),
        delta(json!({"content": "look"})),
        call(0, Some("c1"), Some("files__read"), ""),
        call(0, None, None, "{\"a\""),
        call(1, Some("c2"), Some("other"), "{}"),
        call(0, None, None, ": 1}"),
        finish("tool_calls"),
        json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}),
    ];
    for done in [true, false] {
        let (said, heard) = stream(&chunks, done);
        let said = said.unwrap();
        assert_eq!(said.parts[0], Part::Text("I look".to_owned()));
        assert_eq!(calls(&said), owned(&[("c1", "files.read", "{\"a\": 1}"), ("c2", "other", "{}")]));
        assert_eq!((said.stop, said.usage.output), (StopReason::ToolCalls, Some(4)));
        assert_eq!(heard[..2], [Delta::Text("I ".to_owned()), Delta::Text("look".to_owned())]);
        assert!(matches!(&heard[2..], [Delta::ToolCall(one), Delta::ToolCall(_)] if one.name == "files.read"));
    }
}

#[test]
fn calls_are_told_apart_where_the_index_does_not_help() {
    let call = |value| delta(json!({ "tool_calls": [value] }));
    let whole = |index: Option<u64>, id: Option<&str>, name: &str| {
        call(json!({"index": index, "id": id, "function": {"name": name, "arguments": "{}"}}))
    };
    for (chunks, expected) in [
        (
            vec![whole(Some(0), Some("a"), "x"), whole(Some(0), Some("b"), "x")],
            vec![("a", "x", "{}"), ("b", "x", "{}")],
        ),
        (vec![whole(None, Some("a"), "x"), whole(None, Some("b"), "y")], vec![("a", "x", "{}"), ("b", "y", "{}")]),
        (vec![whole(None, None, "x"), whole(None, None, "y")], vec![("call_1_0", "x", "{}"), ("call_1_1", "y", "{}")]),
        (
            vec![whole(Some(0), None, "x"), whole(Some(0), None, "y")],
            vec![("call_1_0", "x", "{}"), ("call_1_1", "y", "{}")],
        ),
        (
            vec![whole(Some(0), Some("a"), "x"), whole(Some(1), Some("a"), "y")],
            vec![("a", "x", "{}"), ("call_1_1", "y", "{}")],
        ),
    ] {
        let chunks: Vec<_> = chunks.into_iter().chain([finish("stop")]).collect();
        let (said, _) = stream(&chunks, true);
        assert_eq!(calls(&said.unwrap()), owned(&expected), "{chunks:?}");
    }
}

#[test]
fn a_stream_that_is_cut_is_no_answer() {
    let text = delta(json!({"content": "a"}));
    assert_eq!(stream(std::slice::from_ref(&text), false).0, Err(WireError::Cut));
    assert_eq!(stream(&[], false).0, Err(WireError::Cut));
    assert!(matches!(stream(&[], true).0, Err(WireError::Malformed(_))));
    assert!(
        stream(std::slice::from_ref(&text), true).0.is_ok(),
        "a stream that says that it is over is, whatever else is missing"
    );
    let failed = stream(&[text, json!({"error": {"message": "out of memory", "type": "server_error"}})], false).0;
    assert!(matches!(failed, Err(WireError::Provider(fault)) if fault.kind == FaultKind::Failed));
}

#[test]
fn arguments_that_came_to_their_length_are_not_completed() {
    let call = json!({"index": 0, "id": "c1", "function": {"name": "files__read", "arguments": "{\"a\": [1"}});
    let (said, _) = stream(&[delta(json!({ "tool_calls": [call] })), finish("length")], true);
    let said = said.unwrap();
    let Part::ToolCall(call) = &said.parts[0] else { panic!("{said:?}") };
    assert!(call.problem.as_ref().unwrap().contains("length"));
    assert_eq!(said.stop, StopReason::Length);
}

#[test]
fn an_answer_has_an_end() {
    let long = delta(json!({"content": "x".repeat(1 << 20)}));
    let (said, _) = stream(&[long.clone(), long.clone(), long.clone(), long.clone(), long], true);
    assert!(matches!(said, Err(WireError::TooLarge { what: "bytes", .. })));
    let calls: Vec<_> = (0..200).map(|n| json!({"index": n, "function": {"name": "x", "arguments": "{}"}})).collect();
    let (said, _) = stream(&[delta(json!({ "tool_calls": calls }))], true);
    assert!(matches!(said, Err(WireError::TooLarge { what: "calls of tools", .. })));
}

#[test]
fn vectors_are_read_in_order() {
    let answer = |data: serde_json::Value| {
        let body = json!({"data": data, "usage": {"prompt_tokens": 4, "total_tokens": 4}}).to_string();
        local().embedded(body.as_bytes(), 2)
    };
    let read = answer(json!([{"index": 1, "embedding": [2, 0.5]}, {"index": 0, "embedding": [1, 0]}])).unwrap();
    assert_eq!(read.vectors, [Vector([1.0, 0.0].into()), Vector([2.0, 0.5].into())]);
    assert_eq!((read.usage.input, read.usage.output), (Some(4), Some(0)));
    for odd in [
        json!([{"index": 0, "embedding": [1]}]),
        json!([{"embedding": [1]}, {"embedding": [1, 2]}]),
        json!([{"embedding": []}, {"embedding": []}]),
        json!([{"embedding": [1e39]}, {"embedding": [1]}]),
        json!("none"),
    ] {
        assert!(matches!(answer(odd.clone()), Err(WireError::Malformed(_))), "{odd}");
    }
    let texts = ["a".to_owned(), "b".to_owned()];
    let request = local().embed_request(&model("e", &[]), &Extra::default(), &texts).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(written, json!({"model": "e", "input": ["a", "b"], "encoding_format": "float"}));
}
