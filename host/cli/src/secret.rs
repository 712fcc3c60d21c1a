// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the values of secrets come from. They are read when a request needs them, and kept nowhere.

use std::collections::BTreeMap;
use std::path::PathBuf;

use priory_core::Failure;
use priory_core::ports::Secrets;

/// How long a secret may be, in bytes.
const SECRET_BYTES_MAX: usize = 64 << 10;

/// Where the value of one secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            SecretSource::File(path) => std::fs::read_to_string(path)
                .map_err(|error| absent(format!("{} cannot be read: {}", path.display(), error.kind())))?,
        };
        let value = value.trim_end_matches(['\r', '\n']);
        if value.len() > SECRET_BYTES_MAX || value.is_empty() {
            return Err(absent(format!("it must have between 1 and {SECRET_BYTES_MAX} bytes")));
        }
        Ok(value.to_owned())
    }
}
