// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random workflows over the other programs of a plan: every pattern, in each other, with all that is done around nodes.
//!
//! Whoever decides something in them is an expression, so that the patterns go their ways; whoever works is a program of the
//! plan, so that crashes, refusals and budgets come in between.

use priory_testkit::sim::SimRng;
use serde_json::{Map, Value, json};

/// How deep patterns stand in each other.
const LEVELS: u32 = 2;

/// A random workflow.
#[derive(Debug, Clone)]
pub struct Flow {
    /// What it says, as it is kept.
    pub bytes: Vec<u8>,
    /// Whom it calls, and how often at most.
    pub calls: Vec<(String, u64)>,
}

/// Draws a workflow whose nodes call some programs.
///
/// Where it is steady, nothing in it goes on side by side: the number of an effect is part of the seed of the frame below it,
/// so what programs do that look at their seed depends on who was first.
pub fn draw(rng: &SimRng, callees: &[String], is_steady: bool) -> Flow {
    let mut writer = Writer { rng, callees, is_steady, nodes: Map::new(), calls: Vec::new() };
    let most = if is_steady { 1 } else { 3 };
    let top: Vec<String> = (0..=rng.index(most)).map(|_| writer.node(LEVELS, 1)).collect();
    // A node that needs another one, by its output.
    writer.add(json!({ "kind": { "value": { "first": top.first(), "all": format!("size(string({}))", sum(&top)) } } }));
    let state = json!({ "append0": { "rule": "append" } });
    let definition = json!({
        "name": "flow", "context-bytes": 40, "state": state, "nodes": writer.nodes,
        "stop": { "steps": 60 },
    });
    Flow { bytes: definition.to_string().into_bytes(), calls: writer.calls }
}

/// An expression over the outputs of some nodes.
fn sum(nodes: &[String]) -> String {
    format!("[{}]", nodes.join(", "))
}

struct Writer<'a> {
    rng: &'a SimRng,
    callees: &'a [String],
    is_steady: bool,
    nodes: Map<String, Value>,
    calls: Vec<(String, u64)>,
}

