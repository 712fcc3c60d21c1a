// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses of the web, as far as requests need them (RFC 3986, section 5).
//!
//! What may be reached is decided by the host, which reads the parts again by itself.

use std::fmt;

/// How long an address may be, in bytes.
const URL_BYTES_MAX: usize = 8_192;

/// An address without its fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) is_https: bool,
    /// The host, with the port where it is given.
    pub(crate) authority: String,
    /// The path with the query; it begins with a slash.
    pub(crate) path: String,
}

impl Url {
    /// Reads a full address, or says why it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let invalid = |reason: &str| format!("{}: {reason}", text.chars().take(200).collect::<String>());
        if text.len() > URL_BYTES_MAX {
            return Err(invalid("it is too long"));
        }
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| invalid("it does not begin with http:// or https://"))?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(invalid("it does not begin with http:// or https://")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(invalid("it holds a user name"));
        }
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if authority.is_empty() || !authority.chars().all(is_host) {
            return Err(invalid("its host is not written in letters, digits, dots and hyphens"));
        }
        let path = if path.starts_with(['/', '\\']) { path.to_owned() } else { format!("/{path}") };
        Ok(Self { is_https, authority: authority.to_ascii_lowercase(), path: tidy(&escaped(&path)) })
    }

    /// Reads an address that may be relative to this one.
    pub(crate) fn join(&self, reference: &str) -> Result<Self, String> {
        let reference: String = reference.trim().chars().filter(|c| !c.is_control()).collect();
        let scheme_end = reference.find(':').filter(|end| {
            let scheme = reference.get(..*end).unwrap_or_default();
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        });
        let scheme = if self.is_https { "https" } else { "http" };
        if scheme_end.is_some() {
            return Self::parse(&reference);
        }
        if reference.starts_with("//") {
            return Self::parse(&format!("{scheme}:{reference}"));
        }
        let (own_path, _) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let folder = own_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = match reference.chars().next() {
            None | Some('#') => self.path.clone(),
            Some('/') => reference,
            Some('?') => format!("{own_path}{reference}"),
            Some(_) => format!("{folder}/{reference}"),
        };
        Self::parse(&format!("{scheme}://{}{path}", self.authority))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.is_https { "https" } else { "http" }, self.authority, self.path)
    }
}

/// Escapes what must not stand in a request.
fn escaped(path: &str) -> String {
    let mut result = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}') => {
                result.push(char::from(byte));
            }
            b'\\' => result.push('/'),
            _ => result.push_str(&format!("%{byte:02X}")),
        }
    }
    result
}

/// Resolves `.` and `..` in a path.
fn tidy(path: &str) -> String {
    let (path, query) = path.find('?').and_then(|at| path.split_at_checked(at)).unwrap_or((path, ""));
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for segment in path.split('/').skip(1) {
        ends_in_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    if ends_in_folder {
        segments.push("");
    }
    format!("/{}{query}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(base: &str, reference: &str, expect: &str) {
        let joined = Url::parse(base).unwrap().join(reference);
        assert_eq!(joined.map(|url| url.to_string()).unwrap_or_else(|_| "none".to_owned()), expect, "{reference}");
    }

    #[test]
    fn references_are_resolved_as_the_standard_says() {
        let base = "http://a/b/c/d?q";
        for (reference, expect) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d?y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("#s", "http://a/b/c/d?q"),
            ("", "http://a/b/c/d?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../../../g", "http://a/g"),
            ("https://x.org:8443/ü b", "https://x.org:8443/%C3%BC%20b"),
            ("a:b", "none"),
            ("mailto:x@y", "none"),
        ] {
            check(base, reference, expect);
        }
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused() {
        for text in ["", "a", "ftp://a/", "http://", "http://u@a/", "http://a b/", "http://ä.de/", "http://a%2f/"] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        assert!(Url::parse(&format!("http://a/{}", "x".repeat(URL_BYTES_MAX))).is_err());
    }

    #[test]
    fn an_address_is_written_in_one_way() {
        let parsed = |text: &str| Url::parse(text).unwrap().to_string();
        assert_eq!(parsed(" HTTPS://Example.ORG "), "https://example.org/");
        assert_eq!(parsed("http://a?b#c"), "http://a/?b");
        assert_eq!(parsed("http://a\\b"), "http://a/b");
    }
}
