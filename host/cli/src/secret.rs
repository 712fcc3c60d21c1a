// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the values of secrets come from. They are read when a request needs them, and kept nowhere.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use priory_core::Failure;
use priory_core::ports::Secrets;
use serde::{Deserialize, Serialize};

/// How long a secret may be, in bytes.
const SECRET_BYTES_MAX: usize = 64 << 10;
/// How much of the file of a secret is read: enough to tell that it is too long, final line breaks aside.
const FILE_BYTES_MAX: u64 = SECRET_BYTES_MAX as u64 + 4;

/// Where the value of one secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// In an environment variable of the host.
    Env(String),
    /// In a file; a final line break does not count.
    File(PathBuf),
}

/// The secrets of a host.
#[derive(Debug, Default)]
pub(crate) struct SecretStore(pub(crate) BTreeMap<String, SecretSource>);

impl Secrets for SecretStore {
    fn reveal(&self, name: &str) -> Result<String, Failure> {
        let absent = |reason: String| Failure::absent(format!("secret {name}"), reason);
        let source = self.0.get(name).ok_or_else(|| absent(format!("it is not configured; add `[secrets.{name}]`")))?;
        let value = match source {
            SecretSource::Env(variable) => std::env::var(variable)
                .map_err(|_| absent(format!("the environment variable {variable} is not set, or is not text")))?,
            SecretSource::File(path) => {
                read(path).map_err(|error| absent(format!("{} cannot be read: {error}", path.display())))?
            }
        };
        let value = value.trim_end_matches(['\r', '\n']);
        if value.len() > SECRET_BYTES_MAX || value.is_empty() {
            return Err(absent(format!("it must have between 1 and {SECRET_BYTES_MAX} bytes")));
        }
        Ok(value.to_owned())
    }
}

/// Reads the file of a secret, and little more of it than a secret may have: what is longer is refused by its length.
fn read(path: &Path) -> io::Result<String> {
    // A pipe would be waited for, and a device has no end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    File::open(path)?
        .take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| io::Error::other(error.kind().to_string()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reveal(path: PathBuf) -> Result<String, Failure> {
        SecretStore([("key".to_owned(), SecretSource::File(path))].into()).reveal("key")
    }

    #[test]
    fn a_secret_is_the_text_of_a_file_without_its_last_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for text in ["word".to_owned(), "x".repeat(SECRET_BYTES_MAX)] {
            fs::write(&path, format!("{text}\r\n")).unwrap();
            assert_eq!(reveal(path.clone()).unwrap(), text);
        }
    }

    #[test]
    fn what_is_too_long_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        // A file with a hole: it takes no room, and its bytes are text.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(reveal(path).unwrap_err().to_string().contains("between 1 and 65536 bytes"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let failure = reveal(PathBuf::from("/dev/zero")).unwrap_err();
        assert!(failure.to_string().contains("it is not a file"), "{failure}");
    }
}
