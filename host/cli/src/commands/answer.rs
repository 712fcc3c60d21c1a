// SPDX-License-Identifier: MIT OR Apache-2.0
//! `priory answer`: tells a parked run what it asked, and lets it go on.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use priory::core::effect::{Ask, Decision, Question};
use priory::core::journal::{QuestionId, RunInfo, RunState, Wait};
use priory::core::{Failure, Json};
use priory::spool::requests::{Request, Settled};
use priory::{Reply, machine_clock};

use crate::answering;
use crate::elsewhere::Holder;
use crate::running::{self, Patience, parse_wait};
use crate::store::{self, Data};
use crate::taking;
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::live::Mode;
use crate::ui::waits::Waits;

/// How long an edited value may be, in bytes.
const EDIT_BYTES_MAX: u64 = 16 << 20;

/// Answer a question of a parked run, and let the run go on
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of its id, or @last
    run: String,
    /// The question, which is left out where the run asks only one, and the answer: JSON, or text
    #[arg(value_names = ["QUESTION", "ANSWER"], num_args = 0..=2, allow_negative_numbers = true)]
    words: Vec<String>,
    #[command(flatten)]
    decision: Decided,
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

/// An answer to a question that wants a decision or a choice.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Decided {
    /// Approve what is proposed
    #[arg(long)]
    approve: bool,
    /// Reject what is proposed, with the reason where there is one
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "")]
    reject: Option<String>,
    /// Choose one of the choices
    #[arg(long, value_name = "CHOICE")]
    choose: Option<String>,
    /// Approve another value than what is proposed: a file of JSON, or - for standard input
    #[arg(long, value_name = "FILE")]
    edit: Option<PathBuf>,
}

/// Answer a question of a parked run, and let the run go on
#[derive(Debug, clap::Args)]
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
        let holder = Holder::of(data)?;
        let info = store::find(holder.journal(), &args.run).await?;
        let is_decided = args.decision.flag().is_some();
        let (named, answer) = match (args.words.as_slice(), is_decided) {
            ([], true) => (None, None),
            ([question], true) => (Some(question.as_str()), None),
            ([answer], false) => (None, Some(answer.as_str())),
            ([question, answer], false) => (Some(question.as_str()), Some(answer.as_str())),
            _ => return Err(unclear(is_decided)),
        };
        let (id, question) = asked(&holder.waits(&info).await?, &info, named, data)?;
        // A flag of another kind of question is told before anything is read for it.
        args.decision.fit(&question.kind)?;
        let value = match (args.decision.read()?, answer) {
            (Some(decided), _) => decided,
            (None, answer) => answering::read(answer.unwrap_or_default(), &question, args.json_answer)?,
        };
        let by = args.by.clone().unwrap_or_else(answering::user);
        let reply = Reply { run: info.id, question: id, value, by };
        let answered = give(&holder, reply).await?;
        answered.map_err(|failure| answering::refused(&failure, &question))?;
        if args.no_resume {
            match holder {
                Holder::Here(_) => {
                    anstream::eprintln!("{} is answered; `priory runs resume {}{}` goes on", id, info.id, data.typed());
                }
                Holder::Elsewhere(_) => anstream::eprintln!("{id} is answered; {} goes on where it is served", info.id),
            }
            return Ok(Exit::Ok);
        }
        let patience = args.wait.map_or(Patience::Endless, Patience::Within);
        let ended = match &holder {
            Holder::Here(folder) => {
                let folder = folder.clone().told()?;
                let mode = Mode::of_run(args.json);
                let ended = taking::take_up(&folder, info.id, mode, patience, false, false).await?;
                folder.flush().await;
                ended
            }
            Holder::Elsewhere(elsewhere) => {
                elsewhere.follow(info.id, Some(id), patience, args.json.then_some(info.events)).await?
            }
        };
        Ok(ended.show(args.json, &taking::settings(), Some(&data.typed())))
    })
}

/// Gives an answer: here, or through the process that has the folder.
async fn give(holder: &Holder, reply: Reply) -> Result<std::result::Result<(), Failure>> {
    let elsewhere = match holder {
        Holder::Here(folder) => return Ok(priory::resume::answer(&folder.journal, &*machine_clock(), reply).await),
        Holder::Elsewhere(elsewhere) => elsewhere,
    };
    let Reply { run, question, value, by } = reply;
    let request = Request::Answer { run, question: question.to_string(), value, by };
    Ok(match elsewhere.request(&request).await? {
        Settled::Done | Settled::Told => Ok(()),
        Settled::Refused(failure) => Err(failure),
    })
}

