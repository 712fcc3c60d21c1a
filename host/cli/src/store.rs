// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data folder, where runs are kept: which one it is, who may open it how, and what a user calls a run in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use priory::core::journal::{Retention, RunInfo, RunQuery};
use priory::core::ports::Expenses;
use priory::core::{Journal, JournalError, RunId};
use priory::journal::{MemoryJournal, SqliteJournal};
use priory::manifest::Manifest;

use crate::folder::{Folder, Remembered};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use crate::ui::waits::shell_word;

/// The file by which a data folder is known.
const JOURNAL_FILE: &str = "journal.sqlite";
/// How long runs are kept after their end where nobody says anything.
const KEPT_MS: u64 = 90 * 24 * 60 * 60 * 1_000;
/// How often a folder is opened to be read before that fails.
const READS_MAX: usize = 10;
/// How long to wait in between.
const READ_PAUSE: Duration = Duration::from_millis(50);
/// What the id of a run begins with.
const RUN_PREFIX: &str = "run_";
/// How many characters stand behind it.
const RUN_CHARS: usize = 26;
/// How many runs are named where it is not clear which is meant.
const NAMED_MAX: usize = 5;

/// Where runs are kept.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Data {
    /// The folder that keeps the runs, instead of `PRIORY_DATA_DIR` or the data folder of the user
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
}

