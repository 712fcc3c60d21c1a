// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory run`: gives an agent a task.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use owo_colors::OwoColorize;
use priory::core::grant::{GrantKind, GrantTemplate, Pattern};
use priory::core::journal::{Retention, RunQuery, RunState};
use priory::core::{Journal, Json};
use priory::manifest::Manifest;
use priory::{AgentSpec, RunSpec};

use crate::bounds::{Bounds, Given, current_dir, parse_seed};
use crate::folder::Remembered;
use crate::lending::Lending;
use crate::project;
use crate::prompt;
use crate::running::{self, Patience, parse_wait};
use crate::spending::Spending;
use crate::store::{self, Data, parse_label};
use crate::ui::error::{Error, Result, Settings};
use crate::ui::exit::Exit;
use crate::ui::live::Mode;
use crate::ui::text::{counted, nearest};
use crate::{taping, telling};

/// How many open runs are counted.
const OPEN_TOLD_MAX: usize = 1_000;

/// Give an agent a task, and print its result
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder with a `priory.toml`, or a `.wasm` file that holds an agent [default: the nearest manifest]
    #[arg(value_name = "PROJECT|FILE")]
    project: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
    /// The agent or workflow to start with, instead of the manifest's `entry`
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    #[command(flatten)]
    bounds: Bounds,
    /// The model that is asked where a program names none and none is configured for it, instead of `default-model`
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Take the answers of models from a recorded run: its id, or a file of --record. Nobody is asked, and no key is needed
    #[arg(long, value_name = "FILE|RUN")]
    cassette: Option<String>,
    /// The seed of all randomness, up to 64 hexadecimal digits; with the same seed, the same happens
    #[arg(long, value_name = "HEX", value_parser = parse_seed)]
    seed: Option<[u8; 32]>,
    /// Write every event as one line of JSON, and the result as the last one
    #[arg(long)]
    json: bool,
    /// Answer what the run asks, line by line on standard input [default: on a terminal]
    #[arg(long)]
    answer: bool,
    /// Take plugins as they were built last
    #[arg(long)]
    no_build: bool,
    #[command(flatten)]
    keeping: Keeping,
}

/// How a run is kept.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Keeping")]
struct Keeping {
    /// Keep the run nowhere: it is gone when the process ends, and cannot be parked. What it spends on models is noted in the data
    /// folder all the same
    #[arg(long, conflicts_with_all = ["data", "labels", "eager", "wait"])]
    ephemeral: bool,
    #[command(flatten)]
    data: Data,
    /// A word by which the run can be found again. May be given many times
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// Make every effect durable at once, whether anything outside depends on it or not
    #[arg(long)]
    eager: bool,
    /// Write the run into a file when it has ended: it answers for models by --cassette, and `priory runs replay` reads it
    #[arg(long, value_name = "FILE", conflicts_with = "ephemeral")]
    record: Option<PathBuf>,
    /// How long to wait for timers of the run, such as 10m; 0 does not wait [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = parse_wait)]
    wait: Option<u64>,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    if let Some(path) = &args.keeping.record {
        taping::check_free(path)?;
    }
    let Prepared { builder, spec, settings, lending, retention, manifest } = match &args.project {
        Some(path) if path.extension().is_some_and(|extension| extension == "wasm" || extension == "wat") => {
            of_file(args, path)?
        }
        project => of_manifest(args, project.as_deref())?,
    };
    let spec = match args.seed {
        Some(seed) => spec.seed(seed),
        None => spec,
    };
    let (mode, answers) = (Mode::of_run(args.json), prompt::is_wanted(args.answer, args.json));
    let keeping = &args.keeping;
    let runtime = running::runtime()?;
    let mut ended = runtime.block_on(async {
        let telemetry = manifest.as_ref().map(telling::of_manifest).transpose()?.flatten();
        let builder = telling::observed(builder, telemetry.as_ref());
        // Nobody is paid for what a recorded run answers.
        let noted = manifest.as_ref().filter(|_| keeping.ephemeral && args.cassette.is_none());
        let spending = noted.map(Spending::of).transpose()?.flatten();
        let builder = match &args.cassette {
            Some(recorded) => {
                let models = manifest.map(|manifest| manifest.models).unwrap_or_default();
                builder.model_port(taping::cassette(recorded, &keeping.data, models).await?)
            }
            None => builder,
        };
        if keeping.ephemeral {
            let builder = project::noting(builder, spending.as_ref());
            let host = builder.memory(Arc::new(Remembered::for_now())).build().await?;
            let ended = running::run(&host, spec, mode, Patience::Endless, answers).await;
            telling::flush(telemetry).await;
            spending.map_or(Ok(()), |spending| spending.check())?;
            return ended;
        }
        let folder = keeping.data.open()?;
        tell_of_open(&folder.journal, &keeping.data).await?;
        let host = folder.equip(builder, keeping.eager).build().await?;
        let spec = spec.labels(keeping.labels.iter().cloned().collect());
        let patience = keeping.wait.map_or(Patience::Endless, Patience::Within);
        let ended = running::run(&host, spec, mode, patience, answers).await?;
        if let Some(path) = &keeping.record {
            taping::record(&folder.journal, ended.run, path).await?;
        }
        folder.retain(retention, ended.now).await;
        telling::flush(telemetry).await;
        Ok(ended)
    })?;
    ended.missing = lending.missing(&ended.tree);
    let folder = keeping.data.typed();
    Ok(ended.show(args.json, &settings, (!keeping.ephemeral).then_some(folder.as_str())))
}

