// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one thread that writes. What has come while it was busy goes into one transaction, with one fsync.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use priory_core::inbox::Arrival;
use priory_core::journal::{JournalError, Lease};
use priory_core::model::Expense;
use priory_core::{EventRecord, Json, RunId};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::answers::{self, Given};
use super::pack::{Packed, Prepared};
use super::prune::{self, Step, Stepped};
use super::schema::{io_refusal, refusal};
use super::write::{self, Appended, Known, Refusal};
use super::{expenses, inbox};

/// How many orders wait for the writer. Beyond, whoever appends waits for room.
const QUEUE_MAX: usize = 1_024;

/// How many orders go into one transaction.
const GROUP_MAX: usize = 512;

/// How many bytes of bodies go into one transaction, about: the last batch may go beyond.
const GROUP_BYTES_MAX: usize = 8 << 20;

type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

/// What the writer is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Append a batch; the answer holds its key and chunks.
    Append(Arc<Prepared>, Answer<Appended>),
    /// Take a run over.
    Claim(RunId, Answer<Lease>),
    /// Publish an event.
    Publish(Box<EventRecord>, Answer<Arrival>),
    /// Note a word about something.
    Note(String, String, Answer<()>),
    /// Note an expense.
    Expense(Box<Expense>, Answer<()>),
    /// Keep an answer of a model.
    Answer(Box<Given>, Answer<()>),
    /// Do a part of what removes runs.
    Prune(Step, Answer<Stepped>),
    /// Look whether the store is to be shut.
    Wake,
    #[cfg(test)]
    Execute(String, Answer<()>),
}

/// The thread and its queue.
#[derive(Debug)]
pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
    is_shut: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(dir: &Path, database: Connection) -> Result<Self, JournalError> {
        let (orders, queue) = mpsc::channel(QUEUE_MAX);
        let is_shut = Arc::new(AtomicBool::new(false));
        let work = Work { dir: dir.into(), database, known: Known::default() };
        let flag = Arc::clone(&is_shut);
        // Joined when the writer is dropped.
        let thread = std::thread::Builder::new().name("journal-writer".into()).spawn(move || work.run(queue, &flag));
        let thread = thread.map_err(|error| io_refusal(dir, &error))?;
        Ok(Self { orders, is_shut, thread: Some(thread) })
    }

    /// Returns where orders go.
    pub(super) fn orders(&self) -> mpsc::Sender<Order> {
        self.orders.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.is_shut.store(true, Ordering::Release);
        // A full queue means that the writer is awake, and looks at the flag after each group.
        drop(self.orders.try_send(Order::Wake));
        if let Some(thread) = self.thread.take() {
            // A thread that broke has nothing left to shut.
            drop(thread.join());
        }
    }
}

/// Sends an order and waits for what came of it.
pub(super) async fn order<T>(
    orders: mpsc::Sender<Order>,
    make: impl FnOnce(Answer<T>) -> Order,
) -> Result<T, JournalError> {
    let (answer, answered) = oneshot::channel();
    orders.send(make(answer)).await.map_err(|_| JournalError::Shut)?;
    answered.await.unwrap_or(Err(JournalError::Shut))
}

struct Work {
    dir: PathBuf,
    database: Connection,
    known: Known,
}

/// What came of an order, until the transaction is on the disk.
enum Came {
    Appended(Answer<Appended>, Result<Appended, JournalError>),
    Claimed(Answer<Lease>, Result<Lease, JournalError>),
    Published(Answer<Arrival>, Result<Arrival, JournalError>),
    Done(Answer<()>, Result<(), JournalError>),
}

impl Work {
    fn run(mut self, mut queue: mpsc::Receiver<Order>, is_shut: &AtomicBool) {
        let mut group = VecDeque::new();
        loop {
            if is_shut.load(Ordering::Acquire) {
                // What is queued is still done; what comes after is refused.
                queue.close();
            }
            let Some(first) = queue.blocking_recv() else { return };
            let mut next = Some(first);
            let mut bytes = 0;
            while let Some(order) = next.take() {
                bytes += match &order {
                    Order::Append(batch, _) => weight(batch),
                    Order::Publish(record, _) => length(&record.data),
                    Order::Answer(given, _) => length(&given.answer),
                    _ => 0,
                };
                let goes_alone = !order.writes() && !matches!(order, Order::Wake);
                group.push_back(order);
                if !goes_alone && group.len() < GROUP_MAX && bytes < GROUP_BYTES_MAX {
                    next = queue.try_recv().ok();
                }
            }
            self.write(&mut group);
        }
    }

