// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one path of every effect of every program.
//!
//! authorize (grants) → reserve (ledger) → record intent → perform (port) → record outcome → settle (ledger)
//!
//! On the way back to where a run was, what is recorded is not done again: its outcome is what was recorded.

mod announced;

use std::sync::Arc;

use priory_core::effect::Level;
use priory_core::event::Event;
use priory_core::grant::Access;
use priory_core::limits::Dimension;
use priory_core::{Effect, Failure, Outcome, Value};

use crate::activity::Running;
use crate::approval;
use crate::authorize::{Allowed, Asked, Plan, authorize, permit, permit_approved, plan};
use crate::frame::Frame;
use crate::live::Live;
use crate::model::bill::Bill;
use crate::past::{END_OF_FRAME, ITS_CALLER, PastEnd, PastStep};
use crate::perform::{self, perform};
use crate::run::Halt;
use crate::size;
use crate::tape::Stamp;

pub(crate) use announced::{announce, forget, forget_unsent, send};

/// An outcome, with the time at which it was recorded, in milliseconds since 1970.
pub(crate) type Timed = (Outcome, u64);

/// An effect that may go on.
struct Admitted {
    plan: Plan,
    /// The approval that it needs.
    approval: Option<approval::Needed>,
    /// The fuel that its frame had burnt when it asked.
    fuel: u64,
    /// When it was asked for, in milliseconds since 1970.
    asked_unix_ms: u64,
    /// Whether what is recorded has to be durable first.
    has_to_commit: bool,
    /// What it came to before, where it is done again to see whether it comes to the same.
    known: Option<PastEnd>,
}

/// What was decided about an effect before anything was done.
enum Decision {
    GoOn(Admitted),
    Ended(Outcome, Stamp),
}

/// Passes one effect of a frame that waits for it.
///
/// `step` is its number in the frame, taken when it was asked for; `fuel` is what the frame had burnt then. What
/// a frame that is opened here reserves is settled where that frame ends, and what it yields is charged to the frame
/// that asked before it is shown.
pub(crate) async fn pass(frame: &Arc<Frame>, step: u32, effect: Effect, fuel: u64) -> Timed {
    let (outcome, stamp) = match decide(frame, step, effect, fuel, false) {
        Ok(Decision::Ended(outcome, stamp)) => (outcome, stamp),
        Ok(Decision::GoOn(admitted)) => go_on(Unfinished::of(frame, step, &admitted, false), admitted).await,
        Err(halt) => frame.run.halt(halt).await,
    };
    (outcome, stamp.unix_ms)
}

/// Starts an effect on a task of its own.
pub(crate) fn start(frame: &Arc<Frame>, step: u32, effect: Effect, fuel: u64) -> Result<(), Failure> {
    open(frame, step)?;
    begin(frame, step, effect, fuel, false);
    Ok(())
}

/// Makes room for an effect that is started.
fn open(frame: &Arc<Frame>, step: u32) -> Result<(), Failure> {
    let allowed = frame.given.limits.get(Dimension::Pending);
    let planned = frame.past_step(step).and_then(|known| known.end.as_ref()).map(|end| end.stamp.seq);
    let opened = frame.pending.open(step, allowed, planned);
    opened.map_err(|count| frame.over(Dimension::Pending, count.saturating_add(1), allowed))
}

/// Decides about an effect at once, and goes on with it on a task of its own.
fn begin(frame: &Arc<Frame>, step: u32, effect: Effect, fuel: u64, is_announced: bool) {
    let admitted = match decide(frame, step, effect, fuel, is_announced) {
        Ok(Decision::GoOn(admitted)) => admitted,
        Ok(Decision::Ended(outcome, stamp)) => return frame.pending.end(step, stamp, outcome),
        Err(halt) => return frame.run.stop(halt),
    };
    let unfinished = Unfinished::of(frame, step, &admitted, true);
    let started = Started {
        of_frame: frame.pending.tasks.enter(),
        frame: frame.clone(),
        running: frame.run.activity.begin(),
        of_run: frame.run.tasks.enter(),
    };
    let task = frame.run.ports.compute.spawn(Box::pin(async move {
        let started = started;
        let (outcome, stamp) = go_on(unfinished, admitted).await;
        started.frame.pending.end(step, stamp, outcome);
    }));
    frame.pending.attach(step, task);
}