/// Says that a process was killed before it had finished its runs.
async fn tell_of_open(journal: &Arc<dyn Journal>, data: &Data) -> Result<()> {
    let query = RunQuery { states: vec![RunState::Open], most: OPEN_TOLD_MAX, ..RunQuery::default() };
    let open = journal.list(query).await?.len();
    if open > 0 {
        let more = if open == OPEN_TOLD_MAX { " or more" } else { "" };
        let line = format!("{}{more} left open: `priory runs resume --all{}`", counted(open, "run"), data.typed());
        anstream::eprintln!("{}", line.dimmed());
    }
    Ok(())
}

/// What is run, where a user changes what it may do, who lends what, and how long runs are kept.
struct Prepared {
    builder: priory::Builder,
    spec: RunSpec,
    settings: Settings,
    lending: Lending,
    retention: Retention,
    manifest: Option<Manifest>,
}

fn of_manifest(args: &Args, project: Option<&Path>) -> Result<Prepared> {
    let mut manifest = project::read_manifest(project)?;
    if let Some(model) = &args.model {
        stand_in(&mut manifest, model)?;
    }
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
    let (settings, retention) = (project::settings(&manifest, &args.bounds), store::retention_of(&manifest));
    let spec = match &args.model {
        Some(model) => spec.model(model.clone()),
        None => spec,
    };
    Ok(Prepared { builder, spec, settings, lending, retention, manifest: Some(manifest) })
}

/// Puts a model in the place of the one that is asked where nobody names one: who may ask that one may ask this one too. It is
/// the operator who says so.
fn stand_in(manifest: &mut Manifest, name: &str) -> Result<()> {
    check_model(manifest, name)?;
    let Some(usual) = manifest.models.default.clone() else { return Ok(()) };
    let covers = |held: &GrantTemplate, model: &str| {
        let pattern = held.text.parse::<Pattern>();
        held.kind == GrantKind::Model && pattern.is_ok_and(|pattern| pattern.matches(model))
    };
    let agents = manifest.agents.values_mut().flat_map(|agent| [&mut agent.grants, &mut agent.lends]);
    let workflows = manifest.workflows.values_mut().flat_map(|workflow| [&mut workflow.grants, &mut workflow.lends]);
    let plugins = manifest.plugins.values_mut().map(|plugin| &mut plugin.grants);
    for grants in agents.chain(workflows).chain(plugins) {
        let Some(held) = grants.0.iter().find(|held| covers(held, &usual) && !covers(held, name)) else { continue };
        // Whatever its conditions are, they hold for both.
        let more = GrantTemplate { text: name.to_owned(), ..held.clone() };
        grants.0.push(more);
    }
    Ok(())
}

/// Looks for a model that a run can be started with.
fn check_model(manifest: &Manifest, name: &str) -> Result<()> {
    let known = || manifest.models.models.iter().map(|model| &*model.info.name);
    if known().any(|known| known == name) {
        return Ok(());
    }
    let error = Error::not_found(format!("{} has no model `{name}`", manifest.path.display()));
    Err(match nearest(name, known()) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None if known().next().is_none() => error.hint(format!("there are none at all; add [models.{name}]")),
        None => error.hint(format!("there are {}", known().collect::<Vec<_>>().join(", "))),
    })
}

/// Makes an agent of a file: it may do what the options grant.
fn of_file(args: &Args, path: &Path) -> Result<Prepared> {
    if args.model.is_some() || args.cassette.is_some() {
        return Err(
            Error::usage("a file has no models").hint("models are configured in a manifest: see `priory schema`")
        );
    }
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
    Ok(Prepared {
        builder: opened.builder.agent(agent),
        spec,
        settings: Settings::Flags,
        lending: Lending::default(),
        retention: store::retention(),
        manifest: None,
    })
}

/// Chooses the agent or the workflow that a run starts with.
fn entry(manifest: &Manifest, wanted: Option<&str>) -> Result<String> {
    let path = manifest.path.display();
    let known = || manifest.agents.keys().chain(manifest.workflows.keys()).map(String::as_str);
    let Some(name) = wanted.or(manifest.entry.as_deref()) else {
        return Err(match known().next() {
            None => Error::not_found(format!("{path} has no agents and no workflows"))
                .hint("call one of its tools with `priory call PLUGIN FUNCTION`, or add an agent"),
            Some(_) => Error::usage(format!("nothing says what is run of {path}")).hint(format!(
                "name it with --agent, or as `entry` in the manifest; there are {}",
                known().collect::<Vec<_>>().join(", ")
            )),
        });
    };
    if manifest.agents.contains_key(name) || manifest.workflows.contains_key(name) {
        return Ok(name.to_owned());
    }
    let what = if manifest.workflows.is_empty() { "agent" } else { "agent or workflow" };
    let error = Error::not_found(format!("{path} has no {what} `{name}`"));
    Err(match nearest(name, known()) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint(format!("there are {}", known().collect::<Vec<_>>().join(", "))),
    })
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
        let manifest = Manifest::parse(&TEXT.replace("entry", "description"), &manifest.path).unwrap();
        let error = entry(&manifest, None).unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.render().contains("there are editor, writer"), "{}", error.render());
        assert_eq!(entry(&manifest, Some("writer")).unwrap(), "writer");
    }
}