impl Writer<'_> {
    fn add(&mut self, node: Value) -> String {
        let name = format!("n{}", self.nodes.len());
        self.nodes.insert(name.clone(), node);
        name
    }

    fn several(&mut self, levels: u32, times: u64) -> Vec<String> {
        (0..2 + self.rng.index(2)).map(|_| self.node(levels, times)).collect()
    }

    fn node(&mut self, levels: u32, times: u64) -> String {
        if levels == 0 || self.rng.percent(30) {
            return self.leaf(times);
        }
        let below = levels - 1;
        let width = if self.is_steady { 1 } else { 2 };
        let kind = match if self.is_steady { self.rng.below(4) } else { 1 + self.rng.below(14) } {
            0 | 14 => json!({ "sequence": self.several(below, times) }),
            1 => {
                json!({ "map": { "over": "[1, 2, 3]", "body": self.node(below, times * 3), "width": width, "settle": "keep" } })
            }
            2 => {
                let (one, other) = (self.node(below, times), self.node(below, times));
                json!({ "route": { "cases": [{ "when": "given == null", "node": one }], "default": other } })
            }
            3 => {
                let body = self.node(below, times * 3);
                json!({ "loop": { "body": body, "until": "round == 2", "rounds": 3 } })
            }
            4 => json!({ "parallel": { "branches": self.several(below, times), "settle": "keep" } }),
            5 => self.graph(below, times),
            6 => json!({ "parallel": { "branches": self.several(below, times), "settle": { "quorum": 1 } } }),
            7 => json!({ "compete": { "contenders": self.several(below, times) } }),
            8 => {
                json!({ "compete": { "contenders": self.several(below, times), "pick": { "score": "size(string(output))" } } })
            }
            9 => {
                json!({ "vote": { "voters": self.several(below, times), "choice": "string(output).size() > 10 ? 'a' : 'b'" } })
            }
            10 => self.supervisor(times),
            11 => self.handoff(times),
            12 => self.talk(times),
            _ => self.plan(times),
        };
        let node = self.around(kind);
        self.add(node)
    }

    fn graph(&mut self, below: u32, times: u64) -> Value {
        let first = self.node(below, times);
        let second = self.node(below, times);
        let third = self.add(json!({ "kind": { "value": format!("[{first}, {second}]") } }));
        json!({ "graph": { "nodes": [first, second, third] } })
    }

    /// A call of a program, or a value.
    fn leaf(&mut self, times: u64) -> String {
        let callee = self.callees.get(self.rng.index(self.callees.len())).cloned();
        let kind = match (self.rng.below(10), callee) {
            (0..4, Some(callee)) => {
                self.calls.push((callee.clone(), times * 3));
                json!({ "tool": format!("{callee}.work") })
            }
            (4..8, Some(callee)) => {
                self.calls.push((callee.clone(), times * 3));
                json!({ "agent": callee })
            }
            _ => json!({ "value": "given == null ? 1 : given" }),
        };
        let mut node = self.around(kind);
        if let Some(fields) = node.as_object_mut() {
            fields.insert(
                "with".to_owned(),
                json!({ "given": "given", "much": "'0123456789012345678901234567890123456789'" }),
            );
        }
        self.add(node)
    }

    /// Adds what is done around a node.
    fn around(&mut self, kind: Value) -> Value {
        let mut node = json!({ "kind": kind });
        let Some(fields) = node.as_object_mut() else { return node };
        let rng = self.rng;
        if rng.percent(70) {
            fields.insert("on-failure".to_owned(), json!("keep"));
        }
        if rng.percent(20) {
            let retry = json!({ "times": 1, "backoff-ms": 5, "factor": 1.0, "backoff-ms-max": 9, "jitter": 0.5, "on": ["other"] });
            fields.insert("retry".to_owned(), retry);
        }
        if rng.percent(10) {
            fields.insert("write".to_owned(), json!({ "append0": "size(string(output))" }));
        }
        if rng.percent(8) {
            let undo = self.add(json!({ "kind": { "value": "given" } }));
            fields.insert("undo".to_owned(), json!({ "node": undo }));
        }
        if rng.percent(8) {
            let instead = self.add(json!({ "kind": { "value": "'instead'" } }));
            fields.insert("fallback".to_owned(), json!([instead]));
        }
        if rng.percent(6) {
            fields.insert("when".to_owned(), json!("given == null"));
        }
        if !self.is_steady && rng.percent(8) {
            fields.insert("timeout-ms".to_owned(), json!(1 + rng.below(200)));
        }
        node
    }

    fn supervisor(&mut self, times: u64) -> Value {
        let workers = [self.leaf(times * 2), self.leaf(times * 2)];
        let picked = workers.get(self.rng.index(2)).cloned().unwrap_or_default();
        let next = format!("{{'next': '{picked}', 'input': given.turn}}");
        let manager =
            self.add(json!({ "kind": { "value": format!("given.turn > 2 ? {{'done': given.turn}} : {next}") } }));
        json!({ "supervisor": { "manager": manager, "workers": workers, "turns": 4 } })
    }

    fn handoff(&mut self, times: u64) -> Value {
        let last = self.leaf(times);
        let first =
            self.add(json!({ "kind": { "value": format!("{{'handoff': {{'to': '{last}', 'knows': {{'k': 1}}}}}}") } }));
        json!({ "handoff": { "peers": [first, last], "first": first, "handoffs": 3 } })
    }

    fn talk(&mut self, times: u64) -> Value {
        let speaker = |name: &str, node: String| json!({ "name": name, "node": node });
        let speakers = [speaker("x", self.leaf(times * 2)), speaker("y", self.leaf(times * 2))];
        json!({ "conversation": { "speakers": speakers, "turns-max": 4, "window": 2, "until": "turn == 3" } })
    }

    fn plan(&mut self, times: u64) -> Value {
        let worker = self.leaf(times * 4);
        let task =
            |id: &str, needs: &str| format!("{{'id': '{id}', 'worker': '{worker}', 'input': 1, 'needs': [{needs}]}}");
        let tasks = format!("{{'tasks': [{}, {}]}}", task("t", ""), task("u", "'t'"));
        let planner = format!("given.round > 1 ? {{'done': size(given.done)}} : {tasks}");
        let planner = self.add(json!({ "kind": { "value": planner } }));
        json!({ "plan": { "planner": planner, "workers": [worker], "width": 2, "rounds": 4, "tasks": 8 } })
    }
}
