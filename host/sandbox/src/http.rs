// SPDX-License-Identifier: MIT OR Apache-2.0
//! Outgoing requests of `wasi:http`: each is an effect. The runtime's own way out is compiled out.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use priory_core::http::{HttpRequest, HttpResponse};
use priory_core::ports::FrameHost;
use priory_core::usage::Meter;
use priory_core::{Dimension, Failure, Outcome, Value};
use url::Url;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::races::Shown;

/// How long a URL may be, in bytes.
const URL_BYTES_MAX: usize = 16 << 10;
/// How many requests of one guest may be on their way at once: each holds a whole response in the end.
const OPEN_MAX: usize = 32;

/// Turns requests of one guest into effects.
pub(crate) struct Outgoing {
    host: Arc<dyn FrameHost>,
    meter: Arc<Meter>,
    body_bytes_max: usize,
    /// Made when the guest sends its first request: most never do.
    open: OnceLock<Arc<Open>>,
    /// The number of the request that was announced last, until somebody takes it.
    announced: Option<u32>,
}

/// What is on its way for one guest.
pub(crate) struct Open {
    requests: AtomicUsize,
    /// Bytes of bodies that are being written, all together.
    body_bytes: AtomicUsize,
    body_bytes_max: usize,
    /// Which answers may reach the guest.
    pub(crate) shown: Shown,
}

impl Outgoing {
    pub(crate) fn new(host: Arc<dyn FrameHost>, meter: Arc<Meter>, body_bytes_max: usize) -> Self {
        Self { host, meter, body_bytes_max, open: OnceLock::new(), announced: None }
    }

    /// Returns what is on its way.
    pub(crate) fn open(&self) -> &Arc<Open> {
        self.open.get_or_init(|| {
            let (requests, body_bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let body_bytes_max = self.body_bytes_max;
            Arc::new(Open { requests, body_bytes, body_bytes_max, shown: Shown::default() })
        })
    }

    /// Takes the number of the request that was announced last.
    pub(crate) fn take_announced(&mut self) -> Option<u32> {
        self.announced.take()
    }

    /// Gives a request its place among the effects of the guest, now: it is counted, and refused if it is refused.
    fn announce(&mut self, request: &http::Request<WasiBody>) -> Result<(Announced, Url), Error> {
        let url = url_of(request)?;
        let open = self.open().clone();
        if open.requests.fetch_add(1, Ordering::Relaxed) >= OPEN_MAX {
            open.requests.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::InternalError(Some(format!("more than {OPEN_MAX} requests are open at once"))));
        }
        let mut announced = Announced { host: self.host.clone(), open, number: None, body_bytes: 0 };
        let number = self.host.announce(request.method().as_str(), &url, self.meter.fuel());
        announced.number = Some(number.map_err(|failure| error_of(&failure))?);
        self.announced = announced.number;
        Ok((announced, url))
    }
}

/// A request on its way. Dropping it withdraws it.
struct Announced {
    host: Arc<dyn FrameHost>,
    open: Arc<Open>,
    number: Option<u32>,
    body_bytes: usize,
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.open.requests.fetch_sub(1, Ordering::Relaxed);
        self.open.body_bytes.fetch_sub(self.body_bytes, Ordering::Relaxed);
        if let Some(number) = self.number {
            self.host.forget(number);
            // Nothing comes of it, and whoever waits for it has to be told.
            self.open.shown.show(number);
        }
    }
}

type Finished = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(http::Response<WasiBody>, Finished), Error>;

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Finished,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let announced = self.announce(&request);
        Box::new(async move {
            let (mut announced, url) = match announced {
                Ok(announced) => announced,
                Err(error) => {
                    // Whoever still writes the body is told in the answer, and not wherever it happens to be.
                    drain(request.into_body()).await;
                    return Err(error);
                }
            };
            let request = announced.whole(request, url, options).await?;
            match announced.send(request).await {
                Ok(Value::Http(response)) => {
                    let done: Finished = Box::new(async { Ok(()) });
                    Ok((into_response(response)?, done))
                }
                Ok(_) => Err(Error::InternalError(Some("the effect gave back no response".into()))),
                Err(failure) => Err(error_of(&failure)),
            }
        })
    }
}

impl Announced {
    async fn send(&mut self, request: HttpRequest) -> Outcome {
        let Some(number) = self.number else { return Err(Failure::other("the request was not announced")) };
        self.host.send(number, request);
        self.open.shown.shown(number).await;
        let outcome = self.host.outcome(number).await;
        self.number = None;
        outcome
    }

    /// Reads a request of a guest as a whole.
    async fn whole(
        &mut self,
        request: http::Request<WasiBody>,
        url: Url,
        options: Option<RequestOptions>,
    ) -> Result<HttpRequest, Error> {
        let (parts, mut body) = request.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let cut = |_| Error::InternalError(Some("the request body was cut short".into()));
            let Ok(data) = frame.map_err(cut)?.into_data() else { continue };
            self.body_bytes += data.len();
            let most = self.open.body_bytes_max;
            if self.open.body_bytes.fetch_add(data.len(), Ordering::Relaxed).saturating_add(data.len()) > most {
                drain(body).await;
                return Err(Error::HttpRequestBodySize(Some(most as u64)));
            }
            bytes.extend_from_slice(&data);
        }
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
        let first_byte = options.and_then(|options| options.first_byte_timeout);
        Ok(HttpRequest {
            method: parts.method.as_str().to_owned(),
            url,
            headers: headers.collect(),
            body: bytes,
            first_byte_ms: first_byte.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        })
    }
}

/// Reads the rest of a body and keeps nothing of it. It is as long as what its guest can write.
async fn drain(mut body: WasiBody) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn url_of(request: &http::Request<WasiBody>) -> Result<Url, Error> {
    let uri = request.uri().to_string();
    if uri.len() > URL_BYTES_MAX {
        return Err(Error::HttpRequestUriTooLong);
    }
    let mut url = Url::parse(&uri).map_err(|_| Error::HttpRequestUriInvalid)?;
    if !url.username().is_empty() || url.password().is_some() || !url.has_host() {
        return Err(Error::HttpRequestUriInvalid);
    }
    url.set_fragment(None);
    Ok(url)
}

fn into_response(response: HttpResponse) -> Result<http::Response<WasiBody>, Error> {
    let mut builder = http::Response::builder().status(response.status);
    for (name, value) in response.headers {
        builder = builder.header(name, value);
    }
    let body = Full::new(Bytes::from(response.body)).map_err(|never| match never {}).boxed_unsync();
    builder.body(body).map_err(|_| Error::HttpProtocolError)
}

/// Tells the guest of a failure in the words of `wasi:http`. The whole failure is in the events of the run.
fn error_of(failure: &Failure) -> Error {
    match failure {
        Failure::Denied(_) => Error::HttpRequestDenied,
        Failure::Limit(limit) if matches!(limit.dimension, Dimension::CallBytes | Dimension::TotalBytes) => {
            Error::HttpResponseBodySize(Some(limit.allowed))
        }
        Failure::Timeout(_) => Error::ConnectionReadTimeout,
        Failure::Invalid(_) => Error::HttpProtocolError,
        Failure::Unavailable(unavailable) if unavailable.retriable => Error::DestinationUnavailable,
        other => Error::InternalError(Some(other.to_string())),
    }
}
