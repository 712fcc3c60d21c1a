// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which files may be seen, and where a guest finds them.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RuleError;

/// What may be done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileMode {
    /// Read it.
    Read,
    /// Read and change it.
    Write,
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// Which files a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileScope {
    /// Any; this form belongs into ceilings.
    Any,
    /// A folder with all below it: an absolute, normalised path of the host.
    Under(PathBuf),
}

/// Which files may be seen: `PATH:read` or `PATH:write`, and where the guest finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    /// Which files.
    pub scope: FileScope,
    /// For reading, or for writing too.
    pub mode: FileMode,
    /// The path under which the guest sees the folder; `None` means `/` and the folder's own name.
    pub guest_path: Option<String>,
}

impl FileRule {
    /// Tells whether an absolute, normalised path is covered.
    pub fn covers(&self, path: &Path, mode: FileMode) -> bool {
        let inside = match &self.scope {
            FileScope::Any => true,
            FileScope::Under(folder) => path.starts_with(folder),
        };
        inside && mode <= self.mode
    }

    /// Returns where the guest sees the folder.
    pub fn guest_path(&self) -> String {
        match (&self.guest_path, &self.scope) {
            (Some(path), _) => path.clone(),
            (None, FileScope::Under(folder)) => {
                let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
                format!("/{}", name.unwrap_or_default())
            }
            (None, FileScope::Any) => "/".to_owned(),
        }
    }

    /// Returns what two rules allow together, where the guest would find it by this one; `None` where that is nothing.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let mut guest_path = self.guest_path.clone();
        let scope = match (&self.scope, &other.scope) {
            (scope, FileScope::Any) => scope.clone(),
            (FileScope::Any, scope) => scope.clone(),
            (FileScope::Under(a), FileScope::Under(b)) if a.starts_with(b) => FileScope::Under(a.clone()),
            (FileScope::Under(a), FileScope::Under(b)) => {
                let below = b.strip_prefix(a).ok()?;
                let inside = self.guest_path();
                guest_path = Some(format!("{}/{}", inside.trim_end_matches('/'), below.display()));
                FileScope::Under(b.clone())
            }
        };
        Some(Self { scope, mode: self.mode.min(other.mode), guest_path })
    }
}

impl fmt::Display for FileRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            FileScope::Any => write!(f, "*:{}", self.mode),
            FileScope::Under(path) => write!(f, "{}:{}", path.display(), self.mode),
        }
    }
}

impl FromStr for FileRule {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (path, mode) = match text.rsplit_once(':') {
            Some((path, "read")) => (path, FileMode::Read),
            Some((path, "write")) => (path, FileMode::Write),
            _ => return Err(RuleError::new(text, "`PATH:read` or `PATH:write` is expected")),
        };
        let scope = match path {
            "*" => FileScope::Any,
            path => FileScope::Under(
                normalised(Path::new(path)).ok_or_else(|| RuleError::new(text, "an absolute path is expected"))?,
            ),
        };
        Ok(Self { scope, mode, guest_path: None })
    }
}

/// Resolves `.` and `..` in an absolute path by its text alone; `None` for a relative one.
pub fn normalised(path: &Path) -> Option<PathBuf> {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result.is_absolute().then_some(result)
}
