// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happened in a run, sorted into frames and what each of them asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use priory::core::event::{Envelope, Event, Program, RunStarted};
use priory::core::model::Spent;
use priory::core::{Digest, Effect, Failure, FramePath, Outcome, Report, Usage};
use serde_json::{Value, json};

use crate::window::{Window, Windows};

/// The history of a run.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) started: Option<Box<RunStarted>>,
    pub(crate) frames: BTreeMap<FramePath, Frame>,
    /// How often another host took it up.
    pub(crate) resumed: usize,
    pub(crate) result: Option<Result<Report, Failure>>,
    pub(crate) usage: Option<Usage>,
    windows: Windows,
}

/// One frame of it.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) program: Program,
    pub(crate) plugin: Option<Digest>,
    pub(crate) steps: BTreeMap<u32, Step>,
    /// How it ended.
    pub(crate) end: Option<(Option<Failure>, Usage)>,
}

/// One effect of a frame.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) seq: u64,
    pub(crate) effect: Arc<Effect>,
    pub(crate) asked_unix_ms: u64,
    /// What it came to, and when.
    pub(crate) outcome: Option<(Arc<Outcome>, u64)>,
    /// Whether it was refused before it was tried.
    pub(crate) is_refused: bool,
    /// What it spent on models.
    pub(crate) spent: Vec<Spent>,
    /// What the window of a request to a model was made of.
    pub(crate) window: Option<Window>,
}

impl History {
    /// Sorts events.
    pub(crate) fn of(events: &[Envelope]) -> Self {
        let mut history = Self::default();
        events.iter().for_each(|envelope| history.apply(envelope));
        history
    }

    fn apply(&mut self, envelope: &Envelope) {
        let Envelope { seq, frame, unix_ms, event, .. } = envelope;
        match event {
            Event::RunStarted(started) => self.started = Some(started.clone()),
            Event::RunResumed { .. } => self.resumed += 1,
            Event::FrameStarted(started) => {
                let (program, plugin) = (started.program.clone(), started.plugin);
                // A frame that begins anew begins without what it did before.
                self.frames.insert(frame.clone(), Frame { program, plugin, steps: BTreeMap::new(), end: None });
            }
            Event::Intent { step, effect } => self.step(frame, *step, effect, *seq, *unix_ms, None),
            Event::Refused { step, effect, failure } => {
                let outcome = Arc::new(Err(failure.clone()));
                self.step(frame, *step, effect, *seq, *unix_ms, Some(outcome));
            }
            Event::Outcome { step, outcome } => {
                if let Some(step) = self.frames.get_mut(frame).and_then(|frame| frame.steps.get_mut(step)) {
                    step.outcome = Some((outcome.clone(), *unix_ms));
                }
            }
            Event::Spent { step, spent } => {
                if let Some(step) = self.frames.get_mut(frame).and_then(|frame| frame.steps.get_mut(step)) {
                    step.spent.push(spent.clone());
                }
            }
            Event::Log { .. } => {}
            Event::FrameEnded { failure, usage } => {
                if let Some(frame) = self.frames.get_mut(frame) {
                    frame.end = Some((failure.clone(), *usage));
                }
            }
            Event::RunEnded { result, usage } => {
                self.result = Some(result.clone());
                self.usage = Some(*usage);
            }
        }
    }

    fn step(
        &mut self,
        frame: &FramePath,
        step: u32,
        effect: &Arc<Effect>,
        seq: u64,
        asked_unix_ms: u64,
        refused: Option<Arc<Outcome>>,
    ) {
        let window = match &**effect {
            Effect::ModelCall { request, .. } => self.windows.of(frame, step, request),
            _ => None,
        };
        let Some(frame) = self.frames.get_mut(frame) else { return };
        let is_refused = refused.is_some();
        let outcome = refused.map(|outcome| (outcome, asked_unix_ms));
        let (effect, spent) = (effect.clone(), Vec::new());
        frame.steps.insert(step, Step { seq, effect, asked_unix_ms, outcome, is_refused, spent, window });
    }

    /// Writes the frames for programs.
    pub(crate) fn frames_as_json(&self) -> Value {
        self.frames.iter().map(|(path, frame)| frame.as_json(path)).collect()
    }
}

impl Frame {
    fn as_json(&self, path: &FramePath) -> Value {
        let effects: Vec<Value> = self.steps.iter().map(|(number, step)| step.as_json(*number)).collect();
        let (failure, usage) = match &self.end {
            Some((failure, usage)) => (json!(failure), json!(usage)),
            None => (Value::Null, Value::Null),
        };
        json!({
            "frame": path,
            "program": self.program,
            "plugin": self.plugin,
            "has-ended": self.end.is_some(),
            "failure": failure,
            "usage": usage,
            "effects": effects,
        })
    }
}

impl Step {
    fn as_json(&self, number: u32) -> Value {
        let mut value = json!({
            "step": number,
            "seq": self.seq,
            "effect": *self.effect,
            "asked-unix-ms": self.asked_unix_ms,
            "is-refused": self.is_refused,
        });
        if let (false, Some(object)) = (self.spent.is_empty(), value.as_object_mut()) {
            object.insert("spent".into(), json!(self.spent));
        }
        if let (Some(window), Some(object)) = (&self.window, value.as_object_mut()) {
            object.insert("window".into(), window.as_json());
        }
        if let (Some((outcome, at)), Some(object)) = (&self.outcome, value.as_object_mut()) {
            object.insert("ended-unix-ms".into(), json!(at));
            match &**outcome {
                Ok(value) => object.insert("value".into(), json!(value)),
                Err(failure) => object.insert("failure".into(), json!(failure)),
            };
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use priory::core::event::FrameStarted;
    use priory::core::{Limits, RunId};

    use super::*;

    #[test]
    fn a_frame_that_begins_anew_forgets_what_it_did() {
        let run = RunId::from_parts(0, 0);
        let frame = FramePath::root();
        let started = FrameStarted {
            program: Program::Agent(Arc::from("a")),
            plugin: None,
            limits: Limits::default(),
            mounts: vec![],
            env: vec![],
            config: vec![],
        };
        let begin = || Event::FrameStarted(Box::new(started.clone()));
        let intent = |step| Event::Intent { step, effect: Arc::new(Effect::Sleep { ms: 5 }) };
        let outcome = Event::Outcome { step: 0, outcome: Arc::new(Ok(priory::core::Value::Unit)) };
        let history = |events: Vec<Event>| {
            let wrap = |(seq, event)| Envelope { run, seq, frame: frame.clone(), unix_ms: 0, fuel: 0, event };
            History::of(&(0..).zip(events).map(wrap).collect::<Vec<_>>())
        };
        let once = history(vec![begin(), intent(0), outcome.clone(), intent(1)]);
        let steps = &once.frames[&frame].steps;
        assert!(steps[&0].outcome.is_some() && steps[&1].outcome.is_none());
        assert_eq!(once.frames_as_json()[0]["effects"][0]["value"]["type"], "unit");
        let twice = history(vec![begin(), intent(0), outcome, begin(), intent(0)]);
        assert!(twice.frames[&frame].steps[&0].outcome.is_none());
    }
}
