// SPDX-License-Identifier: MIT OR Apache-2.0
//! One request and one answer over one connection, both ends of it bounded.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use priory_core::http::HttpResponse;
use tokio::time::timeout;

use crate::error::{Step, Trouble};

/// How many header fields an answer may have; hyper's own 100 is too few for some content security policies.
pub(crate) const RESPONSE_FIELDS_MAX: usize = 256;

/// The smallest buffer that hyper takes; the head has a bound of its own.
const HYPER_BUFFER_BYTES_MIN: usize = 8_192;

/// Fields about the connection, which is gone when the guest sees them, and about the framing that was undone.
const OF_CONNECTION: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// What an answer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of its head.
    pub(crate) head_bytes_max: usize,
    /// Bytes of its body.
    pub(crate) body_bytes_max: u64,
    /// Milliseconds from the request until the whole head is there.
    pub(crate) first_byte_ms: u64,
    /// Milliseconds between two parts of the body.
    pub(crate) idle_ms: u64,
}

/// Sends a request over `io` and reads the whole answer.
pub(crate) async fn exchange<I>(io: I, request: Request<Full<Bytes>>, bounds: Bounds) -> Result<HttpResponse, Trouble>
where
    I: Read + Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(bounds.head_bytes_max.max(HYPER_BUFFER_BYTES_MIN))
        .max_header_size(bounds.head_bytes_max)
        .max_headers(RESPONSE_FIELDS_MAX)
        .handshake(io)
        .await
        .map_err(|error| bounds.trouble(&error))?;
    let answer = async move {
        let allowed_ms = bounds.first_byte_ms;
        match timeout(Duration::from_millis(allowed_ms), sender.send_request(request)).await {
            Ok(Ok(response)) => read(response, bounds).await,
            Ok(Err(error)) => Err(bounds.trouble(&error)),
            Err(_) => Err(Trouble::TimedOut { step: Step::FirstByte, allowed_ms }),
        }
    };
    let mut answer = pin!(answer);
    // The connection moves bytes only while it is polled. When it ends first, its result says nothing that the
    // answer does not say better; what it had read is still there to be taken.
    tokio::select! {
        biased;
        result = &mut answer => result,
        _ = connection => answer.await,
    }
}

/// Reads the answer whose head is there.
async fn read(response: Response<Incoming>, bounds: Bounds) -> Result<HttpResponse, Trouble> {
    let (head, mut incoming) = response.into_parts();
    check_head(head.status, &head.headers)?;

    let allowed = bounds.body_bytes_max;
    // A length that is announced need not be read to be refused.
    let announced = incoming.size_hint().lower();
    if announced > allowed {
        return Err(Trouble::BodyTooLarge { used: announced, allowed });
    }
    let mut body = Vec::new();
    // Ends: every frame of data has at least one byte, and the trailers come once.
    loop {
        let frame = match timeout(Duration::from_millis(bounds.idle_ms), incoming.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(bounds.trouble(&error)),
            Ok(None) => break,
            Err(_) => return Err(Trouble::TimedOut { step: Step::Body, allowed_ms: bounds.idle_ms }),
        };
        // Trailers are not part of the answer that a guest sees.
        let Ok(data) = frame.into_data() else { continue };
        let used = (body.len() as u64).saturating_add(data.len() as u64);
        if used > allowed {
            return Err(Trouble::BodyTooLarge { used, allowed });
        }
        body.extend_from_slice(&data);
    }
    Ok(HttpResponse { status: head.status.as_u16(), headers: fields(&head.headers), body })
}

/// Refuses answers to questions that were not asked: another protocol, or a coding besides `chunked`, which
/// would reach the guest undecoded and without the field that says so.
fn check_head(status: StatusCode, headers: &HeaderMap) -> Result<(), Trouble> {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Trouble::Malformed { detail: "the server switched protocols without being asked".into() });
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Trouble::Malformed { detail: "its transfer coding is not `chunked`".into() }),
    }
}

/// Returns the fields in order; those with one name stand together, at the place of the first.
fn fields(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers
        .iter()
        .filter(|(name, _)| !OF_CONNECTION.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

// === impl Bounds ===

impl Bounds {
    fn trouble(&self, error: &hyper::Error) -> Trouble {
        Trouble::from_hyper(error, self.head_bytes_max, RESPONSE_FIELDS_MAX)
    }
}
