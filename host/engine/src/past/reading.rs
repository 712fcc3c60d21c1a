// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the events of a run, in order, to what is known of its frames.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use priory_core::{Amounts, Effect, Event, Failure, FramePath, Outcome, Usage, Value};

use super::{END_OF_FRAME, ITS_CALLER, PastEnd, PastFrame, PastStep, forget_below, is_aside};
use crate::cancel::{self, PastCancel};
use crate::resume::expenses::{RECENT_MAX, Recent};
use crate::shared::Shared;
use crate::tape::Stamp;

/// Events on their way into frames.
#[derive(Default)]
pub(super) struct Reading {
    frames: HashMap<FramePath, PastFrame>,
    /// What its frames shared.
    pub(super) shared: Shared,
    /// Those that waited for somebody to cancel the run.
    cancels: HashSet<(FramePath, u32)>,
    pub(super) cancel: Option<PastCancel>,
    /// What it spent on models last.
    pub(super) recent: VecDeque<Recent>,
    /// Time at work so far, in milliseconds, and the time of the last event.
    worked_ms: u64,
    last_unix_ms: Option<u64>,
    /// Time at work when each frame began.
    begun_ms: HashMap<FramePath, u64>,
}

impl Reading {
    pub(super) fn take(&mut self, path: FramePath, stamp: Stamp, fuel: u64, event: Event) -> Result<(), String> {
        self.count_time(&path, stamp.unix_ms, &event);
        let absent =
            |step: u32| format!("step {step} of frame {path} ended without having begun (event {})", stamp.seq);
        match event {
            Event::FrameStarted(started) => {
                // A frame that stands twice was started again from its beginning.
                let is_again = self.frames.get(&path).is_some_and(|known| known.started.is_some());
                let sunk = forget_below(&mut self.frames, &mut self.shared, &path);
                self.begun_ms.insert(path.clone(), self.worked_ms);
                let frame = self.frames.entry(path).or_default();
                (frame.started, frame.sunk, frame.is_again) = (Some((started, stamp)), sunk, is_again);
            }
            Event::Intent { step, effect } => {
                if matches!(*effect, Effect::AwaitCancel) && self.cancel.is_none() {
                    self.cancels.insert((path.clone(), step));
                }
                let (spent, used) = (Vec::new(), Usage::default());
                let begun = PastStep { effect, asked_unix_ms: stamp.unix_ms, fuel, end: None, spent, used };
                self.frames.entry(path).or_default().steps.insert(step, begun);
            }
            Event::Refused { step, effect, failure } => {
                let end = PastEnd { outcome: Arc::new(Err(failure)), stamp, was_refused: true };
                let (spent, used) = (Vec::new(), Usage::default());
                let refused = PastStep { effect, asked_unix_ms: stamp.unix_ms, fuel, end: Some(end), spent, used };
                self.frames.entry(path).or_default().steps.insert(step, refused);
            }
            Event::Outcome { step, outcome } => {
                let frame = self.frames.entry(path.clone()).or_default();
                let known = frame.steps.get_mut(&step).ok_or_else(|| absent(step))?;
                take_back_cut(known);
                self.shared.take(&path, step, &known.effect, &outcome, stamp);
                if self.cancel.is_none()
                    && let Some(by) = cancel::said_by(&known.effect, &outcome)
                {
                    self.cancel = Some(PastCancel { by, reaches: std::mem::take(&mut self.cancels) });
                }
                known.end = Some(PastEnd { outcome, stamp, was_refused: false });
            }
            Event::Spent { step, spent } => {
                let frame = self.frames.entry(path.clone()).or_default();
                let known = frame.steps.get_mut(&step).ok_or_else(|| absent(step))?;
                take_back_cut(known);
                known.spent.push(spent.clone());
                if self.recent.len() >= RECENT_MAX {
                    self.recent.pop_front();
                }
                self.recent.push_back(Recent { frame: path, step, spent, stamp });
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
    pub(super) fn take_back_cuts(&mut self) {
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
                frame.steps.values_mut().for_each(take_back_cut);
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

    /// Returns the events that frames were given, with who was.
    pub(super) fn taken(&self) -> HashMap<String, FramePath> {
        let of_frame = |(path, frame): (&FramePath, &PastFrame)| {
            let outcomes = frame.steps.values().filter_map(|step| step.end.as_ref());
            let ids = outcomes.filter_map(|end| match end.outcome.as_ref() {
                Ok(Value::Event(event)) => Some((event.id.clone(), path.clone())),
                _ => None,
            });
            ids.collect::<Vec<_>>()
        };
        self.frames.iter().flat_map(of_frame).collect()
    }

    /// Adds what each frame used to itself, to those above it, and to the steps that it is below, and returns what all have.
    fn count_used(&mut self) -> Usage {
        let mut total = Usage::default();
        let ended = self.frames.iter().filter_map(|(path, frame)| {
            let Amounts { tokens_in, tokens_out, money_microusd, .. } = frame.spent_itself();
            let usage = Usage { tokens_in, tokens_out, money_microusd, ..frame.ended.as_ref()?.1 };
            Some((path.clone(), usage))
        });
        for (path, usage) in ended.collect::<Vec<_>>() {
            total.absorb(usage);
            // Only the waiting of the root is waiting of the run.
            if path == FramePath::root() {
                total.wait_us = usage.wait_us;
            }
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
        total
    }

    /// Leaves out the time up to now: the run was away.
    pub(super) fn rest(&mut self, unix_ms: u64) {
        self.last_unix_ms = Some(unix_ms);
    }

    /// Counts the time up to an event as work, unless the run rested or was away.
    fn count_time(&mut self, path: &FramePath, unix_ms: u64, event: &Event) {
        let before = self.last_unix_ms.replace(unix_ms).unwrap_or(unix_ms);
        let rested = match event {
            Event::Outcome { step, .. } => {
                self.frames.get(path).and_then(|frame| frame.steps.get(step)).is_some_and(|known| {
                    matches!(
                        *known.effect,
                        Effect::Sleep { .. } | Effect::AskHuman(_) | Effect::AwaitCancel | Effect::AwaitEvent { .. }
                    )
                })
            }
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
            // What is withdrawn with a frame tells later what it took.
            let Amounts { fuel, memory_bytes, calls, bytes, .. } = usage.amounts();
            return Amounts { fuel, memory_bytes, calls, bytes, ..frame.spent_itself() };
        }
        let has_ended = |(above, step)| {
            let step = self.frames.get(&above).and_then(|frame: &PastFrame| frame.steps.get(&step));
            step.is_some_and(|step| step.end.is_some())
        };
        // What went to models is spent, whatever became of the frame.
        if path.ancestors().any(has_ended) {
            return frame.spent_itself();
        }
        let steps = frame.steps.iter().filter(|(step, _)| !is_aside(**step));
        steps.fold(frame.sunk, |sum, (_, step)| sum.saturating_add(step.cost()))
    }

    pub(super) fn end(mut self) -> (HashMap<FramePath, PastFrame>, Amounts, Usage) {
        let used = self.count_used();
        let spent = self.count_spent();
        for (path, begun_ms) in self.begun_ms {
            if let Some(frame) = self.frames.get_mut(&path) {
                frame.worked = Duration::from_millis(self.worked_ms.saturating_sub(begun_ms));
            }
        }
        (self.frames, spent, used)
    }
}

/// Takes back that an effect was cut with its frame, where it was: it goes on. With that goes what it took when it was
/// withdrawn, since it is sent again, and counts once.
fn take_back_cut(step: &mut PastStep) {
    let is_cut = |outcome: &Outcome| matches!(outcome, Err(Failure::Cancelled { by }) if by == END_OF_FRAME);
    if step.end.take_if(|end| is_cut(&end.outcome)).is_some() {
        step.spent.pop_if(|spent| !spent.is_answered);
    }
}
