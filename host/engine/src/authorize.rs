// SPDX-License-Identifier: MIT OR Apache-2.0
//! The first step of the waist: may this frame do this, now?

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use priory_core::artifact::{ArtifactOp, Content};
use priory_core::authority::{Holder, Passed, Validity};
use priory_core::effect::{Question, Terms};
use priory_core::failure::Denial;
use priory_core::grant::{Access, EventMode, Grant, Held, Mode};
use priory_core::http::HttpRequest;
use priory_core::memory::MemoryOp;
use priory_core::model::{ModelInfo, ModelRequest};
use priory_core::state::StateOp;
use priory_core::{Digest, Effect, Failure, Json};

use crate::catalog::{AgentEntry, Catalog, ToolTarget};
use crate::frame::Frame;
use crate::model::bill::Bill;
use crate::model::talk::Whole;
use crate::model::{bounds, names};
use crate::perform::memory;
use crate::run::Run;

/// An effect that was authorized, with what it leads to.
pub(crate) enum Plan {
    Tool {
        target: ToolTarget,
        arguments: Json,
        terms: Option<Box<Terms>>,
    },
    ToolList,
    Agent {
        entry: Arc<AgentEntry>,
        input: Json,
        feedback: Option<String>,
        terms: Option<Box<Terms>>,
    },
    AgentList,
    Http {
        request: HttpRequest,
    },
    Sleep {
        ms: u64,
        may_rest: bool,
    },
    AskHuman {
        question: Question,
    },
    Emit {
        name: String,
        data: Json,
        key: Option<String>,
    },
    AwaitEvent {
        name: String,
        matching: Option<Json>,
        expires_ms: Option<u64>,
    },
    /// It is performed where its outcome is recorded.
    State {
        op: StateOp,
    },
    /// It is noted where its outcome is recorded.
    PutArtifact {
        content: Content,
    },
    ReadArtifact {
        digest: Digest,
        offset: u64,
        length: u64,
    },
    StatArtifact {
        digest: Digest,
    },
    AwaitCancel,
    Model(Box<ModelPlan>),
    ModelRead {
        call: u32,
        part: u32,
        offset: u64,
    },
    ModelList,
    Embed {
        model: Arc<str>,
        texts: Vec<String>,
        bill: Arc<Bill>,
    },
    Memory {
        op: MemoryOp,
        /// What it spends on vectors.
        bill: Arc<Bill>,
    },
    BudgetLeft,
    BudgetUsed,
}

/// A request to a model that was authorized.
pub(crate) struct ModelPlan {
    /// As it is written down.
    pub(crate) request: ModelRequest,
    /// All of its messages.
    pub(crate) messages: Whole,
    /// The model that is meant.
    pub(crate) model: Arc<ModelInfo>,
    pub(crate) is_heard: bool,
    pub(crate) terms: Option<Box<Terms>>,
    pub(crate) bill: Arc<Bill>,
}

/// The place of an effect in its frame.
pub(crate) struct Asked {
    pub(crate) step: u32,
    /// All messages of a request to a model.
    pub(crate) whole: Option<Whole>,
}

// === impl Plan ===

impl Plan {
    /// Tells whether what is recorded has to be durable before the effect is performed. A model sees to that itself: much is
    /// decided before it is asked, and what it may cost is made durable at the same moment.
    pub(crate) fn has_to_commit(&self, effect: &Effect) -> bool {
        effect.is_external() && !matches!(self, Self::Model(_) | Self::Embed { .. })
    }

    /// Returns where what it spends is held until that is written down.
    pub(crate) fn bill(&self) -> Option<Arc<Bill>> {
        match self {
            Self::Model(plan) => Some(plan.bill.clone()),
            Self::Embed { bill, .. } | Self::Memory { bill, .. } => Some(bill.clone()),
            _ => None,
        }
    }
}

/// When something that is allowed may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    AtOnce,
    /// When a person has approved it, before the grant ends, in milliseconds since 1970.
    AfterApproval {
        until_unix_ms: Option<u64>,
    },
}

/// Decides an effect.
pub(crate) fn authorize(frame: &Arc<Frame>, asked: &Asked, effect: &Effect) -> Result<(Plan, Allowed), Failure> {
    // The most frequent effect looks its name up once for both.
    if let Effect::ToolCall { tool, arguments, terms } = effect {
        let target = frame.run.catalog.tool(tool);
        let allowed = frame.allow(&tool_access(tool, target.as_ref()))?;
        return Ok((tool_plan(tool, target, arguments, terms)?, allowed));
    }
    let allowed = permit(frame, effect)?;
    Ok((plan(frame, asked, effect)?, allowed))
}