impl Decided {
    /// Returns the flag that was given, where one was.
    fn flag(&self) -> Option<&'static str> {
        match self {
            Self { approve: true, .. } => Some("--approve"),
            Self { reject: Some(_), .. } => Some("--reject"),
            Self { choose: Some(_), .. } => Some("--choose"),
            Self { edit: Some(_), .. } => Some("--edit"),
            _ => None,
        }
    }

    /// Compares the flag with what is asked.
    fn fit(&self, kind: &Ask) -> Result<()> {
        let Some(flag) = self.flag() else { return Ok(()) };
        let (takes, message): (&[&str], _) = match kind {
            Ask::Approve => (
                &["--approve", "--reject"],
                "this question is approved or rejected: use --approve or --reject [REASON]",
            ),
            Ask::Edit => (
                &["--approve", "--edit", "--reject"],
                "this question is approved, edited or rejected: use --approve, --edit FILE or --reject [REASON]",
            ),
            Ask::Choose { .. } => {
                (&["--choose"], "this question is answered with one of its choices: use --choose CHOICE")
            }
            Ask::Answer => (&[], "this question is answered with a value: write JSON or text in the place of the flag"),
        };
        if takes.contains(&flag) {
            return Ok(());
        }
        let error = Error::usage(message);
        Err(match kind.options() {
            [] => error,
            options => error.hint(format!("its choices are {}", options.join(", "))),
        })
    }

    /// Returns the answer, where one was given so.
    fn read(&self) -> Result<Option<Json>> {
        Ok(match self {
            Self { approve: true, .. } => Some(Decision::Approve.to_json()),
            Self { reject: Some(reason), .. } => {
                let reason = Some(reason.clone()).filter(|reason| !reason.is_empty());
                Some(Decision::Reject { reason }.to_json())
            }
            Self { choose: Some(choice), .. } => {
                Some(Json::of(choice).map_err(|error| Error::usage(error.to_string()))?)
            }
            Self { edit: Some(path), .. } => Some(Decision::Edit { value: read_file(path)? }.to_json()),
            _ => None,
        })
    }
}

/// Reads a value from a file, or from standard input.
fn read_file(path: &Path) -> Result<Json> {
    let shown = path.display();
    let read = |from: &mut dyn Read| {
        let mut text = String::new();
        from.take(EDIT_BYTES_MAX + 1).read_to_string(&mut text).map(|_| text)
    };
    let text = match path == Path::new("-") {
        true => read(&mut std::io::stdin().lock()),
        false => File::open(path).and_then(|mut file| read(&mut file)),
    };
    let text = text.map_err(|error| Error::io(format!("{shown} cannot be read"), &error))?;
    if text.len() as u64 > EDIT_BYTES_MAX {
        return Err(Error::usage(format!("{shown} is longer than {EDIT_BYTES_MAX} bytes")));
    }
    Json::parse(&text).map_err(|error| Error::usage(format!("{shown} is {error}")))
}

/// Says that it is not clear what the answer is.
fn unclear(is_decided: bool) -> Error {
    match is_decided {
        true => Error::usage("the answer is given twice").hint("leave out one of them"),
        false => {
            Error::usage("there is no answer").hint("write it behind the run, or --approve, --reject, --choose, --edit")
        }
    }
}

/// Finds the question that is meant.
fn asked(waits: &[Wait], info: &RunInfo, named: Option<&str>, data: &Data) -> Result<(QuestionId, Question)> {
    let mut open = waits.iter().filter_map(Wait::question);
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
    let shown = || Waits { run: info.id, waits, now: machine_clock().unix_ms(), folder: "" }.render();
    match named {
        Some(named) => {
            let id: QuestionId = named.parse().map_err(|error| Error::usage(format!("{error}")))?;
            match open.find(|(open, _)| *open == id) {
                Some((id, question)) => Ok((id, question.clone())),
                None if waits.is_empty() => Err(nothing()),
                None => Err(Error::not_found(format!("{} does not ask {id}, or it was answered before", info.id))
                    .detail(shown())),
            }
        }
        None => match (open.next(), open.next()) {
            (None, _) => Err(nothing()),
            (Some((id, question)), None) => Ok((id, question.clone())),
            (Some(_), Some(_)) => {
                Err(Error::usage(format!("{} asks several questions; say which one is answered", info.id))
                    .detail(shown()))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_for_its_kinds_of_questions() {
        let none = || Decided { approve: false, reject: None, choose: None, edit: None };
        let flags = [
            Decided { approve: true, ..none() },
            Decided { reject: Some(String::new()), ..none() },
            Decided { choose: Some("x".into()), ..none() },
            Decided { edit: Some("-".into()), ..none() },
        ];
        let check = |kind: &Ask, expected: [bool; 4], told: &str| {
            assert!(none().fit(kind).is_ok());
            assert_eq!(flags.each_ref().map(|flag| flag.fit(kind).is_ok()), expected, "{kind:?}");
            let error = flags.iter().find_map(|flag| flag.fit(kind).err()).unwrap();
            assert_eq!(error.exit, Exit::Usage);
            assert!(error.render().contains(told), "{}", error.render());
        };
        check(&Ask::Approve, [true, true, false, false], "approved or rejected: use --approve or --reject [REASON]");
        check(&Ask::Edit, [true, true, false, true], "approved, edited or rejected: use --approve, --edit FILE or");
        let choose = Ask::Choose { options: vec!["tea".into(), "milk".into()] };
        check(&choose, [false, false, true, false], "its choices are tea, milk");
        check(&Ask::Answer, [false; 4], "is answered with a value");
    }
}
