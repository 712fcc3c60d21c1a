// SPDX-License-Identifier: MIT OR Apache-2.0
//! Appends events durably, reads them back in order, never edits one.
//!
//! Two stores pass one contract suite (`priory_testkit::journal`):
//!
//! - [`SqliteJournal`] keeps runs in a folder, for one host at a time; a batch is on the disk when its append is ready;
//! - [`MemoryJournal`] keeps them as long as the process lives.
//!
//! Beside the runs both keep what is published ([`Inbox`](priory_core::Inbox)), what was spent on models
//! ([`Expenses`](priory_core::ports::Expenses)) and what models answered ([`Answers`](priory_core::ports::Answers)).
//!
//! A [`Bundle`] is a whole run in one file, for another machine.
//!
//! Both stores write an event as one JSON text (its *line*), and chain the lines of a run: whoever edits one changes
//! every hash after it. What is larger than a few KiB is cut where its content says so, and each piece is kept once.

#![forbid(unsafe_code)]

mod admit;
mod answers;
mod bundle;
mod encode;
mod expenses;
mod head;
mod memory;
mod sqlite;

pub use bundle::{Bundle, BundleError, BundleHeader, export, import};
pub use memory::MemoryJournal;
pub use sqlite::SqliteJournal;
