// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which sentences are chosen, and where they stand.

use super::*;

fn candidate(path: &str, line: u32, text: &str) -> Candidate {
    Candidate {
        text: text.to_owned(),
        path: path.to_owned(),
        title: path.to_uppercase(),
        first_line: line,
        last_line: line,
        centrality: 0.5,
        passage_score: 0.5,
    }
}

fn bees() -> Vec<Candidate> {
    vec![
        candidate("a", 9, "Bees survive the winter in a tight cluster."),
        candidate("a", 1, "Honey feeds the bees through cold months."),
        candidate("a", 5, "In winter the queen lays hardly any eggs."),
        candidate("b", 2, "A hive needs twenty kilograms of stores to survive."),
        candidate("b", 1, "Mice like to move into a warm winter hive."),
        candidate("b", 4, "is not a sentence of bees in winter."),
        candidate("b", 5, "Winter bees"),
    ]
}

fn check(refused: &str, expect: &[(&str, &[(&str, u32)])]) {
    let sections = composed("How do bees survive the winter?", bees(), refused);
    let found: Vec<(String, Vec<(String, u32)>)> = sections
        .into_iter()
        .map(|s| (s.heading, s.sentences.into_iter().map(|q| (q.path, q.first_line)).collect()))
        .collect();
    let owned = |(path, line): &(&str, u32)| ((*path).to_owned(), *line);
    let expect: Vec<_> = expect.iter().map(|(h, s)| ((*h).to_owned(), s.iter().map(owned).collect())).collect();
    assert_eq!(found, expect);
}

#[test]
fn the_best_sentences_answer_in_short_and_the_others_follow_by_file() {
    check("", &[(SHORT_HEADING, &[("a", 9), ("b", 2), ("a", 1)]), ("A", &[("a", 5)]), ("B", &[("b", 1)])]);
}

#[test]
fn a_refused_sentence_is_not_used_again() {
    let refused = "\"Honey feeds the bees through cold months.\" [a:1-1]: no";
    check(refused, &[(SHORT_HEADING, &[("a", 9), ("b", 2), ("a", 5)]), ("B", &[("b", 1)])]);
}

#[test]
fn a_sentence_that_repeats_a_better_one_is_left_out() {
    let mut twice = bees();
    twice.truncate(1);
    twice.push(candidate("c", 1, "The bees survive winter in a tight cluster."));
    let sections = composed("bees", twice, "");
    assert_eq!(sections.iter().map(|section| section.sentences.len()).sum::<usize>(), 1);
}

#[test]
fn nothing_to_say_is_no_section() {
    assert!(composed("bees", Vec::new(), "").is_empty());
    assert!(composed("", vec![candidate("a", 1, "Too short.")], "").is_empty());
}

#[test]
fn mending_drops_what_is_refused_and_what_leans_on_it() {
    let quote =
        |line: u32, text: &str| Quoted { text: text.into(), path: "a".into(), first_line: line, last_line: line };
    let draft = vec![
        Section { heading: "X".into(), sentences: vec![quote(1, "One."), quote(2, "Two."), quote(9, "Nine.")] },
        Section { heading: "Y".into(), sentences: vec![quote(1, "One.")] },
    ];
    let mended = mended(draft, "\"One.\" [a:1-1]: no");
    assert_eq!(mended, [Section { heading: "X".into(), sentences: vec![quote(9, "Nine.")] }]);
    assert_eq!((text(&mended).as_str(), sources(&mended)), ("Nine.", vec!["a".to_owned()]));
}
