// SPDX-License-Identifier: MIT OR Apache-2.0
//! The store, and how it keeps the contract of the port.

use std::path::Path;

use priory_core::memory::{Fact, FactQuery, Forget, KeptFact, ScopeInfo, ScopeKey};
use priory_core::ports::{BoxFuture, Memory, MemoryError};
use rusqlite::Connection;

use crate::recall;
use crate::schema::Place;
use crate::threads::{Order, Threads, order};

/// Facts in a file, or in memory.
///
/// Several processes may have one file: they write one after the other. Dropping it finishes what is queued.
#[derive(Debug)]
pub struct Facts {
    threads: Threads,
    place: Place,
}

impl Facts {
    /// Opens a file; makes it when it is not there, in a folder that is.
    ///
    /// Fails when it is damaged, belongs to another program, or was written by a newer version.
    pub fn open(path: &Path) -> Result<Self, MemoryError> {
        Self::at(Place::file(path))
    }

    /// Makes an empty memory that goes with its process.
    pub fn in_memory() -> Result<Self, MemoryError> {
        Self::at(Place::process())
    }

    fn at(place: Place) -> Result<Self, MemoryError> {
        Ok(Self { threads: Threads::start(&place)?, place })
    }

    /// Returns where writing is ordered.
    pub(crate) fn writes(&self) -> tokio::sync::mpsc::Sender<Order> {
        self.threads.writes()
    }

    /// Has a reader do something.
    fn read<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Place, &mut Connection) -> Result<T, MemoryError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, MemoryError>> {
        let (place, reads) = (self.place.clone(), self.threads.reads());
        Box::pin(order(reads, move |answer| {
            // Who asked may have gone; then nobody wants the answer.
            Order::Read(Box::new(move |database| drop(answer.send(act(&place, database)))))
        }))
    }
}

impl Memory for Facts {
    fn remember(&self, fact: KeptFact) -> BoxFuture<'_, Result<(), MemoryError>> {
        let fact = Box::new(fact);
        Box::pin(order(self.writes(), move |answer| Order::Remember(fact, answer)))
    }

    fn recall(&self, query: FactQuery) -> BoxFuture<'_, Result<Vec<Fact>, MemoryError>> {
        self.read(move |place, database| recall::recall(place, database, &query))
    }

    fn forget(&self, scope: ScopeKey, which: Forget) -> BoxFuture<'_, Result<u64, MemoryError>> {
        Box::pin(order(self.writes(), move |answer| Order::Forget(scope, which, answer)))
    }

    fn expire(&self, now_unix_ms: u64) -> BoxFuture<'_, Result<u64, MemoryError>> {
        Box::pin(order(self.writes(), move |answer| Order::Expire(now_unix_ms, answer)))
    }

    fn scopes(&self, prefix: String) -> BoxFuture<'_, Result<Vec<ScopeInfo>, MemoryError>> {
        self.read(move |place, database| {
            recall::scopes(database, &prefix).map_err(|error| place.refusal("read", &error))
        })
    }
}
