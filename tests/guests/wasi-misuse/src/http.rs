// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends a request through `wasi:http`, and follows redirects by hand as a client would.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, IncomingResponse, Method, OutgoingRequest, Scheme};

/// Redirects that are followed.
const REDIRECTS_MAX: u32 = 3;

pub(crate) fn get(url: &str) -> Result<String, String> {
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        let response = send(&url)?;
        match response.headers().get("location").first() {
            Some(location) => url = String::from_utf8_lossy(location).into_owned(),
            None => return body(&response),
        }
    }
    Err("too many redirects".to_owned())
}

fn send(url: &str) -> Result<IncomingResponse, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let request = OutgoingRequest::new(Fields::new());
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    request.set_method(&Method::Get).map_err(|()| "method")?;
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "authority")?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(|()| "path")?;
    let answer = handle(request, None).map_err(|code| format!("{code:?}"))?;
    answer.subscribe().block();
    answer.get().unwrap().unwrap().map_err(|code| format!("{code:?}"))
}

fn body(response: &IncomingResponse) -> Result<String, String> {
    let body = response.consume().map_err(|()| "consumed")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut all = Vec::new();
    while let Ok(bytes) = stream.blocking_read(64 << 10) {
        all.extend(bytes);
    }
    Ok(format!("{} {}", response.status(), String::from_utf8_lossy(&all)))
}
