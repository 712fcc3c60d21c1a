// SPDX-License-Identifier: MIT OR Apache-2.0
//! A request on its way to a provider, with all that it stands on.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::completion::TokenUsage;
use super::message::Message;
use super::request::{Sampling, ToolDefinition};
use crate::id::{Digest, RunId};

/// What a provider is asked.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The model, by its name in the manifest.
    pub model: Arc<str>,
    /// The whole conversation.
    pub messages: Vec<Arc<Message>>,
    /// The bytes of the pictures and files in it.
    pub media: BTreeMap<Digest, Arc<[u8]>>,
    /// What the model may call, under the names of the router.
    pub tools: Vec<ToolDefinition>,
    /// How it is to answer.
    pub sampling: Sampling,
    /// How many tokens the answer may have, reasoning included. It is what was reserved, and is sent as the limit.
    pub output_tokens_max: u64,
    /// How much attempts that give no answer may take beside the one that does, of what was set aside. Whoever set it aside
    /// asks again where more is needed. The second copy of a hedged attempt is part of it, and set aside with it.
    pub spare: TokenUsage,
    /// Whether somebody wants to hear the answer while it is written.
    pub streams: bool,
    /// By which the provider may know a repetition.
    pub key: String,
    /// The run that asks.
    pub run: RunId,
    /// How long it may take altogether, in milliseconds.
    pub time_ms: u64,
}

/// Identifies what was asked, whoever answers: by the conversation, the names of the tools and the sampling.
pub type PromptDigest = Digest;

impl Prompt {
    /// Returns the digest of what is asked.
    pub fn digest(&self) -> PromptDigest {
        let names: Vec<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
        Self::digest_of(&self.messages, &names, &self.sampling)
    }

    /// Returns the digest of what was asked, from its parts: the same for what is read from a recorded run.
    pub fn digest_of(messages: &[Arc<Message>], tools: &[&str], sampling: &Sampling) -> PromptDigest {
        #[derive(Serialize)]
        struct Asked<'a>(&'a [Arc<Message>], &'a [&'a str], &'a Sampling);
        // Plain data can always be written.
        Digest::of(&serde_json::to_vec(&Asked(messages, tools, sampling)).unwrap_or_default())
    }
}
