// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be found again in what was asked, given and got: its strings and numbers, each with its place.

use std::ops::Range;
use std::sync::Arc;

use priory_core::artifact::ArtifactOp;
use priory_core::effect::Value;
use priory_core::memory::{Fact, MemoryOp, MemoryValue};
use priory_core::model::{Delta, Message, Part};
use priory_core::state::StateOp;
use priory_core::{Effect, Failure, Json, Outcome, Report};
use serde::Serialize;

/// From how many characters on a part of a text counts: what is shorter stands in many texts by chance.
pub const PART_CHARS_MIN: usize = 16;
/// How many strings and numbers of one event are looked at.
pub(super) const LEAVES_OF_EVENT_MAX: usize = 100_000;
/// Up to which number every whole number is one that a float can hold.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A string or a number, in the form in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Scalar {
    /// Its words with single spaces between them.
    Text(Arc<str>),
    /// As JSON, a whole number without a fraction.
    Number(Arc<str>),
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) scalar: Scalar,
    /// Whether somebody typed it: then it counts within a text even where it is short.
    pub(super) is_typed: bool,
}

/// A string or a number with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    /// A JSON Pointer where the value is JSON; else a name, such as `summary`.
    pub(super) at: String,
    pub(super) scalar: Scalar,
}

/// The leaves of something, as far as they are looked at.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    pub(super) found: Vec<Leaf>,
    /// Whether some were left out.
    pub(super) is_cut: bool,
}

// === impl Scalar ===

impl Scalar {
    /// Makes one of a text; `None` where it says nothing.
    pub(super) fn text(text: &str) -> Option<Self> {
        let mut normal = String::with_capacity(text.len());
        for word in text.split_whitespace() {
            if !normal.is_empty() {
                normal.push(' ');
            }
            normal.push_str(word);
        }
        (!normal.is_empty()).then(|| Self::Text(normal.into()))
    }

    /// Makes one of a JSON value; `None` for what is in every value, and for what has parts.
    pub(super) fn of(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) => Self::text(text),
            serde_json::Value::Number(number) => Some(Self::number(number)),
            _ => None,
        }
    }

    fn number(number: &serde_json::Number) -> Self {
        let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT_MAX);
        let text = whole.map_or_else(|| number.to_string(), |whole| format!("{whole:.0}"));
        // There are two ways to write nothing.
        Self::Number(if text == "-0" { "0".into() } else { text.into() })
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

// === impl Wanted ===

impl Wanted {
    /// Returns what is wanted as JSON.
    pub(super) fn as_json(&self) -> serde_json::Value {
        match &self.scalar {
            Scalar::Text(text) => text.to_string().into(),
            Scalar::Number(number) => serde_json::from_str(number).unwrap_or_default(),
        }
    }

    /// Tells whether it stands within a text.
    fn is_within(&self, text: &str) -> bool {
        let wanted = self.scalar.as_str();
        if is_long(wanted) {
            return text.contains(wanted);
        }
        self.is_typed && text.match_indices(wanted).any(|(at, _)| is_word(text, at..at + wanted.len()))
    }

    /// Tells whether a leaf is it, or has it in it.
    pub(super) fn is_in(&self, scalar: &Scalar) -> Option<bool> {
        match (&self.scalar, scalar) {
            (wanted, scalar) if wanted == scalar => Some(true),
            (Scalar::Text(_), Scalar::Text(text)) if self.is_within(text) => Some(false),
            _ => None,
        }
    }
}

// === impl Leaves ===

impl Leaves {
    /// Takes the leaves of a JSON text.
    pub(super) fn of_json(json: &Json) -> Self {
        let mut leaves = Self::default();
        leaves.value("", &json.to_value());
        leaves
    }

    /// Takes the leaves of what a run or an agent came to.
    pub(super) fn of_report(report: &Report) -> Self {
        let mut leaves = Self::of_json(&report.output);
        if let Some(summary) = &report.summary {
            leaves.text("summary".to_owned(), summary);
        }
        leaves
    }

    pub(super) fn of_failure(failure: &Failure) -> Self {
        Self::of_data(failure)
    }

