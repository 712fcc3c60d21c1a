// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory models`: which models there are, and whether they answer.

use std::path::PathBuf;

use clap::Subcommand;
use owo_colors::OwoColorize;
use priory::core::model::{Ability, Expense, ExpenseKey, ModelSpec, ModelsSpec, Price, Unanswered, day_of};
use priory::core::money::Dollars;
use priory::core::ports::Expenses;
use priory::core::{Failure, FramePath};
use priory::manifest::Manifest;
use priory::models::{Gateway, Tested};
use priory::{machine_clock, machine_ids};
use serde_json::{Value, json};

use crate::amount::show_count;
use crate::keys::{Found, provider_of};
use crate::spending::Spending;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::text::{counted, nearest, printable};
use crate::ui::{output, table};
use crate::when::show_span;
use crate::{project, running};

/// How much of what a model said in a test is shown, in characters.
const WORDS_CHARS_MAX: usize = 40;

/// List the models of a manifest, and try whether they answer
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(ListArgs),
    Test(TestArgs),
}

/// List the models, with their providers, prices and abilities, and whether their keys can be found
///
/// No part of a key is ever shown. Nothing is sent, and no command is started.
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// A folder with a `priory.toml` [default: the nearest manifest]
    #[arg(value_name = "PROJECT")]
    project: Option<PathBuf>,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
}

/// Ask each model for one word, and tell how long that took and what it cost
///
/// What that cost is noted in the data folder; where `[quota]` bounds a day of which nothing is left, nobody is asked.
/// It ends with 0 when all have answered, and with 1 when one has not; where one alone is asked, with the code of its failure.
#[derive(Debug, clap::Args)]
struct TestArgs {
    /// The model [default: all of them]
    name: Option<String>,
    /// A folder with a `priory.toml` [default: the nearest manifest]
    #[arg(long, value_name = "PROJECT")]
    project: Option<PathBuf>,
    /// Write one line of JSON for each model
    #[arg(long)]
    json: bool,
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    match &args.verb {
        Verb::List(args) => list(args),
        Verb::Test(args) => test(args),
    }
}

fn list(args: &ListArgs) -> Result<Exit> {
    let manifest = project::read_manifest(args.project.as_deref())?;
    let models = &manifest.models;
    if args.json {
        let all: Vec<Value> = models.models.iter().map(|model| as_json(models, model)).collect();
        output::json(&json!({ "default": models.default, "embedding": models.embedding, "models": all }));
        return Ok(Exit::Ok);
    }
    if models.models.is_empty() {
        anstream::eprintln!("{} has no models; add [providers.NAME] and [models.NAME]", manifest.path.display());
        return Ok(Exit::Ok);
    }
    let mut rows =
        table::table(["model", "provider", "id", "context", "output", "$ per M in", "$ per M out", "abilities", "key"]);
    for model in &models.models {
        let info = &model.info;
        let mark = if models.default.as_ref() == Some(&info.name) || models.embedding.as_ref() == Some(&info.name) {
            " *"
        } else {
            ""
        };
        let price = |of: fn(&Price) -> u64| info.price.as_ref().map_or("-".to_owned(), |p| Dollars(of(p)).to_string());
        rows.add_row([
            format!("{}{mark}", info.name),
            model.provider.to_string(),
            printable(&info.id),
            info.context_tokens.map_or("-".to_owned(), show_count),
            show_count(info.output_tokens_max),
            price(|price| price.input),
            price(|price| price.output),
            info.abilities.iter().map(|ability| word(*ability)).collect::<Vec<_>>().join(" "),
            provider_of(models, model).map_or_else(String::new, |provider| printable(&Found::of(provider).words())),
        ]);
    }
    table::align_right(&mut rows, &[3, 4, 5, 6]);
    output::text(&table::show(rows));
    if models.default.is_some() || models.embedding.is_some() {
        anstream::eprintln!("{}", "* is asked where nobody names one".dimmed());
    }
    Ok(Exit::Ok)
}

fn as_json(models: &ModelsSpec, model: &ModelSpec) -> Value {
    let mut value = json!(model.info);
    let found = provider_of(models, model).map(Found::of);
    if let Some(object) = value.as_object_mut() {
        // How telemetry names the provider is no matter here; the manifest's name is.
        object.insert("provider".into(), json!(model.provider));
        object.insert("kind".into(), json!(provider_of(models, model).map(|provider| provider.kind)));
        let key = found.map(|found| json!({ "place": found.place, "is-there": found.is_there }));
        object.insert("key".into(), json!(key));
    }
    value
}

