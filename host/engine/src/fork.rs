// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lets a run go another way from one of its events on, as a run of its own.
//!
//! What was before is copied under another id, and the copy is taken up like any run. What a run does to the outside is
//! named after its id, so a fork repeats nothing of its parent, and what it does from there on is its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use priory_core::artifact::ArtifactOp;
use priory_core::effect::{Answer, Effect, Outcome, Value};
use priory_core::event::{Envelope, Event, Program};
use priory_core::http::HttpResponse;
use priory_core::journal::{Batch, RunHeader, RunState, Verdict};
use priory_core::memory::MemoryOp;
use priory_core::model::{Completion, Message, ModelRequest, Role, StopReason, TokenUsage};
use priory_core::state::StateOp;
use priory_core::{Digest, EventRecord, Failure, FramePath, Journal, JournalError, Json, Report, RunId};
use priory_schema::Schema;
use serde::Deserialize;

use crate::asked::check_value;
use crate::catalog::{Catalog, ToolFunction};
use crate::past::APPROVAL;
use crate::resume::read_all;
use crate::shared;

/// How many events are appended at once.
const PAGE_EVENTS: usize = 512;
/// Who an answer is from that nobody gave.
const FORK: &str = "fork";

/// Where a run goes another way.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// The event at this position, and all after it, happen anew.
    Before(u64),
    /// Everything happens anew, with another input.
    Input(Json),
    /// The outcome at this position was another one; all after it happens anew.
    Outcome {
        /// The position.
        seq: u64,
        /// What it was.
        said: Said,
    },
}

/// An outcome as a person says it.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// What the effect gave: the result of a tool, the output of an agent, the answer of a person, or the response to a
    /// request, `{"status": 200, "headers": {}, "body": ""}`.
    Value(Json),
    /// Why it failed.
    Failure(String),
}

/// A run that is to go another way.
#[derive(Debug)]
pub struct Fork {
    /// The run that is copied; nothing of it changes.
    pub run: RunId,
    /// The id of the copy.
    pub id: RunId,
    /// Where it goes another way.
    pub turn: Turn,
    /// When the copy begins, in milliseconds since 1970.
    pub unix_ms: u64,
    /// What it goes on with instead of what it began with: a catalog by its description, and its plugins. They are kept.
    pub instead: Option<(Digest, Vec<Digest>)>,
}

/// Why a run cannot be forked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ForkError {
    /// There is no such place.
    #[error("run {run} cannot be forked at {seq}: its events from 1 to {last} are where it can")]
    Beyond {
        /// The run.
        run: RunId,
        /// The place.
        seq: u64,
        /// The last one that there is.
        last: u64,
    },
    /// Another outcome is wanted where there is none.
    #[error("event {seq} is no outcome: another one can be set where an effect came to one; near it are {near}")]
    NoOutcome {
        /// The event.
        seq: u64,
        /// Events that are.
        near: String,
    },
    /// The outcome does not fit the effect.
    #[error("that cannot be the outcome of {effect}: {reason}")]
    Unfit {
        /// What was asked.
        effect: String,
        /// What does not fit.
        reason: String,
    },
    /// Somebody changed the run.
    #[error("event {seq} of {run} was altered, so nothing can be made of it: {reason}")]
    Altered {
        /// The run.
        run: RunId,
        /// The event.
        seq: u64,
        /// What does not fit.
        reason: String,
    },
    /// The journal cannot do what it was asked.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Copies a run up to where it goes another way. The copy is open: it goes on when it is taken up. `catalog` is what it
