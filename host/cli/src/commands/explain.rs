// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory explain`: says what a program may do and spend, and where each limit comes from.

use std::collections::BTreeMap;

use owo_colors::OwoColorize;
use priory::core::amounts::BudgetSpec;
use priory::core::gate::GateSpec;
use priory::core::grant::{GrantTemplate, GrantTemplates};
use priory::core::money::Dollars;
use priory::core::{Dimension, GrantSet, LimitSpec};
use priory::manifest::{Manifest, Workflow};
use priory::workflow::definition::Node;
use serde_json::{Value, json};

use super::inspect;
use crate::amount::separated;
use crate::bounds::{Given, current_dir};
use crate::project;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::text::nearest;
use crate::ui::{output, table};

/// Show what an agent, a workflow or a plugin may do, every limit, and where each limit comes from
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An agent, a workflow or a plugin, behind the folder of its project where that is another [default: the `entry`]
    #[arg(value_names = ["PROJECT", "AGENT|WORKFLOW|PLUGIN"], num_args = 0..=2)]
    words: Vec<String>,
    #[command(flatten)]
    given: Given,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
    /// Take the plugin as it was built last
    #[arg(long)]
    no_build: bool,
}

/// What is said about one program.
struct Explained {
    kind: &'static str,
    plugin: String,
    /// What a workflow is made of.
    nodes: Vec<String>,
    grants: Vec<String>,
    lends: Vec<String>,
    config: Vec<String>,
    ceiling: Option<GrantSet>,
    limits: Vec<Limit>,
    budget: Value,
    /// What it, its run and all runs of a day may spend on models.
    spends: Vec<String>,
    /// The model that it asks where it names none, and who stands in for that.
    asks: Vec<String>,
    gate: GateSpec,
}

/// One limit, with the table of the manifest that sets it.
#[derive(Debug, PartialEq, Eq)]
struct Limit {
    dimension: Dimension,
    value: u64,
    from: String,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let (manifest, name) = project::read_named(&args.words)?;
    let name = name.or(manifest.entry.as_deref()).ok_or_else(|| unnamed(&manifest))?;
    let explained = explain(&manifest, name, &args.given, !args.no_build)?;
    if args.json {
        output::json(&as_json(name, &explained));
    } else {
        output::text(&as_text(name, &explained));
    }
    Ok(Exit::Ok)
}

fn explain(manifest: &Manifest, name: &str, given: &Given, build: bool) -> Result<Explained> {
    let inputs = known_inputs(manifest, given)?;
    if let Some(workflow) = manifest.workflows.get(name) {
        return Ok(explain_workflow(manifest, name, workflow, &inputs));
    }
    let agent = manifest.agents.get(name);
    let plugin_name = agent.map_or(name, |agent| agent.plugin.as_str());
    let plugin = manifest.plugins.get(plugin_name).ok_or_else(|| unknown(manifest, name))?;
    let mut limits = vec![(format!("[plugins.{plugin_name}.limits]"), &plugin.limits)];
    let mut config: Vec<String> = plugin.config.keys().cloned().collect();
    if let Some(agent) = agent {
        limits.push((format!("[agents.{name}.limits]"), &agent.limits));
        config.extend(agent.config.keys().cloned());
    }
    let own = agent.map_or(&plugin.grants, |agent| &agent.grants);
    let none = GrantTemplates::default();
    let lends = agent.map_or(&none, |agent| &agent.lends);
    Ok(Explained {
        kind: if agent.is_some() { "agent" } else { "plugin" },
        plugin: plugin_name.to_owned(),
        nodes: Vec::new(),
        grants: own.0.iter().map(|grant| show(grant, &inputs)).collect(),
        lends: lends.0.iter().map(|grant| show(grant, &inputs)).collect(),
        config,
        ceiling: inspect::load_of(manifest, plugin_name, build)?.ceiling,
        limits: effective(&manifest.limits, &limits),
        budget: agent.map_or(Value::Null, |agent| json!(agent.budget)),
        spends: spends(manifest, agent.map(|agent| agent.budget)),
        asks: asks(manifest, agent.and_then(|agent| agent.model.as_deref())),
        gate: agent.map_or(&plugin.gate, |agent| &agent.gate).clone(),
    })
}