impl Data {
    /// Returns the folder.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.data {
            return Ok(folder.clone());
        }
        if let Some(folder) = std::env::var_os("PRIORY_DATA_DIR").filter(|folder| !folder.is_empty()) {
            return Ok(PathBuf::from(folder));
        }
        let folders = directories::ProjectDirs::from("", "", "priory");
        folders.map(|folders| folders.data_dir().to_owned()).ok_or_else(|| {
            Error::not_found("this user has no data folder, so there is no place to keep runs in")
                .hint("name one with --data DIR or PRIORY_DATA_DIR")
        })
    }

    /// Returns what has to be typed so that the same folder is used.
    pub(crate) fn typed(&self) -> String {
        let folder = self.data.as_ref().map(|folder| folder.display().to_string());
        folder.map(|folder| format!(" --data {}", shell_word(&folder))).unwrap_or_default()
    }

    /// Opens the folder for this process alone; makes it when it is not there.
    pub(crate) fn open(&self) -> Result<Folder> {
        let folder = self.folder()?;
        Ok(Folder::of(SqliteJournal::open(&folder)?, &folder))
    }

    /// Opens the folder as [`Data::open`] does; the error inside says that another process has it.
    pub(crate) fn open_unless_busy(&self) -> Result<Result<Folder>> {
        let folder = self.folder()?;
        match SqliteJournal::open(&folder) {
            Ok(journal) => Ok(Ok(Folder::of(journal, &folder))),
            Err(error @ JournalError::Busy { .. }) => Ok(Err(error.into())),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens what is remembered beyond runs; several processes may have it. A folder that is not there remembers nothing.
    pub(crate) fn memory(&self) -> Result<Remembered> {
        Ok(Remembered::of(&self.folder()?))
    }

    /// Opens the folder to read what was spent; a folder that is not there spent nothing.
    pub(crate) fn expenses(&self) -> Result<Arc<dyn Expenses>> {
        let folder = self.folder()?;
        if !is_journal(&folder) {
            return Ok(Arc::new(MemoryJournal::new()));
        }
        Ok(Arc::new(SqliteJournal::open_read_only(&folder)?))
    }

    /// Opens the folder to read from it, whoever writes into it. A folder that is not there has no runs.
    pub(crate) fn read(&self) -> Result<Arc<dyn Journal>> {
        let folder = self.folder()?;
        if !is_journal(&folder) {
            return Ok(Arc::new(MemoryJournal::new()));
        }
        for _ in 0..READS_MAX {
            match SqliteJournal::open_read_only(&folder) {
                Ok(journal) => return Ok(Arc::new(journal)),
                // Another process is just making it.
                Err(JournalError::Io { .. }) => std::thread::sleep(READ_PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Arc::new(SqliteJournal::open_read_only(&folder)?))
    }
}

/// Returns what is kept, by the nearest manifest; where it says nothing, runs that have ended are kept for 90 days.
pub(crate) fn retention() -> Retention {
    let manifest = std::env::current_dir().ok().and_then(|folder| Manifest::find(&folder).ok().flatten());
    // What is wrong with a manifest is told where it is run.
    manifest.and_then(|path| Manifest::read(&path).ok()).map_or(kept_by_default(), |manifest| retention_of(&manifest))
}

/// Returns what is kept by a manifest.
pub(crate) fn retention_of(manifest: &Manifest) -> Retention {
    if manifest.runs == Retention::default() { kept_by_default() } else { manifest.runs }
}

fn kept_by_default() -> Retention {
    Retention { age_ms: Some(KEPT_MS), count: None, bytes: None }
}

/// Reads a label.
pub(crate) fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("NAME=VALUE is expected".to_owned()),
    }
}

fn is_journal(folder: &Path) -> bool {
    folder.join(JOURNAL_FILE).exists()
}

/// Finds the run that a user names: by its id, the beginning of its id, or `@last` for the one that began last.
pub(crate) async fn find(journal: &Arc<dyn Journal>, text: &str) -> Result<RunInfo> {
    if text == "@last" {
        let query = RunQuery { most: 1, ..RunQuery::default() };
        let last = journal.list(query).await?.into_iter().next();
        return last
            .ok_or_else(|| Error::not_found("no run is kept").hint("`priory run` keeps the runs that it starts"));
    }
    if let Some(id) = exact(text) {
        return Ok(journal.info(id).await?);
    }
    let (first, last) = range(text).ok_or_else(|| {
        Error::usage(format!("`{text}` names no run"))
            .hint("a run is named by its id, the beginning of its id, or @last")
    })?;
    let query = RunQuery { before: Some(last), most: NAMED_MAX + 1, ..RunQuery::default() };
    let mut found = journal.list(query).await?;
    // The last one that there can be is itself in the range, and `before` leaves it out.
    if let Ok(info) = journal.info(last).await {
        found.insert(0, info);
    }
    found.retain(|info| info.id >= first);
    match found.len() {
        0 => {
            Err(Error::not_found(format!("there is no run `{text}`"))
                .hint("`priory runs list` shows those that there are"))
        }
        1 => Ok(found.remove(0)),
        _ => {
            let named: Vec<_> = found.iter().take(NAMED_MAX).map(|info| info.id.to_string()).collect();
            let more = if found.len() > NAMED_MAX { ", …" } else { "" };
            Err(Error::usage(format!("`{text}` is the beginning of several runs"))
                .hint(format!("write more of it: {}{more}", named.join(", "))))
        }
    }
}

/// Reads a whole id. One that is too large comes out as another one, which nobody means.
fn exact(text: &str) -> Option<RunId> {
    text.parse::<RunId>().ok().filter(|id| id.to_string().eq_ignore_ascii_case(text))
}

/// Returns the first and the last id that begin with a text.
fn range(text: &str) -> Option<(RunId, RunId)> {
    let rest = text.strip_prefix(RUN_PREFIX).unwrap_or(text).to_ascii_uppercase();
    if rest.is_empty() || rest.len() > RUN_CHARS || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let filled = |with: &str| {
        let tail = with.repeat(RUN_CHARS - rest.len());
        exact(&format!("{RUN_PREFIX}{rest}{tail}"))
    };
    Some((filled("0")?, filled("Z")?))
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        let text = error.to_string();
        // What to do about it stands behind the colon, where a person looks for it in the hint.
        let split = |exit: Exit, hint: &str| Self::new(exit, text.clone()).hint(hint.to_owned());
        match &error {
            JournalError::NoRun(id) => {
                Self::not_found(format!("there is no run {id}")).hint("`priory runs list` shows those that there are")
            }
            JournalError::Busy { path, by } => {
                let path = path.display();
                Self::new(Exit::Store, format!("{path} is in use by another process{by}")).hint(
                    "if it asks something, answer where it runs; or stop that process, or keep this run in another folder with --data DIR; \
                     `priory run --ephemeral` keeps it nowhere",
                )
            }
            JournalError::Full { path } => {
                Self::new(Exit::Store, format!("no room is left for runs in {}", path.display()))
                    .hint("nothing was lost: free some room, then `priory runs resume --all` goes on")
            }
            JournalError::ReadOnly { .. } => split(Exit::Store, "make the folder writable, or use another one with --data DIR"),
            JournalError::Corrupt { what } => Self::new(Exit::Store, format!("what is kept of runs is damaged: {what}"))
                .hint("`priory runs verify --all` shows what is intact; restore the folder from a copy, or use another one with --data DIR"),
            JournalError::Format { .. } => split(Exit::Store, "use another folder with --data DIR, or the version that wrote this one"),
            JournalError::Io { .. } => Self::new(Exit::Store, text),
            _ => Self::new(Exit::Failed, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_is_a_range() {
        let (first, last) = range("run_01k5").unwrap();
        assert_eq!(first.to_string(), "run_01K50000000000000000000000");
        assert_eq!(last.to_string(), "run_01K5ZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(range("01K5"), range("run_01k5"));
        for wrong in ["", "run_", "run_9", "x-y", "run_01K50000000000000000000000Z"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }
}
