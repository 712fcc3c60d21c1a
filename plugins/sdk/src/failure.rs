// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why there is no result.

use std::fmt;

use crate::bindings::priory::agent::types;

/// The closed set of failures, to decide by.
pub use types::Failure as Kind;

/// Why there is no result. Returning one that was received passes it on unchanged.
#[derive(Debug, Clone)]
pub struct Failure(pub Kind);

impl Failure {
    /// Makes a failure that only people understand.
    pub fn other(message: impl Into<String>) -> Self {
        Self(Kind::Other(types::Other { message: message.into(), data: None }))
    }

    /// Makes a failure with a message for people and data for programs. Data that cannot be written as JSON is left out.
    pub fn with_data<T: serde::Serialize + ?Sized>(message: impl Into<String>, data: &T) -> Self {
        Self(Kind::Other(types::Other { message: message.into(), data: serde_json::to_string(data).ok() }))
    }

    /// Makes the failure of a value that has the wrong form. `pointer` is a JSON Pointer; empty for the whole.
    pub fn invalid(subject: impl Into<String>, pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self(Kind::Invalid(types::Invalid { subject: subject.into(), pointer: pointer.into(), reason: reason.into() }))
    }

    /// Makes the failure of something that is not there, and will not be there later either.
    pub fn unavailable(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        let (subject, reason) = (subject.into(), reason.into());
        Self(Kind::Unavailable(types::Unavailable { subject, reason, retriable: false }))
    }

    /// Makes the failure of something that is not there now, and may be there later.
    pub fn unavailable_now(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        let (subject, reason) = (subject.into(), reason.into());
        Self(Kind::Unavailable(types::Unavailable { subject, reason, retriable: true }))
    }

    /// Returns the closed set's case.
    pub fn kind(&self) -> &Kind {
        &self.0
    }

    /// Tells whether the same call may succeed later.
    pub fn is_retriable(&self) -> bool {
        match &self.0 {
            Kind::Unavailable(unavailable) => unavailable.retriable,
            Kind::Conflict(_) => true,
            Kind::Denied(_)
            | Kind::Limit(_)
            | Kind::Timeout(_)
            | Kind::Trap(_)
            | Kind::Invalid(_)
            | Kind::Cancelled(_)
            | Kind::InDoubt(_)
            | Kind::Other(_) => false,
        }
    }

    /// Returns the error value that a tool itself returned: the E of its `result<T, E>`.
    pub fn data<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        match &self.0 {
            Kind::Other(types::Other { data: Some(data), .. }) => serde_json::from_str(data).ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Denied(denial) => write!(f, "{} is denied by {}", denial.effect, denial.by),
            Kind::Limit(hit) => {
                let name = format!("{:?}", hit.dimension);
                let name = name.rsplit("::").next().unwrap_or_default();
                write!(f, "{} reached a limit: {name}, {} of {}", hit.frame, hit.used, hit.allowed)
            }
            Kind::Timeout(timeout) => write!(f, "{} took longer than {} ms", timeout.frame, timeout.allowed_ms),
            Kind::Trap(trap) => write!(f, "{} broke: {}", trap.frame, trap.code),
            Kind::Invalid(invalid) if invalid.pointer.is_empty() => {
                write!(f, "{} is invalid: {}", invalid.subject, invalid.reason)
            }
            Kind::Invalid(invalid) => {
                write!(f, "{} is invalid at {}: {}", invalid.subject, invalid.pointer, invalid.reason)
            }
            Kind::Unavailable(unavailable) => write!(f, "{}: {}", unavailable.subject, unavailable.reason),
            Kind::Conflict(what) => write!(f, "conflict: {what}"),
            Kind::Cancelled(by) => write!(f, "cancelled: {by}"),
            Kind::InDoubt(what) => write!(f, "in doubt: {what}"),
            Kind::Other(other) => f.write_str(&other.message),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl From<Failure> for Kind {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::invalid("json", "", error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::other(error.to_string())
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self::other(message)
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::other(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failure: Failure, expect: &str) {
        assert_eq!(failure.to_string(), expect);
    }

    #[test]
    fn a_failure_reads_as_a_phrase() {
        let hit = types::LimitHit {
            dimension: types::Dimension::TableElements,
            used: 3,
            allowed: 2,
            frame: "0.1 tool files.read".into(),
        };
        check(Failure(Kind::Limit(hit)), "0.1 tool files.read reached a limit: TableElements, 3 of 2");
        check(Failure::invalid("task", "/a", "a number is expected"), "task is invalid at /a: a number is expected");
        check(Failure::invalid("task", "", "an object is expected"), "task is invalid: an object is expected");
        check(Failure::from("no luck"), "no luck");
    }

    #[test]
    fn the_error_of_a_tool_can_be_read() {
        let failure = Failure::with_data("not found", &serde_json::json!({ "not-found": "a.md" }));
        let data: std::collections::BTreeMap<String, String> = failure.data().unwrap();
        assert_eq!(data.get("not-found").map(String::as_str), Some("a.md"));
        assert_eq!(Failure::other("x").data::<serde_json::Value>(), None);
    }

    #[test]
    fn only_what_may_change_is_retriable() {
        assert!(Failure::unavailable_now("model", "busy").is_retriable());
        assert!(!Failure::unavailable("model", "gone").is_retriable());
        assert!(!Failure::other("x").is_retriable());
    }
}
