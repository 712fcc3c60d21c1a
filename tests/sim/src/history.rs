// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has to hold of the events of a run, whatever became of its hosts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use priory_core::effect::{Decision, Value};
use priory_core::model::Spent;
use priory_core::{Amounts, Effect, Envelope, Event, Failure, FramePath, Outcome, Usage};

/// How often one model may be paid for one step: until there is an answer.
const ASKS_MAX: usize = 3;

/// The step under which the place of an effect is asked whether that may be performed.
const APPROVAL: u32 = FramePath::STEPS_MAX - 1;
/// The step under which a frame is asked what became of it.
const IN_DOUBT: u32 = FramePath::STEPS_MAX;

/// What the events say.
#[derive(Default)]
pub struct History {
    frames: HashMap<FramePath, Frame>,
    /// The places of effects that a person was to approve, and what was said.
    approvals: BTreeMap<FramePath, Approval>,
    /// What frames spent on models that were started again.
    pub sunk: BTreeMap<FramePath, Amounts>,
    /// What was spent on models, whatever became of the frames that did.
    pub spent: Amounts,
    /// What all frames used, together.
    pub usage: Usage,
    /// Whether a frame was started again from its beginning.
    pub was_restarted: bool,
    /// Whether a frame was given up in doubt.
    pub was_in_doubt: bool,
    has_ended: bool,
}

#[derive(Default)]
struct Frame {
    program: String,
    /// The event with which it was started again from its beginning.
    again: Option<u64>,
    /// What it used itself.
    ended: Option<Usage>,
    /// It was withdrawn, which is not final before its caller's effect has ended.
    was_withdrawn: bool,
    steps: BTreeMap<u32, Step>,
}

/// What is known of an approval.
#[derive(Debug, Default)]
struct Approval {
    outcome: Option<Arc<Outcome>>,
    /// The frame that asked has started again since, and may ask for something else.
    is_stale: bool,
}

/// What is known of an effect.
pub struct Step {
    /// What was asked for.
    pub effect: Arc<Effect>,
    /// What it came to.
    pub outcome: Option<Arc<Outcome>>,
    /// What it spent on models.
    pub spent: Vec<Spent>,
    was_refused: bool,
}

impl History {
    /// Reads events, or says what is wrong with them.
    pub fn read(events: &[Envelope], was_ended_parked: bool) -> Result<Self, String> {
        let mut history = Self::default();
        for (envelope, seq) in events.iter().zip(0..) {
            let at = |what: String| format!("event {} (frame {}): {what}", envelope.seq, envelope.frame);
            if envelope.seq != seq {
                return Err(at(format!("it stands where event {seq} belongs")));
            }
            if history.has_ended {
                return Err(at("something happened after the end of the run".to_owned()));
            }
            history.take(envelope).map_err(at)?;
        }
        if !history.has_ended {
            return Err("the run has not ended".to_owned());
        }
        history.usage = Usage::default();
        history.frames.values().filter_map(|frame| frame.ended).for_each(|usage| history.usage.absorb(usage));
        // Who is cancelled before anything of it goes on again ends nothing but the run.
        let was_ended_at_once = matches!(events, [.., Envelope { event: Event::RunResumed { .. }, .. }, _]);
        if !was_ended_parked && !was_ended_at_once {
            history.all_ended()?;
        }
        Ok(history)
    }

    /// Returns every effect that was authorized, with its frame and step.
    pub fn effects(&self) -> impl Iterator<Item = (&FramePath, u32, &Step)> {
        self.frames.iter().flat_map(|(path, frame)| {
            frame.steps.iter().filter(|(_, known)| !known.was_refused).map(move |(step, known)| (path, *step, known))
        })
    }

    /// Returns every effect, refused ones included, with its frame and step.
    pub fn all_steps(&self) -> impl Iterator<Item = (&FramePath, u32, &Step)> {
        self.frames.iter().flat_map(|(path, frame)| frame.steps.iter().map(move |(step, known)| (path, *step, known)))
    }

    /// Returns an effect.
    pub fn step(&self, path: &FramePath, step: u32) -> Option<&Step> {
        self.frames.get(path)?.steps.get(&step)
    }

    /// Returns the number of a request of a frame to one of several models: other ones after it was started again.
    pub fn number(&self, path: &FramePath, turn: u32) -> u64 {
        let above: Vec<FramePath> = path.ancestors().map(|(above, _)| above).collect();
        let nearest = std::iter::once(path).chain(above.iter().rev());
        let again = nearest.filter_map(|path| self.frames.get(path)?.again).next();
        16 * again.unwrap_or_default() + u64::from(turn)
    }

