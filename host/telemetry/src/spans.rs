// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the events of runs to spans.
//!
//! A span stands at a place: that of a frame. A call of a tool or an agent has its span from the intent on, at the place of the
//! frame that it opens, and the frame is the same span; so a call that opens no frame has one as well. A call of a model stands
//! at the place where its step would open a frame. The parent of a span is the frame that holds the step.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use parking_lot::Mutex;
use priory_core::event::{Envelope, Event, FrameStarted, Program};
use priory_core::model::{Spent, TokenUsage};
use priory_core::{Digest, Effect, Failure, FramePath, Outcome, RunId, Usage, Value};

use crate::attribute::{decimal, int, text};
use crate::config::TelemetryConfig;
use crate::export::Tally;
use crate::following::Following;
use crate::metrics::Metrics;
use crate::{content, model, names};

/// What a span holds that is open, beside what is said of it, in bytes.
const OPEN_BYTES: usize = 512;
/// How long a name may be, in bytes: names of agents and tools are shorter.
const NAME_BYTES_MAX: usize = 256;

/// Follows runs.
pub(crate) struct Spans {
    config: TelemetryConfig,
    tally: Arc<Tally>,
    /// Who records holds it for as long as a map takes.
    runs: Mutex<Following<Open>>,
}

/// A span that has not ended.
struct Open {
    what: What,
    start_unix_ms: u64,
    said: Vec<KeyValue>,
    /// What was spent on models at this place.
    spent: Option<Spending>,
    /// After how many milliseconds the first piece of an answer came.
    first_ms: Option<u64>,
    /// Whether it ends with its frame, because no step of another one opened it.
    ends_with_frame: bool,
}

/// What a span is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Agent(String),
    Workflow(String),
    Tool(String),
    Native(String),
    /// A call of a model, by its name where one was named.
    Chat(Option<String>),
    /// Vectors.
    Embeddings(Option<String>),
}

#[derive(Default)]
struct Spending {
    model: String,
    provider: String,
    usage: TokenUsage,
    microusd: u64,
    attempts: u64,
}

impl Spans {
    pub(crate) fn new(config: TelemetryConfig, tally: Arc<Tally>) -> Self {
        Self { config, tally, runs: Mutex::default() }
    }

    /// Takes an event, and returns the spans that ended with it.
    pub(crate) fn record(&self, envelope: &Envelope, metrics: &Metrics) -> Vec<Span> {
        let (run, frame, at) = (envelope.run, &envelope.frame, envelope.unix_ms);
        let mut runs = self.runs.lock();
        match &envelope.event {
            Event::Intent { step, effect } => {
                if let Some(opened) = self.opened(effect, at) {
                    self.open(&mut runs, run, frame.child(*step), opened);
                }
                Vec::new()
            }
            Event::FrameStarted(started) => {
                self.frame_started(&mut runs, run, frame, started, at);
                Vec::new()
            }
            Event::Refused { step, effect, failure } => {
                let Some(mut refused) = self.opened(effect, at) else { return Vec::new() };
                refused.said.push(text(names::ERROR, failure.kind()));
                vec![self.ended(run, &frame.child(*step), refused, at, Some(failure), metrics)]
            }
            Event::Spent { step, spent } => {
                let open = runs.found(run, &frame.child(*step));
                let embeds = open.as_ref().is_some_and(|open| matches!(open.what, What::Embeddings(_)));
                let operation = if embeds { "embeddings" } else { "chat" };
                open.into_iter().for_each(|open| open.spend(spent));
                metrics.spent(operation, spent, &model::model_id(&spent.model, &self.config));
                Vec::new()
            }
            Event::Outcome { step, outcome } => {
                let place = frame.child(*step);
                let Some(open) = runs.close(run, &place) else { return Vec::new() };
                drop(runs);
                vec![self.came_to(run, &place, open, outcome, at, metrics)]
            }
            Event::FrameEnded { failure, usage } => {
                let Some(open) = runs.found(run, frame) else { return Vec::new() };
                open.used(usage);
                if !open.ends_with_frame {
                    return Vec::new();
                }
                let Some(mut open) = runs.close(run, frame) else { return Vec::new() };
                drop(runs);
                open.said.extend(failure.as_ref().map(|failure| text(names::ERROR, failure.kind())));
                vec![self.ended(run, frame, open, at, failure.as_ref(), metrics)]
            }
            Event::RunEnded { .. } => {
                let left = runs.close_run(run);
                drop(runs);
                // What was withdrawn with the run has no outcome of its own.
                left.into_iter().map(|(place, open)| self.ended(run, &place, open, at, None, metrics)).collect()
            }
            Event::RunStarted(_) | Event::RunResumed { .. } | Event::Log { .. } => Vec::new(),
        }
    }

