// SPDX-License-Identifier: MIT OR Apache-2.0
//! Manifests that are right, and the files that they are in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use priory_core::Dimension;
use priory_core::effect::Nature;
use priory_core::gate::{BreakerSpec, Fault, RateSpec};
use priory_core::grant::Held;
use priory_core::journal::Retention;

use super::{parse, short};
use crate::{Error, InDoubt, InputKind, MANIFEST_BYTES_MAX, Manifest, SecretSource};

const GOOD: &str = include_str!("good.toml");

#[test]
fn everything_that_is_written_arrives() {
    let manifest = parse(GOOD).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((manifest.name.as_str(), manifest.entry.as_deref()), ("brief", Some("editor")));
    assert_eq!(manifest.folder, Path::new("/srv/brief"));
    assert_eq!(short(&manifest.warnings), Vec::<String>::new());

    let inputs: Vec<_> = manifest.inputs.values().map(|i| (i.kind, i.required, i.default.as_deref())).collect();
    let expected =
        [(InputKind::Folder, false, Some("docs")), (InputKind::Text, true, None), (InputKind::Text, false, None)];
    assert_eq!(inputs, expected);

    assert_eq!(manifest.limits.get(Dimension::Fuel), Some(2_000_000_000));
    assert_eq!(manifest.limits.get(Dimension::MemoryBytes), Some(256 << 20));
    assert_eq!(manifest.budget.calls, Some(1_000));

    let files = &manifest.plugins["files"];
    assert_eq!(files.path, Path::new("/plugins/files"));
    assert_eq!(files.digest, Some(priory_core::Digest::of(b"")));
    assert_eq!(files.limits.get(Dimension::TimeMs), Some(5_000));
    assert_eq!((files.effects, files.in_doubt), (Some(Nature::Repeatable), InDoubt::Ask));
    let fetch = &manifest.plugins["fetch"];
    assert_eq!(fetch.path, Path::new("/srv/brief/fetch.wasm"));
    assert_eq!((fetch.effects, fetch.in_doubt), (None, InDoubt::Fail));
    assert_eq!(fetch.config, BTreeMap::from([("theme".into(), "dark".into())]));
    assert_eq!(fetch.links, BTreeMap::from([("demo:text/words@0.1.0".into(), "files".into())]));
    assert_eq!(manifest.plugins["editor"].path, Path::new("/opt/editor.wat"));

    let researcher = &manifest.agents["researcher"];
    assert_eq!((researcher.plugin.as_str(), researcher.description.as_str()), ("researcher", "Finds sources."));
    assert_eq!(researcher.limits.get(Dimension::Calls), Some(100));
    assert_eq!((researcher.budget.fuel, researcher.budget.calls), (Some(10_000_000_000), None));
    assert_eq!(researcher.config["depth"], "2");
    assert_eq!((researcher.gate.is_unset(), fetch.gate.is_unset()), (true, true));
    assert_eq!(files.gate.breaker, Some(BreakerSpec::default()));
    assert_eq!(files.gate.rate, Some(RateSpec::calls(10, 1_000).waiting(2_000)));
    let editor = &manifest.agents["editor"].gate;
    let on = vec![Fault::Trap, Fault::Invalid];
    let breaker = BreakerSpec { failures: 3, window_ms: Some(60_000), open_ms: 10_000, probes: 2, on };
    assert_eq!((&editor.breaker, &editor.rate), (&Some(breaker), &Some(RateSpec::at_once(4))));

    assert_eq!(manifest.runs, Retention { age_ms: Some(30 * 86_400_000), count: Some(500), bytes: None });
    assert_eq!(manifest.secrets["github"], SecretSource::Env("GITHUB_TOKEN".into()));
    assert_eq!(manifest.secrets["mail"], SecretSource::File("/srv/brief/keys/mail".into()));
}

#[test]
fn grants_resolve_with_the_inputs_of_a_run() {
    let manifest = parse(GOOD).unwrap();
    let given =
        BTreeMap::from([("question".to_owned(), "why?".to_owned()), ("folder".to_owned(), "papers".to_owned())]);
    let inputs = manifest.resolve_inputs(&given, Path::new("/home/me")).unwrap();
    let shown = |held: &Held| (held.grant.to_string(), held.until_unix_ms, held.uses_max);

    let files = manifest.plugins["files"].grants.resolve(&inputs).unwrap();
    let expected = [
        ("file=/home/me/papers:read".to_owned(), None, None),
        ("file=/srv/brief/out:write".to_owned(), None, None),
        ("log".to_owned(), None, None),
    ];
    assert_eq!(files.iter().map(shown).collect::<Vec<_>>(), expected);

    let until = Some(1_798_761_600_000);
    let fetch = manifest.plugins["fetch"].grants.resolve(&inputs).unwrap();
    let expected = [
        ("env=LANG".to_owned(), None, None),
        ("config=*".to_owned(), None, None),
        ("http=GET https://example.org/*".to_owned(), None, None),
        ("http=http://intranet:8080/*".to_owned(), until, Some(3)),
        ("secret=github@https://api.github.com/*".to_owned(), until, None),
        ("secret=mail@https://mail.example.org/*".to_owned(), None, None),
    ];
    assert_eq!(fetch.iter().map(shown).collect::<Vec<_>>(), expected);

    let lends = manifest.agents["researcher"].lends.resolve(&inputs).unwrap();
    assert_eq!(
        lends.iter().map(|held| held.grant.to_string()).collect::<Vec<_>>(),
        ["config=*", "file=/home/me/papers:read"]
    );
}

