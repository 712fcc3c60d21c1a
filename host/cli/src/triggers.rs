// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts runs by itself: when an event is published, a time has come, or another run has ended.
//!
//! How far each trigger has come is noted beside the runs. The id of a run follows from what it was started by, so a host
//! that is killed after it started a run and before it noted that finds the run there, and does not start it again.

mod ends;
mod published;
mod times;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::journal::{RunQuery, RunState};
use priory_core::ports::BoxFuture;
use priory_core::{Failure, Journal, JournalError, Json, RunId};
use priory_manifest::{Manifest, Occasion, Overlap, Trigger};
use serde_json::{Value, json};

use crate::error::Error;

/// The label that names the trigger of a run.
pub const TRIGGER_LABEL: &str = "trigger";
/// The label that names the manifest of the trigger of a run.
pub const MANIFEST_LABEL: &str = "manifest";
/// How many occasions are gone through before others have their turn.
const PASS_MAX: usize = 1_000;

/// A run that is to be started.
#[derive(Debug, Clone)]
pub struct Due {
    /// By which trigger.
    pub trigger: String,
    /// Its id: the same occasion has the same.
    pub run: RunId,
    /// The agent or workflow.
    pub program: String,
    /// What it is given.
    pub input: Json,
    /// What the operator wrote of that, by name: grants may be templates over it.
    pub texts: BTreeMap<String, String>,
    /// Words by which it can be found.
    pub labels: BTreeMap<String, String>,
    /// The position of the event that it is started by.
    pub events_after: Option<u64>,
}

/// Starts the runs that are due.
pub trait Starter: Send + Sync {
    /// Tells whether there is room for another run.
    fn has_room(&self) -> bool;

    /// Starts a run. It is kept when this is ready, and goes on by itself.
    fn start(&self, due: Due) -> BoxFuture<'_, Result<(), Failure>>;
}

/// What a trigger did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fired {
    /// It started a run.
    Started {
        /// The trigger.
        trigger: String,
        /// The run.
        run: RunId,
        /// What it executes.
        program: String,
    },
    /// It started nothing, since a run of it goes on.
    Skipped {
        /// The trigger.
        trigger: String,
        /// What it was about.
        about: String,
    },
    /// It started nothing for times that came while no host was there.
    Missed {
        /// The trigger.
        trigger: String,
        /// How many.
        count: u64,
    },
    /// What it starts cannot be started; it is not tried again.
    Failed {
        /// The trigger.
        trigger: String,
        /// What it was about.
        about: String,
        /// Why not.
        failure: Failure,
    },
}

/// Where a trigger stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// When it comes due next, in milliseconds since 1970.
    pub next_unix_ms: Option<u64>,
    /// The last run that it started.
    pub last: Option<(RunId, u64)>,
}

/// The triggers of one manifest.
pub struct Triggers {
    journal: Arc<dyn Journal>,
    starter: Arc<dyn Starter>,
    manifest: String,
    triggers: Vec<One>,
    /// When this host began, in milliseconds since 1970: what came before was missed.
    began_unix_ms: u64,
}

/// One trigger with how far it has come.
struct One {
    name: String,
    trigger: Trigger,
    // Held only to look or to change, never while anybody waits.
    progress: Mutex<Progress>,
}

/// How far a trigger has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Events up to a position.
    Event(u64),
    /// Times up to one.
    Time(u64),
    /// Ends of runs up to a time; those before the trigger was there are none of its business.
    End { upto: u64, since: u64 },
}

/// What one occasion came to.
enum Came {
    /// It is over, whatever came of it.
    Over(Option<Fired>),
    /// It is not its turn yet.
    Later,
}

/// Something that starts a run.
struct Instance {
    /// Names it among all of its trigger.
    id: String,
    /// When it was, in milliseconds since 1970.
    unix_ms: u64,
    /// What the input of the run may speak of.
    about: Value,
    /// What the run is given where nothing is said.
    plain: Value,
    events_after: Option<u64>,
}

impl Triggers {
    /// Takes up the triggers of a manifest. One that was never there begins now.
    pub async fn new(
        journal: &Arc<dyn Journal>,
        starter: Arc<dyn Starter>,
        manifest: &Manifest,
        unix_ms: u64,
    ) -> Result<Self, JournalError> {
        let notes = journal.notes().await?;
        let mut triggers = Vec::with_capacity(manifest.triggers.len());
        for (name, trigger) in &manifest.triggers {
            let about = note_of(&manifest.name, name);
            let fresh = Progress::begin(&trigger.on, journal.head(), unix_ms);
            let progress = match notes.get(&about).and_then(|word| Progress::read(word)) {
                // A trigger that is about something else now begins anew.
                Some(known) if std::mem::discriminant(&known) == std::mem::discriminant(&fresh) => known,
                _ => {
                    journal.note(about, fresh.write()).await?;
                    fresh
                }
            };
            let (name, trigger) = (name.clone(), trigger.clone());
            triggers.push(One { name, trigger, progress: Mutex::new(progress) });
        }
        let (journal, manifest) = (journal.clone(), manifest.name.clone());
        Ok(Self { journal, starter, manifest, triggers, began_unix_ms: unix_ms })
    }

    /// Starts what is due at a time; tells each thing as it happens.
    pub async fn fire(&self, unix_ms: u64, tell: &mut (dyn FnMut(Fired) + Send)) -> Result<(), Error> {
        for one in &self.triggers {
            match &one.trigger.on {
                Occasion::Event { .. } => self.published(one, tell).await?,
                Occasion::Schedule { .. } => self.times(one, unix_ms, tell).await?,
                Occasion::After { .. } => self.ends(one, unix_ms, tell).await?,
            }
        }
        Ok(())
    }

