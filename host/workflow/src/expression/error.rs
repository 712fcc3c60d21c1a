// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why an expression is none, or has no value.

use std::ops::Range;

/// How many names an error lists as what is there instead.
pub(super) const NAMES_LISTED_MAX: usize = 10;

/// Why an expression is none, or has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// The source is no expression.
    #[error("{message}")]
    Syntax {
        /// Where in the source, in bytes.
        at: Range<usize>,
        /// What was found, and what was meant.
        message: String,
    },
    /// A name stands for nothing.
    #[error("`{name}` is not there{}", there(near.as_deref(), names))]
    Unknown {
        /// Where in the source, in bytes.
        at: Range<usize>,
        /// The name.
        name: String,
        /// A name like it that is there.
        near: Option<String>,
        /// Names that are there, not all if they are many.
        names: Vec<String>,
    },
    /// A map has no such key, or a list no such item.
    #[error("`{of}` has no {what}{}", there(near.as_deref(), names))]
    Missing {
        /// Where in the source, in bytes.
        at: Range<usize>,
        /// The part of the source that the value came from.
        of: String,
        /// What it does not have.
        what: String,
        /// A key like it that is there.
        near: Option<String>,
        /// Keys that are there, not all if they are many.
        names: Vec<String>,
    },
    /// A value is of a kind that the operation does not take.
    #[error("{what} takes {wanted}; `{of}` is {found}")]
    Kind {
        /// Where in the source, in bytes.
        at: Range<usize>,
        /// What was to be done.
        what: String,
        /// What it takes.
        wanted: String,
        /// The part of the source that the value came from.
        of: String,
        /// What is there instead.
        found: String,
    },
    /// A calculation has no result.
    #[error("{message}")]
    Arithmetic {
        /// Where in the source, in bytes.
        at: Range<usize>,
        /// Why not.
        message: String,
    },
    /// Evaluating takes, or makes, more than an expression may.
    #[error("the expression {message}")]
    Limit {
        /// Where in the source, in bytes.
        at: Range<usize>,
        /// What is too much, and what may be.
        message: String,
    },
}

// === impl ExpressionError ===

impl ExpressionError {
    /// Returns where in the source the cause is, in bytes.
    #[must_use]
    pub fn at(&self) -> Range<usize> {
        match self {
            Self::Syntax { at, .. }
            | Self::Unknown { at, .. }
            | Self::Missing { at, .. }
            | Self::Kind { at, .. }
            | Self::Arithmetic { at, .. }
            | Self::Limit { at, .. } => at.clone(),
        }
    }

    /// Returns the error as one of a source in which this one's source begins at `offset`.
    #[must_use]
    pub fn shifted(mut self, offset: usize) -> Self {
        let (Self::Syntax { at, .. }
        | Self::Unknown { at, .. }
        | Self::Missing { at, .. }
        | Self::Kind { at, .. }
        | Self::Arithmetic { at, .. }
        | Self::Limit { at, .. }) = &mut self;
        *at = at.start.saturating_add(offset)..at.end.saturating_add(offset);
        self
    }

    /// Returns whether no operator may pass it over, as `false && …` passes over what has no value.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Limit { .. })
    }
}

/// Says what is there instead.
fn there(near: Option<&str>, names: &[String]) -> String {
    match (near, names) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, []) => String::new(),
        (None, names) => format!("; there is {}", list(names)),
    }
}

/// Lists names for people.
pub(super) fn list(names: &[String]) -> String {
    let shown = names.iter().take(NAMES_LISTED_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len() > NAMES_LISTED_MAX {
        true => format!("{shown} and more"),
        false => shown,
    }
}

/// Takes the first names, and one more as the sign that there are others.
pub(super) fn some<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.take(NAMES_LISTED_MAX + 1).map(|name| name.chars().take(128).collect()).collect()
}
