// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds where each item of a graph is drawn: what an item holds is arranged first, then the item among others.

use super::arrange::{Arranged, arrange};
use super::{Graph, Item, at, set};

/// The height of a line of text, in pixels.
pub(super) const TEXT_HEIGHT: i64 = 16;

/// The space between the edge of an item and what is in it.
pub(super) const INSET: i64 = 16;

/// How wide a letter is drawn, about.
const LETTER_WIDTH: i64 = 7;

/// How wide an item is at least.
const ITEM_WIDTH: i64 = 88;

/// A rectangle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: i64,
    pub(super) top: i64,
    pub(super) width: i64,
    pub(super) height: i64,
}

/// Where everything is drawn.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The area of each item.
    pub(super) areas: Vec<Area>,
    /// The points through which each line goes.
    pub(super) routes: Vec<Vec<(i64, i64)>>,
    /// How wide and high it is altogether.
    pub(super) size: (i64, i64),
}

/// Finds where everything is drawn.
pub(super) fn layout(graph: &Graph) -> Layout {
    let (held, top) = graph.held();
    let count = graph.items.len();
    let mut layout =
        Layout { areas: vec![Area::default(); count], routes: vec![Vec::new(); graph.lines.len()], size: (0, 0) };
    // The lines among what each item holds; the last are those at the top.
    let mut lines = vec![Vec::new(); count.saturating_add(1)];
    for (index, line) in graph.lines.iter().enumerate() {
        let holder = graph.items.get(line.from).and_then(|item| item.holder).unwrap_or(count);
        if let Some(lines) = lines.get_mut(holder) {
            lines.push(index);
        }
    }
    // Items come before what they hold, so what is held has its size when its holder needs it.
    for (index, item) in graph.items.iter().enumerate().rev() {
        let inside = held.get(index).map(Vec::as_slice).unwrap_or_default();
        let (mut width, mut height) = text_size(item);
        if !inside.is_empty() {
            let offset = (INSET, height);
            let (inner, lower) = layout.put(graph, inside, lines.get(index), offset);
            layout.shift(inside, lines.get(index), width.saturating_sub(inner).saturating_sub(2 * INSET).max(0) / 2);
            width = width.max(inner.saturating_add(2 * INSET));
            height = height.saturating_add(lower).saturating_add(INSET);
        }
        set(&mut layout.areas, index, Area { width, height, ..Area::default() });
    }
    let (width, height) = layout.put(graph, &top, lines.get(count), (INSET, INSET));
    layout.size = (width.saturating_add(2 * INSET), height.saturating_add(2 * INSET));
    // Until here places were those inside the holder.
    for (index, item) in graph.items.iter().enumerate() {
        if let Some(holder) = item.holder {
            let (holder, mut area) = (at(&layout.areas, holder), at(&layout.areas, index));
            area.left = area.left.saturating_add(holder.left);
            area.top = area.top.saturating_add(holder.top);
            set(&mut layout.areas, index, area);
        }
    }
    for (line, route) in graph.lines.iter().zip(&mut layout.routes) {
        let holder = graph.items.get(line.from).and_then(|item| item.holder);
        let corner = holder.map(|holder| at(&layout.areas, holder)).unwrap_or_default();
        route
            .iter_mut()
            .for_each(|point| *point = (point.0.saturating_add(corner.left), point.1.saturating_add(corner.top)));
    }
    layout
}

/// Returns how wide and high the text of an item is drawn, with the space around it.
fn text_size(item: &Item) -> (i64, i64) {
    let widest = item.texts().map(letters).max().unwrap_or_default().saturating_mul(LETTER_WIDTH);
    let lines = i64::try_from(item.texts().count()).unwrap_or_default();
    (widest.saturating_add(INSET + 8).max(ITEM_WIDTH), lines.saturating_mul(TEXT_HEIGHT).saturating_add(INSET))
}

/// Counts letters as wide as they are drawn: those of some scripts are twice as wide.
fn letters(text: &str) -> i64 {
    text.chars().map(|letter| if u32::from(letter) >= 0x1100 { 2 } else { 1 }).sum()
}

// === impl Layout ===

impl Layout {
    /// Arranges items beside each other, and returns how wide and high that is.
    fn put(&mut self, graph: &Graph, items: &[usize], lines: Option<&Vec<usize>>, offset: (i64, i64)) -> (i64, i64) {
        let sizes: Vec<_> =
            items.iter().map(|item| at(&self.areas, *item)).map(|area| (area.width, area.height)).collect();
        let lines = lines.map(Vec::as_slice).unwrap_or_default();
        // What an item holds is in the order of the items, so its place is found by halving.
        let place = |item: usize| items.binary_search(&item).ok();
        let found: Vec<_> = lines
            .iter()
            .filter_map(|index| {
                let line = graph.lines.get(*index)?;
                Some((*index, (place(line.from)?, place(line.to)?)))
            })
            .collect();
        let ends: Vec<_> = found.iter().map(|(_, ends)| *ends).collect();
        let Arranged { corners, routes, size } = arrange(&sizes, &ends);
        for (item, corner) in items.iter().zip(corners) {
            if let Some(area) = self.areas.get_mut(*item) {
                area.left = corner.0.saturating_add(offset.0);
                area.top = corner.1.saturating_add(offset.1);
            }
        }
        for ((index, _), mut route) in found.into_iter().zip(routes) {
            route.iter_mut().for_each(|point| *point = (point.0 + offset.0, point.1 + offset.1));
            set(&mut self.routes, index, route);
        }
        size
    }

    /// Moves items and the lines between them to the right.
    fn shift(&mut self, items: &[usize], lines: Option<&Vec<usize>>, by: i64) {
        for item in items {
            if let Some(area) = self.areas.get_mut(*item) {
                area.left = area.left.saturating_add(by);
            }
        }
        for line in lines.into_iter().flatten() {
            for point in self.routes.get_mut(*line).into_iter().flatten() {
                point.0 = point.0.saturating_add(by);
            }
        }
    }
}
