// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has not the form of a workflow.

use super::said;

/// Workflows with what is said of each.
const CASES: [(&str, &str); 42] = [
    (
        "description = 'x'",
        r#"0:12 workflow `w` has no nodes (add a node, such as [workflows.NAME.nodes.first] with `agent = "…"`)"#,
    ),
    (
        "node.a.agent = 'x'",
        r#"0:12 workflow `w` has no nodes (add a node, such as [workflows.NAME.nodes.first] with `agent = "…"`)
1:1 unknown key `node` in `workflows.w` (did you mean `nodes`?)"#,
    ),
    ("nodes.a = { agnt = 'x' }", "1:13 unknown key `agnt` in `workflows.w.nodes.a` (did you mean `agent`?)"),
    (
        "nodes.a = { description = 'does nothing' }",
        "1:7 node `a` does not say what it is (exactly one of `agent`, `tool`, `workflow`, `model`, `human`, `value`, `emit`, `event`, `graph`, `sequence`, `parallel`, `map`, `route`, `loop`, `supervisor`, `handoff`, `crew`, `conversation`, `compete`, `vote`, `plan` says what it is)",
    ),
    (
        "nodes.a = { agent = 'x', tool = 'p.f' }",
        "1:33 node `a` is both `agent` and `tool` (exactly one of `agent`, `tool`, `workflow`, `model`, `human`, `value`, `emit`, `event`, `graph`, `sequence`, `parallel`, `map`, `route`, `loop`, `supervisor`, `handoff`, `crew`, `conversation`, `compete`, `vote`, `plan` says what it is)",
    ),
    ("nodes.a = { agent = 1 }", "1:21 `workflows.w.nodes.a.agent` is a whole number, and a string is expected"),
    (
        "nodes.a = { agent = 'x', timeout-ms = 'soon' }",
        "1:39 `workflows.w.nodes.a.timeout-ms` is a string, and a whole number is expected",
    ),
    (
        "nodes.fetch-it.agent = 'x'",
        "1:7 `fetch-it` cannot name a node (a name that stands in expressions is made of lower-case letters, digits and `_`, begins with a letter, and has at most 64 characters, such as `fetch_it`)",
    ),
    (
        "nodes.input.agent = 'x'",
        "1:7 `input` cannot name a node: it means something else in expressions (call it something else, such as `the_input`)",
    ),
    (
        "nodes.item.agent = 'x'",
        "1:7 `item` cannot name a node: it means something else in expressions (call it something else, such as `the_item`)",
    ),
    (
        "nodes.9a.agent = 'x'",
        "1:7 `9a` cannot name a node (a name that stands in expressions is made of lower-case letters, digits and `_`, begins with a letter, and has at most 64 characters)",
    ),
    (
        r#"nodes.a.agent = 'x'
state.open-tasks = {}"#,
        "2:7 `open-tasks` cannot name a key of the state (a name that stands in expressions is made of lower-case letters, digits and `_`, begins with a letter, and has at most 64 characters, such as `open_tasks`)",
    ),
    (
        r#"nodes.a.agent = 'x'
state.n.merge = 'apend'"#,
        "2:17 `apend` is not a value of `workflows.w.state.n.merge` (did you mean `append`?)",
    ),
    (
        r#"nodes.a.agent = 'x'
state.n.merge = { tol = 'p.f' }"#,
        "2:19 unknown key `tol` in `workflows.w.state.n.merge` (did you mean `tool`?)",
    ),
    (
        "nodes.a = { human = { kind = 'chose', text = 'Which?' } }",
        "1:30 `chose` is not a value of `workflows.w.nodes.a.human.kind` (did you mean `choose`?)",
    ),
    (
        "nodes.a = { human = { kind = 'approve' } }",
        "1:21 `text` is missing in `workflows.w.nodes.a.human` (the question, with expressions between braces)",
    ),
    (
        "nodes.a.map = { over = 'input' }",
        "1:15 `do` is missing in `workflows.w.nodes.a.map` (the node; it is given the item, which is `item` at `index`)",
    ),
    (
        r#"nodes.a.map = { over = 'input', do = 'b', width = 0 }
nodes.b.agent = 'x'"#,
        "1:51 `workflows.w.nodes.a.map.width` is a whole number from 1 to 4294967295",
    ),
    (
        r#"nodes.a.loop = { do = 'b', until = 'output' }
nodes.b.agent = 'x'"#,
        "1:16 `max` is missing in `workflows.w.nodes.a.loop` (how often at most)",
    ),
    (
        "nodes.a = { agent = 'x', on-failure = 'ignore' }",
        "1:39 `ignore` is not a value of `workflows.w.nodes.a.on-failure` (the values are `fail`, `keep`)",
    ),
    (
        "nodes.a = { agent = 'x', on-failure = { val = '1' } }",
        "1:41 unknown key `val` in `workflows.w.nodes.a.on-failure` (did you mean `value`?)",
    ),
    (
        "nodes.a = { agent = 'x', on-spent = 'beg' }",
        "1:37 `beg` is not a value of `workflows.w.nodes.a.on-spent` (the values are `fail`, `fallback`, `ask`)",
    ),
    (
        "nodes.a = { agent = 'x', retry = { tries = 3 } }",
        "1:36 unknown key `tries` in `workflows.w.nodes.a.retry` (did you mean `times`?)",
    ),
    (
        "nodes.a = { agent = 'x', retry = { factor = 'two' } }",
        "1:45 `workflows.w.nodes.a.retry.factor` is a string, and a number is expected",
    ),
    (
        "nodes.a = { agent = 'x', undo = { with = 'given' } }",
        "1:33 `node` is missing in `workflows.w.nodes.a.undo` (the node that does it)",
    ),
    (
        r#"nodes.a.parallel = { branches = ['b'], settle = 'some' }
nodes.b.agent = 'x'"#,
        "1:49 `some` is not a value of `workflows.w.nodes.a.parallel.settle` (the values are `all`, `drop`, `keep`)",
    ),
    (
        r#"nodes.a.parallel = { branches = ['b'], settle = { quorum = 0 } }
nodes.b.agent = 'x'"#,
        "1:60 `workflows.w.nodes.a.parallel.settle.quorum` is a whole number from 1 to 4294967295",
    ),
    (
        r#"nodes.a.conversation = { speakers = [{ name = 'one', node = 'b' }], turns = { moderator = 'c', rule = 'turn' } }
nodes.b.agent = 'x'
nodes.c.agent = 'y'"#,
        r#"1:77 exactly one of `moderator` and `rule` says whose turn it is (write `{ moderator = "node" }`, or `{ rule = "expression" }`)"#,
    ),
    (
        r#"nodes.a.compete = { contenders = ['b'], pick = {} }
nodes.b.agent = 'x'"#,
        r#"1:48 exactly one of `judge` and `score` says who wins (write `{ judge = "node" }`, or `{ score = "expression" }`)"#,
    ),
    (
        r#"nodes.a.compete = { contenders = ['b'], pick = 'best' }
nodes.b.agent = 'x'"#,
        "1:48 `best` is not a value of `workflows.w.nodes.a.compete.pick` (the values are `first`)",
    ),
    (
        "nodes.a.route = { cases = [{ when = 'true' }] }",
        "1:28 `do` is missing in `workflows.w.nodes.a.route.cases` (the node)",
    ),
    (
        r#"nodes.a.agent = 'x'
context-bytes = 0"#,
        "2:17 `workflows.w.context-bytes` is a whole number from 1 to 18446744073709551615",
    ),
    (
        r#"nodes.a.agent = 'x'
stop.repeats = 1"#,
        "2:16 `workflows.w.stop.repeats` is a whole number from 2 to 4294967295",
    ),
    (
        "nodes.a = { agent = 'x', input-schema = 'none.json' }",
        "1:41 the schema `none.json` cannot be read: there is no such file",
    ),
    (
        "nodes.a = { agent = 'x', output-schema = 7 }",
        "1:42 `workflows.w.nodes.a.output-schema` is a whole number, and a string or a table is expected",
    ),
    (
        r#"nodes.a.agent = 'x'
grants.files = ['docs']"#,
        "2:17 `docs`: `PATH:read` or `PATH:write` is expected",
    ),
    (
        r#"nodes.a.agent = 'x'
limits.fuell = 1"#,
        "2:8 unknown key `fuell` in `workflows.w.limits` (did you mean `fuel`?)",
    ),
    (
        "file = 'w.workflow.toml'",
        "1:8 `w.workflow.toml` cannot be read: there is no such file (the file holds what would stand below [workflows.NAME])",
    ),
    (
        r#"file = 'w.workflow.toml'
nodes.a.agent = 'x'"#,
        r#"1:8 `w.workflow.toml` cannot be read: there is no such file (the file holds what would stand below [workflows.NAME])
1:8 what the workflow says stands in its file, and nothing of it here (move the rest into the file)"#,
    ),
    (
        "nodes.a = { human = { kind = 'approve', text = 'Well?', options = ['yes'] } }",
        r#"1:68 only a choice has options (write `kind = "choose"`, or leave out `options`)"#,
    ),
    (
        "nodes.a = { event = { matching = { id = 'input.id' } } }",
        "1:21 `name` is missing in `workflows.w.nodes.a.event` (its name)",
    ),
    ("nodes.a = 'x'", "1:11 `workflows.w.nodes.a` is a string, and a table is expected"),
];

#[test]
fn what_has_not_the_form_is_named() {
    for (text, expected) in CASES {
        assert_eq!(said(text), expected, "of\n{text}");
    }
}
