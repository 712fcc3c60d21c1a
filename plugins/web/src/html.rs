// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes HTML readable, however broken it is.
//!
//! It reads marks one after the other and builds no tree: broken nesting cannot confuse it for long, depth costs nothing, and
//! its work grows with the length of the page alone.

use crate::entities::decoded;

/// How many links are kept.
const LINKS_MAX: usize = 500;
/// How long the words of a link may be, in characters.
const LINK_CHARS_MAX: usize = 200;
/// How long a title may be, in characters.
const TITLE_CHARS_MAX: usize = 300;
/// How long the part of one mark is that is looked at, in bytes.
const TAG_BYTES_MAX: usize = 16 << 10;

/// Elements whose content is not text, up to their end mark whatever is between.
const RAW: [&str; 4] = ["noscript", "script", "style", "template"];
/// Elements whose content a reader does not come for.
const SKIPPED: [&str; 9] = ["aside", "audio", "button", "footer", "iframe", "nav", "select", "svg", "video"];
/// Elements that stand on lines of their own.
const BLOCKS: [&str; 30] = [
    "address",
    "article",
    "blockquote",
    "body",
    "caption",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "ul",
];

/// What is readable of a page.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) title: Option<String>,
    pub(crate) text: String,
    /// Words and target of each link, as they are written.
    pub(crate) links: Vec<(String, String)>,
    /// What links are relative to, where the page says so.
    pub(crate) base: Option<String>,
}

/// One mark.
struct Tag<'a> {
    /// In small letters.
    name: String,
    is_end: bool,
    attributes: &'a str,
}

#[derive(Default)]
struct Reader {
    document: Document,
    /// How many open elements are skipped, by their position in `SKIPPED`.
    skipped: [u32; SKIPPED.len()],
    in_title: bool,
    is_preformatted: bool,
    /// The words and the target of the link that is being read.
    link: Option<(String, String)>,
    /// Whether a space is due before the next word.
    space: bool,
}

/// Reads a page.
pub(crate) fn read(html: &str) -> Document {
    let mut reader = Reader::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, mark) = rest.split_at_checked(at).unwrap_or((rest, ""));
        reader.text(text);
        rest = if let Some(comment) = mark.strip_prefix("<!--") {
            comment.split_once("-->").map_or("", |(_, rest)| rest)
        } else if let Some((tag, after)) = tag(mark) {
            let is_raw = !tag.is_end && RAW.contains(&tag.name.as_str());
            if is_raw { after_end(after, &tag.name) } else { reader.tag(&tag, after) }
        } else {
            // A lone `<` is text.
            reader.text("<");
            mark.get(1..).unwrap_or_default()
        };
    }
    reader.text(rest);
    reader.finish()
}

/// Reads `<name attributes>` or `</name>`, and returns what follows.
fn tag(mark: &str) -> Option<(Tag<'_>, &str)> {
    let inner = mark.strip_prefix('<')?;
    let (is_end, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    if inner.starts_with(['!', '?']) {
        let (_, after) = inner.split_once('>').unwrap_or((inner, ""));
        return Some((Tag { name: String::new(), is_end, attributes: "" }, after));
    }
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let mut quote = None;
    let end = inner.bytes().take(TAG_BYTES_MAX).position(|byte| match (quote, byte) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (Some(open), _) if open == byte => {
            quote = None;
            false
        }
        _ => false,
    });
    // A quotation mark that is never closed must not swallow the page.
    let end = end.or_else(|| inner.bytes().position(|byte| byte == b'>')).unwrap_or(inner.len());
    let content = inner.get(..end).unwrap_or_default();
    let name_end = content.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(content.len());
    let (name, attributes) = content.split_at_checked(name_end)?;
    let tag = Tag { name: name.to_ascii_lowercase(), is_end, attributes };
    Some((tag, inner.get(end + 1..).unwrap_or_default()))
}

/// Returns what follows the end of an element whose content is not marked up.
fn after_end<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("</") {
        if after.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return after.split_once('>').map_or("", |(_, rest)| rest);
        }
        rest = after;
    }
    ""
}

/// Returns the value of an attribute.
fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == '/')?;
        let (name, after) = rest.split_at_checked(end)?;
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            // A name without a value; an empty one would not get on.
            rest = if name.is_empty() { after.get(1..)? } else { after };
            continue;
        };
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value.get(1..)?.split_once(quote).unwrap_or((value.get(1..)?, "")),
            _ => value.split_at_checked(value.find(char::is_whitespace).unwrap_or(value.len()))?,
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(decoded(value));
        }
        rest = after;
    }
}

