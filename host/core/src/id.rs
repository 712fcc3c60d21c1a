// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of things: runs, frames, plugins.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Says why a text is not the id that it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {expected} is expected")]
pub struct IdError {
    /// The text, cut to 80 characters.
    pub text: String,
    /// What it was taken for.
    pub kind: &'static str,
    /// The form that it should have.
    pub expected: &'static str,
}

impl IdError {
    fn new(text: &str, kind: &'static str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), kind, expected }
    }
}

/// Declares an id: a ULID behind a prefix, parseable and sortable by time.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// Makes an id of a time, in milliseconds since 1970, and random bits.
            pub fn from_parts(unix_ms: u64, random: u128) -> Self {
                Self(ulid::Ulid::from_parts(unix_ms, random).0)
            }

            /// Returns the id as bytes, the time first.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), ulid::Ulid(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = || IdError::new(text, $kind, concat!($prefix, " and 26 characters"));
                let rest = text.strip_prefix($prefix).ok_or_else(error)?;
                let id = ulid::Ulid::from_string(rest).map(|id| Self(id.0)).map_err(|_| error())?;
                // The library takes numbers that do not fit and cuts them.
                if id.to_string().eq_ignore_ascii_case(text) { Ok(id) } else { Err(error()) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id_type!(
    /// Names one run.
    RunId, "run_", "run"
);

/// Identifies a plugin by the BLAKE3 hash of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Returns the 32 bytes of the hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the hash in lower-case hexadecimal, 64 characters.
    pub fn to_hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blake3:{}", self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError::new(text, "digest", "`blake3:` and 64 hexadecimal digits");
        let hex = text.strip_prefix("blake3:").ok_or_else(error)?;
        blake3::Hash::from_hex(hex).map(|hash| Self(*hash.as_bytes())).map_err(|_| error())
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Locates a frame in its run: the position of each call on the way down from the root.
///
/// The root is `0`; the third call of the root is `0.2`. It depends on nothing but the order in which
/// each program asks, so it is the same in every replay.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FramePath(Arc<[u32]>);

impl FramePath {
    /// How many toolsets may be asked for their tools; as many numbers at the end are no steps.
    pub const LISTS_MAX: u32 = 4_096;

    /// The last number that a step may have.
    pub const STEPS_MAX: u32 = u32::MAX - Self::LISTS_MAX;

    /// Returns what stands in place of a step for the frame that asks a toolset for its tools. Each toolset has an index
    /// of its own below [`FramePath::LISTS_MAX`], so that no two of these frames are at one place.
    pub fn list(index: u32) -> u32 {
        debug_assert!(index < Self::LISTS_MAX, "a catalog holds no more toolsets");
        u32::MAX.saturating_sub(index)
    }

    /// Returns the path of the root frame.
    pub fn root() -> Self {
        Self(Arc::from([0]))
    }

    /// Returns the path of the frame that step `step` of this frame opens.
    pub fn child(&self, step: u32) -> Self {
        Self(self.0.iter().copied().chain(std::iter::once(step)).collect())
    }

    /// Returns the path as bytes, four for each step; different paths are different bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|step| step.to_le_bytes()).collect()
    }

    /// Tells whether this is another frame or below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Returns every frame above this one, root first, with the step of it that leads here.
    pub fn ancestors(&self) -> impl Iterator<Item = (Self, u32)> + '_ {
        let lengths = 1..self.0.len();
        lengths.filter_map(|length| Some((Self(Arc::from(self.0.get(..length)?)), *self.0.get(length)?)))
    }

    /// Returns the number of frames above this one; 0 for the root.
    pub fn depth(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_sub(1)
    }
}

impl fmt::Display for FramePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            match *step {
                step if step > Self::STEPS_MAX => write!(f, "tools{}", u32::MAX - step)?,
                step => write!(f, "{step}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for FramePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for FramePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for FramePath {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let step = |part: &str| match part.strip_prefix("tools") {
            Some(index) => index.parse::<u32>().ok().and_then(|index| u32::MAX.checked_sub(index)),
            None => part.parse::<u32>().ok(),
        };
        let steps: Option<Arc<[u32]>> = text.split('.').map(step).collect();
        steps.map(Self).ok_or_else(|| IdError::new(text, "frame", "numbers with points between them, such as `0.2`"))
    }
}

impl<'de> Deserialize<'de> for FramePath {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Tells whether a text may name a plugin or an agent: `[a-z][a-z0-9-]*`, at most 64 characters.
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_list_tools_have_places_of_their_own() {
        let asking = FramePath::root().child(3);
        let lists = [0, 1, FramePath::LISTS_MAX - 1].map(|index| asking.child(FramePath::list(index)));
        assert_eq!(lists.each_ref().map(FramePath::to_string), ["0.3.tools0", "0.3.tools1", "0.3.tools4095"]);
        let last = asking.child(FramePath::STEPS_MAX);
        assert_eq!(last.to_string(), "0.3.4294963199");
        for path in lists.iter().chain([&last]) {
            assert_eq!(path.to_string().parse::<FramePath>().as_ref(), Ok(path));
        }
        assert_eq!(FramePath::list(FramePath::LISTS_MAX - 1), FramePath::STEPS_MAX + 1);
    }
}
