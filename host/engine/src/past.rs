// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of a run that was begun before: its events, found by the frame and the step that they belong to.

mod reading;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::artifact::Reference;
use priory_core::event::{FrameStarted, Program, RunStarted};
use priory_core::model::{Delta, Spent};
use priory_core::{Amounts, Dimension, Effect, Envelope, Event, Failure, FramePath, Outcome, Report, Usage, Value};

use crate::cancel::PastCancel;
use crate::model::talk;
use crate::resume::expenses::Recent;
use crate::shared::Shared;
use crate::size;
use crate::tape::Stamp;
use reading::Reading;

/// The step under which a frame keeps the answer to the question what became of it. No effect has it.
pub(crate) const IN_DOUBT: u32 = FramePath::STEPS_MAX;

/// The step under which the place of an effect keeps the answer to the question whether it may be performed. No effect has
/// it.
pub(crate) const APPROVAL: u32 = FramePath::STEPS_MAX - 1;

/// Who withdrew a frame or an effect on behalf of the program that had asked for it.
pub(crate) const ITS_CALLER: &str = "its caller";

/// Who withdrew an effect when the frame that had asked for it came to its end without it.
pub(crate) const END_OF_FRAME: &str = "the end of its frame";

/// What is known of a run.
#[derive(Default)]
pub(crate) struct Past {
    frames: Mutex<HashMap<FramePath, PastFrame>>,
    /// What its frames shared.
    pub(crate) shared: Mutex<Shared>,
    /// Events that the run has taken, by their ids, with the frame that did.
    taken: Mutex<HashMap<String, FramePath>>,
    /// What is executed again is compared with what is known, instead of being believed.
    pub(crate) is_trial: bool,
    /// The run had not ended, or was cut from outside: a trial that comes to where nothing is known has come to its end.
    pub(crate) is_open_ended: bool,
    /// Who wanted to cancel the run, where programs were told.
    pub(crate) cancel: Option<PastCancel>,
    /// What it spent on models last, in the order of its events.
    pub(crate) recent: Vec<Recent>,
    /// What the run has cost.
    pub(crate) spent: Amounts,
    /// What its frames that have ended used. Some of them are never come back to: those above them end without them.
    pub(crate) used: Usage,
    /// What executed guests in the run: whether all of it was one engine, and which.
    pub(crate) engine: Option<Arc<str>>,
}

/// What is known of one frame.
#[derive(Default)]
pub(crate) struct PastFrame {
    pub(crate) started: Option<(Box<FrameStarted>, Stamp)>,
    steps: HashMap<u32, PastStep>,
    /// How many lines of log it wrote.
    pub(crate) logs: u64,
    /// How it ended, with what it used itself.
    pub(crate) ended: Option<(Option<Failure>, Usage)>,
    /// What it used, with the frames below it, as far as they have ended.
    pub(crate) used: Usage,
    /// What all of that, and what goes on in it, has cost: those who come back must find it spent, however slowly the others
    /// come back.
    pub(crate) spent: Amounts,
    /// What it, and all below it, spent on models when it began before: it is spent, although it starts from its beginning.
    pub(crate) sunk: Amounts,
    /// Whether it had begun before, and starts from its beginning.
    pub(crate) is_again: bool,
    /// How long it had been at work, without the time in which its run rested or was in nobody's memory.
    pub(crate) worked: Duration,
}

/// What is known of one effect.
#[derive(Clone)]
pub(crate) struct PastStep {
    pub(crate) effect: Arc<Effect>,
    /// When it was asked for, in milliseconds since 1970.
    pub(crate) asked_unix_ms: u64,
    /// The fuel that its frame had burnt then.
    pub(crate) fuel: u64,
    pub(crate) end: Option<PastEnd>,
    /// What it spent on models, in the order of the events.
    pub(crate) spent: Vec<Spent>,
    /// What the frames below it used.
    pub(crate) used: Usage,
}

/// What an effect came to.
#[derive(Clone)]
pub(crate) struct PastEnd {
    pub(crate) outcome: Arc<Outcome>,
    pub(crate) stamp: Stamp,
    /// Whether it was not even authorized.
    pub(crate) was_refused: bool,
}

/// The two ends of a run.
pub(crate) struct Ends {
    pub(crate) started: Box<RunStarted>,
    pub(crate) result: Option<Result<Report, Failure>>,
    pub(crate) next_seq: u64,
}

