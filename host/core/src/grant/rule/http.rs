// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which requests may be sent.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::Url;

use super::{Pattern, RULE_BYTES_MAX, RuleError};
use crate::http::is_public;

/// Which requests may be sent: `[METHOD,METHOD ]scheme://host[:port][/path]`.
///
/// Without methods, every method is meant. The host is a name, `*.name` for every name below it, an address,
/// or `*`. Without a port the default one of the scheme is meant, `:*` is any. The path is compared as a whole, or
/// up to a final `*`; without a path every path is meant. An address that is not public is only dialled
/// when the rule names it: as its host, or among its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRule {
    methods: Vec<String>,
    scheme: Scheme,
    host: Host,
    port: Port,
    path: Option<Pattern>,
    addresses: Vec<IpNet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Any,
    Below(String),
    Name(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Any,
    Number(u16),
}

impl HttpRule {
    /// Adds addresses that may be dialled although they are not public.
    pub fn with_addresses(mut self, addresses: impl IntoIterator<Item = IpNet>) -> Self {
        self.addresses.extend(addresses);
        self
    }

    /// Tells whether a request is covered.
    pub fn matches(&self, method: &str, url: &Url) -> bool {
        let method_ok = self.methods.is_empty() || self.methods.iter().any(|m| m == method);
        let port_ok = match self.port {
            Port::Any => true,
            Port::Number(port) => url.port_or_known_default() == Some(port),
        };
        method_ok && port_ok && url.scheme() == self.scheme.as_str() && self.host_ok(url) && self.path_ok(url)
    }

    /// Tells whether an address may be dialled for a request that this rule covers.
    pub fn covers(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address)
            || self.host == Host::Address(address)
            || self.addresses.iter().any(|net| net.contains(&address))
    }

    fn host_ok(&self, url: &Url) -> bool {
        match (&self.host, url.host()) {
            (_, None) => false,
            (Host::Any, Some(_)) => true,
            (Host::Below(suffix), Some(url::Host::Domain(name))) => {
                name.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
            }
            (Host::Name(name), Some(url::Host::Domain(other))) => name == other,
            (Host::Address(ip), Some(url::Host::Ipv4(other))) => *ip == IpAddr::V4(other),
            (Host::Address(ip), Some(url::Host::Ipv6(other))) => *ip == IpAddr::V6(other).to_canonical(),
            _ => false,
        }
    }

    /// Compares the path. One in which a separator is hidden by an escape matches only a rule for all paths:
    /// servers disagree about what it means.
    fn path_ok(&self, url: &Url) -> bool {
        let path = url.path();
        let lower = path.to_ascii_lowercase();
        match &self.path {
            None => true,
            Some(_) if lower.contains("%2f") || lower.contains("%5c") => false,
            Some(pattern) => pattern.matches(path),
        }
    }
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for HttpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            write!(f, "{} ", self.methods.join(","))?;
        }
        write!(f, "{}://", self.scheme.as_str())?;
        match &self.host {
            Host::Any => f.write_str("*")?,
            Host::Below(suffix) => write!(f, "*.{suffix}")?,
            Host::Name(name) => f.write_str(name)?,
            Host::Address(IpAddr::V4(ip)) => write!(f, "{ip}")?,
            Host::Address(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
        }
        match self.port {
            Port::Any => f.write_str(":*")?,
            Port::Number(port) if port == self.scheme.default_port() => {}
            Port::Number(port) => write!(f, ":{port}")?,
        }
        match &self.path {
            Some(path) => write!(f, "{path}"),
            None => Ok(()),
        }
    }
}

impl FromStr for HttpRule {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let error = |reason: &str| RuleError::new(text, reason);
        if text.len() > RULE_BYTES_MAX {
            return Err(error("the rule is too long"));
        }
        let (methods, place) = match text.split_once(' ') {
            Some((methods, place)) => {
                (parse_methods(methods).ok_or_else(|| error("the methods are not words"))?, place)
            }
            None => (Vec::new(), text),
        };
        let (scheme, rest) = match place.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            _ => return Err(error("`http://` or `https://` is expected, as in `GET https://example.org/docs/*`")),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => (
                &rest[..at],
                Some(
                    parse_path(&rest[at..])
                        .ok_or_else(|| error("the path has dot segments, a query or a `*` inside"))?,
                ),
            ),
            None => (rest, None),
        };
        let (host, port) = split_port(authority);
        let port = match port {
            None => Port::Number(scheme.default_port()),
            Some("*") => Port::Any,
            Some(number) => Port::Number(number.parse().map_err(|_| error("the port is not a number"))?),
        };
        let host = parse_host(host).ok_or_else(|| error("the host is not a name, an address, `*` or `*.name`"))?;
        Ok(Self { methods, scheme, host, port, path, addresses: Vec::new() })
    }
}

fn parse_methods(text: &str) -> Option<Vec<String>> {
    if text == "*" {
        return Some(Vec::new());
    }
    text.split(',')
        .map(|m| (!m.is_empty() && m.bytes().all(|b| b.is_ascii_uppercase())).then(|| m.to_owned()))
        .collect()
}

/// Reads a path, and writes it as a URL does: what a URL escapes is escaped.
fn parse_path(text: &str) -> Option<Pattern> {
    let (stem, star) = match text.strip_suffix('*') {
        Some(stem) => (stem, "*"),
        None => (text, ""),
    };
    let plain = !stem.contains(['*', '?', '#', '\\']) && !stem.split('/').any(|s| s == "." || s == "..");
    let url = Url::parse(&format!("http://host{stem}")).ok().filter(|_| plain)?;
    Some(Pattern(format!("{}{star}", url.path())))
}

/// Splits `host:port`, minding the brackets of an IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn parse_host(text: &str) -> Option<Host> {
    if text == "*" {
        return Some(Host::Any);
    }
    let (below, name) = match text.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, text),
    };
    match (below, url::Host::parse(name).ok()?) {
        (true, url::Host::Domain(name)) => Some(Host::Below(name)),
        (false, url::Host::Domain(name)) if !name.contains('*') => Some(Host::Name(name)),
        (false, url::Host::Ipv4(ip)) => Some(Host::Address(IpAddr::V4(ip))),
        (false, url::Host::Ipv6(ip)) => Some(Host::Address(IpAddr::V6(ip).to_canonical())),
        _ => None,
    }
}

/// Returns a URL up to its path.
pub(crate) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}
