// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the phrases that tell what a text is about.
//!
//! Words that stand near each other are connected and ranked as in TextRank. A phrase is a word, or a run of telling words
//! that stands there at least twice; it is worth what its words are worth, times the logarithm of how often it is there.

use std::collections::BTreeMap;

use priory_language::{BlockKind, blocks, is_stop, plain, stem, words};

use crate::rank::{Graph, scaled};
use crate::wit::exports::priory::text::text::Keyword;

/// How many words a phrase has at most.
const PHRASE_WORDS_MAX: usize = 3;
/// How many different words of a text are ranked.
const WORDS_MAX: usize = 2_000;
/// How many different phrases of a text are kept.
const PHRASES_MAX: usize = 20_000;
/// How many letters a word of a phrase has at least.
const WORD_CHARS_MIN: usize = 3;

/// A run of telling words.
struct Phrase {
    text: String,
    stems: Vec<usize>,
    count: u32,
}

/// Returns the phrases that tell most, best first.
pub(crate) fn keywords(text: &str, most: u32) -> Vec<Keyword> {
    let mut numbers = BTreeMap::new();
    let mut phrases: BTreeMap<Vec<usize>, Phrase> = BTreeMap::new();
    let mut sequences = Vec::new();
    for run in runs(text) {
        let mut sequence = Vec::new();
        for word in &run {
            let next = numbers.len();
            if next < WORDS_MAX {
                sequence.push(*numbers.entry(stem(word)).or_insert(next));
            } else if let Some(known) = numbers.get(&stem(word)) {
                sequence.push(*known);
            }
        }
        if sequence.len() == run.len() {
            note(&run, &sequence, &mut phrases);
        }
        sequences.push(sequence);
    }
    let mut graph = Graph::new(numbers.len());
    for sequence in &sequences {
        for (at, a) in sequence.iter().enumerate() {
            for b in sequence.iter().skip(at + 1).take(2) {
                graph.connect(*a, *b, 1.0);
            }
        }
    }
    best(phrases, &graph.ranks(), most)
}

/// Returns the runs of telling words of the prose and the headings of a text.
fn runs(text: &str) -> Vec<Vec<String>> {
    let mut runs = vec![Vec::new()];
    for block in blocks(text).iter().filter(|block| block.kind != BlockKind::Other) {
        let joined = plain(&block.lines.join(" "));
        for clause in joined.split(|c: char| c.is_ascii_punctuation() && !matches!(c, '-' | '\'')) {
            for word in words(clause) {
                let tells = !is_stop(&word)
                    && word.chars().count() >= WORD_CHARS_MIN
                    && !word.bytes().all(|byte| byte.is_ascii_digit());
                match runs.last_mut() {
                    Some(run) if tells => run.push(word),
                    _ => runs.push(Vec::new()),
                }
            }
            runs.push(Vec::new());
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// Counts every phrase in a run.
fn note(run: &[String], sequence: &[usize], phrases: &mut BTreeMap<Vec<usize>, Phrase>) {
    for length in 1..=PHRASE_WORDS_MAX.min(run.len()) {
        for (words, stems) in run.windows(length).zip(sequence.windows(length)) {
            if phrases.len() < PHRASES_MAX || phrases.contains_key(stems) {
                let new = || Phrase { text: words.join(" "), stems: stems.to_vec(), count: 0 };
                phrases.entry(stems.to_vec()).or_insert_with(new).count += 1;
            }
        }
    }
}

/// Weighs the phrases and returns the best.
fn best(phrases: BTreeMap<Vec<usize>, Phrase>, ranks: &[f64], most: u32) -> Vec<Keyword> {
    let value = |phrase: &Phrase| {
        let sum: f64 = phrase.stems.iter().filter_map(|stem| ranks.get(*stem)).sum();
        sum * (1.0 + f64::from(phrase.count)).ln()
    };
    let phrases = phrases.into_values().filter(|phrase| phrase.stems.len() == 1 || phrase.count > 1);
    let (values, phrases): (Vec<f64>, Vec<Phrase>) = phrases.map(|phrase| (value(&phrase), phrase)).unzip();
    let mut scored: Vec<(f64, Phrase)> = scaled(values).into_iter().zip(phrases).collect();
    scored.sort_by(|(x, a), (y, b)| y.total_cmp(x).then_with(|| a.text.cmp(&b.text)));
    let mut chosen: Vec<(f64, Phrase)> = Vec::new();
    for (score, phrase) in scored {
        if chosen.len() == usize::try_from(most).unwrap_or(usize::MAX) {
            break;
        }
        // A phrase that shares a word with a better one says little that is new.
        let is_new = !chosen.iter().any(|(_, better)| phrase.stems.iter().any(|stem| better.stems.contains(stem)));
        if is_new {
            chosen.push((score, phrase));
        }
    }
    chosen.into_iter().map(|(score, p)| Keyword { phrase: p.text, score, count: p.count }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, most: u32, expect: &[(&str, u32)]) {
        let found = keywords(text, most);
        let found: Vec<_> = found.iter().map(|keyword| (keyword.phrase.as_str(), keyword.count)).collect();
        assert_eq!(found, expect);
    }

    const TEXT: &str = "# Winter cluster\n\nThe winter cluster keeps the queen warm. A winter cluster eats honey, \
        and the winter clusters of weak colonies starve. Tea is served.";

    #[test]
    fn the_phrase_that_is_repeated_and_connected_comes_first() {
        check(TEXT, 1, &[("winter cluster", 4)]);
        assert_eq!(keywords(TEXT, 1)[0].score, 1.0);
    }

    #[test]
    fn phrases_that_share_a_word_with_a_better_one_are_left_out() {
        let found = keywords(TEXT, 50);
        assert!(found.len() > 3);
        assert_eq!(found.iter().filter(|keyword| keyword.phrase.contains("winter")).count(), 1);
        assert!(found.iter().any(|keyword| keyword.phrase == "honey" && keyword.count == 1));
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
    }

    #[test]
    fn what_says_nothing_has_no_keywords() {
        check("", 5, &[]);
        check("It is 42 of the 7 at 12.", 5, &[]);
        check(TEXT, 0, &[]);
    }
}
