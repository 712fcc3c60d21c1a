// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said of manifests that are wrong.

use priory_core::grant::GRANTS_MAX;

use super::{parse, problems, short};
use crate::{ENTRIES_MAX, PROBLEMS_MAX};

/// Compares what is said of a text, one problem a line.
fn check(text: &str, expected: &str) {
    assert_eq!(short(&problems(text)).join("\n"), expected, "of\n{text}");
}

/// Manifests with what is wrong with each; the first line is line 1.
const CASES: &[(&str, &str)] = &[
    // The text.
    ("name = ", "1:8 string values must be quoted, expected literal string"),
    ("name 'a'", "1:6 key with no value, expected `=`"),
    ("name = 'a'\nname = 'b'", "2:1 duplicate key"),
    ("name = 'a'\n[plugins.p]\npath = 'p'\n[plugins.p]\npath = 'q'", "4:10 duplicate key\n5:1 duplicate key"),
    ("name = 'a\n", "1:10 invalid literal string, expected `'`"),
    ("name = 'a'\nx = [[[[1", "2:10 unclosed array, expected `]`"),
    // Keys.
    ("", "1:1 `name` is missing (the name of what this manifest describes: lower-case letters, digits and `-`)"),
    ("nam = 'a'", "1:1 unknown key `nam` (did you mean `name`?)"),
    ("name = 'a'\nagent = {}", "2:1 unknown key `agent` (did you mean `agents`?)"),
    ("name = 'a'\n[plugins.p]\npaht = 'p'", "3:1 unknown key `paht` in `plugins.p` (did you mean `path`?)"),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\ngrants = { file = ['a:read'] }",
        "4:12 unknown key `file` in `plugins.p.grants` (did you mean `files`?)",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\ngrants = { http = [{ alow = 'https://a.org' }] }",
        "4:22 unknown key `alow` in `plugins.p.grants.http` (did you mean `allow`?)",
    ),
    (
        "name = 'a'\n[agents.x]\nquite-other = 1",
        "2:1 `plugin` is missing in `agents.x` (the plugin that it runs)\n3:1 unknown key `quite-other` in `agents.x` (the keys are `breaker`, `budget`, `config`, `description`, `grants`, `lends`, `limits`, `model`, `plugin`, `prompts`, `rate`)",
    ),
    ("name = 'a'\n[limits]\nfuell = 1", "3:1 unknown key `fuell` in `limits` (did you mean `fuel`?)"),
    (
        "name = 'a'\n[limits]\nmemory_bytes = 1",
        "3:1 unknown key `memory_bytes` in `limits` (did you mean `memory-bytes`?)",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nlimits.seconds = 1",
        "4:8 unknown key `seconds` in `plugins.p.limits` (the keys are `call-bytes`, `calls`, `depth`, `fuel`, `handles`, `instances`, `log-bytes`, `memory-bytes`, `money-microusd`, `output-bytes`, `pending`, `repeats`, `stack-bytes`, `table-elements`, `time-ms`, `tokens-in` and 2 more)",
    ),
    ("name = 'a'\n[budget]\ntokens = 1", "3:1 unknown key `tokens` in `budget` (did you mean `tokens-in`?)"),
    // Types.
    ("name = 1", "1:8 `name` is a whole number, and a string is expected"),
    ("name = 'a'\nplugins = 'p'", "2:11 `plugins` is a string, and a table is expected"),
    ("name = 'a'\n[plugins]\np = 'p.wasm'", "3:5 `plugins.p` is a string, and a table is expected"),
    ("name = 'a'\n[limits]\nfuel = '1'", "3:8 `limits.fuel` is a string, and a whole number is expected"),
    (
        "name = 'a'\n[limits]\nfuel = 1.5",
        "3:8 `limits.fuel` is a number with a fraction, and a whole number is expected",
    ),
    ("name = 'a'\n[limits]\nfuel = -1", "3:8 `limits.fuel` is a whole number from 0 to 18446744073709551615"),
    (
        "name = 'a'\n[budget]\nfuel = 18446744073709551616",
        "3:8 `budget.fuel` is a whole number from 0 to 18446744073709551615",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\ngrants = { env = 'LANG' }",
        "4:18 `plugins.p.grants.env` is a string, and a list is expected",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\ngrants = { env = ['A', 1] }",
        "4:24 `plugins.p.grants.env` is a whole number, and a string or a table is expected",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\ngrants = { log = 'yes' }",
        "4:18 `plugins.p.grants.log` is a string, and `true` or `false` is expected",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\ngrants = { http = [{ allow = 'http://a', uses = 0 }] }",
        "4:49 `plugins.p.grants.http.uses` is a whole number from 1 to 4294967295",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nconfig = { depth = 2 }",
        "4:20 `plugins.p.config.depth` is a whole number, and a string is expected",
    ),
    (
        "name = 'a'\n[inputs.x]\nkind = 'foldr'",
        "3:8 `foldr` is not a value of `inputs.x.kind` (did you mean `folder`?)",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\ngrants = { files = [{ path = 'a', access = 'reed' }] }",
        "4:44 `reed` is not a value of `plugins.p.grants.files.access` (did you mean `read`?)",
    ),
    // Breakers and rates.
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nbreaker = { failures = 0 }",
        "4:24 `plugins.p.breaker.failures` is a whole number from 1 to 1000",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nrate = { concurrency = 1, wait-ms-max = 600001 }",
        "4:41 `plugins.p.rate.wait-ms-max` is a whole number from 0 to 600000",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nbreaker = { on = ['trap', 'cancelled'] }",
        "4:27 `cancelled` is not a value of `plugins.p.breaker.on` (the values are `denied`, `limit`, `timeout`, `trap`, `invalid`, `unavailable`, `conflict`, `in-doubt`, `other`)",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nbreaker = { on = [] }",
        "4:18 no failure counts, so the breaker never opens (leave `on` out for the usual failures, or the whole table for no breaker)",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nrate = { calls = 5 }",
        "4:18 it is not said in which time so many calls may come (add `per-ms`, such as `per-ms = 1000`)",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nrate = { per-ms = 5 }",
        "4:19 it is not said how many calls may come in this time (add `calls`, or leave `per-ms` out)",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nrate = { burst = 5, concurrency = 1 }",
        "4:18 a burst is a part of a rate, and none is set (add `calls` and `per-ms`; for how many may go on at once, write `concurrency`)",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nrate = { wait-ms-max = 5 }",
        "4:8 the rate bounds nothing (set `calls` and `per-ms`, or `concurrency`, or both)",
    ),
    // Names.
    (
        "name = 'My Brief'",
        "1:8 `My Brief` cannot name the manifest (a name is made of lower-case letters, digits and `-`, begins with a letter, and has at most 64 characters, such as `my-brief`)",
    ),
    (
        "name = 'a'\n[plugins.My_Tool]\npath = 'p'",
        "2:10 `My_Tool` cannot name the plugin (a name is made of lower-case letters, digits and `-`, begins with a letter, and has at most 64 characters, such as `my-tool`)",
    ),
    (
        "name = 'a'\n[inputs.1]\n",
        "2:9 `1` cannot name the input (a name is made of lower-case letters, digits and `-`, begins with a letter, and has at most 64 characters)",
    ),
    (
        "name = 'a'\n[secrets.GITHUB]\nenv = 'A'",
        "2:10 `GITHUB` cannot name the secret (a name is made of lower-case letters, digits and `-`, begins with a letter, and has at most 64 characters, such as `github`)",
    ),
    (
        "name = 'a'\n[agents.x]\nplugin = 'p'",
        "3:10 there is no plugin `p` (there are no plugins at all; add [plugins.p])",
    ),
    (
        "name = 'a'\n[plugins.files]\npath = 'p'\n[agents.x]\nplugin = 'filse'",
        "5:10 there is no plugin `filse` (did you mean `files`?)",
    ),
    (
        "name = 'a'\nentry = 'edtor'\nplugins.p.path = 'p'\nagents.editor.plugin = 'p'",
        "2:9 there is no agent or workflow `edtor` (did you mean `editor`?)",
    ),
    (
        "name = 'a'\nentry = 'tirp'\nplugins.p.path = 'p'\nagents.x.plugin = 'p'\nworkflows.trip.nodes.a.agent = 'x'",
        "2:9 there is no agent or workflow `tirp` (did you mean `trip`?)",
    ),
    ("name = 'a'\n[plugins.p]\npath = ''", "3:8 a path is expected, relative to the manifest"),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\ndigest = 'sha256:00'",
        "4:10 `sha256:00` is not a digest: `blake3:` and 64 hexadecimal digits is expected",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nlinks = { 'demo:x/y@0.1.0' = 'q' }",
        "4:30 there is no plugin `q` (the plugins are `p`)",
    ),
    (
        "name = 'a'\n[plugins.p]\npath = 'p'\nlinks = { 'y' = 'p' }",
        "4:11 `y` is not an interface (an interface is written as the component names it, such as `demo:x/iface@0.1.0`)",
    ),
    // Inputs and secrets.
    (
        "name = 'a'\n[inputs.x]\nrequired = true\ndefault = 'b'",
        "3:12 an input that has a default is never missing (leave out one of the two)",
    ),
    (
        "name = 'a'\n[inputs.x]\nkind = 'folder'\ndefault = ''",
        "4:11 a path is expected (`.` is the folder of the manifest)",
    ),
    (
        "name = 'a'\n[secrets.s]\n",
        "2:1 the secret has no source (exactly one of `env` and `file` says where the host finds it)",
    ),
    (
        "name = 'a'\n[secrets.s]\nenv = 'A'\nfile = 'b'",
        "4:8 the secret has two sources (exactly one of `env` and `file` says where the host finds it)",
    ),
    (
        "name = 'a'\n[runs]\nkeep-for = '90'",
        "3:12 `90` is no time (write a number above 0 with its unit, such as `90d` or `12h`)",
    ),
    ("name = 'a'\n[secrets.s]\nenv = 'A=B'", "3:7 `A=B` cannot name a variable"),
];

