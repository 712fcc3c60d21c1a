// SPDX-License-Identifier: MIT OR Apache-2.0
//! The head of a request: what a guest may say in it, and what only the host says.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use priory_core::failure::Failure;
use priory_core::http::HttpRequest;
use url::{Host, Url};

/// How many header fields a request may have.
pub(crate) const REQUEST_FIELDS_MAX: usize = 256;

/// How large the header fields of a request may be together, in bytes; servers take 8 to 64 KiB.
pub(crate) const REQUEST_HEAD_BYTES_MAX: usize = 64 << 10;

/// What a field costs besides its name and its value: `: ` and the end of the line.
const FIELD_OVERHEAD_BYTES: usize = 4;

/// How much of a URL is shown in a failure, in characters.
const PLACE_CHARS_MAX: usize = 500;

/// Fields about one connection, or about where a message ends. Taken from a guest they would let it address another
/// host than the one that was checked, or smuggle a second request behind the first.
const HOST_OWNED: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Methods with which a server expects to be told the length of a body, even of an empty one.
const WITH_BODY: [Method; 3] = [Method::PATCH, Method::POST, Method::PUT];

/// A request that was checked.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// How the URL is called in failures.
    pub(crate) place: String,
    /// Whether TLS is spoken.
    pub(crate) secure: bool,
    /// The host to reach.
    pub(crate) host: Host<String>,
    /// The port to reach.
    pub(crate) port: u16,
    /// The head to send.
    pub(crate) head: Request<()>,
}

// === impl Outgoing ===

impl Outgoing {
    /// Checks a request and makes its head.
    pub(crate) fn new(request: &HttpRequest) -> Result<Self, Failure> {
        let url = &request.url;
        let place = place(url);
        let invalid = |pointer: &str, reason: &str| Failure::invalid(place.as_str(), pointer, reason);

        let method = method(&request.method).map_err(|reason| invalid("/method", reason))?;
        let secure = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(invalid("/url", "the scheme is neither `http` nor `https`")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("/url", "the URL holds credentials; send them as a header field, or grant a secret"));
        }
        let host = url.host().ok_or_else(|| invalid("/url", "the URL has no host"))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| invalid("/url", "the URL has no port"))?;
        let uri = target(url).ok_or_else(|| invalid("/url", "the path and query are too long"))?;

        let mut headers = fields(&request.headers).map_err(|(pointer, reason)| invalid(&pointer, &reason))?;
        headers.insert(HOST, authority(url).ok_or_else(|| invalid("/url", "the host is not a name"))?);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if !request.body.is_empty() || WITH_BODY.contains(&method) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
        }

        let mut head = Request::new(());
        *head.method_mut() = method;
        *head.uri_mut() = uri;
        *head.headers_mut() = headers;
        Ok(Self { place, secure, host, port, head })
    }
}

/// Returns a URL as failures may show it: without credentials, query and fragment, and not endlessly long.
pub(crate) fn place(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let place = format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path());
    place.chars().take(PLACE_CHARS_MAX).collect()
}

/// Reads a method. `CONNECT` would make the server a tunnel to addresses that nobody checked, and `TRACE` would
/// show the guest the secrets that the host put on the request.
fn method(text: &str) -> Result<Method, &'static str> {
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        return Err("methods are written in capitals");
    }
    match Method::from_bytes(text.as_bytes()) {
        Err(_) => Err("the method is not a word, such as `GET`"),
        Ok(Method::CONNECT | Method::TRACE) => Err("`CONNECT` and `TRACE` are never sent"),
        Ok(method) => Ok(method),
    }
}

/// Returns path and query: what a server that is reached directly wants to be asked for.
fn target(url: &Url) -> Option<Uri> {
    let text = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

/// Returns the value of `host`.
fn authority(url: &Url) -> Option<HeaderValue> {
    let host = url.host_str()?;
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::try_from(text).ok()
}

/// Checks the fields of a guest and keeps those that are its own; an error is a JSON Pointer and a reason, and
/// holds neither name nor value.
fn fields(given: &[(String, Vec<u8>)]) -> Result<HeaderMap, (String, String)> {
    let too_many = || ("/headers".into(), format!("there are more than {REQUEST_FIELDS_MAX} header fields"));
    if given.len() > REQUEST_FIELDS_MAX {
        return Err(too_many());
    }
    let mut headers = HeaderMap::new();
    let mut bytes = 0usize;
    for (index, (name, value)) in given.iter().enumerate() {
        let error = |part: usize, reason: &str| (format!("/headers/{index}/{part}"), reason.to_owned());
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| error(0, "the name is not a word"))?;
        if is_host_owned(name.as_str()) {
            continue;
        }
        bytes = bytes.saturating_add(name.as_str().len() + value.len() + FIELD_OVERHEAD_BYTES);
        if bytes > REQUEST_HEAD_BYTES_MAX {
            let reason = format!("the header fields have more than {REQUEST_HEAD_BYTES_MAX} bytes");
            return Err(("/headers".into(), reason));
        }
        let value = HeaderValue::from_bytes(value);
        let mut value = value.map_err(|_| error(1, "the value has control characters in it"))?;
        // Keeps it out of whatever prints a header map.
        value.set_sensitive(true);
        headers.try_append(name, value).map_err(|_| too_many())?;
    }
    Ok(headers)
}

/// Tells whether the host alone sets a field.
fn is_host_owned(name: &str) -> bool {
    HOST_OWNED.contains(&name) || name.starts_with("proxy-")
}
