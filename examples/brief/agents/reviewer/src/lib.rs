// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reviewer: checks every sentence of a brief against the source that it names.
//!
//! It trusts nobody: it gets the Markdown that people will read, takes it apart again, and reads every source itself.

mod draft;
mod judge;

use std::collections::BTreeMap;

use priory_sdk::{Failure, Report, Task, join_all, log, tools};
use serde::{Deserialize, Serialize};

use draft::{Citation, Statement};

priory_sdk::ceiling!(["tool=files.read", "tool=text.similarity", "log"]);
priory_sdk::agent!(run);

/// How similar two sentences may be, from 0 to 1.
const SIMILARITY_MAX: f64 = 0.75;

/// What the reviewer is asked.
#[derive(Deserialize)]
struct Input {
    /// The brief.
    markdown: String,
}

/// What it answers.
#[derive(Serialize)]
struct Output {
    accepted: bool,
    /// Why not; each reason quotes the sentence that it is about.
    reasons: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Read<'a> {
    path: &'a str,
    first_line: u32,
    line_count: u32,
}

#[derive(Deserialize)]
struct Part {
    text: String,
}

#[derive(Serialize)]
struct Similarity<'a> {
    a: &'a str,
    b: &'a str,
}

fn run(task: Task<Input>) -> Result<Report<Output>, Failure> {
    let statements = draft::statements(&task.input.markdown);
    let mut reasons = Vec::new();
    if statements.is_empty() {
        reasons.push("the brief says nothing".to_owned());
    }
    let sources = read(&statements)?;
    for (position, statement) in statements.iter().enumerate() {
        let before = position.checked_sub(1).and_then(|before| statements.get(before));
        if let Some(reason) = judge::reason(statement, before, &sources) {
            reasons.push(format!("{statement}: {reason}"));
        }
    }
    reasons.extend(repetitions(&statements)?);
    let accepted = reasons.is_empty();
    let count = statements.len();
    let summary = if accepted {
        format!("Accepted {count} sentences, each found in its source.")
    } else {
        format!("Refused a brief of {count} sentences for {} reasons.", reasons.len())
    };
    log::info(&summary);
    Ok(Report::new(Output { accepted, reasons }, summary))
}

/// Reads the lines that are cited, all at once. What cannot be read is not in the result.
fn read(statements: &[Statement]) -> Result<BTreeMap<Citation, String>, Failure> {
    let mut cited: Vec<Citation> = statements.iter().filter_map(|statement| statement.citation.clone()).collect();
    cited.sort();
    cited.dedup();
    let started: Vec<_> = cited
        .iter()
        .map(|Citation { path, first_line, last_line }| {
            let line_count = last_line.saturating_sub(*first_line).saturating_add(1);
            tools::start::<Part>("files.read", &Read { path, first_line: *first_line, line_count })
        })
        .collect::<Result<_, _>>()?;
    let mut sources = BTreeMap::new();
    for (citation, part) in cited.into_iter().zip(join_all(started)) {
        match part {
            Ok(Part { text }) => drop(sources.insert(citation, text)),
            // The tool itself said no: there is no such file, so the citation is wrong.
            Err(failure) if failure.data::<serde::de::IgnoredAny>().is_some() => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(sources)
}

/// Says which sentences repeat an earlier one. Only pairs that share many words are compared by the tool.
fn repetitions(statements: &[Statement]) -> Result<Vec<String>, Failure> {
    let pairs = judge::suspects(statements);
    let started: Vec<_> = pairs
        .iter()
        .map(|(a, b)| tools::start::<f64>("text.similarity", &Similarity { a: &a.text, b: &b.text }))
        .collect::<Result<_, _>>()?;
    let mut reasons = Vec::new();
    for ((first, second), similarity) in pairs.into_iter().zip(join_all(started)) {
        if similarity? > SIMILARITY_MAX {
            reasons.push(format!("{second}: it repeats what the brief says in {}", first.place()));
        }
    }
    Ok(reasons)
}
