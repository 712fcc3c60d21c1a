// SPDX-License-Identifier: MIT OR Apache-2.0
//! Artifacts: values too large to be passed inline. They are named by the digest of their bytes and read in parts.
//!
//! Where something is handed over, a *reference* stands for them: `{"artifact": "blake3:…", "bytes": n, "head": "…"}`.
//! Events hold digests and places, never the bytes: those are kept beside the events, once.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::Digest;
use crate::json::Json;

/// How long one artifact may be, in bytes: it is in memory as a whole when it is made and when it is read.
pub const ARTIFACT_BYTES_MAX: u64 = 64 << 20;

/// How many bytes the artifacts of one run may have together.
pub const ARTIFACTS_BYTES_MAX: u64 = 1 << 30;

/// How many artifacts one run may have, those that it was given included: each is pinned by its run.
pub const ARTIFACTS_MAX: usize = 2_048;

/// How much of an artifact is read at once, in bytes.
pub const PART_BYTES_MAX: u64 = 1 << 20;

/// How many characters of a text its reference shows.
pub const HEAD_CHARS_MAX: usize = 256;

/// How many references are looked for in one value.
const REFERENCES_MAX: usize = ARTIFACTS_MAX;

/// The bytes of an artifact on their way to where they are kept. Written down, only their digest and length are left.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Content {
    digest: Digest,
    #[serde(rename = "bytes")]
    byte_len: u64,
    /// Not there where it was read from events.
    #[serde(skip)]
    bytes: Option<Arc<[u8]>>,
}

/// What is asked of the artifacts of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactOp {
    /// Make one.
    Put {
        /// What is in it.
        content: Content,
    },
    /// Read a part of one.
    Read {
        /// Which.
        digest: Digest,
        /// Where the part begins, in bytes.
        offset: u64,
        /// How long it is at most, in bytes; [`PART_BYTES_MAX`] is the most.
        length: u64,
    },
    /// Find out how long one is.
    Stat {
        /// Which.
        digest: Digest,
    },
}

/// What is known of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ArtifactInfo {
    /// The hash of its bytes.
    pub digest: Digest,
    /// How many there are.
    #[serde(rename = "bytes")]
    pub byte_len: u64,
}

/// A part of an artifact. Written down, only its place is left: the bytes follow from the digest. So parts are equal when
/// their places are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ArtifactPart {
    /// Of which artifact.
    pub digest: Digest,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How many bytes it has.
    #[serde(rename = "bytes")]
    pub byte_len: u64,
    /// The bytes; none where it was read from events.
    #[serde(skip)]
    pub bytes: Arc<[u8]>,
}

/// What stands for an artifact in a value that is handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reference {
    /// Which artifact.
    pub artifact: Digest,
    /// How many bytes it has.
    pub bytes: u64,
    /// Its first characters, at most [`HEAD_CHARS_MAX`]; empty where it is no text.
    #[serde(default)]
    pub head: String,
}

// === impl Content ===

impl Content {
    /// Takes the bytes of an artifact.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { digest: Digest::of(&bytes), byte_len: bytes.len() as u64, bytes: Some(bytes) }
    }

    /// Returns what is known of it.
    pub fn info(&self) -> ArtifactInfo {
        ArtifactInfo { digest: self.digest, byte_len: self.byte_len }
    }

    /// Returns the bytes; `None` where it was read from events.
    pub fn bytes(&self) -> Option<&Arc<[u8]>> {
        self.bytes.as_ref()
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.info() == other.info()
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({}, {} bytes)", self.digest, self.byte_len)
    }
}

// === impl ArtifactOp ===

impl ArtifactOp {
    /// Names it in a few words.
    pub fn summary(&self) -> String {
        match self {
            Self::Put { content } => format!("artifact of {} bytes", content.byte_len),
            Self::Read { digest, offset, length } => format!("artifact {digest} read {length} bytes from {offset}"),
            Self::Stat { digest } => format!("artifact {digest} length"),
        }
    }

    /// Returns how many bytes it hands over.
    pub fn byte_len(&self) -> u64 {
        match self {
            Self::Put { content } => content.byte_len,
            Self::Read { .. } | Self::Stat { .. } => 0,
        }
    }
}

// === impl ArtifactPart ===

impl PartialEq for ArtifactPart {
    fn eq(&self, other: &Self) -> bool {
        (self.digest, self.offset, self.byte_len) == (other.digest, other.offset, other.byte_len)
    }
}

