// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a conversation is made of.

use serde::{Deserialize, Serialize};

use crate::id::Digest;
use crate::json::Json;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Whoever set the agent up.
    System,
    /// Whoever talks to the model.
    User,
    /// The model.
    Assistant,
    /// The tools that the model called.
    Tool,
}

impl Role {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// Why it is there, such as `pinned` or `summary`: for whoever reads the run. No provider sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Words.
    Text(String),
    /// A picture.
    Image(Media),
    /// A file.
    File(Media),
    /// What the model thought on the way to its answer. It is no part of the answer.
    Reasoning(Reasoning),
    /// The model wants a tool to be called.
    ToolCall(CalledTool),
    /// What a tool gave back.
    ToolResult(ToolResult),
}

/// Bytes that lie in an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Media {
    /// What they are, such as `image/png`.
    pub mime: String,
    /// Where they are.
    pub artifact: Digest,
    /// How a file is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What a model thought.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reasoning {
    /// In words; empty where the provider keeps them to itself.
    pub text: String,
    /// What the provider wants to see again unchanged, such as a signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opaque: Option<String>,
}

/// A call of a tool that a model wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CalledTool {
    /// Which call it is, unique within its conversation.
    pub id: String,
    /// The tool, as it was offered; what the model wrote where there is no such tool.
    pub name: String,
    /// An object; where it is none, the text that the model wrote.
    pub arguments: Json,
    /// What is wrong with the call, in words for the model. Such a call is answered, not performed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What the provider wants to see again unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opaque: Option<String>,
}

/// What a tool gave back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ToolResult {
    /// Which call it answers.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it gave back: JSON or words.
    pub content: String,
    /// Whether it says why there is no result.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_error: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

// === impl Message ===

impl Message {
    /// Makes a message of words.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())], label: None }
    }

    /// Returns its words, without reasoning, joined.
    pub fn words(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("")
    }

    /// Returns the calls of tools in it.
    pub fn calls(&self) -> impl Iterator<Item = &CalledTool> {
        self.parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call),
            _ => None,
        })
    }

    /// Returns the pictures and files in it.
    pub fn media(&self) -> impl Iterator<Item = &Media> {
        self.parts.iter().filter_map(|part| match part {
            Part::Image(media) | Part::File(media) => Some(media),
            _ => None,
        })
    }

    /// Returns how long its texts are, in bytes.
    pub fn byte_len(&self) -> u64 {
        let label = self.label.as_ref().map_or(0, String::len) as u64;
        self.parts.iter().fold(label, |sum, part| sum.saturating_add(part.byte_len()))
    }
}

// === impl Part ===

impl Part {
    /// Returns how long its texts are, in bytes.
    pub fn byte_len(&self) -> u64 {
        let words = |texts: &[&str]| texts.iter().fold(0_u64, |sum, text| sum.saturating_add(text.len() as u64));
        let opaque = |opaque: &Option<String>| opaque.as_ref().map_or(0, |text| text.len() as u64);
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Image(media) | Self::File(media) => {
                words(&[&media.mime, media.name.as_deref().unwrap_or_default()]).saturating_add(64)
            }
            Self::Reasoning(reasoning) => words(&[&reasoning.text]).saturating_add(opaque(&reasoning.opaque)),
            Self::ToolCall(call) => words(&[&call.id, &call.name, call.problem.as_deref().unwrap_or_default()])
                .saturating_add(call.arguments.byte_len())
                .saturating_add(opaque(&call.opaque)),
            Self::ToolResult(result) => words(&[&result.id, &result.name, &result.content]),
        }
    }
}
