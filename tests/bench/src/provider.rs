// SPDX-License-Identifier: MIT OR Apache-2.0
//! A provider of models that answers at once, by OpenAI's chat completions: a fake, for figures alone.
//!
//! As long as a conversation has fewer results of tools than its first request says it wants (`turns=N`), it wants the tool
//! `add` called; then it says that it is done. It keeps nothing between requests, so that peers and Priory are told the same.

use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long a request may be, in bytes: a conversation of some thousand turns.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// Answers whoever connects, until it is dropped.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // Who breaks off a connection has no interest in its error.
        tokio::spawn(async move { converse(stream).await.ok() });
    }
}

/// Starts a provider on a thread of its own, so that it takes no time of what is measured, and returns where it is.
pub fn start() -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { serve(TcpListener::from_std(listener)?).await })
    });
    Ok(address)
}

/// Answers one request after the other.
async fn converse(mut stream: TcpStream) -> io::Result<()> {
    let mut held = Vec::new();
    loop {
        let Some((head, body)) = request(&mut stream, &mut held).await? else { return Ok(()) };
        let (kind, answer) = answer(&body);
        let mut bytes =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", answer.len()).into_bytes();
        bytes.extend_from_slice(answer.as_bytes());
        held.drain(..head + body.len());
        stream.write_all(&bytes).await?;
    }
}

/// Reads one request, and returns how long its head is, and its body; `None` at the end of the connection.
async fn request(stream: &mut TcpStream, held: &mut Vec<u8>) -> io::Result<Option<(usize, Vec<u8>)>> {
    let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    loop {
        if let Some(head) = held.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) {
            let text = String::from_utf8_lossy(held.get(..head).unwrap_or_default()).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).map(str::trim);
            let length: usize = length.and_then(|length| length.parse().ok()).ok_or_else(|| odd("no length"))?;
            if length > REQUEST_BYTES_MAX {
                return Err(odd("too long"));
            }
            while held.len() < head + length {
                if stream.read_buf(held).await? == 0 {
                    return Err(odd("cut"));
                }
            }
            return Ok(Some((head, held.get(head..head + length).unwrap_or_default().to_vec())));
        }
        if held.len() > REQUEST_BYTES_MAX {
            return Err(odd("too long"));
        }
        if stream.read_buf(held).await? == 0 {
            return Ok(None);
        }
    }
}

/// Returns the type and the text of the answer to a request.
fn answer(body: &[u8]) -> (&'static str, String) {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let messages = request.get("messages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_tool = |message: &&Value| message.get("role").and_then(Value::as_str) == Some("tool");
    let done = messages.iter().filter(is_tool).count();
    let wanted = messages.iter().find_map(|message| {
        let text = message.get("content")?.to_string();
        let digits: String = text.split_once("turns=")?.1.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    });
    let turns = wanted.unwrap_or_default();
    let (mut message, reason) = match done < turns {
        true => {
            let function = json!({ "name": "add", "arguments": json!({ "a": done, "b": 1 }).to_string() });
            let call = json!({ "index": 0, "id": format!("call_{done}"), "type": "function", "function": function });
            (json!({ "role": "assistant", "content": null, "tool_calls": [call] }), "tool_calls")
        }
        false => (json!({ "role": "assistant", "content": format!("done {turns}") }), "stop"),
    };
    // Peers and Priory offer the tool under names of their own.
    let name = request.pointer("/tools/0/function/name");
    if let (Some(name), Some(slot)) = (name, message.pointer_mut("/tool_calls/0/function/name")) {
        *slot = name.clone();
    }
    let usage = json!({ "prompt_tokens": 10 + 20 * done, "completion_tokens": 5, "total_tokens": 15 + 20 * done });
    let whole = |object: &str, inside: &str, said: Value, reason: Value, usage: &Value| {
        let choice = json!({ "index": 0, inside: said, "finish_reason": reason });
        json!({ "id": "scripted", "object": object, "created": 1, "model": "scripted", "choices": [choice], "usage": usage })
    };
    if request.get("stream") != Some(&Value::Bool(true)) {
        let text = whole("chat.completion", "message", message, reason.into(), &usage).to_string();
        return ("application/json", text);
    }
    let first = whole("chat.completion.chunk", "delta", message, Value::Null, &Value::Null);
    let last = whole("chat.completion.chunk", "delta", json!({}), reason.into(), &usage);
    ("text/event-stream", format!("data: {first}\n\ndata: {last}\n\ndata: [DONE]\n\n"))
}
