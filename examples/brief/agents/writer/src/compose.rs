// SPDX-License-Identifier: MIT OR Apache-2.0
//! Chooses sentences and puts them in order.

use std::collections::{BTreeMap, BTreeSet};

use priory_language::{terms, words};
use serde::{Deserialize, Serialize};

/// How many words a sentence has at least; fewer say little.
const WORDS_MIN: usize = 5;
/// How many words a sentence has at most; more are hard to read.
const WORDS_MAX: usize = 45;
/// How many sentences answer in short.
const SHORT_MAX: usize = 3;
/// How many files have a section of their own.
const SECTIONS_MAX: usize = 5;
/// How many sentences a section has at most.
const SECTION_SENTENCES_MAX: usize = 4;
/// How good a sentence must be, compared to the best, to be used at all.
const WORTH_MIN: f64 = 0.4;
/// How much a word of the question counts that is in the title, compared to one in the sentence.
const TITLE_WEIGHT: f64 = 0.4;
/// Two sentences that share more of their words than this say the same.
const OVERLAP_MAX: f64 = 0.5;
/// What the first section is called.
pub(crate) const SHORT_HEADING: &str = "In short";

/// A sentence that could be used.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) text: String,
    pub(crate) path: String,
    /// The title of its file.
    pub(crate) title: String,
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
    /// How central it is to its passage, from 0 to 1.
    pub(crate) centrality: f64,
    /// How well its passage fits the question, from 0 to 1.
    pub(crate) passage_score: f64,
}

/// A part of the brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) sentences: Vec<Quoted>,
}

/// A sentence with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Quoted {
    pub(crate) text: String,
    pub(crate) path: String,
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
}

/// A candidate with what it is worth and which words it is about.
struct Weighed {
    candidate: Candidate,
    terms: BTreeSet<String>,
    worth: f64,
}

/// Composes a brief of the sentences that answer a question best, without those that were refused.
pub(crate) fn composed(question: &str, candidates: Vec<Candidate>, refused: &str) -> Vec<Section> {
    let asked = rarities(question, &candidates);
    let mut weighed: Vec<Weighed> = candidates
        .into_iter()
        .filter(|candidate| is_quotable(&candidate.text) && !is_refused(&candidate.text, refused))
        .map(|candidate| weigh(candidate, &asked))
        .collect();
    weighed.sort_by(|a, b| {
        let place = |w: &Weighed| (w.candidate.path.clone(), w.candidate.first_line);
        b.worth.total_cmp(&a.worth).then_with(|| place(a).cmp(&place(b)))
    });
    let best = weighed.first().map_or(0.0, |first| first.worth);
    weighed.retain(|one| one.worth >= WORTH_MIN * best);
    let distinct = without_repetition(weighed);
    arranged(distinct)
}

/// Takes what was refused out of a draft, and whatever follows it in its source and may lean on it.
pub(crate) fn mended(draft: Vec<Section>, refused: &str) -> Vec<Section> {
    let mut sections = draft;
    for section in &mut sections {
        let mut dropped: Option<Quoted> = None;
        section.sentences.retain(|sentence| {
            let leans = dropped.as_ref().is_some_and(|before| {
                before.path == sentence.path && sentence.first_line <= before.last_line.saturating_add(1)
            });
            let drop = leans || is_refused(&sentence.text, refused);
            dropped = drop.then(|| sentence.clone());
            !drop
        });
    }
    sections.retain(|section| !section.sentences.is_empty());
    sections
}

