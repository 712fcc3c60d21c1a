// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a brief as Markdown.

use std::fmt::Write;

use crate::compose::{Section, sources};

/// Returns the brief: a title, the keywords, the sections, and the list of sources.
///
/// Every sentence is a list item that ends with `[path:first-last]`.
pub(crate) fn markdown(question: &str, keywords: &[String], sections: &[Section]) -> String {
    let question = question.split_whitespace().collect::<Vec<_>>().join(" ");
    // Writing to a string cannot fail.
    let mut text = format!("# {question}\n");
    if !keywords.is_empty() {
        let _ = write!(text, "\nKeywords: {}\n", keywords.join(" · "));
    }
    for section in sections {
        let _ = write!(text, "\n## {}\n\n", section.heading);
        for sentence in &section.sentences {
            let (path, first, last) = (&sentence.path, sentence.first_line, sentence.last_line);
            let _ = writeln!(text, "- {} [{path}:{first}-{last}]", sentence.text);
        }
    }
    text.push_str("\n## Sources\n\n");
    for path in sources(sections) {
        let quoted = sections.iter().flat_map(|section| &section.sentences).filter(|s| s.path == path).count();
        let plural = if quoted == 1 { "" } else { "s" };
        let _ = writeln!(text, "- {path}: {quoted} sentence{plural}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Quoted;

    #[test]
    fn a_brief_reads_so() {
        let quote =
            |path: &str, text: &str| Quoted { text: text.into(), path: path.into(), first_line: 1, last_line: 2 };
        let sections = [
            Section { heading: "In short".into(), sentences: vec![quote("a.md", "One."), quote("b.md", "Two.")] },
            Section { heading: "A".into(), sentences: vec![quote("a.md", "Three.")] },
        ];
        let expect = "# Why so?\n\nKeywords: x · y\n\n## In short\n\n- One. [a.md:1-2]\n- Two. [b.md:1-2]\n\n## A\n\n\
            - Three. [a.md:1-2]\n\n## Sources\n\n- a.md: 2 sentences\n- b.md: 1 sentence\n";
        assert_eq!(markdown("Why\nso?", &["x".to_owned(), "y".to_owned()], &sections), expect);
    }
}
