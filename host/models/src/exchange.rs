// SPDX-License-Identifier: MIT OR Apache-2.0
//! One request over HTTP: sending it, and waiting for its answer, for a bounded time. An answer that is an error is read
//! here, up to a bounded size.

use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Response, Url};

use crate::gate::Pass;
use crate::key::Key;
use crate::provider::Provider;
use crate::trouble::Trouble;
use crate::wait::within;
use crate::wire::{WireError, WireRequest};

/// How much is read of an answer that is an error, in bytes.
const FAULT_BYTES_MAX: u64 = 64 << 10;

/// A request, ready to be sent as often as need be.
pub(crate) struct Outgoing {
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    /// Whether the answer is to come as a stream.
    is_stream: bool,
    /// When the time of the request is over, and how long that is.
    pub(crate) deadline: Duration,
    pub(crate) time_ms: u64,
    key_header: (HeaderName, &'static str),
    /// By which the provider may know a repetition.
    repetition: String,
}

/// An answer of which the first bytes have come.
pub(crate) struct Opened {
    pub(crate) response: Response,
    pub(crate) first: Bytes,
    pub(crate) is_stream: bool,
    pub(crate) pass: Pass,
    pub(crate) key: Option<Arc<Key>>,
}

// === impl Outgoing ===

impl Outgoing {
    /// Gets a request ready; `None` where it cannot be sent at all.
    pub(crate) fn new(
        provider: &Provider,
        request: WireRequest,
        is_stream: bool,
        repetition: &str,
        time_ms: u64,
    ) -> Option<Self> {
        let mut headers = provider.headers.clone();
        for (name, value) in &request.headers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
        }
        let (key_header, before_key) = provider.wire.key_header();
        let time = provider.time.min(Duration::from_millis(time_ms));
        Some(Self {
            url: provider.url(&request.path)?,
            headers,
            body: request.body.into(),
            is_stream,
            deadline: provider.clock.elapsed().saturating_add(time),
            time_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            key_header: (HeaderName::from_static(key_header), before_key),
            repetition: repetition.chars().filter(char::is_ascii_graphic).collect(),
        })
    }

    /// Writes the request. Of two copies that are on their way at once, each is told apart.
    fn request(&self, key: Option<&Key>, copy: u32) -> Option<Request> {
        let mut request = Request::new(Method::POST, self.url.clone());
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        if let Some(key) = key {
            headers.insert(self.key_header.0.clone(), key.header(self.key_header.1)?);
        }
        let repetition = match copy {
            0 => HeaderValue::from_str(&self.repetition),
            copy => HeaderValue::from_str(&format!("{}-{copy}", self.repetition)),
        };
        if let Ok(repetition) = repetition {
            headers.insert("idempotency-key", repetition);
        }
        *request.body_mut() = Some(self.body.clone().into());
        Some(request)
    }
}

// === impl Provider ===

impl Provider {
    /// Sends a request and waits for the first bytes of its answer. An answer that is an error is read here. `sent` is told
    /// when the request is on its way.
    pub(crate) async fn open(&self, outgoing: &Outgoing, copy: u32, sent: impl FnOnce()) -> Result<Opened, Trouble> {
        let pass = self.gate.pass(outgoing.deadline).await.map_err(Trouble::Refused)?;
        let key = match &self.keys {
            Some(keys) => Some(self.timely(outgoing, None, "its key", keys.get()).await??),
            None => None,
        };
        sent();
        match self.exchange(outgoing, key.as_deref(), copy).await {
            Ok((response, first, is_stream)) => Ok(Opened { response, first, is_stream, pass, key }),
            Err(trouble) => {
                pass.end(trouble.verdict());
                if let (true, Some(keys)) = (trouble.refuses_key(), &self.keys) {
                    keys.forget().await;
                }
                Err(match &key {
                    Some(key) => trouble.scrubbed(key),
                    None => trouble,
                })
            }
        }
    }