/// Tables of grants of plugin `files`, with what is wrong with each; the table begins in column 10 of line 4.
const GRANTS: &[(&str, &str)] = &[
    ("{ tools = ['filez.read'] }", "4:21 there is no plugin `filez` (did you mean `files`?)"),
    (
        "{ tools = ['files'] }",
        "4:21 `files` is a plugin, and a tool is expected (write `files.*` for all its tools, or `files.function` for one)",
    ),
    ("{ tools = ['other*'] }", "4:21 no plugin begins with `other`"),
    ("{ tools = ['a b.c'] }", "4:21 `a b.c`: a `*` may only stand at the end, and spaces nowhere"),
    (
        "{ files = [{ path = 'a', uses = 1 }] }",
        "4:42 this grant has no number of uses: a frame is given it once, when it opens (leave out `uses`, and bound with it the tool or the agent that may be called)",
    ),
    (
        "{ env = [{ allow = 'A', uses = 1 }], config = [{ allow = 'a', uses = 2 }] }",
        "4:41 this grant has no number of uses: a frame is given it once, when it opens (leave out `uses`, and bound with it the tool or the agent that may be called)\n4:79 this grant has no number of uses: a frame is given it once, when it opens (leave out `uses`, and bound with it the tool or the agent that may be called)",
    ),
    (
        "{ config = [{ allow = 'a', ask = true }] }",
        "4:43 nobody can be asked for each use of this grant: the host does not see them one by one (leave out `ask`, and set it for the tool or the agent that may be called)",
    ),
    ("{ tools = [{ allow = 'x.y', uses = 1 }] }", "4:31 there is no plugin `x` (the plugins are `files`)"),
    (
        "{ tools = [{ uses = 1 }] }",
        "4:21 `allow` is missing in `plugins.files.grants.tools` (the name, or the beginning of names and `*`)",
    ),
    (
        "{ tools = ['{input.folder}.read'] }",
        "4:21 `{input.folder}.read`: `{input.NAME}` may only stand in the path of a file, in a key of the state, in a scope of the memory, and in the host, port and path of a url",
    ),
    ("{ state = ['a b'] }", "4:21 `a b`: a `*` may only stand at the end, and spaces nowhere"),
    ("{ state = ['{input.foldr}:read'] }", "4:21 there is no input `foldr` (did you mean `folder`?)"),
    ("{ artifacts = 'reed' }", "4:24 `reed` is not a value of `plugins.files.grants.artifacts` (did you mean `read`?)"),
    ("{ agents = ['writr'] }", "4:22 there is no agent `writr` (did you mean `writer`?)"),
    ("{ agents = ['x*'] }", "4:22 no agent begins with `x`"),
    ("{ files = ['docs'] }", "4:21 `docs`: `PATH:read` or `PATH:write` is expected"),
    ("{ files = ['{input.foldr}:read'] }", "4:21 there is no input `foldr` (did you mean `folder`?)"),
    (
        "{ files = ['{input.note}:read'] }",
        "4:21 input `note` may be missing, and a grant needs it (give it a default, or make it required)",
    ),
    (
        "{ files = ['{folder}:read'] }",
        "4:21 `{folder}:read`: a brace begins `{input.NAME}`; write `{{` and `}}` for braces that belong to a path",
    ),
    (
        "{ files = ['~/docs:read'] }",
        "4:21 `~/docs:read`: `~` is not resolved; write the folder, or take it from an input",
    ),
    (
        "{ files = [{ path = 'docs:read' }] }",
        r#"4:30 `path` is the path alone (write `path = "docs", access = "read"`)"#,
    ),
    (
        "{ files = [{ path = 'docs', as = 'docs' }] }",
        "4:43 `docs`: a place in the guest is an absolute path such as `/docs`",
    ),
    (
        "{ files = ['a/docs:read', 'b/docs:read'] }",
        r#"4:36 `b/docs` and `a/docs` would both be `/docs` in the guest (give one of them another place: { path = "b/docs", as = "/other" })"#,
    ),
    (
        "{ http = ['GET example.org'] }",
        "4:20 `GET example.org`: `http://` or `https://` is expected, as in `GET https://example.org/docs/*`",
    ),
    ("{ http = ['get https://example.org'] }", "4:20 `get https://example.org`: the methods are not words"),
    ("{ http = ['https://{input.host}.org'] }", "4:20 there is no input `host` (the inputs are `folder`, `note`)"),
    (
        "{ http = [{ allow = 'https://a.org', addresses = ['10.0.0.0/33'] }] }",
        "4:60 `10.0.0.0/33` is not an address (write one, as in `127.0.0.1`, or a net, as in `10.0.0.0/8`)",
    ),
    (
        "{ http = [{ allow = 'https://a.org', until = '2027-01-01' }] }",
        "4:55 `2027-01-01` is not a time (a date, a time and an offset are expected, as in `2027-01-01T00:00:00Z`)",
    ),
    (
        "{ http = [{ allow = 'https://a.org', until = 2027-01-01 }] }",
        "4:55 `2027-01-01` is not a time (a date, a time and an offset are expected, as in `2027-01-01T00:00:00Z`)",
    ),
    ("{ secrets = ['github'] }", "4:23 `github`: `NAME@https://host/*` is expected"),
    ("{ secrets = ['githb@https://a.org'] }", "4:23 there is no secret `githb` (did you mean `github`?)"),
    (
        "{ secrets = [{ name = 'githb', to = 'https://a.org' }] }",
        "4:32 there is no secret `githb` (did you mean `github`?)",
    ),
    (
        "{ secrets = [{ name = 'github' }] }",
        "4:23 `to` is missing in `plugins.files.grants.secrets` (on which requests: `[METHOD,METHOD ]scheme://host[:port][/path]`)",
    ),
    (
        "{ secrets = [{ name = 'github', to = 'https://a.org', format = 'x' }] }",
        "4:73 `x`: a format has one `{}`, where the secret stands",
    ),
    ("{ env = ['A*B'] }", "4:19 `A*B`: a `*` may only stand at the end, and spaces nowhere"),
];