/// Says what is said about a workflow. It has no plugin that could be built, and no ceiling.
fn explain_workflow(
    manifest: &Manifest,
    name: &str,
    workflow: &Workflow,
    inputs: &BTreeMap<String, String>,
) -> Explained {
    let node = |(node, says): (&String, &Node)| {
        let model = says.kind.model().and_then(|asked| asked.name.as_deref());
        let callee =
            says.kind.agent().or(says.kind.tool()).or(model).map(|callee| format!(" {callee}")).unwrap_or_default();
        format!("{node}: {}{callee}", says.kind.word())
    };
    Explained {
        kind: "workflow",
        plugin: String::new(),
        nodes: workflow.definition.nodes.iter().map(node).collect(),
        grants: workflow.grants.0.iter().map(|grant| show(grant, inputs)).collect(),
        lends: workflow.lends.0.iter().map(|grant| show(grant, inputs)).collect(),
        config: Vec::new(),
        ceiling: None,
        limits: effective(&manifest.limits, &[(format!("[workflows.{name}.limits]"), &workflow.limits)]),
        budget: json!(workflow.budget),
        spends: spends(manifest, Some(workflow.budget)),
        asks: asks(manifest, None),
        gate: GateSpec::default(),
    }
}

/// Says what may be spent on models: by one call, by a run, and in a day.
fn spends(manifest: &Manifest, own: Option<BudgetSpec>) -> Vec<String> {
    if manifest.models.models.is_empty() {
        return Vec::new();
    }
    let words = |tokens_in: Option<u64>, tokens_out: Option<u64>, money: Option<u64>| {
        let tokens = [(tokens_in, "tokens in"), (tokens_out, "tokens out")];
        let tokens = tokens.into_iter().filter_map(|(most, what)| Some(format!("{} {what}", separated(most?))));
        tokens.chain(money.map(|money| format!("${}", Dollars(money)))).collect::<Vec<_>>().join(", ")
    };
    let of = |budget: BudgetSpec| words(budget.tokens_in, budget.tokens_out, budget.money_microusd);
    let quota = manifest.quota;
    let all = [
        ("a call of it", own.map(of).unwrap_or_default()),
        ("a run", of(manifest.budget)),
        ("all runs of a day", words(quota.tokens_in, quota.tokens_out, quota.money_microusd)),
    ];
    let shown = |(whose, most): (&str, String)| {
        let most = if most.is_empty() { "not bounded".to_owned() } else { most };
        format!("{whose}: {most}")
    };
    all.into_iter().map(shown).collect()
}

/// Says which model is asked where a program names none, and who stands in for it.
fn asks(manifest: &Manifest, own: Option<&str>) -> Vec<String> {
    let models = &manifest.models.models;
    let name = own.or(manifest.models.default.as_deref());
    let Some(model) = name.and_then(|name| models.iter().find(|model| &*model.info.name == name)) else {
        return Vec::new();
    };
    let info = &model.info;
    let from = if own.is_some() { "" } else { ", the default" };
    let first = format!("{} ({} of {}{from})", info.name, info.id, model.provider);
    std::iter::once(first).chain(info.fallbacks.iter().map(|name| format!("else {name}"))).collect()
}

/// Returns the inputs that are known; what is missing is shown as a place to be filled in.
fn known_inputs(manifest: &Manifest, given: &Given) -> Result<BTreeMap<String, String>> {
    let mut manifest = manifest.clone();
    manifest.inputs.values_mut().for_each(|input| input.required = false);
    Ok(manifest.resolve_inputs(&given.by_name(), &current_dir()?)?)
}

/// Writes a grant as it will hold, or as it stands in the manifest where an input is missing.
fn show(template: &GrantTemplate, inputs: &BTreeMap<String, String>) -> String {
    let missing = template.inputs().unwrap_or_default().into_iter().find(|name| !inputs.contains_key(*name));
    let mut text = match (missing, template.resolve(inputs)) {
        (None, Ok(held)) => held.grant.to_string(),
        (None, Err(error)) => format!("never holds: {error}"),
        (Some(input), _) => {
            let kind = format!("{:?}", template.kind).to_ascii_lowercase();
            format!("{kind}={}  (give --input {input}=…)", template.text)
        }
    };
    if template.asks {
        text.push_str("  (a person approves each use)");
    }
    if let Some(uses) = template.uses_max {
        text.push_str(&format!("  (at most {uses} times in a run)"));
    }
    if let Some(until) = template.until_unix_ms {
        text.push_str(&format!("  (until {until} ms after 1970)"));
    }
    text
}

