// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests to the outside, with the secrets that belong on them.

use std::net::IpAddr;
use std::sync::Arc;

use priory_core::failure::LimitHit;
use priory_core::grant::{Access, Grant};
use priory_core::http::HttpRequest;
use priory_core::limits::Dimension;
use priory_core::{Failure, Outcome, Value};

use crate::authorize::Now;
use crate::frame::Frame;

/// The header field that names a request, so that a repetition is known as one.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Sends a request. One that may change something carries a key by which the other side knows a repetition.
pub(super) async fn send(frame: &Arc<Frame>, step: u32, mut request: HttpRequest) -> Outcome {
    if !request.is_safe() && !request.headers.iter().any(|(name, _)| name == IDEMPOTENCY_KEY) {
        let key = format!("{}-{}-{step}", frame.run.id, frame.given.path);
        request.headers.push((IDEMPOTENCY_KEY.to_owned(), key.into_bytes()));
    }
    let (method, url) = (request.method.clone(), request.url.clone());
    // It belongs to the request that was allowed: the same use of a grant covers it.
    let may_dial = |address: IpAddr| {
        let access = Access::Dial { method: &method, url: &url, address };
        let passed = frame.given.authority.check(&access, &Now::within_use(&frame.run));
        passed.map(|_| ()).map_err(Failure::Denied)
    };
    let body_bytes_max = frame.given.limits.get(Dimension::CallBytes);
    // The request that was recorded stays as the guest made it; the secrets go on a copy.
    let request = with_secrets(frame, request)?;
    let response = frame.run.ports.http.send(&request, body_bytes_max, &may_dial).await;
    response.map(Value::Http).map_err(|failure| match failure {
        Failure::Limit(hit) => Failure::Limit(LimitHit { frame: frame.given.label.to_string(), ..hit }),
        other => other,
    })
}

/// Puts every secret on the request that the frame may have there.
fn with_secrets(frame: &Frame, mut request: HttpRequest) -> Result<HttpRequest, Failure> {
    let rules: Vec<_> = frame
        .given
        .authority
        .own_layers()
        .first()
        .into_iter()
        .flat_map(|layer| layer.own.iter())
        .filter_map(|held| match &held.grant {
            Grant::Secret(rule) if rule.to.matches(&request.method, &request.url) => Some(rule.clone()),
            _ => None,
        })
        .collect();
    for rule in rules {
        frame.allow(&Access::Secret { name: &rule.name, method: &request.method, url: &request.url })?;
        let value = frame.run.ports.secrets.reveal(&rule.name)?;
        request.headers.retain(|(name, _)| *name != rule.header);
        request.headers.push((rule.header.clone(), rule.format.replace("{}", &value).into_bytes()));
    }
    Ok(request)
}
