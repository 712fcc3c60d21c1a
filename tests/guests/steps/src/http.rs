// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests through `wasi:http`, as a client library sends them.

use serde_json::{Value, json};
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::poll::poll;

/// Sends a request and waits for the answer: its status and its body.
pub(crate) fn send(method: &str, url: &str, body: &str) -> Result<Value, String> {
    let answer = begin(method, url, body)?;
    answer.subscribe().block();
    read(&answer)
}

/// Sends a request and waits for the answer, but not longer than some milliseconds.
pub(crate) fn get_within(url: &str, ms: u64) -> Result<Value, String> {
    let answer = begin("GET", url, "")?;
    let (answered, late) = (answer.subscribe(), subscribe_duration(ms * 1_000_000));
    match poll(&[&answered, &late])[0] {
        0 => read(&answer),
        _ => Ok(Value::from("too late")),
    }
}

fn begin(method: &str, url: &str, body: &str) -> Result<FutureIncomingResponse, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let request = OutgoingRequest::new(Fields::new());
    let method = if method == "POST" { Method::Post } else { Method::Get };
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    request.set_method(&method).map_err(|()| "method")?;
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "authority")?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(|()| "path")?;
    let out = request.body().map_err(|()| "body")?;
    let answer = handle(request, None).map_err(|code| format!("{code:?}"))?;
    if !body.is_empty() {
        let stream = out.write().map_err(|()| "stream")?;
        stream.blocking_write_and_flush(body.as_bytes()).map_err(|error| format!("{error:?}"))?;
    }
    OutgoingBody::finish(out, None).map_err(|code| format!("{code:?}"))?;
    Ok(answer)
}

fn read(answer: &FutureIncomingResponse) -> Result<Value, String> {
    let answer = answer.get().ok_or("not ready")?.map_err(|()| "taken")?.map_err(|code| format!("{code:?}"))?;
    let body = answer.consume().map_err(|()| "consumed")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut all = Vec::new();
    while let Ok(bytes) = stream.blocking_read(64 << 10) {
        all.extend(bytes);
    }
    let text = String::from_utf8_lossy(&all);
    let value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_ref()));
    Ok(json!([answer.status(), value]))
}
