// SPDX-License-Identifier: MIT OR Apache-2.0
//! A request as it came in.

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How long the header of a request may be, in bytes: more than any client sends.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long the body of a request may be, in bytes: as much as any provider takes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// A request that was sent to the provider.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// The header; names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; `null` where it is no JSON.
    pub body: Value,
    /// Why it was refused.
    pub refusal: Option<String>,
}

impl Asked {
    /// Returns a field of the header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Tells whether a stream was asked for.
    pub fn streams(&self) -> bool {
        self.body.get("stream").and_then(Value::as_bool).unwrap_or(false)
            || self.path.contains(":streamGenerateContent")
    }

    /// Tells whether vectors were asked for.
    pub fn embeds(&self) -> bool {
        self.path.ends_with("/embeddings") || self.path.contains("mbedContent")
    }

    /// Returns the model that was asked.
    pub fn model(&self) -> &str {
        let in_path = self.path.split_once("/models/").and_then(|(_, rest)| rest.split(':').next());
        in_path.or_else(|| self.body.get("model").and_then(Value::as_str)).unwrap_or_default()
    }
}

/// Reads one request; `None` where the client has gone. What was read beyond it stays in `buffer`.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> io::Result<Option<Asked>> {
    let head_len = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at.saturating_add(4);
        }
        if buffer.len() > HEAD_BYTES_MAX {
            return Err(io::Error::other("the header of the request is too long"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = buffer.drain(..head_len).collect();
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (first.next().unwrap_or_default().to_owned(), first.next().unwrap_or_default().to_owned());
    let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let headers: BTreeMap<String, String> = lines.filter_map(field).collect();
    let body_len = headers.get("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
    if body_len > BODY_BYTES_MAX {
        return Err(io::Error::other("the body of the request is too long"));
    }
    while buffer.len() < body_len {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let body: Vec<u8> = buffer.drain(..body_len).collect();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Some(Asked { method, path, headers, body, refusal: None }))
}
