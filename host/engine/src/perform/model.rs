// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asking a model, and those that stand in for it, until one answers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use priory_core::failure::{Timeout, Unavailable};
use priory_core::model::{
    Answered, Completion, Delta, Message, ModelInfo, Offer, Prompt, REQUEST_TIME_MS_MAX, Role, Spent, TokenUsage,
    ToolDefinition, page_tokens,
};
use priory_core::ports::Models;
use priory_core::{Amounts, Digest, Failure, Outcome, Value};
use priory_schema::Schema;

use super::paid::{self, Came, Paid, Step};
use super::tool::dynamic_tools;
use super::{artifact, cached, list};
use crate::authorize::ModelPlan;
use crate::catalog::ToolFunction;
use crate::deadline::Deadline;
use crate::frame::Frame;
use crate::model::estimate::{Estimate, media_tokens_max, tokens_max};
use crate::model::hearing::Hearing;
use crate::model::{answer, names, talk};
use crate::quota::Today;

/// How many pictures and files one request may have, each mention counted.
const MEDIA_MAX: usize = 256;
/// How many bytes they may have together: they stand in memory, and in the body of the request as text.
const MEDIA_BYTES_MAX: u64 = 64 << 20;

/// A request on its way through the models that may answer it.
struct Asking<'a> {
    at: Step<'a>,
    plan: &'a ModelPlan,
    models: Arc<dyn Models>,
    hearing: Option<Arc<Hearing>>,
    /// What the answer has to fit.
    schema: Option<Arc<Schema>>,
    /// A bound of the tokens that are read.
    input: u64,
    /// What is left of the terms of the call.
    terms: Amounts,
    today: Option<Today>,
}

/// What one model came to.
enum Turn {
    Answered(Box<Completion>),
    /// There is not enough for it.
    Unasked(Failure),
    /// It does not answer, and another one may.
    Unanswered(Failure),
    /// What it answered was lost on the way, and had its price; it may be asked again.
    Lost(Failure),
    Failed(Failure),
}

/// Asks a model, within the terms of the call.
pub(super) async fn call(frame: &Arc<Frame>, step: u32, plan: ModelPlan, fuel: u64) -> Outcome {
    let at = Step { frame, step, fuel, bill: &plan.bill };
    let Some(time_ms) = plan.terms.as_ref().and_then(|terms| terms.time_ms) else { return ask(at, &plan).await };
    let clock = &frame.run.ports.clock;
    let until = clock.elapsed().saturating_add(Duration::from_millis(time_ms));
    let asking = pin!(ask(at, &plan));
    let late = || Failure::Timeout(Timeout { allowed_ms: time_ms, frame: frame.given.label.to_string() });
    Deadline::new(asking, &**clock, &|| until).await.unwrap_or_else(|| Err(late()))
}

/// Returns how much time the frame has left, in milliseconds.
pub(super) fn time_left_ms(frame: &Frame) -> u64 {
    let until = frame.given.deadline.saturating_add(frame.rested());
    let left = until.saturating_sub(frame.run.ports.clock.elapsed());
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}

