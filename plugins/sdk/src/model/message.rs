// SPDX-License-Identifier: MIT OR Apache-2.0
//! What messages are made of, and what is found in them.

use serde_json::Value;

use super::{Completion, Message, Part, Role, ToolCall, ToolResult};

impl Message {
    /// Makes a message of words.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())], label: None }
    }

    /// Makes a message of whoever set the agent up.
    pub fn system(text: impl Into<String>) -> Self {
        Self::text(Role::System, text)
    }

    /// Makes a message of whoever talks to the model.
    pub fn user(text: impl Into<String>) -> Self {
        Self::text(Role::User, text)
    }

    /// Makes a message of the model.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::text(Role::Assistant, text)
    }

    /// Makes a message of what tools gave back.
    pub fn results(results: impl IntoIterator<Item = ToolResult>) -> Self {
        Self { role: Role::Tool, parts: results.into_iter().map(Part::ToolResult).collect(), label: None }
    }

    /// Says why it is there, for whoever reads the run.
    pub fn labelled(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds a part.
    pub fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Returns its words, without reasoning, joined.
    pub fn words(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Returns the calls of tools in it.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }
}

impl Completion {
    /// Returns the words of the answer, without reasoning.
    pub fn words(&self) -> String {
        self.message.words()
    }

    /// Returns the calls of tools that the model wants.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.message.calls()
    }
}

impl ToolCall {
    /// Reads the arguments; null where they are no JSON.
    pub fn arguments(&self) -> Value {
        serde_json::from_str(&self.arguments).unwrap_or_default()
    }

    /// Makes the result that answers it.
    pub fn answered(&self, content: impl Into<String>) -> ToolResult {
        ToolResult { id: self.id.clone(), name: self.name.clone(), content: content.into(), is_error: false }
    }

    /// Makes the result that says why there is none.
    pub fn refused(&self, reason: impl Into<String>) -> ToolResult {
        ToolResult { is_error: true, ..self.answered(reason) }
    }
}
