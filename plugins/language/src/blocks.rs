// SPDX-License-Identifier: MIT OR Apache-2.0
//! The blocks of a plain or Markdown text: which lines are prose, and which are not.

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// A title of what follows.
    Heading,
    /// Running text, a list item or a quotation.
    Prose,
    /// Code, a table, a rule, markup, or front matter: nothing to quote from.
    Other,
}

/// Consecutive lines that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    /// What they are.
    pub kind: BlockKind,
    /// The first line; the first of a text is 1.
    pub first_line: u32,
    /// The lines, without the marks of headings, list items and quotations.
    pub lines: Vec<&'a str>,
}

/// What kind of line a line is, taken by itself.
enum Line<'a> {
    Blank,
    Heading(&'a str),
    /// `===` or `---` below a line of text.
    Underline,
    Item(&'a str),
    Text(&'a str),
    Other,
}

/// Returns the blocks of a text in order.
pub fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut reader = Reader { blocks: Vec::new(), open: false, fence: None };
    let mut in_front_matter = false;
    for (number, line) in (1u32..).zip(text.lines()) {
        let trimmed = line.trim();
        if number == 1 && trimmed == "---" {
            in_front_matter = true;
        } else if in_front_matter {
            in_front_matter = trimmed != "---";
        } else if let Some(fence) = reader.fence {
            if trimmed.starts_with(fence) {
                reader.fence = None;
            }
        } else {
            reader.take(number, trimmed);
        }
    }
    reader.blocks
}

struct Reader<'a> {
    blocks: Vec<Block<'a>>,
    /// Whether the last block goes on.
    open: bool,
    /// The mark that ends the code that is being read.
    fence: Option<&'static str>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, number: u32, trimmed: &'a str) {
        for fence in ["```", "~~~"] {
            if trimmed.starts_with(fence) {
                self.fence = Some(fence);
                self.open = false;
                return;
            }
        }
        match line(trimmed) {
            Line::Blank => self.open = false,
            Line::Heading(title) => self.add(number, BlockKind::Heading, title, false),
            Line::Item(text) => self.add(number, BlockKind::Prose, text, true),
            Line::Underline => self.underline(),
            Line::Other => self.add(number, BlockKind::Other, trimmed, false),
            Line::Text(text) => match self.blocks.last_mut() {
                Some(block) if self.open => block.lines.push(text),
                _ => self.add(number, BlockKind::Prose, text, true),
            },
        }
    }

    fn add(&mut self, first_line: u32, kind: BlockKind, line: &'a str, open: bool) {
        self.blocks.push(Block { kind, first_line, lines: vec![line] });
        self.open = open;
    }

    /// Turns a single line that was just read into a heading.
    fn underline(&mut self) {
        if let Some(block) = self.blocks.last_mut()
            && self.open
            && block.lines.len() == 1
        {
            block.kind = BlockKind::Heading;
        }
        self.open = false;
    }
}

fn line(trimmed: &str) -> Line<'_> {
    if trimmed.is_empty() {
        return Line::Blank;
    }
    if let Some(title) = heading(trimmed) {
        return Line::Heading(title);
    }
    if trimmed.len() >= 3 && (trimmed.bytes().all(|b| b == b'=') || trimmed.bytes().all(|b| b == b'-')) {
        return Line::Underline;
    }
    if trimmed.starts_with(['|', '<']) || trimmed.bytes().all(|b| b.is_ascii_punctuation() || b == b' ') {
        return Line::Other;
    }
    let unquoted = uncommented(trimmed).trim_start_matches('>').trim_start();
    match item(unquoted) {
        Some(text) => Line::Item(text),
        None => Line::Text(unquoted),
    }
}

/// Returns the text of a comment of code, `// text`, and any other line as it is.
fn uncommented(line: &str) -> &str {
    let text = line.strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']));
    text.filter(|text| text.starts_with(' ')).map_or(line, str::trim_start)
}

/// Returns the title of `# title`.
fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    ((1..=6).contains(&level) && rest.starts_with(' ')).then(|| rest.trim().trim_end_matches('#').trim_end())
}

/// Returns the text of `- text`, `* text`, `+ text`, `1. text` and `1) text`.
fn item(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).or_else(|| line.strip_prefix("+ "))
    {
        return Some(rest.trim_start());
    }
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    if line.len() - rest.len() > 3 || line.len() == rest.len() {
        return None;
    }
    rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") ")).map(str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(BlockKind, u32, &str)]) {
        let found = blocks(text);
        let found: Vec<_> = found.iter().map(|b| (b.kind, b.first_line, b.lines.join("|"))).collect();
        let expect: Vec<_> = expect.iter().map(|(kind, line, text)| (*kind, *line, (*text).to_owned())).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn paragraphs_are_separated_by_blank_lines_and_headings() {
        use BlockKind::{Heading, Prose};
        check(
            "# One\nfirst\n  line\n\nsecond\n",
            &[(Heading, 1, "One"), (Prose, 2, "first|line"), (Prose, 5, "second")],
        );
        check("Title\n=====\ntext", &[(Heading, 1, "Title"), (Prose, 3, "text")]);
    }

    #[test]
    fn list_items_stand_alone_and_keep_their_further_lines() {
        use BlockKind::Prose;
        check("- one\n  more\n- two\n3. three", &[(Prose, 1, "one|more"), (Prose, 3, "two"), (Prose, 4, "three")]);
        check("> said\n> so", &[(Prose, 1, "said|so")]);
        check("/// one\n/// two\n//!\n//x", &[(Prose, 1, "one|two"), (BlockKind::Other, 3, "//!"), (Prose, 4, "//x")]);
        check("1990. was a year", &[(Prose, 1, "1990. was a year")]);
    }

    #[test]
    fn code_tables_and_front_matter_are_not_prose() {
        use BlockKind::{Other, Prose};
        check(
            "---\ntitle: x\n---\ntext\n```\ncode\n\nmore\n```\n| a | b |",
            &[(Prose, 4, "text"), (Other, 10, "| a | b |")],
        );
        check("a\n***\nb", &[(Prose, 1, "a"), (Other, 2, "***"), (Prose, 3, "b")]);
    }
}
