// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of grant, absent and present, and the conditions under which grants hold.

use std::sync::Arc;
use std::time::Duration;

use priory::core::authority::Holder;
use priory::core::grant::GrantTemplate;
use priory::core::{Failure, Grant};
use priory::{AgentSpec, Host, PluginSpec, RunSpec};
use priory_testkit::{ScriptedHttp, SimClock};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hostile::components::custom_section;
use crate::stage::{
    agent, build, builder, denied, good, grant, grants, json, other, output, rogue_plugin, run, shared, tool,
    wasi_plugin,
};

/// A host with an environment, a configuration, a way out and a folder, of which the plugin `wasi` has some grants.
fn host(texts: &[&str]) -> Host {
    let script = ScriptedHttp::new().name("a.example", [93, 184, 216, 34].into()).answer(
        "GET http://a.example/",
        200,
        &[],
        "hi",
    );
    let plugin = texts.iter().fold(wasi_plugin(), |plugin, text| plugin.grant(grant(text)));
    let environment = [("COLOUR", "red"), ("COLOUR_MODE", "dark"), ("TOKEN", "secret")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    build(builder().plugin(good()).plugin(plugin).http(Arc::new(script)).environment(environment))
}

#[test]
fn environment() {
    let seen = |texts: &[&str]| output(&tool(&host(texts), "wasi.environment", json!({})));
    assert_eq!(seen(&[]), json!([]));
    assert_eq!(seen(&["env=COLOUR"]), json!(["COLOUR=red"]));
    assert_eq!(seen(&["env=COLOUR*"]), json!(["COLOUR=red", "COLOUR_MODE=dark"]));
    let host = host(&["env=COLOUR"]);
    assert_eq!(output(&tool(&host, "wasi.read-env", json!({ "name": "TOKEN" }))), json!(null));
    // What the host's own process has is not there at all.
    assert_eq!(output(&tool(&host, "wasi.read-env", json!({ "name": "PATH" }))), json!(null));
}

#[test]
fn configuration() {
    let mut plugin = wasi_plugin();
    plugin.config.insert("theme".into(), "dark".into());
    let host = build(builder().plugin(plugin));
    let read = |host: &Host, key: &str| output(&tool(host, "wasi.read-config", json!({ "key": key })));
    assert_eq!(read(&host, "theme"), "dark");
    assert_eq!(read(&host, "other"), json!(null));
    assert_eq!(read(shared(), "theme"), json!(null));
}

#[test]
fn http() {
    let get = |texts: &[&str]| tool(&host(texts), "wasi.get", json!({ "url": "http://a.example/" }));
    assert_eq!(output(&get(&["http=GET http://a.example/"])), "200 hi");
    for texts in [&[][..], &["http=POST http://a.example/"], &["http=https://a.example/"], &["http=http://b.example/"]]
    {
        assert!(other(&get(texts)).data.is_some());
    }
}

#[test]
fn files() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("note"), "the note").unwrap();
    let mut template: GrantTemplate = format!("file={}:read", folder.path().display()).parse().unwrap();
    template.guest_path = Some("/docs".into());
    let read =
        |plugin: PluginSpec| tool(&build(builder().plugin(plugin)), "wasi.read", json!({ "path": "/docs/note" }));
    assert_eq!(output(&read(wasi_plugin().grant(template))), "the note");
    assert!(other(&read(wasi_plugin())).data.is_some());
}

/// A host with an agent `rogue` that has some grants.
fn agent_host(templates: &[GrantTemplate]) -> Host {
    let agent = templates.iter().cloned().fold(AgentSpec::new("rogue", "rogue"), AgentSpec::grant);
    build(builder().plugin(good()).plugin(rogue_plugin()).agent(agent).agent(AgentSpec::new("other", "rogue")))
}

fn add(times: u64) -> Value {
    json!({ "do": "times", "name": "good.add", "with": { "a": 1, "b": 1 }, "n": times })
}

#[test]
fn tools() {
    for pattern in ["tool=good.add", "tool=good.*", "tool=*", "tool=g*"] {
        assert_eq!(output(&agent(&agent_host(&[grant(pattern)]), "rogue", add(1))), json!([2]), "{pattern}");
    }
    for pattern in ["tool=good", "tool=good.ad", "tool=bad.*", "agent=good.add"] {
        assert_eq!(output(&agent(&agent_host(&[grant(pattern)]), "rogue", add(1))), json!(["denied"]), "{pattern}");
    }
}

#[test]
fn agents() {
    let order = json!({ "do": "call-agent", "name": "other", "with": { "do": "echo", "with": 5 } });
    assert_eq!(output(&agent(&agent_host(&[grant("agent=other")]), "rogue", order.clone())), 5);
    let end = agent(&agent_host(&[]), "rogue", order);
    assert_eq!(denied(&end).remedy, "[agents.rogue.grants]\nagents = [\"other\"]");
}

#[test]
fn a_number_of_uses() {
    let mut template = grant("tool=good.add");
    template.uses_max = Some(2);
    let host = agent_host(&[template]);
    assert_eq!(output(&agent(&host, "rogue", add(3))), json!([2, 2, "denied"]));
    // They are counted in each run.
    assert_eq!(output(&agent(&host, "rogue", add(3))), json!([2, 2, "denied"]));
}

