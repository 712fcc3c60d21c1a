// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who runs when: a node runs as soon as those that it needs have ended. Nothing waits for a slow neighbour.

use std::collections::HashMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::broken::Broken;
use super::execution::Execution;
use crate::expression::{Scope, Value};

/// What the nodes of a graph came to, by name.
pub(crate) type Outputs<'a> = HashMap<&'a str, Value>;

impl Execution {
    /// Runs the nodes of a graph. The first of them that fails, and is not kept, is the failure of the whole.
    pub(crate) async fn graph<'a>(
        &'a self,
        nodes: &'a [String],
        scope: &Scope,
        given: &Value,
    ) -> Result<Outputs<'a>, Broken> {
        let tree = &self.workflow.tree;
        let mut missing: HashMap<&str, usize> = HashMap::with_capacity(nodes.len());
        let mut needed_by: HashMap<&str, Vec<&'a str>> = HashMap::new();
        let mut ready: Vec<&'a str> = Vec::new();
        for node in nodes {
            let needs = tree.needs(node);
            missing.insert(node, needs.len());
            needs.iter().for_each(|need| needed_by.entry(need).or_default().push(node));
            if needs.is_empty() {
                ready.push(node);
            }
        }
        let mut outputs: Outputs<'a> = HashMap::with_capacity(nodes.len());
        let mut running = FuturesUnordered::new();
        loop {
            for node in ready.drain(..) {
                let mut inner = scope.child();
                for need in tree.needs(node) {
                    inner.set(need, outputs.get(need.as_str()).cloned().unwrap_or_default());
                }
                let output = self.node(node, inner, given.clone());
                running.push(async move { (node, output.await) });
            }
            let Some((node, output)) = running.next().await else { return Ok(outputs) };
            outputs.insert(node, output?);
            for next in needed_by.get(node).into_iter().flatten() {
                if let Some(count) = missing.get_mut(next) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.push(next);
                    }
                }
            }
        }
    }

    /// Returns what a graph comes to where it does not say: the output of its only last node, or all of those of its last
    /// nodes by name.
    pub(crate) fn last_outputs(&self, nodes: &[String], outputs: &Outputs<'_>) -> Value {
        let output = |node: &str| outputs.get(node).cloned().unwrap_or_default();
        match self.workflow.tree.last(nodes).as_slice() {
            [only] => output(only),
            several => Value::map(several.iter().map(|node| ((*node).into(), output(node)))),
        }
    }
}
