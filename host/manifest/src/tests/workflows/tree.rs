// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nodes that do not hang together.

use super::said;

/// Workflows with what is said of each.
const CASES: [(&str, &str); 18] = [
    (
        r#"nodes.a.sequence = ['b', 'c']
nodes.b.agent = 'x'"#,
        "1:26 there is no node `c` (the nodes are `a`, `b`)",
    ),
    (
        r#"nodes.a.sequence = ['bb']
nodes.b.agent = 'x'
nodes.bc.agent = 'x'"#,
        "1:21 there is no node `bb` (did you mean `bc`?)",
    ),
    (
        r#"nodes.a.sequence = ['b', 'b']
nodes.b.agent = 'x'"#,
        "1:26 `b` stands twice in `a` (give the second one a node of its own)",
    ),
    (
        r#"nodes.a.sequence = ['c']
nodes.b.sequence = ['c']
nodes.c.agent = 'x'"#,
        "2:21 `c` belongs to `a` already (a node has one place; write it down once more under another name)",
    ),
    ("nodes.a.sequence = ['a']", "1:21 `a` names itself as its own part"),
    (
        r#"nodes.a.sequence = ['b']
nodes.b.sequence = ['a']"#,
        "1:7 these own each other in a circle: a ← b ← a",
    ),
    (
        r#"nodes.a = { agent = 'x', with = 'b' }
nodes.b = { agent = 'y', with = 'a' }"#,
        "1:7 these wait for each other: a → b → a (a loop is a pattern of its own: `loop`)",
    ),
    (
        r#"nodes.a = { agent = 'x', with = 'c' }
nodes.b = { agent = 'y', with = 'a' }
nodes.c = { agent = 'y', after = ['b'] }"#,
        "1:7 these wait for each other: a → c → b → a (a loop is a pattern of its own: `loop`)",
    ),
    (
        "nodes.a = { agent = 'x', after = ['z'] }",
        "1:35 `z` does not stand beside `a`, so it cannot come first (only nodes of the same graph can come first)",
    ),
    (
        "nodes.a = { agent = 'x', after = ['a'] }",
        "1:35 `a` does not stand beside `a`, so it cannot come first (only nodes of the same graph can come first)",
    ),
    (
        r#"nodes.a.map = { over = 'input', do = 'b' }
nodes.b = { agent = 'x', after = ['c'] }
nodes.c.agent = 'y'"#,
        "2:35 `c` does not stand beside `b`, so it cannot come first (only nodes of the same graph can come first)",
    ),
    (
        r#"nodes.a = { agent = 'x', fallback = ['c'] }
nodes.b = { agent = 'y', fallback = ['c'] }
nodes.c.agent = 'y'"#,
        "2:38 `c` belongs to `a` already (a node has one place; write it down once more under another name)",
    ),
    ("nodes.a = { agent = 'x', escalate = { to = 'boss' } }", "1:44 there is no node `boss` (the nodes are `a`)"),
    ("nodes.a = { agent = 'x', undo = { node = 'gone' } }", "1:42 there is no node `gone` (the nodes are `a`)"),
    (
        r#"nodes.a.route = { cases = [{ when = 'input.x', do = 'b' }], default = 'b' }
nodes.b.agent = 'x'"#,
        "1:71 `b` stands twice in `a` (give the second one a node of its own)",
    ),
    (
        "nodes.a.crew = { goal = 'g', roles = [{ name = 'r', goal = 'g', node = 'z' }], tasks = [{ name = 't', what = 'w', role = 'r' }] }",
        "1:72 there is no node `z` (the nodes are `a`)",
    ),
    (
        r#"nodes.a.vote = { voters = ['b', 'nobody'], choice = 'output' }
nodes.b.agent = 'x'"#,
        "1:33 there is no node `nobody` (the nodes are `a`, `b`)",
    ),
    (
        r#"nodes.a.plan = { planner = 'b', workers = ['b'] }
nodes.b.agent = 'x'"#,
        "1:44 `b` stands twice in `a` (give the second one a node of its own)",
    ),
];

#[test]
fn what_does_not_hang_together_is_named() {
    for (text, expected) in CASES {
        assert_eq!(said(text), expected, "of\n{text}");
    }
}