async fn ask(at: Step<'_>, plan: &ModelPlan) -> Outcome {
    let frame = at.frame;
    let absent = || Failure::absent(format!("model {}", plan.model.name), "it is not configured");
    let models = frame.run.ports.models.clone().ok_or_else(absent)?;
    let candidates = names::candidates(frame, &plan.model, &plan.request, &plan.messages)?;
    let schema = check_schemas(frame, plan)?;
    let tools = definitions(at, plan).await?;
    let media = media(at, &plan.messages).await?;
    let input = {
        let lengths = plan.messages.iter().flat_map(|message| message.media());
        let lengths = lengths.filter_map(|media_in| media.get(&media_in.artifact));
        let lengths = lengths.map(|bytes| (bytes.len() as u64).max(page_tokens(bytes)));
        tokens_max(&plan.messages, &tools, &plan.request.sampling).saturating_add(media_tokens_max(lengths))
    };
    let spent_before = frame.past_step(at.step).map(|known| known.spent.clone()).unwrap_or_default();
    let terms = plan.terms.as_ref().map_or(Amounts::UNBOUNDED, |terms| terms.budget.amounts());
    let mut asking = Asking {
        at,
        plan,
        models,
        hearing: frame.talk.hearing(at.step),
        schema,
        input,
        terms: terms.saturating_sub(talk::sum(&spent_before)),
        today: paid::today(at).await,
    };
    let mut prompt = Prompt {
        model: plan.model.name.clone(),
        messages: plan.messages.to_vec(),
        media,
        tools,
        sampling: plan.request.sampling.clone(),
        output_tokens_max: 0,
        spare: TokenUsage::default(),
        streams: plan.is_heard,
        key: String::new(),
        run: frame.run.id,
        time_ms: 0,
    };
    let (mut unasked, mut unanswered) = (None, None);
    // They are few: the model itself and its fallbacks.
    for (turn, info) in &candidates {
        if has_failed(&spent_before, info) {
            continue;
        }
        prompt.model = info.name.clone();
        // It is the one that was asked when the host went away.
        asking.check_lost(*turn, info, &prompt)?;
        for again in times_lost(&spent_before, info)..names::ASKS_MAX {
            let turn = names::repeated(*turn, again);
            prompt.key = at.key(turn);
            match asking.turn(turn, info, &mut prompt, again + 1 < names::ASKS_MAX).await {
                Turn::Answered(completion) => return Ok(Value::Completion(completion)),
                Turn::Failed(failure) => return Err(failure),
                Turn::Unasked(failure) => _ = unasked.get_or_insert(failure),
                Turn::Unanswered(failure) => unanswered = Some(failure),
                Turn::Lost(failure) => {
                    unanswered = Some(failure);
                    continue;
                }
            }
            break;
        }
    }
    // What the last of them said counts: what those before it said is not known when a run is taken up. Where nobody was
    // asked, it is why the model itself was not.
    Err(unanswered.or(unasked).unwrap_or_else(|| gone(&plan.model)))
}

/// Tells whether a model had failed before its host went away: it is not asked again.
fn has_failed(spent_before: &[Spent], info: &ModelInfo) -> bool {
    spent_before.iter().any(|spent| spent.model == info.name && !spent.is_answered && !spent.is_asked_again)
}

/// Returns how often the answer of a model was lost on the way before its host went away.
fn times_lost(spent_before: &[Spent], info: &ModelInfo) -> u32 {
    let lost = spent_before.iter().filter(|spent| spent.model == info.name && spent.is_asked_again).count();
    u32::try_from(lost).unwrap_or(u32::MAX)
}

/// Says that nobody knows what a model said.
fn gone(info: &ModelInfo) -> Failure {
    let reason = "its host went away while it was asked".to_owned();
    Failure::Unavailable(Unavailable { subject: format!("model {}", info.name), reason, retriable: true })
}

/// Refuses what nobody could answer: schemas that are none. Those of the router are made by the host.
fn check_schemas(frame: &Frame, plan: &ModelPlan) -> Result<Option<Arc<Schema>>, Failure> {
    let schemas = &frame.run.catalog.schemas;
    let invalid = |pointer: String, reason| Failure::invalid("request to a model", pointer, reason);
    for (at, offer) in plan.request.tools.iter().enumerate() {
        if let Offer::Custom(definition) = offer {
            schemas
                .get(&definition.input_schema)
                .map_err(|reason| invalid(format!("/tools/{at}/input-schema"), reason))?;
        }
    }
    let output = plan.request.sampling.output.as_ref().map(|schema| schemas.get(schema));
    output.transpose().map_err(|reason| invalid("/output".to_owned(), reason))
}

