// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run by its places, so that two can be laid beside each other.

use std::collections::BTreeMap;

use priory_core::event::{Envelope, Event, FrameStarted, Program, RunStarted};
use priory_core::{Effect, Failure, FramePath, Outcome, Report};
use serde::Serialize;

use super::{Difference, OTHER_OUTCOME, Part, Side};

/// How much of a value is kept, in characters.
const SHOWN_CHARS_MAX: usize = 2_000;

/// Where something stands in a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Start(&'static str),
    Frame(FramePath),
    Step(FramePath, u32),
    Log(FramePath, u64),
    Result,
}

/// What stands there, with the positions of its events.
pub(super) enum Item<'a> {
    Start(u64, String),
    Frame(u64, &'a FrameStarted, Option<(u64, &'a Option<Failure>, u64)>),
    Step(u64, &'a Effect, Option<(u64, &'a Outcome)>),
    Refused(u64, &'a Effect, &'a Failure),
    Log(u64, &'a str),
    Result(u64, &'a Result<Report, Failure>),
}

/// A run by its places.
#[derive(Default)]
pub(super) struct Steps<'a> {
    pub(super) items: BTreeMap<Place, Item<'a>>,
    programs: BTreeMap<FramePath, Program>,
    pub(super) seed: Option<&'a str>,
}

// === impl Steps ===

impl<'a> Steps<'a> {
    pub(super) fn of(events: &'a [Envelope]) -> Self {
        let mut steps = Self::default();
        let mut logs: BTreeMap<FramePath, u64> = BTreeMap::new();
        for Envelope { seq, frame, event, .. } in events {
            let seq = *seq;
            match event {
                Event::RunStarted(started) => steps.start(seq, started),
                // What was spent is never the same twice, and no difference of what was done.
                Event::RunResumed { .. } | Event::Spent { .. } => {}
                Event::FrameStarted(started) => {
                    // A frame that stands twice was started again from its beginning.
                    steps.items.retain(|place, _| !place.is_within(frame));
                    logs.retain(|other, _| !other.is_within(frame));
                    steps.programs.insert(frame.clone(), started.program.clone());
                    steps.items.insert(Place::Frame(frame.clone()), Item::Frame(seq, started, None));
                }
                Event::Intent { step, effect } => {
                    steps.items.insert(Place::Step(frame.clone(), *step), Item::Step(seq, effect, None));
                }
                Event::Refused { step, effect, failure } => {
                    steps.items.insert(Place::Step(frame.clone(), *step), Item::Refused(seq, effect, failure));
                }
                Event::Outcome { step, outcome } => {
                    let item = steps.items.get_mut(&Place::Step(frame.clone(), *step));
                    if let Some(Item::Step(_, _, end)) = item {
                        *end = Some((seq, &**outcome));
                    }
                }
                Event::Log { message, .. } => {
                    let line = logs.entry(frame.clone()).or_default();
                    steps.items.insert(Place::Log(frame.clone(), *line), Item::Log(seq, message));
                    *line += 1;
                }
                Event::FrameEnded { failure, usage } => {
                    if let Some(Item::Frame(_, _, end)) = steps.items.get_mut(&Place::Frame(frame.clone())) {
                        *end = Some((seq, failure, usage.fuel));
                    }
                }
                Event::RunEnded { result, .. } => {
                    steps.items.insert(Place::Result, Item::Result(seq, result));
                }
            }
        }
        steps
    }

    fn start(&mut self, seq: u64, started: &'a RunStarted) {
        self.seed = Some(&started.seed);
        let mut say = |name, text: String| self.items.insert(Place::Start(name), Item::Start(seq, text));
        say("program", started.program.to_string());
        say("input", started.input.to_string());
        say("inputs", shown(&started.inputs));
        say("grants", started.grants.as_ref().map_or_else(|| "as configured".to_owned(), shown));
        say("limits", shown(&started.limits));
        say("budget", shown(&started.budget));
    }

    pub(super) fn difference(&self, place: &Place, what: &'static str, a: Option<Side>, b: Option<Side>) -> Difference {
        let frame = place.frame().cloned().unwrap_or_else(FramePath::root);
        let program = place.frame().and_then(|frame| self.programs.get(frame)).cloned();
        let what = if let Place::Start(name) = place { name } else { what };
        Difference { part: place.part(), frame, program, step: place.step(), what, a, b }
    }
}

