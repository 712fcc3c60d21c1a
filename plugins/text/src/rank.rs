// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rank of the nodes of a weighted graph, as TextRank uses it (Mihalcea and Tarau, 2004).

/// How much of its rank a node passes on.
const DAMPING: f64 = 0.85;
/// How often ranks are passed on; they hardly change after that.
const ROUNDS: usize = 30;

/// A weighted graph without directions.
pub(crate) struct Graph {
    /// Of each node, its neighbours and the weights of the edges to them.
    edges: Vec<Vec<(usize, f64)>>,
}

impl Graph {
    /// Makes a graph without edges.
    pub(crate) fn new(nodes: usize) -> Self {
        Self { edges: vec![Vec::new(); nodes] }
    }

    /// Adds an edge. Nodes that do not exist, and weights of nothing, are left out.
    pub(crate) fn connect(&mut self, a: usize, b: usize, weight: f64) {
        if a == b || a.max(b) >= self.edges.len() || weight <= 0.0 {
            return;
        }
        for (from, to) in [(a, b), (b, a)] {
            if let Some(edges) = self.edges.get_mut(from) {
                match edges.iter_mut().find(|(node, _)| *node == to) {
                    Some((_, sum)) => *sum += weight,
                    None => edges.push((to, weight)),
                }
            }
        }
    }

    /// Adds an edge that is known to be new, which is faster.
    pub(crate) fn connect_once(&mut self, a: usize, b: usize, weight: f64) {
        for (from, to) in [(a, b), (b, a)] {
            if let Some(edges) = self.edges.get_mut(from) {
                edges.push((to, weight));
            }
        }
    }

    /// Returns the rank of each node; the highest is 1.
    pub(crate) fn ranks(&self) -> Vec<f64> {
        let totals: Vec<f64> = self.edges.iter().map(|edges| edges.iter().map(|(_, weight)| weight).sum()).collect();
        let mut ranks = vec![1.0; self.edges.len()];
        for _ in 0..ROUNDS {
            let shares: Vec<f64> =
                ranks.iter().zip(&totals).map(|(rank, total)| if *total > 0.0 { rank / total } else { 0.0 }).collect();
            let received = |edges: &Vec<(usize, f64)>| -> f64 {
                edges.iter().map(|(node, weight)| weight * shares.get(*node).copied().unwrap_or(0.0)).sum()
            };
            ranks = self.edges.iter().map(|edges| 1.0 - DAMPING + DAMPING * received(edges)).collect();
        }
        scaled(ranks)
    }
}

/// Divides by the highest, so that it becomes 1.
pub(crate) fn scaled(mut values: Vec<f64>) -> Vec<f64> {
    let highest = values.iter().copied().fold(0.0, f64::max);
    if highest > 0.0 {
        values.iter_mut().for_each(|value| *value /= highest);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_in_the_middle_ranks_highest() {
        let mut graph = Graph::new(4);
        for node in [1, 2, 3] {
            graph.connect(0, node, 1.0);
        }
        let ranks = graph.ranks();
        assert_eq!(ranks[0], 1.0);
        assert!(ranks[1] < 1.0 && ranks[1] == ranks[2] && ranks[2] == ranks[3]);
    }

    #[test]
    fn heavier_edges_carry_more() {
        let mut graph = Graph::new(3);
        graph.connect(0, 1, 1.0);
        graph.connect(0, 2, 1.0);
        graph.connect(0, 2, 2.0);
        let ranks = graph.ranks();
        assert!(ranks[2] > ranks[1]);
    }

    #[test]
    fn edges_that_make_no_sense_change_nothing() {
        let mut graph = Graph::new(2);
        graph.connect(0, 0, 1.0);
        graph.connect(0, 2, 1.0);
        graph.connect(0, 1, 0.0);
        assert_eq!(graph.ranks(), [1.0, 1.0]);
        assert!(Graph::new(0).ranks().is_empty());
    }
}
