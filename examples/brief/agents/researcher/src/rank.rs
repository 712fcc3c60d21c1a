// SPDX-License-Identifier: MIT OR Apache-2.0
//! Puts the results of several searches in one order.

use std::collections::BTreeMap;

use priory_language::terms;
use serde::Deserialize;

/// How many passages are passed on.
pub(crate) const PASSAGES_MAX: usize = 16;
/// How many of them may be from one file.
const PER_FILE_MAX: usize = 5;
/// How much each further search counts, compared to the one for the question itself.
const FURTHER_WEIGHT: f64 = 0.15;

/// A passage that a search found.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Hit {
    pub(crate) path: String,
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
    pub(crate) score: f64,
    pub(crate) excerpt: String,
}

/// Merges the results of the search for the question with those of further searches.
///
/// Scores of different searches cannot be compared, so each is taken relative to the best of its search. In the result, the
/// best passage has the score 1.
pub(crate) fn merge(question: Vec<Hit>, further: Vec<Vec<Hit>>) -> Vec<(Hit, f64)> {
    let mut merged: BTreeMap<(String, u32), (Hit, f64)> = BTreeMap::new();
    let lists = std::iter::once((1.0, question)).chain(further.into_iter().map(|hits| (FURTHER_WEIGHT, hits)));
    for (weight, hits) in lists {
        let best = hits.iter().map(|hit| hit.score).fold(f64::MIN_POSITIVE, f64::max);
        for hit in hits.into_iter().filter(|hit| can_be_cited(&hit.path)) {
            let worth = weight * hit.score / best;
            merged.entry((hit.path.clone(), hit.first_line)).or_insert_with(|| (hit, 0.0)).1 += worth;
        }
    }
    let mut order: Vec<(Hit, f64)> = merged.into_values().collect();
    // Equal ones stay in the order of path and line.
    order.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut of_file: BTreeMap<String, usize> = BTreeMap::new();
    order.retain(|(hit, _)| {
        let count = of_file.entry(hit.path.clone()).or_default();
        *count += 1;
        *count <= PER_FILE_MAX
    });
    order.truncate(PASSAGES_MAX);
    let best = order.first().map_or(1.0, |(_, score)| *score);
    order.iter_mut().for_each(|(_, score)| *score /= best);
    order
}

/// Returns the phrases that name something that the question does not.
pub(crate) fn new_phrases(question: &str, phrases: Vec<String>, most: usize) -> Vec<String> {
    let asked = terms(question);
    let is_new = |phrase: &String| terms(phrase).iter().any(|term| !asked.contains(term));
    phrases.into_iter().filter(is_new).take(most).collect()
}

/// Tells whether `[path:first-last]` can be read back.
fn can_be_cited(path: &str) -> bool {
    !path.contains(['[', ']']) && !path.chars().any(char::is_control)
}

/// Returns the title of a file: its first heading, or its name in words.
pub(crate) fn title(path: &str, head: &str) -> String {
    let heading = head.lines().find_map(|line| line.strip_prefix("# ")).map(str::trim);
    if let Some(heading) = heading.filter(|heading| !heading.is_empty()) {
        return heading.to_owned();
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem });
    let words = stem.replace(['-', '_'], " ");
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(names: &[(&str, u32)]) -> Vec<Hit> {
        let hit = |(score, (path, line)): (u8, &(&str, u32))| Hit {
            path: (*path).to_owned(),
            first_line: *line,
            last_line: *line,
            score: f64::from(score),
            excerpt: String::new(),
        };
        (1..=100).rev().zip(names).map(hit).collect()
    }

    fn check(question: &[(&str, u32)], further: &[&[(&str, u32)]], expect: &[(&str, u32)]) {
        let merged = merge(hits(question), further.iter().map(|names| hits(names)).collect());
        let found: Vec<_> = merged.iter().map(|(hit, _)| (hit.path.as_str(), hit.first_line)).collect();
        assert_eq!(found, expect);
        assert_eq!(merged.first().map(|(_, score)| *score), expect.first().map(|_| 1.0));
    }

    #[test]
    fn what_several_searches_find_comes_first() {
        check(&[("a", 1), ("b", 1)], &[], &[("a", 1), ("b", 1)]);
        check(&[("a", 1), ("b", 1)], &[&[("b", 1), ("c", 1)], &[("b", 1)]], &[("b", 1), ("a", 1), ("c", 1)]);
        check(&[("a", 1)], &[&[("b", 1)], &[("b", 1)]], &[("a", 1), ("b", 1)]);
        check(&[], &[], &[]);
    }

    #[test]
    fn one_file_does_not_push_out_the_others() {
        let many: Vec<_> = (1..=9).map(|line| ("a", line)).chain([("b", 1)]).collect();
        let merged = merge(hits(&many), Vec::new());
        assert_eq!(merged.len(), PER_FILE_MAX + 1);
        assert_eq!(merged.last().map(|(hit, _)| hit.path.as_str()), Some("b"));
    }

    #[test]
    fn files_that_cannot_be_cited_are_left_out() {
        check(&[("a[1].md", 1), ("a\n", 1), ("b", 1)], &[], &[("b", 1)]);
    }

    #[test]
    fn only_phrases_that_the_question_does_not_hold_are_searched_for() {
        let phrases = ["bees", "winter cluster", "honey", "stores"].map(str::to_owned).to_vec();
        assert_eq!(new_phrases("How do bees survive winters?", phrases, 2), ["winter cluster", "honey"]);
    }

    #[test]
    fn a_title_is_a_heading_or_the_name_of_the_file() {
        assert_eq!(title("a/winter.md", "\n# Winter and bees \ntext"), "Winter and bees");
        assert_eq!(title("a/first_aid-kit.txt", "text"), "First aid kit");
        assert_eq!(title(".notes", ""), ".notes");
    }
}