// === impl Place ===

impl Place {
    pub(super) fn part(&self) -> Part {
        match self {
            Self::Start(_) => Part::Start,
            Self::Frame(_) => Part::Frame,
            Self::Step(..) => Part::Effect,
            Self::Log(..) => Part::Log,
            Self::Result => Part::Result,
        }
    }

    fn frame(&self) -> Option<&FramePath> {
        match self {
            Self::Frame(frame) | Self::Step(frame, _) | Self::Log(frame, _) => Some(frame),
            Self::Start(_) | Self::Result => None,
        }
    }

    fn step(&self) -> Option<u64> {
        match self {
            Self::Step(_, step) => Some(u64::from(*step)),
            Self::Log(_, line) => Some(*line),
            Self::Start(_) | Self::Frame(_) | Self::Result => None,
        }
    }

    /// Tells whether a difference follows from others, so that it is only counted. `known` are the places that differ, and
    /// whether both runs have the same thing there.
    pub(super) fn follows(&self, known: &BTreeMap<&Self, bool>) -> bool {
        let Some(frame) = self.frame() else { return false };
        let is_only_in_one = |place: &Self| known.get(place) == Some(&false);
        let calls: Vec<_> = frame.ancestors().collect();
        // What is below a call that is another one or only in one run, or inside a frame that only one run opened.
        let is_below_one = calls.iter().any(|(above, step)| {
            is_only_in_one(&Self::Step(above.clone(), *step)) || is_only_in_one(&Self::Frame(above.clone()))
        });
        let own = Self::Frame(frame.clone());
        let is_in_one = is_only_in_one(&own) && *self != own;
        // The frame of a call that came to something else, where only one run opened it.
        let is_of_changed = *self == own
            && is_only_in_one(&own)
            && calls.last().is_some_and(|(above, step)| known.contains_key(&Self::Step(above.clone(), *step)));
        is_below_one || is_in_one || is_of_changed
    }

    fn is_within(&self, path: &FramePath) -> bool {
        self.frame().is_some_and(|frame| frame.is_within(path))
    }
}

/// What differs, and both sides.
type Changed = (&'static str, Side, Side);

// === impl Item ===

impl Item<'_> {
    /// Returns the position of its first event.
    fn seq(&self) -> u64 {
        match self {
            Self::Start(seq, _)
            | Self::Frame(seq, ..)
            | Self::Step(seq, ..)
            | Self::Refused(seq, ..)
            | Self::Log(seq, _)
            | Self::Result(seq, _) => *seq,
        }
    }

    pub(super) fn side(&self) -> Side {
        let text = match self {
            Self::Start(_, text) => text.clone(),
            Self::Frame(_, started, _) => started.program.to_string(),
            Self::Step(_, effect, _) | Self::Refused(_, effect, _) => asked(effect),
            Self::Log(_, message) => (*message).to_owned(),
            Self::Result(_, result) => came(result),
        };
        Side { seq: self.seq(), text: cut(&text) }
    }

    /// Returns what differs, and both sides; `None` when nothing does.
    pub(super) fn compare(&self, other: &Self) -> Option<Changed> {
        let whole = |is_same: bool, what| (!is_same).then(|| (what, self.side(), other.side()));
        let ends = |what, left: (u64, String), right: (u64, String)| {
            let side = |(seq, text): (u64, String)| Side { seq, text: cut(&text) };
            (left.1 != right.1).then(|| (what, side(left), side(right)))
        };
        match (self, other) {
            (Self::Start(_, a), Self::Start(_, b)) => whole(a == b, ""),
            (Self::Log(_, a), Self::Log(_, b)) => whole(a == b, "another line"),
            (Self::Result(_, a), Self::Result(_, b)) => whole(a == b, "another result"),
            (Self::Frame(seq_a, a, end_a), Self::Frame(seq_b, b, end_b)) => match given(a, b) {
                Some((what, left, right)) => ends(what, (*seq_a, left), (*seq_b, right)),
                None => ends("another end", frame_end(*seq_a, a, *end_a), frame_end(*seq_b, b, *end_b)),
            },
            (Self::Step(_, a, _), Self::Step(_, b, _)) if a != b => whole(false, "another effect"),
            (Self::Step(seq_a, effect, end_a), Self::Step(seq_b, _, end_b)) => {
                // They are compared as they are, and not as they are shown.
                let is_same = end_a.map(|(_, outcome)| outcome) == end_b.map(|(_, outcome)| outcome);
                let side = |seq, end| {
                    let (seq, text) = step_end(seq, effect, end);
                    Side { seq, text: cut(&text) }
                };
                (!is_same).then(|| (OTHER_OUTCOME, side(*seq_a, *end_a), side(*seq_b, *end_b)))
            }
            (Self::Refused(_, a, _), Self::Refused(_, b, _)) if a != b => whole(false, "another effect"),
            (Self::Refused(..), Self::Refused(..)) => ends("refused otherwise", self.allowed(), other.allowed()),
            _ => ends("refused in one", self.allowed(), other.allowed()),
        }
    }

    /// Says whether an effect was allowed.
    fn allowed(&self) -> (u64, String) {
        match self {
            Self::Refused(seq, effect, why) => (*seq, format!("{} was refused: {why}", effect.summary())),
            _ => (self.seq(), format!("{} was allowed", self.side().text)),
        }
    }
}

