// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fake provider says, as bytes, and what it refuses.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// Sends a request and returns all that comes back; the connection is closed for writing first.
async fn ask(provider: &LoopbackProvider, path: &str, header: &str, body: &serde_json::Value) -> Vec<u8> {
    let mut stream = TcpStream::connect(provider.address).await.unwrap();
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json\r\n{header}\r\n");
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

fn chat(streams: bool) -> serde_json::Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": streams})
}

const KEY: &str = "authorization: Bearer k";

#[tokio::test]
async fn it_answers_whole_and_in_pieces() {
    let provider = LoopbackProvider::start(ProviderKind::Openai, "k").await.unwrap();
    let lines = Lines { end: "\r\n", ..Lines::default() };
    provider.then([
        Act::text("Hello").framed(Framing::Length),
        Act::text("Hello").in_pieces(Cuts::Bytes(1_000_000)).in_lines(lines),
        Act::text("Hello").framed(Framing::Close).cut_at(Place::Bytes(9)),
    ]);
    let whole = String::from_utf8(ask(&provider, "/v1/chat/completions", KEY, &chat(false)).await).unwrap();
    assert!(whole.starts_with("HTTP/1.1 200"), "{whole}");
    let (_, body) = whole.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "Hello");

    let stream = String::from_utf8(ask(&provider, "/v1/chat/completions", KEY, &chat(true)).await).unwrap();
    assert!(stream.contains("transfer-encoding: chunked"), "{stream}");
    assert!(stream.contains("data: [DONE]\r\n\r\n"), "{stream}");
    assert!(stream.ends_with("\r\n0\r\n\r\n"), "{stream}");

    let cut = String::from_utf8(ask(&provider, "/v1/chat/completions", KEY, &chat(false)).await).unwrap();
    assert_eq!(cut.split_once("\r\n\r\n").unwrap().1.len(), 9);
    assert_eq!((provider.asked().len(), provider.acts_left()), (3, 0));
}

#[tokio::test]
async fn it_refuses_what_a_provider_would() {
    let provider = LoopbackProvider::start(ProviderKind::Openai, "k").await.unwrap();
    let mut bad = chat(false);
    bad["messages"] = json!([{"role": "tool", "tool_call_id": "c", "content": "x"}]);
    for (header, body, status) in [("", chat(false), "401"), (KEY, bad, "400"), (KEY, json!({"model": "m"}), "400")] {
        let answer = String::from_utf8(ask(&provider, "/v1/chat/completions", header, &body).await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("\"error\""), "{answer}");
    }
    assert!(provider.asked().iter().all(|asked| asked.refusal.is_some()));
}

/// Checks what a format refuses of one body: `None` where it is taken.
fn check(kind: ProviderKind, path: &str, body: serde_json::Value, expected: Option<&str>) {
    let headers = [
        ("authorization", "Bearer k"),
        ("x-api-key", "k"),
        ("x-goog-api-key", "k"),
        ("anthropic-version", "2023-06-01"),
    ];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let asked = Asked { method: "POST".to_owned(), path: path.to_owned(), headers, body, refusal: None };
    let verdict = match kind {
        ProviderKind::Anthropic => anthropic::check("k", &asked),
        ProviderKind::Gemini => gemini::check("k", &asked),
        ProviderKind::OpenaiResponses => responses::check("k", &asked),
        _ => openai::check("k", &asked),
    };
    match (verdict, expected) {
        (Ok(()), None) => {}
        (Err(refusal), Some(expected)) if refusal.message.contains(expected) => {}
        (verdict, expected) => panic!("{verdict:?} and not {expected:?}: {}", asked.body),
    }
}

#[test]
fn anthropic_holds_turns_to_its_rules() {
    let ask = |messages: serde_json::Value, expected: Option<&str>| {
        let tools = json!([{"name": "t", "input_schema": {"type": "object"}}]);
        let body = json!({"model": "claude-opus-4-5", "max_tokens": 9, "messages": messages, "tools": tools});
        check(ProviderKind::Anthropic, "/v1/messages", body, expected);
    };
    let user = json!({"role": "user", "content": [{"type": "text", "text": "a"}]});
    let call = json!({"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "t", "input": {}}]});
    let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "r"}]});
    ask(json!([user]), None);
    ask(json!([user, call, result]), None);
    ask(json!([user, user]), Some("roles must alternate"));
    ask(json!([call, result]), Some("first message"));
    ask(json!([user, call]), Some("without `tool_result` blocks"));
    ask(json!([user, call, user]), Some("without `tool_result` blocks"));
    ask(json!([result]), Some("unexpected `tool_use_id`"));
    ask(json!([{"role": "user", "content": [{"type": "text", "text": " "}]}]), Some("non-whitespace"));
    let max_tokens = json!({"model": "m", "messages": [user]});
    check(ProviderKind::Anthropic, "/v1/messages", max_tokens, Some("max_tokens: Field required"));
}

#[test]
fn gemini_holds_contents_and_schemas_to_its_rules() {
    let path = "/v1beta/models/gemini-2.5-flash:generateContent";
    let ask = |body, expected| check(ProviderKind::Gemini, path, body, expected);
    let user = json!({"role": "user", "parts": [{"text": "a"}]});
    let call = json!({"role": "model", "parts": [{"functionCall": {"name": "t", "args": {}}}]});
    let result = json!({"role": "user", "parts": [{"functionResponse": {"name": "t", "response": {}}}]});
    ask(json!({"contents": [user]}), None);
    ask(json!({"contents": [user, call, result]}), None);
    ask(json!({"contents": [call, result]}), Some("function call turn comes immediately after a user turn"));
    ask(json!({"contents": [user, call, user]}), Some("number of function response parts"));
    ask(json!({"contents": [user, result]}), Some("function response turn comes immediately after"));
    ask(json!({"contents": [{"role": "user", "parts": []}]}), Some("must not be empty"));
    ask(json!({"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}), Some("valid role"));
    let declared = |parameters| {
        let tool = json!({"name": "t", "parameters": parameters});
        json!({"contents": [user], "tools": [{"functionDeclarations": [tool]}]})
    };
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    ask(declared(closed), Some("Unknown name \"additionalProperties\""));
    ask(declared(json!({"type": "object", "properties": {}})), Some("should be non-empty"));
    ask(declared(json!({"type": "object", "properties": {"a": {"type": "string"}}})), None);
    let signed = "/v1beta/models/gemini-3-flash:generateContent";
    check(ProviderKind::Gemini, signed, json!({"contents": [user, call, result]}), Some("missing a thought_signature"));
}

#[test]
fn responses_hold_items_to_their_rules() {
    let ask = |input: serde_json::Value, expected| {
        let body = json!({"model": "m", "store": false, "input": input});
        check(ProviderKind::OpenaiResponses, "/v1/responses", body, expected);
    };
    let user = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]});
    let call = json!({"type": "function_call", "call_id": "c", "name": "t", "arguments": "{}"});
    let result = json!({"type": "function_call_output", "call_id": "c", "output": "r"});
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "seal"});
    ask(json!([user, thought, call, result]), None);
    ask(json!([user, call]), Some("No tool output found"));
    ask(json!([user, result]), Some("No tool call found"));
    ask(json!([user, thought, user]), Some("without its required following item"));
    ask(json!([user, {"type": "reasoning", "id": "rs_1", "summary": []}, call, result]), Some("not persisted"));
}