/// Returns every limit: those of the host, lowered by the tables below it.
fn effective(host: &LimitSpec, tables: &[(String, &LimitSpec)]) -> Vec<Limit> {
    let limit = |dimension: Dimension| {
        let mut limit = match host.get(dimension) {
            Some(value) => Limit { dimension, value, from: "[limits]".to_owned() },
            None => Limit { dimension, value: dimension.default_max(), from: "default".to_owned() },
        };
        for (table, spec) in tables {
            if let Some(value) = spec.get(dimension).filter(|value| *value < limit.value) {
                limit = Limit { dimension, value, from: table.clone() };
            }
        }
        limit
    };
    Dimension::ALL.into_iter().map(limit).collect()
}

fn unnamed(manifest: &Manifest) -> Error {
    let known = manifest.agents.keys().chain(manifest.workflows.keys()).chain(manifest.plugins.keys());
    let known: Vec<&str> = known.map(String::as_str).collect();
    Error::usage(format!("nothing says what is explained of {}", manifest.path.display()))
        .hint(format!("name one behind it; it has {}", known.join(", ")))
}

fn unknown(manifest: &Manifest, name: &str) -> Error {
    let error =
        Error::not_found(format!("{} has no agent, no workflow and no plugin `{name}`", manifest.path.display()));
    let programs = || manifest.agents.keys().chain(manifest.workflows.keys());
    let known = || programs().chain(manifest.plugins.keys()).map(String::as_str);
    match nearest(name, known()) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint(format!("it has {}", known().collect::<Vec<_>>().join(", "))),
    }
}

fn is_bounded(limit: &Limit) -> bool {
    limit.dimension.is_bounded_by(limit.value)
}

/// Shows how much a limit allows.
fn value(limit: &Limit) -> String {
    if is_bounded(limit) { separated(limit.value) } else { "not bounded".to_owned() }
}

/// Says what stands before it, in lines.
fn gate(spec: &GateSpec) -> Vec<String> {
    let breaker = spec.breaker.as_ref().map(|breaker| format!("breaker: {breaker}"));
    let rate = spec.rate.as_ref().map(|rate| format!("rate: {rate}"));
    breaker.into_iter().chain(rate).collect()
}

fn texts(ceiling: &GrantSet) -> Vec<String> {
    ceiling.iter().map(|held| held.grant.to_string()).collect()
}

fn as_json(name: &str, explained: &Explained) -> Value {
    let limit = |limit: &Limit| json!({ "limit": limit.dimension, "value": is_bounded(limit).then_some(limit.value), "from": limit.from });
    json!({
        "name": name,
        "kind": explained.kind,
        "plugin": Some(&explained.plugin).filter(|plugin| !plugin.is_empty()),
        "nodes": Some(&explained.nodes).filter(|nodes| !nodes.is_empty()),
        "grants": explained.grants,
        "lends": explained.lends,
        "config": explained.config,
        "ceiling": explained.ceiling.as_ref().map(texts),
        "limits": explained.limits.iter().map(limit).collect::<Vec<_>>(),
        "budget": explained.budget,
        "spends": explained.spends,
        "asks": explained.asks,
        "breaker": explained.gate.breaker,
        "rate": explained.gate.rate,
    })
}