/// goes on with.
pub async fn fork(journal: &Arc<dyn Journal>, catalog: &Catalog, fork: Fork) -> Result<RunId, ForkError> {
    let Fork { run, id, turn, unix_ms, instead } = fork;
    if let Verdict::Altered { seq, reason } = journal.verify(run).await? {
        return Err(ForkError::Altered { run, seq, reason });
    }
    let info = journal.info(run).await?;
    let mut pins = journal.pins(run).await?;
    let mut events = copy(read_all(journal, run).await?, id, &turn)?;
    check(catalog, &events, &turn)?;
    if let Some((digest, plugins)) = instead {
        move_to(&mut events, catalog, digest);
        pins = std::iter::once(digest).chain(plugins).collect();
    }
    let mut header = Some(RunHeader { started_unix_ms: unix_ms, program: info.program, labels: info.labels, pins });
    let mut events = events.into_iter().peekable();
    let mut first_seq = 0;
    while events.peek().is_some() {
        let page: Vec<Envelope> = events.by_ref().take(PAGE_EVENTS).collect();
        let next_seq = first_seq + page.len() as u64;
        // A copy that is not whole is nobody's to take up, should this be the last that is written.
        let state = match events.peek() {
            None => Some(RunState::Open),
            Some(_) => header.is_some().then_some(RunState::Parked),
        };
        let batch = Batch { run: id, epoch: 0, first_seq, events: page, header: header.take(), state, waits: None };
        journal.append(batch).await?;
        first_seq = next_seq;
    }
    Ok(id)
}

/// Copies the events of a run up to where it goes another way, under another id.
pub fn copy(mut events: Vec<Envelope>, id: RunId, turn: &Turn) -> Result<Vec<Envelope>, ForkError> {
    let (seq, upto) = match turn {
        Turn::Before(seq) => (*seq, *seq),
        Turn::Input(_) => (1, 1),
        Turn::Outcome { seq, .. } => (*seq, seq.saturating_add(1)),
    };
    let damaged = |what: &str| JournalError::Corrupt { what: format!("the run to be forked {what}") };
    let parent = events.first().map(|first| first.run).ok_or_else(|| damaged("has no events"))?;
    let end = events.iter().position(|envelope| matches!(envelope.event, Event::RunEnded { .. }));
    let most = end.unwrap_or(events.len());
    let Some(upto) = usize::try_from(upto).ok().filter(|upto| seq > 0 && *upto <= most) else {
        return Err(ForkError::Beyond { run: parent, seq, last: most as u64 });
    };
    if let Turn::Outcome { said, .. } = turn {
        say(&mut events, upto - 1, said)?;
    }
    events.truncate(upto);
    if let Turn::Outcome { .. } = turn {
        forget_below(&mut events);
    }
    forget_approvals(&mut events);
    let Some(Envelope { event: Event::RunStarted(started), .. }) = events.first_mut() else {
        return Err(damaged("does not begin with its start").into());
    };
    started.forked_from = Some((parent, seq));
    if let Turn::Input(input) = turn {
        started.input = input.clone();
    }
    for (envelope, seq) in events.iter_mut().zip(0..) {
        (envelope.run, envelope.seq) = (id, seq);
    }
    Ok(events)
}

/// Puts another outcome at a position.
fn say(events: &mut [Envelope], at: usize, said: &Said) -> Result<(), ForkError> {
    let no_outcome = |events: &[Envelope]| ForkError::NoOutcome { seq: at as u64, near: near(events, at) };
    let Some(effect) = effect_of(events, at) else { return Err(no_outcome(events)) };
    let said = said.outcome_of(&effect)?;
    match events.get_mut(at).map(|envelope| &mut envelope.event) {
        Some(Event::Outcome { outcome, .. }) => *outcome = Arc::new(said),
        _ => return Err(no_outcome(events)),
    }
    Ok(())
}

/// Returns what was asked where the event at a position is its outcome.
fn effect_of(events: &[Envelope], at: usize) -> Option<Arc<Effect>> {
    let (ended, before) = events.get(..=at)?.split_last()?;
    let Event::Outcome { step: wanted, .. } = ended.event else { return None };
    before.iter().rev().find_map(|envelope| match &envelope.event {
        Event::Intent { step, effect } if *step == wanted && envelope.frame == ended.frame => Some(effect.clone()),
        _ => None,
    })
}

/// Names the outcomes on both sides of a position.
fn near(events: &[Envelope], at: usize) -> String {
    let is_outcome = |envelope: &&Envelope| matches!(envelope.event, Event::Outcome { .. });
    let before = events.iter().take(at).rev().find(is_outcome);
    let after = events.iter().skip(at).find(is_outcome);
    let found: Vec<_> = before.into_iter().chain(after).map(|envelope| envelope.seq.to_string()).collect();
    if found.is_empty() { "none".to_owned() } else { found.join(" and ") }
}

