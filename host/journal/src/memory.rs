// SPDX-License-Identifier: MIT OR Apache-2.0
//! A journal that lives as long as its process, for embedders who want no disk, and for tests.

mod answers;
mod expenses;
mod inbox;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::journal::{
    Batch, Journal, JournalError, Lease, Pruned, Retention, RunHeader, RunInfo, RunQuery, RunState, RunWait, Verdict,
    Wait,
};
use priory_core::ports::BoxFuture;
use priory_core::{Digest, Envelope, RunId};

use crate::admit::{self, Stand};
use crate::encode::{Chain, Line};
use crate::head::{Head, head};
use answers::Given;
use expenses::Spending;
use inbox::Events;

/// How long bytes are kept that no run pins, in milliseconds.
pub(crate) const KEPT_UNPINNED_MS: u64 = 60 * 60 * 1_000;

/// How many bytes can be kept under one digest.
pub(crate) const KEPT_BYTES_MAX: usize = 256 << 20;

/// A journal in memory. Clones are the same journal.
#[derive(Debug, Clone)]
pub struct MemoryJournal {
    // Held for as long as it takes to look something up or to put it in, never while anybody waits.
    state: Arc<Mutex<State>>,
    // Shared with those who wait for what is published.
    head: Head,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self { state: Arc::default(), head: head(0) }
    }
}

#[derive(Debug, Default)]
struct State {
    runs: BTreeMap<RunId, Run>,
    kept: BTreeMap<Digest, Kept>,
    events: Events,
    spending: Spending,
    given: Given,
}

#[derive(Debug)]
struct Run {
    header: RunHeader,
    /// What its events need.
    artifacts: BTreeSet<Digest>,
    state: RunState,
    epoch: u64,
    lines: Vec<Line>,
    chain: Chain,
    bytes: u64,
    updated_unix_ms: u64,
    ended_unix_ms: u64,
    waits: Vec<Wait>,
}

#[derive(Debug)]
struct Kept {
    bytes: Arc<[u8]>,
    /// When it was first seen that no run pins it: there is no clock here that could tell when it came.
    unpinned_unix_ms: Option<u64>,
}

impl MemoryJournal {
    /// Makes an empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut State) -> Result<T, JournalError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, JournalError>> {
        let state = Arc::clone(&self.state);
        Box::pin(async move { act(&mut state.lock()) })
    }
}

