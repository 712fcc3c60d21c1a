// SPDX-License-Identifier: MIT OR Apache-2.0
//! Outgoing requests of `wasi:http`: each is an effect. The runtime's own way out is compiled out.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use priory_core::http::{HttpRequest, HttpResponse};
use priory_core::ports::FrameHost;
use priory_core::usage::Meter;
use priory_core::{Effect, Failure, Value};
use url::Url;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// How long a URL may be, in bytes.
const URL_BYTES_MAX: usize = 16 << 10;

/// Turns requests of one guest into effects.
pub(crate) struct Outgoing {
    host: Arc<dyn FrameHost>,
    meter: Arc<Meter>,
    body_bytes_max: usize,
}

impl Outgoing {
    pub(crate) fn new(host: Arc<dyn FrameHost>, meter: Arc<Meter>, body_bytes_max: usize) -> Self {
        Self { host, meter, body_bytes_max }
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
        let (host, fuel, most) = (self.host.clone(), self.meter.fuel(), self.body_bytes_max);
        Box::new(async move {
            let request = whole(request, options, most).await?;
            match host.perform(Effect::HttpRequest(request), fuel).await {
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

/// Reads a request of a guest as a whole.
async fn whole(
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
    body_bytes_max: usize,
) -> Result<HttpRequest, Error> {
    let (parts, body) = request.into_parts();
    let uri = parts.uri.to_string();
    if uri.len() > URL_BYTES_MAX {
        return Err(Error::HttpRequestUriTooLong);
    }
    let mut url = Url::parse(&uri).map_err(|_| Error::HttpRequestUriInvalid)?;
    if !url.username().is_empty() || url.password().is_some() || !url.has_host() {
        return Err(Error::HttpRequestUriInvalid);
    }
    url.set_fragment(None);
    let body = Limited::new(body, body_bytes_max).collect().await.map_err(|error| {
        match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Error::HttpRequestBodySize(Some(body_bytes_max as u64)),
            None => Error::InternalError(Some("the request body was cut short".into())),
        }
    })?;
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let first_byte = options.and_then(|options| options.first_byte_timeout);
    Ok(HttpRequest {
        method: parts.method.as_str().to_owned(),
        url,
        headers: headers.collect(),
        body: body.to_bytes().to_vec(),
        first_byte_ms: first_byte.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
    })
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
        Failure::Limit(limit) => Error::HttpResponseBodySize(Some(limit.allowed)),
        Failure::Timeout(_) => Error::ConnectionReadTimeout,
        Failure::Invalid(_) => Error::HttpProtocolError,
        Failure::Unavailable(unavailable) if unavailable.retriable => Error::DestinationUnavailable,
        other => Error::InternalError(Some(other.to_string())),
    }
}
