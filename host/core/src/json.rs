// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON texts that are known to be valid.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How deep a JSON text may be nested. The parser would recurse once a level.
pub const DEPTH_MAX: usize = 128;

/// Holds one valid JSON text, cheap to clone.
///
/// The text is kept as it was written: numbers are not rounded, keys are not reordered.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Arc<str>);

/// Says why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The grammar of RFC 8259 is broken.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// Arrays and objects are nested too deep.
    #[error("nested more than {DEPTH_MAX} levels deep")]
    Depth,
}

impl Json {
    /// Returns `null`.
    pub fn null() -> Self {
        Self(Arc::from("null"))
    }

    /// Checks a text and keeps it, without the white space around it: what is read back from a journal has none.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        check_depth(text)?;
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| JsonError::Syntax(error.to_string()))?;
        Ok(Self(Arc::from(text)))
    }

    /// Writes a value as JSON.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        let text = serde_json::to_string(value).map_err(|e| JsonError::Syntax(e.to_string()))?;
        Ok(Self(Arc::from(text)))
    }

    /// Keeps a text whose writer has made sure that it is JSON, such as an encoder of this host.
    pub fn from_encoder(text: String) -> Self {
        debug_assert!(Self::parse(&text).is_ok(), "an encoder wrote something that is not JSON");
        Self(Arc::from(text))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the length of the text in bytes.
    pub fn byte_len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Reads the text into a value.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        serde_json::from_str(&self.0).map_err(|error| JsonError::Syntax(error.to_string()))
    }

    /// Returns the text as a tree.
    pub fn to_value(&self) -> serde_json::Value {
        // A checked text always parses; `null` stands for the case that cannot happen.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        Self(Arc::from(value.to_string()))
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(d)?;
        Self::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}

/// Refuses a text whose brackets are nested deeper than [`DEPTH_MAX`].
fn check_depth(text: &str) -> Result<(), JsonError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(JsonError::Depth);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_as_it_was_written() {
        let text = r#"{"b": 18446744073709551615, "a": -0.0, "s": "[[\"{"}"#;
        assert_eq!(Json::parse(text).unwrap().as_str(), text);
        assert_eq!(Json::parse(&format!("\r\n{text}\t ")).unwrap().as_str(), text);
    }

    #[test]
    fn the_level_after_the_last_is_refused() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(Json::parse(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(Json::parse(&nested(DEPTH_MAX + 1)), Err(JsonError::Depth));
        assert!(matches!(Json::parse("{\"a\":}"), Err(JsonError::Syntax(_))));
    }
}
