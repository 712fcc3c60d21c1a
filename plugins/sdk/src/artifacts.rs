// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values that are too large to be passed inline.
//!
//! [`put`] gives a [`Reference`], which is small and stands for the artifact in any value; [`open`] reads what a reference
//! stands for, in parts.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::bindings::priory::agent::artifacts;

pub use crate::bindings::priory::agent::artifacts::Artifact;

/// How much is read at once, in bytes: the most that the host gives.
const PART_BYTES: u64 = 1 << 20;

/// How many characters of a text a reference shows.
const HEAD_CHARS_MAX: usize = 256;

/// What stands for an artifact in a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Which artifact: `blake3:` and 64 hexadecimal digits.
    pub artifact: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// The first characters of a text; empty for other bytes.
    #[serde(default)]
    pub head: String,
}

/// Makes an artifact.
pub fn put(content: &[u8]) -> Result<Reference, Failure> {
    let Artifact { digest, bytes } = artifacts::put(content)?;
    Ok(Reference { artifact: digest, bytes, head: head(content) })
}

/// Finds out how long an artifact is.
pub fn stat(digest: &str) -> Result<Artifact, Failure> {
    Ok(artifacts::stat(digest)?)
}

/// Reads at most 1 MiB of an artifact, from a place on; nothing at its end.
pub fn read(digest: &str, offset: u64, length: u64) -> Result<Vec<u8>, Failure> {
    Ok(artifacts::read(digest, offset, length)?)
}

/// Reads a whole artifact, of at most so many bytes.
pub fn read_whole(digest: &str, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let mut reader = open(digest)?;
    if reader.byte_len() > bytes_max {
        let reason = format!("it has {} bytes, and {bytes_max} are the most", reader.byte_len());
        return Err(Failure::invalid(format!("artifact {digest}"), "", reason));
    }
    let mut content = Vec::new();
    reader.read_to_end(&mut content)?;
    Ok(content)
}

/// Opens an artifact for reading from its beginning.
pub fn open(digest: &str) -> Result<Reader, Failure> {
    let Artifact { digest, bytes } = stat(digest)?;
    Ok(Reader { digest, byte_len: bytes, offset: 0, part: Vec::new(), taken: 0 })
}

/// Reads an artifact part by part; only one part is in memory.
#[derive(Debug)]
pub struct Reader {
    digest: String,
    byte_len: u64,
    /// Where the next part begins.
    offset: u64,
    part: Vec<u8>,
    /// How much of the part was handed on.
    taken: usize,
}

impl Reader {
    /// Returns how many bytes the artifact has.
    pub fn byte_len(&self) -> u64 {
        self.byte_len
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.part.len() && self.offset < self.byte_len {
            self.part =
                read(&self.digest, self.offset, PART_BYTES).map_err(|failure| io::Error::other(failure.to_string()))?;
            self.offset += self.part.len() as u64;
            self.taken = 0;
        }
        let rest = self.part.get(self.taken..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.taken += length;
        Ok(length)
    }
}

/// Returns the first characters of a text; nothing of other bytes.
fn head(content: &[u8]) -> String {
    let beginning = content.get(..content.len().min(4 * HEAD_CHARS_MAX)).unwrap_or_default();
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        // The look at the beginning may end inside a character.
        Err(error) if error.error_len().is_none() && content.len() > beginning.len() => {
            std::str::from_utf8(beginning.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => "",
    };
    text.chars().take(HEAD_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::head;

    #[test]
    fn a_head_is_text_or_nothing() {
        assert_eq!(head(b"hello"), "hello");
        assert_eq!(head(format!("a{}", "\u{1f600}".repeat(300)).as_bytes()).chars().count(), 256);
        assert_eq!(head(&[0xff, 0xfe]), "");
        assert_eq!(head(&[b'a', 0xc3]), "");
    }
}