    async fn exchange(
        &self,
        outgoing: &Outgoing,
        key: Option<&Key>,
        copy: u32,
    ) -> Result<(Response, Bytes, bool), Trouble> {
        let unsendable = || Trouble::Network {
            reason: "the request cannot be written".to_owned(),
            is_retriable: false,
            is_sent: false,
        };
        if tokio::runtime::Handle::try_current().is_err() {
            let reason = "the host sends from a thread that has entered no runtime; this build is broken".to_owned();
            return Err(Trouble::Network { reason, is_retriable: false, is_sent: false });
        }
        let request = outgoing.request(key, copy).ok_or_else(unsendable)?;
        // What is not streamed begins when it is whole, so that may take as long as the request.
        let idle = outgoing.is_stream.then_some(self.idle);
        let head = self.timely(outgoing, idle, "the head of the answer", self.client.execute(request)).await?;
        let mut response = head.map_err(|error| of_network(&error))?;
        let status = response.status().as_u16();
        if status != 200 {
            let body =
                self.body(outgoing, &mut response, Bytes::new(), FAULT_BYTES_MAX, true).await.unwrap_or_default();
            let body = key.map_or_else(|| body.clone(), |key| scrubbed(&body, key));
            let fault = self.wire.fault(status, response.headers(), &body, self.clock.unix_ms());
            return Err(Trouble::Fault(fault));
        }
        // Nobody asked for it, so nobody unpacks it: an answer of a megabyte may stand for one of a thousand.
        if response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(Trouble::Wire(WireError::Malformed(
                "it is packed, although that was not asked for".to_owned(),
            )));
        }
        let is_stream = match response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) {
            Some(kind) if kind.starts_with("text/event-stream") => true,
            Some(kind) if kind.starts_with("application/json") => false,
            _ => outgoing.is_stream,
        };
        let first = self.piece(outgoing, idle, &mut response, "the first byte").await?.unwrap_or_default();
        Ok((response, first, is_stream))
    }

    /// Waits for the next piece of a body.
    pub(crate) async fn piece(
        &self,
        outgoing: &Outgoing,
        idle: Option<Duration>,
        response: &mut Response,
        step: &'static str,
    ) -> Result<Option<Bytes>, Trouble> {
        self.timely(outgoing, idle, step, response.chunk()).await?.map_err(|error| match error.is_timeout() {
            true => of_network(&error),
            // The head was there: what is missing of the body was cut off.
            false => Trouble::Network {
                reason: format!("the answer was cut off: {}", innermost(&error)),
                is_retriable: true,
                is_sent: true,
            },
        })
    }

    /// Waits for something as long as it may take.
    async fn timely<F: Future>(
        &self,
        outgoing: &Outgoing,
        idle: Option<Duration>,
        step: &'static str,
        future: F,
    ) -> Result<F::Output, Trouble> {
        let idle_until = idle.map(|idle| self.clock.elapsed().saturating_add(idle));
        let until = idle_until.map_or(outgoing.deadline, |until| until.min(outgoing.deadline));
        let over = || match idle.filter(|_| until < outgoing.deadline) {
            Some(idle) => Trouble::Silent { step, allowed_ms: u64::try_from(idle.as_millis()).unwrap_or(u64::MAX) },
            None => Trouble::Over { allowed_ms: outgoing.time_ms },
        };
        within(&*self.clock, until, future).await.ok_or_else(over)
    }
}

/// Takes a key out of the body of an error, before anything of it is cut.
fn scrubbed(body: &[u8], key: &Key) -> Bytes {
    key.scrub(&String::from_utf8_lossy(body)).into_bytes().into()
}

/// Says what the network did, without the URL: it is the operator's, and long.
fn of_network(error: &reqwest::Error) -> Trouble {
    let reason = innermost(error);
    let is_certificate = reason.contains("certificate");
    let what = match (error.is_connect(), error.is_timeout()) {
        (true, true) => "it cannot be connected to in time".to_owned(),
        (true, false) => format!("it cannot be connected to: {reason}"),
        (false, _) => format!("the connection broke: {reason}"),
    };
    // What broke later may have been worked on: a long answer whose connection is cut on the way is the usual case.
    let is_sent = !error.is_connect() && !error.is_builder();
    Trouble::Network { reason: what, is_retriable: !error.is_builder() && !is_certificate, is_sent }
}

/// Returns what lies at the bottom of an error.
fn innermost(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut reason = None;
    // As many as an error of the network has, and more.
    for _ in 0..16 {
        let Some(inner) = source else { break };
        reason = Some(inner.to_string());
        source = inner.source();
    }
    crate::wire::fault::clipped(&reason.unwrap_or_else(|| "no reason is known".to_owned()))
}
