// SPDX-License-Identifier: MIT OR Apache-2.0
//! The researcher: finds the passages of a folder that bear on a question.
//!
//! It searches twice. What the first search finds names things that the question does not, such as the cluster in which
//! bees spend the winter; the second searches for those, all at once. Then it reads what it found, all at once again.

mod rank;

use std::collections::{BTreeMap, BTreeSet};

use priory_sdk::{Failure, Report, Task, join_all, log, tools};
use serde::{Deserialize, Serialize};

use rank::{Hit, PASSAGES_MAX};

priory_sdk::ceiling!(["tool=files.search", "tool=files.read", "tool=text.keywords", "log"]);
priory_sdk::agent!(run);

/// How many passages each search returns.
const RESULTS_MAX: u32 = 30;
/// How many passages of the first search tell what else to search for.
const LEADS_MAX: usize = 6;
/// How many phrases the passages found first are asked for.
const KEYWORDS_MAX: u32 = 12;
/// How many of them are searched for besides the question.
const PHRASES_MAX: usize = 4;
/// How many lines at the beginning of a file may hold its title.
const TITLE_LINES_MAX: u32 = 10;

/// What the researcher is asked.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Input {
    question: String,
    /// Files to leave out.
    #[serde(default)]
    exclude: Vec<String>,
}

/// What it answers.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Output {
    /// The best passages, best first.
    passages: Vec<Passage>,
    files_searched: u32,
    files_skipped: u32,
    complete: bool,
}

/// Consecutive lines of a file.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Passage {
    path: String,
    /// The title of the file.
    title: String,
    first_line: u32,
    /// From 0 to 1; the best passage has 1.
    score: f64,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Search<'a> {
    query: &'a str,
    folder: Option<&'a str>,
    max_results: u32,
    exclude: &'a [String],
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Findings {
    hits: Vec<Hit>,
    files_searched: u32,
    files_skipped: u32,
    complete: bool,
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
struct Keywords<'a> {
    text: &'a str,
    max: u32,
}

#[derive(Deserialize)]
struct Keyword {
    phrase: String,
}

fn run(task: Task<Input>) -> Result<Report<Output>, Failure> {
    let Input { question, exclude } = task.input;
    let search = |query: &str| {
        tools::start("files.search", &Search { query, folder: None, max_results: RESULTS_MAX, exclude: &exclude })
    };
    let first: Findings = search(&question)?.wait()?;
    let leads: Vec<&str> = first.hits.iter().take(LEADS_MAX).map(|hit| hit.excerpt.as_str()).collect();
    let phrases = rank::new_phrases(&question, keywords(&leads.join("\n\n"))?, PHRASES_MAX);
    log::info(format!("{} passages hold words of the question; also searching for {phrases:?}", first.hits.len()));

    let started: Vec<_> = phrases.iter().map(|phrase| search(phrase)).collect::<Result<_, _>>()?;
    let further: Vec<Findings> = join_all(started).into_iter().collect::<Result<_, _>>()?;
    let further: Vec<Vec<Hit>> = further.into_iter().map(|findings| findings.hits).collect();
    let hits = rank::merge(first.hits, further);

    let passages = read(hits)?;
    let summary = format!("Found {} passages in {} files.", passages.len(), first.files_searched);
    let (files_searched, files_skipped, complete) = (first.files_searched, first.files_skipped, first.complete);
    Ok(Report::new(Output { passages, files_searched, files_skipped, complete }, summary))
}

/// Returns the phrases that the passages found so far are about.
fn keywords(text: &str) -> Result<Vec<String>, Failure> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<Keyword> = tools::call("text.keywords", &Keywords { text, max: KEYWORDS_MAX })?;
    Ok(found.into_iter().map(|keyword| keyword.phrase).collect())
}

/// Reads the passages, and the titles of their files.
///
/// A file that went away since it was found is left out.
fn read(hits: Vec<(Hit, f64)>) -> Result<Vec<Passage>, Failure> {
    let part =
        |path: &str, first_line, line_count| tools::start::<Part>("files.read", &Read { path, first_line, line_count });
    let paths: BTreeSet<String> = hits.iter().map(|(hit, _)| hit.path.clone()).collect();
    let heads: Vec<_> = paths.iter().map(|path| part(path, 1, TITLE_LINES_MAX)).collect::<Result<_, _>>()?;
    let bodies: Vec<_> = hits
        .iter()
        .map(|(hit, _)| part(&hit.path, hit.first_line, hit.last_line.saturating_sub(hit.first_line).saturating_add(1)))
        .collect::<Result<_, _>>()?;
    let mut titles = BTreeMap::new();
    for (path, head) in paths.into_iter().zip(join_all(heads)) {
        let title = rank::title(&path, head.as_ref().map(|part| part.text.as_str()).unwrap_or_default());
        titles.insert(path, title);
    }
    let mut passages = Vec::with_capacity(PASSAGES_MAX);
    for ((hit, score), body) in hits.into_iter().zip(join_all(bodies)) {
        match body {
            Ok(Part { text }) => {
                let title = titles.get(&hit.path).cloned().unwrap_or_default();
                passages.push(Passage { path: hit.path, title, first_line: hit.first_line, score, text });
            }
            Err(failure) if failure.data::<serde::de::IgnoredAny>().is_some() => {
                log::warn(format!("left out {}: {failure}", hit.path));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(passages)
}