    /// Takes note that a piece of an answer came; only the first one counts.
    pub(crate) fn heard(&self, run: RunId, frame: &FramePath, step: u32, now_unix_ms: u64) {
        let mut runs = self.runs.lock();
        if let Some(open) = runs.found(run, &frame.child(step)) {
            open.first_ms.get_or_insert(now_unix_ms.saturating_sub(open.start_unix_ms));
        }
    }

    /// Returns the span that an effect begins, if it begins one.
    fn opened(&self, effect: &Effect, at: u64) -> Option<Open> {
        let told = |of: &dyn Fn() -> String| self.config.content.then(|| content::cut(of()));
        let (what, node, mut said) = match effect {
            Effect::ToolCall { tool, arguments, terms } => {
                let arguments = told(&|| arguments.as_str().to_owned());
                let said = arguments.map(|arguments| text(names::TOOL_ARGUMENTS, arguments));
                (What::Tool(tool.clone()), terms, said.into_iter().collect())
            }
            Effect::AgentCall { agent, input, terms, .. } => {
                let input = told(&|| input.as_str().to_owned());
                let said = input.map(|input| text(names::INPUT, input));
                (What::Agent(agent.clone()), terms, said.into_iter().collect())
            }
            Effect::ModelCall { request, is_heard, terms } => {
                let said = model::asked(request, *is_heard, &self.config);
                (What::Chat(request.model.clone()), terms, said)
            }
            Effect::Embed { model, .. } => (What::Embeddings(model.clone()), &None, Vec::new()),
            _ => return None,
        };
        let node = node.as_ref().and_then(|terms| terms.node.as_deref());
        said.extend(node.map(|node| text(names::NODE, node)));
        let ends_with_frame = false;
        Some(Open { what, start_unix_ms: at, said, spent: None, first_ms: None, ends_with_frame })
    }

    fn frame_started(
        &self,
        runs: &mut Following<Open>,
        run: RunId,
        frame: &FramePath,
        started: &FrameStarted,
        at: u64,
    ) {
        let what = match &started.program {
            Program::Agent(name) => What::Agent(name.to_string()),
            Program::Workflow(name) => What::Workflow(name.to_string()),
            Program::Tool(name) => What::Tool(name.to_string()),
            Program::Native(name) => What::Native(name.to_string()),
        };
        if let Some(open) = runs.found(run, frame) {
            // Whoever called did not know whether it is an agent or a workflow; a tool keeps the name that it was called by.
            if !matches!(what, What::Tool(_)) {
                open.what = what;
            }
            return;
        }
        let (said, spent, first_ms) = (Vec::new(), None, None);
        let opened = Open { what, start_unix_ms: at, said, spent, first_ms, ends_with_frame: true };
        self.open(runs, run, frame.clone(), opened);
    }

    /// Opens a span, as long as there is room.
    fn open(&self, runs: &mut Following<Open>, run: RunId, place: FramePath, opened: Open) {
        let bytes = opened.said.iter().map(prost::Message::encoded_len).fold(OPEN_BYTES, usize::saturating_add);
        let lost = runs.open(run, place, opened, bytes);
        self.tally.dropped.fetch_add(lost, Ordering::Relaxed);
    }

    fn came_to(
        &self,
        run: RunId,
        place: &FramePath,
        mut open: Open,
        outcome: &Outcome,
        at: u64,
        metrics: &Metrics,
    ) -> Span {
        match outcome {
            Ok(Value::Completion(completion)) => {
                open.said.extend(model::answered(completion, &self.config));
                if let What::Chat(name @ None) = &mut open.what {
                    *name = Some(completion.model.to_string());
                }
            }
            Ok(Value::Embedded(embedded)) => open.what = What::Embeddings(Some(embedded.model.to_string())),
            Ok(Value::Json(result)) if self.config.content => {
                open.said.push(text(names::TOOL_RESULT, content::cut(result.as_str().to_owned())));
            }
            Ok(Value::Report(report)) if self.config.content => {
                open.said.push(text(names::OUTPUT, content::cut(report.output.as_str().to_owned())));
            }
            Ok(_) => {}
            Err(failure) => open.said.push(text(names::ERROR, failure.kind())),
        }
        self.ended(run, place, open, at, outcome.as_ref().err(), metrics)
    }

