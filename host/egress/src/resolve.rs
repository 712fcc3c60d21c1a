// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a host to the addresses that may be dialled.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use priory_core::failure::Failure;
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::Host;

use crate::error::{Step, Trouble};

/// Returns the addresses of a host, each once, at most `addresses_max` of them.
///
/// An address in the URL stands for itself. IPv6 addresses that carry an IPv4 address are given as the latter,
/// because that is what the operating system would dial.
pub(crate) async fn lookup(
    host: Host<String>,
    port: u16,
    addresses_max: usize,
    allowed_ms: u64,
) -> Result<Vec<SocketAddr>, Trouble> {
    let name = match host {
        Host::Ipv4(ip) => return Ok(distinct([SocketAddr::from((ip, port))], addresses_max)),
        Host::Ipv6(ip) => return Ok(distinct([SocketAddr::from((ip, port))], addresses_max)),
        Host::Domain(name) => name,
    };
    match timeout(Duration::from_millis(allowed_ms), lookup_host((name.as_str(), port))).await {
        Ok(Ok(found)) => Ok(distinct(found, addresses_max)),
        Ok(Err(source)) => Err(Trouble::Resolve { source }),
        Err(_) => Err(Trouble::TimedOut { step: Step::Resolve, allowed_ms }),
    }
}

/// Returns the addresses that `may_dial` accepts, in order; when it accepts none, the first failure that it gave.
pub(crate) fn admit(
    found: Vec<SocketAddr>,
    place: &str,
    may_dial: &(dyn Fn(IpAddr) -> Result<(), Failure> + Send + Sync),
) -> Result<Vec<SocketAddr>, Failure> {
    let mut refusal = None;
    let mut accepted = Vec::with_capacity(found.len());
    for address in found {
        match may_dial(address.ip()) {
            Ok(()) => accepted.push(address),
            Err(failure) => {
                refusal.get_or_insert(failure);
            }
        }
    }
    if accepted.is_empty() {
        return Err(refusal.unwrap_or_else(|| Trouble::NoAddress.into_failure(place)));
    }
    Ok(accepted)
}

/// Brings addresses into the form in which they are checked and dialled.
pub(crate) fn distinct(found: impl IntoIterator<Item = SocketAddr>, addresses_max: usize) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for address in found {
        if addresses.len() == addresses_max {
            break;
        }
        let address = canonical(address);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// Unwraps an IPv4 address; every other address keeps its zone.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        IpAddr::V6(_) => address,
    }
}
