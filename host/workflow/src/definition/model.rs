// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a node asks a model, without an agent between them.

use priory_core::model::Effort;
use serde::{Deserialize, Serialize};

use crate::expression::Template;

/// How hot a model may be asked to be, in thousandths.
pub const TEMPERATURE_MILLI_MAX: u32 = 2_000;

/// What a model is asked. It calls no tools: who needs those is an agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AskedModel {
    /// Which; without it, the one that is asked where nobody names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is told about its task, before all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Template>,
    /// What it is asked; without it, what the node is given: a text as it is, and anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Template>,
    /// The temperature in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_milli: Option<u32>,
    /// How many tokens its answer may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_max: Option<u64>,
    /// How much it is to think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
}
