// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory memory`: what is remembered beyond runs, and forgetting it.

use std::io::{IsTerminal, Write as _};

use clap::Subcommand;
use owo_colors::OwoColorize;
use priory::core::RunId;
use priory::core::id::is_name;
use priory::core::memory::{Fact, FactId, FactQuery, Forget, RECALL_MAX, ScopeKey};
use priory::core::ports::{Memory, MemoryError};
use priory::machine_clock;
use serde_json::json;

use crate::amount::show_bytes;
use crate::running;
use crate::store::Data;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::text::{counted, printable};
use crate::ui::{output, table};
use crate::when::{show_due, show_time};

/// How much of what is remembered is shown, in characters.
const TEXT_CHARS_MAX: usize = 100;
/// How long an answer to the question may be that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64;

/// List, search and forget what is remembered beyond runs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    data: Data,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(ListArgs),
    Search(SearchArgs),
    Forget(ForgetArgs),
}

/// List who remembers how much, or the facts of one scope, the newest first
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Whose: `tenant`, `agent/NAME`, `user/NAME` or `run/ID` [default: all, without their facts]
    #[arg(value_name = "SCOPE", value_parser = parse_scope)]
    scope: Option<String>,
    /// Only about this
    #[arg(long, value_name = "SUBJECT", requires = "scope")]
    subject: Option<String>,
    /// How many facts at most
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(RECALL_MAX)))]
    limit: u32,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
}

/// Search the facts of a scope by words, the best first
#[derive(Debug, clap::Args)]
struct SearchArgs {
    /// Whose: `tenant`, `agent/NAME`, `user/NAME` or `run/ID`
    #[arg(value_name = "SCOPE", value_parser = parse_scope)]
    scope: String,
    /// What is looked for
    words: String,
    /// Only about this
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// How many facts at most
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(RECALL_MAX)))]
    limit: u32,
    /// Write it as JSON
    #[arg(long)]
    json: bool,
}

/// Forget facts: some by their ids, all about a subject, or all of a scope
///
/// Nothing of them is left in the data folder, but in the records of the runs that remembered or recalled them.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
struct ForgetArgs {
    /// Whose: `tenant`, `agent/NAME`, `user/NAME` or `run/ID`
    #[arg(value_name = "SCOPE", value_parser = parse_scope)]
    scope: String,
    /// This fact. May be given many times
    #[arg(long = "id", value_name = "FACT", group = "which")]
    ids: Vec<FactId>,
    /// All about this
    #[arg(long, value_name = "SUBJECT", group = "which")]
    subject: Option<String>,
    /// All of the scope
    #[arg(long, group = "which")]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Reads a scope as it is kept.
fn parse_scope(text: &str) -> Result<String, String> {
    let is_one = match text.split_once('/') {
        None => text == "tenant",
        Some(("agent" | "user", name)) => is_name(name),
        Some(("run", id)) => id.parse::<RunId>().is_ok(),
        Some(_) => false,
    };
    match is_one {
        true => Ok(text.to_owned()),
        false => Err("`tenant`, `agent/NAME`, `user/NAME` or `run/ID` is expected".to_owned()),
    }
}

pub(crate) fn execute(args: &Args) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let memory = args.data.memory()?;
        if !memory.is_there() {
            anstream::eprintln!("{}", "nothing was ever remembered here".dimmed());
            return Ok(Exit::Ok);
        }
        match &args.verb {
            Verb::List(ListArgs { scope: None, json, .. }) => scopes(&memory, *json).await,
            Verb::List(ListArgs { scope: Some(scope), subject, limit, json }) => {
                facts(&memory, query(scope, None, subject.clone(), *limit), *json).await
            }
            Verb::Search(SearchArgs { scope, words, subject, limit, json }) => {
                facts(&memory, query(scope, Some(words.clone()), subject.clone(), *limit), *json).await
            }
            Verb::Forget(args) => forget(&memory, args).await,
        }
    })
}

fn query(scope: &str, words: Option<String>, subject: Option<String>, most: u32) -> FactQuery {
    let now_unix_ms = machine_clock().unix_ms();
    FactQuery { scope: ScopeKey::new(scope), words, meaning: None, subject, now_unix_ms, most }
}

