// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that a manifest names: workflows of their own, and schemas.

use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use priory_core::Json;
use priory_core::grant::rule::normalised;
use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use super::SCHEMA_BYTES_MAX;
use crate::manifest::MANIFEST_BYTES_MAX;
use crate::problem::Problems;
use crate::wire::{self, At};
use crate::{schema, shape};

/// A file that holds a workflow.
#[derive(Debug)]
pub(crate) struct File {
    /// Where it is, as it is shown to people.
    pub(crate) path: PathBuf,
    /// The absolute folder that it lies in.
    pub(crate) folder: PathBuf,
    /// What it holds.
    pub(crate) text: Arc<str>,
}

impl File {
    /// Reads the file that a workflow names; reports where it cannot be read.
    pub(super) fn load(
        named: &At<String>,
        manifest: &Path,
        folder: &Path,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let absolute = normalised(&folder.join(named.as_str())).filter(|_| !named.is_empty() && !named.contains('\0'));
        let Some(absolute) = absolute else {
            problems.push(named.span(), "a path is expected, relative to the manifest", None);
            return None;
        };
        match bounded(&absolute, MANIFEST_BYTES_MAX as u64) {
            Ok(text) => {
                // It is shown as the manifest is: relative where that is.
                let path = manifest.parent().map_or_else(|| absolute.clone(), |parent| parent.join(named.as_str()));
                let folder = absolute.parent().unwrap_or(&absolute).to_owned();
                Some(Self { path, folder, text: text.into() })
            }
            Err(reason) => {
                let hint = "the file holds what would stand below [workflows.NAME]".to_owned();
                problems.push(named.span(), format!("`{}` cannot be read: {reason}", named.as_str()), Some(hint));
                None
            }
        }
    }

    /// Reads the form of the workflow; problems are those of this file's text.
    pub(super) fn parse(&self, problems: &mut Problems<'_>) -> Option<wire::Workflow> {
        let (mut root, errors) = DeTable::parse_recoverable(&self.text);
        for error in &errors {
            problems.push(error.span().unwrap_or(0..0), error.message().replace('\n', ", "), None);
        }
        if !errors.is_empty() {
            return None;
        }
        shape::prune(&mut root, schema::workflow(), "the workflow", problems);
        match wire::Workflow::deserialize(Deserializer::from(root)) {
            Ok(wire) => Some(wire),
            Err(error) => {
                problems.push(error.span().unwrap_or(0..0), error.message(), None);
                None
            }
        }
    }
}

/// Reads a JSON Schema from a file; reports where it cannot be read.
pub(super) fn json_schema(named: &str, at: Range<usize>, folder: &Path, problems: &mut Problems<'_>) -> Option<Json> {
    let absolute = normalised(&folder.join(named)).filter(|_| !named.is_empty() && !named.contains('\0'));
    let Some(absolute) = absolute else {
        problems.push(at, "a JSON Schema is expected, as a table or as the path of a file", None);
        return None;
    };
    let read = bounded(&absolute, SCHEMA_BYTES_MAX);
    match read.and_then(|text| Json::parse(&text).map_err(|error| error.to_string())) {
        Ok(json) => Some(json),
        Err(reason) => {
            problems.push(at, format!("the schema `{named}` cannot be read: {reason}"), None);
            None
        }
    }
}

/// Reads a text of bounded length, or says why not.
fn bounded(path: &Path, bytes_max: u64) -> Result<String, String> {
    let words = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(words)?;
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(words)?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it is larger than {bytes_max} bytes"));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
}