    /// Returns when the next time comes, in milliseconds since 1970.
    pub fn next_due(&self) -> Option<u64> {
        self.triggers.iter().filter_map(One::next_due).min()
    }

    /// Starts a run for an occasion, unless it was started before or it is not its turn.
    async fn instance(&self, one: &One, instance: Instance) -> Result<Came, Error> {
        let run = run_of(&self.manifest, &one.name, &instance);
        if self.journal.info(run).await.is_ok() {
            return Ok(Came::Over(None));
        }
        let trigger = one.name.clone();
        match one.trigger.overlap {
            Overlap::Allow => {}
            Overlap::Queue if self.is_busy(one).await? => return Ok(Came::Later),
            Overlap::Skip if self.is_busy(one).await? => {
                return Ok(Came::Over(Some(Fired::Skipped { trigger, about: instance.id })));
            }
            Overlap::Queue | Overlap::Skip => {}
        }
        if !self.starter.has_room() {
            return Ok(Came::Later);
        }
        let input = match &one.trigger.input {
            Some(given) => given.fill(&instance.about),
            None => instance.plain,
        };
        let texts = one.trigger.input.iter().flat_map(|given| given.texts());
        let program = one.trigger.start.clone();
        let due = Due {
            trigger: trigger.clone(),
            run,
            program: program.clone(),
            input: Json::from(input),
            texts: texts.map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
            labels: self.labels(one),
            events_after: instance.events_after,
        };
        match self.starter.start(due).await {
            Ok(()) => Ok(Came::Over(Some(Fired::Started { trigger, run, program }))),
            // The journal may do what is asked another time.
            Err(failure) if failure.is_retriable() => Err(Error::Run(failure)),
            Err(failure) => Ok(Came::Over(Some(Fired::Failed { trigger, about: instance.id, failure }))),
        }
    }

    /// Tells whether a run of a trigger goes on.
    async fn is_busy(&self, one: &One) -> Result<bool, JournalError> {
        let states = vec![RunState::Open, RunState::Parked];
        let query = RunQuery { states, labels: self.labels(one), most: 1, ..RunQuery::default() };
        Ok(!self.journal.list(query).await?.is_empty())
    }

    fn labels(&self, one: &One) -> BTreeMap<String, String> {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        [label(TRIGGER_LABEL, &one.name), label(MANIFEST_LABEL, &self.manifest)].into()
    }

    /// Notes how far a trigger has come.
    async fn advance(&self, one: &One, progress: Progress) -> Result<(), JournalError> {
        self.journal.note(note_of(&self.manifest, &one.name), progress.write()).await?;
        *one.progress.lock() = progress;
        Ok(())
    }
}

/// Returns where each trigger of a manifest stands.
pub async fn standings(
    journal: &Arc<dyn Journal>,
    manifest: &Manifest,
    unix_ms: u64,
) -> Result<BTreeMap<String, Standing>, JournalError> {
    let mut standings = BTreeMap::new();
    for (name, trigger) in &manifest.triggers {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = [label(TRIGGER_LABEL, name), label(MANIFEST_LABEL, &manifest.name)].into();
        let last = journal.list(RunQuery { labels, most: 1, ..RunQuery::default() }).await?.into_iter().next();
        let next_unix_ms = match &trigger.on {
            Occasion::Schedule { schedule, .. } => schedule.next_after(unix_ms),
            Occasion::Event { .. } | Occasion::After { .. } => None,
        };
        let last = last.map(|info| (info.id, info.started_unix_ms));
        standings.insert(name.clone(), Standing { next_unix_ms, last });
    }
    Ok(standings)
}

/// Returns the id of the run that an occasion starts.
fn run_of(manifest: &str, trigger: &str, instance: &Instance) -> RunId {
    let mut hasher = blake3::Hasher::new();
    for part in [manifest, trigger, &instance.id] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    let mut random = [0; 16];
    hasher.finalize_xof().fill(&mut random);
    RunId::from_parts(instance.unix_ms, u128::from_le_bytes(random))
}

fn note_of(manifest: &str, trigger: &str) -> String {
    format!("trigger {manifest}/{trigger}")
}

/// Says why a run of a trigger ended, for the input of the next.
fn about_run(id: RunId, program: &str, state: RunState, result: Value, failure: Option<String>) -> Value {
    let run = json!({ "id": id, "program": program, "state": state, "result": result, "failure": failure });
    json!({ "run": run })
}

// === impl Progress ===

impl Progress {
    fn begin(on: &Occasion, head: u64, unix_ms: u64) -> Self {
        match on {
            Occasion::Event { .. } => Self::Event(head),
            Occasion::Schedule { .. } => Self::Time(unix_ms),
            Occasion::After { .. } => Self::End { upto: unix_ms, since: unix_ms },
        }
    }

    fn write(self) -> String {
        match self {
            Self::Event(position) => format!("event {position}"),
            Self::Time(unix_ms) => format!("time {unix_ms}"),
            Self::End { upto, since } => format!("end {upto} {since}"),
        }
    }

    fn read(word: &str) -> Option<Self> {
        let mut parts = word.split(' ');
        let (kind, first) = (parts.next()?, parts.next()?.parse().ok()?);
        match (kind, parts.next().map(str::parse)) {
            ("event", None) => Some(Self::Event(first)),
            ("time", None) => Some(Self::Time(first)),
            ("end", Some(Ok(since))) => Some(Self::End { upto: first, since }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
