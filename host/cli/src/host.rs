// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host: the rooms put together.

use std::sync::Arc;

use priory_core::authority::Holder;
use priory_core::grant::template::GrantTemplate;
use priory_core::grant::{FileMode, FileScope, Held};
use priory_core::journal::QuestionId;
use priory_core::ports::{Clock, Compute, Models, Recorder};
use priory_core::{Digest, Envelope, Failure, Grant, Journal, Json, RunId};
use priory_engine::{Cancelled, Catalog, Engine, GateInfo, Quota, Replayed, Reply, Started, Trial, Turn};
use priory_sandbox::{ComputePool, Sandboxes};

use crate::builder::Builder;
use crate::durable::Keeper;
use crate::error::Error;
use crate::record::Both;
use crate::spec::RunSpec;

/// A host of agents and tools.
#[derive(Clone)]
pub struct Host {
    pub(crate) engine: Engine,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) compute: Arc<ComputePool>,
    pub(crate) sandboxes: Sandboxes,
    /// Grants of files whose paths come from the inputs of a run.
    pub(crate) files: Arc<[GrantTemplate]>,
    /// Keeps runs, where they are kept.
    pub(crate) keeper: Option<Arc<Keeper>>,
    /// Who is told what happens in every run.
    pub(crate) observer: Option<Arc<dyn Recorder>>,
}

impl Host {
    /// Begins a host without plugins, with the defaults of every limit.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a run. It fails at once when its target is not there.
    pub fn start(&self, run: RunSpec) -> Result<Started, Failure> {
        let begun = run.begun();
        let (mut request, labels) = run.into_request();
        request.recorder = self.observed(request.recorder);
        request.durable = self.keeper.as_ref().map(|keeper| keeper.durable(labels, begun));
        // What cannot be filled in is told by the engine.
        let filled = self.files.iter().filter_map(|template| template.resolve(&request.inputs).ok());
        filled.for_each(|held| say_writable(&self.sandboxes, &held));
        request.grants.iter().flat_map(|grants| grants.iter()).for_each(|held| say_writable(&self.sandboxes, held));
        self.engine.start(&self.catalog, request)
    }

    /// Takes up a run that is kept, with the plugins and the configuration that it began with.
    pub async fn resume(&self, run: RunId, recorder: Arc<dyn Recorder>) -> Result<Started, Error> {
        let keeper = self.keeper.as_ref().ok_or(Error::NotKept)?;
        let catalog = keeper.catalog_of(run, &self.catalog, &self.sandboxes).await?;
        let resume = keeper.resume(run, self.observed(recorder));
        Ok(self.engine.resume(&catalog, resume).await?)
    }

    /// Copies a run that is kept up to where it goes another way, as a run of its own; [`Host::resume`] takes that up.
    ///
    /// It goes on with what the run began with, or, with `is_current`, with what this host is configured with: then it may
    /// turn out that the plugins do something else than is recorded, and it cannot go on.
    pub async fn fork(&self, run: RunId, turn: Turn, is_current: bool) -> Result<RunId, Error> {
        let keeper = self.keeper.as_ref().ok_or(Error::NotKept)?;
        let catalog = match is_current {
            true => self.catalog.clone(),
            false => keeper.catalog_of(run, &self.catalog, &self.sandboxes).await?,
        };
        let ports = self.engine.ports();
        let unix_ms = ports.clock.unix_ms();
        keeper.fork(&catalog, run, ports.ids.run(unix_ms), unix_ms, turn, is_current).await
    }

    /// Takes up every run that may go on: those that a host left open, and those that wait for something that is due. It is
    /// what a host does once, when it starts: a run that it has in memory already would be taken from itself.
    pub async fn resume_all(&self, recorder: impl Fn(RunId) -> Arc<dyn Recorder>) -> Result<Vec<Started>, Error> {
        let keeper = self.keeper.as_ref().ok_or(Error::NotKept)?;
        let mut started = Vec::new();
        for run in keeper.may_go_on(self.clock().unix_ms()).await? {
            started.push(self.resume(run, recorder(run)).await?);
        }
        Ok(started)
    }

    /// Answers a question of a run, once. A run that this host has in memory goes on at once; one that is parked goes on when
    /// it is taken up.
    pub async fn answer(&self, run: RunId, question: QuestionId, value: Json, by: &str) -> Result<(), Error> {
        let reply = Reply { run, question, value, by: by.to_owned() };
        Ok(self.engine.answer(self.journal().as_ref(), reply).await?)
    }

    /// Cancels a run. Programs that wait for that are told first, and clear up behind themselves; cancelling again ends the
    /// run at once. One that is parked clears up when it is taken up.
    pub async fn cancel(&self, run: RunId, by: &str) -> Result<Cancelled, Error> {
        Ok(self.engine.cancel(self.journal().as_ref(), run, by).await?)
    }

    /// Returns who is told what happens in a run.
    fn observed(&self, recorder: Arc<dyn Recorder>) -> Arc<dyn Recorder> {
        match &self.observer {
            Some(observer) => Arc::new(Both(recorder, observer.clone())),
            None => recorder,
        }
    }

    /// Returns who answers for models; `None` where there are none.
    pub fn models(&self) -> Option<&Arc<dyn Models>> {
        self.engine.ports().models.as_ref()
    }

    /// Returns what all runs may spend on models in a day.
    pub(crate) fn quota(&self) -> &Arc<Quota> {
        &self.engine.ports().quota
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        self.keeper.as_ref().map(|keeper| keeper.journal())
    }

    /// Executes a run again, offline, and tells whether everything comes to the same.
    pub async fn replay(&self, events: Vec<Envelope>, recorder: Arc<dyn Recorder>) -> Result<Replayed, Error> {
        Ok(self.engine.replay(&self.catalog, Trial { events, kept: None, recorder }).await?)
    }

    /// Executes a run again as [`Host::replay`] does; the artifacts that it reads are where it is kept.
    pub async fn replay_kept(
        &self,
        events: Vec<Envelope>,
        kept: Arc<dyn Journal>,
        recorder: Arc<dyn Recorder>,
    ) -> Result<Replayed, Error> {
        Ok(self.engine.replay(&self.catalog, Trial { events, kept: Some(kept), recorder }).await?)
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.engine.ports().clock
    }

    /// Returns under which digest what is configured is kept with the runs; `None` where none are kept.
    pub fn configuration(&self) -> Option<Digest> {
        self.keeper.as_ref().map(|keeper| keeper.configuration())
    }

    /// Returns what is configured.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Returns the threads of the guests.
    pub fn compute(&self) -> &Arc<dyn Compute> {
        &self.engine.ports().compute
    }

    /// Takes a grant back from its holder, now and in every live run. Returns whether it was not taken back before.
    pub fn revoke(&self, holder: Holder, grant: Grant) -> bool {
        self.engine.ports().revocations.revoke(holder, grant)
    }

    /// Tells how the gates of tools and agents stand through which calls went. They live as long as this host does.
    pub fn gates(&self) -> Vec<GateInfo> {
        self.engine.ports().gates.infos()
    }

    /// Returns the number of threads that guests compute on.
    pub fn compute_threads(&self) -> usize {
        self.compute.threads()
    }
}

/// Says that guests may write to a folder, where a grant allows it.
pub(crate) fn say_writable(sandboxes: &Sandboxes, held: &Held) {
    if let Grant::File(rule) = &held.grant
        && let (FileScope::Under(folder), FileMode::Write) = (&rule.scope, rule.mode)
    {
        sandboxes.writable(folder);
    }
}