/// Decides about an effect: from what is known of it, or by grants and budget.
fn decide(frame: &Arc<Frame>, step: u32, mut effect: Effect, fuel: u64, is_announced: bool) -> Result<Decision, Halt> {
    let whole = frame.talk.fold(step, &mut effect);
    let is_heard = matches!(effect, Effect::ModelCall { is_heard: true, .. });
    let decision = decide_folded(frame, Asked { step, whole }, effect, fuel, is_announced)?;
    if let (true, Decision::Ended(outcome, _)) = (is_heard, &decision) {
        frame.talk.end(step, outcome);
    }
    Ok(decision)
}

fn decide_folded(
    frame: &Arc<Frame>,
    asked: Asked,
    effect: Effect,
    fuel: u64,
    is_announced: bool,
) -> Result<Decision, Halt> {
    let step = asked.step;
    match frame.past_step(step) {
        Some(known) => again(frame, &asked, effect, known),
        // That it is one too many is written down once, so nothing is known of the others.
        None if !is_announced && let Some(over) = frame.over_calls() => {
            frame.talk.refuse(step);
            Ok(Decision::Ended(Err(over), Stamp::AT_ONCE))
        }
        None if frame.run.past.is_trial => {
            let (path, now) = (frame.given.path.clone(), Arc::new(effect));
            Err(match frame.run.past.is_open_ended {
                true => Halt::Past { frame: path, step },
                false => Halt::Diverged { frame: path, step, known: None, now },
            })
        }
        None => Ok(first_time(frame, &asked, effect, fuel, is_announced)),
    }
}

/// Decides about an effect that was never asked for before.
fn first_time(frame: &Arc<Frame>, asked: &Asked, effect: Effect, fuel: u64, is_announced: bool) -> Decision {
    let step = asked.step;
    // What is refused counts as well: it is written down, and without end it would fill the journal.
    let bytes = size::of_effect(&effect);
    let charged = if is_announced { frame.charge_bytes(bytes) } else { frame.charge_asked(bytes) };
    let effect = Arc::new(effect);
    match charged.and_then(|()| authorize(frame, asked, &effect)) {
        Ok((plan, allowed)) => {
            let has_to_commit = plan.has_to_commit(&effect) || frame.run.tape.is_eager();
            let approval = needed(allowed, &effect);
            let asked = frame.record(fuel, Event::Intent { step, effect });
            Decision::GoOn(Admitted { plan, approval, fuel, asked_unix_ms: asked.unix_ms, has_to_commit, known: None })
        }
        Err(failure) => {
            frame.talk.refuse(step);
            let stamp = frame.record(fuel, Event::Refused { step, effect, failure: failure.clone() });
            Decision::Ended(Err(failure), stamp)
        }
    }
}

