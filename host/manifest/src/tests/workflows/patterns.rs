// SPDX-License-Identifier: MIT OR Apache-2.0
//! Patterns with nobody in them, with strangers, or beyond their maxima.

use super::said;

/// Workflows with what is said of each.
const CASES: [(&str, &str); 20] = [
    ("nodes.a.sequence = []", "1:20 `sequence` names no nodes (name at least one)"),
    ("nodes.a.graph.nodes = []", "1:23 `graph.nodes` names no nodes (name at least one)"),
    (
        r#"nodes.a.parallel = { branches = ['b'], settle = { quorum = 2 } }
nodes.b.agent = 'x'"#,
        "1:60 2 of 1 can never succeed",
    ),
    (
        r#"nodes.a.map = { over = 'input', do = 'b', width = 2000 }
nodes.b.agent = 'x'"#,
        "1:51 2000 at once are too many: 1024 are the most",
    ),
    (
        r#"nodes.a.loop = { do = 'b', until = 'output.ok', max = 20000 }
nodes.b.agent = 'x'"#,
        "1:55 20000 rounds are too many: 10000 are the most",
    ),
    (
        r#"nodes.a.loop = { do = 'b', max = 3 }
nodes.b.agent = 'x'"#,
        "1:9 the loop fails after 3 rounds, because nothing ends it before (say `until`, or take what it came to last: `or-last = true`)",
    ),
    (
        r#"nodes.a.loop = { do = 'b', until = '1 > 2', max = 3 }
nodes.b.agent = 'x'"#,
        "1:36 the loop fails after 3 rounds, because nothing ends it before (say `until`, or take what it came to last: `or-last = true`)",
    ),
    ("nodes.a.route = { cases = [] }", r#"1:27 there is no case (add one: `{ when = "…", do = "node" }`)"#),
    (
        r#"nodes.a.supervisor = { manager = 'b', workers = [], turns = 2000 }
nodes.b.agent = 'x'"#,
        r#"1:49 `supervisor.workers` names no nodes (name at least one)
1:61 2000 turns are too many: 1000 are the most"#,
    ),
    (
        r#"nodes.a.handoff = { peers = ['b', 'c'], first = 'd' }
nodes.b.agent = 'x'
nodes.c.agent = 'y'"#,
        "1:49 `d` is no peer (the peers are `b`, `c`)",
    ),
    (
        r#"nodes.a.handoff = { peers = ['b', 'c'], routes = { b = ['c', 'cc'], d = ['b'] } }
nodes.b.agent = 'x'
nodes.c.agent = 'y'"#,
        r#"1:62 `cc` is no peer (the peers are `b`, `c`)
1:73 `d` is no peer (the peers are `b`, `c`)"#,
    ),
    (
        r#"nodes.a.handoff = { peers = ['b'], routes = { b = ['b'] }, handoffs = 5000 }
nodes.b.agent = 'x'"#,
        r#"1:52 `b` cannot pass the task on to itself
1:71 5000 hand-offs are too many: 1000 are the most"#,
    ),
    (
        r#"nodes.a.crew = { goal = 'g', roles = [{ name = 'r', goal = 'g', node = 'b' }, { name = 'r', goal = 'h', node = 'b' }], tasks = [] }
nodes.b.agent = 'x'"#,
        r#"1:88 there are two roles `r` (give one of them another name)
1:128 there is nothing to do (add a task: `{ name = "…", what = "…" }`)"#,
    ),
    (
        r#"nodes.a.crew.goal = 'g'
nodes.a.crew.roles = [{ name = 'writer', goal = 'g', node = 'b' }]
nodes.a.crew.tasks = [{ name = 't', what = 'w', role = 'writter' }, { name = 'u', what = 'w' }]
nodes.b.agent = 'x'"#,
        r#"3:56 `writter` is no role (did you mean `writer`?)
3:69 nobody does the task `u` (name a `role`, or a `manager` of the crew)"#,
    ),
    (
        r#"nodes.a.crew.goal = 'g'
nodes.a.crew.roles = [{ name = 'r', goal = 'g', node = 'b' }]
nodes.a.crew.tasks = [{ name = 't', what = 'w', role = 'r', needs = ['u'] }, { name = 'u', what = 'w', role = 'r', needs = ['t'] }, { name = 'v', what = 'w', role = 'r', needs = ['nothing'] }]
nodes.b.agent = 'x'"#,
        r#"3:69 these tasks can never begin, because they need each other: `t`, `u`
3:180 `nothing` is no task (the tasks are `t`, `u`, `v`)"#,
    ),
    (
        r#"nodes.a.conversation = { speakers = [{ name = 's', node = 'b' }, { name = 's', node = 'c' }], turns-max = 20000, window = 2000 }
nodes.b.agent = 'x'
nodes.c.agent = 'y'"#,
        r#"1:75 there are two speakers `s` (give one of them another name)
1:107 20000 turns are too many: 10000 are the most
1:123 2000 entries are too many: 1000 are the most"#,
    ),
    ("nodes.a.compete = { contenders = [] }", "1:34 `compete.contenders` names no nodes (name at least one)"),
    (
        r#"nodes.a.vote = { voters = ['b', 'c'], choice = 'output', quorum = 3, majority = 1.0, weights = { bb = 2 } }
nodes.b.agent = 'x'
nodes.c.agent = 'y'"#,
        r#"1:67 3 of 2 can never vote
1:81 1 is not from 0 to below 1 (it is the share of the weight that a choice needs more than: 0.5 for more than half)
1:103 `bb` is no voter (the voters are `b`, `c`)"#,
    ),
    (
        r#"nodes.a.vote = { voters = ['b'], choice = 'output', majority = -0.5, weights = { b = 0 } }
nodes.b.agent = 'x'"#,
        r#"1:64 -0.5 is not from 0 to below 1 (it is the share of the weight that a choice needs more than: 0.5 for more than half)
1:70 no vote weighs anything"#,
    ),
    (
        r#"nodes.a.plan = { planner = 'b', workers = [], width = 5000, rounds = 5000, tasks = 5000 }
nodes.b.agent = 'x'"#,
        r#"1:43 `plan.workers` names no nodes (name at least one)
1:55 5000 at once are too many: 1024 are the most
1:70 5000 rounds are too many: 1000 are the most
1:84 5000 tasks are too many: 4096 are the most"#,
    ),
];

#[test]
fn what_no_pattern_can_do_is_named() {
    for (text, expected) in CASES {
        assert_eq!(said(text), expected, "of\n{text}");
    }
}
