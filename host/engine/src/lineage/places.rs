// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run by its frames: what each was given, asked for and got, in order.

use std::collections::HashMap;

use priory_core::artifact::ArtifactPart;
use priory_core::event::{Envelope, Event, FrameStarted, Program, RunStarted};
use priory_core::inbox::EventRecord;
use priory_core::state::StateOp;
use priory_core::{Effect, Failure, FramePath, Outcome, Report, RunId, Value};

use super::texts::Leaves;
use super::told::{asked, how};
use super::{How, LineageError, SEEN_MAX};

/// Where something stands in a run. Frames, asks and outcomes are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// What a frame was given by its caller; the root by whoever started the run.
    Given(usize),
    /// Environment and configuration of a frame.
    Configured(usize),
    /// What a frame asked for.
    Ask(usize, usize),
    /// What a frame got.
    Outcome(usize, usize),
    /// What the run came to.
    Result,
}

/// Places that are looked through together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shelf<'a> {
    /// What a frame had seen.
    Seen(usize),
    /// What a frame asked with.
    Asked(usize),
    /// What was written to a key of the state.
    Key(&'a str),
    /// One ask.
    Ask(usize, usize),
}

/// A run by its frames.
pub(super) struct Run<'a> {
    pub(super) frames: Vec<Frame<'a>>,
    id: RunId,
    numbers: HashMap<FramePath, usize>,
    started: (u64, &'a RunStarted),
    /// Where each key of the state was written, in order.
    writes: HashMap<&'a str, Vec<Place>>,
    pub(super) result: Option<(u64, &'a Result<Report, Failure>)>,
}

/// One frame of it.
pub(super) struct Frame<'a> {
    pub(super) path: FramePath,
    pub(super) program: &'a Program,
    /// What it was given besides its input; `None` for a root that never began.
    begun: Option<(u64, &'a FrameStarted)>,
    /// The frame that called it, and the ask that did.
    caller: Option<(usize, usize)>,
    pub(super) asks: Vec<Ask<'a>>,
    pub(super) outcomes: Vec<Got<'a>>,
    /// The last ask of each step, and the frame that it opened.
    steps: HashMap<u32, (usize, Option<usize>)>,
    /// When it first read an artifact, of which the events hold no bytes.
    read_artifact: Option<u64>,
}

/// What a frame asked for.
pub(super) struct Ask<'a> {
    pub(super) seq: u64,
    pub(super) step: u32,
    effect: &'a Effect,
}

/// What a frame got.
pub(super) struct Got<'a> {
    pub(super) seq: u64,
    pub(super) step: u32,
    came: Came<'a>,
}

