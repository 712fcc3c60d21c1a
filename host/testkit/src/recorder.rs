// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recorder that keeps events in memory: a fake journal.

use parking_lot::Mutex;
use priory_core::effect::Level;
use priory_core::event::Program;
use priory_core::ports::Recorder;
use priory_core::{Envelope, Event, Failure, Usage};

/// How many events are kept. A run that makes more has gone wrong; its journal is then not complete.
const EVENTS_MAX: usize = 200_000;

/// A fake journal.
#[derive(Debug, Default)]
pub struct MemoryRecorder {
    events: Mutex<Vec<Envelope>>,
}

/// How a frame ended.
#[derive(Debug, Clone)]
pub struct FrameEnd {
    /// What it executed.
    pub program: Program,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What it used itself.
    pub usage: Usage,
}

impl MemoryRecorder {
    /// Makes an empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the events so far, in order.
    pub fn events(&self) -> Vec<Envelope> {
        self.events.lock().clone()
    }

    /// Returns the lines of log so far.
    pub fn log(&self) -> Vec<(Level, String)> {
        let line = |envelope: &Envelope| match &envelope.event {
            Event::Log { level, message } => Some((*level, message.to_string())),
            _ => None,
        };
        self.events.lock().iter().filter_map(line).collect()
    }

    /// Returns the frames that have ended, in the order in which they ended.
    pub fn frames(&self) -> Vec<FrameEnd> {
        let events = self.events.lock();
        let program_of = |frame: &priory_core::FramePath| {
            events.iter().find_map(|envelope| match &envelope.event {
                Event::FrameStarted(started) if envelope.frame == *frame => Some(started.program.clone()),
                _ => None,
            })
        };
        let end = |envelope: &Envelope| match &envelope.event {
            Event::FrameEnded { failure, usage } => {
                Some(FrameEnd { program: program_of(&envelope.frame)?, failure: failure.clone(), usage: *usage })
            }
            _ => None,
        };
        events.iter().filter_map(end).collect()
    }

    /// Tells whether the events are numbered from 0 without a gap and end with the end of the run.
    pub fn is_complete(&self) -> bool {
        let events = self.events.lock();
        events.iter().zip(0..).all(|(envelope, number)| envelope.seq == number)
            && matches!(events.last().map(|last| &last.event), Some(Event::RunEnded { .. }))
    }
}

impl Recorder for MemoryRecorder {
    fn record(&self, envelope: &Envelope) {
        let mut events = self.events.lock();
        if events.len() < EVENTS_MAX {
            events.push(envelope.clone());
        }
    }
}
