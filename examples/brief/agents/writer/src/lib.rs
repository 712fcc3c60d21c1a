// SPDX-License-Identifier: MIT OR Apache-2.0
//! The writer: composes a brief of sentences that are quoted from their sources.
//!
//! It never writes a sentence of its own. Which sentences are central to their passages, it asks the text tools; which
//! of them bear on the question, it decides itself. A sentence that the feedback names is not used again.

mod compose;
mod render;

use priory_sdk::{Failure, Report, Task, join_all, log, tools};
use serde::{Deserialize, Serialize};

use compose::{Candidate, Section};

priory_sdk::ceiling!(["tool=text.summarise", "tool=text.keywords", "log"]);
priory_sdk::agent!(run);

/// How many sentences of one passage are looked at.
const SENTENCES_MAX: u32 = 40;
/// How many keywords are shown.
const KEYWORDS_MAX: u32 = 6;

/// What the writer is asked.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Input {
    question: String,
    /// What the brief may be made of, best first.
    passages: Vec<Passage>,
    /// A draft that is only to be mended: what the feedback names falls away, and nothing is added.
    #[serde(default)]
    draft: Option<Vec<Section>>,
    /// Why earlier drafts were refused, where the caller collects that itself.
    #[serde(default)]
    feedback: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Passage {
    path: String,
    title: String,
    first_line: u32,
    score: f64,
    text: String,
}

/// What it answers.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Output {
    sections: Vec<Section>,
    markdown: String,
    /// How many sentences there are.
    sentences: usize,
    /// The files that they are from, in order of appearance.
    sources: Vec<String>,
}

#[derive(Serialize)]
struct Summarise<'a> {
    text: &'a str,
    sentences: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RankedSentence {
    text: String,
    first_line: u32,
    last_line: u32,
    score: f64,
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
    let Input { question, passages, draft, feedback } = task.input;
    let refused = task.feedback.or(feedback).unwrap_or_default();
    let sections = match draft {
        Some(draft) => compose::mended(draft, &refused),
        None => compose::composed(&question, candidates(&passages)?, &refused),
    };
    if sections.is_empty() {
        let reason = "no sentence of the passages can be quoted";
        return Err(Failure::unavailable(format!("a brief about {question:?}"), reason));
    }
    let text = compose::text(&sections);
    let keywords: Vec<Keyword> = tools::call("text.keywords", &Keywords { text: &text, max: KEYWORDS_MAX })?;
    let keywords: Vec<String> = keywords.into_iter().map(|keyword| keyword.phrase).collect();
    let markdown = render::markdown(&question, &keywords, &sections);
    let sources = compose::sources(&sections);
    let sentences = sections.iter().map(|section| section.sentences.len()).sum();
    let summary = format!("Composed {sentences} sentences from {} files.", sources.len());
    log::info(&summary);
    Ok(Report::new(Output { sections, markdown, sentences, sources }, summary))
}

/// Has every passage summarised, all at once, and returns their sentences.
fn candidates(passages: &[Passage]) -> Result<Vec<Candidate>, Failure> {
    let started: Vec<_> = passages
        .iter()
        .map(|passage| tools::start("text.summarise", &Summarise { text: &passage.text, sentences: SENTENCES_MAX }))
        .collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for (passage, sentences) in passages.iter().zip(join_all::<Vec<RankedSentence>>(started)) {
        let before = passage.first_line.saturating_sub(1);
        found.extend(sentences?.into_iter().map(|sentence| Candidate {
            text: sentence.text,
            path: passage.path.clone(),
            title: passage.title.clone(),
            first_line: before.saturating_add(sentence.first_line),
            last_line: before.saturating_add(sentence.last_line),
            centrality: sentence.score,
            passage_score: passage.score,
        }));
    }
    Ok(found)
}
