// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory run`: gives an agent a task.

use std::path::{Path, PathBuf};

use priory::core::Json;
use priory::manifest::Manifest;
use priory::{AgentSpec, RunSpec};

use crate::bounds::{Bounds, Given, current_dir, parse_seed};
use crate::lending::Lending;
use crate::project;
use crate::running::{self, Ended};
use crate::ui::error::{Error, Result, Settings};
use crate::ui::exit::Exit;
use crate::ui::live::Mode;
use crate::ui::output;
use crate::ui::text::{nearest, printable};

/// Give an agent a task, and print its result
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder with a `priory.toml`, or a `.wasm` file that holds an agent [default: the nearest manifest]
    #[arg(value_name = "PROJECT|FILE")]
    project: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
    /// The agent to start with, instead of the manifest's `entry`
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    #[command(flatten)]
    bounds: Bounds,
    /// The seed of all randomness, up to 64 hexadecimal digits; with the same seed, the same happens
    #[arg(long, value_name = "HEX", value_parser = parse_seed)]
    seed: Option<[u8; 32]>,
    /// Write every event as one line of JSON, and the result as the last one
    #[arg(long)]
    json: bool,
    /// Take plugins as they were built last
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let (builder, spec, settings, lending) = match &args.project {
        Some(path) if path.extension().is_some_and(|extension| extension == "wasm" || extension == "wat") => {
            of_file(args, path)?
        }
        project => of_manifest(args, project.as_deref())?,
    };
    let spec = match args.seed {
        Some(seed) => spec.seed(seed),
        None => spec,
    };
    let runtime = running::runtime()?;
    let mut ended = runtime.block_on(async {
        let host = builder.build().await?;
        running::run(&host, spec, Mode::of_run(args.json)).await
    })?;
    ended.missing = lending.missing(&ended.tree);
    Ok(show(&ended, args.json, &settings))
}

/// What is run, where a user changes what it may do, and who lends what.
type Prepared = (priory::Builder, RunSpec, Settings, Lending);

fn of_manifest(args: &Args, project: Option<&Path>) -> Result<Prepared> {
    let manifest = project::read_manifest(project)?;
    let agent = entry(&manifest, args.agent.as_deref())?;
    let inputs = manifest.resolve_inputs(&args.given.by_name(), &current_dir()?)?;
    let builder = project::open_all(&manifest, !args.no_build)?;
    let task = Json::of(&inputs).map_err(|error| Error::usage(error.to_string()))?;
    let narrowed = args.bounds.narrowed(&inputs)?;
    let lending = Lending::of(&manifest, &inputs);
    let spec = RunSpec::agent(agent, task).inputs(inputs).limits(args.bounds.limits()).budget(args.bounds.budget());
    let spec = match narrowed {
        Some(grants) => spec.narrowed(grants),
        None => spec,
    };
    Ok((builder, spec, project::settings(&manifest, &args.bounds), lending))
}

/// Makes an agent of a file: it may do what the options grant.
fn of_file(args: &Args, path: &Path) -> Result<Prepared> {
    let opened = project::open_path(path, &args.bounds, &args.given, !args.no_build)?;
    let name = opened.plugin;
    if let Some(agent) = args.agent.as_deref().filter(|agent| *agent != name) {
        return Err(Error::not_found(format!("{} has no agent `{agent}`", path.display()))
            .hint("a file holds one agent, and is run without --agent"));
    }
    let mut agent = AgentSpec::new(name.clone(), name.clone());
    agent.grants.0 = args.bounds.templates()?;
    let task = Json::of(&opened.inputs).map_err(|error| Error::usage(error.to_string()))?;
    let spec = RunSpec::agent(name, task).inputs(opened.inputs).budget(args.bounds.budget());
    Ok((opened.builder.agent(agent), spec, Settings::Flags, Lending::default()))
}

/// Chooses the agent that a run starts with.
fn entry(manifest: &Manifest, wanted: Option<&str>) -> Result<String> {
    let path = manifest.path.display();
    let Some(name) = wanted.or(manifest.entry.as_deref()) else {
        return Err(Error::not_found(format!("{path} has no agents"))
            .hint("call one of its tools with `priory call PLUGIN FUNCTION`, or add an agent"));
    };
    if manifest.agents.contains_key(name) {
        return Ok(name.to_owned());
    }
    let known = || manifest.agents.keys().map(String::as_str);
    let error = Error::not_found(format!("{path} has no agent `{name}`"));
    Err(match nearest(name, known()) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint(format!("its agents are {}", known().collect::<Vec<_>>().join(", "))),
    })
}

fn show(ended: &Ended, json: bool, settings: &Settings) -> Exit {
    if json {
        output::line(&ended.as_json());
        return ended.exit();
    }
    match &ended.end.result {
        Ok(report) => {
            output::result(&report.output);
            if let Some(summary) = &report.summary {
                anstream::eprintln!("{}", printable(summary.trim_end()));
            }
        }
        Err(_) => {
            if let Some(error) = ended.error(settings) {
                anstream::eprint!("{}", error.render());
            }
        }
    }
    anstream::eprintln!("{}", owo_colors::OwoColorize::dimmed(&ended.summary()));
    ended.exit()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
name = "test"
entry = "editor"
[plugins.p]
path = "p.wasm"
[agents.editor]
plugin = "p"
grants = { agents = ["writer"] }
[agents.writer]
plugin = "p"
"#;

    #[test]
    fn the_entry_is_taken_unless_another_is_named() {
        let manifest = Manifest::parse(TEXT, Path::new("/project/priory.toml")).unwrap();
        assert_eq!(entry(&manifest, None).unwrap(), "editor");
        assert_eq!(entry(&manifest, Some("writer")).unwrap(), "writer");
        let error = entry(&manifest, Some("writter")).unwrap_err();
        assert_eq!(error.exit, Exit::NotFound);
        assert!(error.render().contains("did you mean `writer`?"));
    }
}
