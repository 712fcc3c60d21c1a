// SPDX-License-Identifier: MIT OR Apache-2.0
//! Puts boxes into layers, so that lines go down, and orders each layer, so that they cross seldom.

use super::{at, set};

/// How many layers a line may cross and still be led around the boxes there; a longer one goes straight.
const LED_LAYERS_MAX: usize = 32;

/// How many bends the lines of one arrangement may have for each of its boxes; a bend is arranged as a box is.
const BENDS_PER_BOX_MAX: usize = 4;

/// How often each layer is ordered by its neighbours; after a few times little changes.
const SWEEPS: usize = 6;

/// Boxes and bends in layers.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// For each layer the cells in it, from the left. Cells below the number of boxes are boxes, those above are bends.
    pub(super) rows: Vec<Vec<usize>>,
    /// For each line the cells that it goes through, from the top.
    pub(super) chains: Vec<Vec<usize>>,
    /// For each line whether it goes up, against its chain.
    pub(super) is_upward: Vec<bool>,
    /// For each cell those that it is connected with in the layer above.
    pub(super) above: Vec<Vec<usize>>,
    /// For each cell those that it is connected with in the layer below.
    pub(super) below: Vec<Vec<usize>>,
}

// === impl Layers ===

impl Layers {
    /// Puts boxes that lines connect into layers; those without lines are in none.
    pub(super) fn of(count: usize, lines: &[(usize, usize)]) -> Self {
        let is_upward = find_upward(count, lines);
        let down: Vec<_> = lines
            .iter()
            .zip(&is_upward)
            .map(|((from, to), is_upward)| if *is_upward { (*to, *from) } else { (*from, *to) })
            .collect();
        let layer = longest_paths(count, &down);
        let mut layers = Self { is_upward, ..Self::default() };
        let mut is_connected = vec![false; count];
        down.iter().for_each(|(from, to)| {
            set(&mut is_connected, *from, true);
            set(&mut is_connected, *to, true);
        });
        for cell in (0..count).filter(|cell| at(&is_connected, *cell)) {
            layers.place(cell, at(&layer, cell));
        }
        let mut cells = count;
        let bends_max = count.saturating_mul(BENDS_PER_BOX_MAX);
        for (from, to) in &down {
            let (first, last) = (at(&layer, *from), at(&layer, *to));
            let mut chain = vec![*from];
            let between = last.saturating_sub(first).saturating_sub(1);
            if between <= LED_LAYERS_MAX && cells.saturating_sub(count).saturating_add(between) <= bends_max {
                for row in first.saturating_add(1)..last {
                    layers.place(cells, row);
                    chain.push(cells);
                    cells = cells.saturating_add(1);
                }
            }
            chain.push(*to);
            layers.chains.push(chain);
        }
        layers.connect(cells);
        for sweep in 0..SWEEPS {
            layers.sweep(cells, sweep % 2 == 0);
        }
        layers
    }

    fn place(&mut self, cell: usize, row: usize) {
        if self.rows.len() <= row {
            self.rows.resize_with(row.saturating_add(1), Vec::new);
        }
        if let Some(row) = self.rows.get_mut(row) {
            row.push(cell);
        }
    }

    fn connect(&mut self, cells: usize) {
        self.above = vec![Vec::new(); cells];
        self.below = vec![Vec::new(); cells];
        for chain in &self.chains {
            for (upper, lower) in chain.iter().zip(chain.iter().skip(1)) {
                if let Some(below) = self.below.get_mut(*upper) {
                    below.push(*lower);
                }
                if let Some(above) = self.above.get_mut(*lower) {
                    above.push(*upper);
                }
            }
        }
    }

    /// Orders each layer by where its cells are connected in the layer before it.
    fn sweep(&mut self, cells: usize, is_down: bool) {
        let mut places = vec![0i64; cells];
        let rows: Vec<usize> =
            if is_down { (0..self.rows.len()).collect() } else { (0..self.rows.len()).rev().collect() };
        for row in rows {
            let Some(row) = self.rows.get_mut(row) else { continue };
            let neighbours = if is_down { &self.above } else { &self.below };
            // Places are counted in thousandths, so that means are ordered and yet whole numbers.
            let mut keyed: Vec<(i64, usize)> = (0i64..)
                .zip(row.iter())
                .map(|(place, cell)| {
                    let near = neighbours.get(*cell).map(Vec::as_slice).unwrap_or_default();
                    let sum: i64 = near.iter().map(|near| at(&places, *near)).sum();
                    let mean = sum.checked_div(i64::try_from(near.len()).unwrap_or(i64::MAX));
                    (mean.unwrap_or_else(|| place.saturating_mul(1000)), *cell)
                })
                .collect();
            keyed.sort_by_key(|(key, _)| *key);
            for (place, (slot, (_, cell))) in (0i64..).zip(row.iter_mut().zip(keyed)) {
                *slot = cell;
                set(&mut places, cell, place.saturating_mul(1000));
            }
        }
    }
}

/// Finds the lines that lead back to where one came from, so that without them nothing goes in a circle.
fn find_upward(count: usize, lines: &[(usize, usize)]) -> Vec<bool> {
    let mut leaving = vec![Vec::new(); count];
    for (index, (from, _)) in lines.iter().enumerate() {
        if let Some(leaving) = leaving.get_mut(*from) {
            leaving.push(index);
        }
    }
    let mut is_upward = vec![false; lines.len()];
    let mut is_open = vec![false; count];
    let mut is_done = vec![false; count];
    for start in 0..count {
        if at(&is_done, start) {
            continue;
        }
        set(&mut is_open, start, true);
        // Which box, and how many of its lines were followed.
        let mut walk = vec![(start, 0usize)];
        while let Some((cell, followed)) = walk.last_mut() {
            let Some(line) = leaving.get(*cell).and_then(|lines| lines.get(*followed)).copied() else {
                set(&mut is_open, *cell, false);
                set(&mut is_done, *cell, true);
                walk.pop();
                continue;
            };
            *followed = followed.saturating_add(1);
            let to = at(lines, line).1;
            if at(&is_open, to) {
                set(&mut is_upward, line, true);
            } else if !at(&is_done, to) {
                set(&mut is_open, to, true);
                walk.push((to, 0));
            }
        }
    }
    is_upward
}

/// Finds how many lines lead to each box at most, one after the other. The lines go in no circle.
fn longest_paths(count: usize, lines: &[(usize, usize)]) -> Vec<usize> {
    let mut entering = vec![0usize; count];
    let mut leaving = vec![Vec::new(); count];
    for (from, to) in lines {
        let before = at(&entering, *to);
        set(&mut entering, *to, before.saturating_add(1));
        if let Some(leaving) = leaving.get_mut(*from) {
            leaving.push(*to);
        }
    }
    let mut layer = vec![0usize; count];
    let mut ready: Vec<usize> = (0..count).filter(|cell| at(&entering, *cell) == 0).collect();
    while let Some(cell) = ready.pop() {
        let next = at(&layer, cell).saturating_add(1);
        for to in leaving.get(cell).into_iter().flatten() {
            let deepest = at(&layer, *to).max(next);
            set(&mut layer, *to, deepest);
            let left = at(&entering, *to).saturating_sub(1);
            set(&mut entering, *to, left);
            if left == 0 {
                ready.push(*to);
            }
        }
    }
    layer
}
