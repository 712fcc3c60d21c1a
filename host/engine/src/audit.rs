// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds out from the events of a run which grants allowed what, and what would have failed without one of them.
//!
//! Grants are not recorded with every effect: the authority of each frame is built anew from what was configured and from
//! what the run was started with, and each access is decided again as of the time when it was. Which addresses were
//! dialled is not recorded, so they are not decided again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use priory_core::authority::{Authority, Holder, Layer, Validity};
use priory_core::event::{Envelope, Event, FrameStarted, Program, RunStarted};
use priory_core::grant::{Access, Grant, GrantSet, Held, Mode, RuleError};
use priory_core::limits::{Dimension, Limits};
use priory_core::state::StateKey;
use priory_core::{Effect, FramePath, Value};
use serde::Serialize;

use crate::approval::is_yes;
use crate::authorize::{tool_access, use_key, with_access};
use crate::catalog::{Catalog, Layers};
use crate::model::{bounds, names};
use crate::past::{APPROVAL, is_aside};

/// An access, with the grant of each holder that allowed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Where it is.
    pub site: Site,
    /// What was accessed, in the form of a grant.
    pub access: String,
    /// The grants, those of the frame first.
    pub by: Vec<(Holder, Grant)>,
}

/// Where in a run something was accessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Site {
    /// The event.
    pub seq: u64,
    /// The frame.
    pub frame: FramePath,
    /// What the frame executes.
    pub program: Program,
    /// The position of the effect in the frame; `None` for what the frame was given at its start, and for its log.
    pub step: Option<u32>,
}

/// What becomes of an access that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consequence {
    /// The effect fails.
    Fails,
    /// The program does not see it.
    Unseen,
    /// The line is dropped.
    Dropped,
}

/// Something that would not have been allowed without a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Missed {
    /// Where it is.
    pub site: Site,
    /// What was accessed, in the form of a grant.
    pub access: String,
    /// Who would not have allowed it.
    pub by: String,
    /// What would have become of it.
    pub consequence: Consequence,
}

/// A grant that is thought away: by its text, of one holder or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Without {
    /// Whose it is; `None` means whoever has it.
    pub holder: Option<Holder>,
    /// The grant. It is found by its text, so what is not written does not matter.
    pub grant: Grant,
}

/// What would have become of a run without a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hypothesis {
    /// Whether anybody who took part in the run had the grant.
    pub was_held: bool,
    /// What would not have been allowed, in order. What was below a call that would have failed is left out.
    pub missed: Vec<Missed>,
}

/// Why a run cannot be looked through.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The grants cannot be resolved.
    #[error("the grants of the run cannot be made of what was configured: {0}")]
    Grants(#[from] RuleError),
    /// The events are not a run.
    #[error("the first event is not that the run was started")]
    NoStart,
}

/// Returns what was allowed in a run, in order, with the grants that allowed it.
pub fn allowed(catalog: &Catalog, events: &[Envelope]) -> Result<Vec<Allowed>, AuditError> {
    let mut found = Vec::new();
    let mut then = Then::default();
    walk(catalog, events, &mut |look| {
        if let Ok(by) = then.decide(look) {
            let (site, access) = (look.site.clone(), look.access.summary());
            found.push(Allowed { site, access, by });
        }
    })?;
    Ok(found)
}

/// Returns what would not have been allowed in a run without a grant.
pub fn without(catalog: &Catalog, events: &[Envelope], without: &Without) -> Result<Hypothesis, AuditError> {
    let (mut then, mut otherwise) = (Then::default(), Then { without: Some(without), ..Then::default() });
    let mut missed: Vec<Missed> = Vec::new();
    let mut gone: Vec<FramePath> = Vec::new();
    let mut was_held = false;
    walk(catalog, events, &mut |look| {
        if gone.iter().any(|above| look.site.frame.is_within(above)) {
            return;
        }
        let layers = look.authority.own_layers().iter().chain(look.authority.path_layers());
        was_held |= layers.clone().any(|layer| {
            let held = layer.own.iter().chain(layer.lent.iter());
            held.map(|held| &held.grant).any(|grant| without.covers(&layer.holder, grant))
        });
        // What was refused even with the grant is not for want of it.
        if then.decide(look).is_err() {
            return;
        }
        let Err(by) = otherwise.decide(look) else { return };
        if let (Consequence::Fails, Some(step)) = (look.consequence, look.site.step) {
            gone.push(look.site.frame.child(step));
        }
        let (site, access, consequence) = (look.site.clone(), look.access.summary(), look.consequence);
        missed.push(Missed { site, access, by, consequence });
    })?;
    missed.sort_by_key(|missed| missed.site.seq);
    missed.dedup_by(|a, b| a.site.frame == b.site.frame && a.access == b.access && a.site.step == b.site.step);
    Ok(Hypothesis { was_held, missed })
}

