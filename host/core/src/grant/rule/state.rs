// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which keys of the state of a run may be read and written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Pattern, RuleError};

/// What may be done to something that the frames of a run share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Read it.
    Read,
    /// Read and write it.
    Write,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

impl FromStr for Mode {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => Err(RuleError::new(text, "`read` or `write` is expected; who may write may read")),
        }
    }
}

/// Keys of the state, and what may be done to them: `KEY`, `PREFIX*`, and behind either `:read` where only that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRule {
    /// Which keys.
    pub keys: Pattern,
    /// For reading, or for writing too.
    pub mode: Mode,
}

impl StateRule {
    /// Tells whether a key is covered.
    pub fn covers(&self, key: &str, mode: Mode) -> bool {
        mode <= self.mode && self.keys.matches(key)
    }

    /// Cuts the text of a rule into that of its keys and its mode.
    pub fn cut(text: &str) -> (&str, Mode) {
        match text.rsplit_once(':') {
            Some((keys, "read")) => (keys, Mode::Read),
            Some((keys, "write")) => (keys, Mode::Write),
            _ => (text, Mode::Write),
        }
    }
}

impl fmt::Display for StateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.keys, self.mode)
    }
}

impl FromStr for StateRule {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (keys, mode) = Self::cut(text);
        Ok(Self { keys: keys.parse()?, mode })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> StateRule {
        text.parse().unwrap()
    }

    #[test]
    fn who_may_write_may_read_and_not_the_other_way_round() {
        for (text, key, may_read, may_write) in [
            ("notes", "notes", true, true),
            ("notes:write", "notes", true, true),
            ("notes:read", "notes", true, false),
            ("notes", "notes2", false, false),
            ("notes*:read", "notes2", true, false),
            ("*", "anything", true, true),
            ("a:read:read", "a:read", true, false),
        ] {
            let rule = rule(text);
            assert_eq!(rule.covers(key, Mode::Read), may_read, "{text} reads {key}");
            assert_eq!(rule.covers(key, Mode::Write), may_write, "{text} writes {key}");
        }
    }

    #[test]
    fn a_rule_reads_back_equal() {
        for text in ["notes", "notes*", "notes*:read", "a:b", "a:read:write"] {
            assert_eq!(rule(&rule(text).to_string()), rule(text), "{text}");
        }
        for odd in ["", ":read", "a b", "a*b"] {
            assert!(odd.parse::<StateRule>().is_err(), "{odd:?}");
        }
    }
}
