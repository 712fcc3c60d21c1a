// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the journal cannot do what it was asked, and what can be done about it.

use std::path::PathBuf;

use crate::failure::{Failure, Unavailable};
use crate::id::{Digest, RunId};

/// Why the journal cannot do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// There is no such run.
    #[error("there is no run {0}: `priory runs list` shows those that there are")]
    NoRun(RunId),
    /// There is such a run already.
    #[error("there is a run {0} already: `priory runs prune` removes runs that have ended")]
    Exists(RunId),
    /// What was to be appended contradicts itself.
    #[error("this cannot be appended: {what}")]
    Invalid {
        /// What is wrong with it.
        what: String,
    },
    /// There are no such bytes.
    #[error("nothing is kept under {0}: the plugin or catalog of a run is missing from the data folder")]
    NotKept(Digest),
    /// Something else was published under the id.
    #[error("another event was published under the id {id}: the same id always says the same, so take another")]
    OtherEvent {
        /// The id.
        id: String,
    },
    /// Somebody else has the run.
    #[error("run {run} was taken over by another host, which goes on with it")]
    Fenced {
        /// The run.
        run: RunId,
    },
    /// Another process has the store.
    #[error("{path} is in use by another process{by}: stop it, or use another `--data` folder")]
    Busy {
        /// The folder.
        path: PathBuf,
        /// ` (process 123)`, where that is known.
        by: String,
    },
    /// There is no room.
    #[error("no room is left for the journal in {path}: nothing was lost, free some and `priory runs resume --all`")]
    Full {
        /// The folder.
        path: PathBuf,
    },
    /// Writing is not allowed.
    #[error("the journal in {path} cannot be written: {reason}")]
    ReadOnly {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// What is there is not what was written.
    #[error("the journal is damaged: {what}; restore it from a copy, or start with another `--data` folder")]
    Corrupt {
        /// What and where.
        what: String,
    },
    /// Another version wrote it.
    #[error(
        "the journal in {path} has format {found}, this version reads up to {newest}: use the version that wrote it"
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that is understood.
        newest: u32,
    },
    /// Something is larger than it may be.
    #[error("{what} has {bytes} bytes, {most} are the most that is kept")]
    TooLarge {
        /// What.
        what: String,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        most: u64,
    },
    /// The system failed.
    #[error("the journal in {path} failed: {reason}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The store is shut.
    #[error("the journal is shut: its host is going down")]
    Shut,
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        if let JournalError::OtherEvent { .. } = error {
            return Self::Conflict { reason: error.to_string() };
        }
        let retriable = matches!(error, JournalError::Busy { .. } | JournalError::Full { .. } | JournalError::Shut);
        Self::Unavailable(Unavailable { subject: "journal".into(), reason: error.to_string(), retriable })
    }
}