async fn scopes(memory: &dyn Memory, is_json: bool) -> Result<Exit> {
    let scopes = memory.scopes(String::new()).await?;
    if is_json {
        output::json(&json!({ "scopes": scopes }));
        return Ok(Exit::Ok);
    }
    if scopes.is_empty() {
        anstream::eprintln!("{}", "nothing is remembered".dimmed());
        return Ok(Exit::Ok);
    }
    let mut rows = table::table(["scope", "facts", "size"]);
    for scope in scopes {
        rows.add_row([printable(&scope.scope), scope.facts.to_string(), show_bytes(scope.bytes)]);
    }
    table::align_right(&mut rows, &[1, 2]);
    output::text(&table::show(rows));
    Ok(Exit::Ok)
}

async fn facts(memory: &dyn Memory, query: FactQuery, is_json: bool) -> Result<Exit> {
    let (scope, now) = (query.scope.clone(), query.now_unix_ms);
    let facts = memory.recall(query).await?;
    if is_json {
        output::json(&json!({ "scope": scope.as_str(), "facts": facts }));
        return Ok(Exit::Ok);
    }
    if facts.is_empty() {
        anstream::eprintln!("{}", format!("{scope} remembers nothing like this").dimmed());
        return Ok(Exit::Ok);
    }
    let mut rows = table::table(["fact", "remembered", "about", "text", "from"]);
    for fact in &facts {
        rows.add_row([fact.id.to_string(), times(fact, now), about(fact), words(fact), source(fact)]);
    }
    output::text(&table::show(rows));
    Ok(Exit::Ok)
}

fn times(fact: &Fact, now: u64) -> String {
    let expires = fact.expires_unix_ms.map(|at| format!(", expires {}", show_due(at, now))).unwrap_or_default();
    format!("{}{expires}", show_time(fact.unix_ms))
}

fn about(fact: &Fact) -> String {
    printable(fact.subject.as_deref().unwrap_or("-"))
}

fn words(fact: &Fact) -> String {
    let text = printable(&fact.text.replace(['\n', '\t'], " "));
    let mut shown: String = text.chars().take(TEXT_CHARS_MAX).collect();
    if text.chars().nth(TEXT_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn source(fact: &Fact) -> String {
    let said = fact.source.as_ref().map(|source| format!("{} · ", printable(source))).unwrap_or_default();
    format!("{said}{} frame {} step {}", fact.from.run, fact.from.frame, fact.from.step)
}

async fn forget(memory: &dyn Memory, args: &ForgetArgs) -> Result<Exit> {
    let scope = ScopeKey::new(args.scope.clone());
    let (which, what) = match (&args.subject, args.ids.as_slice()) {
        (Some(subject), _) => {
            (Forget::Subject(subject.clone()), format!("all that {scope} remembers about `{subject}`"))
        }
        (None, []) => (Forget::All, format!("all that {scope} remembers")),
        (None, ids) => (Forget::Ids(ids.to_vec()), format!("{} of {scope}", counted(ids.len(), "fact"))),
    };
    if !args.yes && !is_confirmed(&printable(&what))? {
        anstream::eprintln!("nothing was forgotten");
        return Ok(Exit::Failed);
    }
    let count = usize::try_from(memory.forget(scope, which).await?).unwrap_or(usize::MAX);
    output::line(&format!("{} forgotten", counted(count, "fact")));
    Ok(Exit::Ok)
}

/// Asks at the terminal.
fn is_confirmed(what: &str) -> Result<bool> {
    use std::io::{BufRead as _, Read as _};
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Error::usage(format!("nobody can be asked whether to forget {what}")).hint("add --yes"));
    }
    anstream::eprint!("forget {what}? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let read = std::io::stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut line);
    read.map_err(|error| Error::io("the answer cannot be read", &error))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

impl From<MemoryError> for Error {
    fn from(error: MemoryError) -> Self {
        match &error {
            MemoryError::Full { .. } => Self::new(Exit::Failed, error.to_string()),
            MemoryError::Store { .. } => Self::new(Exit::Store, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_named_as_they_are_kept() {
        for text in ["tenant", "agent/chat", "user/ann", "run/run_01JD0000000000000000000000"] {
            assert_eq!(parse_scope(text).as_deref(), Ok(text));
        }
        for text in ["", "agent", "user/", "user/Ann", "run/x", "other/x", "tenant/x"] {
            assert!(parse_scope(text).is_err(), "{text}");
        }
    }
}
