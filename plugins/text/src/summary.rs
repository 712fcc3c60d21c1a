// SPDX-License-Identifier: MIT OR Apache-2.0
//! Picks the sentences that stand for a text.

use std::collections::{BTreeMap, BTreeSet};

use priory_language::{Sentence, sentences, terms};

use crate::rank::Graph;
use crate::wit::exports::priory::text::text::RankedSentence;

/// How many sentences of a text are compared; the work grows with its square.
const SENTENCES_MAX: usize = 500;

/// Picks the most central sentences, and returns them in the order of the text.
pub(crate) fn summarise(text: &str, most: u32) -> Vec<RankedSentence> {
    let mut found = sentences(text);
    found.truncate(SENTENCES_MAX);
    let ranks = graph(&found).ranks();
    let mut order: Vec<(usize, f64)> = ranks.into_iter().enumerate().collect();
    // The earlier of two equally central sentences comes first.
    order.sort_by(|(i, a), (j, b)| b.total_cmp(a).then(i.cmp(j)));
    order.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    order.sort_by_key(|(position, _)| *position);
    let ranked = |(position, score): (usize, f64)| {
        let Sentence { text, first_line, last_line, .. } = found.get(position)?.clone();
        Some(RankedSentence { text, first_line, last_line, score })
    };
    order.into_iter().filter_map(ranked).collect()
}

/// Connects sentences by the words that they share, weighed down by their lengths.
fn graph(sentences: &[Sentence]) -> Graph {
    let mut numbers = BTreeMap::new();
    let sets: Vec<Vec<usize>> = sentences
        .iter()
        .map(|sentence| {
            let distinct: BTreeSet<String> = terms(&sentence.text).into_iter().collect();
            let mut set: Vec<usize> = distinct
                .into_iter()
                .map(|term| {
                    let next = numbers.len();
                    *numbers.entry(term).or_insert(next)
                })
                .collect();
            set.sort_unstable();
            set
        })
        .collect();
    let mut graph = Graph::new(sets.len());
    for (i, a) in sets.iter().enumerate() {
        for (j, b) in sets.iter().enumerate().skip(i + 1) {
            let shared = shared(a, b);
            if shared > 0 {
                graph.connect_once(i, j, f64::from(shared) / weight_of_lengths(a.len(), b.len()));
            }
        }
    }
    graph
}

/// Counts what two sorted lists share.
fn shared(a: &[usize], b: &[usize]) -> u32 {
    let (mut a, mut b) = (a, b);
    let mut count = 0;
    while let ([x, more_a @ ..], [y, more_b @ ..]) = (a, b) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => a = more_a,
            std::cmp::Ordering::Greater => b = more_b,
            std::cmp::Ordering::Equal => {
                count += 1;
                (a, b) = (more_a, more_b);
            }
        }
    }
    count
}

/// Returns the sum of the logarithms of two lengths, and one more so that it is never nothing.
#[allow(clippy::cast_precision_loss, reason = "sentences are far shorter than 2^52 words")]
fn weight_of_lengths(a: usize, b: usize) -> f64 {
    1.0 + (a as f64).ln() + (b as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Bees\n\nBees keep the winter cluster warm. The cluster eats honey in winter.\n\
        Tea is served at five.\nA warm cluster of bees survives the winter on honey.\n";

    fn check(most: u32, expect: &[(u32, &str)]) {
        let picked = summarise(TEXT, most);
        let picked: Vec<_> = picked.iter().map(|s| (s.first_line, s.text.as_str())).collect();
        assert_eq!(picked, expect);
    }

    #[test]
    fn the_most_central_sentences_are_picked_in_the_order_of_the_text() {
        let last = (5, "A warm cluster of bees survives the winter on honey.");
        check(1, &[last]);
        check(2, &[(3, "Bees keep the winter cluster warm."), last]);
        check(0, &[]);
    }

    #[test]
    fn scores_go_up_to_one() {
        let picked = summarise(TEXT, 9);
        assert_eq!(picked.len(), 4);
        assert_eq!(picked[3].score, 1.0);
        assert!(picked[2].score < picked[1].score);
    }

    #[test]
    fn a_text_without_sentences_has_no_summary() {
        assert!(summarise("", 3).is_empty() && summarise("# Title\n\n```\ncode\n```", 3).is_empty());
    }

    #[test]
    fn only_the_first_sentences_of_a_long_text_are_looked_at() {
        let text = "A bee.\n".repeat(SENTENCES_MAX + 1);
        assert_eq!(summarise(&text, u32::MAX).len(), SENTENCES_MAX);
    }
}
