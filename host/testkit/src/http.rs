// SPDX-License-Identifier: MIT OR Apache-2.0
//! A fake way out: answers come from a script, and nothing is sent.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;
use priory_core::Failure;
use priory_core::http::{HttpRequest, HttpResponse};
use priory_core::ports::{BoxFuture, Http};

/// A fake way out. What the script does not know is `unavailable`.
#[derive(Debug, Default)]
pub struct ScriptedHttp {
    /// The address of each host name; an address in a URL stands for itself.
    names: BTreeMap<String, IpAddr>,
    /// The answer to each `METHOD URL`.
    answers: BTreeMap<String, HttpResponse>,
    sent: Mutex<Vec<HttpRequest>>,
}

impl ScriptedHttp {
    /// Makes one that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a host name resolve to an address.
    pub fn name(mut self, name: &str, address: IpAddr) -> Self {
        self.names.insert(name.to_owned(), address);
        self
    }

    /// Answers `METHOD URL` with a status, header fields and a body.
    pub fn answer(mut self, request: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        self.answers.insert(request.to_owned(), HttpResponse { status, headers, body: body.as_bytes().to_vec() });
        self
    }

    /// Returns the requests that would have been sent, in order.
    pub fn sent(&self) -> Vec<HttpRequest> {
        self.sent.lock().clone()
    }

    fn address(&self, request: &HttpRequest) -> Result<IpAddr, Failure> {
        let unknown = || Failure::absent(format!("host of {}", request.url), "the script has no address for it");
        match request.url.host().ok_or_else(unknown)? {
            url::Host::Domain(name) => self.names.get(name).copied().ok_or_else(unknown),
            url::Host::Ipv4(ip) => Ok(IpAddr::V4(ip)),
            url::Host::Ipv6(ip) => Ok(IpAddr::V6(ip)),
        }
    }
}

impl Http for ScriptedHttp {
    fn send<'a>(
        &'a self,
        request: &'a HttpRequest,
        body_bytes_max: u64,
        may_dial: &'a (dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
    ) -> BoxFuture<'a, Result<HttpResponse, Failure>> {
        Box::pin(async move {
            may_dial(self.address(request)?)?;
            self.sent.lock().push(request.clone());
            let key = format!("{} {}", request.method, request.url);
            let answer = self.answers.get(&key).cloned();
            let answer = answer.ok_or_else(|| Failure::absent(&key, "the script has no answer to it"))?;
            let length = answer.body.len() as u64;
            if length > body_bytes_max {
                return Err(Failure::limit(priory_core::Dimension::CallBytes, length, body_bytes_max, ""));
            }
            Ok(answer)
        })
    }
}