/// Decides about an effect that was asked for before.
fn again(frame: &Arc<Frame>, asked: &Asked, effect: Effect, known: &PastStep) -> Result<Decision, Halt> {
    let step = asked.step;
    if *known.effect != effect {
        let (frame, known) = (frame.given.path.clone(), Some(known.effect.clone()));
        return Err(Halt::Diverged { frame, step, known, now: Arc::new(effect) });
    }
    let admitted = |plan, approval, has_to_commit, end| Admitted {
        plan,
        approval,
        fuel: known.fuel,
        asked_unix_ms: known.asked_unix_ms,
        has_to_commit,
        known: end,
    };
    frame.charge_spent_again(known);
    let Some(end) = &known.end else {
        if frame.run.past.is_trial {
            return Err(Halt::Past { frame: frame.given.path.clone(), step });
        }
        // It is in flight: what was allowed then may have been taken back.
        frame.charge_again(size::of_effect(&effect));
        return Ok(match authorize(frame, asked, &effect) {
            Ok((plan, allowed)) => {
                let has_to_commit = plan.has_to_commit(&effect);
                Decision::GoOn(admitted(plan, needed(allowed, &known.effect), has_to_commit, None))
            }
            Err(failure) => {
                let (outcome, stamp) = record_end(frame, step, known.fuel, Err(failure), None);
                Decision::Ended(outcome, stamp)
            }
        });
    };
    if end.was_refused {
        frame.talk.refuse(step);
        let outcome = (*end.outcome).clone();
        if let Err(failure) = &outcome {
            frame.charge_refused(size::of_effect(&effect), failure);
        }
        return Ok(Decision::Ended(outcome, end.stamp));
    }
    // Grants with a number of uses are used up as they were; whether they hold now does not matter.
    if let Ok(Allowed::AfterApproval { .. }) = permit(frame, &effect)
        && approval::was_given(frame, step, &effect)
    {
        let _ = permit_approved(frame, &effect);
    }
    frame.charge_again(size::of_effect(&effect).saturating_add(size::of_outcome(&end.outcome)));
    let is_tried = frame.run.past.is_trial
        && !frame.is_over(&end.outcome)
        && frame.run.past.can_be_tried(&frame.given.path.child(step), &end.outcome);
    // Of a part only its place is written down.
    let is_read_again = matches!(&*end.outcome, Ok(Value::ArtifactPart(_)));
    if frame.run.past.is_trial {
        perform::artifact::hold_again(frame, &effect);
    }
    if (is_tried || is_read_again)
        && let Ok(plan) = plan(frame, asked, &effect)
    {
        return Ok(Decision::GoOn(admitted(plan, None, false, Some(end.clone()))));
    }
    frame.absorb_again(known.used);
    Ok(Decision::Ended((*end.outcome).clone(), end.stamp))
}

/// Returns the approval that an effect needs.
fn needed(allowed: Allowed, effect: &Arc<Effect>) -> Option<approval::Needed> {
    match allowed {
        Allowed::AtOnce => None,
        Allowed::AfterApproval { until_unix_ms } => Some(approval::Needed { effect: effect.clone(), until_unix_ms }),
    }
}

/// Goes on with an effect to its end, and records what it came to.
async fn go_on(mut unfinished: Unfinished, admitted: Admitted) -> (Outcome, Stamp) {
    let (frame, step) = (unfinished.frame.clone(), unfinished.step);
    let run = &frame.run;
    let Admitted { plan, approval, fuel, asked_unix_ms, has_to_commit, known } = admitted;
    if has_to_commit && let Err(error) = run.tape.commit_before_effect().await {
        return run.halt(error.into()).await;
    }
    let is_started = unfinished.is_started;
    let bill = unfinished.bill.clone();
    let record = |outcome: Outcome| {
        let outcome = frame.charge_bytes(size::of_outcome(&outcome)).and(outcome);
        match is_started {
            true => record_end(&frame, step, fuel, outcome, bill.as_deref()),
            false => (outcome.clone(), write_down(&frame, step, fuel, outcome, bill.as_deref())),
        }
    };
    let approved = match approval {
        Some(needed) => approval::ask(&frame, step, needed).await,
        None => Ok(()),
    };
    // What is kept for an artifact is kept for long only once its run is known to need it.
    let has_to_follow = run.tape.is_eager() || matches!(plan, Plan::PutArtifact { .. });
    let (outcome, stamp) = match approved.map(|()| plan) {
        Err(denied) => {
            unfinished.is_open = false;
            record(Err(denied))
        }
        Ok(Plan::State { op }) => {
            unfinished.is_open = false;
            perform::state::perform(&frame, step, &op, record)
        }
        Ok(Plan::PutArtifact { content }) => {
            let kept = perform::artifact::keep(&frame, &content).await;
            unfinished.is_open = false;
            perform::artifact::note(&frame, &content, kept, record)
        }
        Ok(plan) => {
            let outcome = perform(&frame, step, plan, fuel, asked_unix_ms).await;
            unfinished.is_open = false;
            if let Some(known) = known {
                if outcome != *known.outcome {
                    let (frame, now) = (frame.given.path.clone(), Arc::new(outcome));
                    return run.halt(Halt::OtherOutcome { frame, step, known: known.outcome, now }).await;
                }
                return (outcome, known.stamp);
            }
            record(outcome)
        }
    };
    let kept = if has_to_follow { run.tape.commit().await } else { run.tape.keep_up(&run.ports.compute).await };
    match kept {
        Ok(()) => (outcome, stamp),
        Err(error) => run.halt(error.into()).await,
    }
}