impl Journal for MemoryJournal {
    fn append(&self, batch: Batch) -> BoxFuture<'static, Result<(), JournalError>> {
        self.with(move |state| {
            let lines = admit::lines(&batch)?;
            state.append(batch, lines)
        })
    }

    fn claim(&self, run: RunId) -> BoxFuture<'static, Result<Lease, JournalError>> {
        self.with(move |state| {
            let known = state.run_mut(run)?;
            known.epoch += 1;
            Ok(Lease { run, epoch: known.epoch, next_seq: known.lines.len() as u64, state: known.state })
        })
    }

    fn read(&self, run: RunId, from: u64, most: usize) -> BoxFuture<'static, Result<Vec<Envelope>, JournalError>> {
        self.with(move |state| {
            let lines = &state.run(run)?.lines;
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let read = |(line, seq): (&Line, u64)| {
                line.read(run, seq)
                    .map_err(|why| JournalError::Corrupt { what: format!("event {seq} of {run}: {why}") })
            };
            lines.iter().zip(0..).skip(from).take(most).map(read).collect()
        })
    }

    fn info(&self, run: RunId) -> BoxFuture<'static, Result<RunInfo, JournalError>> {
        self.with(move |state| Ok(state.run(run)?.info(run)))
    }

    fn list(&self, query: RunQuery) -> BoxFuture<'static, Result<Vec<RunInfo>, JournalError>> {
        self.with(move |state| {
            let fits = |(id, run): &(&RunId, &Run)| run.fits(**id, &query);
            Ok(state.runs.iter().rev().filter(fits).take(query.most).map(|(id, run)| run.info(*id)).collect())
        })
    }

    fn waits(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Wait>, JournalError>> {
        self.with(move |state| Ok(state.run(run)?.waits.clone()))
    }

    fn due(&self, unix_ms: u64, most: usize) -> BoxFuture<'static, Result<Vec<RunWait>, JournalError>> {
        self.with(move |state| {
            let mut due: Vec<RunWait> = state.waits().filter(|due| due.wait.due_unix_ms <= Some(unix_ms)).collect();
            due.sort_by_key(|due| (due.wait.due_unix_ms, due.run));
            due.truncate(most);
            Ok(due)
        })
    }

    fn next_due(&self, after_unix_ms: u64) -> BoxFuture<'static, Result<Option<u64>, JournalError>> {
        self.with(move |state| {
            Ok(state.waits().filter_map(|due| due.wait.due_unix_ms).filter(|due| *due > after_unix_ms).min())
        })
    }

    fn keep(&self, bytes: Vec<u8>) -> BoxFuture<'static, Result<Digest, JournalError>> {
        self.with(move |state| {
            let digest = Digest::of(&bytes);
            if bytes.len() > KEPT_BYTES_MAX {
                let (bytes, most) = (bytes.len() as u64, KEPT_BYTES_MAX as u64);
                return Err(JournalError::TooLarge { what: digest.to_string(), bytes, most });
            }
            state.kept.insert(digest, Kept { bytes: bytes.into(), unpinned_unix_ms: None });
            Ok(digest)
        })
    }

    fn kept(&self, digest: Digest) -> BoxFuture<'static, Result<Vec<u8>, JournalError>> {
        self.with(move |state| {
            let kept = state.kept.get(&digest).ok_or(JournalError::NotKept(digest))?;
            Ok(kept.bytes.to_vec())
        })
    }

    fn pins(&self, run: RunId) -> BoxFuture<'static, Result<Vec<Digest>, JournalError>> {
        self.with(move |state| Ok(state.run(run)?.pins()))
    }

    fn prune(&self, retention: Retention, unix_ms: u64) -> BoxFuture<'static, Result<Pruned, JournalError>> {
        self.with(move |state| {
            let pruned = state.prune(retention, unix_ms);
            state.prune_events(unix_ms);
            state.spending.prune(unix_ms);
            Ok(pruned)
        })
    }

    fn verify(&self, run: RunId) -> BoxFuture<'static, Result<Verdict, JournalError>> {
        self.with(move |state| {
            let known = state.run(run)?;
            let mut chain = Chain::start(run);
            for (line, seq) in known.lines.iter().zip(0..) {
                if let Err(reason) = Line::new(line.text.clone()).read(run, seq) {
                    return Ok(Verdict::Altered { seq, reason });
                }
                chain = chain.then(blake3::hash(&line.text).as_bytes());
            }
            let events = known.lines.len() as u64;
            Ok(match chain == known.chain {
                true => Verdict::Intact { events, chain: chain.to_hex() },
                false => Verdict::Altered { seq: 0, reason: "the chain does not fit".into() },
            })
        })
    }
}

// === impl State ===

impl State {
    fn run(&self, run: RunId) -> Result<&Run, JournalError> {
        self.runs.get(&run).ok_or(JournalError::NoRun(run))
    }

    fn run_mut(&mut self, run: RunId) -> Result<&mut Run, JournalError> {
        self.runs.get_mut(&run).ok_or(JournalError::NoRun(run))
    }

