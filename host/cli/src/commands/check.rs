// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory check`: finds what is wrong before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use priory::core::grant::{GrantKind, GrantTemplate, GrantTemplates, Pattern};
use priory::core::program::FunctionInfo;
use priory::core::{GrantSet, Json, PluginInfo};
use priory::manifest::Manifest;
use priory::workflow::check::Callee;
use priory::{Catalog, Host};

use super::inspect;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::live::is_colored;
use crate::ui::output;
use crate::ui::text::{counted, indented};
use crate::{keys, project, running, wit};

/// Check the manifest and everything that it names
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder with a `priory.toml` [default: the nearest manifest]
    project: Option<PathBuf>,
    /// Compare a plugin or a file with the version that it replaces
    #[arg(long, num_args = 2, value_names = ["OLD.wasm", "PLUGIN"], conflicts_with = "project")]
    against: Option<Vec<String>>,
    /// Take plugins as they were built last
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    if let Some([old, new]) = args.against.as_deref() {
        return compare(old, new, !args.no_build);
    }
    let manifest = project::read_manifest(args.project.as_deref())?;
    anstream::eprint!("{}", manifest.render_unreached(is_colored()));
    let runtime = running::runtime()?;
    let build = !args.no_build;
    let host = project::from_manifest(&manifest, build).and_then(|builder| Ok(runtime.block_on(builder.build())?));
    match host {
        Ok(host) => {
            check_workflows(&manifest, host.catalog())?;
            let mut warnings = unreachable_tools(&manifest, host.catalog());
            warnings.extend(needless_questions(&manifest));
            warnings.extend(keys::missing(&manifest.models));
            for warning in &warnings {
                anstream::eprintln!("{} {warning}", owo_colors::OwoColorize::bright_yellow(&"warning:"));
            }
            let plugins = counted(manifest.plugins.len(), "plugin");
            let agents = counted(manifest.agents.len(), "agent");
            let workflows = match manifest.workflows.len() {
                0 => String::new(),
                count => format!(", {}", counted(count, "workflow")),
            };
            let models = match manifest.models.models.len() {
                0 => String::new(),
                count => format!(", {}", counted(count, "model")),
            };
            output::line(&format!(
                "{} is valid: {plugins}, {agents}{workflows}{models}{}.",
                manifest.path.display(),
                asking(&manifest)
            ));
            Ok(Exit::Ok)
        }
        Err(first) => Err(each(&manifest, build, &runtime).unwrap_or(first)),
    }
}

/// Compares what the nodes of workflows call with the tools that the plugins turned out to have.
fn check_workflows(manifest: &Manifest, catalog: &Catalog) -> Result<()> {
    let mut tools = BTreeMap::new();
    for tool in catalog.tools() {
        let functions = &tool.plugin.plugin.info().functions;
        let is_it =
            |function: &&FunctionInfo| format!("{}.{}", tool.plugin.name, function.qualified_name()) == *tool.qualified;
        let Some(function) = functions.iter().find(is_it) else { continue };
        let callee = Callee {
            input: Some(function.input_schema.to_value()),
            output: function.output_schema.as_ref().map(Json::to_value),
            calls: Vec::new(),
        };
        tools.insert(tool.name.to_string(), callee.clone());
        tools.insert(tool.qualified.to_string(), callee);
    }
    let toolsets: BTreeSet<String> = catalog.toolsets().map(|entry| entry.name.to_string()).collect();
    for warning in manifest.check_tools(tools, toolsets)? {
        anstream::eprint!("{}", warning.render(&manifest.path, &manifest.text, is_colored()));
    }
    Ok(())
}

/// Loads each plugin alone, so that one broken plugin does not hide another. Returns all problems as one error.
fn each(manifest: &Manifest, build: bool, runtime: &tokio::runtime::Runtime) -> Option<Error> {
    let load = |name: &str| -> Result<Host> {
        let manifest = project::cut_to(manifest, name)?;
        Ok(runtime.block_on(project::from_manifest(&manifest, build)?.build())?)
    };
    let mut problems: Vec<Error> = manifest.plugins.keys().filter_map(|name| load(name).err()).collect();
    if problems.len() < 2 {
        return problems.pop();
    }
    let mut detail: Vec<String> = problems.iter().map(Error::render).collect();
    // What one plugin lacks is told again for each that needs it.
    detail.sort();
    detail.dedup();
    let count = counted(detail.len(), "problem");
    Some(Error::new(Exit::Invalid, format!("{} has {count}", manifest.path.display())).detail(detail.join("")))
}