    /// Takes the leaves of what an effect asked for. What it calls is given them.
    pub(super) fn of_effect(effect: &Effect) -> Self {
        match effect {
            Effect::ToolCall { arguments, .. } => Self::of_json(arguments),
            Effect::AgentCall { input, feedback, .. } => {
                let mut leaves = Self::of_json(input);
                if let Some(feedback) = feedback {
                    leaves.text("feedback".to_owned(), feedback);
                }
                leaves
            }
            Effect::HttpRequest(request) => {
                let mut leaves = Self::default();
                leaves.text("url".to_owned(), request.url.as_str());
                leaves.message(&request.headers, &request.body);
                leaves
            }
            Effect::AskHuman(question) => {
                let mut leaves = Self::default();
                leaves.text("text".to_owned(), &question.text);
                if let Some(about) = &question.about {
                    leaves.value("", &about.to_value());
                }
                leaves
            }
            Effect::Emit { data, .. } => Self::of_json(data),
            Effect::AwaitEvent { matching, .. } => matching.as_ref().map(Self::of_json).unwrap_or_default(),
            Effect::State(StateOp::Write { value, .. }) => Self::of_json(value),
            Effect::Artifact(op) => {
                let mut leaves = Self::of_data(op);
                if let ArtifactOp::Put { content } = op {
                    leaves.bytes("content", content.bytes().map_or(&[], |bytes| bytes));
                }
                leaves
            }
            // What it was shown before stands where it was shown first.
            Effect::ModelCall { request, .. } => {
                let mut leaves = Self::default();
                for (at, message) in request.messages.new_messages().enumerate() {
                    leaves.said(&format!("message {at}"), message);
                }
                leaves
            }
            Effect::Embed { texts, .. } => Self::of_data(texts),
            Effect::Memory(MemoryOp::Remember { fact, .. }) => Self::of_data(fact),
            Effect::Memory(MemoryOp::Recall { text, .. }) => {
                let mut leaves = Self::default();
                leaves.text("text".to_owned(), text);
                leaves
            }
            Effect::State(StateOp::Read { .. } | StateOp::Keys { .. } | StateOp::History { .. })
            | Effect::Memory(MemoryOp::Forget { .. })
            | Effect::Sleep { .. }
            | Effect::Log { .. }
            | Effect::AwaitCancel
            | Effect::ToolList
            | Effect::AgentList
            | Effect::ModelRead { .. }
            | Effect::ModelList
            | Effect::BudgetLeft
            | Effect::BudgetUsed => Self::default(),
        }
    }

