// SPDX-License-Identifier: MIT OR Apache-2.0
//! What holds of every workflow: it comes to what its plain sequential meaning says, in whatever order its effects end; it
//! keeps its bounds; and a large one is no other than a small one.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory_testkit::ScriptedHost;
use priory_testkit::sim::SimRng;
use serde_json::{Value, json};

use super::{call, came, run_on, workflow};

/// A graph of calls: each adds up what those before it came to, and its own number.
struct Graph {
    needs: Vec<Vec<usize>>,
}

impl Graph {
    fn random(chance: &SimRng, count: usize) -> Self {
        let needs = (0..count).map(|node| {
            let most = chance.index(4);
            (0..most.min(node)).map(|_| chance.index(node)).collect()
        });
        Self { needs: needs.collect() }
    }

    fn definition(&self) -> Value {
        let node = |(at, needs): (usize, &Vec<usize>)| {
            let mut sum: Vec<String> = needs.iter().map(|need| format!("n{need}")).collect();
            sum.push(at.to_string());
            let sum = format!("({}) % 1000003", sum.join(" + "));
            (format!("n{at}"), json!({ "kind": { "tool": "t.f" }, "with": { "n": sum } }))
        };
        workflow(self.needs.iter().enumerate().map(node).collect::<serde_json::Map<_, _>>().into())
    }

    /// What each node comes to, one after the other.
    fn meaning(&self) -> Vec<i64> {
        let mut values: Vec<i64> = Vec::new();
        for (at, needs) in self.needs.iter().enumerate() {
            let sum: i64 = needs.iter().map(|need| values[*need]).sum();
            values.push((sum + at as i64) % 1_000_003);
        }
        values
    }

    fn last(&self) -> BTreeMap<String, i64> {
        let values = self.meaning();
        let is_needed = |at: usize| self.needs.iter().any(|needs| needs.contains(&at));
        (0..values.len()).filter(|at| !is_needed(*at)).map(|at| (format!("n{at}"), values[at])).collect()
    }
}

fn check(graph: &Graph, seed: u64) -> Arc<ScriptedHost> {
    let host = Arc::new(ScriptedHost::new(seed, |effect| came(effect, call(effect)?.1["n"].clone())));
    let result = run_on(&graph.definition(), Value::Null, &host).unwrap();
    let last = graph.last();
    let expected = if last.len() == 1 { json!(last.values().next()) } else { json!(last) };
    assert_eq!(result, expected, "seed {seed}");
    host
}

#[test]
fn a_graph_comes_to_what_it_means_in_any_order() {
    for seed in 0..200 {
        let chance = SimRng::new(seed);
        let graph = Graph::random(&chance, 1 + chance.index(30));
        for order in 0..3 {
            let host = check(&graph, seed * 3 + order);
            assert_eq!(host.asked().len(), graph.needs.len(), "each node is called once");
        }
    }
}

#[test]
fn ten_thousand_nodes() {
    let graph = Graph::random(&SimRng::new(4), 10_000);
    let host = check(&graph, 9);
    assert!(host.most_at_once() <= 1_024);
}

#[test]
fn a_thousand_side_by_side() {
    let definition = workflow(json!({
        "all": { "kind": { "map": { "over": "input", "body": "each", "width": 1000 } } },
        "each": { "kind": { "tool": "t.f" }, "with": { "n": "item" } },
        "sum": { "kind": { "value": "size(all)" } },
    }));
    let host = Arc::new(ScriptedHost::new(3, |effect| came(effect, call(effect)?.1["n"].clone())));
    let items: Vec<usize> = (0..1000).collect();
    assert_eq!(run_on(&definition, json!(items), &host), Ok(json!(1000)));
    assert_eq!(host.most_at_once(), 1000);
}

#[test]
fn what_calls_nothing_gives_the_thread_back_and_ends() {
    let definition = workflow(json!({
        "outer": { "kind": { "loop": { "body": "inner", "rounds": 10_000 } } },
        "inner": { "kind": { "loop": { "body": "value", "rounds": 10_000 } } },
        "value": { "kind": { "value": "round" } },
    }));
    let host = Arc::new(ScriptedHost::new(1, |_| None));
    let workflow = Arc::new(super::Workflow::new(definition.to_string().as_bytes()).unwrap());
    let mut execution =
        priory_core::ports::Plugin::execute(workflow, super::order(Value::Null, 1), host, Arc::default());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut polls = 0_u64;
    let result = loop {
        polls += 1;
        if let std::task::Poll::Ready(result) = execution.as_mut().poll(&mut context) {
            break result;
        }
    };
    assert!(matches!(result, Err(priory_core::Failure::Limit(hit)) if hit.allowed == 1_000_000));
    assert!(polls > 100_000, "whoever polls it had its turn {polls} times");
}

#[test]
fn values_that_are_made_are_bounded() {
    let definition = workflow(json!({
        "all": { "kind": { "map": { "over": "lists.range(1000)", "body": "large", "width": 8 } } },
        "large": { "kind": { "value": "input + string(item)" } },
    }));
    let host = Arc::new(ScriptedHost::new(1, |_| None));
    let result = run_on(&definition, json!("x".repeat(1 << 20)), &host);
    assert!(
        matches!(result, Err(priory_core::Failure::Limit(hit)) if hit.dimension == priory_core::Dimension::TotalBytes)
    );
}
