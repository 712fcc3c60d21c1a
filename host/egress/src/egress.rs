// SPDX-License-Identifier: MIT OR Apache-2.0
//! The port, from one end of a request to the other.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use priory_core::failure::Failure;
use priory_core::http::{HttpRequest, HttpResponse};
use priory_core::ports::{BoxFuture, Http};
use rustls::pki_types::ServerName;
use tokio::runtime::Handle;
use tokio_rustls::TlsConnector;

use crate::config::EgressConfig;
use crate::error::{Error, Trouble};
use crate::request::Outgoing;
use crate::response::{Bounds, exchange};
use crate::task::on_runtime;
use crate::{connect, resolve};

/// Sends requests to the outside: the port [`Http`] over HTTP/1.1, with and without TLS.
///
/// Its futures may be polled on any thread that has entered a tokio runtime with I/O and time; the work itself is
/// done on the threads of that runtime. Cloning is cheap.
#[derive(Clone)]
pub struct Egress {
    config: Arc<EgressConfig>,
    tls: TlsConnector,
}

/// What one task needs to reach a server, once all is decided.
struct Exchange {
    addresses: Vec<SocketAddr>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    request: Request<Full<Bytes>>,
    connect_ms: u64,
    bounds: Bounds,
}

// === impl Egress ===

impl Egress {
    /// Checks a configuration and makes the port of it.
    pub fn new(config: EgressConfig) -> Result<Self, Error> {
        config.check()?;
        let tls = TlsConnector::from(Arc::new(config.tls()?));
        Ok(Self { config: Arc::new(config), tls })
    }

    async fn send_checked(
        &self,
        request: &HttpRequest,
        body_bytes_max: u64,
        may_dial: &(dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
    ) -> Result<HttpResponse, Failure> {
        let Outgoing { place, secure, host, port, head } = Outgoing::new(request)?;
        let failure = |trouble: Trouble| trouble.into_failure(&place);
        let handle = Handle::try_current().map_err(|_| failure(Trouble::NoRuntime))?;
        let tls = match secure {
            true => Some((self.tls.clone(), connect::server_name(&host).map_err(failure)?)),
            false => None,
        };

        let lookup = resolve::lookup(host, port, self.config.addresses_max, self.config.connect_ms);
        let found = on_runtime(&handle, lookup).await.map_err(failure)?;
        let addresses = resolve::admit(found, &place, may_dial)?;

        let exchange = Exchange {
            addresses,
            tls,
            request: head.map(|()| Full::new(Bytes::copy_from_slice(&request.body))),
            connect_ms: self.config.connect_ms,
            bounds: Bounds {
                head_bytes_max: self.config.response_head_bytes_max,
                body_bytes_max,
                first_byte_ms: request.first_byte_ms.unwrap_or(self.config.idle_ms),
                idle_ms: self.config.idle_ms,
            },
        };
        on_runtime(&handle, exchange.perform()).await.map_err(failure)
    }
}

impl Http for Egress {
    fn send<'a>(
        &'a self,
        request: &'a HttpRequest,
        body_bytes_max: u64,
        may_dial: &'a (dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
    ) -> BoxFuture<'a, Result<HttpResponse, Failure>> {
        Box::pin(self.send_checked(request, body_bytes_max, may_dial))
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("config", &self.config).finish_non_exhaustive()
    }
}

// === impl Exchange ===

impl Exchange {
    async fn perform(self) -> Result<HttpResponse, Trouble> {
        let stream = connect::dial(&self.addresses, self.connect_ms).await?;
        match self.tls {
            None => exchange(TokioIo::new(stream), self.request, self.bounds).await,
            Some((connector, name)) => {
                let stream = connect::secure(stream, &connector, name, self.connect_ms).await?;
                exchange(TokioIo::new(stream), self.request, self.bounds).await
            }
        }
    }
}