impl Past {
    /// Reads the events of a run, or says why they are not one.
    pub(crate) fn read(events: Vec<Envelope>, is_trial: bool) -> Result<(Self, Ends), String> {
        let mut reading = Reading::default();
        let (mut started, mut result, mut next_seq) = (None::<Box<RunStarted>>, None, 0);
        let mut is_one_engine = true;
        for envelope in events {
            if envelope.seq != next_seq {
                return Err(format!("event {next_seq} is missing"));
            }
            next_seq += 1;
            match envelope.event {
                Event::RunStarted(run) => {
                    reading.shared.artifacts.give(Reference::all_in(&run.input));
                    started = Some(run);
                }
                Event::RunResumed { engine } => {
                    is_one_engine &= started.as_ref().is_some_and(|started| started.engine == engine);
                    reading.rest(envelope.unix_ms);
                }
                Event::RunEnded { result: end, .. } => result = Some(end),
                event => reading.take(
                    envelope.frame,
                    Stamp { seq: envelope.seq, unix_ms: envelope.unix_ms },
                    envelope.fuel,
                    event,
                )?,
            }
        }
        let started = started.ok_or("its first event is not that it was started")?;
        if result.is_none() {
            reading.take_back_cuts();
        }
        let taken = Mutex::new(reading.taken());
        let shared = Mutex::new(std::mem::take(&mut reading.shared));
        let cancel = reading.cancel.take();
        let recent = std::mem::take(&mut reading.recent).into();
        let (frames, spent, used) = reading.end();
        let frames = Mutex::new(frames);
        let is_open_ended = result.as_ref().is_none_or(|result| result.as_ref().is_err_and(comes_from_outside));
        let engine = is_one_engine.then(|| started.engine.clone());
        Ok((
            Self { frames, shared, taken, cancel, recent, spent, used, is_trial, is_open_ended, engine },
            Ends { started, result, next_seq },
        ))
    }

    /// Returns what is known of a step of a frame that nobody has taken yet.
    pub(crate) fn step(&self, path: &FramePath, step: u32) -> Option<PastStep> {
        self.frames.lock().get(path)?.step(step).cloned()
    }

    /// Shows what a frame that nobody has taken yet executes, what it asked for at a step, and the event with which it, or the
    /// nearest frame above it, began that was started again from its beginning.
    pub(crate) fn place<T>(
        &self,
        path: &FramePath,
        step: u32,
        show: impl FnOnce(&Program, &Effect, u64) -> Option<T>,
    ) -> Option<T> {
        let frames = self.frames.lock();
        let again = |path: &FramePath| {
            let (_, stamp) = frames.get(path).filter(|frame| frame.is_again)?.started.as_ref()?;
            Some(stamp.seq)
        };
        let above = path.ancestors().filter_map(|(above, _)| again(&above)).last();
        let frame = frames.get(path)?;
        let (started, _) = frame.started.as_ref()?;
        show(&started.program, &frame.step(step)?.effect, again(path).or(above).unwrap_or_default())
    }

    /// Returns the effects that wait for somebody to cancel the run, in the order of the program.
    pub(crate) fn open_cancels(&self) -> Vec<(FramePath, u32)> {
        let frames = self.frames.lock();
        let goes_on = |path: &FramePath, frame: &PastFrame| {
            let is_asked_for = |(above, step): (FramePath, u32)| {
                let above = frames.get(&above).filter(|above| above.ended.is_none());
                above.and_then(|above| above.steps.get(&step)).is_some_and(|step| step.end.is_none())
            };
            frame.ended.is_none() && path.ancestors().all(is_asked_for)
        };
        let waiting = |(path, frame): (&FramePath, &PastFrame)| {
            let steps = frame.steps.iter().filter(|(_, step)| step.end.is_none());
            let steps = steps.filter(|(_, step)| matches!(*step.effect, Effect::AwaitCancel));
            steps.map(|(step, _)| (path.clone(), *step)).collect::<Vec<_>>()
        };
        let open = frames.iter().filter(|(path, frame)| goes_on(path, frame));
        let mut open: Vec<_> = open.flat_map(waiting).collect();
        open.sort();
        open
    }

    /// Tells whether a frame was opened before, and has not been taken up again.
    pub(crate) fn has_begun(&self, path: &FramePath) -> bool {
        // An approval is known of its place, too, before the frame is opened.
        self.frames.lock().get(path).is_some_and(|frame| frame.started.is_some())
    }

    /// Takes what is known of a frame.
    pub(crate) fn take(&self, path: &FramePath) -> Option<PastFrame> {
        self.frames.lock().remove(path)
    }

    /// Tells whether a frame can be executed again to see whether it comes to the same: it was opened before, saw nothing
    /// that is not in the events, and came to its end by itself.
    pub(crate) fn can_be_tried(&self, path: &FramePath, outcome: &Outcome) -> bool {
        if outcome.as_ref().is_err_and(comes_from_outside) {
            return false;
        }
        let frames = self.frames.lock();
        // One that may not go on when its run is taken up has no end of its own.
        let ended = frames.get(path).filter(|frame| frame.ended.is_some());
        let started = ended.and_then(|frame| frame.started.as_ref());
        started.is_some_and(|(started, _)| started.mounts.is_empty())
    }

