// SPDX-License-Identifier: MIT OR Apache-2.0
//! The threads that do what would block: one writes, and some read.
//!
//! What came while the writer was busy goes into one transaction, with one fsync: what is to be remembered, and what is to be
//! forgotten, after which the file is written anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use priory_core::memory::{Forget, KeptFact, ScopeKey};
use priory_core::ports::MemoryError;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::schema::Place;
use crate::write::{self, Refusal};

/// How many orders wait for a thread. Beyond, whoever asks waits for room.
const QUEUE_MAX: usize = 256;

/// How many facts go into one transaction: with their vectors they have some MiB.
const GROUP_MAX: usize = 256;

/// How many connections read: a look through all vectors of a large scope takes one of them for a second.
const READERS: usize = 2;

pub(crate) type Answer<T> = oneshot::Sender<Result<T, MemoryError>>;
type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// What a thread is to do.
pub(crate) enum Order {
    /// Remember a fact.
    Remember(Box<KeptFact>, Answer<()>),
    /// Forget facts of a scope.
    Forget(ScopeKey, Forget, Answer<u64>),
    /// Forget what has expired.
    Expire(u64, Answer<u64>),
    /// Read something.
    Read(Job),
    /// Look whether the store is to be shut.
    Wake,
    #[cfg(test)]
    Execute(String, Answer<()>),
}

/// The threads and their queues.
#[derive(Debug)]
pub(crate) struct Threads {
    // In the order in which they are shut: the last connection has to be the writer's, which empties the log. Where the
    // writer has the only connection, it reads too.
    readers: Option<Lane>,
    writer: Lane,
}

impl Threads {
    /// Opens the connections of a place, and starts a thread for each.
    pub(crate) fn start(place: &Place) -> Result<Self, MemoryError> {
        let database = place.open_writer()?;
        let (mut writer, queue) = Lane::new();
        let (work, is_shut) = (Writer { place: place.clone(), database }, Arc::clone(&writer.is_shut));
        writer.spawn(place, "memory-writer", move || work.run(queue, &is_shut))?;
        let databases: Vec<Connection> =
            (0..READERS).filter_map(|_| place.open_reader().transpose()).collect::<Result<_, _>>()?;
        if databases.is_empty() {
            return Ok(Self { readers: None, writer });
        }
        let (mut readers, queue) = Lane::new();
        // Held by the one thread that waits for the next order.
        let queue = Arc::new(Mutex::new(queue));
        for database in databases {
            let (queue, is_shut) = (Arc::clone(&queue), Arc::clone(&readers.is_shut));
            readers.spawn(place, "memory-reader", move || read(database, &queue, &is_shut))?;
        }
        Ok(Self { readers: Some(readers), writer })
    }

    /// Returns where writing is ordered.
    pub(crate) fn writes(&self) -> mpsc::Sender<Order> {
        self.writer.orders.clone()
    }

    /// Returns where reading is ordered.
    pub(crate) fn reads(&self) -> mpsc::Sender<Order> {
        self.readers.as_ref().unwrap_or(&self.writer).orders.clone()
    }
}

