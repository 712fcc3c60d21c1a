// SPDX-License-Identifier: MIT OR Apache-2.0
//! The names of a record, variant, enum or flags, made ready to be found and written.

use crate::values::encode::quoted;

/// Up to this many names are looked through one by one; that is faster than a search.
const SCAN_MAX: usize = 8;

/// How many names a message lists.
const LISTED_MAX: usize = 12;

/// How long a text from outside may be to be quoted in a message, and to be compared with what could be meant.
const SHOWN_CHARS_MAX: usize = 64;

/// How alike two names must be for one to be suggested for the other.
const LIKENESS_MIN: f64 = 0.8;

/// Names in the order of their declaration.
#[derive(Debug)]
pub(super) struct Names {
    names: Box<[Name]>,
    /// Positions in alphabetical order, so that a type with thousands of names costs no more than it should.
    sorted: Box<[usize]>,
}

#[derive(Debug)]
struct Name {
    text: Box<str>,
    /// As a JSON string.
    quoted: Box<str>,
}

// === impl Names ===

impl Names {
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let names: Box<[Name]> = texts.map(|text| Name { text: text.into(), quoted: quoted(text).into() }).collect();
        let mut order: Vec<(&str, usize)> = names.iter().enumerate().map(|(at, name)| (&*name.text, at)).collect();
        order.sort_unstable();
        let sorted = order.into_iter().map(|(_, at)| at).collect();
        Self { names, sorted }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &*name.text)
    }

    /// Returns a name, or an empty text where there is none.
    pub(super) fn text(&self, at: usize) -> &str {
        self.names.get(at).map_or("", |name| &name.text)
    }

    /// Returns a name as a JSON string.
    pub(super) fn quoted(&self, at: usize) -> &str {
        self.names.get(at).map_or("\"\"", |name| &name.quoted)
    }

    /// Finds a name; `guess` is looked at first.
    pub(super) fn find(&self, text: &str, guess: usize) -> Option<usize> {
        if self.names.get(guess).is_some_and(|name| *name.text == *text) {
            return Some(guess);
        }
        if self.names.len() <= SCAN_MAX {
            return self.names.iter().position(|name| *name.text == *text);
        }
        let found = self.sorted.binary_search_by(|at| self.text(*at).cmp(text)).ok()?;
        self.sorted.get(found).copied()
    }

    /// Says what could have been meant: one name that is alike, or the list of all.
    pub(super) fn suggestion(&self, text: &str) -> String {
        if let Some(meant) = self.nearest(text) {
            return format!("did you mean `{meant}`?");
        }
        if self.names.is_empty() {
            return "there are none".to_owned();
        }
        format!("there are {}", self.listed())
    }

    /// Lists the names, the first of them where they are many.
    pub(super) fn listed(&self) -> String {
        let mut list = self.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        if let Some(more) = self.len().checked_sub(LISTED_MAX).filter(|more| *more > 0) {
            list.push_str(&format!(" and {more} more"));
        }
        list
    }

    fn nearest(&self, text: &str) -> Option<&str> {
        if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
            return None;
        }
        // Other languages write the same name with another separator or in another case.
        let plain = |name: &str| name.replace(['-', '_', ' '], "").to_ascii_lowercase();
        let wanted = plain(text);
        let likeness = |name: &str| strsim::jaro_winkler(&plain(name), &wanted);
        let (best, name) =
            self.iter().map(|name| (likeness(name), name)).max_by(|left, right| left.0.total_cmp(&right.0))?;
        (best >= LIKENESS_MIN).then_some(name)
    }
}

/// Shortens a text from outside so that it can stand in a message.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
