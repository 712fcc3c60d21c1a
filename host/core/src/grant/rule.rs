// SPDX-License-Identifier: MIT OR Apache-2.0
//! The forms of each kind of grant, and what they match.

mod event;
mod file;
mod http;
mod state;

use std::fmt;
use std::str::FromStr;

pub use event::{EventMode, EventRule};
pub use file::{FileMode, FileRule, FileScope, normalised};
pub use http::HttpRule;
pub(crate) use http::without_query;
pub use state::{Mode, StateRule};

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
