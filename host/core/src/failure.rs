// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why there is no result: a closed set that enters the journal and reads back equal.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json::Json;
use crate::limits::Dimension;

/// Why an effect, a frame or a run has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "detail", rename_all = "kebab-case")]
pub enum Failure {
    /// A grant is missing.
    Denied(Denial),
    /// A limit was reached.
    Limit(LimitHit),
    /// Time ran out.
    Timeout(Timeout),
    /// A guest broke.
    Trap(Trap),
    /// A value has the wrong form.
    Invalid(Invalid),
    /// Something is not there.
    Unavailable(Unavailable),
    /// What this was based on has changed.
    Conflict {
        /// What changed.
        reason: String,
    },
    /// The call was withdrawn.
    Cancelled {
        /// By whom.
        by: String,
    },
    /// It may or may not have happened outside.
    InDoubt {
        /// What may have happened.
        effect: String,
    },
    /// Anything else.
    Other(Other),
}

/// A grant that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// What was attempted.
    pub effect: String,
    /// Whose authority does not cover it.
    pub by: String,
    /// What an operator can add to allow it.
    pub remedy: String,
}

/// A limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitHit {
    /// Which one.
    pub dimension: Dimension,
    /// How much was used or asked for.
    pub used: u64,
    /// How much was allowed.
    pub allowed: u64,
    /// The frame that reached it.
    pub frame: String,
}

/// A deadline that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeout {
    /// The time that the frame was given.
    pub allowed_ms: u64,
    /// The frame that was cut.
    pub frame: String,
}

/// A guest that broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trap {
    /// What broke.
    pub code: String,
    /// The frame that broke.
    pub frame: String,
    /// Functions on the stack, innermost first.
    pub backtrace: Vec<String>,
}

/// A value of the wrong form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalid {
    /// What was looked at.
    pub subject: String,
    /// Where in it, as a JSON Pointer.
    pub pointer: String,
    /// What is wrong there.
    pub reason: String,
}

/// Something that is not there, or not now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unavailable {
    /// What was looked for.
    pub subject: String,
    /// Why it could not be had.
    pub reason: String,
    /// Whether the same call may succeed later.
    pub retriable: bool,
}

/// Any other failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// For people.
    pub message: String,
    /// The error value that a program returned; `None` when the host made this failure.
    pub data: Option<Json>,
}

impl Failure {
    /// Tells whether the same call may succeed later without anybody changing anything.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Conflict { .. } => true,
            Self::Unavailable(unavailable) => unavailable.retriable,
            Self::Denied(_)
            | Self::Limit(_)
            | Self::Trap(_)
            | Self::Invalid(_)
            | Self::Cancelled { .. }
            | Self::InDoubt { .. }
            | Self::Other(_) => false,
        }
    }

    /// Returns the name of the case, as WIT and machine-readable output write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Limit(_) => "limit",
            Self::Timeout(_) => "timeout",
            Self::Trap(_) => "trap",
            Self::Invalid(_) => "invalid",
            Self::Unavailable(_) => "unavailable",
            Self::Conflict { .. } => "conflict",
            Self::Cancelled { .. } => "cancelled",
            Self::InDoubt { .. } => "in-doubt",
            Self::Other(_) => "other",
        }
    }

    /// Makes an `invalid` failure.
    pub fn invalid(subject: impl Into<String>, pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid(Invalid { subject: subject.into(), pointer: pointer.into(), reason: reason.into() })
    }

    /// Makes an `unavailable` failure that no retry mends.
    pub fn absent(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unavailable(Unavailable { subject: subject.into(), reason: reason.into(), retriable: false })
    }

    /// Makes a failure that is for people only.
    pub fn other(message: impl Into<String>) -> Self {
        Self::Other(Other { message: message.into(), data: None })
    }

    /// Makes a `limit` failure.
    pub fn limit(dimension: Dimension, used: u64, allowed: u64, frame: impl Into<String>) -> Self {
        Self::Limit(LimitHit { dimension, used, allowed, frame: frame.into() })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(d) => write!(f, "{} is not granted: {} does not allow it", d.effect, d.by),
            Self::Limit(l) => {
                write!(f, "{} reached its limit of {}: {} of {} allowed", l.frame, l.dimension, l.used, l.allowed)
            }
            Self::Timeout(t) => write!(f, "{} did not end within {} ms", t.frame, t.allowed_ms),
            Self::Trap(t) => write!(f, "{} broke: {}", t.frame, t.code),
            Self::Invalid(i) if i.pointer.is_empty() => write!(f, "{}: {}", i.subject, i.reason),
            Self::Invalid(i) => write!(f, "{} at {}: {}", i.subject, i.pointer, i.reason),
            Self::Unavailable(u) => write!(f, "{} is not available: {}", u.subject, u.reason),
            Self::Conflict { reason } => write!(f, "conflict: {reason}"),
            Self::Cancelled { by } => write!(f, "cancelled by {by}"),
            Self::InDoubt { effect } => write!(f, "in doubt: {effect} may or may not have happened"),
            Self::Other(o) => match &o.data {
                Some(data) => write!(f, "{}: {data}", o.message),
                None => f.write_str(&o.message),
            },
        }
    }
}

impl std::error::Error for Failure {}
