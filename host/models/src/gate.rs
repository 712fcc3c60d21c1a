// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands before one provider, shared by all that ask it: a breaker, a rate, and how many requests may go on at once.
//!
//! It holds no task and no timer of its own: who waits for a turn has taken it already, and gives it back when it goes away.

mod breaker;
mod pace;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::gate::{BreakerSpec, GateSpec, RateSpec, Refusal};
use priory_core::ports::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use breaker::Verdict;

use crate::wait::within;
use breaker::Breaker;
use pace::Turns;

/// How many requests may wait for one provider. Each is a frame that waits, so it is what a host holds at most, and more.
const WAITING_MAX: usize = 4_096;

/// What stands before one provider.
pub(crate) struct Gate {
    provider: Arc<str>,
    clock: Arc<dyn Clock>,
    concurrency: Option<(Arc<Semaphore>, u32)>,
    wait_max: Duration,
    waiting: AtomicUsize,
    /// Held for a moment by whoever asks or ends.
    state: Mutex<State>,
}

struct State {
    breaker: Option<Breaker>,
    turns: Option<Turns>,
}

/// That a request has passed the gate, until it is dropped. Dropped without a word, it was withdrawn.
pub(crate) struct Pass {
    gate: Arc<Gate>,
    _place: Option<OwnedSemaphorePermit>,
    epoch: Option<u64>,
}

/// A turn that was taken, until it is used.
struct Turn<'a>(Option<&'a Gate>);

/// That a request waits.
struct Waiting<'a>(&'a AtomicUsize);

// === impl Gate ===

impl Gate {
    pub(crate) fn new(
        provider: Arc<str>,
        rate: &RateSpec,
        breaker: Option<&BreakerSpec>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let spec = GateSpec { rate: Some(rate.clone()), breaker: breaker.cloned() }.within_bounds();
        let rate = spec.rate.unwrap_or_default();
        let concurrency = rate.concurrency.map(|most| (Arc::new(Semaphore::new(most as usize)), most));
        let state = State { breaker: spec.breaker.map(Breaker::new), turns: rate.pace.map(Turns::new) };
        let wait_max = Duration::from_millis(rate.wait_ms_max);
        let waiting = AtomicUsize::new(0);
        Arc::new(Self { provider, clock, concurrency, wait_max, waiting, state: Mutex::new(state) })
    }

    /// Passes, or says why not. A request waits for its turn as long as it may, and not beyond `deadline`.
    pub(crate) async fn pass(self: &Arc<Self>, deadline: Duration) -> Result<Pass, Refusal> {
        let now = self.clock.elapsed();
        self.check(now)?;
        let give_up = now.saturating_add(self.wait_max).min(deadline);
        let place = self.place(now, give_up).await?;
        self.turn(give_up).await?;
        let now = self.clock.elapsed();
        let mut state = self.state.lock();
        if let Some(breaker) = &state.breaker {
            breaker.check(now)?;
        }
        let epoch = state.breaker.as_mut().map(Breaker::let_through);
        Ok(Pass { gate: self.clone(), _place: place, epoch })
    }

    fn check(&self, now: Duration) -> Result<(), Refusal> {
        self.state.lock().breaker.as_ref().map_or(Ok(()), |breaker| breaker.check(now))
    }

    /// Waits for a place among those that go on at once.
    async fn place(&self, now: Duration, give_up: Duration) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let Some((places, most)) = &self.concurrency else { return Ok(None) };
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Ok(Some(place));
        }
        let wait_ms = u64::try_from(self.wait_max.as_millis()).unwrap_or(u64::MAX);
        let refusal = Refusal::Concurrency { most: *most, wait_ms };
        if give_up <= now {
            return Err(refusal);
        }
        let _waiting = Waiting::begin(&self.waiting)?;
        match within(&*self.clock, give_up, places.clone().acquire_owned()).await {
            Some(Ok(place)) => Ok(Some(place)),
            // Nobody closes it.
            Some(Err(_)) | None => Err(refusal),
        }
    }

    /// Waits for a turn.
    async fn turn(&self, give_up: Duration) -> Result<(), Refusal> {
        let now = self.clock.elapsed();
        let (turn, at) = {
            let mut state = self.state.lock();
            let Some(turns) = &mut state.turns else { return Ok(()) };
            let at = turns.ready_at(now);
            if at > now && at > give_up {
                let ms = |time: Duration| u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
                let (next_ms, wait_ms) = (ms(at.saturating_sub(now)), ms(self.wait_max));
                return Err(Refusal::Pace { pace: turns.pace, next_ms, wait_ms });
            }
            turns.take(now);
            (Turn(Some(self)), at)
        };
        if at > now {
            let _waiting = Waiting::begin(&self.waiting)?;
            self.clock.sleep_until(at).await;
        }
        turn.used();
        Ok(())
    }
}

// === impl Pass ===

impl Pass {
    /// Says how the request came out.
    pub(crate) fn end(mut self, verdict: Verdict) {
        self.tell(verdict);
    }

    fn tell(&mut self, verdict: Verdict) {
        let Some(epoch) = self.epoch.take() else { return };
        let now = self.gate.clock.elapsed();
        let turned = self.gate.state.lock().breaker.as_mut().and_then(|breaker| breaker.end(now, epoch, verdict));
        match turned {
            Some(true) => tracing::warn!(provider = &*self.gate.provider, "a breaker opens"),
            Some(false) => tracing::info!(provider = &*self.gate.provider, "a breaker closes"),
            None => {}
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.tell(Verdict::Nothing);
    }
}

// === impl Turn ===

impl Turn<'_> {
    fn used(mut self) {
        self.0 = None;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(gate) = self.0 else { return };
        if let Some(turns) = &mut gate.state.lock().turns {
            turns.give_back();
        }
    }
}

// === impl Waiting ===

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Result<Self, Refusal> {
        if waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX {
            return Ok(Self(waiting));
        }
        waiting.fetch_sub(1, Ordering::Relaxed);
        Err(Refusal::Queue { most: WAITING_MAX })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
