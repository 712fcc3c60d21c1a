// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why there is no manifest, or why a run cannot start with it.

use std::path::PathBuf;

use crate::inputs::INPUT_BYTES_MAX;
use crate::manifest::MANIFEST_BYTES_MAX;
use crate::problem::Problem;

/// Why there is no manifest, or why a run cannot start with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or a folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A manifest is too large.
    #[error("{} is larger than {MANIFEST_BYTES_MAX} bytes; split what it describes over several hosts", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// A manifest is not a text.
    #[error("{} is not UTF-8 from byte {valid} on; save it as UTF-8", path.display())]
    NotText {
        /// Which.
        path: PathBuf,
        /// How many bytes are right.
        valid: usize,
    },
    /// A manifest is wrong.
    #[error("{}", self.render(false).trim_end())]
    Problems {
        /// Which.
        path: PathBuf,
        /// All of it.
        text: String,
        /// What is wrong, in the order of the text; at least one.
        problems: Vec<Problem>,
    },
    /// An input was given that the manifest does not declare.
    #[error("there is no input `{name}`{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
    UnknownInput {
        /// Its name.
        name: String,
        /// What may have been meant.
        hint: Option<String>,
    },
    /// An input is missing.
    #[error("input `{name}` is required; give it with --input {name}=…")]
    MissingInput {
        /// Its name.
        name: String,
        /// What it is, in the operator's words; may be empty.
        description: String,
    },
    /// An input is too long.
    #[error(
        "input `{name}` has {bytes} bytes, and {INPUT_BYTES_MAX} are allowed; put it into a file, and give its path"
    )]
    InputTooLong {
        /// Its name.
        name: String,
        /// How long it is.
        bytes: usize,
    },
    /// An input is not a path that can be used.
    #[error("input `{name}` is not a usable path: {reason}")]
    InputPath {
        /// Its name.
        name: String,
        /// Why.
        reason: &'static str,
    },
}

impl Error {
    /// Shows the error to a person: problems with the lines of the text that they are about. Ends in a newline.
    pub fn render(&self, color: bool) -> String {
        match self {
            Self::Problems { path, text, problems } => {
                problems.iter().map(|problem| problem.render(path, text, color)).collect::<Vec<_>>().join("\n")
            }
            other => format!("{other}\n"),
        }
    }
}
