// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where it is told what runs do, and how much of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::Error;

/// The environment variable with header fields for every request, as the specification of OTLP names it.
pub const HEADERS_VARIABLE: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// How many header fields there may be; more is no configuration.
const HEADERS_MAX: usize = 32;

/// Where it is told what runs do, and how much of it.
#[derive(Clone)]
pub struct TelemetryConfig {
    /// The endpoint, to which `v1/traces` and `v1/metrics` are added.
    pub otlp: Url,
    /// Header fields for every request; they may hold secrets.
    pub headers: Vec<(String, String)>,
    /// Whether what was said is told too: messages, arguments and results.
    pub content: bool,
    /// What the host is called, as `service.name`.
    pub service: String,
    /// How providers call the models, by their names in the manifest.
    pub models: BTreeMap<Arc<str>, Arc<str>>,
}

impl TelemetryConfig {
    /// Tells an endpoint everything but the content.
    pub fn new(otlp: Url) -> Self {
        Self { otlp, headers: Vec::new(), content: false, service: "priory".to_owned(), models: BTreeMap::new() }
    }

    /// Adds header fields as [`HEADERS_VARIABLE`] has them: `name=value,name=value`, with values percent-encoded.
    pub fn with_headers(mut self, text: &str) -> Result<Self, Error> {
        for field in text.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let name = name.trim().to_ascii_lowercase();
            let value = decoded(value.trim());
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            let is_name = !name.is_empty() && name.bytes().all(is_token);
            let value = value.filter(|value| value.bytes().all(|b| b == b'\t' || (0x20..0x7f).contains(&b)));
            let wrong = || {
                let shown = if is_name { name.chars().take(80).collect() } else { "without a name".to_owned() };
                Error::Headers { variable: HEADERS_VARIABLE, name: shown }
            };
            let Some(value) = value.filter(|value| is_name && !value.is_empty()) else { return Err(wrong()) };
            if self.headers.len() >= HEADERS_MAX {
                return Err(wrong());
            }
            self.headers.push((name, value));
        }
        Ok(self)
    }

    /// Returns where a signal goes.
    pub(crate) fn signal(&self, path: &str) -> Result<Url, Error> {
        let mut url = self.otlp.clone();
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err(Error::Endpoint { url: url.to_string() });
        }
        let whole = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&whole);
        Ok(url)
    }
}

impl fmt::Debug for TelemetryConfig {
    /// Names header fields only: their values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let otlp = self.otlp.as_str();
        f.debug_struct("TelemetryConfig").field("otlp", &otlp).field("headers", &names).finish_non_exhaustive()
    }
}

/// Decodes percent signs; `None` where they do not stand before two digits, or what comes out is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let (digits, left) = after.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = left;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> TelemetryConfig {
        TelemetryConfig::new("http://127.0.0.1:4318".parse().unwrap())
    }

    #[test]
    fn headers_are_read_as_the_specification_writes_them() {
        let config = config().with_headers("Api-Key=a%20b%3Dc, x-team = one ,").unwrap();
        let pairs: Vec<_> = config.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("api-key", "a b=c"), ("x-team", "one")]);
        assert!(!format!("{config:?}").contains("a b=c"), "{config:?}");
        for (text, name) in [
            ("api-key", "api-key"),
            ("api-key=", "api-key"),
            ("=secret", "without a name"),
            ("a b=secret", "without a name"),
            ("a=%zz", "a"),
            ("a=%0a", "a"),
            ("a=b%2", "a"),
        ] {
            let error = self::config().with_headers(text).unwrap_err().to_string();
            assert!(error.ends_with(&format!("`{name}`")) && !error.contains("secret"), "{error}");
        }
        let many = (0..=HEADERS_MAX).map(|n| format!("h{n}=v")).collect::<Vec<_>>();
        assert!(self::config().with_headers(&many.join(",")).is_err());
        assert!(self::config().with_headers(&many[1..].join(",")).is_ok());
    }

    #[test]
    fn signals_are_below_the_endpoint() {
        for (otlp, expected) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://example.org/otlp", "https://example.org/otlp/v1/traces"),
        ] {
            let config = TelemetryConfig::new(otlp.parse().unwrap());
            assert_eq!(config.signal("v1/traces").unwrap().as_str(), expected);
        }
        assert!(TelemetryConfig::new("mailto:me".parse().unwrap()).signal("v1/traces").is_err());
    }
}
