// SPDX-License-Identifier: MIT OR Apache-2.0
//! A journal in a folder: SQLite with one writer and some readers, and files for what is large.

mod answers;
mod expenses;
mod inbox;
mod kept;
mod pack;
mod pool;
mod prune;
mod query;
mod read;
mod recent;
mod rows;
mod schema;
mod write;
mod writer;
mod zip;

#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use priory_core::journal::{
    Batch, Journal, JournalError, Lease, Pruned, Retention, RunInfo, RunQuery, RunWait, Verdict, Wait,
};
use priory_core::ports::BoxFuture;
use priory_core::{Digest, Envelope, RunId};
use rusqlite::Connection;

use crate::admit;
use crate::head::{Head, head};
use kept::Kept;
use pack::{Packed, Piece, Prepared};
use pool::Pool;
use prune::{MARKED_MAX, Step};
use recent::{Recent, Recents};
use schema::{io_refusal, refusal};
use write::Appended;
use writer::{Order, Writer, order};

/// How many connections read.
const READERS: usize = 2;

/// How many steps of one kind one removal has. The rest is done the next time.
const STEPS_MAX: usize = 1_000_000;

const LOCK_FILE: &str = "lock";

/// How long the text in the lock may be that names who has it, in bytes.
const LOCK_BYTES_MAX: u64 = 32;

/// A journal in a folder.
///
/// Dropping it finishes what is queued and then lets go of the folder.
#[derive(Debug)]
pub struct SqliteJournal {
    // In the order in which they are shut: the last connection has to be the writer's, which empties the log, and the
    // lock goes after all.
    readers: Pool<Reader>,
    files: Pool<Kept>,
    writing: Option<Writing>,
    // Shared with those who wait for what is published.
    head: Head,
    _lock: Option<File>,
}

/// What only the owner of the folder has.
#[derive(Debug)]
struct Writing {
    writer: Writer,
    // Shared with the appends that are on their way.
    recents: Arc<Recents>,
}

/// A connection that only reads.
#[derive(Debug)]
struct Reader {
    dir: PathBuf,
    database: Connection,
    format: usize,
}

impl SqliteJournal {
    /// Opens a folder for this process alone; makes it when it is not there.
    ///
    /// Fails with [`JournalError::Busy`] when another process has it, and with [`JournalError::Format`] when a newer
    /// version wrote it.
    pub fn open(dir: &Path) -> Result<Self, JournalError> {
        make_folder(dir).map_err(|error| io_refusal(dir, &error))?;
        let lock = lock(dir)?;
        let database = schema::open_writer(dir)?;
        kept::sync_folder(dir).map_err(|error| io_refusal(dir, &error))?;
        let head = head(inbox::last_position(&database).map_err(|error| refusal(dir, &error))?);
        let writer = Writer::start(dir, database)?;
        let writing = Some(Writing { writer, recents: Arc::default() });
        let (readers, _) = readers(dir)?;
        Ok(Self { writing, head, readers, files: files(dir)?, _lock: Some(lock) })
    }

    /// Opens a folder to read from it, whether or not another process writes into it.
    pub fn open_read_only(dir: &Path) -> Result<Self, JournalError> {
        let (readers, last) = readers(dir)?;
        Ok(Self { writing: None, head: head(last), readers, files: files(dir)?, _lock: None })
    }

    fn writing(&self) -> Result<&Writing, JournalError> {
        self.writing.as_ref().ok_or_else(|| JournalError::ReadOnly {
            path: self.readers.dir().into(),
            reason: "it was opened to be read".into(),
        })
    }

    fn with_reader<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Reader) -> Result<T, JournalError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, JournalError>> {
        self.readers.run(move |reader| act(reader))
    }

    /// Has the writer do something.
    fn order<T: Send + 'static>(
        &self,
        make: impl FnOnce(tokio::sync::oneshot::Sender<Result<T, JournalError>>) -> Order + Send + 'static,
    ) -> BoxFuture<'static, Result<T, JournalError>> {
        let orders = self.writing().map(|writing| writing.writer.orders());
        Box::pin(async move { order(orders?, make).await })
    }
}

impl Journal for SqliteJournal {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<(), JournalError>> {
        let writing = self.writing().map(|writing| (writing.writer.orders(), Arc::clone(&writing.recents)));
        Box::pin(async move {
            let (orders, recents) = writing?;
            let batch = Arc::new(prepare(batch, &recents)?);
            let appended = Arc::clone(&batch);
            let Appended { key, chunks } = order(orders, |answer| Order::Append(appended, answer)).await?;
            if batch.state.is_some_and(|state| state.has_ended()) {
                recents.forget(batch.run);
            } else {
                remember(&recents, batch, key, &chunks);
            }
            Ok(())
        })
    }

