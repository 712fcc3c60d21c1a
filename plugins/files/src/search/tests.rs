// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a search finds, in which order, and where it stops.

use super::*;

fn with_files(files: &[(&str, &[u8])], check: impl FnOnce(&Places)) {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    check(&Places::new([(folder.path().to_str().unwrap().to_owned(), false)]));
}

const BEES: &[(&str, &[u8])] = &[
    ("tea.md", b"# Tea\n\nTea is a drink.\n\nIn winter it warms."),
    ("bees/winter.md", b"# Winter\n\nBees survive the winter in a cluster.\nThe cluster is warm.\n\nHoney is food.\n"),
    ("bees/summer.md", b"Bees swarm in summer.\n\n## Surviving\n\nA swarm survives in a hollow tree.\n"),
    ("image.png", b"\x89PNG\0\0bees winter"),
];

fn check(query: &str, folder: Option<&str>, exclude: &[&str], expect: &[(&str, u32, u32)]) {
    with_files(BEES, |places| {
        let exclude: Vec<String> = exclude.iter().map(|path| (*path).to_owned()).collect();
        let found = search(places, query, folder, None, &exclude).unwrap();
        let hits: Vec<_> = found.hits.iter().map(|h| (h.path.as_str(), h.first_line, h.last_line)).collect();
        assert_eq!(hits, expect);
        assert!(found.hits.iter().is_sorted_by(|a, b| a.score >= b.score));
    });
}

#[test]
fn the_passage_with_the_rarest_words_comes_first() {
    check(
        "How do bees survive the winter?",
        None,
        &[],
        &[("bees/winter.md", 1, 4), ("bees/summer.md", 3, 5), ("bees/summer.md", 1, 1), ("tea.md", 5, 5)],
    );
}

#[test]
fn a_folder_and_exclusions_narrow_the_search() {
    check("winter", Some("bees"), &[], &[("bees/winter.md", 1, 4)]);
    check("winter", None, &["bees/winter.md"], &[("tea.md", 5, 5)]);
}

#[test]
fn words_that_say_nothing_count_where_there_are_no_others() {
    check("it", None, &[], &[("tea.md", 5, 5)]);
    check("zebra", None, &[], &[]);
}

#[test]
fn files_are_counted_and_what_is_not_text_is_skipped() {
    with_files(BEES, |places| {
        let found = search(places, "cluster", None, Some(1), &[]).unwrap();
        assert_eq!((found.hits.len(), found.files_searched, found.files_skipped, found.complete), (1, 3, 1, true));
        assert_eq!(found.hits[0].excerpt.get(..31), Some("# Winter Bees survive the winte"));
    });
}

#[test]
fn a_long_paragraph_is_cut_into_passages() {
    let text = "bee\n".repeat(PASSAGE_LINES_MAX + 1);
    with_files(&[("f", text.as_bytes())], |places| {
        let found = search(places, "bee", None, None, &[]).unwrap();
        let mut lines: Vec<_> = found.hits.iter().map(|h| (h.first_line, h.last_line)).collect();
        lines.sort();
        assert_eq!(lines, [(1, 20), (21, 21)]);
    });
}

#[test]
fn an_excerpt_ends_at_its_maximum() {
    let long = "é".repeat(EXCERPT_CHARS_MAX + 5);
    assert_eq!(excerpt(&long).chars().count(), EXCERPT_CHARS_MAX);
    assert_eq!(excerpt(" a  b\nc"), "a b c");
}

#[test]
fn queries_without_words_or_too_long_are_refused() {
    with_files(BEES, |places| {
        let refused = |query: &str| matches!(search(places, query, None, None, &[]), Err(Error::Invalid(_)));
        assert!(refused("?!") && refused("") && refused(&"a".repeat(QUERY_CHARS_MAX + 1)));
        assert!(search(places, &"a".repeat(QUERY_CHARS_MAX), None, None, &[]).is_ok());
        let many = vec!["x".to_owned(); EXCLUDED_MAX + 1];
        assert!(matches!(search(places, "a", None, None, &many), Err(Error::Invalid(_))));
        assert_eq!(search(places, "a", None, None, &["../x".to_owned()]).unwrap_err(), Error::Outside("../x".into()));
    });
}

#[test]
fn an_empty_folder_has_nothing() {
    with_files(&[], |places| {
        let found = search(places, "bees", None, None, &[]).unwrap();
        assert_eq!((found.hits.len(), found.files_searched, found.complete), (0, 0, true));
    });
}
