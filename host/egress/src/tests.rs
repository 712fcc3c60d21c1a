// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the room does over loopback, against servers that write their answers byte by byte.

mod addresses;
mod cancel;
mod request;
mod response;
mod secrecy;
mod server;
mod tls;

use std::net::IpAddr;

use priory_core::failure::Failure;
use priory_core::http::{HttpRequest, HttpResponse};
use priory_core::limits::Dimension;
use priory_core::ports::Http;
use url::Url;

use crate::{Egress, EgressConfig};

/// More than any answer of these tests has.
const BODY_BYTES_MAX: u64 = 1 << 20;

fn egress() -> Egress {
    Egress::new(EgressConfig::default()).unwrap()
}

fn get(url: impl AsRef<str>) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: Url::parse(url.as_ref()).unwrap(),
        headers: Vec::new(),
        body: Vec::new(),
        first_byte_ms: None,
    }
}

fn with_headers(mut request: HttpRequest, headers: &[(&str, &str)]) -> HttpRequest {
    request.headers = headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
    request
}

fn any_address(_: IpAddr) -> Result<(), Failure> {
    Ok(())
}

async fn send(egress: &Egress, request: &HttpRequest) -> Result<HttpResponse, Failure> {
    egress.send(request, BODY_BYTES_MAX, &any_address).await
}

/// Writes an answer or a failure in one line.
fn line(result: &Result<HttpResponse, Failure>) -> String {
    match result {
        Ok(response) => {
            let headers: Vec<_> =
                response.headers.iter().map(|(n, v)| format!("{n}={}", String::from_utf8_lossy(v))).collect();
            format!("{} [{}] {}", response.status, headers.join(" "), String::from_utf8_lossy(&response.body))
        }
        Err(Failure::Unavailable(u)) => {
            format!("{}: {}", if u.retriable { "retriable" } else { "final" }, u.reason)
        }
        Err(Failure::Invalid(i)) => format!("invalid {}: {}", i.pointer, i.reason),
        Err(Failure::Limit(l)) => {
            assert_eq!((l.dimension, l.frame.as_str()), (Dimension::CallBytes, ""));
            format!("limit: {} of {}", l.used, l.allowed)
        }
        Err(other) => format!("{other:?}"),
    }
}

#[test]
fn a_configuration_under_which_nothing_works_is_refused() {
    let check = |change: fn(&mut EgressConfig), expect: &str| {
        let mut config = EgressConfig::default();
        change(&mut config);
        assert_eq!(Egress::new(config).unwrap_err().to_string().split(';').next(), Some(expect));
    };
    check(|c| c.connect_ms = 0, "`connect_ms` is 0, so no request could succeed");
    check(|c| c.idle_ms = 0, "`idle_ms` is 0, so no request could succeed");
    check(|c| c.response_head_bytes_max = 0, "`response_head_bytes_max` is 0, so no request could succeed");
    check(|c| c.addresses_max = 0, "`addresses_max` is 0, so no request could succeed");
}