    /// Returns what each frame executes.
    pub fn programs(&self) -> impl Iterator<Item = (&FramePath, &String)> {
        self.frames.iter().map(|(path, frame)| (path, &frame.program))
    }

    /// Tells whether an answer was heard while it was written.
    pub fn was_heard(&self) -> bool {
        self.all_steps().any(|(_, _, known)| matches!(*known.effect, Effect::ModelCall { is_heard: true, .. }))
    }

    /// Tells whether nobody approved an effect that has to be.
    pub fn was_not_approved(&self, place: &FramePath) -> bool {
        self.approvals.get(place).is_some_and(|known| !known.outcome.as_deref().is_some_and(is_yes))
    }

    fn take(&mut self, envelope: &Envelope) -> Result<(), String> {
        let path = &envelope.frame;
        match &envelope.event {
            Event::Intent { step: APPROVAL, .. } => match self.approvals.insert(path.clone(), Approval::default()) {
                Some(known) if !known.is_stale => return Err("it was to be approved twice".to_owned()),
                _ => {}
            },
            Event::Outcome { step: APPROVAL, outcome } => match self.approvals.get_mut(path) {
                Some(known) if known.outcome.is_none() => known.outcome = Some(outcome.clone()),
                other => return Err(format!("it was approved, and before that: {other:?}")),
            },
            Event::FrameStarted(_) if self.was_not_approved(path) => {
                return Err("a frame began that nobody approved".to_owned());
            }
            Event::RunStarted(_) if envelope.seq == 0 => {}
            Event::RunStarted(_) => return Err("the run began twice".to_owned()),
            // What was cut and not told to anybody goes on.
            Event::RunResumed { .. } => self.take_back_cuts(),
            Event::FrameStarted(started) => {
                let again = self.frames.contains_key(path).then_some(envelope.seq);
                if again.is_some() {
                    if started.mounts.is_empty() {
                        return Err("a frame began twice that could go on where it was".to_owned());
                    }
                    self.was_restarted = true;
                    let gone = self.frames.extract_if(|other, _| other.is_within(path));
                    for spent in gone.flat_map(|(_, frame)| frame.steps).flat_map(|(_, step)| step.spent) {
                        let sum = self.sunk.entry(path.clone()).or_default();
                        let (tokens_in, tokens_out) = (spent.usage.input, spent.usage.output);
                        let money_microusd = spent.microusd;
                        let spent = Amounts { tokens_in, tokens_out, money_microusd, ..Amounts::default() };
                        *sum = sum.saturating_add(spent);
                    }
                    let asked = self.approvals.iter_mut().filter(|(place, _)| *place != path && place.is_within(path));
                    asked.for_each(|(_, approval)| approval.is_stale = true);
                }
                let program = started.program.to_string();
                self.frames.insert(path.clone(), Frame { program, again, ..Frame::default() });
            }
            Event::Intent { step, effect } => self.begin(path, *step, effect, None)?,
            Event::Refused { step, effect, failure } => {
                self.begin(path, *step, effect, Some(Arc::new(Err(failure.clone()))))?;
            }
            Event::Outcome { step, outcome } => self.outcome(path, *step, outcome)?,
            Event::Spent { step, spent } => {
                // What was withdrawn with its frame tells a little later what it took.
                let known = self.frames.get_mut(path).and_then(|frame| frame.steps.get_mut(step));
                let known = known.filter(|known| known.outcome.is_none()).ok_or("nothing goes on that could spend")?;
                let before = known.spent.iter().filter(|before| before.model == spent.model);
                // What was lost on the way is asked for again, a few times.
                if before.clone().count() >= ASKS_MAX || before.clone().any(|before| before.is_answered) {
                    return Err(format!("model {} was paid too often for step {step}", spent.model));
                }
                known.spent.push(spent.clone());
                let usage = spent.usage;
                let amounts = Amounts {
                    tokens_in: usage.input,
                    tokens_out: usage.output,
                    money_microusd: spent.microusd,
                    ..Amounts::default()
                };
                self.spent = self.spent.saturating_add(amounts);
            }
            Event::Log { .. } => {
                self.open(path, 0)?;
            }
            Event::FrameEnded { usage, failure } => {
                let frame = self.open(path, 0)?;
                frame.ended = Some(*usage);
                frame.was_withdrawn = matches!(failure, Some(Failure::Cancelled { by }) if by == "its caller");
            }
            Event::RunEnded { .. } => self.has_ended = true,
        }
        Ok(())
    }

