// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workflows that are right: everything that is written arrives, and what is not has its default.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use priory_core::Dimension;
use priory_core::grant::GrantKind;
use priory_workflow::check::Callee;
use priory_workflow::definition::{CONTEXT_BYTES, Definition, Kind, MergeRule, OnFailure, OnSpent, Settle};
use serde_json::json;

use super::{HEAD, said};
use crate::tests::{parse, short};
use crate::{Error, Manifest, Workflow};

const GOOD: &str = include_str!("good.toml");

/// Returns the manifest with the good workflow in a table of its own.
fn with_tables() -> String {
    let text = GOOD.replace("\n[", "\n[workflows.w.");
    format!("{HEAD}{text}")
}

fn workflow(text: &str) -> Workflow {
    let mut manifest = parse(&format!("{HEAD}{text}")).unwrap_or_else(|error| panic!("{error}"));
    manifest.workflows.remove("w").unwrap()
}

#[test]
fn every_kind_of_node_is_read() {
    let manifest = parse(&with_tables()).unwrap_or_else(|error| panic!("{error}"));
    let found = &manifest.workflows["w"];
    let words: BTreeSet<&str> = found.definition.nodes.values().map(|node| node.kind.word()).collect();
    let all = [
        "agent",
        "compete",
        "conversation",
        "crew",
        "emit",
        "event",
        "graph",
        "handoff",
        "human",
        "loop",
        "map",
        "parallel",
        "plan",
        "route",
        "sequence",
        "supervisor",
        "tool",
        "value",
        "vote",
        "workflow",
    ];
    assert_eq!(words.into_iter().collect::<Vec<_>>(), all);
    assert_eq!(short(&manifest.warnings).len(), 1, "{:?}", short(&manifest.warnings));
    assert_eq!(found.limits.get(Dimension::Repeats), Some(5));
    assert_eq!(found.budget.fuel, Some(10_000_000_000));
    assert_eq!((found.definition.stop.steps, found.definition.stop.bounces), (Some(500), Some(4)));
    assert_eq!(found.definition.context_bytes, 65_536);
    assert_eq!(found.definition.state["best"], MergeRule::Tool("p.merge".into()));
    let flights = &found.definition.nodes["flights"];
    assert_eq!((flights.contract.attempts, flights.timeout_ms, flights.on_spent), (3, Some(30_000), OnSpent::Ask));
    assert!(matches!(flights.on_failure, OnFailure::Value(_)) && flights.undo.is_some() && flights.write.len() == 2);
    let retry = flights.retry.as_ref().unwrap();
    assert_eq!((retry.times, retry.backoff_ms, retry.factor, retry.jitter), (5, 100, 1.5, 0.1));
    let Kind::Map { width, settle, .. } = &found.definition.nodes["hotels"].kind else { panic!("no map") };
    assert_eq!((*width, *settle), (4, Settle::Quorum(1)));
    let again = Definition::from_bytes(&found.definition.to_bytes().unwrap()).unwrap();
    assert_eq!(again, found.definition);
}

#[test]
fn what_is_left_out_has_its_default() {
    let text = "nodes.m.map = { over = 'input', do = 'a' }\nnodes.a = { agent = 'x', retry = {} }\n\
                nodes.s.supervisor = { manager = 'b', workers = ['c'] }\nnodes.b.agent = 'x'\nnodes.c.agent = 'x'\n";
    let definition = workflow(text).definition;
    assert_eq!((definition.context_bytes, definition.stop), (CONTEXT_BYTES, Default::default()));
    let retry = definition.nodes["a"].retry.as_ref().unwrap();
    let times = (retry.times, retry.backoff_ms, retry.factor, retry.backoff_ms_max, retry.jitter);
    assert_eq!(times, (3, 200, 2.0, 10_000, 0.2));
    assert_eq!(definition.nodes["a"].contract.attempts, 2);
    let Kind::Map { width: 16, settle: Settle::All, .. } = definition.nodes["m"].kind else { panic!("other defaults") };
    let Kind::Supervisor(supervisor) = &definition.nodes["s"].kind else { panic!("no supervisor") };
    assert_eq!(supervisor.turns, 16);
}

