// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends one request by `wasi:http`.

use priory_sdk::Failure;

/// Posts a body to the service of the benchmark and returns the length of the answer.
#[cfg(target_arch = "wasm32")]
pub(crate) fn post(body: &str) -> Result<u64, Failure> {
    use wasip2::http::outgoing_handler::handle;
    use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};

    let failed = |what: &str| Failure::other(format!("{what} failed"));
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Post).map_err(|()| failed("the method"))?;
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| failed("the scheme"))?;
    request.set_authority(Some("service.example")).map_err(|()| failed("the authority"))?;
    request.set_path_with_query(Some("/step")).map_err(|()| failed("the path"))?;
    let outgoing = request.body().map_err(|()| failed("the body"))?;
    let response = handle(request, None).map_err(|_| failed("the request"))?;
    let stream = outgoing.write().map_err(|()| failed("the stream"))?;
    stream.blocking_write_and_flush(body.as_bytes()).map_err(|_| failed("writing"))?;
    drop(stream);
    OutgoingBody::finish(outgoing, None).map_err(|_| failed("the end of the body"))?;
    response.subscribe().block();
    let answer = response.get().ok_or_else(|| failed("the answer"))?.map_err(|()| failed("the answer"))?;
    let answer = answer.map_err(|error| Failure::other(error.to_string()))?;
    Ok(u64::from(answer.status()))
}

/// There are no requests outside a sandbox.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn post(_: &str) -> Result<u64, Failure> {
    Err(Failure::other("requests are sent from a sandbox"))
}
