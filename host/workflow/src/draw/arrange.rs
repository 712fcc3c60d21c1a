// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arranges boxes beside and below each other: those that lines connect in layers, the others in rows below them.

use super::layers::Layers;
use super::{at, set};

/// The space between boxes of one layer, in pixels.
const BESIDE: i64 = 28;

/// The space between layers.
const BELOW: i64 = 46;

/// The space that a line takes where it passes a layer.
const BEND_WIDTH: i64 = 8;

/// How wide rows of boxes without lines are at least before another row begins.
const ROW_WIDTH: i64 = 960;

/// How often the layers are moved towards their neighbours.
const MOVES: usize = 6;

/// Where boxes are, from the corner that is above and to the left of all of them.
#[derive(Debug, Default)]
pub(super) struct Arranged {
    /// The upper left corner of each box.
    pub(super) corners: Vec<(i64, i64)>,
    /// The points through which each line goes, in its direction.
    pub(super) routes: Vec<Vec<(i64, i64)>>,
    /// How wide and high it is altogether.
    pub(super) size: (i64, i64),
}

/// Arranges boxes of these sizes with these lines between them.
pub(super) fn arrange(sizes: &[(i64, i64)], lines: &[(usize, usize)]) -> Arranged {
    let layers = Layers::of(sizes.len(), lines);
    let width = |cell: usize| if cell < sizes.len() { at(sizes, cell).0 } else { BEND_WIDTH };
    let mut heights: Vec<i64> = sizes.iter().map(|(_, height)| *height).collect();
    heights.resize(layers.above.len().max(sizes.len()), 0);
    let mut lefts = spread(&layers, width);
    let mut tops = vec![0i64; layers.above.len().max(sizes.len())];
    lefts.resize(tops.len(), 0);
    let (mut bottom, mut right) = (0i64, 0i64);
    for row in &layers.rows {
        let tallest = row.iter().map(|cell| at(&heights, *cell)).max().unwrap_or_default();
        for cell in row {
            // A line passes the whole layer before it turns, or it would cut the corners of boxes.
            if *cell >= sizes.len() {
                set(&mut heights, *cell, tallest);
            }
            // What is lower than its neighbours is in the middle of the layer.
            set(&mut tops, *cell, bottom.saturating_add((tallest - at(&heights, *cell)) / 2));
            right = right.max(at(&lefts, *cell).saturating_add(width(*cell)));
        }
        bottom = bottom.saturating_add(tallest).saturating_add(BELOW);
    }
    let mut is_placed = vec![false; sizes.len()];
    layers.rows.iter().flatten().for_each(|cell| set(&mut is_placed, *cell, true));
    let alone: Vec<usize> = (0..sizes.len()).filter(|cell| !at(&is_placed, *cell)).collect();
    let height = |cell: usize| at(&heights, cell);
    let area: i64 = alone.iter().map(|cell| (width(*cell) + BESIDE).saturating_mul(height(*cell) + BELOW)).sum();
    let widest = right.max(ROW_WIDTH).max(area.isqrt().saturating_mul(3) / 2);
    let (mut left, mut tallest) = (0i64, 0i64);
    for cell in alone {
        if left > 0 && left.saturating_add(width(cell)) > widest {
            bottom = bottom.saturating_add(tallest).saturating_add(BELOW / 2);
            (left, tallest) = (0, 0);
        }
        set(&mut lefts, cell, left);
        set(&mut tops, cell, bottom);
        right = right.max(left.saturating_add(width(cell)));
        left = left.saturating_add(width(cell)).saturating_add(BESIDE);
        tallest = tallest.max(height(cell));
    }
    // The last layer has nothing below it.
    let bottom = if tallest > 0 { bottom.saturating_add(tallest) } else { (bottom - BELOW).max(0) };
    let middle = |cell: usize| at(&lefts, cell).saturating_add(width(cell) / 2);
    let route = |(chain, is_upward): (&Vec<usize>, &bool)| {
        let last = chain.len().saturating_sub(1);
        let mut points: Vec<(i64, i64)> = Vec::new();
        for (place, cell) in chain.iter().enumerate() {
            let top = at(&tops, *cell);
            match place {
                0 => points.push((middle(*cell), top.saturating_add(height(*cell)))),
                _ => points.push((middle(*cell), top)),
            }
            if place > 0 && place < last {
                points.push((middle(*cell), top.saturating_add(height(*cell))));
            }
        }
        points.dedup();
        if *is_upward {
            points.reverse();
        }
        points
    };
    let routes = layers.chains.iter().zip(&layers.is_upward).map(route).collect();
    let corners = (0..sizes.len()).map(|cell| (at(&lefts, cell), at(&tops, cell))).collect();
    Arranged { corners, routes, size: (right, bottom) }
}

/// Finds the left edge of each cell: as near as may be to the middle of those that it is connected with.
fn spread(layers: &Layers, width: impl Fn(usize) -> i64) -> Vec<i64> {
    let mut lefts = vec![0i64; layers.above.len()];
    for row in &layers.rows {
        let mut left = 0i64;
        for cell in row {
            set(&mut lefts, *cell, left);
            left = left.saturating_add(width(*cell)).saturating_add(BESIDE);
        }
    }
    for turn in 0..MOVES {
        let is_down = turn % 2 == 0;
        let neighbours = if is_down { &layers.above } else { &layers.below };
        let rows: Vec<&Vec<usize>> =
            if is_down { layers.rows.iter().collect() } else { layers.rows.iter().rev().collect() };
        for row in rows {
            let wanted: Vec<i64> = row
                .iter()
                .map(|cell| {
                    let near = neighbours.get(*cell).map(Vec::as_slice).unwrap_or_default();
                    let middles = near.iter().map(|near| at(&lefts, *near).saturating_add(width(*near) / 2));
                    let mean = middles.sum::<i64>().checked_div(i64::try_from(near.len()).unwrap_or(i64::MAX));
                    mean.map_or_else(|| at(&lefts, *cell), |middle| middle.saturating_sub(width(*cell) / 2))
                })
                .collect();
            // Moved to the right as far as those before need, and to the left as far as those behind need: between these two,
            // nothing covers anything either.
            let mut rightmost = Vec::with_capacity(row.len());
            let mut free = i64::MIN;
            for (cell, wanted) in row.iter().zip(&wanted) {
                let left = (*wanted).max(free);
                rightmost.push(left);
                free = left.saturating_add(width(*cell)).saturating_add(BESIDE);
            }
            let mut free = i64::MAX;
            for ((cell, wanted), right) in row.iter().zip(&wanted).zip(&rightmost).rev() {
                let left = (*wanted).min(free.saturating_sub(width(*cell)));
                free = left.saturating_sub(BESIDE);
                set(&mut lefts, *cell, left.saturating_add(*right).div_euclid(2));
            }
        }
    }
    let least = layers.rows.iter().flatten().map(|cell| at(&lefts, *cell)).min().unwrap_or_default();
    lefts.iter_mut().for_each(|left| *left = left.saturating_sub(least));
    lefts
}