#[test]
fn little_is_needed() {
    let empty = parse("name = 'a'").unwrap();
    assert_eq!((empty.entry, empty.warnings), (None, Vec::new()));
    let one = parse("name = 'a'\nplugins.p.path = 'p'\nagents.only.plugin = 'p'").unwrap();
    assert_eq!(one.entry.as_deref(), Some("only"));
    let tools = parse("name = 'a'\nplugins.p.path = 'p'\n").unwrap();
    assert_eq!(tools.warnings, Vec::new(), "a manifest without agents lends its plugins to callers from outside");
}

#[test]
fn what_is_most_likely_not_meant_is_a_warning() {
    let text = r#"
name = "a"
entry = "one"
[plugins]
p = { path = "p", limits = { stack-bytes = 1 } }
unused = { path = "u" }
[agents]
one = { plugin = "p", grants = { agents = ["two"], files = ["docs:read"] } }
two = { plugin = "p" }
three = { plugin = "p", grants = { agents = ["four"] } }
four = { plugin = "p" }
"#;
    let manifest = parse(text).unwrap();
    let warnings = manifest.warnings.iter().chain(&manifest.unreached);
    let messages: Vec<_> = warnings.map(|w| format!("{}:{} {}", w.line, w.column, w.message)).collect();
    let expected = [
        "5:30 `stack-bytes` is the same for every frame of a host, so it changes nothing here",
        "6:1 plugin `unused` is used by nobody",
        "8:61 an agent holds files itself",
        "10:1 agent `three` is out of reach of `one`, which a run starts with",
        "11:1 agent `four` is out of reach of `one`, which a run starts with",
    ];
    assert_eq!(messages, expected);
    let shown = manifest.render_warnings(false);
    assert!(!shown.contains("out of reach") && manifest.render_unreached(false).contains("10:1: agent `three` is out"));
    assert!(shown.contains("6 | unused = { path = \"u\" }\n   | ^\n   hint: let an agent hold"), "{shown}");
}

#[test]
fn many_out_of_reach_are_one_warning() {
    let agents = |count: usize| (0..count).map(|n| format!("agents.x{n}.plugin = 'p'\n")).collect::<String>();
    let text = |count| {
        format!("name = 'a'\nentry = 'w'\nplugins.p.path = 'p'\nworkflows.w.nodes.a.tool = 'p.f'\n{}", agents(count))
    };
    let messages = |count| short(&parse(&text(count)).unwrap().unreached);
    assert_eq!(messages(2).len(), 2);
    let expected = "5:8 out of reach of `w`, which a run starts with, are `x0`, `x1`, `x2` (a run starts with one of them by --agent NAME)";
    assert_eq!(messages(3), [expected]);
    assert!(messages(10)[0].contains("`x7`, 2 more"), "{:?}", messages(10));
}

#[test]
fn several_need_no_entry() {
    let text = "name = 'a'\nplugins.p.path = 'p'\nplugins.q.path = 'q'\nagents.x.plugin = 'p'\nagents.y.plugin = 'p'";
    let manifest = parse(text).unwrap();
    assert_eq!(manifest.entry, None);
    assert_eq!(
        short(&manifest.unreached),
        [
            r#"4:8 there are 2 agents, and `entry` does not say which one a run starts (add `entry = "x"`, or another, below the name, or run one with --agent x)"#
        ]
    );
    assert_eq!(manifest.warnings.len(), 1, "the plugin that is not used: {:?}", manifest.warnings);
}

#[test]
fn agents_are_reached_through_tools_and_links() {
    let text = r#"
name = "a"
entry = "one"
plugins.p = { path = "p", links = { "x:y/z" = "linked" } }
plugins.linked = { path = "l", grants = { agents = ["t*"] } }
agents.one.plugin = "p"
agents.two.plugin = "p"
"#;
    let manifest = parse(text).unwrap();
    assert_eq!((short(&manifest.warnings), short(&manifest.unreached)), (vec![], vec![]));
}

#[test]
fn a_manifest_is_read_from_a_file_and_found_upwards() {
    let temp = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(temp.path()).unwrap();
    let path = root.join("priory.toml");
    let deep = root.join("a/b");
    fs::create_dir_all(deep.join("priory.toml")).unwrap();
    fs::write(&path, "name = 'a'\nplugins.p.path = 'p'").unwrap();
    assert_eq!(Manifest::find(&deep).unwrap(), Some(path.clone()), "a folder of that name is no manifest");
    assert_eq!(Manifest::find(&root.join("not-there/at-all")).unwrap(), Some(path.clone()));
    let manifest = Manifest::read(&path).unwrap();
    assert_eq!(manifest.plugins["p"].path, root.join("p"));

    assert!(matches!(Manifest::read(&root.join("other.toml")), Err(Error::Read { .. })));
    fs::write(&path, b"name = '\xff'").unwrap();
    assert!(matches!(Manifest::read(&path), Err(Error::NotText { valid: 8, .. })));
    let filler = |bytes: usize| format!("name = 'a'\n#{}", " ".repeat(bytes - "name = 'a'\n#".len()));
    fs::write(&path, filler(MANIFEST_BYTES_MAX)).unwrap();
    assert!(Manifest::read(&path).is_ok());
    fs::write(&path, filler(MANIFEST_BYTES_MAX + 1)).unwrap();
    assert!(matches!(Manifest::read(&path), Err(Error::TooLarge { .. })));
    assert!(matches!(Manifest::parse(&filler(MANIFEST_BYTES_MAX + 1), &path), Err(Error::TooLarge { .. })));
}

#[test]
fn a_relative_path_is_taken_from_the_current_folder() {
    let manifest = Manifest::parse("name = 'a'", Path::new("x/priory.toml")).unwrap();
    assert_eq!(manifest.folder, std::env::current_dir().unwrap().join("x"));
    assert_eq!(manifest.path, PathBuf::from("x/priory.toml"));
}
