// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is kept of runs, as a port: events that are appended and never edited, and what is needed to find them again.
//!
//! Every implementation passes the same contract suite, in `priory-testkit`.

mod error;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::effect::Question;
use crate::event::{Envelope, Program};
use crate::id::{Digest, FramePath, IdError, RunId};
use crate::inbox::{Inbox, Sought};
use crate::ports::BoxFuture;

pub use error::JournalError;

/// How many labels a run may have.
pub const LABELS_MAX: usize = 32;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It goes on, or will as soon as a host takes it up.
    Open,
    /// It waits for a person or a timer, and is in nobody's memory.
    Parked,
    /// It ended with a report.
    Done,
    /// It ended with a failure.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl RunState {
    /// Every state, in the order of a run's life.
    pub const ALL: [Self; 5] = [Self::Open, Self::Parked, Self::Done, Self::Failed, Self::Cancelled];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Parked => "parked",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Tells whether the run is over.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RunState {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| IdError {
            text: text.chars().take(80).collect(),
            kind: "state of a run",
            expected: "open, parked, done, failed or cancelled",
        })
    }
}

/// What is known of a run when it begins. It never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct RunHeader {
    /// When it began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// What its root frame executes.
    pub program: Program,
    /// Words of the operator by which it can be found; at most [`LABELS_MAX`].
    pub labels: BTreeMap<String, String>,
    /// What has to be kept as long as the run is: the description of its catalog, and its plugins.
    pub pins: Vec<Digest>,
}

/// Something outside that a parked run waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    /// The frame that waits.
    pub frame: FramePath,
    /// The position of the effect in the frame.
    pub step: u32,
    /// When it is over by itself, in milliseconds since 1970.
    pub due_unix_ms: Option<u64>,
    /// What for.
    pub awaited: Awaited,
}

/// What ends a [`Wait`].
#[derive(Debug, Clone, PartialEq)]
pub enum Awaited {
    /// The time at which it is due.
    Timer,
    /// An answer of a person.
    Answer(QuestionId, Box<Question>),
    /// An event that somebody publishes.
    Event(Box<Sought>),
    /// That somebody cancels the run, which nobody has to do.
    Cancel,
}

impl Wait {
    /// Returns what a person is asked.
    pub fn question(&self) -> Option<(QuestionId, &Question)> {
        match &self.awaited {
            Awaited::Answer(id, question) => Some((*id, question)),
            Awaited::Timer | Awaited::Event(_) | Awaited::Cancel => None,
        }
    }

    /// Returns which event is waited for.
    pub fn event(&self) -> Option<&Sought> {
        match &self.awaited {
            Awaited::Event(sought) => Some(sought),
            _ => None,
        }
    }

    /// Tells whether it ends by itself, at its time.
    pub fn is_timer(&self) -> bool {
        self.awaited == Awaited::Timer
    }

    /// Tells whether it ends when somebody cancels the run.
    pub fn is_for_cancel(&self) -> bool {
        self.awaited == Awaited::Cancel
    }
}

/// A [`Wait`] with the run that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct RunWait {
    /// The run.
    pub run: RunId,
    /// What it waits for.
    pub wait: Wait,
}

/// Names one question for ever: it depends on who asks, where, and what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId([u8; 8]);

impl QuestionId {
    /// Returns the id of what a frame asks at one of its steps. Another text, schema or audience is another question.
    pub fn of(run: RunId, frame: &FramePath, step: u32, question: &Question) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(run.to_string().as_bytes()).update(&frame.to_bytes()).update(&step.to_le_bytes());
        // A question is plain data, so it can always be written.
        hasher.update(&serde_json::to_vec(question).unwrap_or_default());
        let mut id = [0; 8];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

impl fmt::Display for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "q_{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for QuestionId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let number = text.strip_prefix("q_").filter(|digits| digits.len() == 16);
        let number = number.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number.map(|number| Self(number.to_be_bytes())).ok_or_else(|| IdError {
            text: text.chars().take(80).collect(),
            kind: "question",
            expected: "`q_` and 16 hexadecimal digits",
        })
    }
}

/// The right to append to a run. Whoever claims a run takes it from everybody who had it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Counts those who had the run.
    pub epoch: u64,
    /// The position of the next event.
    pub next_seq: u64,
    /// Where the run stood.
    pub state: RunState,
}

/// Some events of one run, and what they change about it. It is kept as a whole or not at all.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The run.
    pub run: RunId,
    /// The epoch of the lease; 0 for the one who begins the run.
    pub epoch: u64,
    /// The position of the first of the events, which is the next of the run.
    pub first_seq: u64,
    /// The events, without gaps.
    pub events: Vec<Envelope>,
    /// What the run is; only with its first event.
    pub header: Option<RunHeader>,
    /// Where the run stands afterwards; `None` leaves it as it is.
    pub state: Option<RunState>,
    /// What the run waits for from now on; `None` leaves it as it is.
    pub waits: Option<Vec<Wait>>,
}

