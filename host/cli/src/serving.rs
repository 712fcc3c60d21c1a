// SPDX-License-Identifier: MIT OR Apache-2.0
//! Owns a data folder: publishes what comes from outside, takes up what may go on, and starts what triggers say.

mod requested;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use priory::core::journal::{Retention, RunState};
use priory::core::ports::{BoxFuture, Clock};
use priory::core::{Digest, Failure, Journal, Json, RunId};
use priory::manifest::Manifest;
use priory::record::Silent;
use priory::spool::requests::Requests;
use priory::spool::{Delivered, Spool};
use priory::triggers::{Due, Starter, Triggers};
use priory::{Begun, Host, RunEnd, RunSpec, Started};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::folder::Folder;
use crate::store;
use crate::taking::{self, DUE_MAX};
use crate::ui::error::{Error, Result};
use crate::ui::exit::Exit;
use requested::Requested;
pub(crate) use told::Told;

/// How often it is looked whether something has come.
const TICK: Duration = Duration::from_millis(200);
/// How often runs are removed that are beyond what is to be kept.
const RETAIN_MS: u64 = 60 * 60 * 1_000;
/// How many hosts are kept for runs that began with another configuration; each has threads of its own.
const HOSTS_MAX: usize = 8;

/// A run that goes on, with the place that it takes.
type Running = (Started, OwnedSemaphorePermit);

/// What a folder is served with.
pub(crate) struct Setting {
    pub(crate) folder: Folder,
    pub(crate) spool: Spool,
    pub(crate) requests: Requests,
    pub(crate) host: Host,
    pub(crate) manifest: Manifest,
    /// How many runs go on at once.
    pub(crate) at_once: usize,
    pub(crate) is_eager: bool,
}

/// A folder that is served.
pub(crate) struct Serving {
    folder: Folder,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    spool: Spool,
    requested: Requested,
    host: Host,
    triggers: Triggers,
    retention: Retention,
    is_eager: bool,
    places: Arc<Semaphore>,
    /// Runs that triggers have started come here; never more than there are places.
    started: mpsc::UnboundedReceiver<Running>,
    /// Hosts of runs that began with another configuration.
    others: HashMap<Option<Digest>, Host>,
    /// Those that go on, each with the host that has it in memory, and those that could not be taken up and are left to the
    /// next process.
    live: BTreeMap<RunId, Host>,
    left: BTreeSet<RunId>,
    tasks: JoinSet<(RunId, RunEnd)>,
    /// Up to which event it is known who waits for it.
    looked: u64,
    is_first: bool,
    retained_unix_ms: u64,
    tell: Box<dyn Fn(&Told) + Send>,
}

impl Serving {
    /// Takes over a folder. `tell` is called for each thing that happens.
    pub(crate) async fn begin(setting: Setting, tell: Box<dyn Fn(&Told) + Send>) -> Result<Self> {
        let Setting { folder, spool, requests, host, manifest, at_once, is_eager } = setting;
        let journal = folder.journal.clone();
        let clock = host.clock().clone();
        let places = Arc::new(Semaphore::new(at_once));
        let (sender, started) = mpsc::unbounded_channel();
        let retention = store::retention_of(&manifest);
        let now = clock.unix_ms();
        let starter = HostStarter { host: host.clone(), manifest: manifest.clone(), places: places.clone(), sender };
        let triggers = Triggers::new(&journal, Arc::new(starter), &manifest, now).await?;
        Ok(Self {
            folder,
            journal,
            clock,
            spool,
            requested: Requested::new(requests),
            host,
            triggers,
            retention,
            is_eager,
            places,
            started,
            others: HashMap::new(),
            live: BTreeMap::new(),
            left: BTreeSet::new(),
            tasks: JoinSet::new(),
            looked: 0,
            is_first: true,
            retained_unix_ms: 0,
            tell,
        })
    }