pub(crate) fn tool_access<'a>(tool: &'a str, target: Option<&'a ToolTarget>) -> Access<'a> {
    match target {
        Some(target) => Access::Tool { name: &target.name, qualified: &target.qualified },
        None => Access::Tool { name: tool, qualified: tool },
    }
}

fn tool_plan(
    tool: &str,
    target: Option<ToolTarget>,
    arguments: &Json,
    terms: &Option<Box<Terms>>,
) -> Result<Plan, Failure> {
    let target = target.ok_or_else(|| Failure::absent(format!("tool {tool}"), "no plugin has it"))?;
    Ok(Plan::Tool { target, arguments: arguments.clone(), terms: terms.clone() })
}

/// Holds an effect against the grants, and uses up what is used up by it. A name that is not granted is denied whether it
/// exists or not, so that asking tells nothing.
pub(crate) fn permit(frame: &Frame, effect: &Effect) -> Result<Allowed, Failure> {
    if names::is_asked_of_model(effect) {
        return names::permit(frame, effect, |access| frame.allow(access));
    }
    with_access(&frame.run.catalog, effect, |access| frame.allow(access)).unwrap_or(Ok(Allowed::AtOnce))
}

/// Holds an effect that a person approved against the grants, and uses up what is used up by it.
pub(crate) fn permit_approved(frame: &Frame, effect: &Effect) -> Result<(), Failure> {
    if names::is_asked_of_model(effect) {
        return names::permit(frame, effect, |access| frame.allow_approved(access));
    }
    with_access(&frame.run.catalog, effect, |access| frame.allow_approved(access)).unwrap_or(Ok(()))
}

/// Shows what an effect accesses to `decide`; `None` means that it needs no grant.
pub(crate) fn with_access<T>(catalog: &Catalog, effect: &Effect, decide: impl FnOnce(&Access<'_>) -> T) -> Option<T> {
    Some(match effect {
        Effect::ToolCall { tool, .. } => decide(&tool_access(tool, catalog.tool(tool).as_ref())),
        Effect::AgentCall { agent, .. } => decide(&Access::Agent(agent)),
        Effect::HttpRequest(request) => decide(&Access::Http { method: &request.method, url: &request.url }),
        Effect::AskHuman(_) => decide(&Access::Human),
        Effect::State(op) => return state_access(op).map(|access| decide(&access)),
        Effect::Artifact(ArtifactOp::Put { .. }) => decide(&Access::Artifact(Mode::Write)),
        Effect::Artifact(_) => decide(&Access::Artifact(Mode::Read)),
        Effect::Emit { name, .. } => decide(&Access::Event { name, mode: EventMode::Emit }),
        Effect::AwaitEvent { name, .. } => decide(&Access::Event { name, mode: EventMode::Await }),
        Effect::Memory(op) => decide(&Access::Memory { scope: &op.scope().to_string(), mode: memory_mode(op) }),
        // Which model is meant depends on the frame.
        Effect::ModelCall { .. } | Effect::Embed { .. } => return None,
        // What was asked for before was granted then; a list shows only what is granted.
        Effect::ModelRead { .. } | Effect::ModelList => return None,
        // Without the grant to sleep, a sleep is waiting like any other, and within the time of its frame.
        Effect::Sleep { .. } | Effect::AwaitCancel => return None,
        Effect::ToolList | Effect::AgentList | Effect::BudgetLeft | Effect::BudgetUsed | Effect::Log { .. } => {
            return None;
        }
    })
}

/// Returns what an operation on the state accesses; a list shows only what may be read.
fn state_access(op: &StateOp) -> Option<Access<'_>> {
    match op {
        StateOp::Read { key } | StateOp::History { key } => Some(Access::State { key, mode: Mode::Read }),
        StateOp::Write { key, .. } => Some(Access::State { key, mode: Mode::Write }),
        StateOp::Keys { .. } => None,
    }
}

/// Returns what an operation on the memory is for.
pub(crate) fn memory_mode(op: &MemoryOp) -> Mode {
    match op {
        MemoryOp::Recall { .. } => Mode::Read,
        MemoryOp::Remember { .. } | MemoryOp::Forget { .. } => Mode::Write,
    }
}

/// Finds what a request to a model leads to.
fn model_plan(
    frame: &Frame,
    asked: &Asked,
    request: &ModelRequest,
    is_heard: bool,
    terms: &Option<Box<Terms>>,
) -> Result<Plan, Failure> {
    let messages = asked.whole.clone().ok_or_else(|| Failure::other("the messages of the request are not there"))?;
    bounds::check(request, &messages)?;
    // Also what is pointed at: a grant that was taken back since is gone for all of the conversation.
    if messages.iter().any(|message| message.media().next().is_some()) {
        frame.check(&Access::Artifact(Mode::Read))?;
    }
    let model = names::info(frame, &names::of_frame(frame, request.model.as_deref())?)?;
    let (request, terms, bill) = (request.clone(), terms.clone(), Arc::default());
    Ok(Plan::Model(Box::new(ModelPlan { request, messages, model, is_heard, terms, bill })))
}

