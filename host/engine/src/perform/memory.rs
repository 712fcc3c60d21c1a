// SPDX-License-Identifier: MIT OR Apache-2.0
//! Remembering, recalling and forgetting what outlives the run.
//!
//! What was recalled is the outcome of its step, so a replay is told what was known then. Where the operator wants facts to
//! be found by their meaning, too, each text becomes a vector first, which the frame pays for as it does when it asks for
//! vectors itself; where it cannot, the step fails as that would, and neither is a fact kept without its meaning nor is less
//! found than was asked for. Whoever is content with words asks for words.

use std::sync::Arc;

use priory_core::event::Program;
use priory_core::failure::Unavailable;
use priory_core::id::is_name;
use priory_core::inbox::Origin;
use priory_core::memory::{
    FACT_BYTES_MAX, FACT_DATA_BYTES_MAX, FORGET_MAX, Fact, FactId, FactQuery, Forget, KeptFact, Meaning, MemoryOp,
    MemoryValue, NewFact, QUERY_BYTES_MAX, RECALL_MAX, SUBJECT_BYTES_MAX, Scope, ScopeKey, Search,
};
use priory_core::ports::MemoryError;
use priory_core::{Failure, Outcome, Value};

use super::embed;
use super::paid::Step;
use crate::frame::Frame;
use crate::model::bill::Bill;
use crate::model::names;

/// How long the texts of facts that are recalled at once may be, in bytes. They are one event, which has room for six times
/// as much: so much longer may a text be when it is written down.
const RECALL_BYTES_MAX: u64 = 8 << 20;

/// Refuses what is longer or more than is foreseen.
pub(crate) fn check(op: &MemoryOp) -> Result<(), Failure> {
    if let Scope::User(name) = op.scope()
        && !is_name(name)
    {
        return refuse("scope", "the name of a user begins with a letter or digit, and has no spaces".to_owned());
    }
    match op {
        MemoryOp::Remember { fact, .. } => check_fact(fact),
        MemoryOp::Recall { text, subject, most, .. } => {
            check_length("text", text.len() as u64, QUERY_BYTES_MAX as u64)?;
            check_subject("subject", subject.as_deref())?;
            match *most {
                1..=RECALL_MAX => Ok(()),
                most => refuse("most", format!("it is {most}; 1 to {RECALL_MAX} are expected")),
            }
        }
        MemoryOp::Forget { which: Forget::Ids(ids), .. } if ids.len() > FORGET_MAX => {
            refuse("ids", format!("they are {}, and {FORGET_MAX} are the most", ids.len()))
        }
        MemoryOp::Forget { which: Forget::Subject(subject), .. } => check_subject("subject", Some(subject)),
        MemoryOp::Forget { .. } => Ok(()),
    }
}

fn check_fact(fact: &NewFact) -> Result<(), Failure> {
    check_length("text", fact.text.len() as u64, FACT_BYTES_MAX as u64)?;
    check_length("data", fact.data.as_ref().map_or(0, |data| data.byte_len()), FACT_DATA_BYTES_MAX)?;
    check_subject("subject", fact.subject.as_deref())?;
    check_subject("source", fact.source.as_deref())
}

fn check_subject(what: &str, text: Option<&str>) -> Result<(), Failure> {
    check_length(what, text.map_or(0, str::len) as u64, SUBJECT_BYTES_MAX as u64)
}

fn check_length(what: &str, length: u64, most: u64) -> Result<(), Failure> {
    if length > most {
        return refuse(what, format!("it has {length} bytes, and {most} are the most"));
    }
    Ok(())
}

fn refuse(what: &str, reason: String) -> Result<(), Failure> {
    Err(Failure::invalid("memory", format!("/{what}"), reason))
}

