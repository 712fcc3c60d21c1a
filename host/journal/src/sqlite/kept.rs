// SPDX-License-Identifier: MIT OR Apache-2.0
//! Large bytes that runs pin, such as plugins: one compressed file each, named by the hash of what is in it.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use parking_lot::Mutex;
use priory_core::Digest;
use priory_core::journal::JournalError;

use super::schema::io_refusal;
use crate::memory::{KEPT_BYTES_MAX, KEPT_UNPINNED_MS};

const FOLDER: &str = "kept";
const LEVEL: i32 = 3;

/// The folder of the files.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    dir: PathBuf,
    // Held by the one who writes or removes files: what is just being kept again must not be removed.
    turn: Arc<Mutex<()>>,
}

impl Kept {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.join(FOLDER), turn: Arc::default() }
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("{}.zst", digest.to_hex()))
    }

    /// Keeps bytes. They are on the disk when this returns.
    pub(super) fn keep(&self, bytes: &[u8]) -> Result<Digest, JournalError> {
        let digest = Digest::of(bytes);
        if bytes.len() > KEPT_BYTES_MAX {
            let (bytes, most) = (bytes.len() as u64, KEPT_BYTES_MAX as u64);
            return Err(JournalError::TooLarge { what: digest.to_string(), bytes, most });
        }
        let _turn = self.turn.lock();
        self.write(digest, bytes).map_err(|error| io_refusal(&self.dir, &error))?;
        Ok(digest)
    }

    fn write(&self, digest: Digest, bytes: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let (path, new) = (self.path(digest), self.dir.join("new"));
        let mut file = File::create(&new)?;
        if let Ok(old) = OpenOptions::new().write(true).open(&path) {
            // It is there. Its hour begins again, at the time that the file system gave the other file.
            old.set_modified(file.metadata()?.modified()?)?;
            return old.sync_all();
        }
        let zipped = zstd::bulk::compress(bytes, LEVEL)?;
        file.write_all(&zipped)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        sync_folder(&self.dir)
    }

    /// Returns bytes that were kept.
    pub(super) fn kept(&self, digest: Digest) -> Result<Vec<u8>, JournalError> {
        let path = self.path(digest);
        let damaged = |why: String| JournalError::Corrupt { what: format!("{}: {why}", path.display()) };
        let file = File::open(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => JournalError::NotKept(digest),
            _ => io_refusal(&self.dir, &error),
        })?;
        let mut bytes = Vec::new();
        let unzip = zstd::stream::Decoder::new(file).map_err(|error| io_refusal(&self.dir, &error))?;
        let read = unzip.take(KEPT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| damaged(format!("it cannot be unpacked: {error}")))?;
        match Digest::of(&bytes) == digest {
            true => Ok(bytes),
            false => Err(damaged("it is not what was written".into())),
        }
    }

    /// Removes the files that are not pinned and have been there for an hour.
    pub(super) fn prune(&self, pinned: &BTreeSet<Digest>, unix_ms: u64) -> Result<(), JournalError> {
        let _turn = self.turn.lock();
        let prune = || {
            let entries = match fs::read_dir(&self.dir) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name().into_string().unwrap_or_default();
                let digest = name.strip_suffix(".zst").and_then(|hex| format!("blake3:{hex}").parse().ok());
                if digest.is_none_or(|digest| pinned.contains(&digest)) {
                    continue;
                }
                let modified = entry.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                let modified_ms = u64::try_from(modified.as_millis()).unwrap_or(u64::MAX);
                if unix_ms.saturating_sub(modified_ms) >= KEPT_UNPINNED_MS {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        prune().map_err(|error: std::io::Error| io_refusal(&self.dir, &error))
    }
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}
