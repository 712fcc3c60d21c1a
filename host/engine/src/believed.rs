// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells which frames of a run are believed instead of executed again when it is replayed.

use std::collections::BTreeMap;

use priory_core::event::{Envelope, Event, Program};
use priory_core::{FramePath, Outcome};
use serde::Serialize;

use crate::past::comes_from_outside;

/// A frame whose outcome is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Believed {
    /// The frame. Those below it are believed as well.
    pub frame: FramePath,
    /// What it executed.
    pub program: Program,
    /// Why.
    pub reason: Reason,
}

/// Why a frame cannot be executed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It saw files, which may have changed.
    Files,
    /// It was cut from outside: cancelled, out of time, or in doubt.
    Cut,
}

impl Reason {
    /// Returns it in words that follow the name of a frame.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Files => "saw files",
            Self::Cut => "was cut from outside",
        }
    }
}

/// Returns the frames of a run that a replay believes, in the order of their paths.
pub fn believed(events: &[Envelope]) -> Vec<Believed> {
    let mut frames: BTreeMap<FramePath, (Program, Option<Reason>)> = BTreeMap::new();
    for Envelope { frame, event, .. } in events {
        match event {
            Event::FrameStarted(started) => {
                let reason = (!started.mounts.is_empty()).then_some(Reason::Files);
                frames.insert(frame.clone(), (started.program.clone(), reason));
            }
            Event::Outcome { step, outcome } if is_cut(outcome) => {
                if let Some((_, reason)) = frames.get_mut(&frame.child(*step)) {
                    *reason = reason.or(Some(Reason::Cut));
                }
            }
            _ => {}
        }
    }
    let mut found: Vec<Believed> = Vec::new();
    // A frame stands in front of those below it.
    for (frame, (program, reason)) in frames {
        let is_below = found.last().is_some_and(|above| frame.is_within(&above.frame));
        if let Some(reason) = reason.filter(|_| !is_below) {
            found.push(Believed { frame, program, reason });
        }
    }
    found
}

fn is_cut(outcome: &Outcome) -> bool {
    outcome.as_ref().is_err_and(comes_from_outside)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use priory_core::event::FrameStarted;
    use priory_core::grant::rule::FileMode;
    use priory_core::ports::Mount;
    use priory_core::{Failure, Limits, RunId};

    use super::*;

    fn began(frame: &FramePath, sees_files: bool) -> (FramePath, Event) {
        let mount = Mount { host_path: "/x".into(), guest_path: "/x".into(), mode: FileMode::Read };
        let started = FrameStarted {
            program: Program::Tool("t.f".into()),
            plugin: None,
            limits: Limits::default(),
            mounts: sees_files.then_some(mount).into_iter().collect(),
            env: Vec::new(),
            config: Vec::new(),
        };
        (frame.clone(), Event::FrameStarted(Box::new(started)))
    }

    fn failed(step: u32, failure: Failure) -> (FramePath, Event) {
        (FramePath::root(), Event::Outcome { step, outcome: Arc::new(Err(failure)) })
    }

    #[test]
    fn what_saw_files_or_was_cut_is_believed_with_all_below() {
        let root = FramePath::root();
        let events = vec![
            began(&root, false),
            began(&root.child(0), true),
            began(&root.child(0).child(3), true),
            began(&root.child(1), false),
            failed(1, Failure::Cancelled { by: "its caller".into() }),
            began(&root.child(2), false),
            failed(2, Failure::other("by itself")),
        ];
        let run = RunId::from_parts(1, 1);
        let at = |((frame, event), seq)| Envelope { run, seq, frame, unix_ms: 0, fuel: 0, event };
        let events: Vec<Envelope> = events.into_iter().zip(0..).map(at).collect();
        let found: Vec<_> = believed(&events).into_iter().map(|one| (one.frame.to_string(), one.reason)).collect();
        assert_eq!(found, [("0.0".to_owned(), Reason::Files), ("0.1".to_owned(), Reason::Cut)]);
    }
}