/// Performs an operation on the memory that was asked for at some time, in milliseconds since 1970.
pub(super) async fn perform(
    frame: &Arc<Frame>,
    step: u32,
    op: MemoryOp,
    bill: &Bill,
    asked_unix_ms: u64,
    fuel: u64,
) -> Outcome {
    let Some(memory) = &frame.run.ports.memory else {
        return Err(Failure::absent("memory", "none is configured"));
    };
    let at = Step { frame, step, fuel, bill };
    let value = match op {
        MemoryOp::Remember { scope, fact } => {
            let meaning = match model(frame) {
                Some(model) => meaning(at, &model, &fact.text).await?,
                None => None,
            };
            let fact = known(frame, step, fact, asked_unix_ms);
            let id = fact.id;
            memory.remember(KeptFact { scope: key(frame, &scope), fact, meaning }).await.map_err(failed)?;
            MemoryValue::Remembered(id)
        }
        MemoryOp::Recall { scope, text, subject, search, most } => {
            let search = if is_recording(frame) { Search::Words } else { search };
            let meaning = match (search, model(frame)) {
                (Search::Best | Search::Meaning, Some(model)) => meaning(at, &model, &text).await?,
                (Search::Meaning, None) => {
                    let reason = "no model for it is configured: set `embedding-model`, and `embed` of `[memory]`";
                    return Err(Failure::absent("search by meaning", reason));
                }
                _ => None,
            };
            if search == Search::Meaning && meaning.is_none() {
                // Nothing is like what says nothing.
                return Ok(Value::Memory(MemoryValue::Recalled(Vec::new())));
            }
            let words = matches!(search, Search::Best | Search::Words).then_some(text);
            let now_unix_ms = frame.run.ports.clock.unix_ms();
            let query = FactQuery { scope: key(frame, &scope), words, meaning, subject, now_unix_ms, most };
            MemoryValue::Recalled(within_bounds(memory.recall(query).await.map_err(failed)?))
        }
        MemoryOp::Forget { scope, which } => {
            MemoryValue::Forgotten(memory.forget(key(frame, &scope), which).await.map_err(failed)?)
        }
    };
    Ok(Value::Memory(value))
}

/// Returns a fact as it is kept. The same step remembers the same fact, however often it is taken up.
fn known(frame: &Frame, step: u32, fact: NewFact, asked_unix_ms: u64) -> Fact {
    let from = Origin { run: frame.run.id, frame: frame.given.path.clone(), step };
    Fact {
        id: FactId::of(from.run, &from.frame, step),
        text: fact.text,
        data: fact.data,
        subject: fact.subject,
        source: fact.source,
        unix_ms: asked_unix_ms,
        expires_unix_ms: fact.expires_ms.map(|ms| asked_unix_ms.saturating_add(ms)),
        from,
        score_ppm: 0,
    }
}

/// Tells whether a recorded run answers for the models. The vectors of facts are not in its record: facts are found by their
/// words there, and kept without their meaning.
fn is_recording(frame: &Frame) -> bool {
    frame.run.ports.models.as_ref().is_some_and(|models| models.is_recording())
}

/// Returns the model that finds out what facts mean, where facts are found by their meaning.
fn model(frame: &Frame) -> Option<Arc<str>> {
    let catalog = &frame.run.catalog;
    let embeds = catalog.memory_embeds && !is_recording(frame);
    embeds.then(|| names::embeds(catalog, None).map(Arc::from)).flatten()
}

/// Finds out what a text means; `None` for one without words. Of a text that is longer than the model reads, it is the
/// meaning of its beginning.
async fn meaning(at: Step<'_>, model: &Arc<str>, text: &str) -> Result<Option<Meaning>, Failure> {
    // No text has more tokens than bytes.
    let read = names::info(at.frame, model)?.context_tokens.unwrap_or(u64::MAX);
    let end = text.floor_char_boundary(usize::try_from(read).unwrap_or(usize::MAX));
    let text = text.get(..end).unwrap_or(text).trim();
    if text.is_empty() {
        return Ok(None);
    }
    let embedded = embed::vectors(at, model, vec![text.to_owned()]).await?;
    let vector = embedded.vectors.into_iter().next();
    Ok(vector.map(|vector| Meaning { model: embedded.model.to_string(), vector }))
}

/// Leaves out those that fit least, where they would be too much to be told at once.
fn within_bounds(mut facts: Vec<Fact>) -> Vec<Fact> {
    let mut bytes = 0_u64;
    let fits = facts.iter().take_while(|fact| {
        let data = fact.data.as_ref().map_or(0, |data| data.byte_len());
        bytes = bytes.saturating_add(fact.text.len() as u64).saturating_add(data);
        bytes <= RECALL_BYTES_MAX
    });
    let count = fits.count();
    facts.truncate(count);
    facts
}

/// Returns where the facts of a scope are kept, as the frame sees it. Names of agents have no `/`, so nothing but an agent
/// ever has the facts of one.
fn key(frame: &Frame, scope: &Scope) -> ScopeKey {
    let program = match &frame.given.label.program {
        Program::Agent(name) | Program::Workflow(name) => name.to_string(),
        Program::Tool(name) => format!("tool/{name}"),
        Program::Native(name) => format!("native/{name}"),
    };
    ScopeKey::of(scope, frame.run.id, &program)
}

fn failed(error: MemoryError) -> Failure {
    let retriable = matches!(error, MemoryError::Store { retriable: true, .. });
    Failure::Unavailable(Unavailable { subject: "memory".to_owned(), reason: error.to_string(), retriable })
}
