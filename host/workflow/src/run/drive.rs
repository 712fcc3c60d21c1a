// SPDX-License-Identifier: MIT OR Apache-2.0
//! From effects to outcomes and back: polls the future of a workflow, and has performed what it asks for.

use std::collections::{HashMap, VecDeque};
use std::task::Waker;

use priory_core::ports::FrameHost;
use priory_core::{Effect, Failure, Outcome};
use priory_patterns::{Desk, Driver, Ticket};

use super::pace::{Pace, yield_once};

/// Drives a future to its end. At most `width` of its effects go on at once.
///
/// An effect that nothing goes on beside is performed in place; others are started. Either is decided by what was asked and
/// what ended, so it is decided the same way again.
pub(super) async fn drive<T>(
    root: impl Future<Output = T> + Send,
    desk: &Desk<Effect, Outcome>,
    pace: &Pace,
    host: &dyn FrameHost,
    width: u64,
) -> Result<T, Failure> {
    let mut driver = Driver::new(root);
    let mut work = Work { going_on: HashMap::new(), numbers: HashMap::new(), waiting: VecDeque::new() };
    loop {
        let ended = driver.poll().map_err(|stuck| Failure::other(stuck.to_string()))?;
        for ticket in desk.take_withdrawn() {
            work.withdraw(ticket, host);
        }
        if let Some(value) = ended {
            return Ok(value);
        }
        let resting = pace.take_waiting();
        if !resting.is_empty() {
            // The time of the frame is looked at, and others have their turn; nothing is decided by it.
            yield_once().await;
            resting.into_iter().for_each(Waker::wake);
            continue;
        }
        work.waiting.extend(desk.take_asked());
        if work.numbers.is_empty()
            && work.waiting.len() == 1
            && let Some((ticket, effect)) = work.waiting.pop_front()
        {
            desk.answer(ticket, host.perform(effect, 0).await);
            continue;
        }
        if work.start(desk, host, width) {
            continue;
        }
        let Some((number, outcome)) = host.next().await else {
            return Err(Failure::other("the workflow waits for something that nobody does"));
        };
        if let Some(ticket) = work.going_on.remove(&number) {
            work.numbers.remove(&ticket);
            desk.answer(ticket, outcome);
        }
    }
}

/// The effects of a workflow that have no outcome.
struct Work {
    /// Those that were started, by the number that the frame gave them.
    going_on: HashMap<u32, Ticket>,
    numbers: HashMap<Ticket, u32>,
    /// Those whose turn has not come.
    waiting: VecDeque<(Ticket, Effect)>,
}

impl Work {
    /// Starts what may be started. Returns whether something had its outcome at once.
    fn start(&mut self, desk: &Desk<Effect, Outcome>, host: &dyn FrameHost, width: u64) -> bool {
        let mut is_answered = false;
        while (self.numbers.len() as u64) < width.max(1)
            && let Some((ticket, effect)) = self.waiting.pop_front()
        {
            match host.start(effect, 0) {
                Ok(number) => {
                    self.going_on.insert(number, ticket);
                    self.numbers.insert(ticket, number);
                }
                Err(failure) => {
                    desk.answer(ticket, Err(failure));
                    is_answered = true;
                }
            }
        }
        is_answered
    }

    fn withdraw(&mut self, ticket: Ticket, host: &dyn FrameHost) {
        match self.numbers.remove(&ticket) {
            Some(number) => {
                self.going_on.remove(&number);
                host.forget(number);
            }
            None => self.waiting.retain(|(waiting, _)| *waiting != ticket),
        }
    }
}