/// Threads that take orders from one queue.
#[derive(Debug)]
struct Lane {
    orders: mpsc::Sender<Order>,
    // Shared with the threads, which look at it after each order.
    is_shut: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Lane {
    fn new() -> (Self, mpsc::Receiver<Order>) {
        let (orders, queue) = mpsc::channel(QUEUE_MAX);
        (Self { orders, is_shut: Arc::default(), threads: Vec::new() }, queue)
    }

    fn spawn(&mut self, place: &Place, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), MemoryError> {
        // Joined when the lane is dropped.
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(thread.map_err(|error| place.no_thread(&error))?);
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.is_shut.store(true, Ordering::Release);
        for _ in &self.threads {
            // A full queue means that no thread waits: each looks at the flag before it would.
            drop(self.orders.try_send(Order::Wake));
        }
        for thread in self.threads.drain(..) {
            // A thread that broke has nothing left to shut.
            drop(thread.join());
        }
    }
}

/// Sends an order and waits for what came of it.
pub(crate) async fn order<T>(
    orders: mpsc::Sender<Order>,
    make: impl FnOnce(Answer<T>) -> Order,
) -> Result<T, MemoryError> {
    let (answer, answered) = oneshot::channel();
    orders.send(make(answer)).await.map_err(|_| shut())?;
    answered.await.unwrap_or_else(|_| Err(shut()))
}

fn shut() -> MemoryError {
    let reason = "its host is going down: try again when it is up".to_owned();
    MemoryError::Store { what: "used", reason, retriable: true }
}

/// Does what a reader is ordered.
fn read(mut database: Connection, queue: &Mutex<mpsc::Receiver<Order>>, is_shut: &AtomicBool) {
    while !is_shut.load(Ordering::Acquire) {
        // The lock is given back before the order is done.
        let order = queue.lock().blocking_recv();
        match order {
            Some(Order::Read(job)) => job(&mut database),
            Some(_) => {}
            None => return,
        }
    }
}

struct Writer {
    place: Place,
    database: Connection,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Order>, is_shut: &AtomicBool) {
        let mut next = None;
        loop {
            if is_shut.load(Ordering::Acquire) {
                // What is queued is still done; what comes after is refused.
                queue.close();
            }
            let Some(order) = next.take().or_else(|| queue.blocking_recv()) else { return };
            match order {
                Order::Remember(fact, answer) => {
                    let mut group = vec![(fact, answer)];
                    while next.is_none() && group.len() < GROUP_MAX {
                        match queue.try_recv() {
                            Ok(Order::Remember(fact, answer)) => group.push((fact, answer)),
                            Ok(other) => next = Some(other),
                            Err(_) => break,
                        }
                    }
                    self.remember(group);
                }
                Order::Forget(scope, which, answer) => {
                    let mut group = vec![(scope, which, answer)];
                    while next.is_none() && group.len() < GROUP_MAX {
                        match queue.try_recv() {
                            Ok(Order::Forget(scope, which, answer)) => group.push((scope, which, answer)),
                            Ok(other) => next = Some(other),
                            Err(_) => break,
                        }
                    }
                    self.forget(group);
                }
                Order::Expire(now, answer) => {
                    let expired = self.remove(|database| write::expire(database, now));
                    let expired = expired.map_err(|error| self.place.refusal("written", &error));
                    drop(answer.send(expired.and_then(|count| self.sweep().map(|()| count))));
                }
                Order::Read(job) => job(&mut self.database),
                Order::Wake => {}
                #[cfg(test)]
                Order::Execute(sql, answer) => {
                    let done = self.database.execute_batch(&sql);
                    drop(answer.send(done.map_err(|error| self.place.refusal("written", &error))));
                }
            }
        }
    }

    /// Remembers facts in one transaction.
    fn remember(&mut self, group: Vec<(Box<KeptFact>, Answer<()>)>) {
        let (facts, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let mut came = Vec::with_capacity(facts.len());
        let written = self.write(&facts, &mut came);
        let refused = written.err().map(|error| self.place.refusal("written", &error));
        // Facts that a broken transaction did not come to are refused as the others are.
        let came = came.into_iter().chain(std::iter::repeat_with(|| Ok(())));
        for (answer, came) in answers.into_iter().zip(came) {
            drop(answer.send(refused.clone().map_or(came, Err)));
        }
    }

    fn write(&mut self, facts: &[Box<KeptFact>], came: &mut Vec<Result<(), MemoryError>>) -> rusqlite::Result<()> {
        let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for fact in facts {
            match write::remember(&transaction, fact) {
                Ok(()) => came.push(Ok(())),
                Err(Refusal::Fact(error)) => came.push(Err(error)),
                Err(Refusal::Database(error)) => return Err(error),
            }
        }
        transaction.commit()
    }

    /// Forgets facts, and everything that is left of them.
    fn forget(&mut self, group: Vec<(ScopeKey, Forget, Answer<u64>)>) {
        let mut counts = Vec::with_capacity(group.len());
        let removed = self.remove(|database| {
            for (scope, which, _) in &group {
                counts.push(write::forget(database, scope, which)?);
            }
            Ok(counts.iter().sum())
        });
        let swept = removed.map_err(|error| self.place.refusal("written", &error)).and_then(|_| self.sweep());
        for ((.., answer), count) in group.into_iter().zip(counts.into_iter().chain(std::iter::repeat(0))) {
            drop(answer.send(swept.clone().map(|()| count)));
        }
    }

    /// Removes facts in one transaction.
    fn remove(&mut self, which: impl FnOnce(&Connection) -> rusqlite::Result<u64>) -> rusqlite::Result<u64> {
        let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let removed = which(&transaction)?;
        if removed > 0 {
            write::leave_unswept(&transaction)?;
        }
        transaction.commit()?;
        Ok(removed)
    }

    fn sweep(&self) -> Result<(), MemoryError> {
        const FOUND_NO_MORE: &str =
            "what was to be forgotten is not found any more, but pieces of it are left in the file";
        let left = |why: String| MemoryError::Store {
            what: "swept",
            reason: format!("{FOUND_NO_MORE}: {why}; forget it again"),
            retriable: true,
        };
        match write::sweep(&self.database) {
            Ok(true) => Ok(()),
            Ok(false) => Err(left("somebody is reading what was there before".to_owned())),
            Err(error) => Err(left(self.place.refusal("swept", &error).to_string())),
        }
    }
}
