// SPDX-License-Identifier: MIT OR Apache-2.0
//! The forms of each kind of grant, and what they match.

use std::fmt;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::http::is_public;

/// How long the text of one rule may be, in bytes.
pub const RULE_BYTES_MAX: usize = 4_096;

/// Says why a text is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {reason}")]
pub struct RuleError {
    /// The text, cut to 200 characters.
    pub text: String,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl RuleError {
    /// Makes an error about a text.
    pub fn new(text: &str, reason: impl Into<String>) -> Self {
        Self { text: text.chars().take(200).collect(), reason: reason.into() }
    }
}

/// A name, or the beginning of names where it ends in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Tells whether a name is covered.
    pub fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => self.0 == name,
        }
    }

    /// Tells whether some name that begins like this could be covered.
    pub fn overlaps(&self, prefix: &str) -> bool {
        let stem = self.0.strip_suffix('*').unwrap_or(&self.0);
        stem.starts_with(prefix) || (self.0.ends_with('*') && prefix.starts_with(stem))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pattern {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let stem = text.strip_suffix('*').unwrap_or(text);
        if text.is_empty() || text.len() > RULE_BYTES_MAX {
            return Err(RuleError::new(text, "a name is expected"));
        }
        if stem.contains('*') || text.chars().any(char::is_whitespace) {
            return Err(RuleError::new(text, "a `*` may only stand at the end, and spaces nowhere"));
        }
        Ok(Self(text.to_owned()))
    }
}

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

/// What may be done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileMode {
    /// Read it.
    Read,
    /// Read and change it.
    Write,
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// Which files a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileScope {
    /// Any; this form belongs into ceilings.
    Any,
    /// A folder with all below it: an absolute, normalised path of the host.
    Under(PathBuf),
}

/// Which files may be seen: `PATH:read` or `PATH:write`, and where the guest finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    /// Which files.
    pub scope: FileScope,
    /// For reading, or for writing too.
    pub mode: FileMode,
    /// The path under which the guest sees the folder; `None` means `/` and the folder's own name.
    pub guest_path: Option<String>,
}

impl FileRule {
    /// Tells whether an absolute, normalised path is covered.
    pub fn covers(&self, path: &Path, mode: FileMode) -> bool {
        let inside = match &self.scope {
            FileScope::Any => true,
            FileScope::Under(folder) => path.starts_with(folder),
        };
        inside && mode <= self.mode
    }

    /// Returns where the guest sees the folder.
    pub fn guest_path(&self) -> String {
        match (&self.guest_path, &self.scope) {
            (Some(path), _) => path.clone(),
            (None, FileScope::Under(folder)) => {
                let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
                format!("/{}", name.unwrap_or_default())
            }
            (None, FileScope::Any) => "/".to_owned(),
        }
    }

    /// Returns what two rules allow together, where the guest would find it by this one; `None` where that is nothing.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let mut guest_path = self.guest_path.clone();
        let scope = match (&self.scope, &other.scope) {
            (scope, FileScope::Any) => scope.clone(),
            (FileScope::Any, scope) => scope.clone(),
            (FileScope::Under(a), FileScope::Under(b)) if a.starts_with(b) => FileScope::Under(a.clone()),
            (FileScope::Under(a), FileScope::Under(b)) => {
                let below = b.strip_prefix(a).ok()?;
                let inside = self.guest_path();
                guest_path = Some(format!("{}/{}", inside.trim_end_matches('/'), below.display()));
                FileScope::Under(b.clone())
            }
        };
        Some(Self { scope, mode: self.mode.min(other.mode), guest_path })
    }
}

impl fmt::Display for FileRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            FileScope::Any => write!(f, "*:{}", self.mode),
            FileScope::Under(path) => write!(f, "{}:{}", path.display(), self.mode),
        }
    }
}

impl FromStr for FileRule {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (path, mode) = match text.rsplit_once(':') {
            Some((path, "read")) => (path, FileMode::Read),
            Some((path, "write")) => (path, FileMode::Write),
            _ => return Err(RuleError::new(text, "`PATH:read` or `PATH:write` is expected")),
        };
        let scope = match path {
            "*" => FileScope::Any,
            path => FileScope::Under(
                normalised(Path::new(path)).ok_or_else(|| RuleError::new(text, "an absolute path is expected"))?,
            ),
        };
        Ok(Self { scope, mode, guest_path: None })
    }
}

/// Resolves `.` and `..` in an absolute path by its text alone; `None` for a relative one.
pub fn normalised(path: &Path) -> Option<PathBuf> {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result.is_absolute().then_some(result)
}

/// A secret, the requests that it goes on, and how: `NAME@RULE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRule {
    /// The name under which the operator configured the secret.
    pub name: String,
    /// On which requests.
    pub to: HttpRule,
    /// The header field that carries it, in lower case.
    pub header: String,
    /// The value of the field, with `{}` where the secret stands.
    pub format: String,
}

impl fmt::Display for SecretRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.to)
    }
}

impl FromStr for SecretRule {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let form = "`NAME@https://host/*` is expected";
        let (name, to) = text.split_once('@').ok_or_else(|| RuleError::new(text, form))?;
        if !crate::id::is_name(name) {
            return Err(RuleError::new(text, form));
        }
        Ok(Self { name: name.to_owned(), to: to.parse()?, header: "authorization".into(), format: "Bearer {}".into() })
    }
}
