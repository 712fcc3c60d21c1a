// SPDX-License-Identifier: MIT OR Apache-2.0
//! Decides whether a sentence may stand in a brief.

use std::collections::{BTreeMap, BTreeSet};

use priory_language::{plain, terms, words};

use crate::draft::{Citation, Statement};

/// How many lines a citation may span; more would not help anybody to find the sentence.
const CITED_LINES_MAX: u32 = 20;
/// Sentences that share a greater part of their telling words are compared closely.
const SUSPICION_MIN: f64 = 0.4;
/// How many pairs are compared closely.
const SUSPECTS_MAX: usize = 100;

/// Words at the beginning of a sentence that point at the one before, sorted.
const POINTERS: [&str; 31] = [
    "accordingly",
    "additionally",
    "also",
    "although",
    "and",
    "another",
    "because",
    "besides",
    "both",
    "but",
    "consequently",
    "finally",
    "furthermore",
    "he",
    "hence",
    "however",
    "instead",
    "it",
    "its",
    "moreover",
    "nevertheless",
    "she",
    "so",
    "such",
    "that",
    "their",
    "therefore",
    "these",
    "they",
    "this",
    "those",
];

/// Words that do so in the second place as well, as in "without it".
const PRONOUNS: [&str; 6] = ["it", "them", "these", "they", "this", "those"];

/// Returns why a sentence may not stand there; `None` when it may.
pub(crate) fn reason(
    statement: &Statement,
    before: Option<&Statement>,
    sources: &BTreeMap<Citation, String>,
) -> Option<String> {
    let Some(citation) = &statement.citation else {
        return Some("it does not end with its source as `[path:first-last]`".to_owned());
    };
    if citation.last_line - citation.first_line >= CITED_LINES_MAX {
        return Some(format!("it cites more than {CITED_LINES_MAX} lines"));
    }
    let Some(source) = sources.get(citation) else {
        return Some("its source cannot be read".to_owned());
    };
    if !holds(source, &statement.text) {
        return Some("its source does not say that there".to_owned());
    }
    if let Some(pointer) = pointer(&statement.text)
        && !follows(citation, before)
    {
        return Some(format!("it begins with \"{pointer}\", and what that points at is not in front of it"));
    }
    None
}

/// Returns the words at the beginning of a sentence by which it points at the one before.
fn pointer(sentence: &str) -> Option<String> {
    let mut words = words(sentence).into_iter();
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    if POINTERS.binary_search(&first.as_str()).is_ok() {
        return Some(first);
    }
    PRONOUNS.contains(&second.as_str()).then(|| format!("{first} {second}"))
}

/// Returns pairs of sentences that share many words, in order.
pub(crate) fn suspects(statements: &[Statement]) -> Vec<(&Statement, &Statement)> {
    let sets: Vec<BTreeSet<String>> =
        statements.iter().map(|statement| terms(&statement.text).into_iter().collect()).collect();
    let mut pairs = Vec::new();
    for (i, (a, first)) in sets.iter().zip(statements).enumerate() {
        for (b, second) in sets.iter().zip(statements).skip(i + 1) {
            if pairs.len() < SUSPECTS_MAX && overlap(a, b) >= SUSPICION_MIN {
                pairs.push((first, second));
            }
        }
    }
    pairs
}

/// Tells whether a text holds the words of a sentence, in order and without others between them.
fn holds(source: &str, sentence: &str) -> bool {
    let source: Vec<String> = source.lines().flat_map(|line| words(&plain(line))).collect();
    let sentence = words(sentence);
    !sentence.is_empty() && source.windows(sentence.len()).any(|window| window == sentence)
}

/// Tells whether a sentence stands in its source directly after the one before it in the brief.
fn follows(citation: &Citation, before: Option<&Statement>) -> bool {
    before.and_then(|before| before.citation.as_ref()).is_some_and(|before| {
        let next = before.last_line.saturating_add(1);
        before.path == citation.path && (before.last_line..=next).contains(&citation.first_line)
    })
}

#[allow(clippy::cast_precision_loss, reason = "sentences are far shorter than 2^52 words")]
fn overlap(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let shared = a.intersection(b).count();
    shared as f64 / (a.len() + b.len() - shared).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn citation(line: u32) -> Citation {
        Citation { path: "a".into(), first_line: line, last_line: line }
    }

    fn statement(text: &str, line: u32) -> Statement {
        Statement { text: text.to_owned(), citation: Some(citation(line)) }
    }

    fn check(text: &str, line: u32, before: Option<u32>, expect: Option<&str>) {
        let lines = ["Bees *cluster* in", "winter. They eat honey."];
        let mut sources: BTreeMap<_, _> = (1..).zip(lines).map(|(n, text)| (citation(n), text.to_owned())).collect();
        sources.insert(Citation { path: "a".into(), first_line: 1, last_line: 2 }, lines.join("\n"));
        let before = before.map(|line| statement("x", line));
        let found = reason(&statement(text, line), before.as_ref(), &sources);
        match (&found, expect) {
            (None, None) => {}
            (Some(found), Some(expect)) => assert!(found.contains(expect), "{found}"),
            _ => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_sentence_must_be_in_its_source() {
        check("Bees cluster in", 1, None, None);
        check("Bees swarm in", 1, None, Some("does not say that"));
        check("Bees in", 1, None, Some("does not say that"));
        check("", 1, None, Some("does not say that"));
        check("Bees cluster in", 3, None, Some("cannot be read"));
    }

    #[test]
    fn a_sentence_that_points_back_needs_what_it_points_at() {
        check("They eat honey.", 2, None, Some("begins with \"they\""));
        check("They eat honey.", 2, Some(1), None);
        check("They eat honey.", 2, Some(2), None);
        check("They eat honey.", 2, Some(3), Some("begins with \"they\""));
        assert!(POINTERS.is_sorted());
        assert_eq!(pointer("Without it they fail.").as_deref(), Some("without it"));
        assert_eq!(pointer("Without bees they fail."), None);
    }

    #[test]
    fn a_citation_must_be_there_and_be_short() {
        let none = Statement { text: "A.".into(), citation: None };
        assert!(reason(&none, None, &BTreeMap::new()).unwrap().contains("does not end with its source"));
        let long = Citation { path: "a".into(), first_line: 1, last_line: 1 + CITED_LINES_MAX };
        let long = Statement { text: "A.".into(), citation: Some(long) };
        assert!(reason(&long, None, &BTreeMap::new()).unwrap().contains("more than 20 lines"));
    }

    #[test]
    fn only_sentences_that_share_many_words_are_compared() {
        let all = [
            statement("Bees survive winter.", 1),
            statement("Tea is hot.", 2),
            statement("The bees survive the winter well.", 3),
        ];
        assert_eq!(suspects(&all), [(&all[0], &all[2])]);
    }
}