/// What is known of a run without reading its events.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunInfo {
    /// Its id.
    pub id: RunId,
    /// Where it stands.
    pub state: RunState,
    /// What its root frame executes.
    pub program: Program,
    /// When it began, in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// When something was last appended.
    pub updated_unix_ms: u64,
    /// Words of the operator.
    pub labels: BTreeMap<String, String>,
    /// How many events it has.
    pub events: u64,
    /// How many bytes its events take where they are kept; what it shares with others counts for each.
    pub bytes: u64,
    /// When its next timer is due, while it is parked.
    pub due_unix_ms: Option<u64>,
    /// How many questions are open.
    pub questions: u32,
}

/// Which runs are looked for. What is `None` or empty does not matter.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    /// In one of these states.
    pub states: Vec<RunState>,
    /// With this name of a program.
    pub program: Option<String>,
    /// With all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Begun at or after, in milliseconds since 1970.
    pub since_unix_ms: Option<u64>,
    /// Begun before, in milliseconds since 1970.
    pub until_unix_ms: Option<u64>,
    /// Ended at or after, in milliseconds since 1970.
    pub ended_since_unix_ms: Option<u64>,
    /// Only runs that are older than this one: the newest come first.
    pub before: Option<RunId>,
    /// How many, at most.
    pub most: usize,
}

/// How long runs that have ended are kept. Open and parked runs are always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// How long after its end, in milliseconds.
    pub age_ms: Option<u64>,
    /// How many; the newest stay.
    pub count: Option<u64>,
    /// How many bytes, together; the newest stay.
    pub bytes: Option<u64>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pruned {
    /// How many runs.
    pub runs: u64,
    /// How many bytes of their events.
    pub bytes: u64,
}

/// What a look at the whole history of a run found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Every event is as it was written.
    Intact {
        /// How many there are.
        events: u64,
        /// The hash of the last, in hexadecimal; it stands for all.
        chain: String,
    },
    /// Somebody or something changed an event.
    Altered {
        /// The position of the first that does not fit.
        seq: u64,
        /// What does not fit.
        reason: String,
    },
}

/// Keeps events durably, reads them back in order, and never edits one. Beside them it keeps what is published for runs to
/// take, as an [`Inbox`].
pub trait Journal: Inbox {
    /// Appends a batch. It is durable when this is ready. Batches of one run are appended one after the other.
    ///
    /// Fails with [`JournalError::Fenced`] when somebody else has claimed the run or the position is not the next: then
    /// nothing was appended.
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<(), JournalError>>;

    /// Takes over a run. Nobody who had it before can append any more.
    fn claim(&self, run: RunId) -> BoxFuture<'static, Result<Lease, JournalError>>;

    /// Reads events in order, from a position on, `most` at most.
    fn read(&self, run: RunId, from: u64, most: usize) -> BoxFuture<'static, Result<Vec<Envelope>, JournalError>>;

    /// Returns what is known of a run.
    fn info(&self, run: RunId) -> BoxFuture<'static, Result<RunInfo, JournalError>>;

    /// Returns what is known of the runs that fit, the newest first.
    fn list(&self, query: RunQuery) -> BoxFuture<'static, Result<Vec<RunInfo>, JournalError>>;

    /// Returns what a run waits for.
    fn waits(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Wait>, JournalError>>;

    /// Returns what is due at a time, the earliest first, `most` at most.
    fn due(&self, unix_ms: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>>;

    /// Returns when the next wait is due after a time.
    fn next_due(&self, after_unix_ms: u64) -> BoxFuture<'static, Result<Option<u64>, JournalError>>;

    /// Keeps bytes by their digest, as long as a run pins them, and for an hour in any case.
    fn keep(&self, bytes: Vec<u8>) -> BoxFuture<'static, Result<Digest, JournalError>>;

    /// Returns bytes that were kept.
    fn kept(&self, digest: Digest) -> BoxFuture<'static, Result<Vec<u8>, JournalError>>;

    /// Returns what a run pins.
    fn pins(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Digest>, JournalError>>;

    /// Removes runs that have ended and are beyond what is to be kept, as of a time, and what was published before the
    /// oldest run that is left began.
    fn prune(&self, retention: Retention, unix_ms: u64) -> BoxFuture<'static, Result<Pruned, JournalError>>;

    /// Reads the whole history of a run and checks its chain.
    fn verify(&self, run: RunId) -> BoxFuture<'static, Result<Verdict, JournalError>>;
}
