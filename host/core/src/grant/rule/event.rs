// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which events may be published and waited for.

use std::fmt;
use std::str::FromStr;

use super::{Pattern, RuleError};

/// What is done about events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventMode {
    /// Publish them.
    Emit,
    /// Wait for them.
    Await,
}

impl fmt::Display for EventMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Emit => "emit",
            Self::Await => "await",
        })
    }
}

/// Which events may be published, waited for, or both: `NAME`, `NAME:emit` or `NAME:await`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRule {
    /// By which names.
    pub names: Pattern,
    /// For which of both; `None` for both.
    pub mode: Option<EventMode>,
}

impl EventRule {
    /// Tells whether something about an event is covered.
    pub fn covers(&self, name: &str, mode: EventMode) -> bool {
        self.names.matches(name) && self.mode.is_none_or(|allowed| allowed == mode)
    }
}

impl fmt::Display for EventRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            Some(mode) => write!(f, "{}:{mode}", self.names),
            None => self.names.fmt(f),
        }
    }
}

impl FromStr for EventRule {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (names, mode) = match text.rsplit_once(':') {
            Some((names, "emit")) => (names, Some(EventMode::Emit)),
            Some((names, "await")) => (names, Some(EventMode::Await)),
            Some(_) => return Err(RuleError::new(text, "`NAME`, `NAME:emit` or `NAME:await` is expected")),
            None => (text, None),
        };
        Ok(Self { names: names.parse()?, mode })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_covered() {
        let check = |rule: &str, name: &str, emit: bool, wait: bool| {
            let read: EventRule = rule.parse().unwrap();
            assert_eq!(read.to_string(), rule);
            let covers = (read.covers(name, EventMode::Emit), read.covers(name, EventMode::Await));
            assert_eq!(covers, (emit, wait), "{rule} {name}");
        };
        check("order.*", "order.placed", true, true);
        check("order.*:emit", "order.placed", true, false);
        check("order.placed:await", "order.placed", false, true);
        check("order.placed", "order.paid", false, false);
        check("*:await", "order", false, true);
        for wrong in ["", "order:read", "a b", "*.placed", ":emit"] {
            assert!(wrong.parse::<EventRule>().is_err(), "{wrong}");
        }
    }
}