#[test]
fn whoever_names_a_tool_in_a_node_has_granted_it() {
    let grants = |text: &str| {
        let shown = |grant: &priory_core::grant::GrantTemplate| match grant.text.as_str() {
            "" => format!("{:?}", grant.kind),
            text => format!("{:?} {text}", grant.kind),
        };
        workflow(text).grants.0.iter().map(shown).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(grants("nodes.a.agent = 'x'"), "Agent x, Log, Artifact");
    let text = "grants.tools = [{ allow = 'p.f', uses = 2 }]\nstate.n = {}\nresult = 'state.n'\nnodes.a = { tool = 'p.f', retry = {} }\n\
                nodes.b = { human = { kind = 'approve', text = '?' } }\nnodes.c.emit = 'paid'\nnodes.d.event = 'over'\n";
    assert_eq!(grants(text), "Tool p.f, State n, Event paid:emit, Event over:await, Log, Artifact, Human, Sleep");
    let held = workflow(text).grants;
    let tool = held.0.iter().find(|grant| grant.kind == GrantKind::Tool).unwrap();
    assert_eq!(tool.uses_max, Some(2), "a grant with conditions stays as it was written");
    assert!(held.0.iter().all(|grant| grant.check(&|_| true).is_ok()), "{held:?}");
}

#[test]
fn a_workflow_may_have_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("flows")).unwrap();
    let head = "name = 'a'\nentry = 'w'\nplugins.p.path = 'p'\nagents.x.plugin = 'p'\nagents.y.plugin = 'p'\n";
    fs::write(at("priory.toml"), format!("{head}workflows.w.file = 'flows/w.workflow.toml'\n")).unwrap();
    let write = |text: &str| fs::write(at("flows/w.workflow.toml"), text).unwrap();
    write(GOOD);
    let manifest = Manifest::read(&at("priory.toml")).unwrap_or_else(|error| panic!("{error}"));
    let table = parse(&with_tables()).unwrap();
    assert_eq!(manifest.workflows["w"].definition, table.workflows["w"].definition);

    fs::write(at("flows/in.json"), r#"{"type": "object"}"#).unwrap();
    write("nodes.a = { agent = 'x', input-schema = 'in.json' }\nlends.files = ['docs:read']\n");
    let manifest = Manifest::read(&at("priory.toml")).unwrap();
    assert_eq!(manifest.workflows["w"].lends.0[0].base, at("flows"), "paths start at the file");
    assert!(manifest.workflows["w"].definition.nodes["a"].contract.input.is_some());

    write("nodes.a = { agent = 'x', with = 'inptu' }\nnodes.b.agnet = 'x'\nfile = 'w'\n");
    let error = Manifest::read(&at("priory.toml")).unwrap_err().render(false);
    assert!(
        error.contains("flows/w.workflow.toml:2:9: unknown key `agnet` in `nodes.b`\n 2 | nodes.b.agnet = 'x'"),
        "{error}"
    );
    assert!(error.contains("flows/w.workflow.toml:3:8: this is the file already"), "{error}");
    write("nodes.a = { agent = 'x', with = 'inptu' }\n");
    let error = Manifest::read(&at("priory.toml")).unwrap_err().render(false);
    let expected = "flows/w.workflow.toml:1:34: `inptu` is not there\n 1 | nodes.a = { agent = 'x', with = 'inptu' }\n   |                                  ^\n   hint: did you mean `input`? every text here is an expression; a text of its own stands in quotes: \"'hello'\"\n";
    assert!(error.ends_with(expected), "{error}");
    write("nodes.a = [");
    let error = Manifest::read(&at("priory.toml")).unwrap_err().render(false);
    assert!(error.contains("w.workflow.toml:1:"), "{error}");
}

#[test]
fn agents_and_workflows_share_one_space_of_names() {
    let text =
        "name = 'a'\nentry = 'x'\nplugins.p.path = 'p'\nagents.x.plugin = 'p'\nworkflows.x.nodes.a.agent = 'x'\n";
    let Err(Error::Problems { problems, .. }) = parse(text) else { panic!("it was taken") };
    let expected = "5:11 there is an agent `x` already (agents and workflows are called in the same way, so they share one space of names)";
    assert_eq!(short(&problems), [expected]);
    let text = "name = 'a'\nplugins.p.path = 'p'\nagents.x.plugin = 'p'\nworkflows.w.nodes.a.agent = 'x'\n";
    let expected = "3:8 there are 2 agents and workflows, and `entry` does not say which one a run starts (add `entry = \"x\"`, or another, below the name, or run one with --agent x)";
    assert_eq!(short(&parse(text).unwrap().unreached), [expected]);
    let only = parse("name = 'a'\nplugins.p.path = 'p'\nworkflows.w.nodes.a.tool = 'p.f'\n").unwrap();
    assert_eq!((only.entry.as_deref(), short(&only.warnings)), (Some("w"), vec![]));
}

