// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much two texts have in common.

use std::collections::BTreeMap;

use priory_language::terms;

/// Returns the cosine of the angle between the counts of the telling words of two texts.
pub(crate) fn similarity(a: &str, b: &str) -> f64 {
    let (a, b) = (counts(a), counts(b));
    let product: f64 = a.iter().filter_map(|(term, count)| Some(count * b.get(term)?)).sum();
    let lengths = (square(&a) * square(&b)).sqrt();
    // A sum of nothing is -0.0; adding zero makes it plain.
    if lengths > 0.0 { (product / lengths).clamp(0.0, 1.0) + 0.0 } else { 0.0 }
}

fn counts(text: &str) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for term in terms(text) {
        *counts.entry(term).or_insert(0.0) += 1.0;
    }
    counts
}

fn square(counts: &BTreeMap<String, f64>) -> f64 {
    counts.values().map(|count| count * count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, expect: f64) {
        assert!((similarity(a, b) - expect).abs() < 1e-9, "{}", similarity(a, b));
        assert_eq!(similarity(a, b), similarity(b, a));
    }

    #[test]
    fn it_goes_from_nothing_in_common_to_the_same() {
        check("the bee", "a tree", 0.0);
        check("Bees swarm.", "swarming bee", 1.0);
        check("bees swarm", "bees sting", 0.5);
        check("", "", 0.0);
        check("the", "the", 0.0);
    }
}