    fn claim(&self, run: RunId) -> BoxFuture<'static, Result<Lease, JournalError>> {
        self.order(move |answer| Order::Claim(run, answer))
    }

    fn read(&self, run: RunId, from: u64, most: usize) -> BoxFuture<'static, Result<Vec<Envelope>, JournalError>> {
        self.with_reader(move |reader| reader.events(run, from, most))
    }

    fn info(&self, run: RunId) -> BoxFuture<'static, Result<RunInfo, JournalError>> {
        self.with_reader(move |reader| reader.info(run))
    }

    fn list(&self, query: RunQuery) -> BoxFuture<'static, Result<Vec<RunInfo>, JournalError>> {
        self.with_reader(move |reader| reader.list(&query))
    }

    fn waits(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Wait>, JournalError>> {
        self.with_reader(move |reader| reader.waits(run))
    }

    fn due(&self, unix_ms: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>> {
        self.with_reader(move |reader| reader.due(unix_ms, most))
    }

    fn next_due(&self, after_unix_ms: u64) -> BoxFuture<'static, Result<Option<u64>, JournalError>> {
        self.with_reader(move |reader| reader.next_due(after_unix_ms))
    }

    fn keep(&self, bytes: Vec<u8>) -> BoxFuture<'static, Result<Digest, JournalError>> {
        match self.writing() {
            Ok(_) => self.files.run(move |kept| kept.keep(&bytes)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn kept(&self, digest: Digest) -> BoxFuture<'static, Result<Vec<u8>, JournalError>> {
        self.files.run(move |kept| kept.kept(digest))
    }

    fn pins(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Digest>, JournalError>> {
        self.with_reader(move |reader| reader.pins(run))
    }

    fn prune(&self, retention: Retention, unix_ms: u64) -> BoxFuture<'static, Result<Pruned, JournalError>> {
        let orders = self.writing().map(|writing| writing.writer.orders());
        let beyond = self.with_reader(move |reader| reader.beyond(retention, unix_ms));
        let kept = self.files.run(|kept| Ok(kept.clone()));
        Box::pin(async move {
            let orders = orders?;
            let mut pruned = Pruned::default();
            for runs in beyond.await?.chunks(MARKED_MAX) {
                let step = Step::Mark(runs.to_vec());
                let stepped = order(orders.clone(), |answer| Order::Prune(step, answer)).await?;
                pruned.runs += stepped.pruned.runs;
                pruned.bytes += stepped.pruned.bytes;
            }
            repeat(&orders, || Step::Rows).await?;
            repeat(&orders, || Step::Events(unix_ms)).await?;
            repeat(&orders, || Step::Expenses(unix_ms)).await?;
            let step = Step::Kept(kept.await?, unix_ms);
            order(orders.clone(), |answer| Order::Prune(step, answer)).await?;
            repeat(&orders, || Step::Pages).await?;
            order(orders, |answer| Order::Prune(Step::Log, answer)).await?;
            Ok(pruned)
        })
    }

    fn verify(&self, run: RunId) -> BoxFuture<'static, Result<Verdict, JournalError>> {
        self.with_reader(move |reader| reader.verify(run))
    }
}

// === impl Reader ===

impl Reader {
    fn refusal(&self, error: &rusqlite::Error) -> JournalError {
        refusal(&self.dir, error)
    }
}

/// Does everything of an append that does not need the writer: lines, hashes, chunks and compression.
fn prepare(batch: Batch, recents: &Recents) -> Result<Prepared, JournalError> {
    let (lines, artifacts) = (admit::lines(&batch)?, admit::artifacts(&batch));
    let recent = recents.get(batch.run);
    let packed = pack::pack(&lines, recent.as_deref());
    let recent_key = recent.map(|recent| recent.key);
    let Batch { run, epoch, first_seq, events, header, state, waits } = batch;
    let digests = lines.iter().map(|line| line.digest).collect();
    let at_unix_ms = events.last().map(|last| last.unix_ms);
    Ok(Prepared { run, epoch, first_seq, digests, at_unix_ms, packed, recent_key, artifacts, header, state, waits })
}

/// Remembers a large batch that was appended.
fn remember(recents: &Recents, batch: Arc<Prepared>, key: i64, ids: &[i64]) {
    // The writer has let go of it before it answered, or is about to: then the next batch costs some KiB more.
    let Ok(Prepared { run, packed: Packed::Pieces { body, pieces }, .. }) = Arc::try_unwrap(batch) else { return };
    let chunks = pieces.into_iter().filter_map(|piece| match piece {
        Piece::Chunk(chunk) => Some((chunk.digest, chunk.range)),
        Piece::Literal(_) => None,
    });
    let chunks = chunks.zip(ids).map(|((digest, range), id)| (digest, range, *id)).collect();
    recents.put(run, Recent { key, body, chunks });
}

/// Has the writer do a step until there is nothing left to do.
async fn repeat(orders: &tokio::sync::mpsc::Sender<Order>, step: impl Fn() -> Step + Send) -> Result<(), JournalError> {
    for _ in 0..STEPS_MAX {
        let next = step();
        if !order(orders.clone(), |answer| Order::Prune(next, answer)).await?.has_more {
            break;
        }
    }
    Ok(())
}

fn make_folder(dir: &Path) -> std::io::Result<()> {
    let mut folder = DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(dir)
}

/// Takes the folder for this process, and says in the lock who it is.
fn lock(dir: &Path) -> Result<File, JournalError> {
    let failed = |error: std::io::Error| io_refusal(dir, &error);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(LOCK_FILE));
    let mut file = open.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Who has it may not have said so yet.
            let read = file.take(LOCK_BYTES_MAX).read_to_string(&mut owner).ok();
            let owner = read.and_then(|_| owner.trim().parse::<u32>().ok());
            let by = owner.map(|id| format!(" (process {id})")).unwrap_or_default();
            return Err(JournalError::Busy { path: dir.into(), by });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(failed)?;
    Ok(file)
}

/// Opens connections to read from, and returns the position of the last event that was published.
fn readers(dir: &Path) -> Result<(Pool<Reader>, u64), JournalError> {
    let (mut readers, mut last) = (Vec::new(), 0);
    for _ in 0..READERS {
        let database = schema::open_reader(dir)?;
        let format = schema::check(dir, &database)?;
        if format == 0 {
            let reason = "there is no journal in it".to_owned();
            return Err(JournalError::Io { path: dir.into(), reason });
        }
        let reader = Reader { dir: dir.into(), database, format };
        last = reader.last_position()?;
        readers.push(reader);
    }
    Ok((Pool::start(dir, "journal-reader", readers)?, last))
}

fn files(dir: &Path) -> Result<Pool<Kept>, JournalError> {
    Pool::start(dir, "journal-files", vec![Kept::new(dir)])
}