impl Eq for ArtifactPart {}

impl fmt::Debug for ArtifactPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArtifactPart({}, {} bytes from {})", self.digest, self.byte_len, self.offset)
    }
}

// === impl Reference ===

impl Reference {
    /// Returns the reference to an artifact with these bytes.
    pub fn to(bytes: &[u8]) -> Self {
        // A character has 4 bytes at most, and a text of which the beginning is one may still be cut inside a character.
        let beginning = bytes.get(..bytes.len().min(4 * HEAD_CHARS_MAX)).unwrap_or_default();
        let text = match std::str::from_utf8(beginning) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() && bytes.len() > beginning.len() => {
                let whole = beginning.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(whole).unwrap_or_default()
            }
            Err(_) => "",
        };
        let head = text.chars().take(HEAD_CHARS_MAX).collect();
        Self { artifact: Digest::of(bytes), bytes: bytes.len() as u64, head }
    }

    /// Writes it.
    pub fn to_json(&self) -> Json {
        // It is plain data, so it can always be written.
        Json::of(self).unwrap_or_else(|_| Json::null())
    }

    /// Returns the digests of all references in a value, each once, in order; of very many, the first. What has a digest and
    /// no length is none.
    pub fn all_in(value: &Json) -> Vec<Digest> {
        // Most values hold none, and need not be taken apart.
        if !value.as_str().contains("blake3:") {
            return Vec::new();
        }
        let mut found = Vec::new();
        collect(&value.to_value(), &mut found);
        found
    }
}

/// Goes through a value, which is not nested deeper than the parser of JSON allows.
fn collect(value: &serde_json::Value, found: &mut Vec<Digest>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        serde_json::Value::Object(fields) => {
            let is_whole = fields.get("bytes").is_some_and(serde_json::Value::is_u64);
            let digest = fields.get("artifact").filter(|_| is_whole);
            let digest = digest.and_then(|digest| digest.as_str()?.parse::<Digest>().ok());
            if let Some(digest) = digest.filter(|digest| found.len() < REFERENCES_MAX && !found.contains(digest)) {
                found.push(digest);
            }
            fields.values().for_each(|field| collect(field, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_shows_the_beginning_of_a_text_and_nothing_of_other_bytes() {
        for (bytes, head) in [
            (b"hello".to_vec(), "hello".to_owned()),
            ("é".repeat(300).into_bytes(), "é".repeat(HEAD_CHARS_MAX)),
            // The look at the beginning ends inside a character.
            (
                format!("a{}", "\u{1f600}".repeat(300)).into_bytes(),
                format!("a{}", "\u{1f600}".repeat(HEAD_CHARS_MAX - 1)),
            ),
            (vec![0xff, 0xfe], String::new()),
            // The text itself ends inside a character, so it is none.
            (vec![b'a', 0xc3], String::new()),
            (Vec::new(), String::new()),
        ] {
            let reference = Reference::to(&bytes);
            assert_eq!((reference.head, reference.bytes), (head, bytes.len() as u64));
            assert_eq!(reference.artifact, Digest::of(&bytes));
        }
    }

    #[test]
    fn references_are_found_wherever_they_are() {
        let [a, b] = [b"a".as_slice(), b"b"].map(Reference::to);
        let value = format!(
            r#"{{"x": [1, {{"y": {}}}, {}], "artifact": "no digest", "z": "{c}", "again": {}, "w": {{"artifact": "{c}"}}}}"#,
            a.to_json(),
            b.to_json(),
            a.to_json(),
            c = Digest::of(b"c"),
        );
        assert_eq!(Reference::all_in(&Json::parse(&value).unwrap()), [a.artifact, b.artifact]);
        assert_eq!(Reference::all_in(&Json::null()), []);
    }

    #[test]
    fn bytes_are_not_written_down() {
        let content = Content::new(b"hello".to_vec());
        let op = ArtifactOp::Put { content: content.clone() };
        let text = serde_json::to_string(&op).unwrap();
        assert_eq!(text, format!(r#"{{"put":{{"content":{{"digest":"{}","bytes":5}}}}}}"#, Digest::of(b"hello")));
        let read: ArtifactOp = serde_json::from_str(&text).unwrap();
        assert_eq!(read, op);
        let ArtifactOp::Put { content: read } = read else { panic!() };
        assert_eq!((read.bytes(), content.bytes().map(|bytes| bytes.len())), (None, Some(5)));
    }
}
