// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a model answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{CalledTool, Message};
use crate::failure::Failure;
use crate::json::Json;

/// Tokens that one request took. Cached and reasoning tokens are parts of the others, not beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TokenUsage {
    /// Read by the model.
    pub input: u64,
    /// Written by the model, reasoning included.
    pub output: u64,
    /// Of the input: read from the provider's cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached: u64,
    /// Of the input: written to the provider's cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_written: u64,
    /// Of the output: spent on reasoning.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// It had said what it wanted to say.
    End,
    /// It wants tools to be called.
    ToolCalls,
    /// The answer came to its length.
    Length,
    /// It came to one of the stop sequences.
    StopSequence,
    /// It, or its provider, refuses to answer.
    Refused,
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Completion {
    /// What the model said.
    pub message: Message,
    /// Why it stopped.
    pub stop: StopReason,
    /// The model that answered, by its name in the manifest: the one that was asked, or one that stood in for it.
    pub model: Arc<str>,
    /// What the answer took.
    pub usage: TokenUsage,
    /// What the answer cost, in micro-dollars; 0 where no price is configured.
    pub microusd: u64,
    /// The answer as JSON that fits the schema of the request; `None` where there is none, or where it does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    /// Why the answer does not fit the schema, in words for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Whether it was answered before, and nobody was asked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_cached: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A piece of an answer that is still being written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delta {
    /// More words.
    Text(String),
    /// More reasoning.
    Reasoning(String),
    /// A call of a tool, when it is whole.
    ToolCall(CalledTool),
}

/// What a model answered, before anybody has held it against anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// What it said. Tools have the names under which they were offered.
    pub message: Message,
    /// Why it stopped.
    pub stop: StopReason,
    /// What the answer took, as the provider reports it; counted where it reports nothing.
    pub usage: TokenUsage,
    /// What attempts took that gave no answer, as far as that is known or can be counted.
    pub lost: TokenUsage,
    /// How many attempts there were, this one included.
    pub attempts: u32,
    /// Whether somebody has to be paid: not for what comes from a recorded run.
    pub is_paid: bool,
}

/// Why a model did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// Why.
    pub failure: Failure,
    /// What the attempts took, as far as that is known or can be counted.
    pub lost: TokenUsage,
    /// How many attempts there were.
    pub attempts: u32,
}

/// Texts as vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Embedded {
    /// One for each text, in the same order and all of the same length.
    pub vectors: Vec<Vector>,
    /// The model.
    pub model: Arc<str>,
    /// What they took.
    pub usage: TokenUsage,
    /// What they cost, in micro-dollars.
    pub microusd: u64,
}

/// A vector, written down as base64 of its numbers, little end first.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector(pub Arc<[f32]>);

// === impl TokenUsage ===

impl TokenUsage {
    /// Returns the sum, nothing above the largest number.
    pub fn saturating_add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cached: self.cached.saturating_add(other.cached),
            cache_written: self.cache_written.saturating_add(other.cache_written),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }

    /// Tells whether nothing was taken.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Unanswered ===

impl From<Failure> for Unanswered {
    /// Nothing was attempted.
    fn from(failure: Failure) -> Self {
        Self { failure, lost: TokenUsage::default(), attempts: 0 }
    }
}

// === impl Vector ===

impl Vector {
    /// Returns its numbers as bytes, little end first.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    /// Reads it from bytes; `None` where they are no whole numbers, or one of them is no number.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<4>();
        let numbers: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        (rest.is_empty() && numbers.iter().all(|number| number.is_finite())).then(|| Self(numbers.into()))
    }
}

impl Serialize for Vector {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(String::deserialize(d)?)
            .map_err(serde::de::Error::custom)?;
        Self::from_bytes(&bytes).ok_or_else(|| serde::de::Error::custom("base64 of finite 32-bit numbers is expected"))
    }
}
