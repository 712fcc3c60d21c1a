// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is told while a folder is served: one line for each thing that happens.

use std::path::PathBuf;

use priory::RunEnd;
use priory::core::journal::RunState;
use priory::core::{EventRecord, RunId};
use priory::spool::requests::{Request, Settled};
use priory::triggers::Fired;
use serde_json::{Value, json};

use crate::ui::text::{counted, printable};
use crate::ui::waits::Waits;

/// How much of a failure is shown, in characters.
const SHOWN_CHARS_MAX: usize = 300;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Told {
    /// The folder is served from now on.
    Serving { folder: PathBuf, triggers: usize },
    /// An event came from outside.
    Published { record: EventRecord, is_new: bool },
    /// A file in the inbox was no event.
    Refused { file: PathBuf, reason: String },
    /// A trigger did something.
    Fired(Fired),
    /// Another process asked for something.
    Requested { request: Request, settled: Settled },
    /// A run goes on that was open or parked.
    TakenUp { run: RunId },
    /// A run could not be taken up.
    Left { run: RunId, reason: String },
    /// A run goes no further here.
    Ended { run: RunId, end: RunEnd },
    /// The folder is not served any more.
    Stopped { live: usize },
}

impl Told {
    /// Writes it for a person, without the end of the line.
    pub(crate) fn line(&self, now: u64) -> String {
        let text = match self {
            Self::Serving { folder, triggers } => {
                format!("serving {} with {}", folder.display(), counted(*triggers, "trigger"))
            }
            Self::Published { record, is_new: true } => format!("event {} {}", record.name, record.id),
            Self::Published { record, is_new: false } => {
                format!("event {} {} was there before", record.name, record.id)
            }
            Self::Refused { file, reason } => format!("refused {}: {reason}", file.display()),
            Self::Fired(Fired::Started { trigger, run, program }) => format!("{trigger} started {run} {program}"),
            Self::Fired(Fired::Skipped { trigger, about }) => format!("{trigger} skipped {about}: a run of it goes on"),
            Self::Fired(Fired::Missed { trigger, count }) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                format!("{trigger} starts nothing for {} that it missed", counted(count, "time"))
            }
            Self::Fired(Fired::Failed { trigger, about, failure }) => format!("{trigger} failed at {about}: {failure}"),
            Self::Requested { request, settled } => {
                let asked = match request {
                    Request::Answer { run, question, by, .. } => format!("{by} answers {question} of {run}"),
                    Request::Cancel { run, by } => format!("{by} cancels {run}"),
                };
                match settled {
                    Settled::Done => asked,
                    Settled::Told => format!("{asked}, which clears up behind itself"),
                    Settled::Refused(failure) => format!("{asked}, which is refused: {failure}"),
                }
            }
            Self::TakenUp { run } => format!("took up {run}"),
            Self::Left { run, reason } => format!("left {run}: {reason}"),
            Self::Ended { run, end } => match (end.state, &end.result) {
                (RunState::Parked, _) => {
                    format!("{run} {}", Waits { run: *run, waits: &end.waits, now, folder: "" }.headline())
                }
                (state, Ok(_)) => format!("{run} {state}"),
                (state, Err(failure)) => format!("{run} {state}: {failure}"),
            },
            Self::Stopped { live: 0 } => "stopped".to_owned(),
            Self::Stopped { live } => {
                format!("stopped; {} left open and taken up by the next `priory serve`", counted(*live, "run"))
            }
        };
        printable(&text.replace('\n', " ")).chars().take(SHOWN_CHARS_MAX).collect()
    }

    /// Writes it for programs.
    pub(crate) fn as_json(&self, now: u64) -> Value {
        let mut value = match self {
            Self::Serving { folder, triggers } => json!({ "told": "serving", "folder": folder, "triggers": triggers }),
            Self::Published { record, is_new } => {
                json!({ "told": "event", "id": record.id, "name": record.name, "data": record.data, "new": is_new })
            }
            Self::Refused { file, reason } => json!({ "told": "refused", "file": file, "reason": reason }),
            Self::Fired(Fired::Started { trigger, run, program }) => {
                json!({ "told": "started", "trigger": trigger, "run": run, "program": program })
            }
            Self::Fired(Fired::Skipped { trigger, about }) => {
                json!({ "told": "skipped", "trigger": trigger, "about": about })
            }
            Self::Fired(Fired::Missed { trigger, count }) => {
                json!({ "told": "missed", "trigger": trigger, "count": count })
            }
            Self::Fired(Fired::Failed { trigger, about, failure }) => {
                json!({ "told": "not-started", "trigger": trigger, "about": about, "failure": failure })
            }
            Self::Requested { request, settled } => {
                let failure = match settled {
                    Settled::Refused(failure) => Some(failure),
                    Settled::Done | Settled::Told => None,
                };
                match request {
                    Request::Answer { run, question, by, .. } => {
                        json!({ "told": "answer", "run": run, "question": question, "by": by, "failure": failure })
                    }
                    Request::Cancel { run, by } => {
                        json!({ "told": "cancel", "run": run, "by": by, "failure": failure })
                    }
                }
            }
            Self::TakenUp { run } => json!({ "told": "taken-up", "run": run }),
            Self::Left { run, reason } => json!({ "told": "left", "run": run, "reason": reason }),
            Self::Ended { run, end } => {
                let waits = Waits { run: *run, waits: &end.waits, now, folder: "" }.as_json();
                let mut value = json!({ "told": "run", "run": run, "state": end.state });
                if let Some(object) = value.as_object_mut() {
                    match (end.state, &end.result) {
                        (RunState::Parked, _) => drop(object.insert("waits".into(), waits)),
                        (_, Ok(report)) => drop(object.insert("result".into(), json!(report.output))),
                        (_, Err(failure)) => drop(object.insert("failure".into(), json!(failure))),
                    }
                }
                value
            }
            Self::Stopped { live } => json!({ "told": "stopped", "live": live }),
        };
        if let Some(object) = value.as_object_mut() {
            object.insert("unix-ms".into(), json!(now));
        }
        value
    }
}
