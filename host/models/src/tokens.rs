// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tokens, counted here: before a request, to set aside what it may take, and after one whose provider does not say what it
//! took. What is counted is rather too much than too little.

use bpe_openai::Tokenizer;
use priory_core::model::{Message, ModelSpec, Part, Prompt, TokenUsage};

use crate::wire::Reported;

/// Tokens of a message besides its parts.
const MESSAGE_TOKENS: u64 = 6;
/// Tokens of a call or a result besides its texts.
const CALL_TOKENS: u64 = 12;
/// Tokens of a tool that is offered, besides its texts.
const TOOL_TOKENS: u64 = 16;
/// Tokens of a request besides its messages and tools.
const REQUEST_TOKENS: u64 = 32;
/// Tokens of what tells a model about the schema of its answer, besides the schema.
const SCHEMA_TOKENS: u64 = 64;
/// How many bytes of sealed reasoning hold a token at least: it is encrypted, and written as base64.
const SEALED_BYTES: u64 = 3;
/// How many bytes of a file that is no text hold a token at least.
const FILE_BYTES: u64 = 2;

/// Counts for one model.
pub(crate) struct Tokens {
    is_older: bool,
    margin_percent: u64,
    image_tokens: u64,
}

// === impl Tokens ===

impl Tokens {
    /// Counts as a model does, as far as that is known. Where it is not, the newest way to count stands in, and the margin
    /// of the configuration makes up for the difference.
    pub(crate) fn of(spec: &ModelSpec) -> Self {
        let id = spec.info.id.rsplit('/').next().unwrap_or_default();
        let is_newer = ["gpt-4o", "gpt-4.", "gpt-4-o"].iter().any(|name| id.starts_with(name));
        let is_older = ["gpt-4", "gpt-3", "text-embedding"].iter().any(|name| id.starts_with(name)) && !is_newer;
        Self { is_older, margin_percent: spec.token_margin_percent, image_tokens: spec.image_tokens }
    }

    /// Counts a text. It has never more tokens than bytes.
    pub(crate) fn text(&self, text: &str) -> u64 {
        let tokenizer: &Tokenizer =
            if self.is_older { bpe_openai::cl100k_base() } else { bpe_openai::o200k_base() };
        let counted = tokenizer.count(text) as u64;
        let with_margin = counted.saturating_mul(self.margin_percent.saturating_add(100)).div_ceil(100);
        with_margin.min(text.len() as u64)
    }

    /// Counts a prompt.
    pub(crate) fn prompt(&self, prompt: &Prompt) -> u64 {
        let messages = prompt.messages.iter().map(|message| self.message(message, prompt));
        let tools = prompt.tools.iter().map(|tool| {
            let texts = [tool.name.as_str(), tool.description.as_str(), tool.input_schema.as_str()];
            texts.into_iter().map(|text| self.text(text)).fold(TOOL_TOKENS, u64::saturating_add)
        });
        let schema = prompt.sampling.output.as_ref();
        let schema = schema.map_or(0, |schema| self.text(schema.as_str()).saturating_add(SCHEMA_TOKENS));
        messages.chain(tools).fold(REQUEST_TOKENS.saturating_add(schema), u64::saturating_add)
    }

    /// Counts texts that become vectors.
    pub(crate) fn texts(&self, texts: &[String]) -> u64 {
        texts.iter().map(|text| self.text(text).saturating_add(MESSAGE_TOKENS)).fold(0, u64::saturating_add)
    }

    /// Counts what a model wrote.
    pub(crate) fn parts(&self, parts: &[Part]) -> u64 {
        parts.iter().map(|part| self.part(part, None)).fold(0, u64::saturating_add)
    }

    /// Returns what an answer took: what is reported, and counted where nothing is, or nothing that can be.
    pub(crate) fn settled(&self, reported: Reported, prompt: &Prompt, parts: &[Part]) -> TokenUsage {
        let input = reported.input.filter(|input| *input > 0);
        let output = reported.output.filter(|output| *output > 0 || parts.is_empty());
        if input.is_none() || output.is_none() {
            tracing::debug!(model = &*prompt.model, "a provider does not say what an answer took: it is counted");
        }
        let input = input.unwrap_or_else(|| self.prompt(prompt));
        let output = output.unwrap_or_else(|| self.parts(parts));
        Reported { input: Some(input), output: Some(output), ..reported }.or_nothing()
    }

    fn message(&self, message: &Message, prompt: &Prompt) -> u64 {
        message.parts.iter().map(|part| self.part(part, Some(prompt))).fold(MESSAGE_TOKENS, u64::saturating_add)
    }

    fn part(&self, part: &Part, prompt: Option<&Prompt>) -> u64 {
        let sealed = |opaque: &Option<String>| opaque.as_ref().map_or(0, |text| text.len() as u64 / SEALED_BYTES);
        match part {
            Part::Text(text) => self.text(text),
            Part::Image(_) => self.image_tokens,
            Part::File(media) => {
                let bytes = prompt.and_then(|prompt| prompt.media.get(&media.artifact));
                bytes.map_or(0, |bytes| self.file(bytes)).saturating_add(CALL_TOKENS)
            }
            Part::Reasoning(reasoning) => self.text(&reasoning.text).saturating_add(sealed(&reasoning.opaque)),
            Part::ToolCall(call) => [call.id.as_str(), call.name.as_str(), call.arguments.as_str()]
                .into_iter()
                .map(|text| self.text(text))
                .fold(CALL_TOKENS.saturating_add(sealed(&call.opaque)), u64::saturating_add),
            Part::ToolResult(result) => {
                let texts = self.text(&result.id).saturating_add(self.text(&result.content));
                texts.saturating_add(CALL_TOKENS)
            }
        }
    }

    fn file(&self, bytes: &[u8]) -> u64 {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text),
            Err(_) => (bytes.len() as u64 / FILE_BYTES).saturating_add(self.image_tokens),
        }
    }
}
