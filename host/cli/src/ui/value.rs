// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is passed and given back, cut to what fits on a line.

use std::sync::Arc;

use priory::core::effect::Value;
use priory::core::memory::{MemoryOp, MemoryValue};
use priory::core::model::{Delta, Message, Part, Spent, TokenUsage};
use priory::core::money::Dollars;
use priory::core::state::StateOp;
use priory::core::{Effect, Failure, Json, Outcome};

/// How much of a value is shown, in characters.
const CHARS_MAX: usize = 100;

/// Cuts a text to a part of a line.
pub(crate) fn text(text: &str) -> String {
    let mut chars = text.chars();
    let mut cut: String = chars.by_ref().take(CHARS_MAX).collect();
    if chars.next().is_some() {
        cut.push('…');
    }
    cut
}

/// Shows a JSON value.
pub(crate) fn json(json: &Json) -> String {
    text(json.as_str())
}

/// Shows a failure.
pub(crate) fn failure(failure: &Failure) -> String {
    text(&failure.to_string())
}

/// Shows an effect with what it was given, and in front of it the node of a workflow for which it is.
pub(crate) fn effect(effect: &Effect) -> String {
    match node_of(effect) {
        Some(node) => format!("{}: {}", text(node), asked(effect)),
        None => asked(effect),
    }
}

/// Returns the node of a workflow for which something is called.
pub(crate) fn node_of(effect: &Effect) -> Option<&Arc<str>> {
    match effect {
        Effect::ToolCall { terms, .. } | Effect::AgentCall { terms, .. } | Effect::ModelCall { terms, .. } => {
            terms.as_ref()?.node.as_ref()
        }
        _ => None,
    }
}

fn asked(effect: &Effect) -> String {
    match effect {
        Effect::ToolCall { arguments, .. } => format!("{} {}", effect.summary(), json(arguments)),
        Effect::AgentCall { input, .. } => format!("{} {}", effect.summary(), json(input)),
        Effect::AskHuman(question) => format!("{}: {}", effect.summary(), text(&question.text)),
        Effect::Emit { data, .. } => format!("{} {}", effect.summary(), json(data)),
        Effect::AwaitEvent { matching: Some(matching), .. } => format!("{} with {}", effect.summary(), json(matching)),
        Effect::State(StateOp::Write { value, .. }) => format!("{} {}", effect.summary(), json(value)),
        Effect::Log { message, .. } => format!("{}: {}", effect.summary(), text(message)),
        Effect::ModelCall { request, .. } => match request.messages.new_messages().last() {
            Some(last) => format!("{}: {}", effect.summary(), said(last)),
            None => effect.summary(),
        },
        Effect::Memory(MemoryOp::Remember { fact, .. }) => format!("{}: {}", effect.summary(), text(&fact.text)),
        Effect::Memory(MemoryOp::Recall { text: asked, .. }) => format!("{}: {}", effect.summary(), text(asked)),
        _ => effect.summary(),
    }
}

/// Shows what somebody says to a model, or a model says.
fn said(message: &Message) -> String {
    let show = |part: &Part| match part {
        Part::Text(words) => Some(text(words)),
        Part::ToolCall(call) => Some(format!("{} {}", text(&call.name), json(&call.arguments))),
        Part::ToolResult(result) => Some(format!("{} → {}", text(&result.name), text(&result.content))),
        Part::Image(media) | Part::File(media) => Some(text(&media.mime)),
        Part::Reasoning(_) => None,
    };
    message.parts.iter().filter_map(show).collect::<Vec<_>>().join(" ")
}

/// Shows what was spent on a model.
pub(crate) fn spent(spent: &Spent) -> String {
    let TokenUsage { input, output, .. } = spent.usage;
    format!("spent {input} + {output} tokens of {}, {} dollars", text(&spent.model), Dollars(spent.microusd))
}

/// Shows what an effect came to.
pub(crate) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Ok(Value::Json(value)) => json(value),
        Ok(Value::Report(report)) => json(&report.output),
        Ok(Value::Tools(tools)) => format!("{} tools", tools.len()),
        Ok(Value::Agents(agents)) => format!("{} agents", agents.len()),
        Ok(Value::Http(response)) => format!("status {}, {} bytes", response.status, response.body.len()),
        Ok(Value::Answer(answer)) => format!("{} by {}", json(&answer.value), text(&answer.by)),
        Ok(Value::Event(event)) => format!("{} {}", text(&event.id), json(&event.data)),
        Ok(Value::State(Some(entry))) => format!("{}, revision {}", json(&entry.value), entry.revision),
        Ok(Value::State(None)) => "not written yet".to_owned(),
        Ok(Value::Artifact(info)) => format!("{} bytes", info.byte_len),
        Ok(Value::ArtifactPart(part)) => format!("{} bytes", part.byte_len),
        Ok(Value::StateKeys(keys)) => format!("{} keys", keys.len()),
        Ok(Value::StateHistory(changes)) => format!("{} writes", changes.len()),
        Ok(Value::Remaining(_) | Value::Usage(_)) => "known".to_owned(),
        Ok(Value::Completion(completion)) => said(&completion.message),
        Ok(Value::Delta(Some(Delta::Text(words) | Delta::Reasoning(words)))) => text(words),
        Ok(Value::Delta(Some(Delta::ToolCall(call)))) => format!("{} {}", text(&call.name), json(&call.arguments)),
        Ok(Value::Delta(None)) => "whole".to_owned(),
        Ok(Value::Models(models)) => format!("{} models", models.len()),
        Ok(Value::Embedded(embedded)) => format!("{} vectors", embedded.vectors.len()),
        Ok(Value::Memory(MemoryValue::Remembered(id))) => id.to_string(),
        Ok(Value::Memory(MemoryValue::Recalled(facts))) => format!("{} facts", facts.len()),
        Ok(Value::Memory(MemoryValue::Forgotten(count))) => format!("{count} forgotten"),
        Ok(Value::Unit) => "done".to_owned(),
        Err(why) => format!("{}: {}", why.kind(), failure(why)),
    }
}
