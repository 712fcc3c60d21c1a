// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the text that something in a workflow came from.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where the parts of a workflow stand in its text.
///
/// It is made where something is wrong only: then the text is read once more.
pub(super) struct Places<'a> {
    text: &'a str,
    root: Spanned<DeTable<'a>>,
    /// The keys that lead to the workflow.
    above: Vec<&'a str>,
}

impl<'a> Places<'a> {
    /// Reads a text in which a workflow stands below some keys.
    pub(super) fn of(text: &'a str, above: Vec<&'a str>) -> Self {
        Self { text, root: DeTable::parse_recoverable(text).0, above }
    }

    /// Returns where something stands: below a node, or below the workflow where the node is empty. The key is that of a
    /// definition, such as `route.cases.0.when`; what it does not find is where the nearest thing above it stands.
    pub(super) fn find(&self, node: &str, key: &str, inside: Option<&Range<usize>>) -> Range<usize> {
        let mut found = Found { span: 0..0, table: Some(self.root.get_ref()), value: None };
        self.above.iter().for_each(|key| found.enter(key));
        if !node.is_empty() {
            found.enter("nodes");
            found.enter(node);
        }
        found.walk(key);
        match (inside, found.value) {
            (Some(range), Some(DeValue::String(_))) => {
                let start = within(self.text, &found.span, range.start);
                start..within(self.text, &found.span, range.end).max(start)
            }
            _ => found.span,
        }
    }
}

/// How far the walk has come.
struct Found<'t, 'a> {
    span: Range<usize>,
    table: Option<&'t DeTable<'a>>,
    value: Option<&'t DeValue<'a>>,
}

impl Found<'_, '_> {
    /// Goes to an entry of a table, where it is there.
    fn enter(&mut self, key: &str) {
        let Some(entry) = self.table.and_then(|table| table.get_key_value(key)) else { return };
        let (name, value) = entry;
        // A table that has a header of its own stands where its header does, and no value does.
        self.span = if value.get_ref().is_table() { name.span() } else { value.span() };
        self.value = Some(value.get_ref());
        self.table = value.get_ref().as_table();
    }

    /// Walks along a key; its parts may contain dots themselves, so the longest that is there comes first.
    fn walk(&mut self, key: &str) {
        let mut rest = key;
        while !rest.is_empty() {
            let Some((part, after)) = self.next(rest) else { return };
            match self.value.and_then(DeValue::as_array) {
                Some(list) if self.table.is_none() => {
                    let Some(item) = part.parse::<usize>().ok().and_then(|index| list.get(index)) else { return };
                    self.span = item.span();
                    self.table = item.get_ref().as_table();
                    self.value = Some(item.get_ref());
                }
                _ => self.enter(part),
            }
            rest = after;
        }
    }

    /// Splits off the first part of a key that leads on from here.
    fn next<'k>(&self, rest: &'k str) -> Option<(&'k str, &'k str)> {
        let cuts = rest.match_indices('.').map(|(at, _)| at).chain([rest.len()]);
        let parts: Vec<_> = cuts.map(|at| rest.split_at(at)).collect();
        let leads = |(part, _): &&(&str, &str)| match self.table {
            Some(table) => table.contains_key(*part),
            None => part.parse::<usize>().is_ok(),
        };
        let (part, after) = parts.iter().rev().find(leads)?;
        Some((part, after.strip_prefix('.').unwrap_or(after)))
    }
}

/// Returns the byte of a text at which a byte of a string in it stands; `span` is that of the string with its quotes.
pub(super) fn within(text: &str, span: &Range<usize>, offset: usize) -> usize {
    let raw = text.get(span.clone()).unwrap_or_default();
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| raw.starts_with(quote)).unwrap_or_default();
    let mut at = quote.len();
    if quote.len() == 3 {
        // A line break right behind the quotes does not belong to the string.
        at += ["\r\n", "\n"]
            .into_iter()
            .find(|end| raw.get(at..).is_some_and(|rest| rest.starts_with(end)))
            .map_or(0, str::len);
    }
    let mut decoded = 0;
    while decoded < offset {
        let Some(rest) = raw.get(at..) else { break };
        let Some(first) = rest.chars().next() else { break };
        let (taken, made) = match (first, quote.starts_with('"')) {
            ('\\', true) => escape(rest),
            _ => (first.len_utf8(), first.len_utf8()),
        };
        at += taken;
        decoded += made;
    }
    span.start + at.min(raw.len())
}

/// Returns how many bytes an escape takes, and how many bytes it stands for.
fn escape(rest: &str) -> (usize, usize) {
    let digits = |count: usize| {
        let code = rest.get(2..2 + count).and_then(|code| u32::from_str_radix(code, 16).ok());
        (2 + count, code.and_then(char::from_u32).map_or(1, char::len_utf8))
    };
    match rest.as_bytes().get(1) {
        Some(b'u') => digits(4),
        Some(b'U') => digits(8),
        Some(b'x') => digits(2),
        // A backslash at the end of a line takes the white space behind it along.
        Some(b' ' | b'\t' | b'\r' | b'\n') => {
            let after = rest.get(1..).unwrap_or_default();
            (rest.len() - after.trim_start_matches([' ', '\t', '\r', '\n']).len(), 0)
        }
        _ => (2, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(literal: &str, offset: usize) -> usize {
        within(&format!("a = {literal}"), &(4..4 + literal.len()), offset) - 4
    }

    #[test]
    fn strings_are_counted_as_they_are_written() {
        for (literal, offset, expected) in [
            ("'input.x'", 6, 7),
            ("\"input.x\"", 6, 7),
            ("'''\ninput'''", 0, 4),
            ("'''input'''", 2, 5),
            (r#""\"a\" + b""#, 6, 9),
            (r#""\u00e9 + b""#, 5, 10),
            (r#""é + b""#, 5, 6),
            ("\"\"\"a \\\n   + b\"\"\"", 4, 12),
            ("'a'", 99, 3),
        ] {
            assert_eq!(at(literal, offset), expected, "{literal} {offset}");
        }
    }

    #[test]
    fn what_is_not_there_is_where_the_nearest_is() {
        let text =
            "[workflows.t.nodes.a]\nwith = { 'x.y' = 'input' }\n[[workflows.t.nodes.a.route.cases]]\nwhen = 'true'\n";
        let places = Places::of(text, vec!["workflows", "t"]);
        let shown = |node: &str, key: &str| text.get(places.find(node, key, None)).unwrap().to_owned();
        assert_eq!(shown("a", "with.x.y"), "'input'");
        assert_eq!(shown("a", "route.cases.0.when"), "'true'");
        assert_eq!(shown("a", "route.cases.7.when"), "[[workflows.t.nodes.a.route.cases]]");
        assert_eq!(shown("a", ""), "a");
        assert_eq!(shown("b", "x"), "nodes");
        assert_eq!(shown("", "stop"), "t");
        let inside = places.find("a", "with.x.y", Some(&(2..4)));
        assert_eq!(text.get(inside), Some("pu"));
    }
}