#[test]
fn tools_are_compared_when_they_are_known() {
    let tools = || {
        let input = json!({ "type": "object", "required": ["path"], "additionalProperties": false,
                            "properties": { "path": { "type": "string" }, "most": { "type": "integer" } } });
        let output =
            json!({ "type": "object", "properties": { "text": { "type": "string" } }, "additionalProperties": false });
        let read = Callee { input: Some(input), output: Some(output), calls: Vec::new() };
        BTreeMap::from([("p.read".to_owned(), read)])
    };
    let check = |text: &str, expected: &str| {
        let manifest = parse(&format!("{HEAD}{text}")).unwrap_or_else(|error| panic!("{error}"));
        let found = match manifest.check_tools(tools(), BTreeSet::new()) {
            Ok(warnings) => short(&warnings),
            Err(Error::Problems { problems, .. }) => short(&problems),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found.join("\n"), expected, "of\n{text}");
    };
    check("nodes.a = { tool = 'p.read', with = { path = \"'x'\" } }", "");
    check("nodes.a.tool = 'p.raed'", "7:16 plugin `p` has no tool `raed` (did you mean `read`?)");
    check(
        "nodes.a = { tool = 'p.read', with = { most = '1' } }",
        "7:30 `p.read` needs `path`, which is not given (add `path = \"…\"`)",
    );
    check(
        "nodes.a = { tool = 'p.read', with = { path = '1', mots = '1' } }",
        "7:46 `p.read` does not take this as `path`: it is an integer, and a text is wanted\n7:58 `p.read` takes no `mots` (did you mean `most`?)",
    );
    check(
        "nodes.a = { tool = 'p.read', with = \"{'path': input, 'x': 1}\" }",
        "7:37 `p.read` does not take this: it has `x`, which is not wanted",
    );
    check(
        "nodes.a = { tool = 'p.read', with = { path = \"'x'\" } }\nnodes.b = { agent = 'x', with = 'a.txet' }",
        "8:34 `a` has no `txet` (did you mean `text`?)",
    );
    let manifest = parse(&format!("{HEAD}nodes.a.tool = 'p.made'")).unwrap();
    assert!(manifest.check_tools(tools(), BTreeSet::from(["p".to_owned()])).is_ok(), "a toolset may have any");
}

#[test]
fn others_that_call_back_are_a_circle() {
    let text = "nodes.a.workflow = 'v'\n[workflows.v]\nnodes.b.workflow = 'w'\n";
    let expected = "warning: 1:20 the workflow calls itself again and again: w → v → w (put a condition in front of it; without one, the limit `depth` ends it with a failure)\n\
                    warning: 3:20 the workflow calls itself again and again: v → w → v (put a condition in front of it; without one, the limit `depth` ends it with a failure)";
    let found: Vec<String> = said(text).lines().map(str::to_owned).collect();
    let mut expected: Vec<String> = expected.lines().map(str::to_owned).collect();
    expected.sort();
    assert_eq!(
        {
            let mut found = found;
            found.sort();
            found
        },
        expected
    );
}

#[test]
fn no_text_makes_the_reader_panic() {
    let good = with_tables();
    // Every mutation is one of a fixed sequence, so a failure comes again.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |most: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % most.max(1) as u64).unwrap()
    };
    let pieces =
        ["'", "\"", "{", "}", "[", "]", "=", ".", ",", "\n", "input", "a", "-1", "true", "é", "nodes", "''", "{{", "0"];
    for _ in 0..400 {
        let mut text = good.clone();
        for _ in 0..=random(4) {
            let floor =
                |at: usize| text.char_indices().map(|(at, _)| at).take_while(|start| *start <= at).last().unwrap_or(0);
            let (from, to) = (floor(random(text.len())), floor(random(text.len())));
            let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 40));
            let to = floor(to).max(from);
            let piece = pieces[random(pieces.len())];
            match random(3) {
                0 => text.replace_range(from..to, ""),
                1 => text.insert_str(from, piece),
                _ => text.replace_range(from..to, piece),
            }
        }
        if let Err(error) = parse(&text) {
            assert!(!error.render(false).is_empty());
        }
    }
}
