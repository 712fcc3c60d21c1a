// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds passages by their words.
//!
//! A passage is a paragraph, together with the heading in front of it; a long one is cut into pieces. Passages are
//! ranked by BM25 (Robertson and Zaragoza, 2009). Nothing is kept between searches: each reads the files.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};

use priory_language::{for_each_word, is_stop, stem, words};

use crate::error::Error;
use crate::place::Places;
use crate::text::{FILE_BYTES_MAX, load};
use crate::walk::walk;
use crate::wit::exports::priory::files::files::{Findings, Hit, Kind};

/// How long a query may be.
const QUERY_CHARS_MAX: usize = 2_000;
/// How many different words of a query count.
const QUERY_TERMS_MAX: usize = 32;
/// How many passages are returned where the caller does not say.
const RESULTS_DEFAULT: u32 = 10;
/// How many passages are returned at most.
const RESULTS_MAX: u32 = 100;
/// How many files are searched.
const FILES_MAX: usize = 5_000;
/// How many bytes are searched altogether.
const SEARCH_BYTES_MAX: u64 = 8 << 20;
/// How many paths may be left out.
const EXCLUDED_MAX: usize = 1_000;
/// How many words are remembered with their stems.
const KNOWN_MAX: usize = 1_000;
/// How many passages that hold a word of the query are kept for ranking.
const CANDIDATES_MAX: usize = 20_000;
/// How many lines a passage has at most.
const PASSAGE_LINES_MAX: usize = 20;
/// How long an excerpt is.
const EXCERPT_CHARS_MAX: usize = 400;

/// How often a word in a heading counts.
const HEADING_WEIGHT: u32 = 3;
/// How fast repeating a word stops to count.
const K1: f64 = 1.2;
/// How much long passages are held back.
const B: f64 = 0.75;

/// The words that are looked for.
struct Query {
    stems: Vec<String>,
    /// Of each byte, whether one of the stems begins with it.
    beginnings: [bool; 256],
    /// Words that were stemmed already, each with the position of its stem: texts repeat their words, and this is faster.
    known: BTreeMap<String, Option<usize>>,
}

/// A passage that is being read.
#[derive(Default)]
struct Passage<'a> {
    lines: Vec<&'a str>,
    first_line: u32,
    last_line: u32,
    start: usize,
    end: usize,
    /// Whether there is a line that is no heading.
    has_text: bool,
}

impl Passage<'_> {
    fn only_headings(&self) -> bool {
        !self.has_text
    }
}

/// A passage that holds some of them.
struct Candidate {
    /// The position of its file in the corpus.
    file: usize,
    first_line: u32,
    last_line: u32,
    /// Where in its file it stands, in bytes.
    range: Range<usize>,
    length: u32,
    counts: Vec<u32>,
}

/// What was learnt of all passages.
struct Corpus {
    passages: u64,
    words: u64,
    /// Of each word of the query, in how many passages it is.
    passages_with: Vec<u64>,
    candidates: Vec<Candidate>,
    /// The names and texts of files that hold candidates.
    files: Vec<(String, String)>,
    complete: bool,
}

/// Finds the passages that fit a query best.
pub(crate) fn search(
    places: &Places,
    query: &str,
    folder: Option<&str>,
    max_results: Option<u32>,
    exclude: &[String],
) -> Result<Findings, Error> {
    let mut query = Query::new(query)?;
    if exclude.len() > EXCLUDED_MAX {
        return Err(Error::Invalid(format!("exclude holds more than {EXCLUDED_MAX} paths")));
    }
    let excluded: BTreeSet<_> =
        exclude.iter().map(|path| places.find(path).map(|p| p.shown)).collect::<Result<_, _>>()?;
    let mut corpus = Corpus::new(&query);
    let (mut searched, mut skipped, mut bytes_left) = (0u32, 0u32, SEARCH_BYTES_MAX);
    let whole_walk = walk(&places.roots(folder)?, true, &mut |found| {
        if found.kind != Kind::File || excluded.contains(&found.place.shown) {
            return ControlFlow::Continue(());
        }
        if bytes_left == 0 || usize::try_from(searched + skipped).is_ok_and(|files| files >= FILES_MAX) {
            corpus.complete = false;
            return ControlFlow::Break(());
        }
        match load(&found.place, FILE_BYTES_MAX.min(bytes_left)) {
            Ok(text) => {
                searched += 1;
                bytes_left = bytes_left.saturating_sub(text.text.len() as u64);
                corpus.complete &= text.complete;
                corpus.add(&mut query, found.place.shown, text.text);
            }
            Err(_) => skipped += 1,
        }
        ControlFlow::Continue(())
    })?;
    let complete = corpus.complete && whole_walk;
    let most = usize::try_from(max_results.unwrap_or(RESULTS_DEFAULT).min(RESULTS_MAX)).unwrap_or(usize::MAX);
    Ok(Findings { hits: corpus.ranked(most), files_searched: searched, files_skipped: skipped, complete })
}

impl Query {
    /// Reads a query. Words that say nothing count only where there are no others.
    fn new(text: &str) -> Result<Self, Error> {
        if text.chars().count() > QUERY_CHARS_MAX {
            return Err(Error::Invalid(format!("query is longer than {QUERY_CHARS_MAX} characters")));
        }
        let all = words(text);
        let telling: Vec<&String> = all.iter().filter(|word| !is_stop(word)).collect();
        let chosen = if telling.is_empty() { all.iter().collect() } else { telling };
        let mut stems = Vec::new();
        for word in chosen {
            let stem = stem(word);
            if !stems.contains(&stem) && stems.len() < QUERY_TERMS_MAX {
                stems.push(stem);
            }
        }
        if stems.is_empty() {
            return Err(Error::Invalid("query holds no word".to_owned()));
        }
        let mut beginnings = [false; 256];
        for byte in stems.iter().filter_map(|stem| stem.bytes().next()) {
            if let Some(slot) = beginnings.get_mut(usize::from(byte)) {
                *slot = true;
            }
        }
        Ok(Self { stems, beginnings, known: BTreeMap::new() })
    }