impl Without {
    fn covers(&self, holder: &Holder, grant: &Grant) -> bool {
        self.holder.as_ref().is_none_or(|wanted| wanted == holder)
            && self.grant.kind() == grant.kind()
            && (self.grant == *grant || self.grant.to_string() == grant.to_string())
    }
}

/// One access of one frame, and how it is decided.
struct Look<'a> {
    site: &'a Site,
    unix_ms: u64,
    authority: &'a Authority,
    access: Access<'a>,
    /// Whether a grant that has a number of uses is used by it.
    is_use: bool,
    /// Whether it is the frame's alone to decide.
    is_own: bool,
    consequence: Consequence,
}

/// What held at a moment of a run, as far as the events tell.
#[derive(Default)]
struct Then<'a> {
    without: Option<&'a Without>,
    uses: HashMap<String, u32>,
}

struct Moment<'a> {
    then: &'a Then<'a>,
    unix_ms: u64,
}

impl Validity for Moment<'_> {
    fn holds(&self, holder: &Holder, held: &Held) -> bool {
        let count = |held: &Held| self.then.uses.get(&use_key(holder, held)).copied().unwrap_or_default();
        held.until_unix_ms.is_none_or(|until| self.unix_ms < until)
            && held.uses_max.is_none_or(|most| count(held) < most)
            && !self.then.without.is_some_and(|without| without.covers(holder, &held.grant))
    }
}

impl Then<'_> {
    /// Decides an access, and uses up what is used up by it. Fails with who does not allow it.
    fn decide(&mut self, look: &Look<'_>) -> Result<Vec<(Holder, Grant)>, String> {
        let moment = Moment { then: self, unix_ms: look.unix_ms };
        let passed = match look.is_own {
            true => look.authority.check_own(&look.access, &moment),
            false => look.authority.check(&look.access, &moment),
        };
        let passed = passed.map_err(|denial| denial.by)?;
        let by = passed.iter().map(|(holder, held)| ((*holder).clone(), held.grant.clone())).collect();
        let mut keys: Vec<String> = Vec::new();
        if look.is_use {
            let counted = passed.iter().filter(|(_, held)| held.uses_max.is_some());
            keys.extend(counted.map(|(holder, held)| use_key(holder, held)));
            keys.sort();
            keys.dedup();
        }
        for key in keys {
            *self.uses.entry(key).or_default() += 1;
        }
        Ok(by)
    }
}

/// A frame whose events are being looked through.
struct Walked {
    program: Program,
    authority: Authority,
    limits: Limits,
}

/// Goes through the events of a run and shows every access to `see`, in order.
fn walk(catalog: &Catalog, events: &[Envelope], see: &mut dyn FnMut(&Look<'_>)) -> Result<(), AuditError> {
    let Some(Envelope { event: Event::RunStarted(run), .. }) = events.first() else { return Err(AuditError::NoStart) };
    let layers = Layers::resolve(catalog, &run.inputs)?;
    let rejected: BTreeSet<FramePath> = events.iter().filter_map(rejected).collect();
    let mut frames: BTreeMap<FramePath, Walked> = BTreeMap::new();
    for envelope in events {
        let Envelope { seq, frame: path, unix_ms, event, .. } = envelope;
        if let Event::FrameStarted(started) = event {
            let authority = authority(&layers, run, &frames, path, &started.program);
            let (program, limits) = (started.program.clone(), started.limits);
            frames.insert(path.clone(), Walked { program, authority, limits });
        }
        let Some(frame) = frames.get(path) else { continue };
        let step = match event {
            Event::Intent { step, .. } | Event::Outcome { step, .. } => Some(*step),
            _ => None,
        };
        let site = Site { seq: *seq, frame: path.clone(), program: frame.program.clone(), step };
        let mut look = |access: Access<'_>, consequence, is_use, is_own| {
            let (unix_ms, authority) = (*unix_ms, &frame.authority);
            see(&Look { site: &site, unix_ms, authority, access, is_use, is_own, consequence });
        };
        match event {
            Event::FrameStarted(started) => opening(started, &mut look),
            // What the host asks beside an effect is not the frame's.
            Event::Intent { step, .. } if is_aside(*step) => {}
            Event::Intent { step, effect } => {
                let is_use = !rejected.contains(&path.child(*step));
                asking(catalog, run.model.as_deref(), frame, effect, is_use, &mut look);
            }
            Event::Outcome { outcome, .. } => {
                if let Ok(value) = &**outcome {
                    listing(catalog, value, &mut look);
                }
            }
            Event::Log { .. } => look(Access::Log, Consequence::Dropped, true, false),
            _ => {}
        }
    }
    Ok(())
}