#[test]
fn each_problem_is_named_with_its_place() {
    for (text, expected) in CASES {
        check(text, expected);
    }
}

#[test]
fn each_bad_grant_is_named_with_its_place() {
    let rest = "[agents.writer]\nplugin = 'files'\n[secrets.github]\nenv = 'A'\n\
                [inputs]\nfolder = { default = 'a' }\nnote = { required = false }\n";
    for (grants, expected) in GRANTS {
        check(&format!("name = 'a'\n[plugins.files]\npath = 'p'\ngrants = {grants}\n{rest}"), expected);
    }
}

#[test]
fn no_problem_hides_another() {
    let text = "\
nam = 'a'
entry = 'x'
[limits]
fuell = 1
fuel = 'much'
[plugins.files]
path = 7
digest = 'none'
[plugins.Big]
path = 'b'
grants = { files = ['docs', 1, 'a:read'], http = [{ alow = 'x' }], secrets = ['s@https://a.org'] }
[agents.y]
plugin = 'fils'
lends = { tools = ['files.read', 'fils.read'] }
";
    let expected = "\
1:1 unknown key `nam` (did you mean `name`?)
2:9 there is no agent or workflow `x` (the agents and workflows are `y`)
4:1 unknown key `fuell` (did you mean `fuel`?)
5:8 `limits.fuel` is a string, and a whole number is expected
7:8 `plugins.files.path` is a whole number, and a string is expected
8:10 `none` is not a digest: `blake3:` and 64 hexadecimal digits is expected
9:10 `Big` cannot name the plugin
11:21 `docs`: `PATH:read` or `PATH:write` is expected
11:29 `plugins.Big.grants.files` is a whole number, and a string or a table is expected
11:53 unknown key `alow`
11:79 there is no secret `s`
13:10 there is no plugin `fils` (did you mean `files`?)
14:34 there is no plugin `fils` (did you mean `files`?)";
    let found = short(&problems(text));
    for (found, expected) in found.iter().zip(expected.lines()) {
        let start = expected.split(" (").next().unwrap();
        assert!(found.starts_with(start), "{found}\nis not\n{expected}");
    }
    assert_eq!(found.len(), expected.lines().count(), "{found:#?}");
}