/// Returns what the model is told of the tools that are offered.
async fn definitions(at: Step<'_>, plan: &ModelPlan) -> Result<Vec<ToolDefinition>, Failure> {
    let catalog = &at.frame.run.catalog;
    let mut tools = Vec::with_capacity(plan.request.tools.len());
    for offer in &plan.request.tools {
        let name = match offer {
            Offer::Custom(definition) => {
                tools.push(definition.clone());
                continue;
            }
            Offer::Tool(name) => name,
        };
        let absent = |reason| Failure::absent(format!("tool {name}"), reason);
        let target = catalog.tool(name).ok_or_else(|| absent("no plugin has it"))?;
        let info = match &target.function {
            ToolFunction::Typed(_) => list::info(&target),
            ToolFunction::Dynamic(_) => {
                let known = dynamic_tools(at.frame, at.step, &target.plugin).await?;
                known.infos.iter().find(|info| *info.name == *target.name).cloned()
            }
        };
        let info = info.ok_or_else(|| absent("its toolset does not list it"))?;
        let (description, input_schema) = (info.description, info.input_schema);
        tools.push(ToolDefinition { name: name.clone(), description, input_schema });
    }
    Ok(tools)
}

/// Returns the bytes of the pictures and files in a conversation. The run has to be allowed to read each of them.
async fn media(at: Step<'_>, messages: &[Arc<Message>]) -> Result<BTreeMap<Digest, Arc<[u8]>>, Failure> {
    let refuse = |reason: String| Err(Failure::invalid("request to a model", "/messages", reason));
    let (mut media, mut count, mut length) = (BTreeMap::new(), 0_usize, 0_u64);
    for named in messages.iter().flat_map(|message| message.media()) {
        // Each mention is sent, and counted, for itself.
        count = count.saturating_add(1);
        if count > MEDIA_MAX {
            return refuse(format!("they have more than {MEDIA_MAX} pictures and files"));
        }
        let known = at.frame.run.artifacts.lock().check_known(named.artifact)?.unwrap_or_default();
        if length.saturating_add(known) <= MEDIA_BYTES_MAX
            && let Entry::Vacant(place) = media.entry(named.artifact)
        {
            place.insert(artifact::whole(at.frame, at.step, named.artifact).await?);
        }
        let own = media.get(&named.artifact).map_or(known, |bytes: &Arc<[u8]>| bytes.len() as u64);
        length = length.saturating_add(own);
        if length > MEDIA_BYTES_MAX {
            return refuse(format!("their pictures and files have more than {MEDIA_BYTES_MAX} bytes together"));
        }
    }
    Ok(media)
}

// === impl Asking ===

