// SPDX-License-Identifier: MIT OR Apache-2.0
//! One run: what its frames share, and how it ends.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::event::Event;
use priory_core::journal::{RunState, Wait};
use priory_core::{Amounts, Effect, Failure, FramePath, Journal, JournalError, Outcome, Report, RunId, Usage};
use tokio::sync::{Notify, oneshot};

use crate::activity::Activity;
use crate::artifacts::Artifacts;
use crate::asked::Asked;
use crate::behind::Behind;
use crate::cancel::Cancel;
use crate::catalog::{Catalog, Layers};
use crate::ledger::{AccountId, Ledger};
use crate::live::Tasks;
use crate::past::Past;
use crate::perform::DynamicTools;
use crate::present::Present;
use crate::start::{Plan, Ports, RunEnd};
use crate::state::Space;
use crate::tape::Tape;

/// What the frames of a run share.
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) layers: Layers,
    pub(crate) ports: Arc<Ports>,
    pub(crate) ledger: Ledger,
    pub(crate) root_account: AccountId,
    pub(crate) activity: Activity,
    pub(crate) tape: Arc<Tape>,
    pub(crate) past: Past,
    /// The model that is asked where nobody names one and none is configured for the program.
    pub(crate) model: Option<Arc<str>>,
    /// What is noted for good without keeping anybody waiting.
    pub(crate) behind: Behind,
    /// What its frames share. Who writes records it while this is held.
    pub(crate) space: Mutex<Space>,
    /// Which artifacts they may read. Who makes one records it while this is held.
    pub(crate) artifacts: Mutex<Artifacts>,
    /// Where the bytes of artifacts are; `None` holds them in memory.
    pub(crate) store: Option<Arc<dyn Journal>>,
    /// Up to which position what was published is none of its business.
    pub(crate) events_after: u64,
    /// How often grants with a number of uses were used; by holder and grant.
    pub(crate) uses: Mutex<HashMap<String, u32>>,
    /// What the toolsets said that they have; asked once in a run.
    pub(crate) dynamic_tools: Mutex<HashMap<Arc<str>, Arc<DynamicTools>>>,
    /// What people are asked.
    pub(crate) asked: Arc<Asked>,
    /// Who waits for the wish to cancel it.
    pub(crate) cancel: Cancel,
    /// Where it is found as long as it is in memory.
    present: Arc<Present>,
    /// Those that perform started effects.
    pub(crate) tasks: Tasks,
    seed: [u8; 32],
    usage: Mutex<Usage>,
    halted: Mutex<Option<Halt>>,
    stopped: Notify,
    /// Who waits for the end; taken by whoever ends the run.
    sender: Mutex<Option<oneshot::Sender<RunEnd>>>,
}

