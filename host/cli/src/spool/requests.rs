// SPDX-License-Identifier: MIT OR Apache-2.0
//! Answers and cancellations on their way to the process that serves a data folder, and what became of them.
//!
//! A request is a file that appears whole. Who serves takes it by renaming it, does it, and puts its reply beside it; who
//! asked reads the reply and removes it, or takes the request back while nobody has taken it. One that was taken by a
//! process that was killed is done again by the next, which finds out what was done before.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use priory_core::effect::{Answer, Effect};
use priory_core::event::Event;
use priory_core::journal::{QuestionId, RunState};
use priory_core::{Failure, Journal, Json, RunId, Value};
use priory_engine::Cancelled;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::host::Host;

/// The folder in a data folder.
const FOLDER: &str = "requests";
/// The file that whoever serves the folder holds a lock on, as long as it lives.
const SERVED: &str = "served";
/// What a file ends in that nobody has taken.
const WAITING: &str = "json";
/// What a file ends in that is being done.
const TAKEN: &str = "taken";
/// What the file of a reply ends in.
const REPLY: &str = "reply";
/// How large a request may be, in bytes: an answer of 16 MiB as it was written, with room for who gives it to what.
const REQUEST_BYTES_MAX: u64 = (16 << 20) + (64 << 10);
/// How large a reply may be, in bytes.
const REPLY_BYTES_MAX: u64 = 64 << 10;
/// How much is told of a failure that does not fit into a reply, in characters; each has 12 bytes of JSON at most.
const TOLD_CHARS_MAX: usize = 4 << 10;
/// How many requests are done at once; the rest come the next time.
const REQUESTS_MAX: usize = 100;
/// How many names of the folder are looked at.
const NAMES_MAX: usize = 100_000;
/// After how long a file is removed that nobody wanted any more.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Something that the process that has a data folder is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Answer a question of a run.
    Answer {
        /// The run.
        run: RunId,
        /// The name of the question.
        question: String,
        /// The answer.
        value: Json,
        /// Who answers.
        by: String,
    },
    /// Cancel a run.
    Cancel {
        /// The run.
        run: RunId,
        /// Who cancels it.
        by: String,
    },
}

/// A request that a process has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The request.
    pub request: Request,
    /// Whether it was taken before, by a process that may have done it.
    pub is_again: bool,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settled {
    /// It is done: the answer is recorded, or the run has ended.
    Done,
    /// The run was told that it is cancelled, and clears up behind itself.
    Told,
    /// It cannot be done.
    Refused(Failure),
}

/// What is known of a request by whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has taken it.
    Waiting,
    /// It is being done.
    Taken,
    /// It is over, and what is known of it is removed.
    Over(Settled),
}

/// The requests to the process that serves one data folder.
#[derive(Debug, Clone)]
pub struct Requests {
    folder: PathBuf,
}

/// Says that a data folder is served, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Served {
    // The lock goes with the file.
    _file: File,
}

impl Requests {
    /// Returns the requests of a data folder.
    pub fn of(data: &Path) -> Self {
        Self { folder: data.join(FOLDER) }
    }