impl Asking<'_> {
    /// Lets one model have its turn.
    async fn turn(&mut self, turn: u32, info: &Arc<ModelInfo>, prompt: &mut Prompt, may_repeat: bool) -> Turn {
        let (at, plan) = (self.at, self.plan);
        if let Some(message) = cached::find(at.frame, info, prompt).await {
            let (usage, microusd) = (TokenUsage::default(), 0);
            return Turn::Answered(Box::new(self.completion(info, message, prompt, (usage, microusd, true))));
        }
        let estimate = Estimate::of(info.clone(), self.input, plan.request.sampling.output_tokens_max, self.terms);
        let count = || self.models.count(prompt);
        let (whole, output) = match paid::reserve(at, estimate, self.today.as_ref(), count).await {
            Ok(reserved) => reserved,
            Err(failure) => return Turn::Unasked(failure),
        };
        prompt.output_tokens_max = output;
        prompt.time_ms = time_left_ms(at.frame).min(REQUEST_TIME_MS_MAX);
        let prompt = &*prompt;
        let reserved = whole.run.amounts();
        let so_far = || {
            let input = self.models.count(prompt).min(reserved.tokens_in);
            match &self.hearing {
                Some(_) => TokenUsage { input, ..self.heard_so_far(prompt) },
                // Nobody tells what the provider wrote, and most of them finish what they began.
                None => TokenUsage { input, output: reserved.tokens_out, ..TokenUsage::default() },
            }
        };
        let mut paid = Paid::new(at, info, turn, whole, self.today.as_ref(), so_far);
        paid.ready().await;
        let (hearing, tape, path) = (self.hearing.as_ref(), &at.frame.run.tape, &at.frame.given.path);
        let hear = |delta: Delta| {
            if let Some(hearing) = hearing {
                tape.hear(path, at.step, &delta);
                hearing.add(delta);
            }
        };
        match self.models.complete(prompt, &hear).await {
            Ok(Answered { message, stop, usage, lost, attempts, is_paid }) => {
                let spent = paid.settle(usage.saturating_add(lost), attempts, Came::Answered { is_paid });
                let microusd = spent.map_or(0, |spent| spent.microusd);
                let kept = cached::Kept { message, stop };
                if is_paid {
                    cached::keep(at.frame, info, prompt, &kept).await;
                }
                Turn::Answered(Box::new(self.completion(info, kept, prompt, (usage, microusd, false))))
            }
            Err(unanswered) => {
                let mut lost = unanswered.lost;
                if matches!(unanswered.failure, Failure::Timeout(_)) && hearing.is_none() && lost.input > 0 {
                    // It was at work when its time was up.
                    lost.output = lost.output.max(output);
                }
                // Who has heard a part of one answer is not told another one.
                let was_heard = hearing.is_some_and(|hearing| hearing.was_heard());
                let is_absent = matches!(unanswered.failure, Failure::Unavailable(_)) && !was_heard;
                let is_lost = is_absent && unanswered.failure.is_retriable() && !lost.is_zero() && may_repeat;
                let spent = paid.settle(lost, unanswered.attempts, if is_lost { Came::Lost } else { Came::Not });
                self.terms = self.terms.saturating_sub(spent.as_ref().map(talk::amounts).unwrap_or_default());
                match unanswered.failure {
                    failure if is_lost => Turn::Lost(failure),
                    failure @ (Failure::Unavailable(_) | Failure::Timeout(_)) if !was_heard => {
                        Turn::Unanswered(failure)
                    }
                    failure => Turn::Failed(failure),
                }
            }
        }
    }

    /// Holds an answer against what was asked.
    fn completion(
        &self,
        info: &ModelInfo,
        kept: cached::Kept,
        prompt: &Prompt,
        (usage, microusd, is_cached): (TokenUsage, u64, bool),
    ) -> Completion {
        let cached::Kept { mut message, stop } = kept;
        answer::check_calls(&mut message, &prompt.tools, &self.at.frame.run.catalog.schemas);
        let read = self.schema.as_ref().map(|schema| answer::output(&message, stop, schema));
        let (output, problem) = read.unwrap_or_default();
        Completion { message, stop, model: info.name.clone(), usage, microusd, output, problem, is_cached }
    }

    /// Returns what was heard of an answer so far, in tokens.
    fn heard_so_far(&self, prompt: &Prompt) -> TokenUsage {
        let heard = self.hearing.as_ref().map(|hearing| hearing.so_far()).unwrap_or_default();
        let output = tokens_of(&*self.models, prompt, heard.iter()).min(prompt.output_tokens_max);
        TokenUsage { output, ..TokenUsage::default() }
    }

    /// Fails when the request was heard in part and its host went away: it is not sent again, and what was heard is charged.
    fn check_lost(&self, turn: u32, info: &ModelInfo, prompt: &Prompt) -> Result<(), Failure> {
        let Some(past) = self.at.frame.given.past.as_ref().filter(|_| self.plan.is_heard) else { return Ok(()) };
        let is_in_flight = past.step(self.at.step).is_some_and(|known| known.end.is_none());
        let heard: Vec<&Delta> = past.heard(self.at.step).collect();
        if !is_in_flight || heard.is_empty() {
            return Ok(());
        }
        let output = tokens_of(&*self.models, prompt, heard.into_iter());
        let input = self.models.count(prompt).min(self.input);
        self.at.charge_lost(info, turn, TokenUsage { input, output, ..TokenUsage::default() })?;
        Err(gone(info))
    }
}

/// Counts the tokens of what was heard, as they would count if it was said to the model.
fn tokens_of<'a>(models: &dyn Models, prompt: &Prompt, heard: impl Iterator<Item = &'a Delta>) -> u64 {
    let mut words = String::new();
    for delta in heard {
        match delta {
            Delta::Text(text) | Delta::Reasoning(text) => words.push_str(text),
            Delta::ToolCall(call) => words.push_str(call.arguments.as_str()),
        }
    }
    if words.is_empty() {
        return 0;
    }
    let said = Prompt {
        messages: vec![Arc::new(Message::text(Role::Assistant, words))],
        media: BTreeMap::new(),
        tools: Vec::new(),
        ..prompt.clone()
    };
    models.count(&said)
}