#[test]
fn problems_are_shown_with_their_lines() {
    let text = "name = 'a'\n\tentry = 'edtor'\nagents.editor.plugin = 'p'\nplugins.p.path = ''\n";
    let error = parse(text).unwrap_err();
    let expected = "\
/srv/brief/priory.toml:2:10: there is no agent or workflow `edtor`
 2 |  entry = 'edtor'
   |          ^
   hint: did you mean `editor`?

/srv/brief/priory.toml:4:18: a path is expected, relative to the manifest
 4 | plugins.p.path = ''
   |                  ^
";
    assert_eq!(error.render(false), expected);
    assert_eq!(error.to_string(), expected.trim_end());
    let colored = error.render(true);
    assert!(colored.contains("\u{1b}[1;31m^\u{1b}[0m"), "{colored}");
}

#[test]
fn what_is_shown_cannot_act_on_a_terminal_and_is_short() {
    let long = "x".repeat(5_000);
    let text = format!("name = 'a'\n{}entry = \"\\u001b[2J\u{202e}{long}\" # {long}", " ".repeat(300));
    let shown = parse(&text).unwrap_err().render(false);
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    let raw = parse("name = 'a' # \u{1b}[2J\u{7f}").unwrap_err().render(false);
    assert!(!raw.contains(['\u{1b}', '\u{7f}']), "{raw:?}");
    assert!(shown.contains("priory.toml:2:309: "), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() < 800), "{shown}");
    let caret = shown.lines().find(|line| line.ends_with('^')).unwrap().chars().count();
    let line = shown.lines().find(|line| line.starts_with(" 2 |")).unwrap();
    assert_eq!(line.chars().nth(caret - 1), Some('"'), "{shown}");
}

