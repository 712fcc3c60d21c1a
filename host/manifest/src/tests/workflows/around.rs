// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done around nodes, and cannot be.

use super::said;

/// Workflows with what is said of each.
const CASES: [(&str, &str); 20] = [
    (
        "nodes.a = { agent = 'x', timeout-ms = 0 }",
        "1:39 0 ms are over before anything begins (leave it out for no timeout)",
    ),
    (
        "nodes.a = { agent = 'x', attempts = 11 }",
        "1:37 `attempts` is at most 10 (what fails again and again is better mended than repeated)",
    ),
    (
        "nodes.a = { agent = 'x', retry = { on = ['timout'] } }",
        "1:42 `timout` is no kind of failure (did you mean `timeout`?)",
    ),
    (
        "nodes.a = { agent = 'x', retry = { on = ['crash'], times = 101 } }",
        r#"1:42 `crash` is no kind of failure (the kinds are `cancelled`, `conflict`, `denied`, `in-doubt`, `invalid`, `limit`, `other`, `timeout`, `trap`, `unavailable`)
1:60 a call is tried again at most 100 times (wait longer in between: `backoff-ms`, `factor`)"#,
    ),
    ("nodes.a = { agent = 'x', retry = { times = 0 } }", "1:44 a retry of 0 times is none (leave out `retry`)"),
    (
        "nodes.a = { agent = 'x', retry = { factor = 0.5, jitter = 1.5 } }",
        r#"1:45 `factor` is a number from 1 to 1000
1:59 `jitter` is a number from 0 to 1 (it is the share of each wait that is random)"#,
    ),
    ("nodes.a = { agent = 'x', retry = { factor = nan } }", "1:45 `factor` is a number from 1 to 1000"),
    (
        "nodes.a = { agent = 'x', retry = { backoff-ms = 20000 } }",
        "1:26 the longest wait, 10000 ms, is shorter than the first (the first is `backoff-ms`, 20000 ms)",
    ),
    (
        r#"nodes.a.map = { over = 'input', do = 'b' }
nodes.a.budget = { fuel = 1000 }
nodes.b.agent = 'x'"#,
        "2:9 `map` has no budget of its own: it calls nothing itself (make it a workflow of its own, and give the node that calls that the budget)",
    ),
    (
        "nodes.a = { agent = 'x', on-spent = 'ask' }",
        "1:37 a budget that is not there is never spent (add `budget`, or leave this out)",
    ),
    (
        "nodes.a = { agent = 'x', budget = { fuel = 1 }, on-spent = 'fallback' }",
        "1:60 there is nothing to fall back on (name nodes in `fallback`)",
    ),
    (
        "nodes.a = { agent = 'x', escalate = {} }",
        r#"1:26 nobody decides (name a node, `to = "node"`, or let a person decide, `human = true`)"#,
    ),
    (
        r#"nodes.a = { agent = 'x', escalate = { to = 'b', expires-ms = 5 } }
nodes.b.agent = 'y'"#,
        "1:62 no person is asked whose time could be over (add `human = true`, or leave it out)",
    ),
    (
        "nodes.a = { agent = 'x', escalate = { human = true, expires-ms = 0 } }",
        "1:66 0 ms are over before anybody can answer (leave it out for no end)",
    ),
    (
        "nodes.a.human = { kind = 'choose', text = 'Which?' }",
        r#"1:9 there is nothing to choose from (add `options = ["…", "…"]`, or ask with `kind = "answer"`)"#,
    ),
    (
        "nodes.a.human = { kind = 'answer', text = 'What?', expires-ms = 0 }",
        "1:65 0 ms are over before anybody can answer (leave it out for no end)",
    ),
    (
        "nodes.a.human = { kind = 'answer', text = 'What?', on-expiry = { value = '1' } }",
        "1:52 this never happens, because nothing expires (add `expires-ms`)",
    ),
    (
        "nodes.a.emit = 'Order placed'",
        "1:16 `Order placed` cannot name an event (a name is made of lower-case letters, digits, `.`, `_` and `-`, such as `order.placed`)",
    ),
    (
        "nodes.a.event = { name = 'paid', expires-ms = 0 }",
        "1:47 0 ms are over before anybody can answer (leave it out for no end)",
    ),
    (
        "nodes.a.event = 'paid*'",
        "1:17 `paid*` cannot name an event (a name is made of lower-case letters, digits, `.`, `_` and `-`, such as `order.placed`)",
    ),
];

#[test]
fn what_cannot_be_done_around_a_node_is_named() {
    for (text, expected) in CASES {
        assert_eq!(said(text), expected, "of\n{text}");
    }
}
