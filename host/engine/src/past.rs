// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of a run that was begun before: its events, found by the frame and the step that they belong to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use priory_core::event::{FrameStarted, RunStarted};
use priory_core::{Amounts, Dimension, Effect, Envelope, Event, Failure, FramePath, Outcome, Report, Usage};

use crate::size;
use crate::tape::Stamp;

/// The step under which a frame keeps the answer to the question what became of it. No effect has it.
pub(crate) const IN_DOUBT: u32 = FramePath::STEPS_MAX;

/// Who withdrew a frame or an effect on behalf of the program that had asked for it.
pub(crate) const ITS_CALLER: &str = "its caller";

/// Who withdrew an effect when the frame that had asked for it came to its end without it.
pub(crate) const END_OF_FRAME: &str = "the end of its frame";

/// What is known of a run.
#[derive(Default)]
pub(crate) struct Past {
    frames: Mutex<HashMap<FramePath, PastFrame>>,
    /// What is executed again is compared with what is known, instead of being believed.
    pub(crate) is_trial: bool,
    /// The run had not ended, or was cut from outside: a trial that comes to where nothing is known has come to its end.
    pub(crate) is_open_ended: bool,
    /// What the run has cost.
    pub(crate) spent: Amounts,
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
                Event::RunStarted(run) => started = Some(run),
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
        let (frames, spent) = reading.end();
        let frames = Mutex::new(frames);
        let is_open_ended = result.as_ref().is_none_or(|result| result.as_ref().is_err_and(comes_from_outside));
        let engine = is_one_engine.then(|| started.engine.clone());
        Ok((Self { frames, spent, is_trial, is_open_ended, engine }, Ends { started, result, next_seq }))
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
        let started = frames.get(path).and_then(|frame| frame.started.as_ref());
        started.is_some_and(|(started, _)| started.mounts.is_empty())
    }

    /// Forgets a frame and all below it: it starts again from its beginning.
    pub(crate) fn forget(&self, path: &FramePath) {
        self.frames.lock().retain(|other, _| !other.is_within(path));
    }
}

impl PastFrame {
    /// Returns what is known of a step.
    pub(crate) fn step(&self, step: u32) -> Option<&PastStep> {
        self.steps.get(&step)
    }

    /// Tells whether the frame had gone beyond a step: then that was not refused, or it would be known.
    pub(crate) fn is_beyond(&self, step: u32) -> bool {
        self.steps.keys().any(|known| *known > step && *known != IN_DOUBT)
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
        Amounts { calls, bytes, ..Amounts::default() }
    }
}

/// Tells whether a failure has a cause that is not in the events.
pub(crate) fn comes_from_outside(failure: &Failure) -> bool {
    matches!(failure, Failure::Cancelled { .. } | Failure::Timeout(_) | Failure::InDoubt { .. })
}

/// Events on their way into frames.
#[derive(Default)]
struct Reading {
    frames: HashMap<FramePath, PastFrame>,
    /// Time at work so far, in milliseconds, and the time of the last event.
    worked_ms: u64,
    last_unix_ms: Option<u64>,
    /// Time at work when each frame began.
    begun_ms: HashMap<FramePath, u64>,
}

impl Reading {
    fn take(&mut self, path: FramePath, stamp: Stamp, fuel: u64, event: Event) -> Result<(), String> {
        self.count_time(&path, stamp.unix_ms, &event);
        let absent =
            |step: u32| format!("step {step} of frame {path} ended without having begun (event {})", stamp.seq);
        match event {
            Event::FrameStarted(started) => {
                // A frame that stands twice was started again from its beginning.
                self.frames.retain(|other, _| !other.is_within(&path));
                self.begun_ms.insert(path.clone(), self.worked_ms);
                let frame = self.frames.entry(path).or_default();
                frame.started = Some((started, stamp));
            }
            Event::Intent { step, effect } => {
                let begun = PastStep { effect, asked_unix_ms: stamp.unix_ms, fuel, end: None, used: Usage::default() };
                self.frames.entry(path).or_default().steps.insert(step, begun);
            }
            Event::Refused { step, effect, failure } => {
                let end = PastEnd { outcome: Arc::new(Err(failure)), stamp, was_refused: true };
                let refused =
                    PastStep { effect, asked_unix_ms: stamp.unix_ms, fuel, end: Some(end), used: Usage::default() };
                self.frames.entry(path).or_default().steps.insert(step, refused);
            }
            Event::Outcome { step, outcome } => {
                let frame = self.frames.entry(path.clone()).or_default();
                let known = frame.steps.get_mut(&step).ok_or_else(|| absent(step))?;
                known.end = Some(PastEnd { outcome, stamp, was_refused: false });
            }
            Event::Log { .. } => self.frames.entry(path).or_default().logs += 1,
            Event::FrameEnded { failure, usage } => {
                self.frames.entry(path).or_default().ended = Some((failure, usage));
            }
            Event::RunStarted(_) | Event::RunResumed { .. } | Event::RunEnded { .. } => {}
        }
        Ok(())
    }

