// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes a brief apart into its sentences and their citations.

use std::fmt;

/// How many sentences of a brief are looked at; a longer one is not brief.
pub(crate) const STATEMENTS_MAX: usize = 200;

/// A sentence of the brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// What it says, without its citation.
    pub(crate) text: String,
    /// Where it says that it is from.
    pub(crate) citation: Option<Citation>,
}

/// `[path:first-last]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Citation {
    pub(crate) path: String,
    pub(crate) first_line: u32,
    pub(crate) last_line: u32,
}

/// Returns every line of a brief that says something: not headings, not the keywords, not the list of sources.
pub(crate) fn statements(markdown: &str) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut in_sources = false;
    for line in markdown.lines().map(str::trim) {
        if line.starts_with('#') {
            in_sources = line == "## Sources";
        } else if !line.is_empty() && !in_sources && !line.starts_with("Keywords: ") && found.len() <= STATEMENTS_MAX {
            found.push(statement(line.strip_prefix("- ").unwrap_or(line)));
        }
    }
    found
}

fn statement(line: &str) -> Statement {
    let cited = line.rsplit_once(" [").and_then(|(text, rest)| Some((text, citation(rest.strip_suffix(']')?)?)));
    match cited {
        Some((text, citation)) => Statement { text: text.to_owned(), citation: Some(citation) },
        None => Statement { text: line.to_owned(), citation: None },
    }
}

fn citation(text: &str) -> Option<Citation> {
    let (path, lines) = text.rsplit_once(':')?;
    let (first, last) = lines.split_once('-')?;
    let (first_line, last_line) = (first.parse().ok()?, last.parse().ok()?);
    let is_range = !path.is_empty() && first_line >= 1 && first_line <= last_line;
    is_range.then(|| Citation { path: path.to_owned(), first_line, last_line })
}

impl Statement {
    /// Returns where it says that it is from, in brackets.
    pub(crate) fn place(&self) -> String {
        match &self.citation {
            Some(Citation { path, first_line, last_line }) => format!("[{path}:{first_line}-{last_line}]"),
            None => "[no source]".to_owned(),
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" {}", self.text, self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, expect: &[(&str, &str)]) {
        let found = statements(markdown);
        let found: Vec<_> = found.iter().map(|s| (s.text.as_str(), s.place())).collect();
        let expect: Vec<_> = expect.iter().map(|(text, place)| (*text, (*place).to_owned())).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn every_line_that_says_something_is_a_statement() {
        check(
            "# Q?\n\nKeywords: a\n\n## In short\n\n- One. [a b.md:1-2]\n- Two.\n\nThree [x]. [c:d.md:3-3]\n\n## Sources\n\n- a: 1\n",
            &[("One.", "[a b.md:1-2]"), ("Two.", "[no source]"), ("Three [x].", "[c:d.md:3-3]")],
        );
    }

    #[test]
    fn what_is_no_range_of_lines_is_no_citation() {
        for line in ["A. [a:2-1]", "A. [a:0-1]", "A. [:1-1]", "A. [a:1]", "A. [a:x-y]", "A. [a:1-1", "A.[a:1-1]"] {
            check(line, &[(line, "[no source]")]);
        }
    }
}