/// Forgets the frames that gave the last outcome: it is not theirs any more, and they used nothing of the fork. What they
/// gave to all frames of the run stays: others may have seen it since.
fn forget_below(events: &mut Vec<Envelope>) {
    let Some(Envelope { frame, event: Event::Outcome { step, .. }, .. }) = events.last() else { return };
    let below = frame.child(*step);
    let gave = |envelope: &Envelope| match &envelope.event {
        Event::Intent { step, effect } if shared::gives(effect) => Some((envelope.frame.clone(), *step)),
        _ => None,
    };
    let within = |envelope: &&Envelope| envelope.frame.is_within(&below);
    let given: BTreeSet<_> = events.iter().filter(within).filter_map(gave).collect();
    events.retain(|envelope| match &envelope.event {
        _ if !envelope.frame.is_within(&below) => true,
        Event::Intent { step, .. } | Event::Outcome { step, .. } => given.contains(&(envelope.frame.clone(), *step)),
        _ => false,
    });
}

/// Forgets what a person approved, or was asked to approve, for effects that had no outcome: the fork performs them itself,
/// and what was approved was approved for its parent.
fn forget_approvals(events: &mut Vec<Envelope>) {
    let mut had_outcome: BTreeSet<FramePath> = BTreeSet::new();
    for Envelope { frame, event, .. } in &*events {
        match event {
            Event::Outcome { step, .. } => _ = had_outcome.insert(frame.child(*step)),
            Event::Intent { step, .. } => _ = had_outcome.remove(&frame.child(*step)),
            // What its frame asked for before it started again, it asks for again.
            Event::FrameStarted(_) => {
                let below = had_outcome.range(frame..).take_while(|place| place.is_within(frame));
                let below: Vec<FramePath> = below.filter(|place| *place != frame).cloned().collect();
                below.iter().for_each(|place| _ = had_outcome.remove(place));
            }
            _ => {}
        }
    }
    events.retain(|envelope| match &envelope.event {
        Event::Intent { step: APPROVAL, .. } | Event::Outcome { step: APPROVAL, .. } => {
            had_outcome.contains(&envelope.frame)
        }
        _ => true,
    });
}

/// Holds a result that was set against what its tool says that it gives.
fn check(catalog: &Catalog, events: &[Envelope], turn: &Turn) -> Result<(), ForkError> {
    let Turn::Outcome { said: Said::Value(value), .. } = turn else { return Ok(()) };
    let effect = effect_of(events, events.len().saturating_sub(1));
    let Some(Effect::ToolCall { tool, .. }) = effect.as_deref() else { return Ok(()) };
    let Some(target) = catalog.tool(tool) else { return Ok(()) };
    let ToolFunction::Typed(index) = target.function else { return Ok(()) };
    let function = target.plugin.plugin.info().functions.get(index);
    let Some(schema) = function.and_then(|function| function.output_schema.as_ref()) else { return Ok(()) };
    let unfit = |reason: String| ForkError::Unfit { effect: format!("tool {tool}"), reason };
    let schema = Schema::alone(schema).map_err(unfit)?;
    schema.validate(value, || "the value".to_owned()).map_err(|failure| unfit(failure.to_string()))
}

/// Lets a copy go on with another catalog: frames that had not ended are executed by the plugins of that one.
fn move_to(events: &mut [Envelope], catalog: &Catalog, digest: Digest) {
    let is_end = |event: &Event| matches!(event, Event::FrameEnded { .. });
    let ended: BTreeSet<_> =
        events.iter().filter(|envelope| is_end(&envelope.event)).map(|envelope| envelope.frame.clone()).collect();
    for envelope in events {
        match &mut envelope.event {
            Event::RunStarted(started) => started.catalog = Some(digest),
            Event::FrameStarted(started) if !ended.contains(&envelope.frame) => {
                started.plugin = plugin_of(catalog, &started.program).or(started.plugin);
            }
            _ => {}
        }
    }
}

/// Returns the digest of the plugin that holds a program.
fn plugin_of(catalog: &Catalog, program: &Program) -> Option<Digest> {
    let entry = match program {
        Program::Agent(name) | Program::Workflow(name) => catalog.agent(name).map(|agent| &agent.plugin),
        Program::Tool(name) => name.split('.').next().and_then(|plugin| catalog.plugin(plugin)),
        Program::Native(_) => None,
    };
    entry.map(|entry| entry.plugin.info().digest)
}

