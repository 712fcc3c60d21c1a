// SPDX-License-Identifier: MIT OR Apache-2.0
//! What one frame has said to models, what it hears of them, and what that took.
//!
//! A program sends its whole conversation each time. It is written down as what is new in it: the rest is pointed at, in the
//! requests that the frame made before. Which those are follows from the requests alone, so it is the same when the frame
//! is executed again. Most frames never ask a model, and pay for nothing here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::model::{Message, Spent, Transcript};
use priory_core::{Amounts, Effect, Outcome};

use super::hearing::Hearing;
use crate::ledger::AccountId;

/// How many of the latest requests are pointed at: a program may lead a few conversations by turns.
const REQUESTS_MAX: usize = 8;
/// How long the texts of these requests may be together, in bytes, but for the newest: they are in the memory of the host.
const BYTES_MAX: u64 = 16 << 20;

/// What a frame and models have to do with each other.
#[derive(Default)]
pub(crate) struct Talk(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Nothing, where the frame has nothing to do with models.
    state: Option<Box<State>>,
    /// The frame has ended, and what it used is told.
    is_closed: bool,
}

#[derive(Default)]
struct State {
    /// The whole messages of the latest requests, the newest last.
    latest: VecDeque<Said>,
    /// Answers that are heard while they are written, by their steps.
    hearings: HashMap<u32, Arc<Hearing>>,
    spent: Amounts,
    /// The account of what the frame itself may take, once it is opened.
    account: Option<AccountId>,
}

struct Said {
    step: u32,
    messages: Arc<[Arc<Message>]>,
    /// How long its texts are.
    byte_len: u64,
}

impl State {
    fn byte_len(&self) -> u64 {
        self.latest.iter().fold(0, |sum, said| sum.saturating_add(said.byte_len))
    }
}

/// The whole messages of a request.
pub(crate) type Whole = Arc<[Arc<Message>]>;

impl Talk {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(self.0.lock().state.get_or_insert_default())
    }

    /// Makes of a request what is written down of it, and returns its whole messages.
    pub(crate) fn fold(&self, step: u32, effect: &mut Effect) -> Option<Whole> {
        let Effect::ModelCall { request, is_heard, .. } = effect else { return None };
        let mut messages: Vec<Arc<Message>> = request.messages.new_messages().cloned().collect();
        self.with(|state| {
            if *is_heard {
                state.hearings.insert(step, Arc::default());
            }
            let earlier = nearest(&state.latest, &messages);
            let folded = earlier.map(|said| Transcript::folded(&mut messages, said.step, &said.messages));
            request.messages = folded.unwrap_or_else(|| messages.iter().cloned().collect());
            let whole: Whole = messages.into();
            // What is refused for its size is not kept: nobody can point at it.
            if super::bounds::is_kept(&whole) {
                let byte_len = super::bounds::bytes(&whole);
                state.latest.push_back(Said { step, messages: whole.clone(), byte_len });
                while state.latest.len() > REQUESTS_MAX || (state.latest.len() > 1 && state.byte_len() > BYTES_MAX) {
                    state.latest.pop_front();
                }
            }
            Some(whole)
        })
    }

    /// Forgets a request that was refused: it is not pointed at, so that nothing of it is there for a request that is not.
    pub(crate) fn refuse(&self, step: u32) {
        if let Some(state) = &mut self.0.lock().state {
            state.latest.retain(|said| said.step != step);
        }
    }

    /// Forgets an answer that nobody hears any more.
    pub(crate) fn forget(&self, step: u32) {
        if let Some(state) = &mut self.0.lock().state {
            state.hearings.remove(&step);
        }
    }

    /// Returns an answer that is heard while it is written.
    pub(crate) fn hearing(&self, step: u32) -> Option<Arc<Hearing>> {
        self.0.lock().state.as_ref()?.hearings.get(&step).cloned()
    }

    /// Says what came of a request that nobody asked, where somebody wants to hear of it.
    pub(crate) fn end(&self, step: u32, outcome: &Outcome) {
        if let Some(hearing) = self.hearing(step) {
            hearing.end(outcome);
        }
    }

    /// Counts what was spent. Returns whether it is too late, since what the frame used was told.
    pub(crate) fn count(&self, spent: Amounts) -> bool {
        let mut inner = self.0.lock();
        if spent != Amounts::default() && !inner.is_closed {
            let state = inner.state.get_or_insert_default();
            state.spent = state.spent.saturating_add(spent);
        }
        inner.is_closed
    }

    /// Returns what was spent.
    pub(crate) fn spent(&self) -> Amounts {
        self.0.lock().state.as_ref().map_or_else(Amounts::default, |state| state.spent)
    }

    /// Says that what was spent is told now: what is withdrawn with the frame may tell later what it took.
    pub(crate) fn close(&self) {
        self.0.lock().is_closed = true;
    }

    /// Returns the account of what the frame itself may take, and opens it where that was not done yet.
    pub(crate) fn account<E>(&self, open: impl FnOnce() -> Result<AccountId, E>) -> Result<AccountId, E> {
        self.with(|state| match state.account {
            Some(account) => Ok(account),
            None => open().inspect(|account| state.account = Some(*account)),
        })
    }
}

/// Returns the request with which another has the most in common from its beginning on, the newest of them.
fn nearest<'a>(latest: &'a VecDeque<Said>, messages: &[Arc<Message>]) -> Option<&'a Said> {
    let mut best: Option<(usize, &Said)> = None;
    for said in latest.iter().rev() {
        let common = said.messages.iter().zip(messages).take_while(|(one, other)| one == other).count();
        if common == said.messages.len() {
            return Some(said);
        }
        if best.is_none_or(|(most, _)| common > most) {
            best = Some((common, said));
        }
    }
    best.map(|(_, said)| said)
}

/// Returns what something that was spent is in a budget.
pub(crate) fn amounts(spent: &Spent) -> Amounts {
    Amounts {
        tokens_in: spent.usage.input,
        tokens_out: spent.usage.output,
        money_microusd: spent.microusd,
        ..Amounts::default()
    }
}

/// Returns what several things are in a budget that were spent.
pub(crate) fn sum(spent: &[Spent]) -> Amounts {
    spent.iter().fold(Amounts::default(), |sum, spent| sum.saturating_add(amounts(spent)))
}
