// SPDX-License-Identifier: MIT OR Apache-2.0
//! From addresses that were accepted to a connection.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use crate::error::{Step, Trouble};

/// Dials the addresses in order until one connects; each has `allowed_ms`.
///
/// It takes addresses and no name, so nothing can be resolved here again.
pub(crate) async fn dial(addresses: &[SocketAddr], allowed_ms: u64) -> Result<TcpStream, Trouble> {
    let mut trouble = Trouble::NoAddress;
    for &address in addresses {
        trouble = match timeout(Duration::from_millis(allowed_ms), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A request is written at once and then waits; failing to say so only makes it slower.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(source)) => Trouble::Connect { address, source },
            Err(_) => Trouble::TimedOut { step: Step::Connect(address), allowed_ms },
        };
    }
    Err(trouble)
}

/// Speaks TLS over a connection, and makes sure that the server is who the URL says.
pub(crate) async fn secure(
    stream: TcpStream,
    connector: &TlsConnector,
    name: ServerName<'static>,
    allowed_ms: u64,
) -> Result<TlsStream<TcpStream>, Trouble> {
    match timeout(Duration::from_millis(allowed_ms), connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(Trouble::from_io(&error)),
        Err(_) => Err(Trouble::TimedOut { step: Step::Handshake, allowed_ms }),
    }
}

/// Returns the name that the certificate of a host must have.
pub(crate) fn server_name(host: &Host<String>) -> Result<ServerName<'static>, Trouble> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| Trouble::ServerName),
        Host::Ipv4(ip) => Ok(ServerName::IpAddress((*ip).into())),
        Host::Ipv6(ip) => Ok(ServerName::IpAddress((*ip).into())),
    }
}