/// Returns the grants of each holder, own and lent ones apart.
fn tables(manifest: &Manifest) -> impl Iterator<Item = (String, &GrantTemplates)> {
    let agents = manifest
        .agents
        .iter()
        .flat_map(|(name, agent)| [&agent.grants, &agent.lends].map(|grants| (format!("agent `{name}`"), grants)));
    agents.chain(manifest.plugins.iter().map(|(name, plugin)| (format!("plugin `{name}`"), &plugin.grants)))
}

/// Says how many grants ask a person.
fn asking(manifest: &Manifest) -> String {
    match tables(manifest).flat_map(|(_, grants)| grants.iter()).filter(|grant| grant.asks).count() {
        0 => String::new(),
        1 => ", 1 grant asks a person".to_owned(),
        several => format!(", {several} grants ask a person"),
    }
}

/// Finds grants that ask a person where another grant allows the same without.
fn needless_questions(manifest: &Manifest) -> Vec<String> {
    let covers = |wide: &GrantTemplate, grant: &GrantTemplate| {
        let is_within = |prefix: &str| grant.text.starts_with(prefix);
        wide.kind == grant.kind && (wide.text == grant.text || wide.text.strip_suffix('*').is_some_and(is_within))
    };
    let mut warnings = Vec::new();
    for (holder, grants) in tables(manifest) {
        for grant in grants.iter().filter(|grant| grant.asks) {
            if grants.iter().any(|wide| !wide.asks && covers(wide, grant)) {
                let text = &grant.text;
                warnings.push(format!("nobody is asked for `{text}` of {holder}: another grant allows it without"));
            }
        }
    }
    warnings
}

/// Finds grants of tools that no plugin has: a name that is misspelt there is only noticed when it is missed.
fn unreachable_tools(manifest: &Manifest, catalog: &Catalog) -> Vec<String> {
    let has = |pattern: &Pattern| {
        catalog.tools().any(|tool| pattern.matches(&tool.name) || pattern.matches(&tool.qualified))
            || catalog
                .plugins()
                .any(|entry| entry.plugin.info().is_toolset && pattern.overlaps(&format!("{}.", entry.name)))
    };
    let agents = manifest.agents.iter().flat_map(|(name, agent)| {
        let grants = agent.grants.0.iter().chain(&agent.lends.0);
        grants.map(move |grant| (format!("agent `{name}`"), grant))
    });
    let plugins = manifest
        .plugins
        .iter()
        .flat_map(|(name, plugin)| plugin.grants.0.iter().map(move |grant| (format!("plugin `{name}`"), grant)));
    let workflows = manifest.workflows.iter().flat_map(|(name, workflow)| {
        // What its nodes name was looked for already.
        let grants = workflow.grants.0.iter().filter(|grant| grant.text.ends_with('*')).chain(&workflow.lends.0);
        grants.map(move |grant| (format!("workflow `{name}`"), grant))
    });
    agents
        .chain(workflows)
        .chain(plugins)
        .filter(|(_, grant)| grant.kind == GrantKind::Tool)
        .filter(|(_, grant)| grant.text.parse().is_ok_and(|pattern| !has(&pattern)))
        .map(|(holder, grant)| format!("{holder} is granted the tool `{}`, which no plugin has", grant.text))
        .collect()
}

fn compare(old: &str, new: &str, build: bool) -> Result<Exit> {
    if !Path::new(old).is_file() {
        return Err(Error::not_found(format!("{old} is not a file")).hint("name the .wasm file of the old version"));
    }
    let old = inspect::load_path(Path::new(old), build)?;
    let new = inspect::load(new, build)?;
    let Differences { breaking, worth_knowing } = differences(&old, &new);
    if breaking.is_empty() && worth_knowing.is_empty() {
        let same = if old.digest == new.digest {
            "It is the same component."
        } else {
            "Nothing that can be seen from outside has changed."
        };
        output::line(same);
        return Ok(Exit::Ok);
    }
    for line in worth_knowing.iter().chain(&breaking) {
        output::line(line);
    }
    match breaking.len() {
        0 => Ok(Exit::Ok),
        count => Err(Error::new(Exit::Invalid, format!("{} would break callers", counted(count, "change")))),
    }
}

/// What a new version of a plugin does differently.
#[derive(Debug, Default, PartialEq, Eq)]
struct Differences {
    breaking: Vec<String>,
    worth_knowing: Vec<String>,
}