/// Why a run cannot go on here, although it has not ended.
#[derive(Debug, Clone)]
pub(crate) enum Halt {
    /// A program asks for something else than it did before.
    Diverged { frame: FramePath, step: u32, known: Option<Arc<Effect>>, now: Arc<Effect> },
    /// An effect came to something else than it did before.
    OtherOutcome { frame: FramePath, step: u32, known: Arc<Outcome>, now: Arc<Outcome> },
    /// A frame burnt another amount of fuel than it did before.
    OtherFuel { frame: FramePath, known: u64, now: u64 },
    /// A trial has come to where nothing is known.
    Past { frame: FramePath, step: u32 },
    /// What happens cannot be written down.
    Journal(JournalError),
    /// Somebody ended it.
    Cancelled { by: String },
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl Run {
    /// Makes a run of a plan. Nothing of it goes on by itself.
    pub(crate) fn new(
        ports: Arc<Ports>,
        catalog: Arc<Catalog>,
        layers: Layers,
        plan: Plan,
        present: Arc<Present>,
        sender: oneshot::Sender<RunEnd>,
    ) -> Self {
        let Plan { id, seed, budget, model, tape, mut past, events_after, store, .. } = plan;
        let shared = past.shared.get_mut();
        let (space, artifacts) = (std::mem::take(&mut shared.space), std::mem::take(&mut shared.artifacts));
        let cancel = Cancel::new(past.cancel.as_ref());
        // What went to models is spent, also where nobody comes back to it.
        let Amounts { tokens_in, tokens_out, money_microusd, .. } = past.spent;
        let used = Usage { tokens_in, tokens_out, money_microusd, ..past.used };
        let used = if past.is_trial { Usage::default() } else { used };
        let activity = Activity::new(ports.clock.clone());
        let allowance = catalog.budget.amounts().min(budget.amounts());
        let (ledger, root_account) = Ledger::new(allowance, activity.clone());
        if !past.is_trial {
            ledger.find_spent(root_account, past.spent);
        }
        Self {
            id,
            catalog,
            layers,
            ports,
            ledger,
            root_account,
            activity,
            tape,
            space: Mutex::new(space),
            artifacts: Mutex::new(artifacts),
            store,
            past,
            model,
            behind: Behind::default(),
            events_after,
            uses: Mutex::default(),
            dynamic_tools: Mutex::default(),
            asked: Arc::default(),
            cancel,
            present,
            tasks: Tasks::default(),
            seed,
            usage: Mutex::new(used),
            halted: Mutex::default(),
            stopped: Notify::new(),
            sender: Mutex::new(Some(sender)),
        }
    }

    /// Returns the seed of one frame: it depends on the run and on the place of the frame, on nothing else.
    pub(crate) fn seed_of(&self, path: &FramePath) -> [u8; 32] {
        *blake3::keyed_hash(&self.seed, &path.to_bytes()).as_bytes()
    }

    /// Counts what one frame has used itself. Only the root's waiting is waiting of the run.
    pub(crate) fn count(&self, usage: Usage, is_root: bool) {
        let mut total = self.usage.lock();
        total.absorb(usage);
        if is_root {
            total.wait_us = usage.wait_us;
        }
    }

    /// Stops the run where it is. Unless somebody ended it, nothing of it is recorded any more.
    pub(crate) fn stop(&self, halt: Halt) {
        if !matches!(halt, Halt::Cancelled { .. }) {
            self.tape.abandon();
        }
        self.halted.lock().get_or_insert(halt);
        self.stopped.notify_waiters();
        self.stopped.notify_one();
    }

    /// Cancels the run: its programs that wait for that are told, once; where there are none, and whenever somebody asks
    /// again, it ends at once.
    ///
    /// Returns the notes of those who were told; `None` where it ends.
    pub(crate) fn cancel<T>(&self, by: &str, note: impl Fn(FramePath, u32) -> T) -> Option<Vec<T>> {
        let told = if self.past.is_trial { None } else { self.cancel.ask(by, note) };
        if told.is_none() {
            self.stop(Halt::Cancelled { by: by.to_owned() });
        }
        told
    }

    /// Stops the run and never comes back.
    pub(crate) async fn halt<T>(&self, halt: Halt) -> T {
        self.stop(halt);
        pending().await
    }

    /// Waits until the run was stopped and says why.
    pub(crate) async fn stopped(&self) -> Halt {
        loop {
            let stopped = self.stopped.notified();
            if let Some(halt) = self.halted.lock().clone() {
                return halt;
            }
            stopped.await;
        }
    }

    /// Tells whether the run is executed again to be compared, by the engine that executed it before.
    pub(crate) fn is_comparable_trial(&self) -> bool {
        self.past.is_trial && self.past.engine.as_ref() == Some(&self.ports.engine)
    }

    /// Returns why the run was stopped.
    pub(crate) fn take_halt(&self) -> Option<Halt> {
        self.halted.lock().take()
    }

    /// Ends the run, once: records it, and tells whoever waits for it when that is durable.
    pub(crate) async fn end(&self, result: Result<Report, Failure>) {
        let Some(sender) = self.sender.lock().take() else { return };
        let usage = *self.usage.lock();
        let result = self.cancel.end_of(result);
        let standing = match &result {
            Ok(_) => RunState::Done,
            Err(Failure::Cancelled { .. }) => RunState::Cancelled,
            Err(_) => RunState::Failed,
        };
        self.tape.record(&FramePath::root(), usage.fuel, Event::RunEnded { result: result.clone(), usage });
        let end = match self.tape.close(standing, Vec::new()).await {
            Ok(()) => RunEnd { state: standing, result, usage, waits: Vec::new() },
            Err(error) => RunEnd { state: RunState::Open, result: Err(error.into()), usage, waits: Vec::new() },
        };
        // Whoever started the run may have stopped listening.
        let _ = sender.send(end);
    }

    /// Tells whoever waits for the end that the run is not over, but goes no further here.
    pub(crate) fn leave(&self, state: RunState, why: Failure, waits: Vec<Wait>) {
        let Some(sender) = self.sender.lock().take() else { return };
        let usage = *self.usage.lock();
        let _ = sender.send(RunEnd { state, result: Err(why), usage, waits });
    }
}

impl Drop for Run {
    /// A run that was cancelled ends when the last of its frames is gone, so that nothing of it happens afterwards.
    ///
    /// A run that is kept is only left here: it is still open, and goes on wherever it is taken up.
    fn drop(&mut self) {
        self.present.leave(self);
        self.end_unheard();
        self.tape.abandon();
    }
}

impl Run {
    fn end_unheard(&self) {
        let Some(sender) = self.sender.lock().take() else { return };
        let usage = *self.usage.lock();
        let failure = Failure::Cancelled { by: "whoever started the run".into() };
        let state = if self.tape.is_kept() { RunState::Open } else { RunState::Cancelled };
        if !self.tape.is_kept() {
            let result = Err(failure.clone());
            self.tape.record(&FramePath::root(), usage.fuel, Event::RunEnded { result, usage });
        }
        let _ = sender.send(RunEnd { state, result: Err(failure), usage, waits: Vec::new() });
    }
}