/// Finds what an effect leads to.
pub(crate) fn plan(frame: &Frame, asked: &Asked, effect: &Effect) -> Result<Plan, Failure> {
    let catalog = &frame.run.catalog;
    Ok(match effect {
        Effect::ToolCall { tool, arguments, terms } => return tool_plan(tool, catalog.tool(tool), arguments, terms),
        Effect::AgentCall { agent, input, feedback, terms } => {
            let entry = catalog.agent(agent).cloned();
            let entry = entry.ok_or_else(|| Failure::absent(format!("agent {agent}"), "it is not configured"))?;
            Plan::Agent { entry, input: input.clone(), feedback: feedback.clone(), terms: terms.clone() }
        }
        Effect::HttpRequest(request) => Plan::Http { request: request.clone() },
        Effect::Sleep { ms } => Plan::Sleep { ms: *ms, may_rest: frame.check(&Access::Sleep).is_ok() },
        Effect::AskHuman(question) => Plan::AskHuman { question: question.clone() },
        Effect::Emit { name, data, key } => Plan::Emit { name: name.clone(), data: data.clone(), key: key.clone() },
        Effect::AwaitEvent { name, matching, expires_ms } => {
            Plan::AwaitEvent { name: name.clone(), matching: matching.clone(), expires_ms: *expires_ms }
        }
        Effect::AwaitCancel => Plan::AwaitCancel,
        Effect::ToolList => Plan::ToolList,
        Effect::AgentList => Plan::AgentList,
        Effect::State(op) => Plan::State { op: op.clone() },
        Effect::Artifact(op) => match op.clone() {
            ArtifactOp::Put { content } => Plan::PutArtifact { content },
            ArtifactOp::Read { digest, offset, length } => Plan::ReadArtifact { digest, offset, length },
            ArtifactOp::Stat { digest } => Plan::StatArtifact { digest },
        },
        Effect::ModelCall { request, is_heard, terms } => return model_plan(frame, asked, request, *is_heard, terms),
        Effect::ModelRead { call, part, offset } => Plan::ModelRead { call: *call, part: *part, offset: *offset },
        Effect::ModelList => Plan::ModelList,
        Effect::Embed { model, texts } => {
            bounds::check_texts(texts)?;
            let model = names::of_vectors(frame, model.as_deref())?;
            Plan::Embed { model, texts: texts.clone(), bill: Arc::default() }
        }
        Effect::Memory(op) => {
            memory::check(op)?;
            Plan::Memory { op: op.clone(), bill: Arc::default() }
        }
        Effect::BudgetLeft => Plan::BudgetLeft,
        Effect::BudgetUsed => Plan::BudgetUsed,
        // A log has no outcome to wait for and takes the short way through the waist.
        Effect::Log { .. } => return Err(Failure::other("log is written, not performed")),
    })
}

/// Grants that were taken back while runs are live. Shared by all runs of a host.
#[derive(Debug, Default)]
pub struct Revocations {
    /// Whether there is any: the usual case costs one load.
    any: AtomicBool,
    revoked: RwLock<Vec<(Holder, Grant)>>,
}

impl Revocations {
    /// Takes back a grant of a holder, from now on, in every run. Returns whether it was not taken back before.
    pub fn revoke(&self, holder: Holder, grant: Grant) -> bool {
        let mut revoked = self.revoked.write();
        let entry = (holder, grant);
        let is_new = !revoked.contains(&entry);
        if is_new {
            revoked.push(entry);
        }
        self.any.store(true, Ordering::Release);
        is_new
    }

    fn covers(&self, holder: &Holder, grant: &Grant) -> bool {
        self.any.load(Ordering::Acquire) && self.revoked.read().iter().any(|(h, g)| h == holder && g == grant)
    }
}

/// What holds at this moment in a run.
pub(crate) struct Now<'a> {
    run: &'a Run,
    /// Whether a grant of which every use is taken still holds: for what belongs to a use that was taken.
    within_use: bool,
}

impl<'a> Now<'a> {
    pub(crate) fn of(run: &'a Run) -> Self {
        Self { run, within_use: false }
    }

    /// Returns what holds for something that belongs to an access which was allowed, and counted, a moment ago.
    pub(crate) fn within_use(run: &'a Run) -> Self {
        Self { run, within_use: true }
    }

