// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is published, in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use priory_core::EventRecord;
use priory_core::inbox::{Arrival, Arrived, EventQuery, Inbox, check_note};
use priory_core::journal::{JournalError, RunState, RunWait};
use priory_core::ports::BoxFuture;

use super::{KEPT_UNPINNED_MS, MemoryJournal, State};
use crate::head;

/// What was published and noted.
#[derive(Debug, Default)]
pub(super) struct Events {
    by_position: BTreeMap<u64, EventRecord>,
    positions: HashMap<String, u64>,
    last: u64,
    notes: BTreeMap<String, String>,
}

impl Inbox for MemoryJournal {
    fn publish(&self, record: EventRecord) -> BoxFuture<'static, Result<Arrival, JournalError>> {
        let head = Arc::clone(&self.head);
        self.with(move |state| {
            record.check()?;
            let events = &mut state.events;
            if let Some(position) = events.positions.get(&record.id).copied() {
                let is_same = events.by_position.get(&position).is_some_and(|known| known.is_same(&record));
                return match is_same {
                    true => Ok(Arrival { position, is_new: false }),
                    false => Err(JournalError::OtherEvent { id: record.id }),
                };
            }
            events.last += 1;
            let position = events.last;
            events.positions.insert(record.id.clone(), position);
            events.by_position.insert(position, record);
            head::move_to(&head, position);
            Ok(Arrival { position, is_new: true })
        })
    }

    fn head(&self) -> u64 {
        *self.head.borrow()
    }

    fn arrival(&self, after: u64) -> BoxFuture<'static, ()> {
        head::beyond(&self.head, after)
    }

    fn events(&self, query: EventQuery) -> BoxFuture<'static, Result<Vec<Arrived>, JournalError>> {
        self.with(move |state| {
            let EventQuery { name, after, is_newest_first, most } = query;
            let behind = state.events.behind(after);
            let fits = |(_, record): &(&u64, &EventRecord)| name.as_ref().is_none_or(|name| *name == record.name);
            let arrived = |(position, record): (&u64, &EventRecord)| {
                let (position, record) = (*position, record.clone());
                Arrived { position, record }
            };
            Ok(match is_newest_first {
                true => behind.rev().filter(fits).take(most).map(arrived).collect(),
                false => behind.filter(fits).take(most).map(arrived).collect(),
            })
        })
    }

    fn arrived(&self, after: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>> {
        self.with(move |state| {
            let mut found: Vec<(u64, RunWait)> = Vec::new();
            for (run, known) in state.runs.iter().filter(|(_, known)| known.state == RunState::Parked) {
                for wait in &known.waits {
                    let Some(sought) = wait.event() else { continue };
                    let mut behind = state.events.behind(sought.after.max(after));
                    let fits =
                        |record: &EventRecord| record.name == sought.name && record.fits(sought.matching.as_ref());
                    if let Some((position, _)) = behind.find(|(_, record)| fits(record)) {
                        found.push((*position, RunWait { run: *run, wait: wait.clone() }));
                    }
                }
            }
            found.sort_by_key(|(position, wait)| (*position, wait.run));
            Ok(found.into_iter().take(most).map(|(_, wait)| wait).collect())
        })
    }

    fn note(&self, about: String, word: String) -> BoxFuture<'static, Result<(), JournalError>> {
        self.with(move |state| {
            check_note(&about, &word, state.events.notes.len())?;
            state.events.notes.insert(about, word);
            Ok(())
        })
    }

    fn notes(&self) -> BoxFuture<'static, Result<BTreeMap<String, String>, JournalError>> {
        self.with(|state| Ok(state.events.notes.clone()))
    }
}

impl Events {
    fn behind(&self, position: u64) -> impl DoubleEndedIterator<Item = (&u64, &EventRecord)> {
        self.by_position.range(position.saturating_add(1)..)
    }
}

impl State {
    /// Removes what was published before the oldest run that is left began.
    pub(super) fn prune_events(&mut self, unix_ms: u64) {
        let oldest = self.runs.values().map(|run| run.header.started_unix_ms).min().unwrap_or(unix_ms);
        let upto = oldest.min(unix_ms).saturating_sub(KEPT_UNPINNED_MS);
        while let Some(first) = self.events.by_position.first_entry() {
            if first.get().unix_ms >= upto {
                break;
            }
            let record = first.remove();
            self.events.positions.remove(&record.id);
        }
    }
}