    /// Makes the span of what ended.
    fn ended(
        &self,
        run: RunId,
        place: &FramePath,
        open: Open,
        at: u64,
        failure: Option<&Failure>,
        metrics: &Metrics,
    ) -> Span {
        let seconds = millis_to_seconds(at.saturating_sub(open.start_unix_ms));
        let (operation, named) = open.what.words(&self.config, open.spent.as_ref());
        let mut said = vec![text(names::OPERATION, operation)];
        said.extend(open.what.named(&named));
        said.push(text(names::RUN, run.to_string()));
        said.push(text(names::FRAME, place.to_string()));
        if let Some(spending) = &open.spent {
            said.extend(spending.said());
        }
        said.extend(open.first_ms.map(|ms| decimal(names::RESPONSE_FIRST, millis_to_seconds(ms))));
        said.extend(open.said);
        let provider = open.spent.as_ref().map(|spending| spending.provider.as_str());
        let kind = failure.map(Failure::kind);
        metrics.ended(operation, &named, provider, kind, seconds, open.first_ms.map(millis_to_seconds));
        let is_client = matches!(open.what, What::Chat(_) | What::Embeddings(_));
        let parent = place.ancestors().last().map(|(holder, _)| span_id(run, &holder).to_vec());
        let status = failure.map(|failure| {
            // What a failure says may hold what somebody said.
            let message =
                if self.config.content { content::cut(failure.to_string()) } else { failure.kind().to_owned() };
            Status { message, code: StatusCode::Error.into() }
        });
        Span {
            trace_id: run.to_bytes().to_vec(),
            span_id: span_id(run, place).to_vec(),
            parent_span_id: parent.unwrap_or_default(),
            flags: 1,
            name: format!("{operation} {named}").trim_end().to_owned(),
            kind: if is_client { SpanKind::Client } else { SpanKind::Internal }.into(),
            start_time_unix_nano: open.start_unix_ms.saturating_mul(1_000_000),
            end_time_unix_nano: at.max(open.start_unix_ms).saturating_mul(1_000_000),
            attributes: said,
            status,
            ..Span::default()
        }
    }
}

/// Returns the id of the span at a place: the same on every host.
pub(crate) fn span_id(run: RunId, place: &FramePath) -> [u8; 8] {
    let bytes: Vec<u8> = run.to_bytes().into_iter().chain(place.to_bytes()).collect();
    let mut id = [0; 8];
    id.iter_mut().zip(Digest::of(&bytes).as_bytes()).for_each(|(to, from)| *to = *from);
    id
}

fn millis_to_seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

// === impl Open ===

impl Open {
    fn spend(&mut self, spent: &Spent) {
        let spending = self.spent.get_or_insert_default();
        spending.model = spent.model.to_string();
        spending.provider = spent.provider.to_string();
        spending.usage = spending.usage.saturating_add(spent.usage);
        spending.microusd = spending.microusd.saturating_add(spent.microusd);
        spending.attempts = spending.attempts.saturating_add(u64::from(spent.attempts));
    }

    fn used(&mut self, usage: &Usage) {
        self.said.push(int(names::FUEL, usage.fuel));
        self.said.push(int(names::MEMORY, usage.memory_bytes));
        self.said.push(int(names::CALLS, usage.calls));
    }
}

// === impl Spending ===

impl Spending {
    fn said(&self) -> Vec<KeyValue> {
        let usage = &self.usage;
        let mut said = vec![
            text(names::PROVIDER, self.provider.clone()),
            int(names::USAGE_INPUT, usage.input),
            int(names::USAGE_OUTPUT, usage.output),
            int(names::COST, self.microusd),
            int(names::ATTEMPTS, self.attempts),
        ];
        let parts = [
            (names::USAGE_CACHED, usage.cached),
            (names::USAGE_CACHE_WRITTEN, usage.cache_written),
            (names::USAGE_REASONING, usage.reasoning),
        ];
        said.extend(parts.into_iter().filter(|(_, tokens)| *tokens > 0).map(|(name, tokens)| int(name, tokens)));
        said
    }
}

// === impl What ===

impl What {
    /// Returns the operation, and what it is done to.
    fn words(&self, config: &TelemetryConfig, spent: Option<&Spending>) -> (&'static str, String) {
        let model = |name: &Option<String>| {
            let name = name.as_deref().or(spent.map(|spending| spending.model.as_str())).unwrap_or_default();
            model::model_id(name, config)
        };
        let (operation, named) = match self {
            Self::Agent(name) => ("invoke_agent", name.clone()),
            Self::Workflow(name) | Self::Native(name) => ("invoke_workflow", name.clone()),
            Self::Tool(name) => ("execute_tool", name.clone()),
            Self::Chat(name) => ("chat", model(name)),
            Self::Embeddings(name) => ("embeddings", model(name)),
        };
        let mut named = named;
        named.truncate(named.floor_char_boundary(NAME_BYTES_MAX));
        (operation, named)
    }

    fn named(&self, named: &str) -> Vec<KeyValue> {
        match self {
            Self::Agent(_) => vec![text(names::AGENT, named)],
            Self::Workflow(_) | Self::Native(_) => vec![text(names::WORKFLOW, named)],
            Self::Tool(_) => vec![text(names::TOOL, named), text(names::TOOL_TYPE, "function")],
            Self::Chat(_) | Self::Embeddings(_) => vec![text(names::REQUEST_MODEL, named)],
        }
    }
}
