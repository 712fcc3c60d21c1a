// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory answer`: tells a parked run what it asked, and lets it go on.

use std::sync::Arc;

use priory::core::effect::Question;
use priory::core::journal::{QuestionId, RunInfo, RunState};
use priory::core::{Failure, Journal, Json};
use priory::{Reply, machine_clock};

use crate::running::{self, Patience, parse_wait};
use crate::store::{self, Data};
use crate::taking;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::live::Mode;
use crate::ui::text::printable;
use crate::ui::waits::{ANSWER, Waits};

/// Who answers where nobody says anything and the system does not know either.
const SOMEBODY: &str = "operator";

/// Answer a question of a parked run, and let the run go on
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Args {
    /// The run: its id, the beginning of its id, or @last
    run: String,
    /// The question; it is left out where the run asks only one
    #[arg(value_name = "QUESTION")]
    question: Option<String>,
    /// The answer: JSON, or text
    #[arg(allow_negative_numbers = true)]
    answer: String,
    /// Who answers [default: the name of the user]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Take the answer for JSON and nothing else; text that is no JSON is then refused
    #[arg(long)]
    json_answer: bool,
    /// Only write the answer down: `priory runs resume` goes on later
    #[arg(long)]
    no_resume: bool,
    /// How long to wait for timers of the run, such as 10m; 0 does not wait [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = parse_wait)]
    wait: Option<u64>,
    /// Write every event as one line of JSON, and the result as the last one
    #[arg(long)]
    json: bool,
}

/// Answer a question of a parked run, and let the run go on
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    args: Args,
}

pub(crate) fn execute_top(args: &TopArgs) -> Result<Exit> {
    execute(&args.args, &args.data)
}

pub(crate) fn execute(args: &Args, data: &Data) -> Result<Exit> {
    let runtime = running::runtime()?;
    runtime.block_on(async {
        let journal = data.open()?;
        let info = store::find(&journal, &args.run).await?;
        let (id, question) = asked(&journal, &info, args.question.as_deref(), data).await?;
        let value = read_answer(&args.answer, &question, args.json_answer)?;
        let by = args.by.clone().unwrap_or_else(user);
        let reply = Reply { run: info.id, question: id, value, by };
        let answered = priory::resume::answer(&journal, &*machine_clock(), reply).await;
        answered.map_err(|failure| refused(&failure, &question))?;
        if args.no_resume {
            anstream::eprintln!("{} is answered; `priory runs resume {}{}` goes on", id, info.id, data.typed());
            return Ok(Exit::Ok);
        }
        let patience = args.wait.map_or(Patience::Endless, Patience::Within);
        let ended = taking::take_up(&journal, info.id, Mode::of_run(args.json), patience, false).await?;
        Ok(ended.show(args.json, &taking::settings(), Some(&data.typed())))
    })
}

/// Finds the question that is meant.
async fn asked(
    journal: &Arc<dyn Journal>,
    info: &RunInfo,
    named: Option<&str>,
    data: &Data,
) -> Result<(QuestionId, Question)> {
    let waits = journal.waits(info.id).await?;
    let mut open = waits.iter().filter_map(|wait| wait.question.as_ref());
    let nothing = || {
        let error = Error::not_found(format!("{} asks nothing: it is {}", info.id, info.state));
        match info.state {
            RunState::Open => error.hint(format!(
                "nobody has it in memory: `priory runs resume {}{}` goes on to where it asks",
                info.id,
                data.typed()
            )),
            _ => error.hint("an answer is recorded once; `priory runs show` shows what was asked and answered"),
        }
    };
    let shown = || Waits { run: info.id, waits: &waits, now: machine_clock().unix_ms(), folder: "" }.render();
    match named {
        Some(named) => {
            let id: QuestionId = named.parse().map_err(|error| Error::usage(format!("{error}")))?;
            match open.find(|(open, _)| *open == id) {
                Some(found) => Ok(found.clone()),
                None if waits.is_empty() => Err(nothing()),
                None => Err(Error::not_found(format!("{} does not ask {id}, or it was answered before", info.id))
                    .detail(shown())),
            }
        }
        None => match (open.next(), open.next()) {
            (None, _) => Err(nothing()),
            (Some(found), None) => Ok(found.clone()),
            (Some(_), Some(_)) => {
                Err(Error::usage(format!("{} asks several questions; say which one is answered", info.id))
                    .detail(shown()))
            }
        },
    }
}

/// Reads an answer: JSON where it is some, or else text.
fn read_answer(text: &str, question: &Question, is_json: bool) -> Result<Json> {
    if text == ANSWER {
        return Err(Error::usage(format!("{ANSWER} stands where the answer has to be"))
            .hint("write JSON or text in its place; this very word can be given as '\"ANSWER\"'"));
    }
    let text_of = || Json::of(&text).map_err(|error| Error::usage(error.to_string()));
    match Json::parse(text.trim()) {
        Ok(json) if is_json || !wants_text(question) || json.as_str().starts_with('"') => Ok(json),
        Ok(_) => text_of(),
        Err(error) if is_json => {
            Err(Error::usage(format!("the answer is {error}")).hint("without --json-answer, text is taken as it is"))
        }
        Err(_) => text_of(),
    }
}

/// Tells whether a question wants text and nothing else.
fn wants_text(question: &Question) -> bool {
    let schema = question.schema.as_ref().map(|schema| serde_json::from_str::<serde_json::Value>(schema.as_str()));
    matches!(schema, Some(Ok(schema)) if schema.get("type").is_some_and(|ty| ty == "string"))
}

fn refused(failure: &Failure, question: &Question) -> Error {
    let error = match failure {
        Failure::Invalid(_) => Error::new(Exit::Usage, failure.to_string()),
        _ => Error::new(Exit::Failed, failure.to_string()),
    };
    match (&question.schema, failure) {
        (Some(schema), Failure::Invalid(_)) => {
            error.hint(format!("the question is still open; its answer has to fit {}", printable(schema.as_str())))
        }
        (_, Failure::Conflict { .. }) if !question.who.is_empty() => {
            error.hint(format!("say who answers with --by NAME; it may be {}", question.who.join(" or ")))
        }
        _ => error,
    }
}

/// Returns the name of whoever uses this machine.
fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| SOMEBODY.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_json_or_text() {
        let question = |schema: Option<&str>| Question {
            text: "?".into(),
            schema: schema.map(|schema| Json::parse(schema).unwrap()),
            who: vec![],
            expires_ms: None,
        };
        let read = |text, schema, is_json| read_answer(text, &question(schema), is_json).map(|json| json.to_string());
        assert_eq!(read("true", None, false).unwrap(), "true");
        assert_eq!(read("go on", None, false).unwrap(), "\"go on\"");
        assert_eq!(read("42", Some(r#"{"type":"string"}"#), false).unwrap(), "\"42\"");
        assert_eq!(read("\"42\"", Some(r#"{"type":"string"}"#), false).unwrap(), "\"42\"");
        assert_eq!(read("42", Some(r#"{"type":"integer"}"#), false).unwrap(), "42");
        assert_eq!(read("42", Some(r#"{"type":"string"}"#), true).unwrap(), "42");
        assert_eq!(read("go on", None, true).unwrap_err().exit, Exit::Usage);
        assert_eq!(read("ANSWER", None, false).unwrap_err().exit, Exit::Usage);
        assert_eq!(read("\"ANSWER\"", None, false).unwrap(), "\"ANSWER\"");
    }
}
