// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was asked, and how an outcome came, in a line for people.

use priory_core::effect::Value;
use priory_core::memory::MemoryOp;
use priory_core::state::StateOp;
use priory_core::{Effect, Outcome};

use super::How;
use super::texts::cut;

/// How much of what was asked is shown, in characters.
const ASKED_CHARS_MAX: usize = 200;

/// Says how something came to a frame that got it as an outcome.
pub(super) fn how(outcome: &Outcome) -> How {
    match outcome {
        Ok(Value::Json(_) | Value::Report(_) | Value::Unit) => How::Returned,
        Ok(Value::Http(_)) => How::Received,
        Ok(Value::Answer(_)) => How::Answered,
        Ok(Value::Event(_)) => How::Published,
        Ok(Value::State(_) | Value::StateHistory(_)) => How::Kept,
        Ok(Value::Artifact(_) | Value::ArtifactPart(_)) => How::Kept,
        Ok(Value::Completion(_) | Value::Delta(_)) => How::Said,
        Ok(Value::Memory(_)) => How::Remembered,
        Ok(Value::Embedded(_)) => How::Returned,
        Ok(Value::Tools(_) | Value::Agents(_) | Value::Models(_) | Value::StateKeys(_)) => How::Listed,
        Ok(Value::Remaining(_) | Value::Usage(_)) => How::Measured,
        Err(_) => How::Failed,
    }
}

/// Says in one line what was asked.
pub(super) fn asked(effect: &Effect) -> String {
    let text = match effect {
        Effect::ToolCall { arguments, .. } => format!("{} {arguments}", effect.summary()),
        Effect::AgentCall { input, .. } => format!("{} {input}", effect.summary()),
        Effect::AskHuman(question) => format!("{}: {}", effect.summary(), question.text),
        Effect::Emit { data, .. } => format!("{} {data}", effect.summary()),
        Effect::State(StateOp::Write { value, .. }) => format!("{} {value}", effect.summary()),
        Effect::ModelCall { request, .. } => match request.messages.new_messages().last() {
            Some(last) => format!("{}: {}", effect.summary(), last.words()),
            None => effect.summary(),
        },
        Effect::Memory(MemoryOp::Remember { fact, .. }) => format!("{}: {}", effect.summary(), fact.text),
        Effect::Memory(MemoryOp::Recall { text, .. }) => format!("{}: {text}", effect.summary()),
        Effect::State(StateOp::Read { .. } | StateOp::Keys { .. } | StateOp::History { .. })
        | Effect::Memory(MemoryOp::Forget { .. })
        | Effect::Embed { .. }
        | Effect::ModelRead { .. }
        | Effect::ModelList
        | Effect::Artifact(_)
        | Effect::HttpRequest(_)
        | Effect::Sleep { .. }
        | Effect::Log { .. }
        | Effect::AwaitCancel
        | Effect::AwaitEvent { .. }
        | Effect::ToolList
        | Effect::AgentList
        | Effect::BudgetLeft
        | Effect::BudgetUsed => effect.summary(),
    };
    cut(&text, ASKED_CHARS_MAX)
}
