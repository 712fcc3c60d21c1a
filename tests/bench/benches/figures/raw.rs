// SPDX-License-Identifier: MIT OR Apache-2.0
//! The floor of durability: SQLite as the journal sets it up, one writer, group commit, and nothing around it.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::anyhow;
use priory_bench::watch::now;
use rusqlite::Connection;
use tokio::sync::oneshot;

/// How many appends wait for the writer at most.
const WAITING_MAX: usize = 1_024;

type Append = (Vec<u8>, oneshot::Sender<()>);

/// A database to which bytes are appended.
pub(crate) struct Raw {
    sender: SyncSender<Append>,
    writer: JoinHandle<rusqlite::Result<()>>,
}

impl Raw {
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(folder.join("raw.db"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch("CREATE TABLE appended (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")?;
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let writer = std::thread::spawn(move || write(connection, &receiver));
        Ok(Self { sender, writer })
    }

    async fn append(sender: &SyncSender<Append>, bytes: Vec<u8>) -> anyhow::Result<()> {
        let (done, durable) = oneshot::channel();
        sender.try_send((bytes, done)).map_err(|error| anyhow!("the floor cannot keep up: {error}"))?;
        Ok(durable.await?)
    }

    /// Returns how many steps a second some writers make together, each of two appends.
    pub(crate) async fn steps_per_second(self, writers: u32, steps: u32, bytes: usize) -> anyhow::Result<f64> {
        let began = now();
        let tasks: Vec<_> = (0..writers)
            .map(|_| {
                let sender = self.sender.clone();
                tokio::spawn(async move {
                    for _ in 0..steps {
                        Self::append(&sender, vec![7; bytes]).await?;
                        Self::append(&sender, vec![8; bytes]).await?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        let rate = f64::from(writers) * f64::from(steps) / began.elapsed().as_secs_f64();
        drop(self.sender);
        self.writer.join().map_err(|_| anyhow!("the writer broke"))??;
        Ok(rate)
    }
}

fn write(mut connection: Connection, appends: &Receiver<Append>) -> rusqlite::Result<()> {
    while let Ok(first) = appends.recv() {
        let group: Vec<Append> = std::iter::once(first).chain(appends.try_iter()).collect();
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO appended (bytes) VALUES (?1)")?;
            for (bytes, _) in &group {
                insert.execute([bytes])?;
            }
        }
        transaction.commit()?;
        for (_, done) in group {
            // The writer that waits may be gone when a round is given up.
            let _ = done.send(());
        }
    }
    Ok(())
}