    /// Does what is due until nothing is any more.
    pub(crate) async fn once(&mut self) -> Result<()> {
        loop {
            let has_happened = self.pass().await?;
            tokio::select! {
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => self.ended(ended)?,
                Some(told) = self.requested.next() => (self.tell)(&told?),
                else => if !has_happened { return Ok(()) },
            }
        }
    }

    /// Does what is due for ever, and what other processes ask for.
    pub(crate) async fn endlessly(&mut self) -> Result<()> {
        loop {
            if self.pass().await? {
                continue;
            }
            let head = self.journal.head();
            tokio::select! {
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => self.ended(ended)?,
                Some(told) = self.requested.next() => (self.tell)(&told?),
                () = self.journal.arrival(head) => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Returns how many runs go on.
    pub(crate) fn live(&self) -> usize {
        self.live.len()
    }

    /// Does what is due now, and tells whether there was anything.
    async fn pass(&mut self) -> Result<bool> {
        let now = self.clock.unix_ms();
        let mut has_happened = self.publish(now).await?;
        let mut fired = Vec::new();
        let result = self.triggers.fire(now, &mut |one| fired.push(one)).await;
        has_happened |= !fired.is_empty();
        fired.into_iter().for_each(|fired| self.say(Told::Fired(fired)));
        result?;
        self.take_in();
        self.requested.begin(&self.live, &self.host, &self.journal)?;
        has_happened |= self.take_up(now).await?;
        while let Some(ended) = self.tasks.try_join_next() {
            self.ended(ended)?;
            has_happened = true;
        }
        if now.saturating_sub(self.retained_unix_ms) >= RETAIN_MS {
            self.retained_unix_ms = now;
            self.folder.retain(self.retention, now).await;
            if let Err(error) = self.requested.requests().sweep(now) {
                tracing::warn!(%error, "old requests could not be removed");
            }
        }
        Ok(has_happened)
    }

    /// Publishes what came from outside.
    async fn publish(&self, now: u64) -> Result<bool> {
        let files = self.spool.files().map_err(|error| Error::io("the events on their way cannot be read", &error))?;
        for file in &files {
            let delivered = self.spool.deliver(file, &self.journal, now).await?;
            self.say(match delivered {
                Delivered::Published { record, is_new } => Told::Published { record, is_new },
                Delivered::Refused { file, reason } => Told::Refused { file, reason },
            });
        }
        Ok(!files.is_empty())
    }

    /// Takes the runs in that triggers have started.
    fn take_in(&mut self) {
        while let Ok((started, place)) = self.started.try_recv() {
            self.drive(started, self.host.clone(), place);
        }
    }

    fn drive(&mut self, mut started: Started, host: Host, place: OwnedSemaphorePermit) {
        let run = started.id;
        self.live.insert(run, host);
        self.tasks.spawn(async move {
            let end = started.wait().await;
            drop(place);
            (run, end)
        });
    }

    /// Takes up the runs that may go on, as far as there is room; tells whether there was one.
    async fn take_up(&mut self, now: u64) -> Result<bool> {
        let head = self.journal.head();
        let mut runs = BTreeSet::new();
        if self.is_first {
            runs = priory::durable::may_go_on(&self.journal, now).await?;
        } else {
            runs.extend(self.journal.due(now, DUE_MAX).await?.into_iter().map(|due| due.run));
            if head > self.looked {
                runs.extend(self.journal.arrived(self.looked, DUE_MAX).await?.into_iter().map(|due| due.run));
            }
        }
        let woken = self.requested.woken(&self.live, &self.journal).await?;
        runs.extend(&woken);
        runs.retain(|run| !self.live.contains_key(run) && !self.left.contains(run) && !self.requested.puts_off(*run));
        let mut has_happened = false;
        while let Some(run) = runs.pop_first() {
            let Ok(place) = self.places.clone().try_acquire_owned() else {
                // The rest is found again when there is room.
                self.requested.keep(runs.into_iter().chain([run]).filter(|run| woken.contains(run)));
                return Ok(has_happened);
            };
            has_happened = true;
            match self.resume(run).await {
                Ok((started, host)) => {
                    self.say(Told::TakenUp { run });
                    self.drive(started, host, place);
                }
                Err(error) => {
                    self.left.insert(run);
                    self.say(Told::Left { run, reason: error.message() });
                }
            }
        }
        self.is_first = false;
        self.looked = head;
        Ok(has_happened)
    }

    /// Takes up a run, on the host that has its configuration.
    async fn resume(&mut self, run: RunId) -> Result<(Started, Host)> {
        let digest = priory::resume::read_start(&self.journal, run).await?.catalog;
        if digest == self.host.configuration() {
            return Ok((self.host.resume(run, Arc::new(Silent)).await?, self.host.clone()));
        }
        if !self.others.contains_key(&digest) {
            if self.others.len() >= HOSTS_MAX {
                self.others.clear();
            }
            // The quota of a day holds for all that the folder is served with.
            let builder = taking::builder_of(&self.folder, run, self.is_eager).await?;
            let host = builder.quota_of(&self.host).build().await?;
            self.others.insert(digest, host);
        }
        match self.others.get(&digest) {
            Some(host) => Ok((host.resume(run, Arc::new(Silent)).await?, host.clone())),
            None => Err(Error::new(Exit::Failed, format!("there is no host for run {run}"))),
        }
    }

    fn ended(&mut self, ended: std::result::Result<(RunId, RunEnd), tokio::task::JoinError>) -> Result<()> {
        let (run, end) = ended.map_err(|error| Error::new(Exit::Failed, error.to_string()))?;
        self.live.remove(&run);
        match end.state {
            // What came while it was on its way out of memory is looked at again.
            RunState::Parked => {
                let after = end.waits.iter().filter_map(|wait| wait.event()).map(|sought| sought.after).min();
                self.looked = after.map_or(self.looked, |after| after.min(self.looked));
            }
            RunState::Open => {
                self.left.insert(run);
            }
            RunState::Done | RunState::Failed | RunState::Cancelled => {}
        }
        self.say(Told::Ended { run, end });
        Ok(())
    }

    fn say(&self, told: Told) {
        (self.tell)(&told);
    }
}

/// Starts the runs of triggers on a host.
struct HostStarter {
    host: Host,
    manifest: Manifest,
    places: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Running>,
}

impl HostStarter {
    /// Makes a run of what is due. Only what the operator wrote becomes an input of the run.
    fn spec(&self, due: Due) -> std::result::Result<RunSpec, Failure> {
        let Due { run, program, input, texts, labels, events_after, .. } = due;
        let declared = |name: &String| self.manifest.inputs.contains_key(name);
        let given: BTreeMap<String, String> = texts.into_iter().filter(|(name, _)| declared(name)).collect();
        let inputs = self.manifest.resolve_inputs(&given, &self.manifest.folder);
        let inputs = inputs.map_err(|error| Failure::invalid("inputs of the run", "", error.to_string()))?;
        let task = match input.to_value() {
            Value::Object(mut fields) => {
                for (name, value) in &inputs {
                    // A path stands in the task as it is resolved, and so do defaults.
                    if given.contains_key(name) || !fields.contains_key(name) {
                        fields.insert(name.clone(), Value::String(value.clone()));
                    }
                }
                Json::from(Value::Object(fields))
            }
            _ => input,
        };
        Ok(RunSpec::agent(program, task).inputs(inputs).labels(labels).begun_by(Begun { id: run, events_after }))
    }
}

impl Starter for HostStarter {
    fn has_room(&self) -> bool {
        self.places.available_permits() > 0
    }

    fn start(&self, due: Due) -> BoxFuture<'_, std::result::Result<(), Failure>> {
        Box::pin(async move {
            let place = self.places.clone().try_acquire_owned();
            let place = place.map_err(|error| Failure::Conflict { reason: error.to_string() })?;
            let started = self.host.start(self.spec(due)?)?;
            started.kept().await?;
            // Whoever serves the folder receives it, as long as anything is served at all.
            let _ = self.sender.send((started, place));
            Ok(())
        })
    }
}