    /// Forgets a frame and all below it: it starts again from its beginning, and takes its events again.
    /// `known` is what was taken of the frame itself.
    /// Returns what is known of it then: nothing but what it spent on models.
    pub(crate) fn forget(&self, path: &FramePath, known: &PastFrame) -> PastFrame {
        let mut shared = self.shared.lock();
        known.give(path, &mut shared);
        let below = forget_below(&mut self.frames.lock(), &mut shared, path);
        self.taken.lock().retain(|_, frame| !frame.is_within(path));
        let sunk = below.saturating_add(known.spent_itself());
        PastFrame { sunk, spent: sunk, is_again: true, ..PastFrame::default() }
    }

    /// Takes an event for a frame, and tells whether it was still there to be taken.
    pub(crate) fn take_event(&self, id: &str, frame: &FramePath) -> bool {
        let mut taken = self.taken.lock();
        let is_there = !taken.contains_key(id);
        if is_there {
            taken.insert(id.to_owned(), frame.clone());
        }
        is_there
    }
}

impl PastFrame {
    /// Notes what the frame did to what all frames share: it stays done when the frame starts again.
    fn give(&self, path: &FramePath, shared: &mut Shared) {
        for (step, known) in &self.steps {
            if let Some(end) = &known.end {
                shared.repeat(path, *step, &known.effect, &end.outcome);
            }
        }
    }

    /// Returns what is known of a step.
    pub(crate) fn step(&self, step: u32) -> Option<&PastStep> {
        self.steps.get(&step)
    }

    /// Returns what the frame itself spent on models.
    pub(crate) fn spent_itself(&self) -> Amounts {
        self.steps.values().fold(self.sunk, |sum, step| sum.saturating_add(talk::sum(&step.spent)))
    }

    /// Returns the steps at which pieces of an answer were heard that was asked for at another, with the pieces.
    pub(crate) fn heard(&self, call: u32) -> impl Iterator<Item = &Delta> {
        self.steps.values().filter_map(move |step| match (&*step.effect, step.end.as_ref().map(|end| &*end.outcome)) {
            (Effect::ModelRead { call: of, .. }, Some(Ok(Value::Delta(Some(delta))))) if *of == call => Some(delta),
            _ => None,
        })
    }

    /// Tells whether the frame had gone beyond a step: then that was not refused, or it would be known.
    pub(crate) fn is_beyond(&self, step: u32) -> bool {
        self.steps.keys().any(|known| *known > step && !is_aside(*known))
    }
}

impl PastStep {
    /// Returns what it has cost, without the frames below it: what was refused counted only as far as it went.
    fn cost(&self) -> Amounts {
        let asked = size::of_effect(&self.effect);
        let (calls, bytes) = match &self.end {
            None => (1, asked),
            Some(end) if !end.was_refused => (1, asked.saturating_add(size::of_outcome(&end.outcome))),
            Some(end) => match end.outcome.as_ref() {
                Err(Failure::Limit(hit)) => (u64::from(hit.dimension != Dimension::Calls), 0),
                _ => (1, asked),
            },
        };
        Amounts { calls, bytes, ..talk::sum(&self.spent) }
    }
}

/// Forgets a frame and all below it, and returns what they spent on models. What they did to what all frames share stays done, and what a person approved stays
/// approved: the same effect at the same place is not asked for again.
fn forget_below(frames: &mut HashMap<FramePath, PastFrame>, shared: &mut Shared, path: &FramePath) -> Amounts {
    let mut approvals = Vec::new();
    let mut sunk = Amounts::default();
    for (frame, mut known) in frames.extract_if(|other, _| other.is_within(path)) {
        sunk = sunk.saturating_add(known.spent_itself());
        approvals.extend(known.steps.remove(&APPROVAL).map(|approval| (frame.clone(), approval)));
        known.give(&frame, shared);
    }
    for (frame, approval) in approvals {
        frames.entry(frame).or_default().steps.insert(APPROVAL, approval);
    }
    sunk
}

/// Tells whether a step is not one of the frame's own effects.
pub(crate) fn is_aside(step: u32) -> bool {
    step == IN_DOUBT || step == APPROVAL
}

/// Tells whether a failure has a cause that is not in the events.
pub(crate) fn comes_from_outside(failure: &Failure) -> bool {
    matches!(failure, Failure::Cancelled { .. } | Failure::Timeout(_) | Failure::InDoubt { .. })
}