/// Says how a frame ended. What it burnt is left out where it saw files: that is not by what is recorded alone.
fn frame_end(seq: u64, started: &FrameStarted, end: Option<(u64, &Option<Failure>, u64)>) -> (u64, String) {
    let Some((seq, failure, fuel)) = end else { return (seq, "has not ended".to_owned()) };
    let after = if started.mounts.is_empty() { format!(" after {fuel} fuel") } else { String::new() };
    match failure {
        Some(failure) => (seq, format!("failed{after}: {failure}")),
        None => (seq, format!("ended{after}")),
    }
}

/// Says what an effect came to.
fn step_end(seq: u64, effect: &Effect, end: Option<(u64, &Outcome)>) -> (u64, String) {
    match end {
        Some((seq, outcome)) => (seq, format!("{} → {}", effect.summary(), came(outcome))),
        None => (seq, format!("{} → nothing yet", effect.summary())),
    }
}

/// Returns what two frames were given that is not the same. Limits depend on what others had reserved at that moment.
fn given(a: &FrameStarted, b: &FrameStarted) -> Option<(&'static str, String, String)> {
    let plugin = |started: &FrameStarted| started.plugin.map_or_else(String::new, |plugin| plugin.to_string());
    let pairs = [
        ("another program", a.program.to_string(), b.program.to_string()),
        ("another plugin", plugin(a), plugin(b)),
        ("other files", shown(&a.mounts), shown(&b.mounts)),
        ("another environment", shown(&a.env), shown(&b.env)),
        ("another configuration", shown(&a.config), shown(&b.config)),
    ];
    pairs.into_iter().find(|(_, left, right)| left != right)
}

fn asked(effect: &Effect) -> String {
    match effect {
        Effect::ToolCall { arguments, .. } => format!("{} {arguments}", effect.summary()),
        Effect::AgentCall { input, .. } => format!("{} {input}", effect.summary()),
        Effect::HttpRequest(request) => {
            let body = String::from_utf8_lossy(&request.body);
            format!("http {} {} {body}", request.method, request.url).trim_end().to_owned()
        }
        Effect::AskHuman(question) => format!("{}: {}", effect.summary(), question.text),
        Effect::Emit { data, .. } => format!("{} {data}", effect.summary()),
        Effect::AwaitEvent { matching: Some(matching), .. } => format!("{} with {matching}", effect.summary()),
        _ => effect.summary(),
    }
}

fn came(result: &Result<impl Serialize, Failure>) -> String {
    match result {
        Ok(value) => shown(value),
        Err(failure) => format!("failed: {failure}"),
    }
}

/// Writes something as JSON.
fn shown(what: &impl Serialize) -> String {
    serde_json::to_string(what).unwrap_or_default()
}

fn cut(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
