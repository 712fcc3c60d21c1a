// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events on their way into a data folder: files that whoever publishes puts there, whether or not a host has the folder.
//!
//! A file appears whole or not at all, and goes when its event is published. A host that is killed in between publishes it
//! again, which says nothing new: its id is in the file. [`requests`] are answers and cancellations, for the process that
//! has the folder.

pub mod requests;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use priory_core::inbox::{DATA_BYTES_MAX, ID_BYTES_MAX};
use priory_core::{EventRecord, Journal, JournalError, Json};
use serde::{Deserialize, Serialize};

/// The folder in a data folder.
const FOLDER: &str = "inbox";
/// What the files end in.
const ENDING: &str = "json";
/// What a file ends in whose event cannot be published.
const REFUSED: &str = "refused";
/// How large a file may be, in bytes: an event, with room for how it is written.
const FILE_BYTES_MAX: u64 = 2 * DATA_BYTES_MAX + ID_BYTES_MAX as u64 + (64 << 10);
/// How many files are published at once; the rest come the next time.
pub const FILES_MAX: usize = 1_000;
/// How many names of a folder are looked at.
const NAMES_MAX: usize = 100_000;

/// An event that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spooled {
    /// Names the event for ever.
    pub id: String,
    /// What kind of event it is.
    pub name: String,
    /// What it says.
    pub data: Json,
}

/// The events that are on their way into one data folder.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// Its event is published.
    Published {
        /// The event.
        record: EventRecord,
        /// Whether it was not there before.
        is_new: bool,
    },
    /// Its event cannot be published; the file was put aside.
    Refused {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl Spool {
    /// Returns the spool of a data folder.
    pub fn of(data: &Path) -> Self {
        Self { folder: data.join(FOLDER) }
    }

    /// Puts an event on its way. It is on the disk when this returns. `name` is that of the file, unique and without its
    /// ending; files are published in the order of their names.
    pub fn put(&self, name: &str, event: &Spooled) -> io::Result<()> {
        let text = serde_json::to_vec(event).map_err(io::Error::other)?;
        write(&self.folder, name, ENDING, &text)
    }

    /// Returns the files that wait, in order, [`FILES_MAX`] at most.
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let is_event = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.extension().is_some_and(|ending| ending == ENDING) && !name.starts_with('.')
        };
        let paths = entries.take(NAMES_MAX).filter_map(|entry| Some(entry.ok()?.path()));
        let mut files: Vec<PathBuf> = paths.filter(is_event).collect();
        files.sort();
        files.truncate(FILES_MAX);
        Ok(files)
    }

    /// Publishes the event of one file, as of a time, and removes the file.
    pub async fn deliver(
        &self,
        file: &Path,
        journal: &Arc<dyn Journal>,
        unix_ms: u64,
    ) -> Result<Delivered, JournalError> {
        let failed = |error: &io::Error| JournalError::Io { path: file.to_owned(), reason: error.to_string() };
        let event = match read(file) {
            Ok(event) => event,
            Err(Unread::Gone(error)) => return Err(failed(&error)),
            Err(Unread::Wrong(reason)) => return self.refuse(file, reason).map_err(|error| failed(&error)),
        };
        let Spooled { id, name, data } = event;
        let record = EventRecord { id, name, data, unix_ms, from: None };
        match journal.publish(record.clone()).await {
            Ok(arrival) => {
                fs::remove_file(file).map_err(|error| failed(&error))?;
                Ok(Delivered::Published { record, is_new: arrival.is_new })
            }
            Err(
                error
                @ (JournalError::Invalid { .. } | JournalError::TooLarge { .. } | JournalError::OtherEvent { .. }),
            ) => self.refuse(file, error.to_string()).map_err(|error| failed(&error)),
            Err(error) => Err(error),
        }
    }

    /// Puts a file aside, so that it is not looked at again and nothing of it is lost.
    fn refuse(&self, file: &Path, reason: String) -> io::Result<Delivered> {
        fs::rename(file, file.with_extension(REFUSED))?;
        Ok(Delivered::Refused { file: file.with_extension(REFUSED), reason })
    }
}

/// Why a file cannot be read.
enum Unread {
    /// It may be another time.
    Gone(io::Error),
    /// It never will.
    Wrong(String),
}

fn read(file: &Path) -> Result<Spooled, Unread> {
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(Unread::Gone)?;
    opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(Unread::Gone)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Unread::Wrong(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    serde_json::from_slice(&bytes).map_err(|error| Unread::Wrong(format!("it is no event: {error}")))
}

/// Writes a file that appears whole or not at all. It is on the disk when this returns.
fn write(folder: &Path, name: &str, ending: &str, text: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let hidden = folder.join(format!(".{name}"));
    let mut file = File::create(&hidden)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&hidden, folder.join(format!("{name}.{ending}")))?;
    sync(folder)
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and the system writes its names by itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use priory_core::inbox::EventQuery;
    use priory_journal::MemoryJournal;

    use super::*;

    fn event(id: &str, data: &str) -> Spooled {
        Spooled { id: id.to_owned(), name: "order.placed".to_owned(), data: Json::parse(data).unwrap() }
    }

    async fn ids(journal: &Arc<dyn Journal>) -> Vec<String> {
        let found = journal.events(EventQuery { most: 100, ..EventQuery::default() }).await.unwrap();
        found.into_iter().map(|arrived| arrived.record.id).collect()
    }

    #[tokio::test]
    async fn files_are_published_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::of(folder.path());
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
        assert_eq!(spool.files().unwrap(), Vec::<PathBuf>::new());
        for (name, id) in [("2", "b"), ("1", "a")] {
            spool.put(name, &event(id, "{\"n\": 1.50}")).unwrap();
        }
        fs::write(folder.path().join("inbox/.3"), "half of an ev").unwrap();
        let files = spool.files().unwrap();
        // The host is killed after an event was published and before its file was removed.
        let record = EventRecord {
            id: "a".into(),
            name: "order.placed".into(),
            data: Json::parse("{\"n\": 1.50}").unwrap(),
            unix_ms: 5,
            from: None,
        };
        journal.publish(record.clone()).await.unwrap();
        let delivered = spool.deliver(&files[0], &journal, 9).await.unwrap();
        assert_eq!(delivered, Delivered::Published { record: EventRecord { unix_ms: 9, ..record }, is_new: false });
        assert!(matches!(spool.deliver(&files[1], &journal, 9).await, Ok(Delivered::Published { is_new: true, .. })));
        assert_eq!((ids(&journal).await, spool.files().unwrap().len()), (vec!["a".to_owned(), "b".to_owned()], 0));
        assert!(spool.deliver(&files[1], &journal, 9).await.is_err(), "it is gone");
    }

    #[tokio::test]
    async fn what_cannot_be_published_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::of(folder.path());
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
        spool.put("1", &event("a", "1")).unwrap();
        spool.put("2", &event("a", "2")).unwrap();
        spool.put("3", &Spooled { name: "No Name".into(), ..event("b", "1") }).unwrap();
        fs::write(folder.path().join("inbox/4.json"), "{\"id\": 7}").unwrap();
        let mut refused = 0;
        for file in spool.files().unwrap() {
            let delivered = spool.deliver(&file, &journal, 9).await.unwrap();
            refused += usize::from(matches!(delivered, Delivered::Refused { .. }));
        }
        assert_eq!((refused, ids(&journal).await), (3, vec!["a".to_owned()]));
        assert_eq!(spool.files().unwrap().len(), 0);
        let left = fs::read_dir(folder.path().join("inbox")).unwrap().count();
        assert_eq!(left, 3, "nothing is lost");
    }
}
