// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which model is meant, whether a frame may ask it, and who stands in for it.

use std::sync::Arc;

use priory_core::event::Program;
use priory_core::grant::{Access, Mode};
use priory_core::model::{Ability, Message, ModelInfo, ModelRequest, Part};
use priory_core::{Effect, Failure};

use super::bounds;
use crate::authorize::tool_access;
use crate::catalog::Catalog;
use crate::frame::Frame;

/// How many models one request may be asked of, however many are configured to stand in.
pub(crate) const CANDIDATES_MAX: u32 = 16;
/// How often one model is asked where its answer was lost on the way. Each time is paid for anew.
pub(crate) const ASKS_MAX: u32 = 3;

/// Finds the model that a program means, by its name: what it names itself, else what is configured for it, else what the
/// run was started with, else what is configured for all.
pub(crate) fn meant<'a>(
    catalog: &'a Catalog,
    program: &Program,
    of_run: Option<&'a str>,
    named: Option<&'a str>,
) -> Option<&'a str> {
    let of_agent = || match program {
        Program::Agent(name) | Program::Workflow(name) => catalog.agent(name)?.model.as_deref(),
        Program::Tool(_) | Program::Native(_) => None,
    };
    named.or_else(of_agent).or(of_run).or(catalog.default_model.as_deref())
}

/// Finds the model that makes vectors.
pub(crate) fn embeds<'a>(catalog: &'a Catalog, named: Option<&'a str>) -> Option<&'a str> {
    named.or(catalog.embedding_model.as_deref())
}

/// Finds the model that a frame means.
pub(crate) fn of_frame(frame: &Frame, named: Option<&str>) -> Result<Arc<str>, Failure> {
    let of_run = frame.run.model.as_deref();
    let meant = meant(&frame.run.catalog, &frame.given.label.program, of_run, named).map(Arc::from);
    let reason = "none is named, and none is configured: set `default-model`, or `model` of the agent";
    meant.ok_or_else(|| Failure::absent("model", reason))
}

/// Finds the model that makes vectors for a frame.
pub(crate) fn of_vectors(frame: &Frame, named: Option<&str>) -> Result<Arc<str>, Failure> {
    let reason = "none is named, and none is configured: set `embedding-model`";
    embeds(&frame.run.catalog, named).map(Arc::from).ok_or_else(|| Failure::absent("model for vectors", reason))
}

/// Finds what is known of a model.
pub(crate) fn info(frame: &Frame, name: &str) -> Result<Arc<ModelInfo>, Failure> {
    let found = frame.run.ports.models.as_ref().and_then(|models| models.get(name));
    found.ok_or_else(|| Failure::absent(format!("model {name}"), "it is not configured"))
}

/// Holds a request against the grants: the model is used up where its grant is; tools that are offered are looked at only,
/// and used when they are called.
pub(crate) fn permit<T>(
    frame: &Frame,
    effect: &Effect,
    allow: impl FnOnce(&Access<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let name = match effect {
        Effect::ModelCall { request, .. } => {
            for tool in bounds::offered_tools(request) {
                frame.check(&tool_access(tool, frame.run.catalog.tool(tool).as_ref()))?;
            }
            if request.messages.new_messages().any(|message| message.media().next().is_some()) {
                frame.check(&Access::Artifact(Mode::Read))?;
            }
            of_frame(frame, request.model.as_deref())?
        }
        Effect::Embed { model, .. } => of_vectors(frame, model.as_deref())?,
        other => return Err(Failure::other(format!("{} is not asked of a model", other.summary()))),
    };
    allow(&Access::Model(&name))
}

/// Tells whether an effect is asked of a model.
pub(crate) fn is_asked_of_model(effect: &Effect) -> bool {
    matches!(effect, Effect::ModelCall { .. } | Effect::Embed { .. })
}

/// Returns the models that are configured to answer for one, it first, each with its number.
pub(crate) fn in_order(meant: &ModelInfo) -> impl Iterator<Item = (u32, &str)> {
    // Only its own list counts: its fallbacks have lists of their own for when they are meant.
    let names = std::iter::once(&*meant.name).chain(meant.fallbacks.iter().map(|name| &**name));
    (0..CANDIDATES_MAX).zip(names)
}

/// Returns the number of a request to a model that is asked again after its answer was lost.
pub(crate) fn repeated(turn: u32, again: u32) -> u32 {
    turn.saturating_add(again.min(ASKS_MAX - 1).saturating_mul(CANDIDATES_MAX))
}

/// Returns the number of a request to one of several models. What a frame asks that was started again from its beginning, with
/// an event, is not what it asked before, so it has other numbers.
pub(crate) fn number(again: u64, turn: u32) -> u32 {
    u32::try_from(again).unwrap_or(u32::MAX).saturating_mul(CANDIDATES_MAX * ASKS_MAX).saturating_add(turn)
}

/// Returns the models that may answer a request, in the order in which they are asked: the one that is meant, and those that
/// stand in for it and can do what is needed; each with its number.
pub(crate) fn candidates(
    frame: &Frame,
    first: &Arc<ModelInfo>,
    request: &ModelRequest,
    messages: &[Arc<Message>],
) -> Result<Vec<(u32, Arc<ModelInfo>)>, Failure> {
    let needed = needed(request, messages);
    let can = |info: &ModelInfo| !info.can(Ability::Embedding) && needed.iter().all(|ability| info.can(*ability));
    let mut candidates: Vec<(u32, Arc<ModelInfo>)> = Vec::new();
    for (turn, name) in in_order(first) {
        let found = match turn {
            0 => Some(first.clone()),
            _ => frame.run.ports.models.as_ref().and_then(|models| models.get(name)),
        };
        match found {
            Some(info) if can(&info) && candidates.iter().all(|(_, known)| known.name != info.name) => {
                candidates.push((turn, info));
            }
            _ => {}
        }
    }
    if candidates.is_empty() {
        let missing =
            needed.iter().find(|ability| !first.can(**ability)).copied().map_or("do more than make vectors", word);
        let reason = format!("the request needs a model that can {missing}, and neither it nor a fallback of it can");
        return Err(Failure::invalid(format!("model {}", first.name), "", reason));
    }
    Ok(candidates)
}

/// Returns what a model has to be able to do to answer a request.
fn needed(request: &ModelRequest, messages: &[Arc<Message>]) -> Vec<Ability> {
    let mut needed = Vec::new();
    if !request.tools.is_empty() {
        needed.push(Ability::Tools);
    }
    let has = |is_one: fn(&Part) -> bool| messages.iter().flat_map(|message| &message.parts).any(is_one);
    if has(|part| matches!(part, Part::Image(_))) {
        needed.push(Ability::Images);
    }
    if has(|part| matches!(part, Part::File(_))) {
        needed.push(Ability::Files);
    }
    needed
}

fn word(ability: Ability) -> &'static str {
    match ability {
        Ability::Tools => "call tools",
        Ability::Schema => "answer by a schema",
        Ability::Images => "see pictures",
        Ability::Files => "read files",
        Ability::Reasoning => "think first",
        Ability::Streaming => "be heard while it answers",
        Ability::Embedding => "make vectors",
    }
}