    /// Returns the position of a word in the query.
    fn position(&mut self, word: &str) -> Option<usize> {
        // Stemming changes nothing in the first two letters, and most words differ there from all that are wanted.
        let first = word.bytes().next().unwrap_or_default();
        if self.beginnings.get(usize::from(first)) != Some(&true) {
            return None;
        }
        let head = word.as_bytes().get(..2).unwrap_or(word.as_bytes());
        if !self.stems.iter().any(|stem| stem.as_bytes().starts_with(head)) {
            return None;
        }
        if let Some(position) = self.known.get(word) {
            return *position;
        }
        let stemmed = stem(word);
        let position = self.stems.iter().position(|stem| *stem == stemmed);
        if self.known.len() < KNOWN_MAX {
            self.known.insert(word.to_owned(), position);
        }
        position
    }
}

impl Corpus {
    fn new(query: &Query) -> Self {
        let passages_with = vec![0; query.stems.len()];
        let (candidates, files) = (Vec::new(), Vec::new());
        Self { passages: 0, words: 0, passages_with, candidates, files, complete: true }
    }

    /// Adds the passages of a file.
    fn add(&mut self, query: &mut Query, name: String, text: String) {
        let before = self.candidates.len();
        let mut passage = Passage::default();
        let mut end = 0;
        for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
            end += line.len();
            let is_blank = line.bytes().all(|byte| byte.is_ascii_whitespace());
            let is_heading = line.starts_with('#');
            if ((is_blank || is_heading) && !passage.only_headings()) || passage.lines.len() >= PASSAGE_LINES_MAX {
                self.add_passage(query, &passage);
                passage = Passage::default();
            }
            if !is_blank {
                passage.start = if passage.lines.is_empty() { end - line.len() } else { passage.start };
                passage.first_line = if passage.lines.is_empty() { number } else { passage.first_line };
                passage.last_line = number;
                passage.end = end;
                passage.has_text |= !is_heading;
                passage.lines.push(line);
            }
        }
        self.add_passage(query, &passage);
        if self.candidates.len() > before {
            self.files.push((name, text));
        }
    }

    fn add_passage(&mut self, query: &mut Query, passage: &Passage<'_>) {
        if passage.lines.is_empty() {
            return;
        }
        let (mut length, mut matched) = (0u32, 0u32);
        let mut counts = [0u32; QUERY_TERMS_MAX];
        for line in &passage.lines {
            let weight = if line.starts_with('#') { HEADING_WEIGHT } else { 1 };
            for_each_word(line, |word| {
                length += 1;
                if let Some(count) = query.position(word).and_then(|position| counts.get_mut(position)) {
                    *count += weight;
                    matched += 1;
                }
            });
        }
        self.passages += 1;
        self.words += u64::from(length);
        if matched == 0 {
            return;
        }
        let counts: Vec<u32> = counts.into_iter().take(query.stems.len()).collect();
        for (with, count) in self.passages_with.iter_mut().zip(&counts) {
            *with += u64::from(*count > 0);
        }
        if self.candidates.len() == CANDIDATES_MAX {
            self.complete = false;
            return;
        }
        let Passage { first_line, last_line, start, end, .. } = *passage;
        let file = self.files.len();
        self.candidates.push(Candidate { file, first_line, last_line, range: start..end, length, counts });
    }

    /// Returns the best passages, best first; those that are equally good by path and line.
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn ranked(mut self, most: usize) -> Vec<Hit> {
        let total = self.passages as f64;
        let average = self.words as f64 / total.max(1.0);
        let weights: Vec<f64> = self
            .passages_with
            .iter()
            .map(|with| ((total - *with as f64 + 0.5) / (*with as f64 + 0.5) + 1.0).ln())
            .collect();
        let score = |candidate: &Candidate| -> f64 {
            let held_back = K1 * (1.0 - B + B * f64::from(candidate.length) / average.max(1.0));
            let term = |(weight, count): (&f64, &u32)| {
                let count = f64::from(*count);
                weight * count * (K1 + 1.0) / (count + held_back)
            };
            weights.iter().zip(&candidate.counts).map(term).sum()
        };
        let mut scored: Vec<(f64, Candidate)> =
            std::mem::take(&mut self.candidates).into_iter().map(|c| (score(&c), c)).collect();
        let file = |candidate: &Candidate| self.files.get(candidate.file);
        scored.sort_by(|(a, left), (b, right)| {
            let by_place = || {
                let name = |candidate| file(candidate).map(|(name, _)| name);
                (name(left), left.first_line).cmp(&(name(right), right.first_line))
            };
            b.total_cmp(a).then_with(by_place)
        });
        scored.truncate(most);
        let hit = |(score, c): (f64, Candidate)| {
            let (path, text) = file(&c)?;
            let excerpt = excerpt(text.get(c.range.clone()).unwrap_or_default());
            Some(Hit { path: path.clone(), first_line: c.first_line, last_line: c.last_line, score, excerpt })
        };
        scored.into_iter().filter_map(hit).collect()
    }
}

/// Returns the beginning of a passage on one line.
fn excerpt(passage: &str) -> String {
    let mut text = String::new();
    let mut left = EXCERPT_CHARS_MAX;
    for word in passage.split_whitespace() {
        if !text.is_empty() && left > 0 {
            text.push(' ');
            left -= 1;
        }
        let part: String = word.chars().take(left).collect();
        left -= part.chars().count();
        text.push_str(&part);
        if left == 0 {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests;
