// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is passed and given back, cut to what fits on a line.

use priory::core::effect::Value;
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

/// Shows an effect with what it was given.
pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::ToolCall { arguments, .. } => format!("{} {}", effect.summary(), json(arguments)),
        Effect::AgentCall { input, .. } => format!("{} {}", effect.summary(), json(input)),
        Effect::AskHuman(question) => format!("{}: {}", effect.summary(), text(&question.text)),
        Effect::Log { message, .. } => format!("{}: {}", effect.summary(), text(message)),
        _ => effect.summary(),
    }
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
        Ok(Value::Remaining(_) | Value::Usage(_)) => "known".to_owned(),
        Ok(Value::Unit) => "done".to_owned(),
        Err(why) => format!("{}: {}", why.kind(), failure(why)),
    }
}