    fn open(&mut self, path: &FramePath, step: u32) -> Result<&mut Frame, String> {
        match self.frames.get_mut(path) {
            None => Err("its frame has not begun".to_owned()),
            Some(frame) if frame.ended.is_some() && step != IN_DOUBT => Err("its frame has ended".to_owned()),
            Some(frame) => Ok(frame),
        }
    }

    fn begin(
        &mut self,
        path: &FramePath,
        step: u32,
        effect: &Arc<Effect>,
        end: Option<Arc<Outcome>>,
    ) -> Result<(), String> {
        let known = Step { effect: effect.clone(), was_refused: end.is_some(), outcome: end, spent: Vec::new() };
        match self.open(path, step)?.steps.insert(step, known) {
            None => Ok(()),
            Some(_) => Err(format!("step {step} was asked for twice")),
        }
    }

    fn outcome(&mut self, path: &FramePath, step: u32, outcome: &Arc<Outcome>) -> Result<(), String> {
        self.was_in_doubt |= matches!(**outcome, Err(Failure::InDoubt { .. }));
        // What a frame that was withdrawn had started may end a little later than the frame.
        let frame = self.frames.get_mut(path).filter(|frame| frame.ended.is_none() || is_cut(outcome));
        let known = frame.ok_or("its frame is not open")?.steps.get_mut(&step);
        let known = known.ok_or_else(|| format!("step {step} ended without having begun"))?;
        match known.outcome.replace(outcome.clone()) {
            None => Ok(()),
            Some(before) => Err(format!("step {step} ended twice, before with {before:?}, now with {outcome:?}")),
        }
    }

    fn all_ended(&self) -> Result<(), String> {
        // What was withdrawn before its frame was taken up again does not end by itself.
        let was_withdrawn = |path: &FramePath| {
            path.ancestors().any(|(above, step)| {
                let frame = self.frames.get(&above);
                let outcome = frame.and_then(|frame| frame.steps.get(&step)).and_then(|step| step.outcome.as_deref());
                // What was allowed when it was begun may not be any more when the run is taken up.
                let is_cut = |failure: &Failure| {
                    matches!(
                        failure,
                        Failure::Cancelled { .. } | Failure::Timeout(_) | Failure::InDoubt { .. } | Failure::Denied(_)
                    )
                };
                frame.is_some_and(Frame::is_cut_short)
                    || outcome.is_some_and(|outcome| outcome.as_ref().is_err_and(is_cut))
            })
        };
        let whole = |(path, frame): &(&FramePath, &Frame)| !frame.is_cut_short() && !was_withdrawn(path);
        for (path, frame) in self.frames.iter().filter(whole) {
            if frame.ended.is_none() {
                return Err(format!("frame {path} has not ended, and its run has"));
            }
            if let Some((step, _)) = frame.steps.iter().find(|(_, known)| known.outcome.is_none()) {
                return Err(format!("step {step} of frame {path} has not ended, and its frame has"));
            }
        }
        Ok(())
    }

    /// Forgets that frames and effects were cut whose cause was not written down before the host went away.
    fn take_back_cuts(&mut self) {
        for approval in self.approvals.values_mut() {
            approval.outcome.take_if(|outcome| is_cut(outcome));
        }
        let mut paths: Vec<FramePath> = self.frames.keys().cloned().collect();
        paths.sort_by_key(FramePath::depth);
        for path in paths {
            let mut above: Vec<_> = path.ancestors().collect();
            above.reverse();
            let asked = above.iter().find_map(|(above, step)| self.frames.get(above)?.steps.get(step));
            let is_asked_for = asked.is_none_or(|step| step.outcome.is_none());
            let Some(frame) = self.frames.get_mut(&path) else { continue };
            if frame.was_withdrawn && is_asked_for {
                frame.ended = None;
            }
            if frame.ended.is_none() {
                for step in frame.steps.values_mut() {
                    // What it took when it was withdrawn is told again.
                    if step.outcome.take_if(|outcome| is_cut(outcome)).is_some() {
                        step.spent.pop_if(|spent| !spent.is_answered);
                    }
                }
            }
        }
    }
}

// === impl Frame ===

impl Frame {
    fn is_cut_short(&self) -> bool {
        self.was_withdrawn && self.ended.is_some()
    }
}

/// Tells whether somebody approved.
fn is_yes(outcome: &Outcome) -> bool {
    matches!(outcome, Ok(Value::Answer(answer)) if Decision::read(&answer.value) == Ok(Decision::Approve))
}

/// Tells whether an effect came to nothing because its frame ended.
fn is_cut(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Failure::Cancelled { by }) if by == "the end of its frame")
}