    /// Says that this process takes requests from now on. It has to have the data folder.
    pub fn serve(&self) -> io::Result<Served> {
        fs::create_dir_all(&self.folder)?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.folder.join(SERVED))?;
        // Whoever looks whether somebody serves holds it for a moment, and nobody else does.
        file.lock()?;
        Ok(Served { _file: file })
    }

    /// Tells whether a process takes requests.
    pub fn is_served(&self) -> io::Result<bool> {
        match File::open(self.folder.join(SERVED)) {
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(error),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts a request on its way. `name` is unique, and requests are done in the order of their names.
    pub fn put(&self, name: &str, request: &Request) -> io::Result<()> {
        let text = serde_json::to_vec(request).map_err(io::Error::other)?;
        if text.len() as u64 > REQUEST_BYTES_MAX {
            let reason = format!("it is {} bytes long, and {REQUEST_BYTES_MAX} are the most", text.len());
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        super::write(&self.folder, name, WAITING, &text)
    }

    /// Returns how far a request has come. What is over is told once.
    pub fn look(&self, name: &str) -> io::Result<Progress> {
        let file = self.file(name, REPLY);
        match read(&file, REPLY_BYTES_MAX) {
            Ok(bytes) => {
                let settled = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
                fs::remove_file(file)?;
                Ok(Progress::Over(settled))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(if self.file(name, WAITING).exists() { Progress::Waiting } else { Progress::Taken })
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a request back. Returns whether that was possible: nobody had taken it, and nobody does.
    pub fn withdraw(&self, name: &str) -> io::Result<bool> {
        match fs::remove_file(self.file(name, WAITING)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the names of what is to be done, in order, 100 at most: also of what was taken and is not over.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let name = |path: PathBuf| {
            let is_open = path.extension().is_some_and(|ending| ending == WAITING || ending == TAKEN);
            let name = path.file_stem()?.to_str()?.to_owned();
            (is_open && !name.starts_with('.')).then_some(name)
        };
        let mut names: Vec<String> = self.paths()?.filter_map(name).collect();
        names.sort();
        names.dedup();
        names.truncate(REQUESTS_MAX);
        Ok(names)
    }

    /// Takes a request. `None` says that whoever made it has taken it back, or that it is none: then it was refused.
    pub fn take(&self, name: &str) -> io::Result<Option<Taken>> {
        let taken = self.file(name, TAKEN);
        let is_again = match fs::rename(self.file(name, WAITING), &taken) {
            Ok(()) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound && taken.exists() => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let unfit = |reason: String| Settled::Refused(Failure::invalid("request", "", reason));
        let settled = match read(&taken, REQUEST_BYTES_MAX) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(request) => return Ok(Some(Taken { request, is_again })),
                Err(error) => unfit(format!("it is no request: {error}")),
            },
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => unfit(error.to_string()),
            Err(error) => return Err(error),
        };
        self.reply(name, &settled)?;
        Ok(None)
    }

    /// Tells what became of a request that was taken.
    pub fn reply(&self, name: &str, settled: &Settled) -> io::Result<()> {
        let mut text = serde_json::to_vec(settled).map_err(io::Error::other)?;
        if let (true, Settled::Refused(failure)) = (text.len() as u64 > REPLY_BYTES_MAX, settled) {
            text = serde_json::to_vec(&Settled::Refused(shortened(failure))).map_err(io::Error::other)?;
        }
        super::write(&self.folder, name, REPLY, &text)?;
        fs::remove_file(self.file(name, TAKEN))
    }

    /// Removes what is older than a day: nobody waits for it any more.
    pub fn sweep(&self, unix_ms: u64) -> io::Result<()> {
        let now = UNIX_EPOCH + Duration::from_millis(unix_ms);
        for path in self.paths()?.filter(|path| path.file_name().is_some_and(|name| name != SERVED)) {
            let changed = fs::metadata(&path).and_then(|about| about.modified());
            // What is gone meanwhile was read by whoever waited for it.
            if changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age > KEPT)) {
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }

    fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ending}"))
    }

    fn paths(&self) -> io::Result<impl Iterator<Item = PathBuf> + use<>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(entries.into_iter().flatten().take(NAMES_MAX).filter_map(|entry| Some(entry.ok()?.path())))
    }
}

// === impl Request ===

impl Request {
    /// Returns the run that it is about.
    pub fn run(&self) -> RunId {
        match self {
            Self::Answer { run, .. } | Self::Cancel { run, .. } => *run,
        }
    }
}

// === impl Taken ===

impl Taken {
    /// Does it on the host that has the run in memory, or on any other where none has. An answer that the same person gave
    /// before is given, and what was done before somebody was killed is not done twice.
    pub async fn settle(&self, host: &Host, journal: &Arc<dyn Journal>) -> Settled {
        let done = match &self.request {
            Request::Answer { run, question, value, by } => answer(host, journal, *run, question, value, by).await,
            Request::Cancel { run, by } => match if self.is_again { cancelled(journal, *run).await } else { None } {
                Some(settled) => return settled,
                None => host.cancel(*run, by).await.map(|cancelled| match cancelled {
                    Cancelled::Ended => Settled::Done,
                    Cancelled::Told => Settled::Told,
                }),
            },
        };
        done.unwrap_or_else(|error| match error {
            Error::Run(failure) => Settled::Refused(failure),
            other => Settled::Refused(Failure::other(other.to_string())),
        })
    }
}

/// Tells what is recorded of a run that was cancelled: to cancel it again would not let it clear up.
async fn cancelled(journal: &Arc<dyn Journal>, run: RunId) -> Option<Settled> {
    if journal.info(run).await.ok()?.state == RunState::Cancelled {
        return Some(Settled::Done);
    }
    let events = priory_engine::resume::read_all(journal, run).await.ok()?;
    let mut listening = BTreeSet::new();
    let is_told = events.iter().any(|envelope| match &envelope.event {
        Event::Intent { step, effect } if **effect == Effect::AwaitCancel => {
            listening.insert((&envelope.frame, *step));
            false
        }
        Event::Outcome { step, outcome } => outcome.is_ok() && listening.contains(&(&envelope.frame, *step)),
        _ => false,
    });
    is_told.then_some(Settled::Told)
}

async fn answer(
    host: &Host,
    journal: &Arc<dyn Journal>,
    run: RunId,
    question: &str,
    value: &Json,
    by: &str,
) -> Result<Settled, Error> {
    let id: QuestionId = question.parse().map_err(|error| Failure::invalid("question", "", format!("{error}")))?;
    match host.answer(run, id, value.clone(), by).await {
        Err(Error::Run(failure @ Failure::Unavailable(_))) => match recorded(journal, run, id).await {
            Some(given) if given.value == *value && given.by == by => Ok(Settled::Done),
            Some(given) => {
                let reason = format!("question {id} was answered before, by {}", given.by);
                Ok(Settled::Refused(Failure::Conflict { reason }))
            }
            None => Ok(Settled::Refused(failure)),
        },
        answered => answered.map(|()| Settled::Done),
    }
}

/// Returns the answer to a question that is recorded.
async fn recorded(journal: &Arc<dyn Journal>, run: RunId, id: QuestionId) -> Option<Answer> {
    let events = priory_engine::resume::read_all(journal, run).await.ok()?;
    let (frame, step) = events.iter().find_map(|envelope| match &envelope.event {
        Event::Intent { step, effect } => match &**effect {
            Effect::AskHuman(question) if QuestionId::of(run, &envelope.frame, *step, question) == id => {
                Some((&envelope.frame, *step))
            }
            _ => None,
        },
        _ => None,
    })?;
    events.iter().find_map(|envelope| match &envelope.event {
        Event::Outcome { step: at, outcome } if (&envelope.frame, *at) == (frame, step) => match &**outcome {
            Ok(Value::Answer(answer)) => Some(answer.clone()),
            _ => None,
        },
        _ => None,
    })
}

/// Makes a failure of the same kind of one that is too long, as far as whoever asked distinguishes them.
fn shortened(failure: &Failure) -> Failure {
    let told: String = failure.to_string().chars().take(TOLD_CHARS_MAX).collect();
    match failure {
        Failure::Invalid(_) => Failure::invalid("answer", "", told),
        Failure::Conflict { .. } => Failure::Conflict { reason: told },
        _ => Failure::other(told),
    }
}

fn read(file: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(by: &str) -> Request {
        let value = Json::parse("{\"n\": 1.50}").unwrap();
        Request::Answer { run: RunId::from_parts(0, 1), question: "q_6516c9fd01cbd454".into(), value, by: by.into() }
    }

    #[test]
    fn a_request_is_taken_and_replied_to() {
        let folder = tempfile::tempdir().unwrap();
        let requests = Requests::of(folder.path());
        assert_eq!(requests.names().unwrap(), Vec::<String>::new());
        requests.put("2", &request("ada")).unwrap();
        requests.put("1", &request("bob")).unwrap();
        fs::write(folder.path().join("requests/.3"), "half of a req").unwrap();
        assert_eq!(
            (requests.names().unwrap(), requests.look("1").unwrap()),
            (vec!["1".into(), "2".into()], Progress::Waiting)
        );
        let taken = |is_again| Some(Taken { request: request("bob"), is_again });
        assert_eq!(requests.take("1").unwrap(), taken(false));
        assert_eq!((requests.look("1").unwrap(), requests.withdraw("1").unwrap()), (Progress::Taken, false));
        // Whoever took it is killed, and the next takes it again.
        assert_eq!((requests.names().unwrap().len(), requests.take("1").unwrap()), (2, taken(true)));
        requests.reply("1", &Settled::Done).unwrap();
        assert_eq!(requests.look("1").unwrap(), Progress::Over(Settled::Done));
        assert!(requests.withdraw("2").unwrap());
        assert_eq!((requests.take("2").unwrap(), requests.names().unwrap().len()), (None, 0));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let requests = Requests::of(folder.path());
        fs::create_dir(folder.path().join("requests")).unwrap();
        fs::write(folder.path().join("requests/1.json"), "{\"answer\": 7}").unwrap();
        assert_eq!(requests.take("1").unwrap(), None);
        assert!(matches!(requests.look("1").unwrap(), Progress::Over(Settled::Refused(Failure::Invalid(_)))));
        let large = Request::Cancel { run: RunId::from_parts(0, 1), by: "a".repeat(17 << 20) };
        assert_eq!(requests.put("2", &large).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_reply_has_a_most() {
        let folder = tempfile::tempdir().unwrap();
        let requests = Requests::of(folder.path());
        requests.put("1", &request("ada")).unwrap();
        requests.take("1").unwrap();
        let long = Failure::Conflict { reason: "\u{1}".repeat(1 << 20) };
        requests.reply("1", &Settled::Refused(long)).unwrap();
        assert!(fs::metadata(folder.path().join("requests/1.reply")).unwrap().len() <= REPLY_BYTES_MAX);
        assert!(matches!(requests.look("1").unwrap(), Progress::Over(Settled::Refused(Failure::Conflict { .. }))));
    }

    #[test]
    fn a_folder_is_served_while_somebody_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let requests = Requests::of(folder.path());
        assert!(!requests.is_served().unwrap());
        let served = requests.serve().unwrap();
        assert!(requests.is_served().unwrap());
        drop(served);
        assert!(!requests.is_served().unwrap());
    }

    #[test]
    fn what_is_a_day_old_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let requests = Requests::of(folder.path());
        let served = requests.serve().unwrap();
        requests.put("1", &request("ada")).unwrap();
        let changed = fs::metadata(folder.path().join("requests/1.json")).unwrap().modified().unwrap();
        let at = u64::try_from(changed.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        requests.sweep(at + 23 * 60 * 60 * 1_000).unwrap();
        assert_eq!(requests.names().unwrap().len(), 1);
        requests.sweep(at + 25 * 60 * 60 * 1_000).unwrap();
        assert_eq!((requests.names().unwrap().len(), requests.is_served().unwrap()), (0, true));
        drop(served);
    }
}
