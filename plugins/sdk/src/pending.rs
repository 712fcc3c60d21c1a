// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that were started and whose results were not taken yet.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::bindings::priory::agent::pending;
use crate::{Failure, tools};

/// One started call that yields a `T`. Dropping it cancels the call.
pub struct Pending<T> {
    name: String,
    handle: pending::Pending,
    result: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Pending<T> {
    pub(crate) fn new(name: &str, handle: pending::Pending) -> Self {
        Self { name: name.to_owned(), handle, result: PhantomData }
    }

    /// Waits for the result.
    pub fn wait(self) -> Result<T, Failure> {
        tools::read(&self.name, &self.handle.wait()?)
    }
}

impl<T> Pending<T> {
    /// Returns the name of the tool or agent that was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Withdraws the call; a call that has ended already keeps its result.
    pub fn cancel(&self) {
        self.handle.cancel();
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Waits for all results, in the order of the calls. The calls go on side by side while it waits.
pub fn join_all<T: DeserializeOwned>(calls: impl IntoIterator<Item = Pending<T>>) -> Vec<Result<T, Failure>> {
    calls.into_iter().map(Pending::wait).collect()
}

/// Waits until one of the calls has ended, and takes it out of the list; `None` when the list is empty.
pub fn wait_any<T>(calls: &mut Vec<Pending<T>>) -> Option<Pending<T>> {
    if calls.is_empty() {
        return None;
    }
    let handles: Vec<_> = calls.iter().map(|call| &call.handle).collect();
    let first = usize::try_from(pending::wait_any(&handles)).ok()?;
    (first < calls.len()).then(|| calls.remove(first))
}
