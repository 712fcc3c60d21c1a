// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drives one run to where it ends, rests, or can go no further.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use priory_core::failure::Unavailable;
use priory_core::journal::{RunState, Wait};
use priory_core::ports::Returned;
use priory_core::{Failure, FramePath, Outcome};

use crate::execute::{self, Job};
use crate::resume::Replayed;
use crate::run::{Halt, Run};
use crate::start::into_report;

/// Why a run is driven no further.
enum Stop {
    Ended(Result<Returned, Failure>),
    Halted(Halt),
    Quiet(Vec<Wait>),
}

/// Drives a run.
pub(crate) async fn drive(run: Arc<Run>, job: Job, park_after: Option<Duration>) {
    let stop = {
        let running = run.activity.begin();
        let mut root = pin!(execute::execute(&run, None, FramePath::root(), job));
        let mut halted = pin!(run.stopped());
        let mut quiet = pin!(quiet(&run, park_after));
        // Declared last, so that it is dropped first.
        let mut leaving = Leaving { run: &run, is_over: false };
        let stop = std::future::poll_fn(|cx| {
            if let Poll::Ready(halt) = halted.as_mut().poll(cx) {
                return Poll::Ready(Stop::Halted(halt));
            }
            if let Poll::Ready(result) = root.as_mut().poll(cx) {
                return Poll::Ready(Stop::Ended(result));
            }
            // From there on nothing is recorded: what waits is told of its outcome when the run is back.
            quiet.as_mut().poll(cx).map(Stop::Quiet)
        })
        .await;
        leaving.is_over = true;
        drop(running);
        stop
    };
    run.tasks.idle().await;
    match stop {
        Stop::Ended(result) => run.end(result.and_then(into_report)).await,
        Stop::Halted(Halt::Cancelled { by }) => run.end(Err(Failure::Cancelled { by })).await,
        Stop::Halted(halt) => run.leave(RunState::Open, halt.into(), Vec::new()),
        Stop::Quiet(waits) => park(&run, waits).await,
    }
}

/// Sees to it that a run that is kept is left as it is when whoever drives it is dropped: that its frames are dropped then
/// is not a part of it, and nothing of that may be written down.
struct Leaving<'a> {
    run: &'a Run,
    is_over: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if !self.is_over && self.run.tape.is_kept() {
            self.run.tape.abandon();
        }
    }
}

/// Waits until a run has been quiet for some time, and returns what it waits for.
async fn quiet(run: &Run, park_after: Option<Duration>) -> Vec<Wait> {
    let Some(park_after) = park_after.filter(|_| run.tape.is_kept()) else { return pending().await };
    let clock = &run.ports.clock;
    loop {
        let changed = run.activity.changed();
        let Some(since) = run.activity.quiet_since() else {
            changed.await;
            continue;
        };
        clock.sleep_until(since.saturating_add(park_after)).await;
        if let Some(waits) = run.tape.rest(|| run.activity.quiet_since() == Some(since)) {
            return waits;
        }
    }
}

/// Writes down what a run waits for. It is in nobody's memory afterwards.
async fn park(run: &Run, waits: Vec<Wait>) {
    match run.tape.close(RunState::Parked, waits.clone()).await {
        Ok(()) => run.leave(RunState::Parked, parked(run, &waits), waits),
        Err(error) => run.leave(RunState::Open, error.into(), Vec::new()),
    }
}

fn parked(run: &Run, waits: &[Wait]) -> Failure {
    let questions = waits.iter().filter(|wait| wait.question().is_some()).count();
    let event = waits.iter().find_map(|wait| wait.event());
    let reason = match questions {
        0 if let Some(sought) = event => {
            format!("it waits for an event: `priory emit {}` publishes it, and `priory serve` delivers it", sought.name)
        }
        0 if waits.iter().all(Wait::is_for_cancel) => "it waits until somebody cancels it".to_owned(),
        0 => "it waits for a timer: `priory runs resume` goes on when that is due".to_owned(),
        1 => "it waits for an answer: `priory answer` gives it".to_owned(),
        several => format!("it waits for {several} answers: `priory answer` gives them"),
    };
    Failure::Unavailable(Unavailable { subject: format!("result of {}", run.id), reason, retriable: true })
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Journal(error) => error.into(),
            Halt::Cancelled { by } => Self::Cancelled { by },
            other => match other.into_replayed() {
                Replayed::Diverged { at, recorded, now } => Self::Conflict {
                    reason: format!("{at} the run does something else than before: {now}, where it did {recorded}"),
                },
                Replayed::UpTo { at } => Self::Conflict { reason: format!("nothing is known of the run after {at}") },
                Replayed::Same => Self::other("the run was stopped without a reason"),
            },
        }
    }
}

impl Halt {
    /// Tells it as what a trial showed.
    pub(crate) fn into_replayed(self) -> Replayed {
        let at = |frame: FramePath, step: u32| format!("at step {step} of frame {frame}");
        match self {
            Self::Diverged { frame, step, known, now } => Replayed::Diverged {
                at: at(frame, step),
                recorded: known.map_or_else(|| "nothing".to_owned(), |effect| shown(&*effect)),
                now: shown(&*now),
            },
            Self::OtherOutcome { frame, step, known, now } => {
                Replayed::Diverged { at: at(frame, step), recorded: outcome(&known), now: outcome(&now) }
            }
            Self::OtherFuel { frame, known, now } => Replayed::Diverged {
                at: format!("at the end of frame {frame}"),
                recorded: format!("{known} fuel"),
                now: format!("{now} fuel"),
            },
            Self::Past { frame, step } => Replayed::UpTo { at: at(frame, step) },
            Self::Journal(error) => Replayed::UpTo { at: error.to_string() },
            Self::Cancelled { by } => Replayed::UpTo { at: format!("where {by} ended it") },
        }
    }
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Ok(value) => shown(value),
        Err(failure) => shown(failure),
    }
}

/// Writes something as JSON, as far as a person wants to see it.
fn shown(what: &impl serde::Serialize) -> String {
    serde_json::to_string(what).unwrap_or_default().chars().take(2_000).collect()
}