    /// Uses up one use of each grant that has a number of them: of all that the access needs, or of none.
    pub(crate) fn take_uses(&self, passed: &Passed<'_>, access: &Access<'_>) -> Result<(), Denial> {
        if passed.iter().all(|(_, held)| held.uses_max.is_none()) {
            return Ok(());
        }
        take(&mut self.run.uses.lock(), passed, access)
    }
}

impl Validity for Now<'_> {
    fn holds(&self, holder: &Holder, held: &Held) -> bool {
        let expired = held.until_unix_ms.is_some_and(|until| self.run.ports.clock.unix_ms() >= until);
        let used_up = held
            .uses_max
            .is_some_and(|most| self.run.uses.lock().get(&use_key(holder, held)).is_some_and(|count| *count >= most));
        !expired && (self.within_use || !used_up) && !self.run.ports.revocations.covers(holder, &held.grant)
    }
}

fn take(uses: &mut HashMap<String, u32>, passed: &Passed<'_>, access: &Access<'_>) -> Result<(), Denial> {
    // A holder that called itself stands on the path twice, and its grant is used once all the same.
    let mut keys = BTreeSet::new();
    for (holder, held) in passed {
        let Some(most) = held.uses_max else { continue };
        let key = use_key(holder, held);
        if uses.get(&key).is_some_and(|count| *count >= most) {
            let remedy = format!("# the grant `{}` was given {most} times for a run", held.grant);
            return Err(Denial { effect: access.summary(), by: holder.to_string(), remedy });
        }
        keys.insert(key);
    }
    for key in keys {
        *uses.entry(key).or_default() += 1;
    }
    Ok(())
}

/// Names a grant of a holder with its conditions. Grants that are written alike may differ in those, and in what is not
/// written, so the key is made of all that there is of them.
pub(crate) fn use_key(holder: &Holder, held: &Held) -> String {
    format!("{holder:?} {held:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str, uses_max: Option<u32>) -> Held {
        Held { uses_max, ..Held::from(text.parse::<Grant>().unwrap()) }
    }

    /// Takes until it is denied, and returns how often that went and by whom it was denied.
    fn take_all(uses: &mut HashMap<String, u32>, passed: &Passed<'_>) -> (u32, String) {
        let mut count = 0;
        loop {
            match take(uses, passed, &Access::Agent("a")) {
                Ok(()) => count += 1,
                Err(denial) => return (count, denial.by),
            }
        }
    }

    #[test]
    fn a_holder_that_stands_twice_on_the_path_uses_once() {
        let (holder, other) = (Holder::Agent("a".into()), Holder::Agent("b".into()));
        let (grant, free) = (held("agent=*", Some(3)), held("agent=*", None));
        let mut uses = HashMap::new();
        let passed = vec![(&holder, &grant), (&other, &free), (&holder, &grant)];
        assert_eq!(take_all(&mut uses, &passed), (3, "agent a".to_owned()));
    }

    #[test]
    fn all_are_used_or_none() {
        let (holder, other) = (Holder::Agent("a".into()), Holder::Agent("b".into()));
        let (many, few) = (held("agent=*", Some(5)), held("agent=*", Some(2)));
        let mut uses = HashMap::new();
        let both = vec![(&holder, &many), (&other, &few)];
        assert_eq!(take_all(&mut uses, &both), (2, "agent b".to_owned()));
        assert_eq!(take_all(&mut uses, &both), (0, "agent b".to_owned()));
        // What was denied by the second has cost the first nothing.
        assert_eq!(take_all(&mut uses, &vec![(&holder, &many)]), (3, "agent a".to_owned()));
    }

    #[test]
    fn grants_that_are_written_alike_are_counted_apart() {
        let holder = Holder::Agent("a".into());
        let first = held("http=https://a.org/*", Some(2));
        let later = Held { until_unix_ms: Some(7), ..first.clone() };
        let Grant::Http(rule) = first.grant.clone() else { panic!("{first:?}") };
        let wider = Held { grant: Grant::Http(rule.with_addresses(["10.0.0.0/8".parse().unwrap()])), ..first.clone() };
        let mut uses = HashMap::new();
        for held in [&first, &later, &wider] {
            assert_eq!(take_all(&mut uses, &vec![(&holder, held)]).0, 2, "{held:?}");
            assert_eq!(take_all(&mut uses, &vec![(&holder, held)]).0, 0, "{held:?}");
        }
        assert_eq!(take_all(&mut uses, &vec![(&Holder::Plugin("a".into()), &first)]).0, 2, "of another holder");
    }
}