enum Came<'a> {
    Outcome(&'a Outcome),
    Refused(&'a Failure),
}

/// What is said of a place.
pub(super) struct About {
    pub(super) seq: u64,
    pub(super) frame: usize,
    pub(super) step: Option<u32>,
    /// What was asked for there.
    pub(super) asked: Option<String>,
}

/// The number of the root frame.
pub(super) const ROOT: usize = 0;

// === impl Run ===

impl<'a> Run<'a> {
    /// Sorts the events of a run. What was done by frames that were started again is left out.
    pub(super) fn of(events: &'a [Envelope]) -> Result<Self, LineageError> {
        let Some(Envelope { run: id, seq, event: Event::RunStarted(started), .. }) = events.first() else {
            return Err(LineageError::NoStart);
        };
        let root = Frame::new(FramePath::root(), &started.program);
        let (started, writes) = ((*seq, &**started), HashMap::new());
        let numbers = HashMap::from([(FramePath::root(), ROOT)]);
        let mut run = Self { frames: vec![root], id: *id, numbers, started, writes, result: None };
        let mut alive = Alive::of(events);
        for envelope in events {
            let Envelope { seq, frame: path, event, .. } = envelope;
            if *seq < alive.since(path) {
                continue;
            }
            if let Event::FrameStarted(started) = event {
                run.open(path, *seq, started);
                continue;
            }
            if let Event::RunEnded { result, .. } = event {
                run.result = Some((*seq, result));
            }
            let Some(number) = run.numbers.get(path).copied() else { continue };
            let Some(frame) = run.frames.get_mut(number) else { continue };
            match event {
                Event::Intent { step, effect } => {
                    if let Effect::State(StateOp::Write { key, .. }) = &**effect {
                        run.writes.entry(key).or_default().push(Place::Ask(number, frame.asks.len()));
                    }
                    frame.asks(*seq, *step, effect);
                }
                Event::Refused { step, effect, failure } => {
                    frame.asks(*seq, *step, effect);
                    frame.outcomes.push(Got { seq: *seq, step: *step, came: Came::Refused(failure) });
                }
                Event::Outcome { step, outcome } => {
                    let is_unseen = |part: &ArtifactPart| part.bytes.is_empty() && part.byte_len > 0;
                    if matches!(&**outcome, Ok(Value::ArtifactPart(part)) if is_unseen(part)) {
                        frame.read_artifact.get_or_insert(*seq);
                    }
                    frame.outcomes.push(Got { seq: *seq, step: *step, came: Came::Outcome(outcome) });
                }
                Event::RunStarted(_)
                | Event::RunResumed { .. }
                | Event::FrameStarted(_)
                | Event::Log { .. }
                | Event::Spent { .. }
                | Event::FrameEnded { .. }
                | Event::RunEnded { .. } => {}
            }
        }
        Ok(run)
    }

    fn open(&mut self, path: &FramePath, seq: u64, started: &'a FrameStarted) {
        if let (Some(root), true) = (self.frames.first_mut(), path.depth() == 0) {
            (root.program, root.begun) = (&started.program, Some((seq, started)));
            return;
        }
        let number = self.frames.len();
        let mut frame = Frame::new(path.clone(), &started.program);
        frame.begun = Some((seq, started));
        // A frame that lists the tools of a toolset belongs to no step of its own: nothing gave it anything.
        if let Some((above, step)) = path.ancestors().last()
            && let Some(above) = self.numbers.get(&above).copied()
            && let Some((ask, opened)) = self.frames.get_mut(above).and_then(|above| above.steps.get_mut(&step))
        {
            *opened = Some(number);
            frame.caller = Some((above, *ask));
        }
        self.numbers.insert(path.clone(), number);
        self.frames.push(frame);
    }

    pub(super) fn frame(&self, number: usize) -> Option<&Frame<'a>> {
        self.frames.get(number)
    }

    fn ask(&self, frame: usize, number: usize) -> Option<&Ask<'a>> {
        self.frame(frame)?.asks.get(number)
    }

    fn got(&self, frame: usize, number: usize) -> Option<&Got<'a>> {
        self.frame(frame)?.outcomes.get(number)
    }

    /// Returns the frame that gave an outcome; `None` where none did, or where it is not recorded.
    pub(super) fn giver(&self, frame: usize, number: usize) -> Option<usize> {
        let got = self.got(frame, number)?;
        self.frame(frame)?.steps.get(&got.step)?.1
    }

    /// Returns the frame that called another, and the ask that did.
    pub(super) fn caller(&self, frame: usize) -> Option<(usize, &Ask<'a>)> {
        let (caller, ask) = self.frame(frame)?.caller?;
        Some((caller, self.ask(caller, ask)?))
    }

    /// Returns where in the run itself an outcome may be from that no frame gave: what was written to a key of the state,
    /// or the effect that published an event.
    pub(super) fn shelf_behind(&self, frame: usize, number: usize) -> Option<Shelf<'a>> {
        let got = self.got(frame, number)?;
        if let Came::Outcome(Ok(Value::Event(EventRecord { from: Some(from), .. }))) = &got.came {
            let number = *self.numbers.get(&from.frame).filter(|_| from.run == self.id)?;
            return Some(Shelf::Ask(number, self.frame(number)?.steps.get(&from.step)?.0));
        }
        let ask = self.frame(frame)?.steps.get(&got.step)?.0;
        match self.ask(frame, ask)?.effect {
            Effect::State(StateOp::Read { key } | StateOp::Write { key, .. } | StateOp::History { key }) => {
                Some(Shelf::Key(key))
            }
            _ => None,
        }
    }

    /// Returns the places of a shelf, in order.
    pub(super) fn places(&self, shelf: Shelf<'_>) -> Vec<Place> {
        let count = |number: usize, of: fn(&Frame<'a>) -> usize| self.frame(number).map_or(0, of);
        match shelf {
            Shelf::Seen(frame) => {
                let outcomes = 0..count(frame, |frame| frame.outcomes.len());
                let given = [Place::Given(frame), Place::Configured(frame)];
                given.into_iter().chain(outcomes.map(|outcome| Place::Outcome(frame, outcome))).collect()
            }
            Shelf::Asked(frame) => {
                (0..count(frame, |frame| frame.asks.len())).map(|ask| Place::Ask(frame, ask)).collect()
            }
            Shelf::Key(key) => self.writes.get(key).cloned().unwrap_or_default(),
            Shelf::Ask(frame, ask) => vec![Place::Ask(frame, ask)],
        }
    }

    /// Says how something came to a place.
    pub(super) fn how(&self, place: Place) -> How {
        match place {
            Place::Given(ROOT) => How::Input,
            Place::Given(_) => How::Given,
            Place::Configured(_) => How::Configured,
            Place::Ask(..) => How::Asked,
            Place::Outcome(frame, outcome) => match self.got(frame, outcome).map(|got| &got.came) {
                Some(Came::Outcome(outcome)) => how(outcome),
                Some(Came::Refused(_)) | None => How::Failed,
            },
            Place::Result => How::Result,
        }
    }

    /// Returns what stands at a place.
    pub(super) fn leaves(&self, place: Place) -> Leaves {
        let asked = |ask: Option<&Ask<'_>>| ask.map(|ask| Leaves::of_effect(ask.effect)).unwrap_or_default();
        match place {
            Place::Given(ROOT) => self.input(),
            Place::Given(frame) => asked(self.caller(frame).map(|(_, ask)| ask)),
            Place::Configured(frame) => self.configured(frame),
            Place::Ask(frame, ask) => asked(self.ask(frame, ask)),
            Place::Outcome(frame, outcome) => match self.got(frame, outcome).map(|got| &got.came) {
                Some(Came::Outcome(outcome)) => Leaves::of_outcome(outcome),
                Some(Came::Refused(failure)) => Leaves::of_failure(failure),
                None => Leaves::default(),
            },
            Place::Result => match self.result {
                Some((_, Ok(report))) => Leaves::of_report(report),
                Some((_, Err(failure))) => Leaves::of_failure(failure),
                None => Leaves::default(),
            },
        }
    }

    fn input(&self) -> Leaves {
        let mut leaves = Leaves::of_json(&self.started.1.input);
        for (name, value) in &self.started.1.inputs {
            leaves.text(format!("input {name}"), value);
        }
        leaves
    }

    fn configured(&self, frame: usize) -> Leaves {
        let mut leaves = Leaves::default();
        let begun = self.frame(frame).and_then(|frame| frame.begun);
        if let Some((_, begun)) = begun {
            for (name, value) in &begun.env {
                leaves.text(format!("environment {name}"), value);
            }
            for (name, value) in &begun.config {
                leaves.text(format!("configuration {name}"), value);
            }
        }
        leaves
    }

    /// Returns the event of a place.
    pub(super) fn seq(&self, place: Place) -> Option<u64> {
        match place {
            Place::Given(ROOT) => Some(self.started.0),
            Place::Given(frame) => Some(self.caller(frame)?.1.seq),
            Place::Configured(frame) => self.frame(frame)?.begun.map(|(seq, _)| seq),
            Place::Ask(frame, ask) => Some(self.ask(frame, ask)?.seq),
            Place::Outcome(frame, outcome) => Some(self.got(frame, outcome)?.seq),
            Place::Result => Some(self.result?.0),
        }
    }

    /// Returns the first events that a frame had seen before another one, and how many there are.
    pub(super) fn seen_until(&self, number: usize, before: u64) -> (Vec<u64>, usize) {
        let outcomes = self.frame(number).map(|frame| frame.outcomes.as_slice()).unwrap_or_default();
        let count = outcomes.partition_point(|got| got.seq < before);
        let given = self.seq(Place::Given(number)).into_iter().filter(|seq| *seq < before);
        let count_all = count + given.clone().count();
        let seen = given.chain(outcomes.iter().take(count).map(|got| got.seq));
        (seen.take(SEEN_MAX).collect(), count_all)
    }

    /// Says where a place is: frames stand for what they were given.
    pub(super) fn about(&self, place: Place) -> Option<About> {
        let seq = self.seq(place)?;
        let (frame, step, asked) = match place {
            Place::Given(frame) => (frame, None, self.asked_of(frame)),
            Place::Configured(frame) => (frame, None, None),
            Place::Ask(frame, ask) => {
                let ask = self.ask(frame, ask)?;
                (frame, Some(ask.step), Some(asked(ask.effect)))
            }
            Place::Outcome(frame, outcome) => {
                let step = self.got(frame, outcome)?.step;
                let ask = self.frame(frame)?.steps.get(&step).and_then(|(ask, _)| self.ask(frame, *ask));
                (frame, Some(step), ask.map(|ask| asked(ask.effect)))
            }
            Place::Result => (ROOT, None, None),
        };
        Some(About { seq, frame, step, asked })
    }

    /// Returns what a frame was asked for, in a line.
    pub(super) fn asked_of(&self, frame: usize) -> Option<String> {
        self.caller(frame).map(|(_, ask)| asked(ask.effect))
    }
}

