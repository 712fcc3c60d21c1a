// SPDX-License-Identifier: MIT OR Apache-2.0
//! Draws workflows: as Mermaid, as DOT, and as SVG.
//!
//! All three show the same [`Graph`]. A node is an item; a node that owns others is an item that holds them. Lines connect
//! only items that stand beside each other, because nodes wait only for nodes of their own graph: so what an item holds can be
//! arranged by itself, and items never cover each other. The same workflow gives the same text, byte for byte.

mod arrange;
mod dot;
mod graph;
mod layers;
mod layout;
mod mermaid;
mod svg;

#[cfg(test)]
mod tests;

/// How many letters of a text are drawn in one line.
const LETTERS_MAX: usize = 48;

/// What is drawn of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// The name of the workflow.
    pub(crate) name: String,
    /// The items; one that holds others comes before them.
    pub(crate) items: Vec<Item>,
    /// The lines between items that stand beside each other.
    pub(crate) lines: Vec<Line>,
}

/// A node as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Item {
    /// Its name.
    pub(crate) title: String,
    /// What it is, and calls.
    pub(crate) detail: String,
    /// What it is for the item that holds it; empty if there is nothing to say.
    pub(crate) role: String,
    /// The word for its kind.
    pub(crate) word: &'static str,
    /// The item that holds it.
    pub(crate) holder: Option<usize>,
    /// Whether it holds others.
    pub(crate) is_group: bool,
}

/// A line from one item to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    /// From which item.
    pub(crate) from: usize,
    /// To which item.
    pub(crate) to: usize,
    /// What it says.
    pub(crate) means: Means,
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Means {
    /// The second is given what the first came to.
    Data,
    /// The second comes after the first.
    Order,
    /// The first may turn to the second.
    Maybe,
}

// === impl Graph ===

impl Graph {
    /// Returns the text of a Mermaid flowchart.
    #[must_use]
    pub fn mermaid(&self) -> String {
        mermaid::write(self)
    }

    /// Returns the text of a graph for Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        dot::write(self)
    }

    /// Returns a picture, as SVG without scripts and without references to anything outside.
    #[must_use]
    pub fn svg(&self) -> String {
        svg::write(self)
    }

    /// Returns, for each item, those that it holds, and those that none holds.
    fn held(&self) -> (Vec<Vec<usize>>, Vec<usize>) {
        let mut held = vec![Vec::new(); self.items.len()];
        let mut top = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            match item.holder.and_then(|holder| held.get_mut(holder)) {
                Some(inside) => inside.push(index),
                None => top.push(index),
            }
        }
        (held, top)
    }
}

// === impl Item ===

impl Item {
    /// Returns its lines of text that are not empty, the title first.
    fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.title, &self.detail, &self.role].into_iter().map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// Cuts a text to what is drawn of it, in one line.
fn clipped(text: &str) -> String {
    let mut letters = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut clipped: String = letters.by_ref().take(LETTERS_MAX).collect();
    if letters.next().is_some() {
        clipped.push('…');
    }
    clipped
}

/// Returns the element at an index, which is known to be there.
fn at<T: Copy + Default>(list: &[T], index: usize) -> T {
    list.get(index).copied().unwrap_or_default()
}

/// Changes the element at an index, which is known to be there.
fn set<T>(list: &mut [T], index: usize, value: T) {
    if let Some(element) = list.get_mut(index) {
        *element = value;
    }
}