#[test]
fn a_number_of_uses_of_concurrent_calls() {
    let mut template = grant("tool=good.add");
    template.uses_max = Some(3);
    let order = json!({ "do": "start-tools", "name": "good.add", "with": { "a": 1, "b": 1 }, "n": 20 });
    let results = output(&agent(&agent_host(&[template]), "rogue", order));
    let done = results.as_array().unwrap().iter().filter(|result| **result == 2).count();
    assert_eq!(done, 3, "{results}");
}

#[test]
fn a_time() {
    let clock = SimClock::at(1_000_000);
    let mut template = grant("tool=good.add");
    template.until_unix_ms = Some(1_000_500);
    let host = build(
        builder()
            .clock(Arc::new(clock.clone()))
            .plugin(good())
            .plugin(rogue_plugin())
            .agent(AgentSpec::new("rogue", "rogue").grant(template)),
    );
    assert_eq!(output(&agent(&host, "rogue", add(1))), json!([2]));
    clock.advance(Duration::from_millis(499));
    assert_eq!(output(&agent(&host, "rogue", add(1))), json!([2]));
    clock.advance(Duration::from_millis(1));
    assert_eq!(output(&agent(&host, "rogue", add(1))), json!(["denied"]));
}

#[test]
fn one_that_is_taken_back() {
    let host = agent_host(&[grant("tool=good.add")]);
    let (holder, taken): (_, Grant) = (Holder::Agent("rogue".into()), "tool=good.add".parse().unwrap());
    assert_eq!(output(&agent(&host, "rogue", add(1))), json!([2]));
    assert!(host.revoke(holder.clone(), taken.clone()));
    assert!(!host.revoke(holder, taken));
    assert_eq!(output(&agent(&host, "rogue", add(1))), json!(["denied"]));
}

#[test]
fn one_that_is_taken_back_while_a_run_is_live() {
    let host = build(builder().plugin(good()));
    let mine = host.clone();
    let spec = RunSpec::native("test", grants(&["tool=good.add"]), async move |context| {
        let arguments = json(json!({ "a": 1, "b": 1 }));
        context.call_tool("good.add", arguments.clone()).await?;
        mine.revoke(Holder::Caller, "tool=good.add".parse().unwrap());
        context.call_tool("good.add", arguments).await
    });
    let end = run(&host, spec);
    assert_eq!(denied(&end).by, "the caller");
}

#[test]
fn narrowing_by_the_caller() {
    let order = || RunSpec::agent("rogue", json(add(1)));
    assert_eq!(output(&run(shared(), order())), json!([2]));
    assert_eq!(output(&run(shared(), order().narrowed(grants(&["tool=good.*"])))), json!([2]));
    assert_eq!(output(&run(shared(), order().narrowed(grants(&[])))), json!(["denied"]));
    assert_eq!(output(&run(shared(), order().narrowed(grants(&["tool=spin.run"])))), json!(["denied"]));
    // It cannot widen.
    let bare = RunSpec::agent("bare", json(add(1))).narrowed(grants(&["tool=*"]));
    assert_eq!(output(&run(shared(), bare)), json!(["denied"]));
}

#[test]
fn a_ceiling_binds_its_own_component() {
    let ceiling = |text: &str| {
        let mut bytes = rogue_plugin().bytes.to_vec();
        bytes.extend(custom_section("priory:ceiling", text.as_bytes()));
        let agent = AgentSpec::new("rogue", "rogue").grant(grant("tool=good.add"));
        build(builder().plugin(good()).plugin(PluginSpec::new("rogue", bytes)).agent(agent))
    };
    assert_eq!(output(&agent(&ceiling(r#"["tool=good.*"]"#), "rogue", add(1))), json!([2]));
    let order = json!({ "do": "call-tool", "name": "good.add", "with": { "a": 1, "b": 1 } });
    let end = agent(&ceiling(r#"["log"]"#), "rogue", order);
    assert_eq!(denied(&end).by, "ceiling of rogue");
}

#[test]
fn native_code_has_the_grants_that_it_was_given() {
    let add = |texts: &[&str]| {
        let spec = RunSpec::native("test", grants(texts), async |context| {
            context.call_tool("good.add", json(json!({ "a": 1, "b": 2 }))).await
        });
        run(shared(), spec)
    };
    assert_eq!(output(&add(&["tool=good.add"])), 3);
    let end = add(&[]);
    assert_eq!((&*denied(&end).by, &*denied(&end).remedy), ("the caller", "--grant \"tool=good.add\""));
}

#[test]
fn inputs_fill_templates() {
    let folder = TempDir::new().unwrap();
    for name in ["a", "b"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("note"), name).unwrap();
    }
    let mut template: GrantTemplate = format!("file={}/{{input.which}}:read", folder.path().display()).parse().unwrap();
    template.guest_path = Some("/docs".into());
    let host = build(builder().plugin(wasi_plugin().grant(template)));
    let read = |which: &str| {
        let spec = RunSpec::tool("wasi.read", json(json!({ "path": "/docs/note" })));
        host.start(spec.inputs([("which".to_owned(), which.to_owned())].into_iter().collect()))
    };
    for name in ["a", "b"] {
        assert_eq!(output(&crate::stage::block(read(name).unwrap().wait())), name);
    }
    // A value cannot climb out of its place.
    match read("../../etc") {
        Err(Failure::Invalid(_)) => {}
        Err(other) => panic!("{other:?}"),
        Ok(mut started) => {
            let end = crate::stage::block(started.wait());
            assert!(end.result.is_err(), "{end:?}");
        }
    }
}