    fn waits(&self) -> impl Iterator<Item = RunWait> + '_ {
        let of_run = |(run, known): (&RunId, &Run)| {
            let run = *run;
            known.waits.clone().into_iter().map(move |wait| RunWait { run, wait })
        };
        self.runs.iter().flat_map(of_run).filter(|due| due.wait.due_unix_ms.is_some())
    }

    fn append(&mut self, batch: Batch, lines: Vec<Line>) -> Result<(), JournalError> {
        let artifacts = admit::artifacts(&batch);
        let Batch { run, epoch, first_seq, events, header, state, waits } = batch;
        let stand = self.runs.get(&run).map(|run| Stand { epoch: run.epoch, next_seq: run.lines.len() as u64 });
        admit::fence(run, header.is_some(), epoch, first_seq, stand)?;
        if let Some(header) = header {
            self.runs.insert(run, Run::new(run, header));
        }
        let known = self.run_mut(run)?;
        known.artifacts.extend(artifacts);
        for line in lines {
            known.chain = known.chain.then(&line.digest);
            known.bytes += line.text.len() as u64;
            known.lines.push(line);
        }
        if let Some(last) = events.last() {
            known.updated_unix_ms = last.unix_ms;
        }
        if let Some(waits) = waits {
            known.waits = waits;
        }
        if let Some(state) = state {
            known.state = state;
            known.ended_unix_ms = known.updated_unix_ms;
            if state.has_ended() {
                known.waits.clear();
            }
        }
        Ok(())
    }

    fn prune(&mut self, retention: Retention, unix_ms: u64) -> Pruned {
        let mut ended: Vec<(u64, RunId, u64)> = self
            .runs
            .iter()
            .filter(|(_, run)| run.state.has_ended())
            .map(|(id, run)| (run.ended_unix_ms, *id, run.bytes))
            .collect();
        ended.sort_unstable_by(|a, b| b.cmp(a));
        let mut pruned = Pruned::default();
        for (run, bytes) in admit::beyond(retention, unix_ms, ended) {
            self.runs.remove(&run);
            pruned.runs += 1;
            pruned.bytes += bytes;
        }
        let pinned: BTreeSet<Digest> = self.runs.values().flat_map(Run::pins).collect();
        self.kept.retain(|digest, kept| {
            if pinned.contains(digest) {
                kept.unpinned_unix_ms = None;
                return true;
            }
            unix_ms.saturating_sub(*kept.unpinned_unix_ms.get_or_insert(unix_ms)) < KEPT_UNPINNED_MS
        });
        pruned
    }
}

// === impl Run ===

impl Run {
    fn new(run: RunId, header: RunHeader) -> Self {
        Self {
            updated_unix_ms: header.started_unix_ms,
            ended_unix_ms: header.started_unix_ms,
            header,
            artifacts: BTreeSet::new(),
            state: RunState::Open,
            epoch: 0,
            lines: Vec::new(),
            chain: Chain::start(run),
            bytes: 0,
            waits: Vec::new(),
        }
    }

    fn pins(&self) -> Vec<Digest> {
        let others = self.artifacts.iter().filter(|digest| !self.header.pins.contains(digest));
        self.header.pins.iter().chain(others).copied().collect()
    }

    fn info(&self, id: RunId) -> RunInfo {
        let due = self.waits.iter().filter_map(|wait| wait.due_unix_ms).min();
        let questions = self.waits.iter().filter(|wait| wait.question().is_some()).count();
        RunInfo {
            id,
            state: self.state,
            program: self.header.program.clone(),
            started_unix_ms: self.header.started_unix_ms,
            updated_unix_ms: self.updated_unix_ms,
            labels: self.header.labels.clone(),
            events: self.lines.len() as u64,
            bytes: self.bytes,
            due_unix_ms: due.filter(|_| self.state == RunState::Parked),
            questions: u32::try_from(questions).unwrap_or(u32::MAX),
        }
    }

    fn fits(&self, id: RunId, query: &RunQuery) -> bool {
        let RunHeader { started_unix_ms: started, program, labels, .. } = &self.header;
        (query.states.is_empty() || query.states.contains(&self.state))
            && query.program.as_deref().is_none_or(|name| name == admit::program_parts(program).1)
            && query.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
            && query.since_unix_ms.is_none_or(|since| *started >= since)
            && query.until_unix_ms.is_none_or(|until| *started < until)
            && query.ended_since_unix_ms.is_none_or(|since| self.state.has_ended() && self.ended_unix_ms >= since)
            && query.before.is_none_or(|before| id < before)
    }
}