    /// Takes back that frames and effects were cut where the host went away before it wrote down by what: they go on, and
    /// whoever cut them does so again. Else a program would be told of a withdrawal of which nobody knows.
    fn take_back_cuts(&mut self) {
        let mut paths: Vec<FramePath> = self.frames.keys().cloned().collect();
        paths.sort_by_key(FramePath::depth);
        for path in paths {
            let is_asked_for = self.is_asked_for(&path);
            let Some(frame) = self.frames.get_mut(&path) else { continue };
            let was_cut = |by: &Failure| matches!(by, Failure::Cancelled { by } if by == ITS_CALLER);
            if is_asked_for && matches!(&frame.ended, Some((Some(failure), _)) if was_cut(failure)) {
                frame.ended = None;
            }
            if frame.ended.is_none() {
                let is_cut =
                    |outcome: &Outcome| matches!(outcome, Err(Failure::Cancelled { by }) if by == END_OF_FRAME);
                for step in frame.steps.values_mut() {
                    step.end.take_if(|end| is_cut(&end.outcome));
                }
            }
        }
    }

    /// Tells whether the effect that opened a frame has not ended; that of the root is the run.
    fn is_asked_for(&self, path: &FramePath) -> bool {
        let mut above: Vec<_> = path.ancestors().collect();
        above.reverse();
        let step = above.iter().find_map(|(above, step)| self.frames.get(above)?.steps.get(step));
        step.is_none_or(|step| step.end.is_none())
    }

    /// Adds what each frame used to itself, to those above it, and to the steps that it is below.
    fn count_used(&mut self) {
        let ended = self.frames.iter().filter_map(|(path, frame)| Some((path.clone(), frame.ended.as_ref()?.1)));
        for (path, usage) in ended.collect::<Vec<_>>() {
            if let Some(frame) = self.frames.get_mut(&path) {
                frame.used.absorb(usage);
            }
            for (above, step) in path.ancestors() {
                let Some(frame) = self.frames.get_mut(&above) else { continue };
                frame.used.absorb(usage);
                if let Some(known) = frame.steps.get_mut(&step) {
                    known.used.absorb(usage);
                }
            }
        }
    }

    /// Leaves out the time up to now: the run was away.
    fn rest(&mut self, unix_ms: u64) {
        self.last_unix_ms = Some(unix_ms);
    }

    /// Counts the time up to an event as work, unless the run rested or was away.
    fn count_time(&mut self, path: &FramePath, unix_ms: u64, event: &Event) {
        let before = self.last_unix_ms.replace(unix_ms).unwrap_or(unix_ms);
        let rested = match event {
            Event::Outcome { step, .. } => self
                .frames
                .get(path)
                .and_then(|frame| frame.steps.get(step))
                .is_some_and(|known| matches!(*known.effect, Effect::Sleep { .. } | Effect::AskHuman(_))),
            _ => false,
        };
        if !rested {
            self.worked_ms = self.worked_ms.saturating_add(unix_ms.saturating_sub(before));
        }
    }

    /// Adds what each frame has cost to itself and to those above it, and returns what all have.
    fn count_spent(&mut self) -> Amounts {
        let mut total = Amounts::default();
        let costs = self.frames.iter().map(|(path, frame)| (path.clone(), self.cost(path, frame))).collect::<Vec<_>>();
        for (path, cost) in costs {
            total = total.saturating_add(cost);
            for path in path.ancestors().map(|(above, _)| above).chain([path.clone()]) {
                if let Some(frame) = self.frames.get_mut(&path) {
                    frame.spent = frame.spent.saturating_add(cost);
                }
            }
        }
        total
    }

    /// Returns what one frame has cost itself. The fuel of one that goes on is reserved for it when it is opened.
    fn cost(&self, path: &FramePath, frame: &PastFrame) -> Amounts {
        if let Some((_, usage)) = &frame.ended {
            return Amounts { fuel: usage.fuel, memory_bytes: 0, calls: usage.calls, bytes: usage.bytes };
        }
        let has_ended = |(above, step)| {
            let step = self.frames.get(&above).and_then(|frame: &PastFrame| frame.steps.get(&step));
            step.is_some_and(|step| step.end.is_some())
        };
        if path.ancestors().any(has_ended) {
            return Amounts::default();
        }
        let steps = frame.steps.iter().filter(|(step, _)| **step != IN_DOUBT);
        steps.fold(Amounts::default(), |sum, (_, step)| sum.saturating_add(step.cost()))
    }

    fn end(mut self) -> (HashMap<FramePath, PastFrame>, Amounts) {
        self.count_used();
        let spent = self.count_spent();
        for (path, begun_ms) in self.begun_ms {
            if let Some(frame) = self.frames.get_mut(&path) {
                frame.worked = Duration::from_millis(self.worked_ms.saturating_sub(begun_ms));
            }
        }
        (self.frames, spent)
    }
}