impl Reader {
    fn tag<'a>(&mut self, tag: &Tag<'_>, after: &'a str) -> &'a str {
        if let Some(count) = SKIPPED.iter().position(|name| *name == tag.name).and_then(|at| self.skipped.get_mut(at)) {
            *count = if tag.is_end { count.saturating_sub(1) } else { count.saturating_add(1) };
            self.line();
            return after;
        }
        match (tag.name.as_str(), tag.is_end) {
            // A title inside a picture is not that of the page.
            ("title", is_end) => self.in_title = !is_end && !self.is_skipping(),
            ("base", false) if self.document.base.is_none() => {
                self.document.base = attribute(tag.attributes, "href");
            }
            ("a", false) => {
                self.end_link();
                self.link = attribute(tag.attributes, "href").map(|href| (String::new(), href));
            }
            ("a", true) => self.end_link(),
            ("br", _) => self.newline(),
            ("td" | "th", false) => self.space = true,
            ("tr", _) => self.line(),
            (name, is_end) if BLOCKS.contains(&name) => self.block(name, is_end),
            _ => {}
        }
        after
    }

    fn block(&mut self, name: &str, is_end: bool) {
        self.is_preformatted = name == "pre" && !is_end;
        match (name, is_end) {
            ("li", false) => {
                self.line();
                self.push("- ");
            }
            ("li" | "dt" | "dd" | "div", _) => self.line(),
            (heading, false) if heading.len() == 2 && heading.starts_with('h') && heading != "hr" => {
                self.paragraph();
                let level = heading.bytes().last().map_or(1, |digit| usize::from(digit.saturating_sub(b'0')));
                self.push(&format!("{} ", "#".repeat(level)));
            }
            _ => self.paragraph(),
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_title {
            let title = self.document.title.get_or_insert_default();
            append(title, &decoded(text), TITLE_CHARS_MAX);
            return;
        }
        if let Some((words, _)) = &mut self.link {
            append(words, &decoded(text), LINK_CHARS_MAX);
        }
        if self.is_skipping() || text.is_empty() {
            return;
        }
        let text = decoded(text);
        if self.is_preformatted {
            self.document.text.push_str(&text);
            return;
        }
        self.space |= text.starts_with(char::is_whitespace);
        for word in text.split_whitespace() {
            if self.space && !self.document.text.ends_with(['\n', ' ']) && !self.document.text.is_empty() {
                self.document.text.push(' ');
            }
            self.document.text.push_str(word);
            self.space = true;
        }
        self.space = text.ends_with(char::is_whitespace);
    }

    fn is_skipping(&self) -> bool {
        self.skipped.iter().any(|count| *count > 0)
    }

    fn push(&mut self, mark: &str) {
        if !self.is_skipping() {
            self.document.text.push_str(mark);
        }
    }

    fn newline(&mut self) {
        if !self.is_skipping() {
            self.document.text.push('\n');
            self.space = false;
        }
    }

    /// Makes sure that what follows begins a line.
    fn line(&mut self) {
        if !self.document.text.is_empty() && !self.document.text.ends_with('\n') {
            self.newline();
        }
        self.space = false;
    }

    /// Makes sure that what follows begins a line after an empty one.
    fn paragraph(&mut self) {
        self.line();
        if !self.document.text.is_empty() && !self.document.text.ends_with("\n\n") {
            self.newline();
        }
    }

    fn end_link(&mut self) {
        if let Some(link) = self.link.take()
            && self.document.links.len() < LINKS_MAX
        {
            self.document.links.push(link);
        }
    }

    fn finish(mut self) -> Document {
        self.end_link();
        let mut document = self.document;
        document.title = document.title.filter(|title| !title.is_empty());
        // Marks of items and headings without words, and more than one empty line, are in nobody's way but ugly.
        let mut text = String::with_capacity(document.text.len());
        for line in document.text.lines().map(str::trim_end) {
            let is_bare = !line.is_empty() && line.bytes().all(|byte| matches!(byte, b'#' | b'-'));
            if is_bare || (line.is_empty() && (text.is_empty() || text.ends_with("\n\n"))) {
                continue;
            }
            text.push_str(line);
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        if !text.is_empty() {
            text.push('\n');
        }
        document.text = text;
        document
    }
}

/// Appends the words of a text, up to a maximum of characters.
fn append(to: &mut String, text: &str, chars_max: usize) {
    let mut left = chars_max.saturating_sub(to.chars().count());
    for word in text.split_whitespace() {
        if !to.is_empty() && left > 0 {
            to.push(' ');
            left -= 1;
        }
        to.extend(word.chars().take(left));
        left = left.saturating_sub(word.chars().count());
        if left == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