fn differences(old: &PluginInfo, new: &PluginInfo) -> Differences {
    let mut found = Differences::default();
    for (was, is, what) in [(old.is_agent, new.is_agent, "an agent"), (old.is_toolset, new.is_toolset, "a toolset")] {
        match (was, is) {
            (true, false) => found.breaking.push(format!("it is not {what} any more")),
            (false, true) => found.worth_knowing.push(format!("it is {what} now")),
            _ => {}
        }
    }
    for function in &old.functions {
        let same = |other: &&priory::core::program::FunctionInfo| other.qualified_name() == function.qualified_name();
        match new.functions.iter().find(same) {
            None => found.breaking.push(format!("removed function: {}", function.qualified_name())),
            Some(other) if other.ty != function.ty => found.breaking.push(format!(
                "changed function: {}\n{}\n{}",
                function.qualified_name(),
                indented(&format!("was {}", wit::function(function)), 2),
                indented(&format!("is  {}", wit::function(other)), 2),
            )),
            Some(_) => {}
        }
    }
    let known: Vec<_> = old.functions.iter().map(priory::core::program::FunctionInfo::qualified_name).collect();
    let added = new.functions.iter().map(|function| function.qualified_name()).filter(|name| !known.contains(name));
    found.worth_knowing.extend(added.map(|name| format!("added function: {name}")));
    let without_version = |import: &str| import.split('@').next().unwrap_or_default().to_owned();
    let before: Vec<_> = old.imports.iter().map(|import| without_version(import)).collect();
    let imported = new.imports.iter().filter(|import| !before.contains(&without_version(import)));
    found.worth_knowing.extend(imported.map(|import| format!("newly imported interface: {import}")));
    found.worth_knowing.extend(ceilings(old.ceiling.as_ref(), new.ceiling.as_ref()));
    found
}

fn ceilings(old: Option<&GrantSet>, new: Option<&GrantSet>) -> Vec<String> {
    let texts = |set: &GrantSet| set.iter().map(|held| held.grant.to_string()).collect::<Vec<_>>();
    match (old, new) {
        (None, None) => Vec::new(),
        (None, Some(_)) => vec!["ceiling: there is one now".to_owned()],
        (Some(_), None) => vec!["ceiling: there is none any more, so nothing bounds what it may be granted".to_owned()],
        (Some(old), Some(new)) => {
            let (old, new) = (texts(old), texts(new));
            let wider = new.iter().filter(|grant| !old.contains(grant)).map(|grant| format!("ceiling: + {grant}"));
            let narrower = old.iter().filter(|grant| !new.contains(grant)).map(|grant| format!("ceiling: - {grant}"));
            wider.chain(narrower).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use priory::core::program::FunctionInfo;
    use priory::core::value_type::{FunctionType, ValueType};
    use priory::core::{Digest, Grant};

    use super::*;

    fn info(functions: &[(&str, ValueType)], imports: &[&str], ceiling: &[&str]) -> PluginInfo {
        let function = |(name, result): &(&str, ValueType)| FunctionInfo {
            interface: "a:b/c@1.0.0".into(),
            name: (*name).into(),
            description: String::new(),
            ty: FunctionType { params: Vec::new(), result: Some(result.clone()) },
            input_schema: Json::null(),
            output_schema: None,
        };
        PluginInfo {
            name: Arc::from("p"),
            digest: Digest::of(b""),
            byte_len: 0,
            is_agent: false,
            is_workflow: false,
            is_toolset: false,
            functions: functions.iter().map(function).collect(),
            refused: Vec::new(),
            imports: imports.iter().map(|import| (*import).to_owned()).collect(),
            ceiling: Some(ceiling.iter().map(|grant| grant.parse::<Grant>().unwrap()).collect()),
        }
    }

    #[test]
    fn what_breaks_callers_is_told_apart() {
        let old = info(&[("gone", ValueType::Bool), ("turned", ValueType::U8)], &["wasi:io/poll@0.2.0"], &["log"]);
        let new = info(
            &[("turned", ValueType::U16), ("fresh", ValueType::Bool)],
            &["wasi:io/poll@0.2.6", "wasi:http/outgoing-handler@0.2.6"],
            &["http=https://example.org/*"],
        );
        let new = PluginInfo { ceiling: new.ceiling.clone(), is_agent: true, ..new };
        let found = differences(&old, &new);
        assert_eq!(
            found.breaking,
            [
                "removed function: c.gone",
                "changed function: c.turned\n  was turned: func() -> u8;\n  is  turned: func() -> u16;"
            ]
        );
        assert_eq!(
            found.worth_knowing,
            [
                "it is an agent now",
                "added function: c.fresh",
                "newly imported interface: wasi:http/outgoing-handler@0.2.6",
                "ceiling: + http=https://example.org/*",
                "ceiling: - log",
            ]
        );
        assert_eq!(differences(&old, &old), Differences::default());
    }
}
