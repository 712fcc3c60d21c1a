// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long what passes the waist is, as it is charged: all that a guest can make long counts.

use priory_core::model::{Delta, Part};
use priory_core::{Effect, Failure, Outcome, ToolInfo, Value};

/// Returns the length of what is asked.
pub(crate) fn of_effect(effect: &Effect) -> u64 {
    match effect {
        Effect::ToolCall { tool, arguments, .. } => arguments.byte_len().saturating_add(tool.len() as u64),
        Effect::AgentCall { agent, input, feedback, .. } => {
            let words = agent.len() + feedback.as_ref().map_or(0, String::len);
            input.byte_len().saturating_add(words as u64)
        }
        Effect::HttpRequest(request) => request.byte_len(),
        Effect::AskHuman(question) => {
            let schema = question.schema.as_ref().map_or(0, |schema| schema.byte_len());
            let about = question.about.as_ref().map_or(0, |about| about.byte_len());
            let words = question.who.iter().chain(question.kind.options()).map(String::len).sum::<usize>();
            schema.saturating_add(about).saturating_add((question.text.len() + words) as u64)
        }
        Effect::State(op) => op.byte_len(),
        Effect::Artifact(op) => op.byte_len(),
        Effect::Log { message, .. } => message.len() as u64,
        Effect::Emit { name, data, key } => {
            let words = name.len() + key.as_ref().map_or(0, String::len);
            data.byte_len().saturating_add(words as u64)
        }
        Effect::AwaitEvent { name, matching, .. } => {
            let matching = matching.as_ref().map_or(0, |matching| matching.byte_len());
            matching.saturating_add(name.len() as u64)
        }
        Effect::ModelCall { request, .. } => request.byte_len(),
        Effect::Embed { model, texts } => texts.iter().chain(model).map(String::len).sum::<usize>() as u64,
        Effect::Memory(op) => op.byte_len(),
        Effect::ToolList
        | Effect::ModelRead { .. }
        | Effect::ModelList
        | Effect::AgentList
        | Effect::Sleep { .. }
        | Effect::AwaitCancel
        | Effect::BudgetLeft
        | Effect::BudgetUsed => 0,
    }
}

/// Returns the length of what an effect came to.
pub(crate) fn of_outcome(outcome: &Outcome) -> u64 {
    match outcome {
        Ok(value) => of_value(value),
        // Every other failure is in the words of the host, which are short.
        Err(Failure::Other(other)) => {
            let data = other.data.as_ref().map_or(0, |data| data.byte_len());
            data.saturating_add(other.message.len() as u64)
        }
        Err(_) => 0,
    }
}

fn of_value(value: &Value) -> u64 {
    match value {
        Value::Json(json) => json.byte_len(),
        Value::Report(report) => {
            report.output.byte_len().saturating_add(report.summary.as_ref().map_or(0, |text| text.len() as u64))
        }
        Value::Http(response) => response.byte_len(),
        Value::Answer(answer) => answer.value.byte_len().saturating_add(answer.by.len() as u64),
        Value::Event(event) => event.data.byte_len().saturating_add((event.id.len() + event.name.len()) as u64),
        Value::Tools(tools) => tools.iter().fold(0, |sum, tool| sum.saturating_add(of_tool(tool))),
        Value::State(entry) => entry.as_ref().map_or(0, |entry| entry.value.byte_len()),
        Value::ArtifactPart(part) => part.byte_len,
        Value::StateKeys(keys) => keys.iter().fold(0, |sum, key| sum.saturating_add(key.key.len() as u64)),
        Value::StateHistory(changes) => {
            changes.iter().fold(0, |sum, change| sum.saturating_add(change.text.len() as u64))
        }
        Value::Completion(completion) => {
            let output = completion.output.as_ref().map_or(0, |output| output.byte_len());
            let problem = completion.problem.as_ref().map_or(0, |problem| problem.len() as u64);
            completion.message.byte_len().saturating_add(output).saturating_add(problem)
        }
        Value::Delta(None) => 0,
        Value::Delta(Some(Delta::Text(text) | Delta::Reasoning(text))) => text.len() as u64,
        Value::Delta(Some(Delta::ToolCall(call))) => Part::ToolCall(call.clone()).byte_len(),
        Value::Embedded(embedded) => {
            embedded.vectors.iter().fold(0, |sum, vector| sum.saturating_add(4 * vector.0.len() as u64))
        }
        Value::Memory(value) => value.byte_len(),
        // Names and words of the operator, and numbers: they do not grow with what a guest does.
        Value::Models(_)
        | Value::Agents(_)
        | Value::Artifact(_)
        | Value::Remaining(_)
        | Value::Usage(_)
        | Value::Unit => 0,
    }
}

/// Returns the length of what a tool says of itself; of a toolset, a guest wrote it.
fn of_tool(tool: &ToolInfo) -> u64 {
    let words = (tool.name.len() + tool.description.len()) as u64;
    let schemas = tool.input_schema.byte_len() + tool.output_schema.as_ref().map_or(0, |schema| schema.byte_len());
    words.saturating_add(schemas)
}
