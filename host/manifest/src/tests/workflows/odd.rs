// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is allowed, and most likely not meant.

use super::said;

/// Workflows with what is said of each.
const CASES: [(&str, &str); 9] = [
    ("nodes.a = { agent = 'x', when = 'false' }", "warning: 1:33 `a` is never done: this never holds"),
    ("nodes.a = { agent = 'x', when = '1 < 2' }", "warning: 1:33 this always holds (leave it out)"),
    (
        r#"nodes.a.route = { cases = [{ when = 'true', do = 'b' }, { when = 'input.x', do = 'c' }], default = 'd' }
nodes.b.agent = 'x'
nodes.c.agent = 'y'
nodes.d.agent = 'y'"#,
        r#"warning: 1:82 `c` is never done: case 1 always holds (let that case be the last, or the `default`)
warning: 1:100 the default is never done: case 1 always holds (leave out one of the two)"#,
    ),
    (
        r#"nodes.a.route = { cases = [{ when = 'false', do = 'b' }], default = 'c' }
nodes.b.agent = 'x'
nodes.c.agent = 'y'"#,
        "warning: 1:37 `b` is never done: this never holds",
    ),
    (
        r#"nodes.a.loop = { do = 'b', until = 'true', max = 3 }
nodes.b.agent = 'x'"#,
        "warning: 1:36 the loop goes round once: this always holds (name the node itself instead)",
    ),
    (
        r#"nodes.a.value = '1'
nodes.a.undo.node = 'b'
nodes.b.agent = 'x'"#,
        "warning: 2:9 a `value` does nothing that could be undone (leave it out)",
    ),
    (
        r#"nodes.a = { agent = 'x', write = { n = 'output' } }
state.n = {}"#,
        "warning: 2:7 no expression reads `n` of the state (use `state.n` in `result`, say, or leave it out)",
    ),
    (
        "nodes.a.workflow = 'w'",
        "warning: 1:20 the workflow calls itself again and again: w → w (put a condition in front of it; without one, the limit `depth` ends it with a failure)",
    ),
    (
        r#"nodes.a.conversation = { speakers = [{ name = 's', node = 'b' }], until = 'true' }
nodes.b.agent = 'x'"#,
        "warning: 1:75 it is over after one turn: this always holds",
    ),
];

#[test]
fn what_is_not_meant_is_a_warning() {
    for (text, expected) in CASES {
        assert_eq!(said(text), expected, "of\n{text}");
    }
}
