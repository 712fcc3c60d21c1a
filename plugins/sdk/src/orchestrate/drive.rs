// SPDX-License-Identifier: MIT OR Apache-2.0
//! What makes the calls of a future, and lets it go on when one has ended.

use priory_patterns::{Desk, Driver, Ticket};

use super::calls::{Call, DESK, Outcome};
use crate::Failure;
use crate::bindings::priory::agent::pending::{self, Pending};

/// Runs a future to its end, and makes the calls that it awaits.
///
/// A call that is alone is made directly; several are started, and the future goes on with whichever ends first. What is
/// still going on in the end is withdrawn. Within the future, await instead of calling this again.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let desk = Desk::new();
    let _place = Place::take(desk.clone())?;
    let mut driver = Driver::new(future);
    let mut going: Vec<(Ticket, Pending)> = Vec::new();
    loop {
        if let Some(result) = driver.poll().map_err(|stuck| Failure::other(stuck.to_string()))? {
            return result;
        }
        // Dropping a handle withdraws its call.
        let withdrawn = desk.take_withdrawn();
        going.retain(|(ticket, _)| !withdrawn.contains(ticket));
        let asked = desk.take_asked();
        if let ([(ticket, call)], true) = (asked.as_slice(), going.is_empty()) {
            desk.answer(*ticket, call.make());
            continue;
        }
        if !begin(&desk, asked, &mut going) {
            continue;
        }
        match next(&mut going) {
            Some((ticket, outcome)) => desk.answer(ticket, outcome),
            None => return Err(Failure::other("the future waits for something that is no call, so it never ends")),
        }
    }
}

/// Starts calls. What cannot even be started is answered at once; then the future goes on before anything is waited for.
fn begin(desk: &Desk<Call, Outcome>, asked: Vec<(Ticket, Call)>, going: &mut Vec<(Ticket, Pending)>) -> bool {
    let mut all_started = true;
    for (ticket, call) in asked {
        match call.start() {
            Ok(handle) => going.push((ticket, handle)),
            Err(failure) => {
                desk.answer(ticket, Err(failure));
                all_started = false;
            }
        }
    }
    all_started
}

/// Waits until one of the calls has ended, and takes it out; `None` when there is none.
fn next(going: &mut Vec<(Ticket, Pending)>) -> Option<(Ticket, Outcome)> {
    if going.is_empty() {
        return None;
    }
    let handles: Vec<&Pending> = going.iter().map(|(_, handle)| handle).collect();
    let first = usize::try_from(pending::wait_any(&handles)).ok().filter(|first| *first < going.len())?;
    let (ticket, handle) = going.remove(first);
    Some((ticket, handle.wait().map_err(Failure::from)))
}

/// The place of the desk, taken for as long as a future runs.
struct Place;

impl Place {
    fn take(desk: Desk<Call, Outcome>) -> Result<Self, Failure> {
        DESK.with_borrow_mut(|place| match place {
            Some(_) => Err(Failure::other("orchestrate::block_on runs a future already; await this one in it")),
            None => {
                *place = Some(desk);
                Ok(Self)
            }
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        DESK.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orchestrate::call_tool;

    fn message<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_future_that_calls_nothing_runs_to_its_end() {
        assert_eq!(block_on(async { Ok(7) }).unwrap(), 7);
        assert_eq!(message(block_on(async { Err::<(), _>(Failure::other("no")) })), "no");
    }

    #[test]
    fn what_waits_for_nothing_is_told_so() {
        let waits = block_on(std::future::pending::<Result<(), Failure>>());
        assert!(message(waits).contains("never ends"));
    }

    #[test]
    fn one_future_runs_at_a_time_and_calls_only_in_it() {
        let nested = block_on(async { block_on(async { Ok(()) }) });
        assert!(message(nested).contains("already"));
        // The place is free again, and nothing is called outside of it.
        assert_eq!(block_on(async { Ok(1) }).unwrap(), 1);
        let outside = call_tool::<u32, _>("a.b", "x");
        assert!(message(block_on(outside)).contains("a.b can only be called in"));
    }
}
