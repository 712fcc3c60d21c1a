// SPDX-License-Identifier: MIT OR Apache-2.0
//! The places in a template, and what may be put there.

use crate::grant::rule::{RULE_BYTES_MAX, RuleError};
use crate::id::is_name;

/// How a placeholder begins; a name and `}` follow.
const OPENING: &str = "{input.";

/// The characters that an http path takes from a value, besides letters and digits: those that a URL keeps as they are.
const PATH_MARKS: &str = "-._~!$&'()+,;=:%/";

/// The characters that a host takes from a value, besides letters and digits.
const HOST_MARKS: &str = "-._";

/// The characters that a key of the state takes from a value, besides letters and digits: no `*`, which would widen it.
const KEY_MARKS: &str = "-._~@+=:/";

/// A piece of a text: what stands there, or the name of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Input(&'a str),
}

/// Where in a grant a value goes; each slot takes other characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Host,
    Port,
    UrlPath,
    FilePath,
    Key,
}

// === impl Slot ===

impl Slot {
    /// Says why a value does not fit.
    pub(super) fn check(self, value: &str) -> Result<(), String> {
        if value.is_empty() {
            return Err("is empty".to_owned());
        }
        if value.len() > RULE_BYTES_MAX {
            return Err(format!("is longer than {RULE_BYTES_MAX} bytes"));
        }
        let among = |marks: &str| value.chars().find(|c| !c.is_ascii_alphanumeric() && !marks.contains(*c));
        let (odd, place) = match self {
            Self::FilePath => (value.chars().find(|c| c.is_control()), "a path"),
            Self::Host => (among(HOST_MARKS), "a host"),
            Self::Port => (value.chars().find(|c| !c.is_ascii_digit()), "a port"),
            Self::UrlPath => (among(PATH_MARKS), "the path of a url"),
            Self::Key => (among(KEY_MARKS), "a key of the state"),
        };
        if let Some(odd) = odd {
            return Err(format!("has {odd:?} in it, which {place} may not take from an input"));
        }
        if self == Self::Host && (value.starts_with('.') || value.ends_with('.') || value.contains("..")) {
            return Err("has a dot where a part of a host is expected".to_owned());
        }
        Ok(())
    }
}

/// Cuts a text at its placeholders; every brace that is not doubled must belong to one.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, RuleError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            // The first of the two braces stays in the text.
            found.push(Part::Text(rest.get(..=at).unwrap_or_default()));
            rest = after;
            continue;
        }
        found.push(Part::Text(before));
        let name = brace.strip_prefix(OPENING).and_then(|name| name.split_once('}'));
        let Some((name, after)) = name.filter(|(name, _)| is_name(name)) else {
            let reason = "a brace begins `{input.NAME}`; write `{{` and `}}` for braces that belong to a path";
            return Err(RuleError::new(text, reason));
        };
        found.push(Part::Input(name));
        rest = after;
    }
    found.push(Part::Text(rest));
    found.retain(|part| *part != Part::Text(""));
    Ok(found)
}