fn test(args: &TestArgs) -> Result<Exit> {
    let manifest = project::read_manifest(args.project.as_deref())?;
    let names = wanted(&manifest, args.name.as_deref())?;
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let gateway = Gateway::new(manifest.models.clone(), machine_clock(), machine_ids().seed());
        let gateway = gateway.map_err(priory::Error::from)?;
        let spending = Spending::of(&manifest)?;
        let (clock, mut exits) = (machine_clock(), Vec::new());
        let run = machine_ids().run(clock.unix_ms());
        for (name, step) in names.iter().zip(0..) {
            if let Some(spending) = &spending {
                spending.has_room(manifest.quota, day_of(clock.unix_ms())).await?;
            }
            let tested = gateway.test(name).await;
            if let Some(spending) = &spending {
                let key = ExpenseKey { run, frame: FramePath::root(), step, turn: 0 };
                note(spending, &manifest, name, key, &tested).await?;
            }
            match args.json {
                true => output::line(&tested_as_json(name, tested.as_ref().map_err(|e| &e.failure)).to_string()),
                false => output::line(&told(name, tested.as_ref().map_err(|e| &e.failure))),
            }
            exits.extend(tested.err().map(|unanswered| Exit::of(&unanswered.failure)));
        }
        Ok(match (exits.as_slice(), names.len()) {
            ([], _) => Exit::Ok,
            ([only], 1) => *only,
            _ => Exit::Failed,
        })
    })
}

/// Notes what a test cost. A model that gave no answer may have cost something too.
async fn note(
    spending: &Spending,
    manifest: &Manifest,
    name: &str,
    key: ExpenseKey,
    tested: &std::result::Result<Tested, Unanswered>,
) -> Result<()> {
    let Some(model) = manifest.models.models.iter().find(|model| *model.info.name == *name) else { return Ok(()) };
    let (usage, microusd) = match tested {
        Ok(tested) => (tested.usage, tested.microusd),
        Err(unanswered) => (unanswered.lost, model.info.cost(unanswered.lost)),
    };
    if tested.is_err() && usage.is_zero() {
        return Ok(());
    }
    let (program, day) = ("priory models test".to_owned(), day_of(machine_clock().unix_ms()));
    let (model, provider) = (model.info.name.clone(), model.info.provider.clone());
    spending.note(Expense { key, day, program, model, provider, usage, microusd, is_settled: true }).await?;
    Ok(())
}

/// Returns the models that are tested.
fn wanted(manifest: &Manifest, name: Option<&str>) -> Result<Vec<String>> {
    let known = || manifest.models.models.iter().map(|model| &*model.info.name);
    let path = manifest.path.display();
    let Some(name) = name else {
        return match known().next() {
            Some(_) => Ok(known().map(str::to_owned).collect()),
            None => {
                Err(Error::not_found(format!("{path} has no models")).hint("add [providers.NAME] and [models.NAME]"))
            }
        };
    };
    if known().any(|known| known == name) {
        return Ok(vec![name.to_owned()]);
    }
    let error = Error::not_found(format!("{path} has no model `{name}`"));
    Err(match nearest(name, known()) {
        Some(name) => error.hint(format!("did you mean `{name}`?")),
        None => error.hint("`priory models list` shows those that there are"),
    })
}

fn told(name: &str, tested: std::result::Result<&Tested, &Failure>) -> String {
    match tested {
        Ok(tested) => {
            let words: String = printable(tested.words.trim()).chars().take(WORDS_CHARS_MAX).collect();
            let attempts = match tested.attempts {
                0 | 1 => String::new(),
                more => format!(" · {}", counted(more as usize, "attempt")),
            };
            let said = if words.is_empty() { String::new() } else { format!(" · {words:?}") };
            format!(
                "{} {name}  {} · {} + {} tokens · ${}{attempts}{said}",
                "✓".green(),
                show_span(tested.latency_ms),
                tested.usage.input,
                tested.usage.output,
                Dollars(tested.microusd)
            )
        }
        Err(failure) => {
            let line = format!("{} {name}  {}", "✗".red(), printable(&failure.to_string().replace('\n', " ")));
            match hint(failure) {
                Some(hint) => format!("{line}\n  {} {hint}", "hint:".cyan()),
                None => line,
            }
        }
    }
}

/// Says what to do about a model that does not answer, where its failure does not say that itself.
fn hint(failure: &Failure) -> Option<&'static str> {
    match failure {
        Failure::Timeout(_) => {
            Some("the provider is slow or out of reach; `time` and `idle` of the provider bound the wait")
        }
        Failure::Invalid(_) => Some("compare `id`, `url` and `extra` with what the provider documents"),
        Failure::Unavailable(unavailable) if unavailable.retriable => Some("it may work later; try it again"),
        _ => None,
    }
}

fn tested_as_json(name: &str, tested: std::result::Result<&Tested, &Failure>) -> Value {
    match tested {
        Ok(tested) => json!({
            "model": name,
            "answered": true,
            "latency-ms": tested.latency_ms,
            "usage": tested.usage,
            "microusd": tested.microusd,
            "attempts": tested.attempts,
            "words": tested.words,
        }),
        Err(failure) => json!({ "model": name, "answered": false, "failure": failure, "hint": hint(failure) }),
    }
}

fn word(ability: Ability) -> &'static str {
    match ability {
        Ability::Tools => "tools",
        Ability::Schema => "schema",
        Ability::Images => "images",
        Ability::Files => "files",
        Ability::Reasoning => "reasoning",
        Ability::Streaming => "streaming",
        Ability::Embedding => "embedding",
    }
}
