// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON texts that are known to be valid.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How deep a JSON text from outside may be nested. The parser would recurse once a level.
pub const DEPTH_MAX: usize = 100;

/// How deep a JSON text of the host itself may be nested: what comes from outside, inside what the host says about it. The
/// parser reads no more.
const OWN_DEPTH_MAX: usize = 127;

/// The key by which the parser would take a text for the JSON that it holds: who shows a value, or checks it, would see
/// something else than whoever is given it.
const RESERVED_KEY: &str = "$serde_json::private::RawValue";

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
    #[error("nested more than {0} levels deep")]
    Depth(usize),
    /// A key has a meaning of its own for the parser.
    #[error("the key `{RESERVED_KEY}` is reserved")]
    ReservedKey,
}

impl Json {
    /// Returns `null`.
    pub fn null() -> Self {
        Self(Arc::from("null"))
    }

    /// Checks a text and keeps it, without the white space around it: what is read back from a journal has none.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        Self::parse_within(text, DEPTH_MAX)
    }

    fn parse_within(text: &str, depth_max: usize) -> Result<Self, JsonError> {
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        check_depth(text, depth_max)?;
        check_keys(text)?;
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| JsonError::Syntax(error.to_string()))?;
        Ok(Self(Arc::from(text)))
    }

    /// Writes a value as JSON; fails when it could not be read back.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        let text = serde_json::to_string(value).map_err(|e| JsonError::Syntax(e.to_string()))?;
        check_depth(&text, OWN_DEPTH_MAX)?;
        Ok(Self(Arc::from(text)))
    }

    /// Keeps a text whose writer has made sure that it is JSON, such as an encoder of this host.
    pub fn from_encoder(text: String) -> Self {
        debug_assert!(Self::parse_within(&text, OWN_DEPTH_MAX).is_ok(), "an encoder wrote something that is not JSON");
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
    /// Writes a tree. One that could not be read back is written as a text that says so: it is told, and not lost silently.
    fn from(value: serde_json::Value) -> Self {
        Self::of(&value).unwrap_or_else(|error| Self(Arc::from(serde_json::Value::from(error.to_string()).to_string())))
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
        Self::parse_within(raw.get(), OWN_DEPTH_MAX).map_err(serde::de::Error::custom)
    }
}

/// Refuses a text whose brackets are nested deeper than some levels.
fn check_depth(text: &str, depth_max: usize) -> Result<(), JsonError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > depth_max {
                    return Err(JsonError::Depth(depth_max));
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Refuses a text with a key that the parser would take for something else. Hardly any text is looked at twice.
fn check_keys(text: &str) -> Result<(), JsonError> {
    // Whatever means the same has the word in it, or an escape.
    let is_suspect = text.contains("RawValue") || text.contains("\\u");
    match is_suspect && serde_json::from_str::<Keys>(text).is_err_and(|error| error.to_string().contains(RESERVED_KEY))
    {
        true => Err(JsonError::ReservedKey),
        false => Ok(()),
    }
}

/// Reads a text for its keys alone.
struct Keys;

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Keys)
    }
}

impl<'de> serde::de::Visitor<'de> for Keys {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == RESERVED_KEY {
                return Err(serde::de::Error::custom(RESERVED_KEY));
            }
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
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
        assert_eq!(Json::parse(&nested(DEPTH_MAX + 1)), Err(JsonError::Depth(DEPTH_MAX)));
        let own: Json = serde_json::from_str(&nested(OWN_DEPTH_MAX)).unwrap();
        assert_eq!(own.to_value().to_string(), nested(OWN_DEPTH_MAX), "what the host says reads back");
        let deeper = serde_json::json!([own.to_value()]);
        assert_eq!(Json::of(&deeper), Err(JsonError::Depth(OWN_DEPTH_MAX)));
        assert!(Json::from(deeper).as_str().contains("levels deep"));
        assert!(matches!(Json::parse("{\"a\":}"), Err(JsonError::Syntax(_))));
    }

    #[test]
    fn what_is_shown_is_what_is_there() {
        for key in ["$serde_json::private::RawValue", "\\u0024serde_json::private::RawValue"] {
            let text = format!("[{{\"{key}\": \"{{\\\"id\\\":5}}\"}}]");
            assert_eq!(Json::parse(&text), Err(JsonError::ReservedKey), "{text}");
        }
        let text = r#"{"\u00e9": "RawValue", "n": [1.5, -2, true, null]}"#;
        assert_eq!(Json::parse(text).unwrap().to_value()["n"][1], -2);
    }
}
