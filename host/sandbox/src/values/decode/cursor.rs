// SPDX-License-Identifier: MIT OR Apache-2.0
//! Remembers what went wrong and where, and how much memory was spent.
//!
//! An error of serde is only a text with a line and a column, so what is wrong is kept here beside it. The place is put
//! together on the way out of an error: reading what is right keeps no path at all.

use std::cell::{Cell, RefCell};

use serde::de::Error;

use crate::values::decode::DecodeError;
use crate::values::names::shown;

/// The state of one reading.
pub(super) struct Cursor {
    memory_max: usize,
    memory: Cell<usize>,
    reason: RefCell<Option<String>>,
    /// Innermost first.
    path: RefCell<Vec<String>>,
}

// === impl Cursor ===

impl Cursor {
    pub(super) fn new(memory_max: usize) -> Self {
        Self { memory_max, memory: Cell::new(0), reason: RefCell::new(None), path: RefCell::new(Vec::new()) }
    }

    /// Counts memory that is about to be taken.
    pub(super) fn spend<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let memory = self.memory.get().saturating_add(bytes);
        self.memory.set(memory);
        if memory > self.memory_max { Err(E::custom("too large")) } else { Ok(()) }
    }

    /// Makes the error for what is wrong here.
    pub(super) fn wrong<E: Error>(&self, reason: String) -> E {
        self.reason.replace(Some(reason));
        E::custom("wrong")
    }

    /// Says that an error comes from inside a part of what is being read.
    pub(super) fn inside<E>(&self, part: impl ToString, error: E) -> E {
        self.path.borrow_mut().push(part.to_string());
        error
    }

    /// Returns what was remembered of an error.
    pub(super) fn explain(&self, error: &serde_json::Error) -> DecodeError {
        if self.memory.get() > self.memory_max {
            return DecodeError::TooLarge { used: self.memory.get() as u64, allowed: self.memory_max as u64 };
        }
        let mut pointer = String::new();
        for part in self.path.borrow().iter().rev() {
            pointer.push('/');
            pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        }
        let reason = self.reason.take().unwrap_or_else(|| match error.is_data() {
            // The few kinds that the visitors leave to serde, which adds a line and a column.
            true => shown(error.to_string().rsplit_once(" at line ").map_or("wrong", |(reason, _)| reason)),
            false => format!("not JSON: {}", shown(&error.to_string())),
        });
        DecodeError::Wrong { pointer, reason }
    }
}