fn as_text(name: &str, explained: &Explained) -> String {
    let mut text = format!("{} {}", explained.kind, name.bold());
    if explained.kind == "agent" && explained.plugin != name {
        text.push_str(&format!(", of plugin {}", explained.plugin));
    }
    text.push('\n');
    let mut list = |heading: &str, lines: &[String], none: &str| {
        text.push_str(&format!("\n{}\n", heading.bold()));
        match lines {
            [] => text.push_str(&format!("  {none}\n")),
            lines => lines.iter().for_each(|line| text.push_str(&format!("  {line}\n"))),
        }
    };
    if explained.kind == "workflow" {
        list("is made of", &explained.nodes, "nothing");
    }
    list("may", &explained.grants, "nothing");
    if explained.kind != "plugin" {
        list("may pass on", &explained.lends, "only what it may do itself");
    }
    if !explained.asks.is_empty() {
        list("asks, where it names no model", &explained.asks, "");
    }
    if !explained.spends.is_empty() {
        list("may spend on models", &explained.spends, "");
    }
    if !explained.config.is_empty() {
        list("is told", &explained.config, "");
    }
    if !explained.gate.is_unset() {
        list(
            if explained.kind == "agent" { "is held back" } else { "has each of its tools held back" },
            &gate(&explained.gate),
            "",
        );
    }
    match &explained.ceiling {
        None if explained.kind == "workflow" => {}
        None => list("its author says that it could ever need", &[], "nothing is said, so all of the above holds"),
        Some(ceiling) => list("its author says that it could ever need", &texts(ceiling), "no grant at all"),
    }
    let mut limits = table::table(["limit", "value", "from"]);
    for limit in &explained.limits {
        limits.add_row([limit.dimension.to_string(), value(limit), limit.from.clone()]);
    }
    table::align_right(&mut limits, &[1]);
    text + "\n" + &table::show(limits)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_smallest_limit_wins_and_names_its_table() {
        let spec = |fuel, time| LimitSpec::from_iter([(Dimension::Fuel, fuel), (Dimension::TimeMs, time)]);
        let host = LimitSpec::from_iter([(Dimension::Fuel, 5_000_000_000)]);
        let (plugin, agent) = (spec(100, 60_000), spec(200, 10));
        let tables = [("[plugins.p.limits]".to_owned(), &plugin), ("[agents.a.limits]".to_owned(), &agent)];
        let limits = effective(&host, &tables);
        let from = |dimension| {
            let limit = limits.iter().find(|limit| limit.dimension == dimension).unwrap();
            format!("{} {}", limit.value, limit.from)
        };
        assert_eq!(from(Dimension::Fuel), "100 [plugins.p.limits]");
        assert_eq!(from(Dimension::TimeMs), "10 [agents.a.limits]");
        assert_eq!(from(Dimension::Calls), "10000 default");
        let shown = |dimension| value(limits.iter().find(|limit| limit.dimension == dimension).unwrap());
        assert_eq!(shown(Dimension::Repeats), "not bounded");
        let alone = effective(&host, &[]);
        assert_eq!(alone[0], Limit { dimension: Dimension::Fuel, value: 5_000_000_000, from: "[limits]".into() });
    }

    #[test]
    fn what_holds_calls_back_is_told() {
        let text = "name = \"t\"\n[plugins.p]\npath = \"p.wasm\"\nbreaker = { window-ms = 60_000 }\n\
                    rate = { calls = 10, per-ms = 1_000, concurrency = 4, wait-ms-max = 50 }\n";
        let manifest = Manifest::parse(text, Path::new("/project/priory.toml")).unwrap();
        let expected = [
            "breaker: opens for 30000 ms after 5 failures within 60000 ms (unavailable, timeout, trap, limit); then tried by 1 call",
            "rate: 10 calls in 1000 ms, 10 at once after a pause; 4 go on at once; a call waits 50 ms at most for its turn",
        ];
        assert_eq!(gate(&manifest.plugins["p"].gate), expected);
        assert_eq!(gate(&GateSpec::default()), Vec::<String>::new());
    }

    #[test]
    fn a_grant_is_shown_as_it_will_hold() {
        let text = "name = \"t\"\n[inputs.folder]\nkind = \"folder\"\n[plugins.p]\npath = \"p.wasm\"\n\
                    grants = { files = [\"{input.folder}:read\"], log = true }\n";
        let manifest = Manifest::parse(text, Path::new("/project/priory.toml")).unwrap();
        let grants = |inputs: &BTreeMap<String, String>| {
            manifest.plugins["p"].grants.0.iter().map(|grant| show(grant, inputs)).collect::<Vec<_>>()
        };
        assert!(grants(&BTreeMap::new()).contains(&"file={input.folder}:read  (give --input folder=…)".to_owned()));
        let inputs = BTreeMap::from([("folder".to_owned(), "/docs".to_owned())]);
        let shown = grants(&inputs);
        assert!(shown.iter().any(|grant| grant.starts_with("file=/docs:read")), "{shown:?}");
        assert!(shown.contains(&"log".to_owned()), "{shown:?}");
    }
}