/// Returns all that is said, without sources.
pub(crate) fn text(sections: &[Section]) -> String {
    let sentences = sections.iter().flat_map(|section| &section.sentences);
    sentences.map(|sentence| sentence.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// Returns the files that sentences are from, in order of appearance.
pub(crate) fn sources(sections: &[Section]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for sentence in sections.iter().flat_map(|section| &section.sentences) {
        if !paths.contains(&sentence.path) {
            paths.push(sentence.path.clone());
        }
    }
    paths
}

/// Tells whether a sentence can stand in a brief: a whole one, neither tiny nor endless.
fn is_quotable(text: &str) -> bool {
    let length = words(text).len();
    let begins = text.chars().find(|c| c.is_alphanumeric()).is_some_and(|c| !c.is_lowercase());
    let ends = text.trim_end_matches(['"', '\'', ')', '\u{201d}', '\u{2019}']).ends_with(['.', '!', '。', '！']);
    (WORDS_MIN..=WORDS_MAX).contains(&length) && begins && ends
}

/// Tells whether the feedback names a sentence.
fn is_refused(text: &str, refused: &str) -> bool {
    !text.is_empty() && refused.contains(text)
}

/// Returns the telling words of a question, each with how much it tells: the rarer among the sentences, the more.
///
/// Together they tell 1.
#[allow(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 sentences")]
fn rarities(question: &str, candidates: &[Candidate]) -> BTreeMap<String, f64> {
    let sets: Vec<BTreeSet<String>> = candidates.iter().map(|c| terms(&c.text).into_iter().collect()).collect();
    let rarity = |term: &String| {
        let with = sets.iter().filter(|set| set.contains(term)).count();
        (1.0 + sets.len() as f64 / (with as f64 + 1.0)).ln()
    };
    let mut asked: BTreeMap<String, f64> = terms(question).into_iter().map(|t| (t, 0.0)).collect();
    asked.iter_mut().for_each(|(term, weight)| *weight = rarity(term));
    let total: f64 = asked.values().sum();
    asked.values_mut().for_each(|weight| *weight /= total);
    asked
}

/// Tells what a sentence is worth: what it has in common with the question, itself or by the title above it, where it was
/// found, and how central it is there.
fn weigh(candidate: Candidate, asked: &BTreeMap<String, f64>) -> Weighed {
    let terms: BTreeSet<String> = terms(&candidate.text).into_iter().collect();
    let title: BTreeSet<String> = priory_language::terms(&candidate.title).into_iter().collect();
    let relevance: f64 = asked
        .iter()
        .map(|(term, weight)| {
            let in_sentence = if terms.contains(term) { 1.0 } else { 0.0 };
            let in_title = if title.contains(term) { TITLE_WEIGHT } else { 0.0 };
            weight * (in_sentence + in_title)
        })
        .sum();
    let worth = 0.45 * relevance + 0.15 * candidate.centrality + 0.4 * candidate.passage_score;
    Weighed { candidate, terms, worth }
}

/// Leaves out sentences that say what a better one says already.
fn without_repetition(weighed: Vec<Weighed>) -> Vec<Weighed> {
    let most = SHORT_MAX + SECTIONS_MAX * SECTION_SENTENCES_MAX * 2;
    let mut kept: Vec<Weighed> = Vec::new();
    for one in weighed {
        if kept.len() == most {
            break;
        }
        if !kept.iter().any(|better| overlap(&better.terms, &one.terms) > OVERLAP_MAX) {
            kept.push(one);
        }
    }
    kept
}

/// Returns the share of the words of two sentences that both have.
#[allow(clippy::cast_precision_loss, reason = "sentences are far shorter than 2^52 words")]
fn overlap(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let shared = a.intersection(b).count();
    shared as f64 / (a.len() + b.len() - shared).max(1) as f64
}

/// Puts sentences, best first, into sections: a short answer, then one section a file, in the order in which their best
/// passages fit the question.
fn arranged(weighed: Vec<Weighed>) -> Vec<Section> {
    let mut files: Vec<(f64, String)> = Vec::new();
    for Weighed { candidate, .. } in &weighed {
        match files.iter_mut().find(|(_, path)| *path == candidate.path) {
            Some((score, _)) => *score = score.max(candidate.passage_score),
            None => files.push((candidate.passage_score, candidate.path.clone())),
        }
    }
    files.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let mut left: Vec<Candidate> = weighed.into_iter().map(|one| one.candidate).collect();
    let short: Vec<Candidate> = left.drain(..SHORT_MAX.min(left.len())).collect();
    let mut sections = vec![Section { heading: SHORT_HEADING.to_owned(), sentences: quoted(short) }];
    for (_, path) in files {
        let mut of_file: Vec<Candidate> = left.iter().filter(|candidate| candidate.path == path).cloned().collect();
        of_file.truncate(SECTION_SENTENCES_MAX);
        of_file.sort_by_key(|candidate| (candidate.first_line, candidate.last_line));
        let heading = of_file.first().map(|candidate| candidate.title.clone()).unwrap_or_default();
        sections.push(Section { heading, sentences: quoted(of_file) });
    }
    sections.retain(|section| !section.sentences.is_empty());
    sections.truncate(SECTIONS_MAX + 1);
    sections
}

fn quoted(candidates: Vec<Candidate>) -> Vec<Quoted> {
    let quote = |c: Candidate| Quoted { text: c.text, path: c.path, first_line: c.first_line, last_line: c.last_line };
    candidates.into_iter().map(quote).collect()
}

#[cfg(test)]
mod tests;