/// Returns the place of an effect that nobody approved.
fn rejected(envelope: &Envelope) -> Option<FramePath> {
    let Event::Outcome { step: APPROVAL, outcome } = &envelope.event else { return None };
    let is_approved = matches!(&**outcome, Ok(Value::Answer(answer)) if is_yes(answer));
    (!is_approved).then(|| envelope.frame.clone())
}

/// Builds the authority of a frame, as it was when it opened.
fn authority(
    layers: &Layers,
    run: &RunStarted,
    frames: &BTreeMap<FramePath, Walked>,
    path: &FramePath,
    program: &Program,
) -> Authority {
    let mut own = match program {
        Program::Agent(name) | Program::Workflow(name) => layers.of_agent(name),
        Program::Tool(name) => name.split('.').next().map(|plugin| layers.of_plugin(plugin)).unwrap_or_default(),
        Program::Native(_) => Vec::new(),
    };
    // A frame that lists the tools of a toolset is below a step which may have no frame of its own.
    let above: Vec<(FramePath, u32)> = path.ancestors().collect();
    let parent = match above.as_slice() {
        [] => None,
        [.., (_, _), (_, last)] if *last > FramePath::STEPS_MAX => above.iter().rev().nth(1),
        _ => above.last(),
    };
    if let Some(parent) = parent.and_then(|(parent, _)| frames.get(parent)) {
        return parent.authority.child(own);
    }
    if let Some(grants) = &run.grants {
        own.push(Arc::new(Layer { holder: Holder::Caller, own: grants.clone(), lent: GrantSet::default() }));
    }
    Authority::root(own)
}

/// What is asked of each access: the access, what becomes of it when it is not allowed, whether it is a use, and whether
/// it is the frame's alone.
type Show<'a> = &'a mut dyn FnMut(Access<'_>, Consequence, bool, bool);

/// Shows what a frame was given when it opened.
fn opening(started: &FrameStarted, look: Show<'_>) {
    for mount in &started.mounts {
        let path: &Path = &mount.host_path;
        look(Access::File { path, mode: mount.mode }, Consequence::Unseen, false, false);
    }
    for (name, _) in &started.env {
        look(Access::Env(name), Consequence::Unseen, false, false);
    }
    for (key, _) in &started.config {
        look(Access::Config(key), Consequence::Unseen, false, true);
    }
}

/// Shows what an effect accesses.
fn asking(catalog: &Catalog, of_run: Option<&str>, frame: &Walked, effect: &Effect, is_use: bool, look: Show<'_>) {
    with_access(catalog, effect, |access| look(*access, Consequence::Fails, is_use, false));
    match effect {
        Effect::ModelCall { request, .. } => {
            for tool in bounds::offered_tools(request) {
                look(tool_access(tool, catalog.tool(tool).as_ref()), Consequence::Fails, false, false);
            }
            if request.messages.new_messages().any(|message| message.media().next().is_some()) {
                look(Access::Artifact(Mode::Read), Consequence::Fails, false, false);
            }
            if let Some(name) = names::meant(catalog, &frame.program, of_run, request.model.as_deref()) {
                look(Access::Model(name), Consequence::Fails, is_use, false);
            }
        }
        Effect::Embed { model, .. } => {
            if let Some(name) = names::embeds(catalog, model.as_deref()) {
                look(Access::Model(name), Consequence::Fails, is_use, false);
            }
        }
        Effect::HttpRequest(request) => {
            let (method, url) = (&*request.method, &request.url);
            for held in frame.authority.own_layers().first().into_iter().flat_map(|layer| layer.own.iter()) {
                if let Grant::Secret(rule) = &held.grant
                    && rule.to.matches(method, url)
                {
                    look(Access::Secret { name: &rule.name, method, url }, Consequence::Fails, true, false);
                }
            }
        }
        // Without the grant it is waiting like any other, so it fails only beyond the time of its frame.
        Effect::Sleep { ms } if *ms >= frame.limits.get(Dimension::TimeMs) => {
            look(Access::Sleep, Consequence::Fails, false, false);
        }
        _ => {}
    }
}

/// Shows what stands in a list of what a frame may call.
fn listing(catalog: &Catalog, value: &Value, look: Show<'_>) {
    match value {
        Value::Tools(tools) => {
            for tool in tools {
                let qualified =
                    catalog.tool(&tool.name).map_or_else(|| tool.name.as_str().into(), |known| known.qualified);
                look(Access::Tool { name: &tool.name, qualified: &qualified }, Consequence::Unseen, false, false);
            }
        }
        Value::StateKeys(keys) => {
            for StateKey { key, .. } in keys {
                look(Access::State { key, mode: Mode::Read }, Consequence::Unseen, false, false);
            }
        }
        Value::Models(models) => {
            for model in models {
                look(Access::Model(&model.info.name), Consequence::Unseen, false, false);
            }
        }
        Value::Agents(agents) => {
            for agent in agents {
                look(Access::Agent(&agent.name), Consequence::Unseen, false, false);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