    /// Does a group of orders in one transaction; what has to stand alone stands last, and follows it.
    fn write(&mut self, group: &mut VecDeque<Order>) {
        let mut came = Vec::with_capacity(group.len());
        let mut after = None;
        let result = self.transaction(group, &mut came, &mut after);
        // Orders that the transaction did not come to, because it failed before, failed as it did.
        let refused = result.as_ref().err().map(|error| {
            self.known.clear();
            refusal(&self.dir, error)
        });
        for came in came {
            match came {
                Came::Appended(answer, result) => drop(answer.send(refused.clone().map_or(result, Err))),
                Came::Claimed(answer, result) => drop(answer.send(refused.clone().map_or(result, Err))),
                Came::Published(answer, result) => drop(answer.send(refused.clone().map_or(result, Err))),
                Came::Done(answer, result) => drop(answer.send(refused.clone().map_or(result, Err))),
            }
        }
        if let Some(refused) = refused {
            for order in group.drain(..) {
                refuse(order, &refused);
            }
        }
        match after {
            Some(Order::Prune(step, answer)) => {
                let stepped = prune::step(&self.dir, &mut self.database, &mut self.known, step);
                drop(answer.send(stepped));
            }
            #[cfg(test)]
            Some(Order::Execute(sql, answer)) => {
                drop(answer.send(self.database.execute_batch(&sql).map_err(|error| refusal(&self.dir, &error))));
            }
            _ => {}
        }
    }

    fn transaction(
        &mut self,
        group: &mut VecDeque<Order>,
        came: &mut Vec<Came>,
        after: &mut Option<Order>,
    ) -> rusqlite::Result<()> {
        if !group.iter().any(Order::writes) {
            *after = group.pop_back();
            group.clear();
            return Ok(());
        }
        let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        while let Some(order) = group.pop_front() {
            match order {
                Order::Append(batch, answer) => {
                    let (came_of, broke) = parted(write::append(&transaction, &mut self.known, &batch));
                    came.push(Came::Appended(answer, came_of));
                    broke?;
                }
                Order::Claim(run, answer) => {
                    let (came_of, broke) = parted(write::claim(&transaction, &mut self.known, run));
                    came.push(Came::Claimed(answer, came_of));
                    broke?;
                }
                Order::Publish(record, answer) => {
                    let (came_of, broke) = parted(inbox::publish(&transaction, &record));
                    came.push(Came::Published(answer, came_of));
                    broke?;
                }
                Order::Note(about, word, answer) => {
                    let (came_of, broke) = parted(inbox::note(&transaction, &about, &word));
                    came.push(Came::Done(answer, came_of));
                    broke?;
                }
                Order::Expense(expense, answer) => {
                    let (came_of, broke) = parted(expenses::note(&transaction, &expense));
                    came.push(Came::Done(answer, came_of));
                    broke?;
                }
                Order::Answer(given, answer) => {
                    let (came_of, broke) = parted(answers::keep(&transaction, &given));
                    came.push(Came::Done(answer, came_of));
                    broke?;
                }
                Order::Wake => {}
                other => *after = Some(other),
            }
        }
        transaction.commit()
    }
}

/// Parts what one order came to from what voids the whole transaction.
fn parted<T>(result: Result<T, Refusal>) -> (Result<T, JournalError>, rusqlite::Result<()>) {
    match result {
        Ok(value) => (Ok(value), Ok(())),
        Err(Refusal::Batch(error)) => (Err(error), Ok(())),
        Err(Refusal::Database(error)) => (Err(JournalError::Shut), Err(error)),
    }
}

impl Order {
    /// Tells whether it belongs into a transaction with others.
    fn writes(&self) -> bool {
        match self {
            Self::Append(..)
            | Self::Claim(..)
            | Self::Publish(..)
            | Self::Note(..)
            | Self::Expense(..)
            | Self::Answer(..) => true,
            Self::Prune(..) | Self::Wake => false,
            #[cfg(test)]
            Self::Execute(..) => false,
        }
    }
}

/// Returns the bytes of a text, for the weight of a group.
fn length(json: &Json) -> usize {
    usize::try_from(json.byte_len()).unwrap_or(usize::MAX)
}

fn weight(batch: &Prepared) -> usize {
    match &batch.packed {
        Packed::Whole(body) | Packed::Pieces { body, .. } => body.len(),
    }
}

fn refuse(order: Order, error: &JournalError) {
    let error = error.clone();
    match order {
        Order::Append(_, answer) => drop(answer.send(Err(error))),
        Order::Claim(_, answer) => drop(answer.send(Err(error))),
        Order::Publish(_, answer) => drop(answer.send(Err(error))),
        Order::Note(.., answer) | Order::Expense(_, answer) | Order::Answer(_, answer) => drop(answer.send(Err(error))),
        Order::Prune(_, answer) => drop(answer.send(Err(error))),
        Order::Wake => {}
        #[cfg(test)]
        Order::Execute(_, answer) => drop(answer.send(Err(error))),
    }
}