fn record_end(frame: &Frame, step: u32, fuel: u64, outcome: Outcome, bill: Option<&Bill>) -> (Outcome, Stamp) {
    let stamp = frame.pending.ending(step, || write_down(frame, step, fuel, outcome.clone(), bill));
    (outcome, stamp)
}

/// Writes down what an effect came to, with what it spent that is not written down yet.
fn write_down(frame: &Frame, step: u32, fuel: u64, outcome: Outcome, bill: Option<&Bill>) -> Stamp {
    let outcome = Arc::new(outcome);
    let event = Event::Outcome { step, outcome: outcome.clone() };
    let Some(bill) = bill else { return frame.record(fuel, event) };
    let spent = bill.take().into_iter().map(|spent| Event::Spent { step, spent }).collect();
    let stamp = frame.run.tape.record_all(&frame.given.path, fuel, spent, event);
    frame.talk.end(step, &outcome);
    stamp
}

/// Makes sure that an effect whose intent is recorded has an outcome, also when it is withdrawn or its task breaks.
struct Unfinished {
    frame: Arc<Frame>,
    step: u32,
    fuel: u64,
    is_open: bool,
    /// Whether it was started, and did not keep its frame waiting.
    is_started: bool,
    /// What it has spent and is not written down.
    bill: Option<Arc<Bill>>,
}

impl Unfinished {
    fn of(frame: &Arc<Frame>, step: u32, admitted: &Admitted, is_started: bool) -> Self {
        let (fuel, bill) = (admitted.fuel, admitted.plan.bill());
        Self { frame: frame.clone(), step, fuel, is_open: true, is_started, bill }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_open {
            let is_withdrawn = self.is_started && !self.frame.pending.is_cleared();
            let by = if is_withdrawn { ITS_CALLER } else { END_OF_FRAME };
            let cancelled = Err(Failure::Cancelled { by: by.into() });
            let bill = self.bill.as_deref();
            let (outcome, stamp) = record_end(&self.frame, self.step, self.fuel, cancelled, bill);
            // It changes nothing where the frame itself waited for the effect.
            self.frame.pending.end(self.step, stamp, outcome);
        }
    }
}

/// What a started effect is while its task is there. The first field is dropped first: who waits for the frame's tasks
/// waits on behalf of the run.
struct Started {
    #[expect(dead_code, reason = "it counts as long as it is there")]
    of_frame: Live,
    frame: Arc<Frame>,
    #[expect(dead_code, reason = "it counts as long as it is there")]
    running: Running,
    #[expect(dead_code, reason = "it counts as long as it is there")]
    of_run: Live,
}

/// Passes a line of log. It has no outcome: without the grant it is dropped.
pub(crate) fn log(frame: &Arc<Frame>, level: Level, message: &str, fuel: u64) {
    // Nobody is asked for each line: templates refuse that.
    if frame.allow(&Access::Log).is_ok() && !frame.next_log_is_past() {
        frame.record(fuel, Event::Log { level, message: Arc::from(message) });
    }
}