#[test]
fn deep_texts_are_refused_and_do_no_harm() {
    for deep in
        ["a.".repeat(200_000) + "a = 1", format!("[{}a]", "a.".repeat(200_000)), format!("a = {}", "[".repeat(200_000))]
    {
        let found = short(&problems(&format!("name = 'a'\n{deep}")));
        assert!(found.iter().any(|problem| problem.contains("recurs")), "{found:?}");
    }
}

/// Writes one entry.
type Entry = fn(usize) -> String;

/// Returns a manifest with a number of entries.
fn many(count: usize, entry: Entry) -> String {
    (0..count).map(entry).fold("name = 'a'\n".to_owned(), |text, entry| text + &entry + "\n")
}

#[test]
fn every_bound_holds_one_step_beyond_it() {
    let entries: [(&str, Entry); 4] = [
        ("inputs", |n| format!("inputs.i{n} = {{}}")),
        ("plugins", |n| format!("plugins.p{n}.path = 'p'")),
        ("secrets", |n| format!("secrets.s{n}.env = 'A'")),
        ("plugins.p.config", |n| format!("plugins.p.config.k{n} = 'v'")),
    ];
    for (place, entry) in entries {
        let rest = if place == "plugins.p.config" { "plugins.p.path = 'p'" } else { "" };
        assert_eq!(short(&problems(&(many(ENTRIES_MAX, entry) + rest))), Vec::<String>::new(), "{place}");
        let found = short(&problems(&(many(ENTRIES_MAX + 1, entry) + rest)));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!("`{place}` has 1025 entries, and 1024 are allowed")), "{found:?}");
    }

    let grants = |env: usize, config: usize| {
        let (env, config) = ("'A',".repeat(env), "'a',".repeat(config));
        problems(&format!("name = 'a'\n[plugins.p]\npath = 'p'\ngrants = {{ env = [{env}], config = [{config}] }}"))
    };
    assert_eq!(short(&grants(GRANTS_MAX - 1, 1)), Vec::<String>::new());
    let alone = short(&grants(GRANTS_MAX + 1, 0));
    assert_eq!(alone, ["4:18 `plugins.p.grants.env` has 1025 entries, and 1024 are allowed"]);
    let together = short(&grants(GRANTS_MAX, 1));
    assert_eq!(together, ["4:19 there are 1025 grants, and 1024 are allowed (join some of them with `*`)"]);

    let found = problems(&many(PROBLEMS_MAX + 1, |n| format!("unknown{n} = 1")));
    assert_eq!(found.len(), PROBLEMS_MAX);
}
