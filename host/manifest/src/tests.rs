// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole manifests: good ones, and what is said of bad ones.

mod bad;
mod good;
mod inputs;
mod models;
mod triggers;
mod workflows;

use std::path::Path;

use crate::{Error, Manifest, Problem};

/// Parses a text as if it lay in a folder that no test needs to exist.
fn parse(text: &str) -> Result<Manifest, Error> {
    Manifest::parse(text, Path::new("/srv/brief/priory.toml"))
}

/// Returns the problems of a bad text.
fn problems(text: &str) -> Vec<Problem> {
    match parse(text) {
        Err(Error::Problems { problems, .. }) => problems,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => Vec::new(),
    }
}

/// Writes problems in short: `line:column message (hint)`.
fn short(problems: &[Problem]) -> Vec<String> {
    let one = |p: &Problem| {
        let hint = p.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{} {}{hint}", p.line, p.column, p.message)
    };
    problems.iter().map(one).collect()
}