    /// Takes the leaves of what an effect came to.
    pub(super) fn of_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Ok(Value::Json(json)) => Self::of_json(json),
            Ok(Value::Report(report)) => Self::of_report(report),
            Ok(Value::Http(response)) => {
                let mut leaves = Self::default();
                leaves.message(&response.headers, &response.body);
                leaves
            }
            Ok(Value::Answer(answer)) => {
                let mut leaves = Self::of_json(&answer.value);
                leaves.text("by".to_owned(), &answer.by);
                leaves
            }
            Ok(Value::Event(event)) => Self::of_json(&event.data),
            Ok(Value::State(entry)) => entry.as_ref().map(|entry| Self::of_json(&entry.value)).unwrap_or_default(),
            Ok(Value::StateKeys(keys)) => Self::of_data(keys),
            Ok(Value::StateHistory(changes)) => Self::of_data(changes),
            Ok(Value::Artifact(info)) => Self::of_data(info),
            Ok(Value::ArtifactPart(part)) => {
                let mut leaves = Self::of_data(part);
                leaves.bytes("part", &part.bytes);
                leaves
            }
            Ok(Value::Tools(tools)) => Self::of_data(tools),
            Ok(Value::Agents(agents)) => Self::of_data(agents),
            Ok(Value::Remaining(left)) => Self::of_data(left),
            Ok(Value::Usage(used)) => Self::of_data(used),
            Ok(Value::Completion(completion)) => {
                let mut leaves = Self::default();
                leaves.said("answer", &completion.message);
                if let Some(output) = &completion.output {
                    leaves.value("", &output.to_value());
                }
                leaves
            }
            Ok(Value::Delta(delta)) => {
                let mut leaves = Self::default();
                match delta {
                    Some(Delta::Text(text)) => leaves.text("text".to_owned(), text),
                    Some(Delta::Reasoning(text)) => leaves.text("reasoning".to_owned(), text),
                    Some(Delta::ToolCall(call)) => leaves.value("", &call.arguments.to_value()),
                    None => {}
                }
                leaves
            }
            Ok(Value::Models(models)) => Self::of_data(models),
            // Numbers that nobody reads, and very many of them.
            Ok(Value::Embedded(_)) => Self::default(),
            Ok(Value::Memory(value)) => Self::of_memory(value),
            Ok(Value::Unit) => Self::default(),
            Err(failure) => Self::of_failure(failure),
        }
    }

    fn of_memory(value: &MemoryValue) -> Self {
        let MemoryValue::Recalled(facts) = value else { return Self::of_data(value) };
        let mut leaves = Self::default();
        for (at, fact) in facts.iter().enumerate() {
            let Fact { id, from, .. } = fact;
            // Whose step remembered it is a part of it, so what was remembered can be followed into that run.
            leaves.text(format!("{id} of {} frame {} step {}", from.run, from.frame, from.step), &fact.text);
            for (name, words) in [("subject", &fact.subject), ("source", &fact.source)] {
                leaves.text(format!("{name} of {id}"), words.as_deref().unwrap_or_default());
            }
            if let Some(data) = &fact.data {
                leaves.value(&format!("/{at}/data"), &data.to_value());
            }
        }
        leaves
    }

    /// Takes what somebody says to a model, or a model says: words as texts, calls of tools by their parts.
    fn said(&mut self, at: &str, message: &Message) {
        for part in &message.parts {
            match part {
                Part::Text(text) => self.text(at.to_owned(), text),
                Part::Reasoning(reasoning) => self.text(format!("reasoning of {at}"), &reasoning.text),
                Part::ToolCall(call) => self.value(&format!("/{}", call.name), &call.arguments.to_value()),
                Part::ToolResult(result) => match serde_json::from_str(&result.content) {
                    Ok(json) => self.value(&format!("/{}", result.name), &json),
                    Err(_) => self.text(format!("result of {}", result.name), &result.content),
                },
                Part::Image(media) | Part::File(media) => {
                    self.text(format!("artifact in {at}"), &media.artifact.to_string());
                }
            }
        }
    }

    fn of_data(data: &impl Serialize) -> Self {
        let mut leaves = Self::default();
        leaves.value("", &serde_json::to_value(data).unwrap_or_default());
        leaves
    }

    /// Takes the leaves of what is sent and received: a body of JSON by its parts, another one as a text.
    fn message(&mut self, headers: &[(String, Vec<u8>)], body: &[u8]) {
        match serde_json::from_slice(body) {
            Ok(json) => self.value("", &json),
            Err(_) => self.bytes("body", body),
        }
        for (name, value) in headers {
            self.text(format!("header {name}"), &String::from_utf8_lossy(value));
        }
    }

    /// Takes bytes that have a name, as far as they are text.
    fn bytes(&mut self, at: &str, bytes: &[u8]) {
        self.text(at.to_owned(), &String::from_utf8_lossy(bytes));
    }

    /// Takes a text that has a name.
    pub(super) fn text(&mut self, at: String, text: &str) {
        if let Some(scalar) = Scalar::text(text) {
            self.push(at, scalar);
        }
    }

    /// Takes the leaves of a value, depth first. How deep a value is nested is limited by the parser, so this ends.
    pub(super) fn value(&mut self, at: &str, value: &serde_json::Value) {
        match value {
            _ if self.is_cut => {}
            serde_json::Value::Array(items) => {
                for (index, item) in items.iter().enumerate().take(LEAVES_OF_EVENT_MAX) {
                    self.value(&format!("{at}/{index}"), item);
                }
            }
            serde_json::Value::Object(fields) => {
                for (name, field) in fields {
                    self.value(&format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), field);
                }
            }
            value => {
                if let Some(scalar) = Scalar::of(value) {
                    self.push(at.to_owned(), scalar);
                }
            }
        }
    }

    fn push(&mut self, at: String, scalar: Scalar) {
        self.is_cut |= self.found.len() >= LEAVES_OF_EVENT_MAX;
        if !self.is_cut {
            self.found.push(Leaf { at, scalar });
        }
    }
}

/// Cuts a text, and shows that it was cut.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut cut: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        cut.push('…');
    }
    cut
}

/// Tells whether a text is long enough for its parts to count.
pub(super) fn is_long(text: &str) -> bool {
    text.chars().nth(PART_CHARS_MIN - 1).is_some()
}

/// Tells whether a part of a text begins and ends where words do.
fn is_word(text: &str, part: Range<usize>) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let (before, after) = (text.get(..part.start), text.get(part.end..));
    let inside = text.get(part).unwrap_or_default();
    let starts = !(is_letter(before.and_then(|text| text.chars().next_back())) && is_letter(inside.chars().next()));
    starts && !(is_letter(inside.chars().next_back()) && is_letter(after.and_then(|text| text.chars().next())))
}
