// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a program asks of a model.

use serde::{Deserialize, Serialize};

use super::transcript::Transcript;
use crate::json::Json;

/// A request for a completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ModelRequest {
    /// The model, by its name in the manifest; `None` is the one that is configured for the program, or for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The conversation so far.
    pub messages: Transcript,
    /// What the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Offer>,
    /// How it is to answer.
    #[serde(default, skip_serializing_if = "Sampling::is_default")]
    pub sampling: Sampling,
    /// What the request is for, such as `compaction`: for whoever reads the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// How a model is to answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sampling {
    /// Whether it may, must or must not call tools.
    #[serde(default, skip_serializing_if = "Choice::is_auto")]
    pub choice: Choice,
    /// The JSON Schema that the answer has to fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    /// How many tokens the answer may have, reasoning included; `None` is what is configured, or what is left to spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_max: Option<u64>,
    /// The temperature in thousandths, 0 to 2,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_milli: Option<u32>,
    /// The seed, where the provider has any use for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Texts at which the answer ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// How much it is to think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
}

/// Something that a model may call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    /// A tool of the router, by its name. It is offered where it is granted; else it does not exist.
    Tool(String),
    /// Something that the program itself performs.
    Custom(ToolDefinition),
}

/// What a model is told of something that it may call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its arguments: an object.
    pub input_schema: Json,
}

/// Whether a model calls tools.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// As it likes.
    #[default]
    Auto,
    /// No.
    None,
    /// At least one.
    Any,
    /// This one.
    Only(String),
}

/// How much a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    /// Not at all, where it can do without.
    None,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

// === impl Offer ===

impl Offer {
    /// Returns the name under which it is offered.
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) => name,
            Self::Custom(definition) => &definition.name,
        }
    }
}

// === impl Sampling ===

impl Sampling {
    /// Tells whether the model answers as it always does.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Choice ===

impl Choice {
    /// Tells whether the model does as it likes.
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

// === impl ModelRequest ===

impl ModelRequest {
    /// Makes a request of messages.
    pub fn new(messages: impl Into<Transcript>) -> Self {
        Self { model: None, messages: messages.into(), tools: Vec::new(), sampling: Sampling::default(), purpose: None }
    }

    /// Returns how long its texts are, in bytes; what it shares with earlier requests is not counted again.
    pub fn byte_len(&self) -> u64 {
        let offers = self.tools.iter().fold(0_u64, |sum, offer| {
            sum.saturating_add(match offer {
                Offer::Tool(name) => name.len() as u64,
                Offer::Custom(definition) => {
                    let words = (definition.name.len() + definition.description.len()) as u64;
                    words.saturating_add(definition.input_schema.byte_len())
                }
            })
        });
        let output = self.sampling.output.as_ref().map_or(0, |schema| schema.byte_len());
        let stop = self.sampling.stop.iter().map(String::len).sum::<usize>() as u64;
        let words = self.model.iter().chain(&self.purpose).map(String::len).sum::<usize>() as u64;
        [offers, output, stop, words].into_iter().fold(self.messages.byte_len(), u64::saturating_add)
    }
}