/// Takes what a person says for what a model would have: a whole completion, words, or JSON of the schema that was asked for.
fn said_by_model(request: &ModelRequest, value: &Json) -> Completion {
    if let Ok(completion) = value.read() {
        return completion;
    }
    let text = value.to_value().as_str().map_or_else(|| value.to_string(), str::to_owned);
    Completion {
        message: Message::text(Role::Assistant, text),
        stop: StopReason::End,
        model: FORK.into(),
        usage: TokenUsage::default(),
        microusd: 0,
        output: request.sampling.output.as_ref().map(|_| value.clone()),
        problem: None,
        is_cached: true,
    }
}

/// A response as a person says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidResponse {
    status: u16,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

// === impl Said ===

impl Said {
    /// Makes the outcome of an effect of it.
    fn outcome_of(&self, effect: &Effect) -> Result<Outcome, ForkError> {
        let value = match self {
            Self::Failure(message) => return Ok(Err(Failure::other(message.clone()))),
            Self::Value(value) => value,
        };
        let unfit = |reason: String| ForkError::Unfit { effect: effect.summary(), reason };
        let read = |error: priory_core::json::JsonError| unfit(error.to_string());
        Ok(Ok(match effect {
            Effect::ToolCall { .. } => Value::Json(value.clone()),
            Effect::AgentCall { .. } => Value::Report(Report { output: value.clone(), summary: None }),
            Effect::AskHuman(question) => {
                check_value(question, value, "the answer").map_err(|failure| unfit(failure.to_string()))?;
                Value::Answer(Answer { value: value.clone(), by: FORK.to_owned() })
            }
            Effect::HttpRequest(_) => {
                let SaidResponse { status, headers, body } = value.read().map_err(read)?;
                let fields = headers.into_iter().map(|(name, value)| (name.to_lowercase(), value.into_bytes()));
                Value::Http(HttpResponse { status, headers: fields.collect(), body: body.into_bytes() })
            }
            Effect::ToolList => Value::Tools(value.read().map_err(read)?),
            Effect::AgentList => Value::Agents(value.read().map_err(read)?),
            Effect::AwaitEvent { name, .. } => {
                let (id, name) = (FORK.to_owned(), name.clone());
                Value::Event(EventRecord { id, name, data: value.clone(), unix_ms: 0, from: None })
            }
            Effect::Artifact(ArtifactOp::Stat { .. }) => Value::Artifact(value.read().map_err(read)?),
            Effect::Artifact(_) => {
                return Err(unfit("artifacts are what they are: set a failure, or fork before it".to_owned()));
            }
            Effect::State(StateOp::Read { .. }) => Value::State(value.read().map_err(read)?),
            Effect::State(StateOp::Keys { .. }) => Value::StateKeys(value.read().map_err(read)?),
            Effect::State(StateOp::History { .. }) => Value::StateHistory(value.read().map_err(read)?),
            Effect::State(StateOp::Write { .. }) => {
                return Err(unfit("what it wrote would still be there: set a failure, or fork before it".to_owned()));
            }
            Effect::ModelCall { request, .. } => Value::Completion(Box::new(said_by_model(request, value))),
            Effect::ModelRead { .. } => Value::Delta(value.read().map_err(read)?),
            Effect::ModelList => Value::Models(value.read().map_err(read)?),
            Effect::Embed { .. } => Value::Embedded(value.read().map_err(read)?),
            Effect::Memory(MemoryOp::Recall { .. }) => Value::Memory(value.read().map_err(read)?),
            Effect::Memory(_) => {
                return Err(unfit(
                    "what it remembered or forgot stays so: set a failure, or fork before it".to_owned(),
                ));
            }
            Effect::BudgetLeft => Value::Remaining(value.read().map_err(read)?),
            Effect::BudgetUsed => Value::Usage(value.read().map_err(read)?),
            Effect::Sleep { .. } | Effect::AwaitCancel | Effect::Log { .. } | Effect::Emit { .. } => {
                return Err(unfit("it gives nothing back: set a failure, or fork before it".to_owned()));
            }
        }))
    }
}

#[cfg(test)]
mod tests;
