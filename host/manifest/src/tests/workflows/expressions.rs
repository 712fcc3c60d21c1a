// SPDX-License-Identifier: MIT OR Apache-2.0
//! Expressions that are none, or stand on what is not there.

use super::said;

/// Workflows with what is said of each.
const CASES: [(&str, &str); 42] = [
    ("nodes.a = { agent = 'x', with = 'input +' }", "1:41 found the end where a value was meant"),
    ("nodes.a = { agent = 'x', with = { q = 'input..x' } }", "1:46 found `.` where a field was meant"),
    (
        r#"nodes.a = { agent = 'x', with = "\"\u00e9\" + input)" }"#,
        "1:52 found `)` where an operator or the end was meant (every text here is an expression; a text of its own stands in quotes: \"'hello'\")",
    ),
    (
        "nodes.a = { agent = 'x', with = { q = 'good day' } }",
        "1:45 found `day` where an operator or the end was meant (every text here is an expression; a text of its own stands in quotes: \"'hello'\")",
    ),
    (
        "nodes.a.value = 'hello'",
        "1:18 `hello` is not there (the names are `given`, `input`, `state`; every text here is an expression; a text of its own stands in quotes: \"'hello'\")",
    ),
    ("nodes.a = { agent = 'x', when = 'input state' }", "1:40 found `state` where an operator or the end was meant"),
    (r#"nodes.a = { agent = 'x', with = ["input", "'x"] }"#, "1:44 the text has no ' at its end"),
    ("nodes.a = { agent = 'x', when = 'inptu.x' }", "1:34 `inptu` is not there (did you mean `input`?)"),
    (
        r#"nodes.flights.agent = 'x'
nodes.b = { agent = 'y', with = 'flihgts.price' }"#,
        "2:34 `flihgts` is not there (did you mean `flights`?)",
    ),
    (
        r#"result = 'b.z'
nodes.a.agent = 'x'"#,
        "1:11 `b` is not there (the names are `a`, `input`, `state`)",
    ),
    (
        "nodes.a = { agent = 'x', with = 'a.x' }",
        "1:34 `a` cannot use its own output (in a `loop`, `last` is the output before)",
    ),
    (
        r#"nodes.a.value = { n = 1 }
nodes.b = { agent = 'x', with = 'a.m' }"#,
        "2:34 `a` has no `m` (the fields are `n`)",
    ),
    (
        r#"nodes.a.value = { n = 1 }
nodes.b = { agent = 'x', when = 'a.n' }"#,
        "2:34 a condition is true or false, and this is an integer",
    ),
    (r#"nodes.a.value = "'x' + 1""#, "1:24 `+` takes a text; `1` is an integer"),
    (r#"nodes.a.value = "1 < 'x'""#, "1:22 `<` takes a number; `'x'` is a text"),
    ("nodes.a.value = 'sise(input)'", "1:18 there is no function `sise`; did you mean `size`?"),
    ("nodes.a.value = 'size()'", "1:18 `size` takes 1 arguments, and 0 are given"),
    (r#"nodes.a.value = "'x'.y""#, "1:18 `.y` takes a map; `'x'` is a text"),
    ("nodes.a.value = 'item'", "1:18 `item` is not there (it is there inside a `map`)"),
    (
        "nodes.a.value = 'output'",
        "1:18 `output` is not there (it is there where a node has ended: in `write`, `until`, `score`, `choice` and `undo`)",
    ),
    (
        r#"nodes.a.parallel = { branches = ['b', 'c'] }
nodes.b.agent = 'x'
nodes.c = { agent = 'y', with = 'b' }"#,
        "3:34 `b` runs beside it in `a`, so its output is not there (put both in a `graph` or a `sequence`)",
    ),
    (
        r#"nodes.a.sequence = ['b', 'c']
nodes.b = { agent = 'x', with = 'c' }
nodes.c.agent = 'y'"#,
        "2:34 `c` comes later in the sequence `a` (change their order)",
    ),
    (
        r#"nodes.a.sequence = ['b', 'c']
nodes.b.agent = 'x'
nodes.c.agent = 'y'
nodes.d = { agent = 'x', with = 'b' }"#,
        "4:34 `b` is a part of `a`, and cannot be seen from here (use `a`, which is what comes of it)",
    ),
    (
        r#"nodes.a.sequence = ['b']
nodes.b = { agent = 'x', with = 'a' }"#,
        "2:34 `b` is a part of `a`, whose output is not there yet",
    ),
    (
        r#"nodes.a.loop = { do = 'b', until = 'round', max = 3 }
nodes.b.agent = 'x'"#,
        "1:37 a condition is true or false, and this is an integer",
    ),
    (
        r#"nodes.a.loop = { do = 'b', until = 'item == 1', max = 3 }
nodes.b.agent = 'x'"#,
        "1:37 `item` is not there (it is there inside a `map`)",
    ),
    (
        r#"nodes.a.loop = { do = 'b', until = "output == 'x'", max = 3 }
nodes.b.value = 'round'"#,
        "1:37 an integer and a text are never equal",
    ),
    (
        r#"nodes.a.map = { over = 'input', do = 'b' }
nodes.b = { agent = 'x', with = 'indx' }"#,
        "2:34 `indx` is not there (did you mean `index`? every text here is an expression; a text of its own stands in quotes: \"'hello'\")",
    ),
    (
        r#"nodes.a.map = { over = '[1, 2]', do = 'b' }
nodes.b = { value = "item + 'x'" }"#,
        "2:29 `+` takes a number; `'x'` is a text",
    ),
    (
        "nodes.a.human = { kind = 'approve', text = 'Pay {input.sum} to {whom}?' }",
        "1:65 `whom` is not there (the names are `given`, `input`, `state`)",
    ),
    (
        "nodes.a.human = { kind = 'approve', text = 'Pay {input.sum to him?' }",
        "1:60 found `to` where an operator or `}` was meant",
    ),
    (
        "nodes.a.human = { kind = 'choose', text = 'Which?', options = ['the {first}', 'none'] }",
        "1:70 `first` is not there (the names are `given`, `input`, `state`)",
    ),
    (
        "nodes.a.human = { kind = 'approve', text = 'Pay }?' }",
        "1:49 this brace closes nothing; a brace is written `}}`",
    ),
    (
        "nodes.a = { agent = 'x', on-failure = { value = 'failure.why' } }",
        "1:50 `failure` has no `why` (the fields are `kind`, `message`)",
    ),
    (
        r#"nodes.a.conversation = { speakers = [{ name = 'one', node = 'b' }], turns = { rule = 'trun' } }
nodes.b.agent = 'x'"#,
        "1:87 `trun` is not there (did you mean `turn`?)",
    ),
    (
        r#"nodes.a.vote = { voters = ['b'], choice = 'outpt' }
nodes.b.agent = 'x'
nodes.c.value = 'a.chioce'"#,
        r#"1:44 `outpt` is not there (did you mean `output`?)
3:18 `a` has no `chioce` (did you mean `choice`?)"#,
    ),
    (
        r#"nodes.a.compete = { contenders = ['b'], pick = { score = 'output.n +' } }
nodes.b.agent = 'x'"#,
        "1:69 found the end where a value was meant",
    ),
    (
        r#"nodes.a = { agent = 'x', with = """
  { 'q': input.q,
    'r': nothing }""" }"#,
        "3:10 `nothing` is not there (the names are `given`, `input`, `state`)",
    ),
    (
        "nodes.a = { agent = 'x', with = { 'x.y' = 'nothing' } }",
        "1:44 `nothing` is not there (the names are `given`, `input`, `state`; every text here is an expression; a text of its own stands in quotes: \"'hello'\")",
    ),
    (
        r#"input-schema = { type = 'object', properties = { to = { type = 'string' } }, additionalProperties = false }
nodes.a = { agent = 'x', with = { to = 'input.too' } }"#,
        "2:41 `input` has no `too` (did you mean `to`?)",
    ),
    (
        r#"input-schema = { type = 'object', properties = { n = { type = 'integer' } } }
nodes.a = { agent = 'x', when = 'input.n' }"#,
        "2:34 a condition is true or false, and this is an integer",
    ),
    (
        "nodes.a = { event = { name = 'paid', matching = { id = 'nope' } } }",
        "1:57 `nope` is not there (the names are `given`, `input`, `state`; every text here is an expression; a text of its own stands in quotes: \"'hello'\")",
    ),
];

#[test]
fn what_is_wrong_in_an_expression_is_named_at_its_character() {
    for (text, expected) in CASES {
        assert_eq!(said(text), expected, "of\n{text}");
    }
}
