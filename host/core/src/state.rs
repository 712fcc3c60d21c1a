// SPDX-License-Identifier: MIT OR Apache-2.0
//! State that the frames of one run share: values under keys, each with a revision and a rule by which writes are merged.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{FramePath, IdError};
use crate::json::Json;

/// How long a key may be, in bytes: it stands in grants and in messages.
pub const KEY_BYTES_MAX: usize = 256;

/// How long one value may be, in bytes: what is larger is an artifact.
pub const VALUE_BYTES_MAX: u64 = 1 << 20;

/// How many keys a run may have.
pub const KEYS_MAX: usize = 10_000;

/// How many bytes the keys and values of a run may have together: they are in memory while the run is.
pub const STATE_BYTES_MAX: u64 = 64 << 20;

/// How many writes of one key are remembered.
pub const CHANGES_MAX: usize = 1_000;

/// How many bytes of a written value its history shows.
pub const EXCERPT_BYTES_MAX: usize = 256;

/// How writes to a key become one value. The first write of a key fixes its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Merge {
    /// The last value holds.
    #[default]
    Last,
    /// A list; each value is one more element at its end.
    Append,
    /// A list without doubles, in the order in which elements first came. A value is one element, or a list of them.
    Union,
    /// A number, to which each value is added. Integers are exact.
    Sum,
    /// The greatest of all numbers, or of all strings.
    Max,
    /// The smallest of all numbers, or of all strings.
    Min,
}

impl Merge {
    /// Every rule.
    pub const ALL: [Self; 6] = [Self::Last, Self::Append, Self::Union, Self::Sum, Self::Max, Self::Min];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Append => "append",
            Self::Union => "union",
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Min => "min",
        }
    }

    /// Tells whether the value is a list that only grows, so that the outcome of a write holds only what was added.
    pub fn grows(self) -> bool {
        matches!(self, Self::Append | Self::Union)
    }
}

impl fmt::Display for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Merge {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|merge| merge.as_str() == text).ok_or_else(|| IdError {
            text: text.chars().take(80).collect(),
            kind: "rule for merging",
            expected: "last, append, union, sum, max or min",
        })
    }
}

/// What is asked of the state of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateOp {
    /// Read what a key holds.
    Read {
        /// The key.
        key: String,
    },
    /// Write a value to a key.
    Write {
        /// The key.
        key: String,
        /// The value.
        value: Json,
        /// How it becomes one value with what is there.
        #[serde(default)]
        merge: Merge,
        /// The revision that the key must have; 0 means that it is not there yet, `None` that it does not matter.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<u64>,
    },
    /// List the keys that begin like this and may be read.
    Keys {
        /// How they begin.
        prefix: String,
    },
    /// List the writes of a key.
    History {
        /// The key.
        key: String,
    },
}

/// What a key holds.
///
/// After a write it is what the key holds now; where the rule is [`Merge::Append`] or [`Merge::Union`], only the list of
/// what was added: else a list that grows would stand in the journal once for each of its elements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateEntry {
    /// The value.
    pub value: Json,
    /// How many writes there were.
    pub revision: u64,
}

/// A key, with the revision of its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateKey {
    /// The key.
    pub key: String,
    /// How many writes there were.
    pub revision: u64,
}

/// One write of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateChange {
    /// The revision that it made.
    pub revision: u64,
    /// The beginning of what was written, as JSON; whole where it has as many bytes as `byte_len` says.
    pub text: String,
    /// How many bytes were written.
    pub byte_len: u64,
    /// The frame that wrote.
    pub by: FramePath,
    /// The position among the effects of the frame.
    pub step: u32,
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
}

impl StateOp {
    /// Names it in a few words.
    pub fn summary(&self) -> String {
        match self {
            Self::Read { key } => format!("state {key} read"),
            Self::Write { key, merge: Merge::Last, .. } => format!("state {key} write"),
            Self::Write { key, merge, .. } => format!("state {key} {merge}"),
            Self::Keys { prefix } => format!("state keys {prefix}*"),
            Self::History { key } => format!("state {key} history"),
        }
    }

    /// Returns how many bytes it hands over.
    pub fn byte_len(&self) -> u64 {
        match self {
            Self::Read { key } | Self::History { key } | Self::Keys { prefix: key } => key.len() as u64,
            Self::Write { key, value, .. } => value.byte_len().saturating_add(key.len() as u64),
        }
    }
}
