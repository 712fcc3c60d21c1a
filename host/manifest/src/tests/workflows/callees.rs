// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whom nodes call, what they give them, and what they write.

use super::said;

/// Workflows with what is said of each.
const CASES: [(&str, &str); 23] = [
    ("nodes.a.agent = 'xx'", "1:17 there is no agent `xx` (the agents are `x`, `y`)"),
    ("nodes.a.agent = 'w'", r#"1:17 `w` is a workflow (write `workflow = "w"`)"#),
    ("nodes.a.workflow = 'x'", r#"1:20 `x` is an agent (write `agent = "x"`)"#),
    ("nodes.a.workflow = 'other'", "1:20 there is no workflow `other` (the workflows are `w`)"),
    ("nodes.a.tool = 'f'", "1:16 `f` is no tool (a tool is written `plugin.function`)"),
    ("nodes.a.tool = 'p'", "1:16 `p` is a plugin, and a tool is expected (write `p.function`)"),
    ("nodes.a.tool = 'q.f'", "1:16 there is no plugin `q` (the plugins are `p`)"),
    ("nodes.a.tool = 'p.*'", "1:16 `p.*` is no tool (a node calls one tool: `plugin.function`)"),
    (
        r#"nodes.a.agent = 'x'
state.n.merge = { tool = 'q.f' }
result = 'state.n'"#,
        "2:26 there is no plugin `q` (the plugins are `p`)",
    ),
    ("nodes.a = { agent = 'x', write = { n = 'output' } }", "1:40 the state has no `n` (declare it: `state.n = {}`)"),
    (
        r#"nodes.a = { agent = 'x', write = { notse = 'output' } }
state.notes = {}
result = 'state.notes'"#,
        "1:44 the state has no `notse` (did you mean `notes`?)",
    ),
    (
        r#"nodes.a.value = "'x'"
nodes.a.write.n = 'output'
state.n.merge = 'sum'
result = 'state.n'"#,
        "2:19 `n` is merged by `sum`, which takes numbers; this is a text (write another value, or merge `n` in another way)",
    ),
    (
        r#"nodes.a = { agent = 'x', when = "state.m == 1" }
state.n = {}
result = 'state.n'"#,
        "1:34 `state` has no `m` (the fields are `n`)",
    ),
    (
        "nodes.a = { agent = 'x', input-schema = { type = 'strng' } }",
        r#"1:26 this is no JSON Schema: the schema is not valid: "strng" is not valid under any of the schemas listed in the 'anyOf' keyword"#,
    ),
    (
        r#"output-schema = { '$ref' = 'https://example.org/x.json' }
nodes.a.agent = 'x'"#,
        "1:1 this is no JSON Schema: the schema refers to `https://example.org/x.json`: a reference is `#`, or `#/` and a pointer without escapes to a part of the schema",
    ),
    (
        "nodes.a = { agent = 'x', with = { q = '1' }, input-schema = { type = 'object', required = ['to'], properties = { to = { type = 'string' } } } }",
        r#"1:26 its input schema needs `to`, which is not given (add `to = "…"`)"#,
    ),
    (
        "nodes.a = { agent = 'x', with = { to = '1' }, input-schema = { type = 'object', properties = { to = { type = 'string' } } } }",
        "1:40 its input schema does not take this as `to`: it is an integer, and a text is wanted",
    ),
    (
        r#"nodes.a = { agent = 'x', with = { tto = "'x'" }, input-schema = { type = 'object', properties = { to = { type = 'string' } }, additionalProperties = false } }"#,
        "1:41 its input schema takes no `tto` (did you mean `to`?)",
    ),
    (
        "nodes.a = { agent = 'x', with = '[1]', input-schema = { type = 'object' } }",
        "1:33 its input schema does not take this: it is a list, and a map is wanted",
    ),
    (
        r#"nodes.a.sequence = ['b', 'c']
nodes.b = { agent = 'x', output-schema = { type = 'string' } }
nodes.c = { agent = 'y', input-schema = { type = 'integer' } }"#,
        "3:7 its input schema does not take what `c` is given: it is a text, and an integer is wanted (say what it is given: `with = { … }`)",
    ),
    (
        r#"nodes.a = { agent = 'x', output-schema = { type = 'object', properties = { n = { type = 'integer' } }, additionalProperties = false } }
nodes.b = { agent = 'y', with = 'a.m' }"#,
        "2:34 `a` has no `m` (the fields are `n`)",
    ),
    (
        "nodes.a = { value = '1', output-schema = { type = 'string' } }",
        "1:26 the output of `a` can never fit its schema: it is an integer, and a text is wanted",
    ),
    (
        r#"output-schema = { type = 'string' }
result = '[a]'
nodes.a.agent = 'x'"#,
        "2:10 the result can never fit its schema: it is a list, and a text is wanted",
    ),
];

#[test]
fn whom_nobody_can_call_is_named() {
    for (text, expected) in CASES {
        assert_eq!(said(text), expected, "of\n{text}");
    }
}
