// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends requests by `wasi:http`. The host checks each of them.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

use crate::fetch::Answer;
use crate::url::Url;
use crate::wit::exports::priory::web::web::Error;

/// How much is read at once.
const CHUNK_BYTES: u64 = 64 << 10;
/// How long a header field may be that is looked at.
const FIELD_BYTES_MAX: usize = 8_192;

/// Sends one request, and reads at most so much of the answer.
pub(crate) fn get(url: &Url, bytes_max: usize) -> Result<Answer, Error> {
    let failed = |code: &ErrorCode| match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Denied(url.to_string()),
        other => Error::Unreachable(format!("{url}: {other:?}")),
    };
    let broken = |what: &str| Error::Unreachable(format!("{url}: {what}"));
    let fields = [("accept", "text/html, text/plain;q=0.9, */*;q=0.5"), ("user-agent", "priory-plugin-web/0.1")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let fields = Fields::from_list(&fields).map_err(|_| broken("the host refuses the header"))?;
    let request = OutgoingRequest::new(fields);
    let scheme = if url.is_https { Scheme::Https } else { Scheme::Http };
    let parts = request
        .set_method(&Method::Get)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(&url.authority)))
        .and_then(|()| request.set_path_with_query(Some(&url.path)));
    parts.map_err(|()| Error::InvalidUrl(url.to_string()))?;
    let pending = handle(request, None).map_err(|code| failed(&code))?;
    pending.subscribe().block();
    let response = match pending.get() {
        Some(Ok(result)) => result.map_err(|code| failed(&code))?,
        _ => return Err(broken("there is no answer")),
    };
    let (body, truncated) = body(&response, bytes_max).ok_or_else(|| broken("the answer broke off"))?;
    let (location, content_type) = (field(&response, "location"), field(&response, "content-type"));
    Ok(Answer { status: response.status(), location, content_type, body, truncated })
}

/// Returns a header field, where there is one that is text and not too long.
fn field(response: &IncomingResponse, name: &str) -> Option<String> {
    let value = response.headers().get(name).into_iter().next().filter(|value| value.len() <= FIELD_BYTES_MAX)?;
    String::from_utf8(value).ok()
}

/// Reads the body, and tells whether there was more; `None` when it broke off.
fn body(response: &IncomingResponse, bytes_max: usize) -> Option<(Vec<u8>, bool)> {
    let body = response.consume().ok()?;
    let stream = body.stream().ok()?;
    let mut bytes = Vec::new();
    // One byte more than is wanted shows that there is more.
    while bytes.len() <= bytes_max {
        let room = u64::try_from(bytes_max - bytes.len() + 1).unwrap_or(CHUNK_BYTES);
        match stream.blocking_read(room.min(CHUNK_BYTES)) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Some((bytes, false)),
            Err(StreamError::LastOperationFailed(_)) => return None,
        }
    }
    bytes.truncate(bytes_max);
    Some((bytes, true))
}