// === impl Frame ===

impl<'a> Frame<'a> {
    fn new(path: FramePath, program: &'a Program) -> Self {
        let (asks, outcomes, steps) = (Vec::new(), Vec::new(), HashMap::new());
        Self { path, program, begun: None, caller: None, asks, outcomes, steps, read_artifact: None }
    }

    fn asks(&mut self, seq: u64, step: u32, effect: &'a Effect) {
        self.steps.insert(step, (self.asks.len(), None));
        self.asks.push(Ask { seq, step, effect });
    }

    /// Tells whether it had read an artifact before an event.
    pub(super) fn had_artifact(&self, before: u64) -> bool {
        self.read_artifact.is_some_and(|read| read < before)
    }

    /// Tells whether it saw files, which nothing records.
    pub(super) fn sees_files(&self) -> bool {
        self.begun.is_some_and(|(_, begun)| !begun.mounts.is_empty())
    }
}

/// Since which event the frames of a run count: one that stands twice was started again from its beginning, with all below.
struct Alive<'a> {
    begun: HashMap<&'a FramePath, u64>,
    known: HashMap<&'a FramePath, u64>,
}

// === impl Alive ===

impl<'a> Alive<'a> {
    fn of(events: &'a [Envelope]) -> Self {
        let begun = events.iter().filter(|envelope| matches!(envelope.event, Event::FrameStarted(_)));
        Self { begun: begun.map(|envelope| (&envelope.frame, envelope.seq)).collect(), known: HashMap::new() }
    }

    fn since(&mut self, path: &'a FramePath) -> u64 {
        if let Some(known) = self.known.get(path) {
            return *known;
        }
        let own = self.begun.get(path).copied();
        let above = path.ancestors().filter_map(|(above, _)| self.begun.get(&above).copied());
        let since = above.chain(own).max().unwrap_or_default();
        self.known.insert(path, since);
        since
    }
}
