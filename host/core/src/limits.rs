// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one frame may use at most.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::IdError;

/// Declares the dimensions: name, text, default, and what it bounds.
macro_rules! dimensions {
    ($($name:ident, $text:literal, $default:expr, $doc:literal;)*) => {
        /// One thing that is limited.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Dimension { $(#[doc = $doc] $name,)* }

        impl Dimension {
            /// Every dimension, in the order in which tables show them.
            pub const ALL: [Self; 0 $(+ { let _ = Self::$name; 1 })*] = [$(Self::$name,)*];

            /// Returns its name in manifests, options and messages.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Returns what it bounds, in words.
            pub fn describe(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }

            /// Returns what holds where nobody says anything.
            pub fn default_max(self) -> u64 {
                match self { $(Self::$name => $default,)* }
            }
        }
    };
}

dimensions! {
    Fuel, "fuel", 1_000_000_000, "Compute, in fuel: one unit is about one WebAssembly instruction.";
    MemoryBytes, "memory-bytes", 64 << 20, "Bytes of linear memory, summed over all memories of the sandbox.";
    TimeMs, "time-ms", 30_000, "Wall-clock time in milliseconds, host calls included.";
    TableElements, "table-elements", 100_000, "Elements, summed over all tables of the sandbox.";
    Instances, "instances", 64, "Core instances, memories and tables inside the sandbox, each.";
    Handles, "handles", 4_096, "Resource handles that are open at once.";
    StackBytes, "stack-bytes", 512 << 10, "Bytes of WebAssembly stack; the same for every frame of a host.";
    OutputBytes, "output-bytes", 8 << 20, "Bytes of one result.";
    LogBytes, "log-bytes", 1 << 20, "Bytes of log, standard output and standard error together.";
    CallBytes, "call-bytes", 16 << 20, "Bytes that cross the edge of the sandbox in one host call.";
    Calls, "calls", 10_000, "Effects that the frame may perform.";
    Pending, "pending", 1_024, "Calls that are started and not yet taken.";
    Depth, "depth", 16, "Frames above this one.";
    TotalBytes, "total-bytes", 1 << 30, "Bytes of arguments and results that pass through the frame.";
    Repeats, "repeats", u64::MAX, "Times in a row that a frame may get the same outcome of the same effect.";
    TokensIn, "tokens-in", u64::MAX, "Tokens that models may read for the frame itself.";
    TokensOut, "tokens-out", u64::MAX, "Tokens that models may write for the frame itself.";
    MoneyMicrousd, "money-microusd", u64::MAX, "Money that models may cost for the frame itself, in micro-dollars.";
}

impl Dimension {
    /// Tells whether a limit bounds anything: where nobody says anything, some things are not bounded.
    pub fn is_bounded_by(self, limit: u64) -> bool {
        limit < u64::MAX || self.default_max() < u64::MAX
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dimension {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|d| d.as_str() == text).ok_or_else(|| IdError {
            text: text.chars().take(80).collect(),
            kind: "limit",
            expected: "one of the names that `priory explain` lists",
        })
    }
}

impl Serialize for Dimension {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Dimension {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

const COUNT: usize = Dimension::ALL.len();

/// The effective limits of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits([u64; COUNT]);

impl Limits {
    /// Returns one limit.
    pub fn get(&self, dimension: Dimension) -> u64 {
        self.0.get(dimension as usize).copied().unwrap_or(0)
    }

    /// Returns one limit as a size of this machine.
    pub fn get_usize(&self, dimension: Dimension) -> usize {
        usize::try_from(self.get(dimension)).unwrap_or(usize::MAX)
    }

    /// Lowers one limit; a higher value changes nothing.
    pub fn lower(&mut self, dimension: Dimension, value: u64) {
        if let Some(slot) = self.0.get_mut(dimension as usize) {
            *slot = value.min(*slot);
        }
    }

    /// Returns the limits, lowered to what a specification says.
    pub fn tightened(mut self, spec: &LimitSpec) -> Self {
        for (dimension, value) in spec.iter() {
            self.lower(dimension, value);
        }
        self
    }

    /// Returns every dimension with its limit.
    pub fn iter(&self) -> impl Iterator<Item = (Dimension, u64)> + '_ {
        Dimension::ALL.into_iter().map(|d| (d, self.get(d)))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self(Dimension::ALL.map(Dimension::default_max))
    }
}

impl Serialize for Limits {
    /// What is not bounded is not written.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter(|(dimension, limit)| dimension.is_bounded_by(*limit)))
    }
}

impl<'de> Deserialize<'de> for Limits {
    /// A limit that is not there has its default.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        LimitSpec::deserialize(d).map(|spec| spec.over_defaults())
    }
}

/// Limits that somebody set; what is not there was not said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LimitSpec(BTreeMap<Dimension, u64>);

impl LimitSpec {
    /// Sets one limit.
    pub fn set(&mut self, dimension: Dimension, value: u64) {
        self.0.insert(dimension, value);
    }

    /// Returns one limit, where it was set.
    pub fn get(&self, dimension: Dimension) -> Option<u64> {
        self.0.get(&dimension).copied()
    }

    /// Returns what was set.
    pub fn iter(&self) -> impl Iterator<Item = (Dimension, u64)> + '_ {
        self.0.iter().map(|(d, v)| (*d, *v))
    }

    /// Returns limits that hold exactly what was set, and the defaults elsewhere.
    ///
    /// This is how the operator's own host-wide limits are made: they may be above the defaults.
    pub fn over_defaults(&self) -> Limits {
        let mut limits = Limits::default();
        for (dimension, value) in self.iter() {
            if let Some(slot) = limits.0.get_mut(dimension as usize) {
                *slot = value;
            }
        }
        limits
    }
}

impl FromIterator<(Dimension, u64)> for LimitSpec {
    fn from_iter<I: IntoIterator<Item = (Dimension, u64)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}
