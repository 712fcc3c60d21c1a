// SPDX-License-Identifier: MIT OR Apache-2.0
//! Does a node again when it failed in a way that may pass. How long to wait is decided by the seed of the frame, and waited
//! for as an effect, so it is the same on the way back.

use priory_core::effect::{Level, Terms};
use priory_core::{Effect, Failure};
use priory_patterns::retry::Backoff;

use crate::definition::Retry;
use crate::expression::Value;
use crate::run::broken::Broken;
use crate::run::execution::Execution;
use crate::run::node::At;

impl Execution {
    /// Does what a node does, and does it again where its failure is one of those that it says.
    pub(crate) async fn again(&self, at: &At<'_>) -> Result<Value, Broken> {
        let mut terms =
            Terms { node: Some(at.prepared.name.clone()), time_ms: at.node.timeout_ms, budget: at.node.budget };
        let mut attempt = 0;
        loop {
            let broken = match self.held(at, None, &terms).await {
                Ok(output) => return Ok(output),
                Err(broken) => broken,
            };
            if self.more(at, &broken.0, &mut terms).await? {
                continue;
            }
            let Some(retry) = at.node.retry.as_ref().filter(|retry| retry.covers(&broken.0)) else {
                return Err(broken);
            };
            attempt += 1;
            let Some(ms) = retry.backoff(self.seed_of(at.name)).delay(attempt) else { return Err(broken) };
            self.note(Level::Warn, &format!("node {} is tried again in {ms} ms: {}", at.name, broken.0));
            self.ask(Effect::Sleep { ms }).await?;
        }
    }
}

impl Retry {
    /// Tells whether something is done again that failed like this.
    fn covers(&self, failure: &Failure) -> bool {
        match self.on.as_slice() {
            [] => failure.is_retriable(),
            kinds => kinds.iter().any(|kind| kind == failure.kind()),
        }
    }

    fn backoff(&self, seed: u64) -> Backoff {
        Backoff {
            times: self.times,
            base_ms: self.backoff_ms,
            factor: self.factor,
            max_ms: self.backoff_ms_max,
            jitter: self.jitter,
            seed,
        }
    }
}
